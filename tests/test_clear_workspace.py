"""`util clear-workspace`: what is there moves to the trash, after a yes, and nothing is deleted."""

import os
from pathlib import Path

import pytest
from support.wrong_uses import everything_in

import main
from tools import clear
from tools.options import ClearWorkspaceOptions
from utils import console
from utils.errors import InputError, Interrupted, NothingToDo, UsageError
from utils.lock import locked


@pytest.fixture
def home(tmp_path):
    """A workspace with a clip, faces, a hidden file and a link to elsewhere."""
    folder = tmp_path / "my workspace"
    (folder / "data_src" / "aligned").mkdir(parents=True)
    (folder / "data_src.mp4").write_bytes(b"a clip")
    (folder / "data_src" / "aligned" / "00001_0.png").write_bytes(b"a face")
    (folder / ".notes").write_text("mine")
    (tmp_path / "elsewhere").write_text("not here")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    return folder


def contents(folder):
    return {
        name.relative_to(folder): name.read_bytes() for name in folder.rglob("*") if name.is_file()
    }


def test_everything_moves_to_the_trash(home, tmp_path):
    before = contents(home)
    report = clear.run(ClearWorkspaceOptions(workspace=home, yes=True))
    assert list(home.iterdir()) == []
    assert report.counts == {"items": 4}
    [trash] = report.made
    assert trash.parent == tmp_path / "my workspace_trash"
    assert contents(trash) == before
    assert (tmp_path / "elsewhere").read_text() == "not here"


def test_a_second_time_in_the_same_second_has_its_own_folder(home, monkeypatch):
    monkeypatch.setattr(clear.time, "strftime", lambda _: "2026-11-30_12-00-00")
    first = clear.run(ClearWorkspaceOptions(workspace=home, yes=True)).made
    (home / "data_dst.mp4").write_bytes(b"another")
    second = clear.run(ClearWorkspaceOptions(workspace=home, yes=True)).made
    assert [path.name for path in first + second] == [
        "2026-11-30_12-00-00",
        "2026-11-30_12-00-00_1",
    ]
    assert contents(second[0]) == {Path("data_dst.mp4"): b"another"}
    with pytest.raises(NothingToDo, match="is empty already"):
        clear.run(ClearWorkspaceOptions(workspace=home, yes=True))


@pytest.mark.parametrize(("answer", "moves"), [("", False), ("no", False), ("yes", True)])
def test_it_asks_at_a_terminal_and_enter_means_no(home, monkeypatch, capsys, answer, moves):
    before = everything_in(home)
    monkeypatch.setattr(console, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    if moves:
        clear.run(ClearWorkspaceOptions(workspace=home))
        assert not list(home.iterdir())
    else:
        with pytest.raises(Interrupted, match="Nothing was moved"):
            clear.run(ClearWorkspaceOptions(workspace=home))
        assert everything_in(home) == before
    assert ".notes, data_src, data_src.mp4, link" in capsys.readouterr().out


def test_without_a_terminal_it_needs_a_yes(home):
    before = everything_in(home)
    with pytest.raises(UsageError, match="--yes clears"):
        clear.run(ClearWorkspaceOptions(workspace=home))
    assert main.main(["util", "clear-workspace", "--workspace", str(home)]) == 2
    assert everything_in(home) == before


def test_what_is_in_use_stays(home):
    lock = home / "model" / ".train.lock"
    lock.parent.mkdir()
    with locked(lock, InputError("taken")), pytest.raises(InputError, match="a command works in"):
        clear.run(ClearWorkspaceOptions(workspace=home, yes=True))
    assert (home / "data_src.mp4").is_file()
    lock.touch()  # one that a kill left
    assert clear.run(ClearWorkspaceOptions(workspace=home, yes=True)).made


def test_a_file_that_cannot_be_moved_is_named(home, monkeypatch):
    """As one that Windows does not move while a player shows it."""
    rename = os.rename

    def refuse(path, target):
        if Path(path).name == "data_src.mp4":
            raise PermissionError(13, "in use")
        rename(path, target)

    monkeypatch.setattr(os, "rename", refuse)
    with pytest.raises(InputError, match="close the program that uses it") as raised:
        clear.run(ClearWorkspaceOptions(workspace=home, yes=True))
    assert "data_src.mp4" in str(raised.value)
    [moved] = (home.parent / "my workspace_trash").iterdir()
    assert {path.name for path in moved.iterdir()} == {".notes", "data_src"}
    assert (home / "data_src.mp4").read_bytes() == b"a clip"

"""Files on disk: order, atomic writing, trash, manifests."""

import errno
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from utils import files, records
from utils.errors import InputError


def test_natural_order():
    names = ["frame10.png", "frame9.png", "Frame1.png", "frame09b.png"]
    assert sorted(names, key=files.natural_key)[0] == "Frame1.png"
    assert sorted(names, key=files.natural_key)[-1] == "frame10.png"


@given(st.lists(st.text(max_size=8)))
@example(["a²", "a2", "٣"])  # a digit that is no number, and one of another script
def test_natural_order_can_compare_any_names(names):
    assert len(sorted(names, key=files.natural_key)) == len(names)


def test_list_images_takes_images_only(tmp_path):
    for name in ["2.png", "10.PNG", "1.jpeg", "notes.txt", ".hidden.png"]:
        (tmp_path / name).touch()
    assert [path.name for path in files.list_images(tmp_path)] == ["1.jpeg", "2.png", "10.PNG"]


@pytest.mark.parametrize("kind", ["missing", "empty", "file"])
def test_list_images_says_what_is_wrong(tmp_path, kind):
    folder = tmp_path / "漢字 folder"
    if kind == "empty":
        folder.mkdir()
    elif kind == "file":
        folder.write_text("x")
    with pytest.raises(InputError, match="漢字 folder"):
        files.list_images(folder)


def test_write_atomic_replaces_only_on_success(tmp_path):
    path = tmp_path / "a b.txt"
    files.write_bytes(path, b"old")

    def fail_half_way():
        with files.write_atomic(path) as temporary:
            temporary.write_bytes(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path):
    kept = [".hidden", ".a.b.png", "a.deadbeef.png", ".extract.jsonl", "b.png"]
    for name in kept:
        (tmp_path / name).touch()
    with files.write_atomic(tmp_path / "c d.tar.png") as temporary:
        left = temporary.name
    (tmp_path / "c d.tar.png").rename(tmp_path / left)  # as if it had been killed before the end
    files.remove_leftovers(tmp_path)
    files.remove_leftovers(tmp_path / "missing")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(kept)


def test_write_atomic_on_a_full_disk_keeps_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"old")

    def full(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_writer_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    files.write_bytes(path, b"0" * 1000)
    code = (
        "import sys; from pathlib import Path; from utils import files\n"
        "n = 0\nwhile True:\n n += 1\n"
        " files.write_bytes(Path(sys.argv[1]), str(n % 10).encode() * 100_000)"
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", code, str(path)], cwd=Path(__file__).parent.parent
    )
    time.sleep(1)
    writer.kill()
    writer.wait()
    data = path.read_bytes()
    assert len(set(data)) == 1
    assert len(data) in (1000, 100000)


@pytest.mark.skipif(os.name == "nt", reason="permissions are POSIX")
def test_new_files_have_ordinary_permissions(tmp_path):
    (tmp_path / "plain").touch()
    files.write_bytes(tmp_path / "ours", b"")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_threads_do_not_disturb_one_another_s_permissions(tmp_path):
    paths = [tmp_path / f"{number}" for number in range(200)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda path: files.write_bytes(path, b"x"), paths))
    (tmp_path / "plain").touch()
    assert {path.stat().st_mode for path in paths} == {(tmp_path / "plain").stat().st_mode}


def test_trash_keeps_every_file(tmp_path):
    folder = tmp_path / "faces"
    folder.mkdir()
    for content in ("first", "second"):
        (folder / "a.png").write_text(content)
        files.move_to_trash(folder / "a.png")
    trash = files.trash_dir(folder)
    assert {path.read_text() for path in trash.iterdir()} == {"first", "second"}


def test_manifest_remembers_and_survives_a_half_line(tmp_path):
    path = tmp_path / "m.jsonl"
    with files.Manifest(path, {"size": 256}) as manifest:
        manifest.add("a.png", faces=2)
        manifest.add("漢.png", faces=0)
    path.write_bytes(path.read_bytes() + b'{"item": "c.p')
    again = files.Manifest(path, {"size": 256})
    assert again.continues
    assert "a.png" in again
    assert again.done["漢.png"]["faces"] == 0
    assert "c.png" not in again
    with again:
        again.add("c.png", faces=1)
    assert set(files.Manifest(path, {"size": 256}).done) == {"a.png", "漢.png", "c.png"}


def test_manifest_of_another_run_is_not_continued(tmp_path):
    path = tmp_path / "m.jsonl"
    with files.Manifest(path, {"size": 256}) as manifest:
        manifest.add("a.png")
    assert not files.Manifest(path, {"size": 128}).continues


@pytest.mark.parametrize("version", ["", '"version": 1, ', '"version": 2, '])
def test_a_record_of_a_known_version_is_read(tmp_path, version):
    path = tmp_path / "ü.json"
    path.write_text(f'{{{version}"name": "漢字"}}', encoding="utf-8")
    assert records.read_record(path, "list of names", 2)["name"] == "漢字"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no list of names"),
        (b"", "damaged"),
        (b'{"a": 1', "damaged"),
        (b"[]", "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"version": true}', "damaged"),
        (b'{"version": "1"}', "damaged"),
        (b'{"version": 0}', "damaged"),
        (b'{"version": 3}', "newer version of this program; update it"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_with_a_way_out(tmp_path, content, words):
    path = tmp_path / "ü.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=words) as refusal:
        records.read_record(path, "list of names", 2)
    message = str(refusal.value)
    assert str(path) in message
    assert "list of names" in message
    assert message.split("; ")[1].startswith(("restore", "update", "check"))


def test_a_record_in_place_of_a_folder_or_far_too_large_is_refused(tmp_path, monkeypatch):
    with pytest.raises(InputError, match="cannot read the session"):
        records.read_record(tmp_path, "session", 1)
    monkeypatch.setattr(records, "LARGEST_RECORD", 10)
    (tmp_path / "x.json").write_text('{"name": "long"}')
    with pytest.raises(InputError, match="too large"):
        records.read_record(tmp_path / "x.json", "session", 1)


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_an_existing_path_is_replaced_only_with_permission(tmp_path, kind):
    path = tmp_path / "ü.mp4"
    files.require_new(path, overwrite=False)
    path.mkdir() if kind == "folder" else path.touch()
    files.require_new(path, overwrite=True)
    with pytest.raises(InputError, match=r'ü\.mp4" exists already; use --overwrite'):
        files.require_new(path, overwrite=False)

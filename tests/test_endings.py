"""The last lines of every command: a path that is there, and a next command that can be typed."""

import os
import re
import shlex
import shutil
import webbrowser
from urllib.parse import unquote, urlparse

import pytest
from support.wrong_uses import make_model, make_workspace

import main
from sorter import html_page
from utils import command_line, console, display, ending, options, program, workspace
from utils.console import Report
from utils.errors import InputError, Interrupted
from utils.stages import STAGES

STUBBED = {"extract", "train", "convert", "evaluate", "run", "util export", "weights"}
"""Stages that would load networks or take long: they only report here, as they do at their end."""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("made"))


@pytest.fixture
def home(made, tmp_path, monkeypatch):
    folder = shutil.copytree(made, tmp_path / "my clips")
    monkeypatch.chdir(folder)
    return workspace.Workspace(folder)


def stub(monkeypatch, outcome, stages=STUBBED):
    """Let stages that take long return a report, or raise what stops them."""
    load = main._load

    def run(_):
        if callable(outcome):
            outcome()
            raise KeyboardInterrupt
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    entries = {STAGES[name].run for name in stages}
    monkeypatch.setattr(main, "_load", lambda target: run if target in entries else load(target))


def words_of(line):
    """The words after the program's name of a command that was printed."""
    start = f"  {program.command('')}"
    assert line.startswith(start)
    return shlex.split(line.removeprefix(start))


def typed(argv):
    """The options that a command line comes to; an error if it would be refused."""
    name = main.find_stage(argv)
    rest = argv[len(name.split()) :]
    cls = main._load(STAGES[name].options)
    cls = cls if isinstance(cls, type) else cls(rest)
    given = workspace.fill(cls, command_line.parse(name, "", cls, rest, {}))
    return options.resolve(cls, given, cls.saved(given))


def paths_in(line):
    return re.findall(r'"([^"]+)"', line)


ENDS = {
    "extract src": "data_src/aligned",
    "extract dst --debug": "data_dst/aligned",
    "sort src --by hist": "data_src/aligned",
    "sort src --by blur --dry-run": None,
    "sort src --by blur --dry-run --page faces.html": "faces.html",
    "train --target-minutes 30": "model",
    "convert --overwrite": "result.mp4",
    "verify result.mp4": None,
    "evaluate --output evaluation.json": "evaluation.json",
    "util recover-names dst": "data_dst/aligned",
    "util save-metadata src --metadata kept.jsonl": "kept.jsonl",
    "util pack src": "data_src/aligned.zip",
    "mask remove src": "data_src/aligned",
    "util export-masks src --output-dir masks": "masks",
    "util debug-pictures dst --output-dir drawn": "drawn",
    "util export --output m.onnx": "m.onnx",
    "video extract --input-file data_src.mp4 --output-dir images": "images",
    "video make --input-dir frames --output-file made.mp4": "made.mp4",
    "video cut --input-file data_src.mp4 --output-file cut.mp4 --to 1": "cut.mp4",
    "video denoise --input-dir data_src.mp4 --output-dir clean.mkv": "clean.mkv",
    "weights": None,
}


@pytest.mark.parametrize("words", ENDS)
def test_a_command_ends_with_a_path_and_the_next_command(words, home, monkeypatch, capsys):
    stub(monkeypatch, Report({"frames": 3}))
    for name in ("evaluation.json", "m.onnx"):  # as the stages that are not run would leave
        (home.folder / name).touch()
    assert main.main(words.split()) in (0, 40)
    last = capsys.readouterr().out.splitlines()
    done = next(n for n, line in enumerate(last) if line.startswith("Done"))
    found = paths_in(last[done])
    assert found[0].endswith(ENDS[words]) if ENDS[words] else not found or words == "weights"
    assert all(home.folder.joinpath(path).exists() for path in found)
    if words.startswith("video make"):  # nothing of the workspace is named
        assert done == len(last) - 1
    else:
        purpose, command = last[done + 1 :]
        assert purpose.startswith("Next: ")
        typed(words_of(command))


def test_every_stage_that_makes_something_is_among_them():
    tried = {main.find_stage(words.split()) for words in ENDS}
    makers = {name for name, stage in STAGES.items() if stage.makes}
    assert makers - tried <= {
        "util import-dfl",
        "util refit",  # needs the footage of the faces
        "util import-dfl-model",  # needs a model of another program
        "util restore-metadata",
        "util edit-faces",
        "util draw-masks",
        "util import-masks",
        "mask apply",  # needs a mask model
    }


def test_the_next_command_is_that_of_the_workspace(home, monkeypatch, capsys):
    stub(monkeypatch, Report())
    assert main.main(["train"]) == 0
    step = home.next_step()
    assert capsys.readouterr().out.endswith(f"Next: {step.purpose}\n  {home.typed(step.words)}\n")


@pytest.mark.parametrize(
    ("words", "then"),
    [
        ("extract --input-dir frames --output-dir out", "sort --input-dir {0}/out --by hist"),
        (
            "evaluate --dst frames --result frames --src-aligned half --dst-aligned half "
            "--model-dir m --output e.json",
            "train --training-data-src-dir {0}/half --training-data-dst-dir {0}/half "
            "--model-dir {0}/m",
        ),
        ("evaluate --dst frames --result frames --src-aligned half --output e.json", None),
    ],
)
def test_outside_of_a_workspace_known_paths_are_named(words, then, home, monkeypatch, capsys):
    stub(monkeypatch, Report())
    monkeypatch.setattr(main, "_check", lambda *_: None)
    made = home.folder / ("e.json" if "e.json" in words else "out")
    made.touch()
    assert main.main(words.split()) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    if then is None:
        assert paths_in(last) == [str(made)]
    else:
        assert words_of(last) == [word.format(home.folder) for word in then.split()]


def test_what_was_left_for_another_time_is_next(home, monkeypatch, capsys):
    stub(monkeypatch, Report(unfinished=True))
    assert main.main(["extract", "dst", "--debug", "--overwrite", "--no-ask"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert words_of(said[-1]) == ["extract", "dst", "--debug", "--no-ask"]


def test_where_something_failed_no_step_is_guessed(home, monkeypatch, capsys):
    stub(monkeypatch, Report(failures=["no face was found"]))
    (home.folder / "out").mkdir()
    assert main.main(["extract", "--input-dir", "frames", "--output-dir", "out", "--no-ask"]) == 1
    assert capsys.readouterr().out.splitlines()[-1].startswith("Done, but not everything worked")


def test_a_result_elsewhere_is_measured_there(home, monkeypatch, capsys):
    stub(monkeypatch, Report())
    monkeypatch.setattr(main, "_check", lambda *_: None)
    assert main.main(["convert", "--output-dir", "frames"]) == 0
    words = words_of(capsys.readouterr().out.splitlines()[-1])
    assert words == ["evaluate", "--result", str(home.folder / "frames")]
    assert typed(words).src_aligned == home.faces("src")


def test_what_wrote_nothing_in_the_workspace_is_not_next_again(home, monkeypatch, capsys):
    stub(monkeypatch, Report())
    os.utime(home.result)
    assert home.next_step().words == "evaluate"
    flags = "--dst data_dst.mp4 --result result.mp4 --src-aligned data_src/aligned"
    assert main.main(["evaluate", *flags.split()]) == 0
    assert "main.py" not in capsys.readouterr().out
    flags += " --dst-aligned data_dst/aligned --model-dir model"
    main.main(["evaluate", *flags.split()])
    assert words_of(capsys.readouterr().out.splitlines()[-1])[0] == "train"


@pytest.mark.parametrize(
    "problem", [PermissionError(13, "Permission denied"), InputError("it cannot be read")]
)
@pytest.mark.parametrize(("outcome", "status"), [(Report(), 0), (KeyboardInterrupt(), 130)])
def test_a_next_step_that_cannot_be_told_changes_nothing(
    outcome, status, problem, home, monkeypatch, capsys
):
    def fail(_):
        raise problem

    stub(monkeypatch, outcome)
    monkeypatch.setattr(workspace.Workspace, "next_step", fail)
    assert main.main(["train", "--no-ask"]) == status
    said = capsys.readouterr()
    assert ("Done" if status == 0 else "Stopped") in said.out
    assert said.err.startswith("reading the faces ...")
    assert "error" not in said.err


def test_commands_within_run_leave_the_next_one_to_it(home, monkeypatch, capsys):
    monkeypatch.setenv(ending.WITHIN_RUN, "1")
    for outcome in (Report(), Interrupted("the model is saved")):
        stub(monkeypatch, outcome)
        main.main(["train", "--no-ask"])
        said = capsys.readouterr().out
        assert str(home.model) in said
        assert "main.py" not in said


# ------------------------------------------------------------------------------ Ctrl-C

STOPS = {
    # the command: what is said of it, and the command with which it goes on
    "extract src": ("what was finished is kept", "extract src"),
    "extract src --overwrite": ("what was finished is kept", "extract src"),
    "extract dst --overwrite": ("nothing was changed yet", "extract dst --overwrite"),
    "sort src": ("nothing was changed yet", "sort src"),
    "train --model-dir model": ("nothing was changed yet", "train --model-dir model"),
    "train --target-iter 9": ("the model is saved", "train --target-iter 9"),
    "train --load-weights other --swap-sides=5 --preview --model-dir new": (
        "the model is saved",
        "train --preview --model-dir new",
    ),
    "convert --overwrite": ("what was finished is kept", "convert --overwrite"),
    "convert --overwrite --output-dir half": ("what was finished", "convert --output-dir half"),
    "evaluate --every 5": ("it did not come to its end", "evaluate --every 5"),
    "convert --output-dir frames --overwrite": (
        "nothing was changed yet",
        "convert --output-dir frames --overwrite",
    ),
    "run --minutes 9": ("what was finished is kept", "run --minutes 9"),
}
BEGIN = {
    "extract src --overwrite": "data_src/aligned/.extract.jsonl",
    "extract src": "data_src/aligned/new.png",
    "convert --overwrite --output-dir half": "half/.convert.jsonl",
}
"""What a command writes before it is stopped; others nothing."""


@pytest.mark.parametrize("words", STOPS)
def test_ctrl_c_says_what_is_kept_and_how_to_go_on(words, home, monkeypatch, capsys):
    saved = Interrupted("the model is saved", ("--load-weights", "--swap-sides"))
    orderly = words.startswith("train") and words != "train --model-dir model"
    begun = home.folder / BEGIN.get(words, "elsewhere")
    stub(monkeypatch, saved if orderly else begun.touch, {*STUBBED, "sort"})
    monkeypatch.setattr(main, "_check", lambda *_: None)
    assert main.main([*words.split(), "--no-ask"]) == 130
    said = capsys.readouterr().out
    kept, again = STOPS[words]
    assert f"Stopped; {kept}" in said
    assert all(home.folder.joinpath(path).is_dir() for path in paths_in(said))
    assert words_of(said.splitlines()[-1]) == [*again.split(), "--no-ask"]
    # a training that is stopped can be used: that comes first
    assert ("main.py convert" in said) == ("convert" in words or words == "train --target-iter 9")


TARGET = {"target_iter": 0, "target_minutes": 4.0}


@pytest.mark.parametrize("converted", [True, False])
def test_ctrl_c_before_the_target_goes_on_first(converted, home, monkeypatch, capsys):
    stub(monkeypatch, Interrupted("the model is saved"))
    make_model(home.model, 200, 60, target=TARGET)
    if converted:
        home.result.touch()
        os.utime(home.result, (0, 1))
    else:
        home.result.unlink(missing_ok=True)
    assert main.main(["train", "--no-ask"]) == 130
    assert capsys.readouterr().out.splitlines()[-4:] == [
        "Next: go on to the target of 4 minutes",
        f"  {program.command('train --no-ask')}",
        "Or see how far it is",
        f"  {program.command('convert --overwrite' if converted else 'convert')}",
    ]


def test_ctrl_c_before_the_target_outside_of_a_workspace(tmp_path, monkeypatch, capsys):
    stub(monkeypatch, Interrupted("the model is saved"))
    monkeypatch.setattr(main, "_check", lambda *_: None)
    make_model(tmp_path / "m", 200, 60, target=TARGET)
    sides = [word for side in ("src", "dst") for word in (f"--training-data-{side}-dir", side)]
    words = ["train", *sides, "--model-dir", "m"]
    monkeypatch.chdir(tmp_path)
    assert main.main(words) == 130
    _, purpose, command = capsys.readouterr().out.splitlines()
    assert purpose == "Next: go on to the target of 4 minutes"
    assert words_of(command) == words


def test_a_request_to_stop_before_a_stage_has_no_next_command(monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(main, "_read_options", stop)
    assert main.main(["train"]) == 130
    assert capsys.readouterr().out == "Stopped; what was finished is kept.\n"


# ------------------------------------------------------------------------------ the page of sort


@pytest.mark.parametrize("terminal", [True, False])
@pytest.mark.parametrize("shown", [True, False])
def test_the_page_is_linked_and_opened_where_it_can_be_seen(
    terminal, shown, home, monkeypatch, capsys
):
    opened = []

    class Browser:
        open = opened.append

    monkeypatch.setattr(console, "is_terminal", lambda _: terminal)
    monkeypatch.setattr(display, "available", lambda: shown)
    monkeypatch.setattr(webbrowser, "get", Browser)
    page = home.folder / "sheets é" / "a page.html"
    page.parent.mkdir()
    html_page.write_page(page, [], "faces")
    html_page.show_page(page)
    link = capsys.readouterr().out.split()[-1]
    assert unquote(urlparse(link).path) == str(page)
    assert opened == ([link] if terminal and shown else [])


def test_a_browser_that_would_take_the_terminal_is_not_started(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "is_terminal", lambda _: True)
    monkeypatch.setattr(display, "available", lambda: True)
    browser = webbrowser.GenericBrowser(["false", "%s"])
    monkeypatch.setattr(browser, "open", lambda _: pytest.fail("it was started"), raising=False)
    monkeypatch.setattr(webbrowser, "get", lambda: browser)
    html_page.show_page(tmp_path / "page.html")

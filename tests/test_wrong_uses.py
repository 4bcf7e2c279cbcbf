"""Wrong uses are refused with a way out, before anything is asked, loaded or changed."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.wrong_uses import WRONG_USES, everything_in, make_model, make_workspace

import main
from trainer import checks
from trainer.options import options_class
from utils import console, program
from utils.errors import ModelError, NothingToDo, UserError
from utils.lock import locked

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def here(tmp_path_factory):
    return make_workspace(tmp_path_factory.mktemp("wrong") / "uses")


@pytest.fixture(scope="module")
def attempts(here):
    """What came of each; all are tried in one process, so the first import would be seen."""
    path = os.pathsep.join(map(str, (ROOT, ROOT / "tests")))
    command = [sys.executable, "-m", "support.wrong_uses", str(here)]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, env=env, cwd=ROOT)
    assert not done.returncode, done.stderr
    return {attempt["words"]: attempt for attempt in json.loads(done.stdout)}


def test_there_are_at_least_forty():
    assert len(WRONG_USES) >= 40


@pytest.mark.parametrize("words", WRONG_USES)
def test_a_wrong_use_is_one_sentence_with_the_way_out(words, attempts, here):
    attempt = attempts[words]
    sentence, _, rest = attempt["err"].partition("\n")
    assert sentence.startswith("error: "), attempt
    assert re.fullmatch(r"(run '.+ --help' for the options|Expected one of: .+)?\n?", rest), rest
    assert WRONG_USES[words].format(here=here) in sentence
    assert re.fullmatch(r'(Workspace: ".+"\n)?', attempt["out"])
    assert attempt["status"] in (1, 2)


@pytest.mark.parametrize("words", WRONG_USES)
def test_a_wrong_use_asks_loads_and_changes_nothing(words, attempts):
    attempt = attempts[words]
    assert not attempt["asked"]
    assert not attempt["loaded"]
    assert not attempt["changed"]


# ------------------------------------------------------------------------------ train


@pytest.fixture
def trained(tmp_path):
    """A model at iteration 100, after 10 minutes."""
    make_model(tmp_path / "model", iteration=100, seconds=600)
    return tmp_path / "model"


def training(model_dir, **changes):
    paths = {"training_data_src_dir": model_dir, "training_data_dst_dir": model_dir}
    return options_class("Quick96")(model_dir=model_dir, **paths, **changes)


@pytest.mark.parametrize("target", [{"target_iter": 100}, {"target_minutes": 10.0}])
def test_a_target_that_is_reached_is_said_before_anything_is_asked(target, trained):
    with pytest.raises(NothingToDo, match="iteration 100 after 10 minutes"):
        checks.check(training(trained, **target))
    checks.check(training(trained, **target, debug=True))  # samples can be shown all the same


@pytest.mark.parametrize("target", [{}, {"target_iter": 101}, {"target_minutes": 10.1}])
def test_a_target_ahead_is_trained_to(target, trained):
    checks.check(training(trained, **target))


@pytest.mark.parametrize("state", ["{}", "", '{"iteration": "many"}'])
def test_a_damaged_model_is_left_to_the_training(state, trained):
    (trained / "generations" / "000000100" / "state.json").write_text(state)
    checks.check(training(trained, target_iter=1))


def test_a_training_elsewhere_is_known_before_anything_is_asked(trained):
    taken = pytest.raises(ModelError, match="another training is running")
    with locked(trained / checks.LOCK, UserError("taken")), taken:
        checks.check(training(trained))
    (trained / checks.LOCK).touch()  # as a kill leaves it
    checks.check(training(trained))


# ------------------------------------------------------------------------------ help


@pytest.mark.parametrize(
    "argv",
    [
        ["help", "extract"],
        ["-h", "extract"],
        ["extract", "-h"],
        ["extract", "src", "--help", "--image-size", "1"],
    ],
)
def test_help_is_understood_anywhere(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main.main(argv)
    assert ended.value.code == 0
    said = capsys.readouterr().out
    assert said.startswith("usage: main.py extract [src|dst] [options]\n")
    assert said.count("--[no-]smooth") == 1
    assert "--no-smooth" not in said
    assert said.lower().count("\noptions:\n") == 1
    assert said.index("examples:") > said.index("Device:")


@pytest.mark.parametrize("argv", [["--version"], ["train", "--version"]])
def test_the_version_is_told_anywhere(argv, capsys):
    assert main.main(argv) == 0
    assert capsys.readouterr().out == f"faceswap-toolkit {program.version()}\n"


def test_ctrl_c_at_a_question_does_not_speak_of_what_was_finished(here, monkeypatch, capsys):
    def press(_):
        raise KeyboardInterrupt

    monkeypatch.chdir(here)
    monkeypatch.setattr(console, "interactive", lambda: True)
    monkeypatch.setattr("builtins.input", press)
    before = everything_in(here)
    assert main.main(["sort", "src"]) == 130
    assert capsys.readouterr().out.endswith("Stopped before it began; nothing was changed.\n")
    assert everything_in(here) == before

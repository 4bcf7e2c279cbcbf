"""The front door: help, unknown words, exit statuses, and nothing heavy before it is needed."""

import os
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

import main
from models import MODELS
from utils.errors import ExitStatus

ROOT = Path(__file__).parent.parent
HELPS = [["--help"], *([*stage.split(), "--help"] for stage in main.STAGES)]
HELPS += [["train", "--model", model, "--help"] for model in MODELS]

# A lazy module stands in sys.modules before it is loaded: look for what only loading brings.
HEAVY = {"tensorflow.python", "keras.src", "numpy", "scipy", "cv2.gapi", "av.container", "skimage"}


def run(*argv, **kwargs):
    command = [sys.executable, str(ROOT / "main.py"), *argv]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=180, **kwargs)


@pytest.mark.parametrize("argv", HELPS, ids=" ".join)
def test_help_loads_nothing_heavy(argv):
    code = f"import sys, main; sys.argv[1:] = {argv!r}\ntry: main.main()\nexcept SystemExit: pass\n"
    code += "print('MODULES', *sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=180
    )
    assert "usage: main.py" in result.stdout
    modules = set(result.stdout.split("MODULES", 1)[1].split())
    assert not HEAVY & modules


def test_the_version_is_that_of_the_project_and_loads_nothing_heavy():
    code = "import sys, main; main.main(['--version']); print('MODULES', *sys.modules)"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    said, _, modules = result.stdout.partition("MODULES")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert said == f"faceswap-toolkit {project['version']}\n"
    assert not HEAVY & set(modules.split())


def test_no_stage_prints_the_overview():
    result = run()
    assert result.returncode == 0
    assert all(stage in result.stdout for stage in main.STAGES)


@pytest.mark.parametrize(
    ("argv", "sentence"),
    [
        (["extrct"], "did you mean extract?"),
        (["sort", "--input-dri", "x"], "did you mean --input-dir?"),
        (["sort", "--input-dir", "x", "--by", "blurr"], "did you mean blur?"),
        (["sort"], "--input-dir"),
        (["extract", "--input-dir", "x", "--output-dir", "y", "--image-size", "1"], "Received: 1"),
        (["train", "--model", "H46"], "H64"),
    ],
)
def test_usage_errors_are_one_sentence_and_status_2(argv, sentence):
    result = run(*argv)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("stage", ["extract", "sort", "convert"])
def test_a_missing_folder_is_one_sentence_and_status_1(stage, tmp_path):
    here, gone = str(tmp_path), str(tmp_path / "not there")
    argv = {
        "extract": ["--input-dir", gone, "--output-dir", here],
        "sort": ["--input-dir", gone],
        "convert": ["--input-dir", gone, "--output-dir", here, "--aligned-dir", gone,
                    "--model-dir", gone],
    }[stage]  # fmt: skip
    result = run(stage, *argv)
    assert result.returncode == 1
    assert "not there" in result.stderr
    assert "Traceback" not in result.stderr
    assert "defect" not in result.stderr


def test_debug_adds_the_traceback(tmp_path):
    result = run("sort", "--input-dir", str(tmp_path / "gone"), "--debug")
    assert result.returncode == 1
    assert "Traceback" in result.stderr


@pytest.mark.parametrize("encoding", ["cp437", "cp1252", "utf-8"])
def test_help_prints_in_any_console_encoding(encoding):
    result = run("train", "--help", env={**os.environ, "PYTHONIOENCODING": encoding})
    assert result.returncode == 0


@pytest.fixture
def two_words(monkeypatch):
    monkeypatch.setitem(main.STAGES, "tools sort", main.STAGES["sort"])
    monkeypatch.setitem(main.STAGES, "tools look", main.STAGES["sort"])


@pytest.mark.parametrize(
    ("argv", "name"),
    [
        (["sort", "--by", "x"], "sort"), (["merge"], "convert"), (["tools", "look"], "tools look"),
        (["tools"], None), (["tools", "--help"], None),
    ],
)  # fmt: skip
def test_names_of_stages_have_one_word_or_two(argv, name, two_words):
    assert main.find_stage(argv) == name


def test_a_family_of_tools_is_listed(two_words, capsys):
    assert main.main(["tools"]) == 0
    listed = capsys.readouterr().out
    assert "tools look" in listed
    assert "extract" not in listed


def test_a_misspelled_second_word_is_a_usage_error(two_words, capsys):
    assert main.main(["tools", "loook"]) == 2
    assert "did you mean tools look?" in capsys.readouterr().err


@pytest.mark.parametrize("topic", main.TOPICS)
def test_help_of_a_topic_lists_a_registry(topic, capsys):
    assert main.main(["help", topic]) == 0
    shown = capsys.readouterr().out
    module, _, name = main.TOPICS[topic].partition(":")
    for entry, about in getattr(import_module(module), name).items():
        assert f"  {entry} " in shown
        assert about.help in shown


def test_help_of_an_unknown_topic_lists_the_topics(capsys):
    assert main.main(["help", "mode"]) == ExitStatus.USAGE
    assert "models, modes, masks" in capsys.readouterr().err

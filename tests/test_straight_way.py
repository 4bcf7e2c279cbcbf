"""The straight way at a real terminal: what the program says comes next is what is typed next.

A newcomer has two clips, begins with `extract src` and presses Enter at every question.
"""

import os
import re
import sys
from pathlib import Path
from typing import NamedTuple

import pexpect
import pytest
from support import clips

from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")

MAIN = Path(__file__).parent.parent / "main.py"
FRAMES = 10
LIMIT = 120  # seconds until an answer; a loaded machine needs long to load TensorFlow
QUESTION, STEP = r"\[[^\]\n]*\] \? $", r"\[#\d+\].* ms"
ANNOUNCED = {
    "extract src": ["opening the footage", "loading the detector"],
    "extract dst": ["opening the footage", "loading the detector"],
    "sort src --by hist": ["reading the faces"],
    "train": [
        "reading the faces",
        "recognizing src and dst",
        "loading TensorFlow",
        "building the network",
        "saving the new model",
        "the first step takes longer",
        "stopping: finishing this step, then saving",
    ],
    "convert": [
        "opening the footage and its faces",
        "loading TensorFlow",
        "loading the model",
        "writing the end of the video",
    ],
    "evaluate": ["opening the clips and the faces", "recognizing src's faces"],
}


class Command(NamedTuple):
    """What was typed and what came of it; the lines are those that stay on the screen."""

    typed: str
    questions: int
    lines: list[str]
    status: int


def enter(typed, folder):
    """Type a command at a terminal; answer its questions with Enter, stop a training with Ctrl-C.

    There is no display and no setting that quiets TensorFlow.
    """
    hidden = ("DISPLAY", "TF_CPP_MIN_LOG_LEVEL")
    env = {name: value for name, value in os.environ.items() if name not in hidden}
    env["PATH"] = f"{Path(sys.executable).parent}:{env['PATH']}"
    shell = ["-c", f"exec {typed}"]
    terminal = pexpect.spawn(
        "sh", shell, cwd=str(folder), env=env, encoding="utf-8", dimensions=(40, 100)
    )
    said, questions = "", 0
    expected = [pexpect.EOF, QUESTION, STEP]
    try:
        while found := terminal.expect(expected, timeout=LIMIT):
            said += terminal.before + terminal.after
            if expected[found] == QUESTION:
                questions += 1
                terminal.sendline()
            else:
                terminal.sendintr()
                expected.remove(STEP)
        said += terminal.before
    finally:
        terminal.close(force=True)
    # of a line that is written again and again its last state stays
    lines = [re.split(r"\r+", line.rstrip("\r"))[-1] for line in said.split("\n")]
    lines = [re.sub(r"\x1b\[K", "", line) for line in lines]
    return Command(typed, questions, [line for line in lines if line.strip()], terminal.exitstatus)


def words_of(command):
    return command.typed.removeprefix("python main.py ")


def end_of(command):
    """What was made, and the next command: of the last lines, the one before "Next:", the next."""
    (place,) = (n for n, line in enumerate(command.lines) if line.startswith("Next: "))
    assert place >= len(command.lines) - 4
    return command.lines[place - 1], command.lines[place + 1].removeprefix("  ")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A checkout as it looks to a newcomer: main.py, and beside it the workspace with two clips."""
    folder = tmp_path_factory.mktemp("home")
    (folder / "main.py").symlink_to(MAIN)
    (folder / "workspace").mkdir()
    for name, draw in (("data_src.mp4", clips.astronaut), ("data_dst.mp4", clips.dim_astronaut)):
        path = folder / "workspace" / name
        clips.make_clip(path, clips.STEADY[:FRAMES], draw=draw, size=(320, 240))
    return folder


@pytest.fixture(scope="module")
def transcript(home):
    """All commands, each as the one before it advised, until there is an evaluation."""
    commands = [enter("python main.py extract src", home)]
    while len(commands) < 7 and not (home / "workspace" / "evaluation.json").exists():
        _, advised = end_of(commands[-1])
        commands.append(enter(advised, home))
    return commands


def test_the_programs_own_advice_leads_to_a_film(home, transcript):
    assert [words_of(command) for command in transcript] == list(ANNOUNCED)
    statuses = {words_of(command): command.status for command in transcript}
    assert statuses == dict.fromkeys(ANNOUNCED, 0) | {"train": 130}
    film, footage = home / "workspace" / "result.mp4", home / "workspace" / "data_dst.mp4"
    clips.assert_times_kept(clips.times_of(footage), clips.times_of(film))
    clips.assert_sound_kept(footage, film)
    assert read_mark(film) == DIGITAL_SOURCE_TYPE


def test_without_a_display_training_says_where_its_preview_is(home, transcript):
    (command,) = (command for command in transcript if words_of(command) == "train")
    (preview,) = (line for line in command.lines if line.startswith("preview "))
    assert f'"{home / "workspace" / "model" / "preview.png"}"' in preview
    assert (home / "workspace" / "model" / "preview.png").exists()


def test_there_is_little_to_type_and_to_answer(transcript):
    assert len(transcript) <= 7
    assert max(len(command.typed) for command in transcript) <= 40
    assert 1 <= sum(command.questions for command in transcript) <= 6


@pytest.mark.parametrize("words", ANNOUNCED)
def test_what_takes_long_is_announced_in_order_and_libraries_say_nothing(words, transcript):
    (command,) = (command for command in transcript if words_of(command) == words)
    said = [line.removesuffix(" ...") for line in command.lines if line.endswith(" ...")]
    said = [re.sub(r" \(about .*\)$", "", line) for line in said]
    assert said == ANNOUNCED[words]
    library = r"^[IWEF]\d{4} |^INFO|^WARNING|^\d{4}-\d\d-\d\d |Warning:|XNNPACK|oneDNN|absl|cuda"
    assert not [line for line in command.lines if re.search(library, line)]


@pytest.mark.parametrize("words", ANNOUNCED)
def test_every_end_names_what_was_made_and_the_next_command(words, home, transcript):
    (command,) = (command for command in transcript if words_of(command) == words)
    made, advised = end_of(command)
    (path,) = re.findall(r'"([^"]+)"', made)
    assert Path(path).is_relative_to(home / "workspace")
    assert Path(path).exists()
    assert advised.startswith("python main.py ")

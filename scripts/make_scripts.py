"""Writes the scripts for Windows and Linux, and docs/scripts.md, from scripts/steps.toml.

    python -m scripts.make_scripts

Each script stands alone: it calls no other batch file, because `call` expands the percent signs of
a path once more, and it does not depend on the current folder.
"""

import dataclasses
import re
import shutil
import sys
import textwrap
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import main as program
from scripts import script_texts
from utils.console import say
from utils.stages import STAGES

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
TABLE, PAGE = HERE / "steps.toml", ROOT / "docs" / "scripts.md"
WORKSPACE = "{workspace}"
OPEN, INSTALL = "open ", "install"
"""What a command that is none of the program begins with."""


@dataclass(frozen=True)
class Step:
    """A row of the table, see there."""

    number: str
    name: str
    command: str
    comment: str
    each: tuple[str, ...] = ("",)
    also: dict[str, str] = field(default_factory=dict)
    drop: str = ""
    new: bool = False

    def scripts(self) -> Iterator["Script"]:
        """Yield the scripts of a row."""
        for value in self.each:
            for ending, more in {"": "", **self.also}.items():
                title = f"{self.number}) {self.name} {ending}".strip().replace("{}", value)
                command = f"{self.command} {more}".strip().replace("{}", value)
                yield Script(title, command, self.comment, self.drop)


class Script(NamedTuple):
    """A script: its name without suffix, words after main.py, what it does, what to drop on it."""

    title: str
    command: str
    comment: str
    drop: str


class Target(NamedTuple):
    """What scripts of a system look like.

    Attributes
    ----------
    suffix, newline, indent : str
        Of the files, and of their lines for a command.
    workspace, separator : str
        How the workspace's path is written, and what separates folders.
    program, rest : str
        How the program is started, and what passes on the words that a script was started with.
    frame, install, folder, drop : str
        Texts with gaps like <this>: the whole, and what comes in the place of a command.
    """

    suffix: str
    newline: str
    indent: str
    workspace: str
    separator: str
    program: str
    rest: str
    frame: str
    install: str
    folder: str
    drop: str

    def file_name(self, title: str) -> str:
        """Return the name of a script's file; on Linux without what a shell would interpret."""
        if self.suffix == ".bat":
            return title + self.suffix
        return re.sub(r"[ (),]+", "_", title).strip("_") + self.suffix

    def text(self, script: Script) -> str:
        """Return what a script's file holds."""
        if script.command == INSTALL:
            text = self.install
        else:
            lines = textwrap.indent(self._lines(script), self.indent)
            text = self.frame.replace("<lines>\n", lines)
        return text.replace("<comment>", f"{script.title}: {script.comment}.")

    def _lines(self, script: Script) -> str:
        if script.command.startswith(OPEN):
            folder = self._path("/" + script.command.removeprefix(OPEN))
            return self.folder.replace("<folder>", folder)
        words = [self._word(word) for word in script.command.split()]
        if takes_workspace(script.command):
            words += ["--workspace", self._path("")]
        drop = self.drop.replace("<what>", script.drop) if script.drop else ""
        return f"{drop}{' '.join([self.program, *words, self.rest])}\n"

    def _word(self, word: str) -> str:
        if WORKSPACE not in word:
            return word
        return self._path(word.removeprefix(WORKSPACE))

    def _path(self, rest: str) -> str:
        return f'"{self.workspace}{rest.replace("/", self.separator)}"'


TARGETS = {
    "windows": Target(
        suffix=".bat",
        newline="\r\n",
        indent="",
        workspace="%WORKSPACE%",
        separator="\\",
        program='"%PYTHON%" "%APP%main.py"',
        rest="%*",
        frame=script_texts.BATCH,
        install=script_texts.BATCH_INSTALL,
        folder=script_texts.BATCH_FOLDER,
        drop=script_texts.BATCH_DROP,
    ),
    "linux": Target(
        suffix=".sh",
        newline="\n",
        indent="    ",
        workspace="$workspace",
        separator="/",
        program='"$python" "$app/main.py"',
        rest='"$@"',
        frame=script_texts.SHELL,
        install=script_texts.SHELL_INSTALL,
        folder=script_texts.SHELL_FOLDER,
        drop=script_texts.SHELL_DROP,
    ),
}


def groups() -> dict[str, list[Step]]:
    """Return the rows of the table by the titles of their groups."""
    table = tomllib.loads(TABLE.read_text(encoding="utf-8"))
    return {group["title"]: list(map(_step, group["step"])) for group in table["group"]}


def _step(row: dict[str, Any]) -> Step:
    return Step(**{**row, "each": tuple(row.get("each", Step.each))})


def scripts() -> list[Script]:
    """Return all scripts, in the order of the table."""
    return [script for steps in groups().values() for step in steps for script in step.scripts()]


def files(system: str, bundled: bool = False) -> dict[str, bytes]:
    """Return the names and the contents of a system's scripts.

    Parameters
    ----------
    system : str
        A key of `TARGETS`.
    bundled : bool
        Whether they are for a bundle, where nothing is to be installed.
    """
    target = TARGETS[system]
    return {
        target.file_name(script.title): target.text(script).replace("\n", target.newline).encode()
        for script in scripts()
        if not (bundled and script.command == INSTALL)
    }


def takes_workspace(command: str) -> bool:
    """Whether a command of the program has the option --workspace."""
    return _takes_workspace(str(program.find_stage(command.split())))


@cache
def _takes_workspace(stage: str) -> bool:
    module, _, name = STAGES[stage].options.partition(":")
    options = getattr(import_module(module), name)
    cls = options if isinstance(options, type) else options([])
    return any(option.name == "workspace" for option in dataclasses.fields(cls))


def page() -> str:
    """Return docs/scripts.md."""
    parts = [script_texts.PAGE]
    for title, steps in groups().items():
        parts.append(f"\n## {title}\n\n" + "".join(map(_item, steps)))
    return "".join(parts)


def _item(step: Step) -> str:
    names = ", ".join(f"`{step.number}) {step.name}`".replace("{}", value) for value in step.each)
    endings = " and ".join(f"`{ending}`" for ending in step.also)
    also = f", also with {endings}" if endings else ""
    also += " (new)" * step.new
    command = "" if step.command == INSTALL else f"; `{step.command}`"
    text = f"* {names}{also}: {step.comment}{command}"
    return (
        textwrap.fill(
            text, 100, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
        + "\n"
    )


def write_all() -> int:
    """Write the files in place of those that are there; return how many scripts there are."""
    for system in TARGETS:
        folder = HERE / system
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in files(system).items():
            (folder / name).write_bytes(data)
            (folder / name).chmod(0o755 if system == "linux" else 0o644)
    PAGE.write_text(page(), encoding="utf-8", newline="\n")
    return len(scripts())


if __name__ == "__main__":
    say(f"{write_all()} scripts for each of {', '.join(TARGETS)}")

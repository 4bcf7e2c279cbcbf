"""The last lines of a command: what was made, where, in which time, and the next command.

`run` knows what comes next, so the commands that it calls do not say it: see `WITHIN_RUN`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from string import Formatter

from utils import program, workspace
from utils.console import Report, one_line
from utils.errors import Interrupted, UsageError
from utils.options import StageOptions, options_of
from utils.stages import STAGES, Stage
from utils.wording import took
from utils.workspace import TRAIN_ON, Workspace

WITHIN_RUN = "FACESWAP_WITHIN_RUN"
"""Environment variable of the commands that `run` calls."""
DISCARDS = "--overwrite"
"""The flag that would discard what an earlier run left in a folder."""
KEPT, BROKEN_OFF = "what was finished is kept", "it did not come to its end"


@dataclass(frozen=True)
class Call:
    """A command as it was typed, and what it came to.

    Attributes
    ----------
    argv : sequence of str
        Its words, the stage's name first.
    """

    argv: Sequence[str]
    stage: Stage
    options: StageOptions

    def done(self, report: Report) -> str:
        """Return the last lines of a command that has come to its end."""
        made = report.made or self._usually_made()
        report.made = [path for path in made if path.exists()]
        if report.next_without:
            step = self._again(
                f"Next: the same without {report.next_without[0]}", report.next_without
            )
        elif report.unfinished:
            step = self._again("Next: go on", {DISCARDS})
        else:
            step = after(report.made or self._paths())
            if not step and not report.failures:
                step = self._outside()
        return _lines(str(report), report.ending, step)

    def stopped(self, request: BaseException, seconds: float) -> str:
        """Return the last lines of a command that was stopped."""
        stage = self.stage
        kept, without = KEPT if stage.resumes or stage.usable else BROKEN_OFF, set[str]()
        if isinstance(request, Interrupted):
            kept, without = str(request) or kept, set(request.next_without)
        folders = [path for path in self._usually_made() if path.is_dir()]
        if folders:
            kept += f': "{folders[0].absolute()}"'
            without.add(DISCARDS)
        said = one_line(f"Stopped{took('after', seconds)}; {kept}{'' if folders else '.'}")
        step = after(folders) if stage.usable else ""
        if target := workspace.target_ahead(folders[0]) if folders else "":
            go_on = self._again(f"Next: go on to the target of {target}", without)
            return _lines(said, go_on, after(folders, before_target))
        again = ""
        if stage.resumes:
            again = self._again("Or go on:" if step else "Next: go on", without)
        elif not folders:
            again = self._again("Next: begin again", without)
        return _lines(said, step, again)

    def _usually_made(self) -> list[Path]:
        path = getattr(self.options, self.stage.makes) if self.stage.makes else None
        return [] if path is None else [path]

    def _paths(self) -> Iterator[Path]:
        for option in options_of(type(self.options)):
            value = getattr(self.options, option.name)
            values = value if option.many else [value]
            yield from (each for each in values if isinstance(each, Path))

    def _outside(self) -> str:
        """Return the next command where no workspace says it; nothing if a path is not known."""
        names = [name for _, name, _, _ in Formatter().parse(self.stage.then) if name]
        values = {name: getattr(self.options, name) for name in names}
        if not self.stage.then or None in values.values():
            return ""
        words = self.stage.then.format(**{
            name: program.quoted(str(value)) for name, value in values.items()
        })
        return _next(f"Next: {STAGES[words.split()[0]].help}", program.command(words))

    def _again(self, purpose: str, without: Collection[str]) -> str:
        """Return the same command, without some flags and their values."""
        switches = {option.flag for option in options_of(type(self.options)) if option.type is bool}
        kept = []
        words = iter(self.argv)
        for word in words:
            flag, _, value = word.partition("=")
            if flag not in without:
                kept.append(program.quoted(word))
            elif flag not in switches and not value:
                next(words, None)
        return _next(purpose, program.command(" ".join(kept)))


def after(paths: Iterable[Path], tell: Callable[[Workspace], str] | None = None) -> str:
    """Return what comes next in the workspace that holds the first of these paths, if one does."""
    home = next(filter(None, map(workspace.holding, paths)), None)
    if home is None:
        return ""
    with suppress(UsageError):  # two clips of one side: those that were used were named
        return (tell or next_in)(home)
    return ""


def next_in(home: Workspace) -> str:
    """Return what comes next in a workspace."""
    step = home.next_step()
    said = _next(f"Next: {step.purpose}", home.typed(step.words) if step.words else "")
    return _lines(said, before_target(home))


def before_target(home: Workspace) -> str:
    """Return what can be done in a workspace before its training goes on to a target."""
    step = home.next_step(to_target=False)
    if step in (home.next_step(), TRAIN_ON):
        return ""
    purpose = "see how far it is" if step.words.startswith("convert") else step.purpose
    return _next(f"Or {purpose}", home.typed(step.words))


def _next(purpose: str, command: str) -> str:
    """Return the next command, and before it what it is for."""
    if os.environ.get(WITHIN_RUN):
        return ""
    return _lines(purpose, command and f"  {command}")


def _lines(*parts: str) -> str:
    return "\n".join(filter(None, parts))

"""The last lines of a command: what was made, where, in which time, and the next command.

`run` knows what comes next, so the commands that it calls do not say it: see `WITHIN_RUN`.
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from string import Formatter

from utils import program, workspace
from utils.console import Report, one_line
from utils.errors import Interrupted, UserError
from utils.files import is_image
from utils.options import options_of
from utils.stage_options import StageOptions
from utils.stages import STAGES, Stage
from utils.wording import took
from utils.workspace import TRAIN_ON, Workspace

WITHIN_RUN = "FACESWAP_WITHIN_RUN"
"""Environment variable of the commands that `run` calls."""
DISCARDS, JOURNAL = "--overwrite", ".jsonl"
"""The flag that discards what an earlier run left in a folder; the record that is begun then."""
KEPT, BROKEN_OFF = "what was finished is kept", "it did not come to its end"
UNCHANGED = "nothing was changed yet"
Snapshot = Mapping[Path, int]
"""The images and records in the folders that a command is to make, and when they were changed."""


@dataclass(frozen=True)
class Call:
    """A command as it was typed, and what it came to.

    Attributes
    ----------
    argv : sequence of str
        Its words, the stage's name first.
    before : dict of Path to int
        What was there before it ran.
    """

    argv: Sequence[str]
    stage: Stage
    options: StageOptions
    before: Snapshot = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "before", self._snapshot())

    def done(self, report: Report) -> str:
        """Return what a command that has come to its end reports."""
        made = report.made or ([] if report.next_without else self._usually_made())
        report.made = [path for path in made if _found(path)]
        return _lines(str(report), report.ending)

    def next(self, report: Report) -> str:
        """Return what comes after a command that has come to its end."""
        if report.next_without:
            return self._again(
                f"Next: the same without {report.next_without[0]}", report.next_without
            )
        if report.next_with:
            purpose = "Next, once all parts are done: put them together"
            return self._again(purpose, report.next_with[:1], report.next_with)
        if report.unfinished:
            return self._again("Next: go on", {DISCARDS})
        if report.then:
            purpose, words = report.then
            return _next(f"Next: {purpose}", program.command(words))
        if step := after(report.made):
            return step
        beside = after(self._paths(), but=self.argv[0])
        outside = "" if report.failures else self._outside()
        return outside or beside if report.made else beside or outside

    def stopped(self, request: BaseException, seconds: float) -> str:
        """Return the last lines of a command that was stopped."""
        stage = self.stage
        kept, without = KEPT if stage.resumes or stage.usable else BROKEN_OFF, set[str]()
        if isinstance(request, Interrupted):
            kept, without = str(request) or kept, set(request.next_without)
        folders = [path for path in self._usually_made() if _found(path) and path.is_dir()]
        now = self._snapshot()
        if any(path.suffix == JOURNAL for path, _ in now.items() - self.before.items()):
            without.add(DISCARDS)  # that is done: a new journal was begun
        if folders and now == self.before and not str(request):
            said = one_line(f"Stopped{took('after', seconds)}; {UNCHANGED}.")
            return _lines(said, self._again("Next: begin again", without))
        if folders:
            kept += f': "{folders[0].absolute()}"'
        said = one_line(f"Stopped{took('after', seconds)}; {kept}{'' if folders else '.'}")
        step = after(folders) if stage.usable else ""
        if target := workspace.target_ahead(folders[0]) if folders else "":
            go_on = self._again(f"Next: go on to the target of {target}", without)
            return _lines(said, go_on, after(folders, tell=before_target))
        again = ""
        if stage.resumes:
            again = self._again("Or go on:" if step else "Next: go on", without)
        elif not folders:
            again = self._again("Next: begin again", without)
        return _lines(said, step, again)

    def _usually_made(self) -> list[Path]:
        path = getattr(self.options, self.stage.makes) if self.stage.makes else None
        return [] if path is None else [path]

    def _snapshot(self) -> Snapshot:
        found = {}
        for folder in self._usually_made():
            with suppress(OSError):
                for path in [*folder.iterdir(), *folder.glob("generations/*/state.json")]:
                    if is_image(path) or path.suffix == JOURNAL or path.name == "state.json":
                        found[path] = path.stat().st_mtime_ns
        return found

    def _paths(self) -> Iterator[Path]:
        for option in options_of(type(self.options)):
            value = getattr(self.options, option.name)
            values = value if option.many else [value]
            yield from (each for each in values if isinstance(each, Path))

    def _outside(self) -> str:
        """Return the next command where no workspace says it; nothing if a path is not known."""
        home = _home(self._paths()) if self.stage.then_here else None
        then = self.stage.then if home is None else self.stage.then_here
        names = [name for _, name, _, _ in Formatter().parse(then) if name]
        values = {name: getattr(self.options, name) for name in names}
        if not then or None in values.values():
            return ""
        words = then.format(**{name: program.quoted(str(value)) for name, value in values.items()})
        command = program.command(words) if home is None else home.typed(words)
        return _next(f"Next: {STAGES[words.split()[0]].help}", command)

    def _again(self, purpose: str, without: Collection[str], more: Iterable[str] = ()) -> str:
        """Return the same command, without some flags and their values, and with more words."""
        switches = {option.flag for option in options_of(type(self.options)) if option.type is bool}
        kept = []
        words = iter(self.argv)
        for word in words:
            flag, _, value = word.partition("=")
            if flag not in without:
                kept.append(program.quoted(word))
            elif flag not in switches and not value:
                next(words, None)
        return _next(purpose, program.command(" ".join([*kept, *more])))


def after(
    paths: Iterable[Path], but: str = "", tell: Callable[[Workspace], str] | None = None
) -> str:
    """Return what comes next in the workspace that holds the first of these paths, if one does.

    Nothing if that is the stage `but`, or if it cannot be told: the work itself is done. `tell`
    says it, `next_in` if it is None.
    """
    with suppress(UserError, OSError):  # such as two clips of one side, or one may not look there
        home = _home(paths)
        if home is not None and home.next_step().words.split()[:1] != [but]:
            return (tell or next_in)(home)
    return ""


def _home(paths: Iterable[Path]) -> Workspace | None:
    return next(filter(None, map(workspace.holding, paths)), None)


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


def _found(path: Path) -> bool:
    """Whether a path exists, and one may look there."""
    with suppress(OSError):
        path.stat()
        return True
    return False


def _next(purpose: str, command: str) -> str:
    """Return the next command, and before it what it is for."""
    if os.environ.get(WITHIN_RUN):
        return ""
    return _lines(purpose, command and f"  {command}")


def _lines(*parts: str) -> str:
    return "\n".join(filter(None, parts))

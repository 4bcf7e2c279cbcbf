"""The options of a training that runs: what may change as a form, and how a change is made.

What the training takes while it runs goes into `options.request` in the model's folder, as any
program may write it (docs/training.md). All else stops the training, which saves, and begins the
same job again with other flags. Either way the words of the job lead to what runs, so that
continuing it another day undoes nothing.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from trainer.monitoring.stop_rule import StopRule
from utils.errors import InputError, UsageError
from utils.files import no_link, write_json
from utils.lock import TRAIN_LOCK, held
from utils.options import DEVICE, GENERAL, plain
from utils.records import read_record
from utils.workspace import Workspace
from workbench import forms, runner
from workbench.job import QueuedJob
from workbench.jobs import JobQueue

REQUEST = "options.request"
LEFT_OUT = frozenset({"load_weights", "swap_sides", "new_faces", "preview", "model"})
"""What has its effect when a training begins, or only in a terminal."""
LIVE, AGAIN = "live", "again"
ELSEWHERE = (
    "This training was not started here, so only what takes effect while it runs can change. For "
    "the rest stop it where it runs, with Ctrl-C, and start it with other flags."
)

FormPart = dict[str, Any]


class Running(NamedTuple):
    """A training that runs.

    Attributes
    ----------
    job : QueuedJob or None
        None: a program outside of the queue trains.
    """

    home: Workspace
    folder: Path
    job: QueuedJob | None

    @property
    def can_begin_again(self) -> bool:
        """Whether it is ours to stop and to begin again; `run` does more than to train."""
        return self.job is not None and self.job.words[0] == "train"

    @property
    def _flags(self) -> dict[str, Any]:
        """What its command line says."""
        if self.job is None or not self.can_begin_again:
            return {}
        _, given = forms.read_flags(forms.in_workspace(self.job.words, self.home))
        return {name: plain(value) for name, value in given.items()}

    def form(self, values: Mapping[str, Any]) -> FormPart:
        """Return what may change, with the values that were entered so far, for the page.

        Returns
        -------
        form : dict
            `groups` of fields, each with `live`; `errors` by field; the `problem` with the whole;
            `how` the change takes effect, "" while there is none; the `command` that it leads to;
            and what to `say` of fields that are `locked`.
        """
        flags = self._flags
        full = forms.form("train", self._with_folder(values), self.home)
        groups = [
            {**group, "fields": [self._field(f, flags) for f in group["fields"] if _may_change(f)]}
            for group in full["groups"]
            if group["title"] not in (DEVICE, GENERAL)
        ]
        fields = {field["name"]: field for group in groups for field in group["fields"]}
        for name in values:
            if name not in fields:
                raise UsageError(f"{name}: this cannot change while it trains")
        if (rule := values.get("stop_when")) and not full["problem"]:
            full["problem"] = _problem_of(str(rule))
        errors = {**full["errors"], **_empty(values, fields)}
        live = all(fields[name]["live"] for name in values)
        words = self._words(values, full["words"])
        return {
            "groups": [group for group in groups if group["fields"]],
            "errors": errors,
            "problem": full["problem"],
            "how": (LIVE if live else AGAIN) if values else "",
            "command": forms.typed(words, self.home) if words else "",
            "say": "" if self.can_begin_again else ELSEWHERE,
        }

    def change(self, values: Mapping[str, Any], queue: JobQueue) -> str:
        """Change options; returns how they take effect.

        Raises
        ------
        UserError
            If values make no sense, or the training cannot take them.
        """
        form = self.form(values)
        if wrong := list(form["errors"].values()) or [text for text in [form["problem"]] if text]:
            raise UsageError("; ".join(wrong))
        how = str(form["how"])
        if not how:
            raise UsageError("nothing was changed")
        if how == AGAIN and not self.can_begin_again:
            raise UsageError(ELSEWHERE)
        if how == LIVE:
            self.check_takes_requests()
        words = self._words(
            values, forms.form("train", self._with_folder(values), self.home)["words"]
        )
        if self.job is not None and words:
            queue.reword(self.job.number, words, runner.stop if how == AGAIN else None)
        if how == LIVE:
            path = no_link(self.folder / REQUEST)
            write_json(path, {**_pending(path), **values})
        return how

    def check_takes_requests(self) -> None:
        """Refuse to ask a training that only begins: it forgets what was there before it.

        Raises
        ------
        InputError
            If it has not got its folder yet.
        """
        if not held(self.folder / TRAIN_LOCK):
            raise InputError(f'the training of "{self.folder.name}" only begins; ask a bit later')

    def _with_folder(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {"model_dir": str(self.folder), **values}

    def _field(self, field: FormPart, flags: Mapping[str, Any]) -> FormPart:
        """Return a field as the training has it now."""
        now = flags.get(field["name"], field["default"])
        return {**field, "default": now, "locked": not (field["live"] or self.can_begin_again)}

    def _words(self, values: Mapping[str, Any], made: Sequence[str]) -> list[str]:
        """Return the words of the job with other values, [] if it is none of ours.

        Parameters
        ----------
        made : sequence of str
            The words that the values alone come to.
        """
        if self.job is None or not self.can_begin_again:
            return []
        flags = [f"--{name.replace('_', '-')}" for name in values]
        names = {*flags, *(flag.replace("--", "--no-", 1) for flag in flags)}
        kept = _without(self.job.words, names)
        return [*kept, *_without(made[1:], {"--model-dir"})]


def _may_change(field: FormPart) -> bool:
    return not (field["fixed"] or field["kind"] == "path" or field["name"] in LEFT_OUT)


def _empty(values: Mapping[str, Any], fields: Mapping[str, FormPart]) -> dict[str, str]:
    """Return what is wrong with values that are empty, by field: no flag says that."""
    wrong = "{flag}: Expected {allowed}. Received: nothing; none or 0 turns off what can be off"
    empty = (name for name, value in values.items() if value is None or not str(value).strip())
    return {name: wrong.format(**fields[name]) for name in empty}


def _problem_of(rule: str) -> str:
    try:
        StopRule.parse(rule)
    except UsageError as error:
        return str(error)
    return ""


def _without(words: Sequence[str], flags: set[str]) -> list[str]:
    """Return words without flags and their values."""
    kept: list[str] = []
    skipping = False
    for word in words:
        flag, joined, _ = word.partition("=")
        if flag in flags:
            skipping = not joined
        elif not (skipping and not word.startswith("--")):
            skipping = False
            kept.append(word)
        else:
            skipping = False
    return kept


def _pending(path: Path) -> dict[str, Any]:
    """Return what another page asked for that was not taken yet."""
    try:
        return read_record(path, "request", None)
    except InputError:
        return {}

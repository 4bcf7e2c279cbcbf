"""The log that `convert` keeps beside a result. Light: the workbench reads it as well."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from utils.records import read_lines


def log_of(result: Path) -> Path:
    """Return where `convert` logs the runs that made a result."""
    return result.with_name(result.name + "_log.jsonl")


def options_that_made(result: Path) -> Mapping[str, Any]:
    """Return the options of the newest finished run; empty if the log does not say."""
    options: Mapping[str, Any] = {}
    finished: Mapping[str, Any] | None = None
    for record in _records(log_of(result)):
        if record.get("event") == "begun" and isinstance(record.get("options"), dict):
            options = record["options"]
        elif record.get("event") == "finished":
            finished = options
    # of a run that began later and was stopped, there is no video yet
    return options if finished is None else finished


def _records(log: Path) -> Iterator[dict[str, Any]]:
    with suppress(OSError):
        yield from read_lines(log)

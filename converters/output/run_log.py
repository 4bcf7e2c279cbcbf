"""One run at a time for each result, and a log of the runs beside it."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from utils.errors import InputError
from utils.files import no_link, remove_leftovers
from utils.lock import locked
from utils.video.container import writing


@contextmanager
def output_lock(paths: Iterable[Path]) -> Iterator[None]:
    """Keep other runs away from results, by a lock file beside each.

    Raises
    ------
    InputError
        If another run is writing one of them.
    """
    with ExitStack() as stack:
        for path in paths:
            with writing(path):
                path.parent.mkdir(parents=True, exist_ok=True)
            remove_leftovers(path.parent)
            taken = InputError(
                f'another convert is at work on "{path}"; wait until it ends, or name another '
                "place for the result"
            )
            stack.enter_context(locked(lock_file(path), taken))
        yield


def lock_file(path: Path) -> Path:
    """Return the lock file of a result."""
    return path.with_name(f".{path.name}.lock")


def take_log(part: Path, output: Path) -> None:
    """Move the lines in the log of a part to that of the whole output."""
    path, whole = (no_link(each.with_name(each.name + "_log.jsonl")) for each in (part, output))
    if path.is_file():
        with whole.open("a", encoding="utf-8") as file:
            file.write(path.read_text(encoding="utf-8"))
        path.unlink()


def log(output: Path, event: str, **facts: object) -> None:
    """Add a line to the log of an output's runs, `<output>_log.jsonl` beside it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    path = no_link(output.with_name(output.name + "_log.jsonl"))
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps({"time": now, "event": event, **facts}, ensure_ascii=False) + "\n")

"""Whether a video got its name before its run was killed, as the journal of its parts tells."""

from contextlib import suppress
from pathlib import Path

from converters.output.journal import JOURNAL
from utils.files import Manifest, no_link

END = "*"  # in the journal: all parts are complete


def parts_dir(video: Path) -> Path:
    """Return the folder of a video's parts."""
    return no_link(video.with_name(video.name + "_parts"))


def remove_empty_parts(video: Path) -> None:
    """Remove the folder of a video's parts if a run was killed when only that was left to do."""
    with suppress(OSError):  # not empty, or not there
        parts_dir(video).rmdir()


def record_name(manifest: Manifest, path: Path, file: Path) -> None:
    """Record that `file` is about to be renamed to `path`."""
    named = {**_named(manifest), str(path.absolute()): _state(file)}
    manifest.add(**{**manifest.done.get(END, {"item": END}), "named": named})


def is_named(manifest: Manifest, path: Path) -> bool:
    """Whether `path` is the file that was to get that name."""
    return path.is_file() and _named(manifest).get(str(path.absolute())) == _state(path)


def was_named(result: Path, path: Path) -> bool:
    """Whether a run that was killed afterwards gave `path` to its result, or to its masks."""
    return is_named(Manifest(parts_dir(result) / JOURNAL, None), path)


def _named(manifest: Manifest) -> dict[str, object]:
    named = manifest.done.get(END, {}).get("named")
    return named if isinstance(named, dict) else {}


def _state(path: Path) -> list[int]:
    """Return a file's size and time of change, which a new name leaves as they are."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]

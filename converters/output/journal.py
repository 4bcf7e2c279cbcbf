"""Continuing an earlier run into a folder, and never mixing the results of two runs."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from utils.errors import InputError
from utils.files import Manifest, is_image, move_to_trash, remove_incomplete, trash_dir

JOURNAL = ".convert.jsonl"


@dataclass(frozen=True, eq=False)
class RunIdentity:
    """What tells a run from others: the results of runs that differ are never mixed.

    Attributes
    ----------
    header : dict
        JSON values that two runs must share for one to continue the other.
    look_fingerprint : callable or None
        Name of a frame -> str that changes with the frame's look; None when the header has the
        looks of all frames.
    """

    header: dict[str, object]
    look_fingerprint: Callable[[str], str] | None = None


class Journal:
    """The list of finished frames, kept in the output folder.

    A frame whose look has changed, or whose image was removed, does not count as finished.

    Parameters
    ----------
    folder : Path
        The output.
    identity : RunIdentity
        The run that wants to continue there.
    overwrite : bool
        Whether to move the images of other runs to the folder's trash.

    Attributes
    ----------
    continues : bool
        Whether an earlier run with the same identity has begun there.
    finished : int
        How many frames are finished.

    Raises
    ------
    InputError
        If the folder holds images of another run, or of something else, and `overwrite` is not set.
    """

    def __init__(self, folder: Path, identity: RunIdentity, overwrite: bool = False) -> None:
        self.folder = folder
        self._fingerprint = identity.look_fingerprint
        self._files = list(folder.iterdir()) if folder.is_dir() else []
        images = [path for path in self._files if is_image(path)]
        if overwrite:
            for path in images:
                move_to_trash(path)
            (folder / JOURNAL).unlink(missing_ok=True)
            images = []
        self._manifest = Manifest(folder / JOURNAL, identity.header)
        self.continues = self._manifest.continues
        if images and not self.continues:
            raise InputError(
                f'"{folder}" holds images of another run, with other settings, faces or weights; '
                f'use --overwrite (they go to "{trash_dir(folder).name}") or another --output-dir'
            )
        present = {path.stem for path in images}
        self._done = {
            name
            for name, facts in self._manifest.done.items()
            if Path(name).stem in present and facts.get("look") == self._look(name).get("look")
        }
        self.finished = len(self._done)

    def __enter__(self) -> "Journal":
        remove_incomplete(self._files)
        self._manifest.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._manifest.__exit__()

    def __contains__(self, name: str) -> bool:
        return name in self._done

    def add(self, name: str, **facts: object) -> None:
        """Record that a frame is finished."""
        self._manifest.add(name, **self._look(name), **facts)

    def _look(self, name: str) -> dict[str, object]:
        return {"look": self._fingerprint(name)} if self._fingerprint else {}

"""Going on where an earlier run into a folder stopped, and never mixing two runs in one folder."""

from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from converters.blending.occlusion import OcclusionMasks
from converters.options import ConvertOptions
from facelib.faceset import Faceset
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES, Manifest, move_to_trash, remove_leftovers, trash_dir

JOURNAL = ".convert.jsonl"


class Journal:
    """The list of frames that are finished, kept in the output folder.

    Parameters
    ----------
    header : what the whole run is like
    look_fingerprint : gives a frame's look by its name; a frame whose look has changed is redone

    Raises
    ------
    InputError
        If the folder holds pictures that a run with other settings, faces or weights made, or
        something else made; unless `options.overwrite`, which moves them to the folder's trash.
    """

    def __init__(
        self,
        options: ConvertOptions,
        header: dict[str, object],
        look_fingerprint: Callable[[str], str] | None = None,
    ) -> None:
        self._stamp = look_fingerprint
        self.folder = options.output_dir
        if options.overwrite:
            self._clear()
        self._manifest = Manifest(self.folder / JOURNAL, header)
        if not self._manifest.continues and self._pictures():
            raise InputError(
                f'"{self.folder}" holds pictures of another run, with other settings, faces or '
                f'weights; use --overwrite (they go to "{trash_dir(self.folder).name}") or '
                "another --output-dir"
            )
        present = {path.stem for path in self._pictures()}
        # a picture that somebody has removed is made again
        self._done = {
            name
            for name, facts in self._manifest.done.items()
            if name.rpartition(".")[0] in present
            and (not look_fingerprint or facts.get("look") == look_fingerprint(name))
        }
        self.finished = len(self._done)

    def __enter__(self) -> "Journal":
        remove_leftovers(self.folder)
        self._manifest.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._manifest.__exit__()

    def __contains__(self, name: str) -> bool:
        return name in self._done

    def add(self, name: str, **facts: object) -> None:
        """Record that a frame is finished."""
        look = {"look": self._stamp(name)} if self._stamp else {}
        self._manifest.add(name, **look, **facts)

    def _pictures(self) -> list[Path]:
        if not self.folder.is_dir():
            return []
        return [
            path
            for path in self.folder.iterdir()
            if path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")
        ]

    def _clear(self) -> None:
        for path in self._pictures():
            move_to_trash(path)
        (self.folder / JOURNAL).unlink(missing_ok=True)


def run_header(options: ConvertOptions, faceset: Faceset, model: str) -> dict[str, object]:
    """Return all but the looks that decides what frames are like; runs that differ never mix."""
    seen = blake2b(digest_size=8)
    for _, info in faceset:
        seen.update(f"{info.source_name}\0{info.face_index}\0".encode("utf-8", "surrogatepass"))
        seen.update(info.source_landmarks.tobytes())
    masks = OcclusionMasks(options.mask_dir).digest() if options.mask_dir else None
    return {
        "input": options.input_dir.name,
        "faces": seen.hexdigest(),
        "model": model,
        "obstructions": masks,
        "files": f"{options.image_format}, {'marked' if options.provenance else 'not marked'}",
    }

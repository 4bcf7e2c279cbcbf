"""Going on where an earlier run into a folder stopped, and never mixing two runs in one folder."""

from hashlib import blake2b
from pathlib import Path
from types import TracebackType

from converters.options import ConvertOptions, Look
from facelib.faceset import Faceset
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES, Manifest, move_to_trash, remove_leftovers, trash_dir
from utils.options import options_of, to_json

JOURNAL = ".convert.jsonl"


class Journal:
    """The list of frames that are finished, kept in the output folder.

    Raises
    ------
    InputError
        If the folder holds pictures that a run with other settings, faces or weights made, or
        something else made; unless `options.overwrite`, which moves them to the folder's trash.
    """

    def __init__(self, options: ConvertOptions, header: dict[str, object]) -> None:
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
        self._done = {name for name in self._manifest.done if name.rpartition(".")[0] in present}
        self.finished = len(self._done)

    def __enter__(self) -> "Journal":
        remove_leftovers(self.folder)
        self._manifest.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._manifest.__exit__(kind, error, trace)

    def __contains__(self, name: str) -> bool:
        return name in self._done

    def add(self, name: str, **facts: object) -> None:
        """Record that a frame is finished."""
        self._manifest.add(name, **facts)

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
    """Return all that decides what the frames look like; runs that differ are never mixed."""
    values = to_json(options)
    look = {option.name: values[option.name] for option in options_of(Look)}
    seen = blake2b(digest_size=8)
    for _, info in faceset:
        seen.update(f"{info.source_name}\0{info.face_index}\0".encode("utf-8", "surrogatepass"))
        seen.update(info.source_landmarks.tobytes())
    return {
        "look": look,
        "input": options.input_dir.name,
        "faces": seen.hexdigest(),
        "model": model,
    }

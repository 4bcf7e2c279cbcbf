"""What a run is to write, checked before anything slow begins."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from converters.look import Look, has_alpha
from converters.output.naming import remove_empty_parts, was_named
from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, require_new
from utils.provenance.c2pa import Marker
from utils.video.codecs import CODECS, EncoderSettings, container_of


@dataclass(frozen=True, eq=False)
class OutputRequest:
    """Where the result goes and in what format.

    Attributes
    ----------
    path : Path
        A folder of images, or a video.
    encoder : EncoderSettings
        How a video is encoded.
    rate : Fraction
        Frames per second of a video.
    encoding : mapping of str to object
        The encoder settings as the user gave them, for the journal: parts of a video made with
        others do not fit together.
    mask_path : Path or None
        Where the masks go, a folder or a video like `path`; None: they are not written.
    image_format : str
        "png" or "jpg", for images in a folder.
    wants_16_bit : bool
        Whether more than 8 bits per channel are written.
    overwrite : bool
        Whether earlier results may be replaced.
    marker : Marker or None
        Marks and signs the result; None: it stays unmarked.
    notes : sequence of str
        What the format costs the footage, for the report.
    """

    path: Path
    encoder: EncoderSettings
    rate: Fraction
    encoding: Mapping[str, object]
    mask_path: Path | None = None
    image_format: str = "png"
    wants_16_bit: bool = False
    overwrite: bool = False
    marker: Marker | None = None
    notes: Sequence[str] = ()

    @property
    def paths(self) -> list[Path]:
        """Everything that is written: the result, and the masks if they are wanted."""
        return [path for path in (self.path, self.mask_path) if path]

    @property
    def is_video(self) -> bool:
        """Whether the result is a video."""
        return is_video(self.path)

    @property
    def debug_dir(self) -> Path:
        """Where the intermediate images of --debug go."""
        name = self.path.stem if self.is_video else self.path.name
        return self.path.with_name(name + "_debug")

    def check(self, inputs: Mapping[str, Path]) -> None:
        """Refuse an output that would destroy an input or a finished video, or cannot be written.

        Parameters
        ----------
        inputs : mapping of str to Path
            What the run reads, by the flag that names it.

        Raises
        ------
        UsageError, InputError
        """
        for path in self.paths:
            for flag, folder in inputs.items():
                if path.resolve() == folder.resolve():
                    raise UsageError(f"{path} is also the {flag}")
            if not is_video(path) and path.exists() and not path.is_dir():
                raise InputError(
                    f'"{path}" is a file, but no video (such as result.mp4); name another place'
                )
        mask = self.mask_path
        if mask is not None and (is_video(mask) != self.is_video or mask == self.path):
            raise UsageError(
                "--mask-output: Expected a folder if the result is one, else a video, and not the "
                f"same one. Received: {mask}"
            )
        if self.is_video:
            remove_empty_parts(self.path)
            for path in self.paths:
                container_of(path.suffix, self.encoder, path.name)
                require_new(path, self.overwrite or was_named(self.path, path))

    def check_looks(self, looks: Iterable[Look]) -> None:
        """Refuse looks with an alpha channel if the result cannot have one.

        Raises
        ------
        UsageError
        """
        if not any(has_alpha(look) for look in looks):
            return
        if self.image_format == "jpg":
            raise UsageError(
                "a JPEG has no alpha channel: for --alpha or --raw-mode rgb+mask use png"
            )
        if self.is_video and not self.encoder.kind.has_alpha:
            fitting = ", ".join(name for name, kind in CODECS.items() if kind.has_alpha)
            raise UsageError(
                f"{self.encoder.codec} has no alpha channel: for --alpha or --raw-mode rgb+mask, "
                f"--output-dir must be a folder, or --codec one of: {fitting}"
            )


def is_video(path: Path) -> bool:
    """Whether an output path means a video."""
    return path.suffix.lower() in VIDEO_SUFFIXES

"""What a run is to write, checked before anything slow begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

from converters.checks import is_video
from utils.provenance.c2pa import Marker
from utils.shares import Share, Split
from utils.video.codecs import EncoderSettings


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
    is_part : bool
        Whether a join completes it: images are not signed yet, and a video stays in pieces.
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
    is_part: bool = False

    @property
    def paths(self) -> list[Path]:
        """Everything that is written: the result, and the masks if they are wanted."""
        return [path for path in (self.path, self.mask_path) if path]

    @property
    def is_video(self) -> bool:
        """Whether the result is a video."""
        return is_video(self.path)

    def of_share(self, share: Share) -> "OutputRequest":
        """Return the request for a share of the result."""
        path = Split(self.path).output_of(share)
        masks = path.with_name(f"{path.stem}_masks{path.suffix}") if self.mask_path else None
        return replace(self, path=path, mask_path=masks, is_part=True)

    @property
    def debug_dir(self) -> Path:
        """Where the intermediate images of --debug go."""
        name = self.path.stem if self.is_video else self.path.name
        return self.path.with_name(name + "_debug")

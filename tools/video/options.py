"""Options of the video tools. Imports nothing heavy: `--help` needs it."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import opt
from utils.stage_options import SideOptions, StageOptions
from utils.video import timecode
from utils.video.options import EncoderOptions

FROM = f"first frame: {timecode.HELP}"
TO = "last frame number (inclusive), or end time (exclusive)"
OVERWRITE = "replace an existing output"


@dataclass(frozen=True, kw_only=True)
class ExtractFramesOptions(SideOptions):
    """Options of `video extract`."""

    input_file: Path = opt(
        help="the video",
        kind="footage",
        place="data_{side}.*",
        group="Files",
        aliases=("--input-dir",),
    )
    output_dir: Path = opt(help="folder for the images", place="data_{side}", group="Files")
    overwrite: bool = opt(
        False, help="start over instead of continuing; old images go to the trash", group="Files"
    )
    from_: str | None = opt(None, help=FROM)
    to: str | None = opt(None, help=TO)
    every: int = opt(1, help="extract only every Nth frame", low=1, high=100000)
    image_format: str = opt("png", help="image format; png is lossless", choices=("png", "jpg"))
    quality: int = opt(95, help="JPEG quality", low=1, high=100)
    bit_depth: str = opt(
        "8", help="bits per channel; 16 keeps those of a 10-bit video, as png", choices=("8", "16")
    )


@dataclass(frozen=True, kw_only=True)
class ImageFilesOptions(StageOptions):
    """Files of `video make`."""

    input_dir: Path = opt(help="folder of images", group="Files")
    output_file: Path = opt(help="the video: .mp4, .m4v, .mov or .mkv", group="Files")
    reference_file: Path | None = opt(
        None, help="original video, for timestamps (by frame number) and sound", group="Files"
    )
    timestamps: Path | None = opt(
        None,
        help="file of times from `video extract` (default: timestamps.json in the folder, if any)",
        group="Files",
    )
    first_number: int | None = opt(
        None,
        help="number in the name of the original's first frame (default: 0, or 1 if all are there)",
        low=0,
        group="Files",
    )
    audio_file: Path | None = opt(None, help="file with sound, used from its start", group="Files")
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    rate: float | None = opt(
        None,
        help="frames per second, 29.97 for 30000/1001 (default: known timestamps, else 25)",
        low=0.01,
        high=1000,
    )


@dataclass(frozen=True, kw_only=True)
class MakeOptions(EncoderOptions, ImageFilesOptions):
    """Options of `video make`."""


@dataclass(frozen=True, kw_only=True)
class SpanOptions(StageOptions):
    """Files of `video cut`."""

    input_file: Path = opt(
        help="the video", kind="footage", group="Files", aliases=("--input-dir",)
    )
    output_file: Path | None = opt(
        None, help="video for the part (default: <name>_cut beside the video)", group="Files"
    )
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    from_: str | None = opt(None, help=FROM, ask=True)
    to: str | None = opt(None, help=TO, ask=True)
    snap: bool = opt(False, help="extend the part to key frames so that nothing is re-encoded")


@dataclass(frozen=True, kw_only=True)
class CutOptions(EncoderOptions, SpanOptions):
    """Options of `video cut`; the encoder's apply only when it has to re-encode."""


@dataclass(frozen=True, kw_only=True)
class FootageOptions(SideOptions):
    """Files of `video denoise`."""

    input_dir: Path = opt(
        help="video or folder of frames",
        kind="footage",
        place="data_{side}.*",
        group="Files",
        aliases=("--input-file",),
    )
    output_dir: Path = opt(
        help="video or folder for the result",
        place="data_{side}_denoised.mp4",
        group="Files",
        aliases=("--output-file",),
    )
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    strength: float = opt(
        3.0, help="noise level: standard deviation in gray levels", low=0.5, high=10
    )
    frames: int = opt(9, help="number of frames to average over, odd", low=5, high=33)
    rate: float = opt(
        25.0, help="frames per second of a video made from a folder", low=0.01, high=1000
    )


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions(EncoderOptions, FootageOptions):
    """Options of `video denoise`."""

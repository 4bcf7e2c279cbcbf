"""Options of the video tools. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import StageOptions, opt
from utils.video import timecode
from utils.video.options import EncoderOptions

TO = "where to end: the last frame's number, or the time that is not shown any more"
OVERWRITE = "replace what is there"


@dataclass(frozen=True, kw_only=True)
class ExtractFramesOptions(StageOptions):
    """Options of `video extract`."""

    input_file: Path = opt(help="the video", group="Files", aliases=("--input-dir",))
    output_dir: Path = opt(help="the folder its pictures go to", group="Files")
    overwrite: bool = opt(
        False, help="start anew; without it a folder of the same video is continued", group="Files"
    )
    from_: str | None = opt(None, help=f"where to begin: {timecode.HELP}")
    to: str | None = opt(None, help=TO)
    every: int = opt(1, help="write every Nth frame only", low=1, high=100000)
    image_format: str = opt("png", help="png loses nothing", choices=("png", "jpg"))
    quality: int = opt(95, help="of jpg", low=1, high=100)
    bit_depth: str = opt(
        "8", help="bits a channel; 16 keeps all of a video that has more than 8, as png",
        choices=("8", "16"),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class PicturesOptions(StageOptions):
    """Files of `video make`."""

    input_dir: Path = opt(help="the folder of pictures", group="Files")
    output_file: Path = opt(help="the video: .mp4, .m4v, .mov or .mkv", group="Files")
    reference_file: Path | None = opt(
        None, help="the video the pictures come from: gives their times, by the numbers in their "
        "names, and the sound", group="Files",
    )  # fmt: skip
    timestamps: Path | None = opt(
        None, help="the file with their times that `video extract` wrote (default: "
        "timestamps.json in the folder, if it is there)", group="Files",
    )  # fmt: skip
    audio_file: Path | None = opt(None, help="a file with sound, from its start", group="Files")
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    rate: float | None = opt(
        None, help="frames per second, whatever times are known (default: those times, else 25); "
        "29.97 and the like mean 30000/1001", low=0.01, high=1000,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class MakeOptions(EncoderOptions, PicturesOptions):
    """Options of `video make`."""


@dataclass(frozen=True, kw_only=True)
class SpanOptions(StageOptions):
    """Files of `video cut`."""

    input_file: Path = opt(help="the video", group="Files", aliases=("--input-dir",))
    output_file: Path = opt(help="where the part of it goes", group="Files")
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    from_: str | None = opt(None, help=f"where to begin: {timecode.HELP}")
    to: str | None = opt(None, help=TO)
    snap: bool = opt(False, help="move the cuts outwards to where nothing has to be encoded anew")


@dataclass(frozen=True, kw_only=True)
class CutOptions(EncoderOptions, SpanOptions):
    """Options of `video cut`; the coding matters only where it has to be encoded anew."""


@dataclass(frozen=True, kw_only=True)
class FootageOptions(StageOptions):
    """Files of `video denoise`."""

    input_dir: Path = opt(
        help="a video or a folder of frames in order", group="Files", aliases=("--input-file",)
    )
    output_dir: Path = opt(help="a video or a folder", group="Files", aliases=("--output-file",))
    overwrite: bool = opt(False, help=OVERWRITE, group="Files")
    strength: float = opt(
        3.0, help="how much noise there is: its deviation in gray levels", low=0.5, high=10
    )
    frames: int = opt(9, help="over how many frames is averaged, an odd number", low=5, high=33)
    rate: float = opt(
        25.0, help="frames per second when a folder becomes a video", low=0.01, high=1000
    )


@dataclass(frozen=True, kw_only=True)
class DenoiseOptions(EncoderOptions, FootageOptions):
    """Options of `video denoise`."""

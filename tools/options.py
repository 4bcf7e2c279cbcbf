"""Options of the small commands. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.recognizers import RECOGNIZERS
from utils.options import DeviceOptions, StageOptions, opt


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(DeviceOptions):
    """What `evaluate` compares and how."""

    dst: Path = opt(help="the footage as it was before the swap: a video or a folder of frames")
    result: Path = opt(help="what convert made of it: a video or a folder of frames")
    src_aligned: Path = opt(help="folder of aligned faces of the person who was put in")
    dst_aligned: Path | None = opt(
        None, help="folder of aligned faces of dst: says which face of a frame was swapped"
    )
    model_dir: Path | None = opt(
        None, help="model folder, to measure how well it rebuilds dst faces it never trained on"
    )
    output: Path | None = opt(None, help="write the figures to this JSON file")
    every: int = opt(1, help="measure every Nth frame; above 1, jitter and flicker are left out",
                     low=1)  # fmt: skip
    baseline: bool = opt(
        True, help="measure a trivial swap as well (src's average face pasted in), to compare with"
    )
    detector: str = opt("yunet", help="what finds the faces", choices=DETECTORS.names)
    landmarker: str = opt("mesh", help="what finds the landmarks", choices=LANDMARKERS.names)
    recognizer: str = opt("sface", help="what judges identity", choices=RECOGNIZERS.names)


@dataclass(frozen=True, kw_only=True)
class ExportOptions(StageOptions):
    """What `util export` writes."""

    model_dir: Path = opt(help="folder of the trained model")
    output: Path = opt(help="file to write; its suffix chooses the format: .keras or .onnx")
    overwrite: bool = opt(False, help="replace the file if it exists")


@dataclass(frozen=True, kw_only=True)
class ImportOptions(StageOptions):
    """Where the ancestor's faces are."""

    input_dir: Path = opt(help="folder of faces that DeepFaceLab extracted, PNG or JPEG")
    output_dir: Path | None = opt(
        None, help="folder the faces go to (default: the input's name with _imported)"
    )


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(StageOptions):
    """Options of `verify`."""

    files: tuple[Path, ...] = opt(
        help="pictures and videos, or folders of them", group="Files", positional=True
    )

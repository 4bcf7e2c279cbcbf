"""Options of `evaluate`. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.recognizers import RECOGNIZERS
from utils.options import DeviceOptions, opt


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

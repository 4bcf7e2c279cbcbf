"""Options of `evaluate`. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.recognizers import RECOGNIZERS
from utils.options import DeviceOptions, opt


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(DeviceOptions):
    """What `evaluate` compares, and how."""

    dst: Path = opt(help="original footage: a video or a folder of frames")
    result: Path = opt(help="converted footage: a video or a folder of frames")
    src_aligned: Path = opt(help="folder of aligned faces of the person swapped in")
    dst_aligned: Path | None = opt(
        None, help="folder of aligned dst faces; selects which face of a frame was swapped"
    )
    model_dir: Path | None = opt(
        None, help="model folder; measures how well it reconstructs held-out dst faces"
    )
    output: Path | None = opt(None, help="JSON file for the metrics")
    every: int = opt(1, help="measure every Nth frame; jitter and flicker need every frame", low=1)
    baseline: bool = opt(
        True, help="also measure a baseline, src's average face pasted in, for comparison"
    )
    detector: str = opt(
        "yunet", help="face detector, see main.py help detectors", choices=DETECTORS.names
    )
    landmarker: str = opt(
        "mesh",
        help="network that places the landmarks, see main.py help landmarkers",
        choices=LANDMARKERS.names,
    )
    recognizer: str = opt(
        "sface",
        help="network that compares identities, see main.py help recognizers",
        choices=RECOGNIZERS.names,
    )

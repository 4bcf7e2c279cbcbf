"""Options of `evaluate`. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.recognizers import RECOGNIZERS
from utils.errors import UsageError
from utils.options import opt
from utils.stage_options import EngineOptions, WorkspaceOptions


@dataclass(frozen=True, kw_only=True)
class EvaluateOptions(EngineOptions, WorkspaceOptions):
    """What `evaluate` compares, and how."""

    dst: Path = opt(
        help="original footage: a video or a folder of frames", kind="footage", place="data_dst.*"
    )
    result: Path = opt(
        help="converted footage: a video or a folder of frames", kind="footage", place="result.mp4"
    )
    src_aligned: Path = opt(
        help="folder of aligned faces of the person swapped in",
        kind="faces",
        place="data_src/aligned",
    )
    dst_aligned: Path | None = opt(
        None,
        help="folder of aligned dst faces; selects which face of a frame was swapped",
        kind="faces",
        place="data_dst/aligned",
    )
    model_dir: Path | None = opt(
        None,
        help="model folder; measures how well it reconstructs held-out dst faces",
        kind="model",
        place="model",
    )
    output: Path | None = opt(None, help="JSON file for the metrics", place="evaluation.json")
    every: int = opt(1, help="measure every Nth frame; jitter and flicker need every frame", low=1)
    baseline: bool = opt(
        True, help="also measure a baseline, src's average face pasted in, for comparison"
    )
    detector: str = opt(
        "yunet",
        help="face detector, see main.py help detectors",
        choices=DETECTORS.about,
        kind="network",
    )
    landmarker: str = opt(
        "mesh",
        help="network that places the landmarks, see main.py help landmarkers",
        choices=LANDMARKERS.about,
        kind="network",
    )
    recognizer: str = opt(
        "sface",
        help="network that compares identities, see main.py help recognizers",
        choices=RECOGNIZERS.about,
        kind="network",
    )


def check(options: EvaluateOptions) -> None:
    """Refuse options that contradict each other.

    Raises
    ------
    UsageError
    """
    if options.model_dir is not None and options.dst_aligned is None:
        raise UsageError("--model-dir needs --dst-aligned, the faces that the model reconstructs")

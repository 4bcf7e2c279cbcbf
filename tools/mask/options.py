"""Options of the commands about masks. Imports nothing heavy: `--help` needs it."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from utils.options import opt
from utils.stage_options import EngineOptions, SideOptions


class FaceFilter(Enum):
    """Which faces to draw masks on."""

    ALL = "all"
    SUGGESTED = "suggested"
    LABELED = "labeled"


@dataclass(frozen=True, kw_only=True)
class ApplyMasksOptions(EngineOptions, SideOptions):
    """Options of `mask apply`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    model_dir: Path = opt(
        help="folder of the trained mask model", kind="mask model", place="mask_model"
    )
    batch_size: int = opt(
        8, help="faces the model predicts at once", low=1, high=256, group="Device"
    )


@dataclass(frozen=True, kw_only=True)
class RemoveMasksOptions(SideOptions):
    """Options of `mask remove`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    labels: bool = opt(False, help="remove what was drawn by hand, too")


@dataclass(frozen=True, kw_only=True)
class DrawMasksOptions(EngineOptions, SideOptions):
    """Options of `util draw-masks`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    model_dir: Path | None = opt(
        None,
        help="folder of a trained mask model, which suggests masks, and faces to draw next",
        kind="mask model",
        place="mask_model",
    )
    faces: FaceFilter = opt(
        FaceFilter.ALL, help="all, labeled, or suggested: those that the model is least sure of"
    )
    remote: bool = opt(False, help="events on stdin, JSON lines on stdout, and no window")

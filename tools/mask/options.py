"""Options of `mask apply` and `mask remove`. Imports nothing heavy: `--help` needs it."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import DeviceOptions, SideOptions, opt


@dataclass(frozen=True, kw_only=True)
class ApplyMasksOptions(DeviceOptions, SideOptions):
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

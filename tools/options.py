"""Options of the small commands. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from models import MODELS
from utils.options import opt
from utils.stage_options import StageOptions, WorkspaceOptions


@dataclass(frozen=True, kw_only=True)
class StatusOptions(WorkspaceOptions):
    """Options of `status`."""


@dataclass(frozen=True, kw_only=True)
class ClearWorkspaceOptions(WorkspaceOptions):
    """Options of `util clear-workspace`."""

    yes: bool = opt(False, help="do not ask first")


@dataclass(frozen=True, kw_only=True)
class RunOptions(WorkspaceOptions):
    """Options of `run`."""

    minutes: float = opt(
        30.0, help="stop training after this many minutes, earlier runs included", low=0.1
    )
    model: str | None = opt(
        None, help="model of a new training; none: train's default", choices=MODELS.about
    )


@dataclass(frozen=True, kw_only=True)
class VerifyOptions(StageOptions):
    """Options of `verify`."""

    files: tuple[Path, ...] = opt(
        help="images and videos, or folders of them", group="Files", positional=True
    )


@dataclass(frozen=True, kw_only=True)
class WeightsOptions(StageOptions):
    """Where `weights` takes the networks from."""

    from_dir: Path | None = opt(
        None, help="folder of downloaded packages, to work without a connection"
    )

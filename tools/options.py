"""Options of the small commands. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import StageOptions, opt


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

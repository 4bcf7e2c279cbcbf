"""Options that stages have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from utils.options import DEVICE, GENERAL, MACHINES, opt

AUTO = "auto"


@dataclass(frozen=True, kw_only=True)
class StageOptions:
    """Options that every stage has."""

    debug: bool = opt(
        False,
        help="log details, and print a traceback when something fails",
        group=GENERAL,
    )
    ask: bool = opt(True, help="ask for settings when run at a terminal", group=GENERAL)
    progress: str = opt(
        "text",
        help="print text, or JSON lines for other programs, which are asked nothing",
        choices=("text", "json"),
        group=GENERAL,
    )

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the settings that an earlier run with these flags saved, or None."""
        return None

    @classmethod
    def asks_nothing(cls, given: Mapping[str, Any]) -> bool:
        """Whether these flags leave nothing to ask for."""
        return False


@dataclass(frozen=True, kw_only=True)
class WorkspaceOptions(StageOptions):
    """Options of the stages that take folders from a workspace."""

    workspace: Path | None = opt(
        None,
        help="folder of data_src, data_dst, model; none: the current one or `workspace` in it",
        group=GENERAL,
    )


@dataclass(frozen=True, kw_only=True)
class SideOptions(WorkspaceOptions):
    """Options of the stages that work on one side of the workspace."""

    side: str | None = opt(
        None,
        help="whose folders in the workspace: src, the face to put in; dst, the footage",
        choices=("src", "dst"),
        positional=True,
    )


@dataclass(frozen=True, kw_only=True)
class ShareOptions(StageOptions):
    """Options of the stages that several machines can share (`utils.shares`)."""

    part: str | None = opt(
        None,
        help="do one part here, such as 3/8, others elsewhere; join: put them together",
        group=MACHINES,
    )
    ray: str | None = opt(
        None,
        help="spread parts over the Ray cluster at HOST:PORT; without a value: on this machine",
        bare="local",
        group=MACHINES,
    )


@dataclass(frozen=True, kw_only=True)
class DeviceOptions(StageOptions):
    """Options of the stages that can use a GPU."""

    cpu_only: bool = opt(False, help="do not use a GPU", group=DEVICE)
    force_gpu_idx: int | None = opt(None, help="use this GPU, counted from 0", group=DEVICE, low=0)


@dataclass(frozen=True, kw_only=True)
class EngineOptions(DeviceOptions):
    """Options of the stages that run networks of Keras, on either engine."""

    engine: str = opt(
        AUTO,
        help="library that runs the networks",
        choices={
            AUTO: "the one that can use this machine's GPU; else TensorFlow if it is installed",
            "tensorflow": "TensorFlow",
            "torch": "PyTorch",
        },
        group=DEVICE,
    )

"""Options of `workbench` and `queue`. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import opt
from utils.stage_options import WorkspaceOptions

PORT = 8710


@dataclass(frozen=True, kw_only=True)
class WorkbenchOptions(WorkspaceOptions):
    """Options of `workbench`."""

    port: int = opt(PORT, help="port of the page", low=0, high=65535, zero="any", group="Server")
    open: bool = opt(True, help="open the page in the browser", group="Server")
    host: str | None = opt(
        None,
        help="address to serve to other machines, behind a password (default: this machine only)",
        group="Server",
    )
    password_file: Path | None = opt(
        None, help="file with the password for --host; otherwise it is asked for", group="Server"
    )


@dataclass(frozen=True, kw_only=True)
class QueueAddOptions(WorkspaceOptions):
    """Options of `queue add`."""

    words: tuple[str, ...] = opt(
        help="the command to run later; put -- before one that has flags", positional=True
    )
    after: tuple[int, ...] = opt((), help="numbers of jobs that must succeed first", low=1)
    retries: int = opt(0, help="how often to run it again when it fails", low=0, high=100)


@dataclass(frozen=True, kw_only=True)
class QueueListOptions(WorkspaceOptions):
    """Options of `queue list`."""


@dataclass(frozen=True, kw_only=True)
class QueueRunOptions(WorkspaceOptions):
    """Options of `queue run`."""

    device: str = opt(
        "default",
        help="run the jobs of this device: default, gpu1 (--force-gpu-idx 1), gpus (--multi-gpu), "
        "cpu (--cpu-only)",
    )
    resume: bool = opt(True, help="continue jobs that were interrupted")


@dataclass(frozen=True, kw_only=True)
class QueueCancelOptions(WorkspaceOptions):
    """Options of `queue cancel`."""

    jobs: tuple[int, ...] = opt(
        help="numbers of jobs; a running one is stopped, and keeps what is finished",
        positional=True,
        low=1,
    )


@dataclass(frozen=True, kw_only=True)
class QueueMoveOptions(WorkspaceOptions):
    """Options of `queue move`."""

    job: int = opt(help="number of a job that waits", positional=True, low=1)
    before: int | None = opt(
        None, help="number of the job to run it before (default: after all others)", low=1
    )


@dataclass(frozen=True, kw_only=True)
class QueueRetryOptions(WorkspaceOptions):
    """Options of `queue retry`."""

    jobs: tuple[int, ...] = opt(
        help="numbers of jobs that have ended, to run again", positional=True, low=1
    )

"""The `extract` stage as the command line runs it: a worker process under supervision.

Detectors, decoders and encoders are native code: when one crashes or hangs, its process is lost.
The worker reports when it starts and finishes processing something. One that dies or makes no
progress is replaced; the new one continues from the journal on disk and processes what the other
was working on one at a time. What is being processed when a second worker dies is left out and
named in the report.

The worker ends with this process, however that ends. Ctrl-C, SIGTERM and SIGHUP come here and are
passed on.
"""

import _thread
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from types import TracebackType

from extractor.manual import WINDOW
from extractor.options import ExtractOptions
from utils import console, native_output, signals
from utils.console import Report
from utils.errors import ExitStatus, Interrupted, UserError, portable
from utils.shares import JOIN

POLL = 0.5  # seconds to wait for a message at a time
HEARTBEAT = 0.2  # seconds between two signs of life
WAITING = 0.05
"""A worker that uses a smaller share of the processor's time is waiting for something."""
STARTUP = 300  # seconds for loading the libraries, whatever the patience
SHUTDOWN = 10.0  # seconds that a worker has to end
NO_FRAME = "no frame"

Message = str | float | Report | BaseException
"""What a worker sends with each kind of message: a name, its processor time, a report, an error."""


@dataclass
class Losses:
    """The workers that died so far.

    Attributes
    ----------
    deaths : list of str
        A sentence for each.
    suspects : set of str
        What was being processed when one died.
    left_out : dict of str to str
        What was being processed when two died, and why it must not be touched.
    """

    deaths: list[str] = field(default_factory=list)
    suspects: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, cause: str, in_flight: set[str]) -> None:
        """Suspect what was being processed when a worker died.

        Raises
        ------
        UserError
            If that was the second death with nothing to suspect.
        """
        names = ", ".join(sorted(in_flight)) or NO_FRAME
        self.deaths.append(f"{cause} while processing {names}")
        for name in in_flight or {NO_FRAME}:
            if name in self.suspects:
                self.left_out[name] = f"two workers died processing it; the second one {cause}"
            self.suspects.add(name)
        if NO_FRAME in self.left_out:
            raise UserError(
                f"the extraction worker died twice while processing no frame; the second time it "
                f"{cause}; finished frames are kept"
            )


def run(options: ExtractOptions) -> Report:
    """Extract the faces of a folder of frames or a video, replacing workers that die.

    Raises
    ------
    UserError
        As `extract.run`; or if workers die before they process anything.
    """
    if options.part == JOIN or options.ray is not None:  # no native code works on anything there
        from extractor import split

        return split.join(options) if options.part == JOIN else split.spread(options)
    losses = Losses()
    while True:
        with signals.finishing(signals.finishing_frames), ExitStack() as started:
            with signals.held():  # or a request to stop would leave it behind
                worker = started.enter_context(_Worker(options, losses))
            report = worker.wait(options.patience)
        if report is not None:
            report.notes["workers that died and were replaced"] = losses.deaths
            return report
        losses.add(worker.cause, worker.in_flight)
        console.warn(f"the worker {losses.deaths[-1]}; starting another one")
        if worker.began:  # what --overwrite discards has been discarded
            options = replace(options, overwrite=False)


class _Worker:
    """A worker process, from its start to its end.

    Attributes
    ----------
    in_flight : set of str
        What it is processing.
    began : bool
        Whether it has processed anything at all.
    cause : str
        How it died.
    """

    def __init__(self, options: ExtractOptions, losses: Losses) -> None:
        self.in_flight: set[str] = set()
        self.began = False
        self.cause = ""
        context = multiprocessing.get_context(
            "spawn"
        )  # the same on every system, and nothing inherited
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, options, losses.suspects, losses.left_out)
        self._process = context.Process(target=_run_worker, args=arguments, daemon=True)
        with signals.ignored_by_children(), native_output.heard_from_children():
            self._process.start()
        theirs.close()

    def __enter__(self) -> "_Worker":
        return self

    def wait(self, patience: int) -> Report | None:
        """Return the worker's report, or None when it died or hangs.

        It hangs when it has spent so many seconds of processor time, or waited for so long, without
        finishing or starting anything, or when its heartbeat stops for so long. So a slow worker on
        a busy machine is not mistaken for a hung one, nor one that was stopped with Ctrl-Z.

        Parameters
        ----------
        patience : int
            Seconds; 0 waits forever.

        Raises
        ------
        Exception
            What ended its work.
        """
        idle = silent = worked = 0.0
        while True:
            most = patience if self.began else max(patience, STARTUP)
            if patience and max(idle, silent) >= most and WINDOW not in self.in_flight:
                self.cause = f"made no progress for {most} seconds"
                return None
            if not self._pipe.poll(POLL):
                silent += POLL
                continue
            silent = 0.0
            try:
                kind, what = self._pipe.recv()
            except (EOFError, OSError):
                self._process.join(SHUTDOWN)
                self.cause = _describe_exit(self._process.exitcode)
                return None
            if kind == "alive":
                spent, worked = what - worked, what
                idle += min(spent, HEARTBEAT) if spent > WAITING * HEARTBEAT else HEARTBEAT
                continue
            idle = 0.0
            if kind == "report":
                report: Report = what
                return report
            if kind == "error":
                raise what
            self.began = True
            (self.in_flight.add if kind == "started" else self.in_flight.discard)(what)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it end, and kill it when it takes too long."""
        try:
            if isinstance(error, KeyboardInterrupt):
                with suppress(OSError):
                    self._pipe.send("stop")
                self._drain()
            if not self.cause:
                self._process.join(SHUTDOWN)
        finally:  # also when Ctrl-C is pressed again
            self._process.kill()
            self._process.join()

    def _drain(self) -> None:
        """Read on until it has ended, or it would block on a full pipe."""
        with suppress(EOFError, OSError):
            while self._pipe.poll(SHUTDOWN):
                self._pipe.recv()


def _describe_exit(status: int | None) -> str:
    if status is None:
        return "stopped responding"
    if status < 0:
        return f"was killed by {signal.Signals(-status).name}"
    return f"exited with status {status if status < 256 else hex(status)}"


# ------------------------------------------------------------------------------ in the worker


def _run_worker(
    pipe: Connection, options: ExtractOptions, suspects: set[str], left_out: dict[str, str]
) -> None:
    """Run the stage and report its progress."""
    signal.signal(signal.SIGTERM, signals.raise_interrupt)
    (native_output.hear if options.debug else native_output.silence)()
    sending = threading.Lock()

    def send(kind: str, what: Message) -> None:
        with sending:
            pipe.send((kind, what))

    def listener(name: str, started: bool) -> None:
        send("started" if started else "finished", name)

    try:
        threading.Thread(target=_listen, args=(pipe, send), daemon=True).start()
        # not at the top: only the worker loads OpenCV and the networks
        from extractor import extract, split
        from extractor.in_flight import InFlight

        stage = extract.run if options.part is None else split.run
        send("report", stage(options, InFlight(listener, suspects, left_out)))
    except KeyboardInterrupt:
        send("error", Interrupted())
    except Exception as problem:  # noqa: BLE001 - the parent raises it again
        send("error", Interrupted() if signals.became(problem) else portable(problem))
    finally:  # at once: native threads that are still running would print errors
        os._exit(ExitStatus.DONE)


def _listen(pipe: Connection, send: Callable[[str, Message], None]) -> None:
    """Send heartbeats until told to stop; end at once when the supervisor is gone."""
    try:
        while not pipe.poll(HEARTBEAT):
            send("alive", time.process_time())
        pipe.recv()
        _thread.interrupt_main(signal.SIGTERM)
    except (EOFError, OSError):
        os._exit(ExitStatus.INTERRUPTED)

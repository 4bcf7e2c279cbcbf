"""The `extract` stage as the command line runs it: a child process does the work, this one watches.

Detectors, decoders and encoders are native code: when one crashes or hangs, its process is lost.
The child says what it takes in hand and when it is finished with it. One that dies or makes no
progress is replaced; the new one goes on from the record on the disk and works on what was in hand,
each alone. What is in hand a second time when a child dies is left out and named in the report.

The child ends with this process, however that ends. Ctrl-C and SIGTERM come here and are passed on.
"""

import _thread
import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, NoReturn

from extractor.manual import WINDOW
from extractor.options import ExtractOptions
from utils import console
from utils.console import Report
from utils.errors import ExitStatus, Interrupted, UserError

TICK = 0.5  # seconds that are waited for a message at a time
BEAT = 0.2  # seconds between two signs of life
RESTING = 0.05
"""Of the processor's time, a child that takes less is waiting for something."""
STARTING = 300  # seconds in which the libraries are loaded, whatever the patience
PARTING = 10.0  # seconds that a child has for ending
NOTHING = "nothing"


@dataclass
class Losses:
    """What became of the children so far.

    Attributes
    ----------
    deaths : a sentence for each
    suspects : what was in hand when one died
    left_out : what was in hand twice -> why it must not be touched
    """

    deaths: list[str] = field(default_factory=list)
    suspects: set[str] = field(default_factory=set)
    left_out: dict[str, str] = field(default_factory=dict)

    def add(self, cause: str, in_hand: set[str]) -> None:
        """Blame what was in hand.

        Raises
        ------
        UserError
            If it happened twice with nothing in hand that could be left out.
        """
        names = ", ".join(sorted(in_hand)) or NOTHING
        self.deaths.append(f"{cause} with {names} in hand")
        for name in in_hand or {NOTHING}:
            if name in self.suspects:
                self.left_out[name] = f"two workers died of it, the second one {cause}"
            self.suspects.add(name)
        if NOTHING in self.left_out:
            raise UserError(
                f"the process that finds the faces died twice with nothing in hand, the second "
                f"time {cause}; what was finished is kept"
            )


def run(options: ExtractOptions) -> Report:
    """Extract the faces of a folder of frames or a video, whatever happens to who does it.

    Raises
    ------
    UserError
        As `extract.run`; or if the work cannot go on however often it is begun anew.
    """
    losses = Losses()
    while True:
        with _Child(options, losses) as child:
            report = child.wait(options.patience)
        if report is not None:
            report.notes["workers that died and were replaced"] = losses.deaths
            return report
        losses.add(child.cause, child.in_hand)
        console.warn(f"the worker {losses.deaths[-1]}; another one takes over")
        if child.began:  # what --overwrite discards is discarded
            options = replace(options, overwrite=False)


class _Child:
    """A process at work, from its start to its end.

    Attributes
    ----------
    in_hand : names of what it is working on
    began : whether it has worked on anything at all
    cause : how it died
    """

    def __init__(self, options: ExtractOptions, losses: Losses) -> None:
        self.in_hand: set[str] = set()
        self.began = False
        self.cause = ""
        context = multiprocessing.get_context("spawn")  # the same everywhere, and nothing inherited
        self._pipe, theirs = context.Pipe()
        arguments = (theirs, options, losses.suspects, losses.left_out)
        self._process = context.Process(target=_work, args=arguments, daemon=True)
        # Ctrl-C at a terminal goes to both; the child hears of it from here alone
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            self._process.start()
        finally:
            signal.signal(signal.SIGINT, before)
        theirs.close()

    def __enter__(self) -> "_Child":
        return self

    def wait(self, patience: int) -> Report | None:
        """Return the child's report, or None when it died or had to be given up.

        Patience ends when it has worked for so many seconds of processor time, or waited for so
        long, without finishing or beginning anything, or when not even a sign of life comes: a
        slow worker on a busy machine is not taken for hung, nor one that was stopped with Ctrl-Z.

        Raises
        ------
        Exception
            What ended its work.
        """
        idle = silent = worked = 0.0
        while True:
            most = patience if self.began else max(patience, STARTING)
            if patience and max(idle, silent) >= most and WINDOW not in self.in_hand:
                self.cause = f"made no progress for {most} seconds"
                return None
            if not self._pipe.poll(TICK):
                silent += TICK
                continue
            silent = 0.0
            try:
                kind, what = self._pipe.recv()
            except (EOFError, OSError):
                self._process.join(PARTING)
                self.cause = _in_words(self._process.exitcode)
                return None
            if kind == "alive":
                spent, worked = what - worked, what
                idle += min(spent, BEAT) if spent > RESTING * BEAT else BEAT
                continue
            idle = 0.0
            if kind == "report":
                report: Report = what
                return report
            if kind == "error":
                raise what
            self.began = True
            (self.in_hand.add if kind == "taken" else self.in_hand.discard)(what)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Let it end; one that does not, or that there is no time for, is ended."""
        try:
            if isinstance(error, KeyboardInterrupt):
                with suppress(OSError):
                    self._pipe.send("stop")
                self._drain()
            if not self.cause:
                self._process.join(PARTING)
        finally:  # also when somebody presses Ctrl-C again
            self._process.kill()
            self._process.join()

    def _drain(self) -> None:
        """Read on until it has ended, or it would wait for somebody who listens."""
        with suppress(EOFError, OSError):
            while self._pipe.poll(PARTING):
                self._pipe.recv()


def _in_words(status: int | None) -> str:
    if status is None:
        return "fell silent"
    if status < 0:
        return f"was ended by {signal.Signals(-status).name}"
    return f"ended with status {status if status < 256 else hex(status)}"


# ------------------------------------------------------------------------------ in the child


def _work(
    pipe: Connection, options: ExtractOptions, suspects: set[str], left_out: dict[str, str]
) -> None:
    """Do the stage's work and tell of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)
    one_at_a_time = threading.Lock()

    def send(kind: str, what: Any) -> None:  # noqa: ANN401 - a name, a report or an error
        with one_at_a_time:
            pipe.send((kind, what))

    threading.Thread(target=_listen, args=(pipe, send), daemon=True).start()
    from extractor import extract  # not at the top: only the child pays for OpenCV and the networks
    from extractor.in_flight import InFlight

    hands = InFlight(
        lambda name, taken: send("taken" if taken else "done", name), suspects, left_out
    )
    try:
        send("report", extract.run(options, hands))
    except KeyboardInterrupt:
        send("error", Interrupted())
    except Exception as problem:  # noqa: BLE001 - the parent raises it again
        send("error", _portable(problem))
    finally:  # at once: native threads that are still at work would make a noise
        os._exit(ExitStatus.DONE)


def _stop(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _listen(pipe: Connection, send: Callable[[str, Any], None]) -> None:
    """Show signs of life until told to stop; when nobody is there any more, end at once."""
    try:
        while not pipe.poll(BEAT):
            send("alive", time.process_time())
        pipe.recv()
        _thread.interrupt_main(signal.SIGTERM)
    except (EOFError, OSError):
        os._exit(ExitStatus.INTERRUPTED)


def _portable(problem: Exception) -> Exception:
    """Return an error that can be sent, with the way it came."""
    if type(problem).__module__ not in ("builtins", "utils.errors"):
        problem = RuntimeError(f"{type(problem).__name__}: {problem}")
    problem.add_note("".join(traceback.format_exception(problem)))
    return problem

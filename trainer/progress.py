"""The console line of a training: speed, losses and the time left; and periodic events."""

import sys
import time
from collections import deque

from models.engine import engine
from trainer.session import TrainingSession
from utils import console, events
from utils.wording import duration

TERMINAL_SECONDS, LOG_SECONDS = 0.2, 60.0  # between two lines
WINDOW = 20  # iterations over which the speed is averaged


class Every:
    """A periodic event: `due` is true once in `minutes` (0: never).

    The time reported to `spent` may be at most `share` of all: periods get longer until it is.
    The first period began `elapsed` seconds ago.
    """

    def __init__(self, minutes: float, share: float = 1.0, elapsed: float = 0.0) -> None:
        self._seconds = minutes * 60
        self._share = share
        self._spent = 0.0
        self._last = time.perf_counter() - elapsed

    def change(self, minutes: float) -> None:
        """Take another period, which began when the present one did."""
        self._seconds = minutes * 60

    def spent(self, seconds: float) -> None:
        """Report how long the event took, at once or in parts."""
        self._spent += seconds

    def due(self) -> bool:
        """Whether it is time; if so, the next period starts."""
        now = time.perf_counter()
        if not self._seconds or now - self._last < max(self._seconds, self._spent / self._share):
            return False
        self._last, self._spent = now, 0.0
        return True


class ProgressLine:
    """Overwritten on a terminal; elsewhere a new line about once a minute.

    Attributes
    ----------
    step_seconds : float
        How long an iteration takes, 0 until that is known.
    """

    def __init__(self, session: TrainingSession) -> None:
        self.session = session
        self._terminal = console.is_terminal(sys.stdout) and not events.wanted()
        self._times: deque[tuple[float, float]] = deque(maxlen=WINDOW + 1)
        self._shown = 0.0
        self.step_seconds = 0.0

    def show(self, waited: float) -> None:
        """Update after an iteration; `waited` is the total time spent waiting for samples."""
        now = time.perf_counter()
        self._times.append((now, waited))
        pause = TERMINAL_SECONDS if self._terminal else LOG_SECONDS
        if events.wanted():
            pause = events.SECONDS
        if len(self._times) < 2:
            return
        self.step_seconds = (now - self._times[0][0]) / (len(self._times) - 1)
        if not self._shown or now - self._shown >= pause:
            self._shown = now
            console.status(self.line(), self._event())

    def restart(self) -> None:
        """Restart measuring the speed, after something other than training took time."""
        self._times.clear()

    def line(self) -> str:
        """Return iteration, time left, ms, losses, speed and waiting.

        A narrow terminal shows the beginning only.
        """
        session = self.session
        (start, waited_before), (end, waited) = self._times[0], self._times[-1]
        seconds = max(self.step_seconds, 1e-9)
        parts = [f"[#{session.iteration:06d}]"]
        left = session.schedule.seconds_left(session.iteration, session.seconds, seconds)
        if left is not None:
            parts.append(f"{duration(left)} to target")
        parts.append(f"{seconds * 1000:.0f} ms")
        parts += [f"{name} {mean:.4f}" for name, mean in session.losses.means().items()]
        parts.append(f"{2 * session.samples / seconds:.1f} samples/s")
        if (share := (waited - waited_before) / max(end - start, 1e-9)) > 0.01:
            parts.append(f"{share:.0%} of the time waiting for samples")
        return "  ".join(parts)

    def _event(self) -> dict[str, object]:
        """Return what the line says for the reader of events."""
        session, seconds = self.session, max(self.step_seconds, 1e-9)
        left = session.schedule.seconds_left(session.iteration, session.seconds, seconds)
        facts = events.progress(
            session.iteration,
            None if left is None else session.iteration + round(left / seconds),
            1 / seconds,
            "Training",
            eta=left,
            unit="iteration",
            values=session.losses.means(),
        )
        gpu = engine().gpu_memory()
        return facts | {"gpu_memory": gpu} if gpu else facts

    def facts(self) -> list[str]:
        """Return how far the training is: iteration, time, speed and the time left, in words."""
        session, speed = self.session, self.step_seconds
        facts = [f"iteration {session.iteration:,}", f"trained for {duration(session.seconds)}"]
        if not speed:
            return facts
        facts.append(f"{_short(speed)} s per step")
        facts.append(f"{_short(2 * session.samples / speed)} samples per second")
        left = session.schedule.seconds_left(session.iteration, session.seconds, speed)
        if left is None:
            return [*facts, "no target"]
        return [*facts, f"{duration(left)} left to the target" if left else "target reached"]

    def rest(self) -> str:
        """Return what is still done when the training is stopped now."""
        what = "finishing this step, then saving"
        if not (self.step_seconds and self.session.save_seconds):
            return what
        seconds = self.step_seconds + self.session.save_seconds
        return f"{what} (about {duration(max(1, seconds))})"

    def say(self, text: str) -> None:
        """Print a message on a line of its own."""
        console.say(f"\n{text}" if self._terminal and self._shown else text)

    def end(self) -> None:
        """Print the line a last time."""
        if len(self._times) > 1:
            console.status(self.line(), self._event())
        if self._terminal and self._shown:
            console.say()


def _short(value: float) -> str:
    return f"{value:.2g}" if value < 10 else f"{value:,.0f}"

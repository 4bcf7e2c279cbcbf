"""How long a model is trained, and what changes on the way there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

GROW_AT = 0.25  # of the way
LONGEST_END = 5000  # iterations of the cool-down of a training that ends before its target


@dataclass(frozen=True)
class Schedule:
    """Targets of a training, and what depends on the way to them.

    Attributes
    ----------
    learning_rate : float
        Step size of the optimizer, after the warm-up and before the cool-down.
    warm_up : int
        Iterations over which the learning rate grows from zero.
    cool_down : float
        Fraction of the way to the target, at its end, over which the learning rate decays to zero.
    target_iter : int
        Iterations of all runs together at which training ends; 0 without a limit.
    target_minutes : float
        Minutes of all runs together at which training ends; 0 without a limit.
    from_iter : int
        Iteration at which `target_iter` was set.
    from_seconds : float
        Seconds that the model had been trained when `target_minutes` was set.
    grow_batch : int
        Smallest batch size after the first quarter of the way to the target.
    warp_off : float
        Fraction of the way, at its end, on which samples are not warped.
    ends_early : bool
        Whether the target is a nearer one than was asked for.
    """

    learning_rate: float
    warm_up: int = 0
    cool_down: float = 0.0
    target_iter: int = 0
    target_minutes: float = 0.0
    from_iter: int = 0
    from_seconds: float = 0.0
    grow_batch: int = 0
    warp_off: float = 0.0
    ends_early: bool = False

    def continued(self, saved: Mapping[str, Any], iteration: int, seconds: float) -> "Schedule":
        """Return the schedule of a model that goes on; a target that was not saved is set now.

        Parameters
        ----------
        saved : mapping
            What `state` returned in the earlier run.
        """
        same_iter = saved.get("target_iter") == self.target_iter
        same_minutes = saved.get("target_minutes") == self.target_minutes
        return replace(
            self,
            from_iter=int(saved["from_iter"]) if same_iter else iteration,
            from_seconds=float(saved["from_seconds"]) if same_minutes else seconds,
        )

    def ending(
        self, iteration: int, seconds: float, saved: Mapping[str, Any] | None = None
    ) -> "Schedule":
        """Return the schedule of a training that is to end, with a cool-down that begins now.

        Parameters
        ----------
        saved : mapping or None
            What `state` returned in an earlier run; if that one was about to end, its end holds.
        """
        if saved and saved.get("ends_early") and saved["target_iter"] > iteration:
            ends = {name: int(saved[name]) for name in ("target_iter", "from_iter")}
            return replace(self, ends_early=True, **ends)
        if self.lr_scale(self.progress(iteration, seconds)) < 1:
            return replace(self, ends_early=True)  # it has begun already
        if not self.cool_down:
            return replace(self, target_iter=iteration, ends_early=True)
        share = min(self.cool_down, 0.5)
        rest = min(round((iteration - self.from_iter) * share / (1 - share)), LONGEST_END)
        target = iteration + rest
        start = target - round(rest / self.cool_down)
        return replace(self, target_iter=target, from_iter=start, ends_early=True)

    def target(self) -> dict[str, float] | None:
        """Return the targets as options, as JSON values; None without any."""
        targets = {"target_iter": self.target_iter, "target_minutes": self.target_minutes}
        return targets if any(targets.values()) else None

    def state(self) -> dict[str, float]:
        """Return what `continued` needs, as JSON values."""
        return {
            "target_iter": self.target_iter,
            "from_iter": self.from_iter,
            "target_minutes": self.target_minutes,
            "from_seconds": round(self.from_seconds, 3),
        } | ({"ends_early": True} if self.ends_early else {})

    def progress(self, iteration: int, seconds: float) -> float:
        """Return the covered part of the way to the closer target, 0..1; 0 without a target."""
        return max(
            _covered(iteration, self.from_iter, self.target_iter),
            _covered(seconds, self.from_seconds, self.target_minutes * 60),
        )

    def lr_scale(self, progress: float) -> float:
        """Return the factor on the learning rate: 1, and less during the cool-down."""
        return min((1 - progress) / self.cool_down, 1.0) if self.cool_down else 1.0

    def batch_size(self, usual: int, progress: float) -> int:
        """Return the batch size, which is `usual` in the first quarter of the way."""
        return usual if progress < GROW_AT else max(usual, self.grow_batch)

    def warps(self, progress: float) -> bool:
        """Tell whether the samples are warped at random."""
        return not self.warp_off or progress < 1 - self.warp_off

    def seconds_left(self, iteration: int, seconds: float, seconds_per_iter: float) -> float | None:
        """Estimate the time to the closer target; None without a target."""
        left = []
        if self.target_iter:
            left.append((self.target_iter - iteration) * seconds_per_iter)
        if self.target_minutes:
            left.append(self.target_minutes * 60 - seconds)
        return max(min(left), 0.0) if left else None


def _covered(done: float, start: float, target: float) -> float:
    """Return the covered part of the way from `start` to `target`; 0 without a target."""
    if not target:
        return 0.0
    return 1.0 if done >= target else max(done - start, 0.0) / (target - start)

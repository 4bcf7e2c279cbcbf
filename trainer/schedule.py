"""How long a model is trained, and the learning rate on the way there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """Learning rate and targets of a training.

    Attributes
    ----------
    learning_rate : float
        Step size of the optimizer, after the warm-up and before the cool-down.
    warm_up : int
        Iterations over which the learning rate grows from zero.
    cool_down : float
        Fraction of training, before the target, over which the learning rate decays to zero.
    target_iter : int
        Iterations of all runs together at which training ends; 0 without a limit.
    target_minutes : float
        Minutes of all runs together at which training ends; 0 without a limit.
    """

    learning_rate: float
    warm_up: int = 0
    cool_down: float = 0.0
    target_iter: int = 0
    target_minutes: float = 0.0

    def progress(self, iteration: int, seconds: float) -> float:
        """Return how near the closer target is, 0..1; 0 without a target."""
        targets = ((iteration, self.target_iter), (seconds, self.target_minutes * 60))
        return min(max(done / target if target else 0.0 for done, target in targets), 1.0)

    def lr_scale(self, progress: float) -> float:
        """Return the factor on the learning rate: 1, and less during the cool-down."""
        return min((1 - progress) / self.cool_down, 1.0) if self.cool_down else 1.0

    def seconds_left(self, iteration: int, seconds: float, seconds_per_iter: float) -> float | None:
        """Estimate the time to the closer target; None without a target."""
        left = []
        if self.target_iter:
            left.append((self.target_iter - iteration) * seconds_per_iter)
        if self.target_minutes:
            left.append(self.target_minutes * 60 - seconds)
        return max(min(left), 0.0) if left else None

"""The optimizers in PyTorch's fused and grouped operations.

`torch._fused_adam_` is what `torch.optim.Adam(fused=True)` calls. It reads and writes each weight
once, and leaves everything as it is where `found_inf` is 1, so nothing has to be fetched from a GPU
before an update. Its epsilon is added after the second moment is corrected, so ours is divided by
that correction: then both formulas are the same.
"""

import math
from collections.abc import Sequence
from typing import Any

import keras
import torch

from models.backend import Tensor, Variable
from models.engine.optimizer import BELIEF_EPSILON, BETA1, BETA2, EPSILON, Optimizer


class TorchOptimizer(Optimizer):
    """Keeps the learning rate and the steps done in main memory, whatever computes the rest."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - those of Optimizer
        super().__init__(*args, **kwargs)
        with keras.device("cpu"):
            self.rate = keras.Variable(self.rate.numpy(), dtype="float32", trainable=False)
            self.steps = keras.Variable(0, dtype="int64", trainable=False)

    def set_rate(self, learning_rate: float) -> None:
        """Take another learning rate from the next step on."""
        with keras.device("cpu"):
            self.rate.assign(learning_rate)

    @torch.no_grad()
    def apply(self, gradients: Sequence[Tensor], skip: Tensor | None = None) -> None:
        """Update the variables by one step.

        Parameters
        ----------
        skip : scalar float32 or None
            1 to leave everything as it is but `steps`, 0 not to.
        """
        self.steps.value.add_(1)
        step = int(self.steps.value)
        rate = float(self.rate.value) * min(step / self.warm_up, 1.0)
        weights = values(self.variables)
        before = [weight.clone() for weight in weights] if self.dropout else []
        if self.kind == "adam":
            self._adam(weights, gradients, rate, step, skip)
        elif skip is None or not bool(skip):
            self._adabelief(weights, gradients, rate, step)
        for number, (weight, kept) in enumerate(zip(weights, before, strict=False)):
            stays = drop((number, step), weight, self.dropout)
            weight.copy_(torch.where(stays, kept, weight))

    def _adam(
        self,
        weights: list[Tensor],
        gradients: Sequence[Tensor],
        rate: float,
        step: int,
        skip: Tensor | None,
    ) -> None:
        m, v = (values(moments) for moments in zip(*self.moments, strict=True))
        count = torch.full((), float(step), device=weights[0].device)
        torch._fused_adam_(
            weights,
            [gradient.contiguous() for gradient in gradients],
            m,
            v,
            [],
            [count] * len(weights),
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=0.0,
            eps=EPSILON / math.sqrt(1 - BETA2**step),
            amsgrad=False,
            maximize=False,
            found_inf=skip,
        )

    def _adabelief(
        self, weights: list[Tensor], gradients: Sequence[Tensor], rate: float, step: int
    ) -> None:
        m, s = (values(moments) for moments in zip(*self.moments, strict=True))
        difference = torch._foreach_sub(gradients, m)
        torch._foreach_add_(m, difference, alpha=1 - BETA1)
        torch._foreach_mul_(difference, BETA1)  # g - m, with the new m
        torch._foreach_mul_(s, BETA2)
        torch._foreach_addcmul_(s, difference, difference, 1 - BETA2)
        torch._foreach_add_(s, BELIEF_EPSILON)
        spread = torch._foreach_sqrt(s)
        torch._foreach_div_(spread, math.sqrt(1 - BETA2**step))
        torch._foreach_add_(spread, BELIEF_EPSILON)
        torch._foreach_addcdiv_(weights, m, spread, -rate / (1 - BETA1**step))


def values(variables: Sequence[Variable]) -> list[Tensor]:
    """Return the tensors of variables, which share their memory."""
    return [variable.value for variable in variables]


def drop(seed: tuple[int, int], like: Tensor, share: float) -> Tensor:
    """Return True for a random share of the elements; the same for the same seed and shape.

    Parameters
    ----------
    seed : (int, int)
        The numbers of the variable and of the step.
    """
    number, step = seed
    generator = torch.Generator(like.device).manual_seed((step << 20) + number)
    return torch.empty_like(like, dtype=torch.bool).bernoulli_(share, generator=generator)

"""The training step in PyTorch: one forward and one backward pass for both sides."""

from itertools import chain, islice
from operator import itemgetter
from typing import cast

import torch

from models.backend import Tensor
from models.base import CRITIC, Batch
from models.engine.average import WeightAverage
from models.engine.optimizer import Optimizer
from models.engine.step import Gradients, Members, StepResult, TrainStep, as_float
from models.engine.torch.arrays import to_tensors
from models.engine.torch.members import mean
from models.engine.torch.optimizer import TorchOptimizer, values


class TorchStep(TrainStep):
    """A step whose operations are queued one by one; nothing is compiled."""

    optimizer_class = TorchOptimizer

    def __call__(self, src: Batch, dst: Batch) -> StepResult:
        """Train on two uint8 batches."""
        self._seed_draws()
        gradients, losses = self._gradients(to_tensors(src), to_tensors(dst))
        with torch.no_grad():
            if self.members is not None:
                gradients, losses = _of_all(self.members, gradients, losses)
            return self._update(gradients, losses)

    def _seed_draws(self) -> None:
        """Do it for Keras's dropout, too, which draws from PyTorch's own generator."""
        super()._seed_draws()
        if draws := self.model.draws:
            seed, step = draws[0].numpy().tolist()
            torch.manual_seed((step << 32) + seed)

    def _update(self, gradients: Gradients, losses: dict[str, Tensor]) -> StepResult:
        """Change the weights unless something is not finite, and return the losses.

        The only values that are fetched from a GPU are those at the end.
        """
        found = torch.stack([*losses.values()])
        # a norm is not finite when any element of any gradient is not
        norms = [torch.nn.utils.get_total_norm(part) for part in gradients]
        finite = torch.isfinite(torch.stack([found.sum(), *norms])).all()
        if self.clip:
            gradients = [
                torch._foreach_mul(part, (self.clip / norm).clamp(max=1.0))
                for part, norm in zip(gradients, norms, strict=True)
            ]
        skip = (~finite).float()
        own = cast("list[TorchOptimizer]", self.optimizers)
        for each, part in zip(own, gradients, strict=True):
            each.apply(part, skip)
        *numbers, done = torch.cat([found, finite[None]]).tolist()
        if not done:
            for optimizer in self.optimizers:
                optimizer.steps.value.sub_(1)
        elif self.average is not None:
            _update(self.average)
        return StepResult(dict(zip(losses, numbers, strict=True)), bool(done))

    def _gradients(self, src: Batch, dst: Batch) -> tuple[Gradients, dict[str, Tensor]]:
        """Return the gradients of what each optimizer minimizes, and the losses.

        They are the means over the parts of the batch, if it is split.
        """
        parts = zip(_split(src, self.accumulate), _split(dst, self.accumulate), strict=True)
        gradients, losses = self._gradients_of(*next(parts))
        for part in parts:
            more, found = self._gradients_of(*part)
            gradients = [torch._foreach_add(*each) for each in zip(gradients, more, strict=True)]
            losses = {name: losses[name] + loss for name, loss in found.items()}
        if self.accumulate > 1:
            gradients = [torch._foreach_div(part, float(self.accumulate)) for part in gradients]
            losses = {name: loss / self.accumulate for name, loss in losses.items()}
        return gradients, losses

    def _gradients_of(self, src: Batch, dst: Batch) -> tuple[Gradients, dict[str, Tensor]]:
        """Return the gradients and losses of a part of the batch.

        Each gradient is taken for the variables of its optimizer alone: so a critic's loss leads
        nowhere beyond the critic, though it reads the predictions that the others read.
        """
        with torch.enable_grad():
            losses = self.model.losses(as_float(src), as_float(dst))
            total = sum(loss for name, loss in losses.items() if not name.startswith(CRITIC))
            # those of the critics first: the last call frees what the forward pass has kept
            gradients = [
                _gradient(losses[f"{CRITIC}_{name}"], optimizer, keep=True)
                for name, optimizer in self.critic_optimizers.items()
            ]
            gradients.insert(0, _gradient(total, self.optimizer, keep=False))
        return gradients, {name: loss.detach() for name, loss in losses.items()}


def _gradient(loss: Tensor, optimizer: Optimizer, *, keep: bool) -> list[Tensor]:
    return list(torch.autograd.grad(loss, values(optimizer.variables), retain_graph=keep))


def _of_all(
    members: Members, gradients: Gradients, losses: dict[str, Tensor]
) -> tuple[Gradients, dict[str, Tensor]]:
    """Return the means over all members."""
    found = iter(mean(members, [*losses.values(), *chain.from_iterable(gradients)]))
    losses = {name: next(found) for name in losses}
    return [list(islice(found, len(part))) for part in gradients], losses


def _split(batch: Batch, count: int) -> list[Batch]:
    """Return a batch in equal parts."""
    if count == 1:
        return [batch]
    size = len(batch.warped) // count
    parts = [slice(start, start + size) for start in range(0, count * size, size)]
    return [batch.map(itemgetter(part)) for part in parts]


def _update(average: WeightAverage) -> None:
    """Take in the weights after a step."""
    done = int(average.steps.value)
    rate = 1 - min(average.decay, (1 + done) / (10 + done))
    means, weights = (values(part) for part in zip(*average.pairs, strict=True))
    torch._foreach_lerp_(means, weights, rate)
    average.steps.value.add_(1)

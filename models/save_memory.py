"""`train --save-memory`: networks that keep few of their tensors for the backward pass.

The operations of a network are cut into parts. Of each only the outputs are kept; what else its
gradient reads is computed again when it is needed, from what the part began with (gradient
checkpointing, Chen et al. 2016). Weights and results stay the same.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from typing import NamedTuple

from models.activations import flat, kept, owner, size
from models.backend import Tensor, keras
from models.engine import engine

Operations = Sequence["keras.Operation"]
FACES = 8
"""Of a usual batch, both sides together."""
ENDS = frozenset({"Conv2D", "Conv2DTranspose", "Dense"})
"""Where a part may end: their outputs are kept then, so these need not be computed again."""


class _Step(NamedTuple):
    """An operation and, by identity, what goes in and out and what its gradient reads.

    `copied` is what it keeps instead of that, bytes of a sample.
    """

    operation: "keras.Operation"
    inputs: dict[int, Tensor]
    outputs: dict[int, Tensor]
    kept: dict[int, int]
    copied: int

    @classmethod
    def of(cls, operation: "keras.Operation", *, on_cpu: bool) -> "_Step":
        """Look at an operation."""
        inputs, outputs = flat(operation.input), flat(operation.output)
        copies = engine().copies(operation, FACES) if on_cpu else None
        return cls(
            operation,
            {id(each): each for each in inputs},
            {id(each): each for each in outputs},
            {} if copies else kept([operation]),
            copies.kept // FACES if copies else 0,
        )


class NetworkPart(NamedTuple):
    """Operations that follow one another.

    Attributes
    ----------
    inputs, outputs : list of KerasTensor
        What they take from earlier parts, and what later ones or the caller take.
    stored, inner : int
        Bytes of a sample that the outputs take, and what else the gradients of the part read.
    """

    operations: Operations
    inputs: list[Tensor]
    outputs: list[Tensor]
    stored: int
    inner: int

    @property
    def draws(self) -> bool:
        """Whether it draws at random: the second time it would draw something else."""
        return any(map(_draws, self.operations))


def save_memory(networks: "Iterable[keras.Model]", *, on_cpu: bool) -> None:
    """Let networks keep less for the backward pass.

    Parameters
    ----------
    on_cpu : bool
        Whether their convolutions are accelerated, and so keep copies.
    """
    for network in networks:
        network.call = InParts(network, cut(network, on_cpu=on_cpu))


def parts_of(network: "keras.Model") -> "list[NetworkPart] | None":
    """Return the parts in which a network is called; None for all at once."""
    return network.call.parts if isinstance(network.call, InParts) else None


class InParts:
    """Calls a network part by part."""

    def __init__(self, network: "keras.Model", parts: list[NetworkPart]) -> None:
        self._inputs, self._outputs, self.parts = network.inputs, network.outputs, parts
        self._functions = [keras.Function(part.inputs, part.outputs) for part in self.parts]

    def __call__(
        self, inputs: Tensor | list[Tensor], training: bool | None = None, mask: None = None
    ) -> Tensor | list[Tensor]:
        """Return what the network makes of its inputs."""
        known = dict(zip(map(id, self._inputs), flat(inputs), strict=True))
        for part, function in zip(self.parts, self._functions, strict=True):
            given = [known[id(tensor)] for tensor in part.inputs]
            if part.draws:
                (layer,) = part.operations
                outputs = [layer(*given, training=training)]
            else:
                outputs = _forgetful(part, function, given)
            known |= zip(map(id, part.outputs), outputs, strict=True)
        found = [known[id(tensor)] for tensor in self._outputs]
        return found if len(found) > 1 else found[0]


def _forgetful(part: NetworkPart, function: "keras.Function", inputs: list[Tensor]) -> list[Tensor]:
    """Compute a part, and once more for its gradient."""
    weights = [v for each in part.operations for v in getattr(each, "trainable_variables", ())]
    return engine().recomputed(lambda values: flat(function(values)), inputs, weights)


def cut(network: "keras.Model", *, on_cpu: bool) -> list[NetworkPart]:
    """Cut a network so that what is stored and the largest part take the least memory together."""
    operations = [each for each in network.operations if not _is_input(each)]
    parts = dict(_possible(network, [_Step.of(each, on_cpu=on_cpu) for each in operations]))
    chains = [_least_stored(parts, limit) for limit in {part.inner for part in parts.values()}]
    return min((chain for chain in chains if chain), key=memory)


def memory(parts: Sequence[NetworkPart]) -> int:
    """Return the bytes of a sample that a network in parts takes at most."""
    return stored(parts) + max(part.inner for part in parts)


def stored(parts: Sequence[NetworkPart]) -> int:
    """Return the bytes of a sample that a network in parts keeps."""
    return sum(part.stored for part in parts)


def _possible(
    network: "keras.Model", steps: Sequence[_Step]
) -> Iterator[tuple[tuple[int, int], NetworkPart]]:
    """Yield all parts that there may be, by the numbers of their first and the next operation."""
    drawing = [number for number, each in enumerate(steps) if _draws(each.operation)]
    alone = {border for number in drawing for border in (number, number + 1)}
    ends = {n for n, each in enumerate(steps, 1) if type(each.operation).__name__ in ENDS}
    borders = sorted({0, *alone, *ends, len(steps)})
    last = {key: n for n, step in enumerate(steps) for key in step.inputs}
    last |= {id(tensor): len(steps) for tensor in network.outputs}
    for start, end in combinations(borders, 2):
        if end - start == 1 or not any(start <= number < end for number in drawing):
            yield (start, end), _part(steps[start:end], {k for k, n in last.items() if n >= end})


def _part(steps: "Sequence[_Step]", wanted: set[int]) -> NetworkPart:
    """Join steps; `wanted` identifies the tensors that are used after them."""
    made: dict[int, Tensor] = {}
    read: dict[int, Tensor] = {}
    needed: dict[int, int] = {}
    for step in steps:
        made |= step.outputs
        read |= step.inputs
        needed |= step.kept
    inputs = [tensor for key, tensor in read.items() if key not in made]
    outputs = [tensor for key, tensor in made.items() if key in wanted]
    stored = {id(owner(tensor)): size(tensor) for tensor in outputs}
    outside = stored.keys() | {id(owner(tensor)) for tensor in inputs}
    inner = sum(count for key, count in needed.items() if key not in outside)
    inner += sum(step.copied for step in steps)
    return NetworkPart([s.operation for s in steps], inputs, outputs, sum(stored.values()), inner)


def _least_stored(parts: dict[tuple[int, int], NetworkPart], limit: int) -> list[NetworkPart]:
    """Return the parts of a whole network that store least, none larger than `limit`, if any."""
    chains: dict[int, list[NetworkPart]] = {0: []}
    for (start, end), part in sorted(parts.items(), key=lambda item: item[0]):
        if start in chains and part.inner <= limit:
            chain = [*chains[start], part]
            chains[end] = min(chains.get(end, chain), chain, key=stored)
    return chains.get(max(end for _, end in parts), [])


def _draws(operation: "keras.Operation") -> bool:
    return bool(getattr(operation, "non_trainable_variables", ()))


def _is_input(operation: "keras.Operation") -> bool:
    return isinstance(operation, keras.layers.InputLayer)

"""`train --save-memory`: networks that keep few of their tensors for the backward pass.

The layers of a network are cut into parts. Of each only the outputs are kept; what else its
gradient needs is computed again, when the gradient of the part after it is there (gradient
checkpointing, Chen et al. 2016). Weights and results stay the same.
"""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import keras
import tensorflow as tf

from models.backend import Gradient, Tensor

Layers = Sequence[keras.layers.Layer]


class Part(NamedTuple):
    """Layers that follow one another, and the symbolic tensors that go in and come out."""

    layers: Layers
    inputs: list[Tensor]
    outputs: list[Tensor]


def save_memory(networks: Iterable[keras.Model]) -> None:
    """Let networks keep less; what they compute, and their weights, stay."""
    for network in networks:
        network.call = InParts(network)


class InParts:
    """Calls a network part by part."""

    def __init__(self, network: keras.Model) -> None:
        self._inputs, self._outputs = network.inputs, network.outputs
        self.parts = cut(network)

    def __call__(
        self, inputs: Tensor | list[Tensor], training: bool | None = None, mask: None = None
    ) -> Tensor | list[Tensor]:
        """Return what the network makes of its inputs."""
        known = dict(zip(map(id, self._inputs), _flat(inputs), strict=True))
        for part in self.parts:
            run = _run if _has_state(part.layers) else _forgetful
            outputs = run(part, [known[id(each)] for each in part.inputs], training)
            known |= zip(map(id, part.outputs), outputs, strict=True)
        found = [known[id(each)] for each in self._outputs]
        return found if len(found) > 1 else found[0]


def _forgetful(part: Part, inputs: list[Tensor], training: bool | None) -> list[Tensor]:
    """Compute a part; for its gradient it is computed again from its inputs."""
    weights = [v for layer in part.layers for v in layer.variables]

    def compute(values: Sequence[Tensor]) -> list[Tensor]:
        given = zip(weights, values[len(inputs) :], strict=True)
        with keras.StatelessScope(state_mapping=list(given)):
            return _run(part, values[: len(inputs)], training)

    @tf.custom_gradient
    def forward(*values: Tensor) -> tuple[list[Tensor], Gradient]:
        def gradient(*upstream: Tensor) -> list[Tensor]:
            with tf.control_dependencies(upstream):  # not before they are there
                again = [tf.identity(value) for value in values]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(again)
                outputs = compute(again)
            zero = tf.UnconnectedGradients.ZERO
            return tape.gradient(outputs, again, upstream, unconnected_gradients=zero)

        return compute(values), gradient

    found = forward(*inputs, *(tf.convert_to_tensor(weight.value) for weight in weights))
    return _flat(found)


def _run(part: Part, inputs: Sequence[Tensor], training: bool | None) -> list[Tensor]:
    known = dict(zip(map(id, part.inputs), inputs, strict=True))
    for layer in part.layers:
        x = keras.tree.map_structure(lambda each: known[id(each)], layer.input)
        y = layer(x, training=training)
        known |= zip(map(id, _flat(layer.output)), _flat(y), strict=True)
    return [known[id(each)] for each in part.outputs]


def _has_state(layers: Layers) -> bool:
    """Whether layers must not be computed twice, because they draw at random or count."""
    return any(layer.non_trainable_variables for layer in layers)


def _flat(tensors: Tensor) -> list[Tensor]:
    return keras.tree.flatten(tensors)


# ------------------------------------------------------------------ where to cut

ENDS = (keras.layers.Conv2D, keras.layers.Dense, keras.layers.SeparableConv2D)
SAME_MEMORY = (keras.layers.Reshape, keras.layers.Flatten)


def cut(network: keras.Model, ends=None) -> list[Part]:
    layers = [layer for layer in network.layers if not isinstance(layer, keras.layers.InputLayer)]
    n = len(layers)
    return _parts(network, layers, _best(network, layers))


def _parts(network, layers, ends) -> list[Part]:
    last_use, maker = {}, {}
    for i, layer in enumerate(layers):
        for t in _flat(layer.input):
            last_use[id(t)] = i
        for t in _flat(layer.output):
            maker[id(t)] = (i, t)
    for t in network.outputs:
        last_use[id(t)] = len(layers)
    parts, start = [], 0
    for end in ends:
        inside = layers[start:end]
        made = {id(t): t for l in inside for t in _flat(l.output)}
        ins = {id(t): t for l in inside for t in _flat(l.input) if id(t) not in made}
        outs = {k: t for k, t in made.items() if last_use.get(k, -1) >= end}
        parts.append(Part(inside, list(ins.values()), list(outs.values())))
        start = end
    return parts


def _size(t):
    return math.prod(t.shape[1:])


def _best(network, layers, verbose=False):
    n = len(layers)
    alias = {}
    def own(t):
        while id(t) in alias: t = alias[id(t)]
        return t
    for l in layers:
        if isinstance(l, SAME_MEMORY):
            alias[id(l.output)] = l.input
    keeps = []
    for l in layers:
        kind = type(l).__name__
        k = []
        if kind in ("LeakyReLU", "Conv2D", "Dense", "SeparableConv2D", "DepthwiseConv2D", "UnitNormalization"):
            k += _flat(l.input)
        if getattr(l, "activation", None) is not None and l.activation.__name__ not in ("linear","leaky_relu"):
            k += _flat(l.output)
        keeps.append({id(own(t)): _size(t) for t in k})
    net_in = {id(t) for t in network.inputs}
    cands = [i + 1 for i, l in enumerate(layers) if isinstance(l, ENDS)]
    for i, l in enumerate(layers):
        if l.non_trainable_variables: cands += [i, i+1]
    cands = sorted({*cands, n} - {0})
    must = {i for i, l in enumerate(layers) if l.non_trainable_variables} | {i+1 for i, l in enumerate(layers) if l.non_trainable_variables}
    last_use = {}
    for i, l in enumerate(layers):
        for t in _flat(l.input): last_use[id(own(t))] = i
    for t in network.outputs: last_use[id(own(t))] = n
    made = [{id(own(t)): _size(t) for t in _flat(l.output) if id(own(t)) == id(t)} for l in layers]
    def stored(i, j):
        return sum(s for l in made[i:j] for k, s in l.items() if last_use.get(k, -1) >= j)
    def inner(i, j):
        u = {}
        for k in keeps[i:j]: u |= k
        inside = set().union(*made[i:j])
        return sum(s for k, s in u.items() if k in inside and last_use.get(k, -1) < j)
    starts = [0, *cands]
    table = {(i, j): (stored(i, j), inner(i, j)) for a, i in enumerate(starts) for j in starts[a+1:] if not any(i < m < j for m in must)}
    best = None
    for limit in sorted({v[1] for v in table.values()}):
        cost = {0: (0, ())}
        for j in cands:
            options = [(cost[i][0] + table[i, j][0], cost[i][1] + (j,)) for i in starts if i < j and i in cost and (i, j) in table and table[i, j][1] <= limit]
            if options: cost[j] = min(options)
        if n in cost and (best is None or cost[n][0] + limit < best[0]):
            best = (cost[n][0] + limit, cost[n][1], cost[n][0], limit)
    plain = {}
    for k in keeps: plain |= k
    print(network.name, "plain", sum(plain.values()), "best", best[0], "stored", best[2], "inner", best[3], [layers[e-1].name for e in best[1]])
    return best[1]

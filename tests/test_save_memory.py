"""`--save-memory`: the same losses and gradients from networks that keep less than half."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.computing import arrays, only_tensorflow
from support.small_models import small_class

from models import MODELS, activations, save_memory
from models.base import Batch
from models.engine import engine
from models.engine.step import UpdateSettings
from models.weight_transfer import without_weights

RNG = np.random.default_rng(18)
SMALL = {"resolution": 64, "ae_dims": 16, "e_dims": 16, "d_dims": 16, "d_mask_dims": 16}
HEAD = {"expression_head": True}
GRADIENTS = [
    ("H64", HEAD),
    pytest.param(
        *("SAEHD", SMALL | HEAD | {"archi": "df-ud", "gan_power": 0.1, "gan_dims": 4}),
        marks=pytest.mark.slow,
    ),
    pytest.param("SAEHD", SMALL | HEAD | {"archi": "liae-udt"}, marks=pytest.mark.slow),
    pytest.param("AMP", SMALL | HEAD | {"ae_dims": 32, "inter_dims": 32}, marks=pytest.mark.slow),
    pytest.param(
        "SAE", {"resolution": 64, "ae_dims": 16, "ed_ch_dims": 10}, marks=pytest.mark.slow
    ),
    pytest.param("MASK", {}, marks=pytest.mark.slow),
]


def built(name, chosen, patch):
    keras.utils.set_random_seed(3)
    cls = small_class(name, patch)
    model = cls(cls.Options(**chosen))
    model.add_critics()
    return model


def faces(model, count):
    side = model.resolution
    images = [RNG.integers(0, 256, (count, side, side, c), np.uint8) for c in (3, 3, 1, 1, 1)]
    return Batch(*images, RNG.integers(0, 256, (count, 10), np.uint8))


@pytest.mark.parametrize(("name", "chosen"), GRADIENTS)
def test_losses_and_weights_are_those_without_it(name, chosen, monkeypatch):
    """Also what the dropout of the expression's numbers leaves, and over accumulated batches."""
    model = built(name, chosen, monkeypatch)
    start = {key: network.get_weights() for key, network in model.trained.items()}
    src, dst = faces(model, 4), faces(model, 4)

    def trained():
        for key, network in model.trained.items():
            network.set_weights(start[key])
        step = engine().Step(model, 1e-3, update=UpdateSettings(accumulate=2))
        losses = [step(src, dst).losses for _ in range(2)]
        return losses, [m.numpy() for moments in step.optimizer.moments for m in moments]

    expected, moments = trained()
    save_memory.save_memory(model.trained.values(), on_cpu=True)
    found, saved_moments = trained()
    for before, after in zip(expected, found, strict=True):
        assert after == pytest.approx(before, rel=1e-5)
    for before, after in zip(moments, saved_moments, strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3, atol=1e-5 * np.abs(before).max())


def test_predictions_are_those_without_it(monkeypatch):
    model = built("SAEHD", SMALL | {"archi": "df-ud"}, monkeypatch)
    images = RNG.random((2, 64, 64, 3), np.float32)
    expected = arrays(model.swap(images))
    save_memory.save_memory(model.networks.values(), on_cpu=True)
    for before, after in zip(expected, arrays(model.swap(images)), strict=True):
        np.testing.assert_allclose(after, before, atol=1e-6)


@pytest.mark.parametrize("archi", ["df-ud", "liae-udt"])
def test_full_size_networks_keep_less_than_half(archi):
    cls = MODELS.load("SAEHD")
    model = without_weights(lambda: cls(cls.Options(resolution=256, archi=archi)))
    parts = {
        name: save_memory.cut(network, on_cpu=False) for name, network in model.networks.items()
    }
    largest = max(part.inner for network in parts.values() for part in network)
    saved = sum(map(save_memory.stored, parts.values())) + largest
    plain = sum(activations.kept(network.operations).size for network in model.networks.values())
    assert saved < 0.5 * plain
    for name, network in model.networks.items():
        operations = [each for part in parts[name] for each in part.operations]
        assert operations == network.operations[-len(operations) :]
        known = set(map(id, network.inputs))
        for part in parts[name]:
            assert known >= set(map(id, part.inputs))
            known |= set(map(id, part.outputs))
        assert known >= set(map(id, network.outputs))


@only_tensorflow
def test_what_is_computed_again_waits_for_the_gradient_that_needs_it():
    """Otherwise it would be computed, and kept, right after the first time."""
    inputs = x = keras.Input((8, 8, 4))
    for number in range(6):
        x = keras.layers.Conv2D(4, 3, padding="same", activation="tanh", name=f"conv{number}")(x)
    network = keras.Model(inputs, x)
    save_memory.save_memory([network], on_cpu=False)

    @tf.function(autograph=False)
    def gradient(images):
        with tf.GradientTape() as tape:
            result = tf.identity(network(images), name="result")
            loss = tf.reduce_sum(result**2)
        return tape.gradient(loss, network.trainable_variables)

    graph = gradient.get_concrete_function(tf.TensorSpec((2, 8, 8, 4))).graph
    convolutions = [op for op in graph.get_operations() if op.type == "Conv2D"]
    result = graph.get_operation_by_name("result")
    again = [op for op in convolutions if depends(op, result)]
    assert len(convolutions) - len(again) == 6 <= 2 * len(again)


def depends(operation, on):
    """Whether an operation of a graph waits for another one."""
    seen, waiting = set(), [operation]
    while waiting:
        each = waiting.pop()
        if each is on:
            return True
        if each.name not in seen:
            seen.add(each.name)
            waiting += [tensor.op for tensor in each.inputs] + list(each.control_inputs)
    return False

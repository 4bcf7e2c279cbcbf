"""Several devices and mixed precision: the same training, and refusals where there is no gain."""

import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.small_models import small_class
from support.toy_model import Toy, ToyOptions

from models.base import Batch
from models.engine import engine
from models.engine.base import Gpu
from trainer import devices
from utils import machine
from utils.errors import UsageError

ROOT = Path(__file__).parent.parent

# Trains the toy on one device and on two, with a save in between that the other continues.
PROGRAM = """
import sys
from contextlib import nullcontext
import numpy as np, tensorflow as tf, keras
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from support.toy_model import Toy, ToyOptions
from trainer.devices import mirror
from models.engine import engine
from models import MODELS
from models.base import Batch

def batches(rng):
    return [Batch(*(rng.integers(0, 256, (6, 16, 16, c), np.uint8) for c in (3, 3, 1, 1)))
            for _ in range(2)]

def begin(strategy):
    with strategy.scope() if strategy else nullcontext():
        keras.utils.set_random_seed(1)
        model = Toy(ToyOptions())
        return model, engine().Step(model, 0.01, 0.5, strategy)

def train(step, rng, count):
    return [list(step(*batches(rng)).losses.values()) for _ in range(count)]

both = mirror(["CPU:0", "CPU:1"])
one_model, one = begin(None)
expected = train(one, np.random.default_rng(0), 12)
rng = np.random.default_rng(0)
two_model, two = begin(both)
losses = train(two, rng, 6)
alone_model, alone = begin(None)  # continues on one device what two began
for name, network in two_model.networks.items():
    alone_model.networks[name].set_weights(network.get_weights())
alone.optimizer.restore(two.optimizer.state())
losses += train(alone, rng, 3)
again_model, again = begin(both)  # and the other way round
for name, network in alone_model.networks.items():
    again_model.networks[name].set_weights(network.get_weights())
again.optimizer.restore(alone.optimizer.state())
losses += train(again, rng, 3)
np.testing.assert_allclose(losses, expected, rtol=1e-4)
for network, other in zip(one_model.networks.values(), again_model.networks.values()):
    for a, b in zip(network.get_weights(), other.get_weights()):
        np.testing.assert_allclose(a, b, atol=1e-5)
from trainer.recovery import StepRunner
from trainer.schedule import Schedule
from trainer.session import SaveSettings, TrainingSession
settings = SaveSettings("unused", 1, {"batch_size": 6})
session = TrainingSession(again_model, again, Schedule(0.01), settings, batch_size=6, seed=1)
train_on, sizes = session.train, []

class Loader:
    size, warp = 6, True
    def next(self):
        return [batch.map(lambda part: part[: self.size]) for batch in batches(rng)]
    def resize(self, size, warp):
        self.size = size

class Line:
    say = restart = lambda *_: None

def train(src, dst):
    sizes.append(len(src.warped))
    if sizes[-1] > 2:
        raise tf.errors.ResourceExhaustedError(None, None, "OOM")
    return train_on(src, dst)

session.train = train
runner = StepRunner(session, Loader(), Line())
assert [runner.step() for _ in range(3)] == [False, True, True]
assert sizes == [6, 2, 2], sizes  # 3 cannot be shared
assert runner.problem() is None, "weights with a copy on each device can be looked at"
copies = both.experimental_local_results(again.optimizer.variables[0])
assert len(copies) == 2, copies
np.testing.assert_array_equal(*(copy.numpy() for copy in copies))

from models.engine.average import WeightAverage
from models.engine.step import UpdateSettings
recipe = UpdateSettings("adabelief", warm_up=2, dropout=0.5, accumulate=3)
models = []
for strategy in (None, both):
    with strategy.scope() if strategy else nullcontext():
        keras.utils.set_random_seed(1)
        model, copy = Toy(ToyOptions()), Toy(ToyOptions())
        average = WeightAverage(model, copy, 0.5)
        step = engine().Step(model, 0.01, 0.5, strategy, recipe, average)
        rng = np.random.default_rng(3)
    for _ in range(4):
        assert step(*batches(rng)).finite
    models += [model, copy]
for one, other in zip(models[:2], models[2:]):
    for a, b in zip(one.variables, other.variables):
        np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-5)
assert np.abs(models[2].variables[0].numpy() - models[3].variables[0].numpy()).max() > 1e-3
for variable in (*average.model.variables, *model.variables):
    copies = both.experimental_local_results(variable.value)
    assert len(copies) == 2, copies
    np.testing.assert_array_equal(*(copy.numpy() for copy in copies))

from support.judged_toy import JudgedOptions, JudgedToy
judged = []
for strategy in (None, both):
    with strategy.scope() if strategy else nullcontext():
        keras.utils.set_random_seed(1)
        model = JudgedToy(JudgedOptions(gan_power=0.3, true_face_power=0.2))
        model.add_critics()
        step, rng = engine().Step(model, 0.01, 0.5, strategy), np.random.default_rng(3)
    for number in range(4):
        assert step(*batches(rng)).finite
        model.powers["gan"].assign(0.3 - 0.1 * number)
    judged.append([w for net in model.trained.values() for w in net.get_weights()])
for a, b in zip(*judged, strict=True):
    np.testing.assert_allclose(a, b, atol=1e-5)
"""


@pytest.mark.slow
def test_two_devices_train_as_one_and_continue_each_other():
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}", "TF_CPP_MIN_LOG_LEVEL": "2"},
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_one_device_is_not_many():
    with pytest.raises(UsageError, match=r"at least 2 GPUs.*Received: 1"):
        devices.mirror(["GPU:0"])
    with pytest.raises(UsageError, match=r"multiple of 3.*Received: 8"):
        devices.check_batch(8, 3)


def test_mixed_precision_is_refused_where_it_gains_nothing(monkeypatch):
    monkeypatch.setattr(machine, "has_amx", lambda: False)
    with pytest.raises(UsageError, match="Received: a CPU"):
        devices.check_precision([])
    monkeypatch.setattr(machine, "has_amx", lambda: True)
    devices.check_precision([])
    details = {"device_name": "GTX 1080", "compute_capability": (6, 1)}
    experimental = tf.config.experimental
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["gpu"])
    monkeypatch.setattr(experimental, "get_device_details", lambda gpu: details)
    monkeypatch.setattr("models.engine.tensorflow.engine._memory_limits", lambda: [8 << 30])
    with pytest.raises(UsageError, match=r"GTX 1080, 6\.1"):
        devices.check_precision(engine().gpus())
    details["compute_capability"] = (8, 6)
    devices.check_precision(engine().gpus())
    apple = Gpu("mps", "Apple GPU", 8 << 30, None, bfloat16=False)
    with pytest.raises(UsageError, match=r"Received: Apple GPU\. Leave"):
        devices.check_precision([apple])


def test_mixed_precision_learns_with_weights_of_full_precision():
    devices.set_precision(mixed=True)
    try:
        model = Toy(ToyOptions())
    finally:
        devices.set_precision(mixed=False)
    step, rng = engine().Step(model, 0.01), np.random.default_rng(0)
    src, dst = (
        Batch(*(rng.integers(0, 256, (4, 16, 16, c), np.uint8) for c in (3, 3, 1, 1)))
        for _ in range(2)
    )
    first = step(src, dst)
    for _ in range(60):
        last = step(src, dst)
    assert sum(last.losses.values()) < 0.9 * sum(first.losses.values())
    assert {str(v.dtype) for v in model.variables} == {"float32"}
    assert model.networks["encoder"].layers[-1].compute_dtype == "bfloat16"
    assert keras.config.dtype_policy().name == "float32"


def test_quick96_takes_a_step_in_mixed_precision(monkeypatch):
    cls, rng = small_class("Quick96", monkeypatch), np.random.default_rng(0)
    devices.set_precision(mixed=True)
    try:
        model = cls(cls.Options(expression_head=True, eyes_mouth_priority=1.0))
    finally:
        devices.set_precision(mixed=False)
    shapes = [*((2, 96, 96, c) for c in (3, 3, 1, 1, 1)), (2, 10)]
    batch = Batch(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes))
    assert engine().Step(model, 1e-3)(batch, batch).finite
    assert model.swap(np.zeros((1, 96, 96, 3), np.float32)).image.dtype == "float32"

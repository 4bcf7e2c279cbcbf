"""The memory estimate: exact counts, the graphics cards each model is for, and a measured step."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.toy_model import Toy, ToyOptions

from models import MODELS
from models.weight_transfer import without_weights
from trainer import memory

GB = 1 << 30
ROOT = Path(__file__).parent.parent
SMALL_SAE = {"resolution": 64, "archi": "liae", "ae_dims": 128, "ed_ch_dims": 21}


def unallocated(name, chosen):
    cls = MODELS.load(name)
    return without_weights(lambda: cls(cls.Options(**chosen)))


def test_what_is_counted():
    model = Toy(ToyOptions(width=8))
    parameters = 4 * 4 * 3 * 8 + 8 + 2 * (4 * 4 * 4 * 8 + 4)
    encoder = 16 * 16 * 3 + 4 * 4 * 8
    decoder = 4 * 4 * 8 + 16 * 16 * 4
    found = memory.estimate(model, 5)  # the encoder sees both sides, a decoder one
    assert found[:4] == (
        4 * parameters,
        4 * parameters,
        8 * parameters,
        4 * 5 * 2 * (encoder + decoder),
    )
    assert found.total == sum(found)


@pytest.mark.parametrize(
    ("name", "chosen", "size", "batch"),
    [
        ("H64", {"lightweight": True}, 2, 4),
        ("H64", {}, 3, 4),
        ("H128", {"lightweight": True}, 3, 8),
        ("H128", {}, 4, 4),
        ("DF", {}, 5, 6),
        ("LIAEF128", {}, 5, 4),
        ("SAE", SMALL_SAE, 2, 4),
        ("SAE", {"ae_dims": 698, "ed_ch_dims": 51}, 11, 12),
        ("SAE", {"archi": "liae", "ae_dims": 402, "ed_ch_dims": 47}, 11, 8),
    ],
)
def test_the_classic_settings_fit_the_graphics_cards_they_are_for(name, chosen, size, batch):
    room = int(memory.GPU_SHARE * size * GB)
    assert memory.fitting_batch(unallocated(name, chosen), room, has_gpu=True) >= batch


def test_the_batch_that_fits_is_the_largest_that_does():
    model = unallocated("H64", {})
    needed = {batch: memory.estimate(model, batch, has_gpu=True).total for batch in (12, 16)}
    assert memory.fitting_batch(model, needed[16], has_gpu=True) == 16
    assert memory.fitting_batch(model, needed[16] - 1, has_gpu=True) == 12
    assert memory.fitting_batch(model, 100 * GB) == memory.CPU_BATCH
    assert memory.fitting_batch(model, GB) == 0


@pytest.mark.parametrize(
    ("wanted", "room", "batch", "said"),
    [
        (0, 100 * GB, 8, ""),
        (6, 100 * GB, 6, ""),
        (64, 3 * GB, 64, "a batch size of 8 would fit"),
        (0, GB, 1, "a smaller model would fit"),
    ],
)
def test_0_takes_what_fits_and_too_much_is_warned_about(
    wanted, room, batch, said, monkeypatch, capsys
):
    monkeypatch.setattr(memory, "available", lambda has_gpu: room)
    assert memory.choose_batch(unallocated("H64", {}), wanted, has_gpu=False) == batch
    warned = capsys.readouterr().err
    assert (said in warned) if said else not warned


def test_this_machine_has_some_memory():
    assert GB / 4 < memory.available(has_gpu=False) < 10_000 * GB


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_estimate_is_near_what_a_step_takes():
    """A process of its own, because a peak is that of all its life."""
    code = """
import numpy as np
from utils import device
device.tune()
from models import MODELS, fast_convolution
from models.base import Batch
from trainer import memory
from trainer.step import TrainStep
cls = MODELS.load("SAE")
model = cls(cls.Options(resolution=64, archi="liae", ae_dims=128, ed_ch_dims=21))
fast_convolution.accelerate(model.networks.values())
batch = Batch(*(np.zeros((16, 64, 64, c), np.uint8) for c in (3, 3, 1, 1)))
TrainStep(model, 5e-5)(batch, batch)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) * 1024 / memory.estimate(model, 16).total)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 0.75 < float(done.stdout) < 1.4

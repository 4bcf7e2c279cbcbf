"""The memory estimate: exact counts, the graphics cards each model is for, and a measured step."""

import subprocess
import sys
from pathlib import Path

import pytest
from support.toy_model import Toy, ToyOptions

from benchmarks import cards
from models import MODELS, save_memory
from models.checkpoint import build_model
from models.weight_transfer import without_weights
from trainer import assembly, memory
from trainer.options import options_class
from utils.errors import UsageError
from utils.options import with_defaults

GB = 1 << 30
ROOT = Path(__file__).parent.parent
SMALL_SAE = {"resolution": 64, "archi": "liae", "ae_dims": 128, "ed_ch_dims": 21}


def unallocated(name, chosen):
    cls = MODELS.load(name)
    return without_weights(lambda: cls(cls.Options(**chosen)))


def test_what_is_counted():
    model = Toy(ToyOptions(width=8))
    parameters = 4 * 4 * 3 * 8 + 8 + 2 * (4 * 4 * 4 * 8 + 4)
    encoder = 16 * 16 * 3 + 4 * 4 * 8  # the input, and what comes out of relu
    decoder = 4 * 4 * 8 + 16 * 16 * 4
    in_losses = memory.LOSS_IMAGES * 16 * 16 * 3
    found = memory.estimate(model, 5)  # the encoder sees both sides, a decoder one
    kept = 2 * 5 * (encoder + decoder + in_losses)
    working = 5 * 2 * 16 * 16 * 4
    assert found[:4] == (4 * parameters, 0, 8 * parameters, 4 * (kept + working))
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
        (64, 7 * GB // 2, 64, "a batch size of 8 would fit"),
        (0, GB, 1, "a smaller model would fit"),
    ],
)
def test_0_takes_what_fits_and_too_much_is_warned_about(
    wanted, room, batch, said, monkeypatch, capsys
):
    monkeypatch.setattr(memory, "available", lambda has_gpu: room)
    assert memory.choose_batch(unallocated("H64", {}), wanted, has_gpu=False) == batch
    warned = capsys.readouterr().err
    assert said in warned
    assert ("would fit" in warned) == bool(said)  # loading TensorFlow may be announced, too


def test_the_table_of_cards_is_what_the_script_prints():
    page = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    assert cards.table() in page


def test_a_card_takes_what_fits_and_the_hours_its_multiplications_need():
    model = unallocated("SAEHD", {"resolution": 64, "archi": "df", "d_dims": 32})
    layers = [layer for network in model.networks.values() for layer in network.layers]
    encoder = [2 * 32**2 * 25 * 3 * 64, 2 * 16**2 * 25 * 64 * 128, 2 * 8**2 * 25 * 128 * 256]
    encoder += [2 * 4**2 * 25 * 256 * 512, 2 * 4**2 * 512 * 256, 2 * 256 * 4**2 * 256]
    encoder += [2 * 4**2 * 9 * 256 * 1024]
    decoders = sum(
        2 * layer.output.shape[1] ** 2 * layer.kernel.shape.num_elements()
        for layer in layers
        if layer.name.startswith(("up", "res", "mask", "image")) and layer.weights
    )
    assert cards.operations(model) == 2 * sum(encoder) + decoders
    least = memory.estimate(model, 4, has_gpu=True).total / memory.GPU_SHARE / GB
    found = cards.row(model, [cards.Card(0.5, 1), cards.Card(least + 1e-6, 1), cards.Card(99, 4)])
    hours = 800_000 * 3 * cards.operations(model) / (1e12 / 3) / 3600
    assert found[0] == "-"
    assert found[1] == f"4, {hours:.0f} h"
    assert found[2].startswith("16, ")


def test_a_batch_that_fits_with_save_memory_is_said_so(monkeypatch, capsys):
    model = unallocated("SAEHD", {"resolution": 256})
    plain, saving = (memory.estimate(model, 8, has_gpu=True, save=on).total for on in (False, True))
    monkeypatch.setattr(memory, "available", lambda has_gpu: (plain + saving) // 2)
    memory.choose_batch(model, 8, has_gpu=True)
    assert "; with --save-memory it would fit, or a batch size of" in capsys.readouterr().err
    save_memory.save_memory(model.networks.values(), on_cpu=False)
    assert memory.estimate(model, 8, has_gpu=True).total == saving
    memory.choose_batch(model, 8, has_gpu=True)
    assert not capsys.readouterr().err


def test_activations_are_released_before_all_gradients_are_there():
    """At small batches a step takes most at its end, where there are gradients of all weights."""
    model = unallocated("SAEHD", {})
    least, more = (memory.estimate(model, batch, has_gpu=True) for batch in (1, 32))
    assert (least.gradients, least.activations) == (least.weights, 0)
    assert more.gradients < more.weights
    assert more.activations > 8 * 4 * 128 * 128 * 64


def test_a_model_whose_weights_do_not_fit_is_refused(monkeypatch):
    model = unallocated("SAEHD", {"ae_dims": 64, "e_dims": 32, "d_dims": 32})
    weights = 4 * sum(network.count_params() for network in model.networks.values())
    least = 4 * weights + memory.PROGRAM
    monkeypatch.setattr(memory, "_free_ram", lambda: least)
    memory.check_weights(model, has_gpu=False)
    with pytest.raises(UsageError, match=r"--resolution, --ae-dims, --e-dims, --d-dims"):
        memory.check_weights(model, has_gpu=False, copies=1)


def test_training_such_a_model_ends_before_it_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "_free_ram", lambda: GB)
    monkeypatch.setattr(assembly.checkpoint, "build_model", only_without_weights)
    cls = options_class("SAEHD")
    options = with_defaults(
        cls, {"training_data_src_dir": tmp_path, "training_data_dst_dir": tmp_path}
    )(model_dir=tmp_path / "model", resolution=256)
    with pytest.raises(UsageError, match=r"this model takes .* GB before it sees a face"):
        assembly.open_session(options)


def only_without_weights(name, values):
    model = build_model(name, values)
    assert all(weight._value is None for net in model.networks.values() for weight in net.weights)
    return model


def test_this_machine_has_some_memory():
    assert GB / 4 < memory.available(has_gpu=False) < 10_000 * GB


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_the_estimate_is_near_what_a_step_takes():
    """A process of its own, because a peak is that of all its life."""
    code = """
import numpy as np
from models.engine import engine
engine().tune()
from models import MODELS
from models.base import Batch
from trainer import memory
cls = MODELS.load("SAE")
model = cls(cls.Options(resolution=64, archi="liae", ae_dims=128, ed_ch_dims=21))
engine().accelerate(model.networks.values())
batch = Batch(*(np.zeros((16, 64, 64, c), np.uint8) for c in (3, 3, 1, 1)))
engine().Step(model, 5e-5)(batch, batch)
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
print(int(peak) * 1024 / memory.estimate(model, 16).total)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert 0.75 < float(done.stdout) < 1.4

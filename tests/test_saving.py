"""What a training leaves on the disk when its model dies, its disk is full or it is stopped."""

import errno
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from support.computing import set_all, without_gradients
from support.toy_model import Toy
from support.training import make_people, quick_settings

from models import MODELS, checkpoint, retention
from models.base import Batch
from models.checkpoint import generations
from models.engine import engine
from models.engine.step import StepResult
from trainer import save, train
from trainer.assembly import open_session
from trainer.session import TrainingSession
from utils.errors import Interrupted, UserError

NEVER = 1000.0


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    return make_people(folder, 6)


@pytest.fixture
def settings(people, tmp_path, monkeypatch):
    """Makes options for a training that saves after every seventh iteration, or never."""
    monkeypatch.setattr(save, "Every", EverySeventh)
    model_dir = tmp_path / "model"
    return quick_settings(people, model_dir, monkeypatch, learning_rate=1e-3, save_minutes=1.0)


@pytest.fixture
def after_step(monkeypatch):
    """Sets what is called after a step, by the number of its call, as hooks[number](step)."""
    hooks, calls = {}, []
    call = engine().Step.__call__

    def step(self, src, dst):
        result = call(self, src, dst)
        calls.append(result)
        return hooks.get(len(calls), lambda _: None)(self) or result

    monkeypatch.setattr(engine().Step, "__call__", step)
    return hooks


class EverySeventh:
    """Stands for `Every`: what is due does not depend on how busy the computer is."""

    def __init__(self, minutes):
        self.calls = 0
        self.change(minutes)

    def change(self, minutes):
        self.never = minutes == NEVER

    def due(self):
        self.calls += 1
        return self.calls % 7 == 0 and not self.never


def learn(session):
    rng = np.random.default_rng(session.iteration)
    shapes = [(2, 16, 16, channels) for channels in (3, 3, 1, 1)]
    session.train(*(Batch(*(rng.integers(0, 256, s, dtype=np.uint8) for s in shapes)),) * 2)


def iterations(folder):
    return [int(path.name) for path in generations(folder)]


# --- dead models


def white(step):
    step.model.networks["decoder_src"].trainable_variables[-1].assign([50.0] * 4)


def black_masks(step):
    step.model.networks["decoder_dst"].trainable_variables[-1].assign([0.0, 0, 0, -50])


def no_numbers(step):  # behind a ReLU, which on some processors makes zeros of them
    variable = step.model.networks["encoder"].trainable_variables[0]
    set_all(variable, np.nan)


def wild(step):  # alive, but all that was learned is lost
    for variable in step.model.variables:
        variable.assign(np.random.default_rng(1).normal(0, 1.5, variable.shape))


def outputs(folder, faces):
    """The toy's decoders in NumPy, float64: (faces, 4, 4, 4, 4, 4) with a mask as the last."""
    with np.load(folder / "weights.npz") as file:
        weights = {name: file[name].astype(np.float64) for name in file.files}
    patches = faces.reshape(-1, 4, 4, 4, 4, 3)  # rows, rows within, columns, columns within
    code = np.einsum("nyixjc,ijcd->nyxd", patches, weights["encoder/0"]) + weights["encoder/1"]
    for name in ("decoder_src", "decoder_dst"):
        kernel, bias = weights[f"{name}/0"], weights[f"{name}/1"]
        logits = np.einsum("nyxd,ijcd->nyixjc", np.maximum(code, 0), kernel) + bias
        yield 1 / (1 + np.exp(-logits))


def is_dead(folder):
    """Whether an output of a generation is 0 or 1 everywhere, or not a number."""
    faces = np.random.default_rng(3).uniform(size=(2, 16, 16, 3))
    slopes = [
        float((part * (1 - part)).mean())
        for output in outputs(folder, faces)
        for part in (output[..., :3], output[..., 3:])
    ]
    return not min(slopes) > 1e-4


@pytest.mark.parametrize("death", [white, black_masks, no_numbers])
def test_a_model_that_dies_is_never_saved(death, settings, after_step, monkeypatch, capsys):
    folder, seen = settings().model_dir, []
    written = TrainingSession.save

    def look(session):
        written(session)
        seen.append(is_dead(generations(folder)[0]))

    monkeypatch.setattr(TrainingSession, "save", look)
    after_step[30] = death
    report = train.run(settings(target_iter=101, keep=1))
    printed = capsys.readouterr().out
    assert len(seen) > 10
    assert not any(seen)
    again = 30 - int(re.search(r"back to iteration (\d+)", printed)[1])
    assert report.counts["iterations"] >= 101 + again
    assert printed.count("went back to iteration") == 1
    assert "repeatedly" not in printed
    assert iterations(folder) == [101]


def test_a_loss_that_has_doubled_is_not_saved_and_what_was_before_is_not_pushed_out(
    settings, after_step, capsys
):
    folder, spoiled = settings().model_dir, []

    def kill(step):
        wild(step)
        spoiled.append(step.model.variables[0].numpy())

    after_step[185] = kill
    train.run(settings(target_iter=240, keep=1))
    printed = capsys.readouterr().out
    before, after = printed.split("the loss has more than doubled")
    saved = list(map(int, re.findall(r"saved iteration (\d+)", before)))
    assert len(saved) > 10
    assert max(saved) < 185  # by when the loss was known to have doubled, fifty more were done
    assert int(re.search(r"back to iteration (\d+)", after)[1]) == max(saved)
    with np.load(generations(folder)[0] / "weights.npz") as file:
        assert np.abs(file["encoder/0"] - spoiled[0]).max() > 1
    assert iterations(folder) == [240]


def test_a_model_that_dies_in_the_last_step_is_not_what_is_left(settings, after_step, capsys):
    after_step[20] = white
    report = train.run(settings(target_iter=20, save_minutes=NEVER))
    assert "entirely black or white at iteration 20" in capsys.readouterr().out
    assert report.counts == {"iterations": 40}  # from the start again
    assert not is_dead(generations(settings().model_dir)[0])


def test_a_spike_of_the_loss_only_delays_saving(settings, after_step, capsys):
    def spike(step):
        return StepResult({"src": 1e3, "dst": 1e3, "src_mask": 0.0, "dst_mask": 0.0}, finite=True)

    after_step[154] = spike
    train.run(settings(target_iter=162))
    assert "went back" not in capsys.readouterr().out
    assert iterations(settings().model_dir)[0] == 162


def test_where_nothing_healthy_is_left_it_says_so_and_touches_nothing(settings, tmp_path):
    session = open_session(settings())
    white(session.step)
    for session.iteration in (700, 800, 900):
        session.save()
    before = {path: path.read_bytes() for path in tmp_path.glob("model/generations/*/*")}
    with pytest.raises(UserError, match=r"no saved state .* is healthy.*backups"):
        train.run(settings(target_iter=1000))
    assert {path: path.read_bytes() for path in tmp_path.glob("model/generations/*/*")} == before


def test_the_newest_that_is_proven_stays_and_another_is_proving_itself():
    found, healthy = [], 0
    for iteration in range(0, 1000, 5):
        found = sorted(retention.kept_while_training([iteration, *found], 3, healthy), reverse=True)
        if iteration % 100 == 0:
            healthy = max(iteration - 100, 0)
        proven = [number for number in found if number <= healthy]
        assert proven, "there is always one"
        assert proven[0] >= healthy - 100, "and it is not old"
        assert len(found) <= 5
        assert found[0] == iteration
        assert len(retention.kept_at_the_end(found, 3, healthy)) <= 3
        assert proven[0] in retention.kept_at_the_end(found, 3, healthy)
    assert retention.dispensable([90, 80, 70, 60], healthy=75) == 60
    assert retention.dispensable([90, 80, 70], healthy=75) == 80
    assert retention.dispensable([90, 70], healthy=75) is None
    assert retention.kept_at_the_end([90, 70], 1, healthy=75) == {90}


# --- full disks


@pytest.fixture
def disk(tmp_path):
    """A disk of 700 kB: the system itself says when it is full."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=700k", "none", folder]
    if sys.platform != "linux" or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root may mount a small disk on Linux")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def fill(disk, left):
    """Leave so many bytes free."""
    with pathlib.Path(disk / "filler").open("ab") as file:
        file.write(bytes(free(disk) - left))


def free(disk):
    found = os.statvfs(disk)
    return found.f_bavail * found.f_frsize


def size(folder):
    return sum(path.stat().st_size for path in folder.iterdir())


def test_at_the_target_the_oldest_makes_room_on_a_full_disk(settings, disk, capsys):
    model_dir = disk / "model"
    session = open_session(settings(model_dir=model_dir))
    for _ in range(3):
        learn(session)
        session.save()
    assert iterations(model_dir) == [3, 2, 1]
    fill(disk, left=8192)
    train.run(settings(model_dir=model_dir, target_iter=4, save_minutes=NEVER))
    assert "iteration 1, the oldest saved, was removed" in capsys.readouterr().err
    assert iterations(model_dir) == [4, 3, 2]
    with np.load(generations(model_dir)[0] / "optimizer.npz") as file:
        assert file["steps"] == 4


def test_where_nothing_can_be_spared_it_says_how_much_is_missing(settings, disk, monkeypatch):
    monkeypatch.setattr(save, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(save, "PATIENCE", 0.3)
    monkeypatch.setattr(save, "_size", str)  # exactly
    options = settings(model_dir=disk / "model", width=200, target_iter=2)
    session = open_session(options)
    learn(session)
    session.save()
    (only,) = generations(disk / "model")
    fill(disk, left=4096 * 3)
    with pytest.raises(UserError, match="No space left") as caught:
        train.run(options)
    takes, left, missing = map(int, re.findall(r"(\d+)(?: are|,| more)", str(caught.value))[-3:])
    assert takes == pytest.approx(size(only), rel=0.1)
    assert left == free(disk)
    assert missing == takes - left
    assert iterations(disk / "model") == [1]


def test_what_is_learned_waits_until_there_is_room(settings, disk, monkeypatch, capsys):
    waits = []

    def make_room(seconds):
        waits.append(seconds)
        if len(waits) == 2:
            (disk / "filler").unlink()

    monkeypatch.setattr(save, "time", SimpleNamespace(sleep=make_room, monotonic=time.monotonic))
    model_dir = disk / "model"
    train.run(settings(model_dir=model_dir, target_iter=1, keep=1))
    fill(disk, left=8192)
    train.run(settings(model_dir=model_dir, target_iter=3, keep=1, save_minutes=NEVER))
    assert waits == [save.RETRY_SECONDS] * 2
    assert capsys.readouterr().out.count("trying again") == 2
    assert iterations(model_dir) == [3]


def test_a_disk_that_cannot_be_mounted_here_is_full_as_well(settings, monkeypatch, capsys):
    """The same as above wherever the tests run; what the system says is imitated."""
    folder, written = settings().model_dir, np.savez

    def savez(*args, **arrays):
        if len(generations(folder)) > 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written(*args, **arrays)

    monkeypatch.setattr(np, "savez", savez)
    train.run(settings(target_iter=40, keep=9))
    assert "the oldest saved, was removed" in capsys.readouterr().err
    assert iterations(folder)[0] == 40


# --- stops and errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_a_closed_terminal_saves_and_stops(settings, after_step, monkeypatch):
    """Shell and system both send SIGHUP, and nothing can be printed any more."""
    reader, writer = os.pipe()
    os.close(reader)
    stream = os.fdopen(writer, "w")
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setattr(sys, "stderr", stream)

    def hang_up(step):
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)

    after_step[7] = hang_up
    with pytest.raises(Interrupted, match="saved at iteration 7"):
        train.run(settings(save_minutes=NEVER))
    assert iterations(settings().model_dir)[0] == 7
    with pytest.raises(BrokenPipeError):
        stream.close()


def test_every_error_saves_first(settings, after_step):
    def fail(step):
        raise ZeroDivisionError("a defect")

    after_step[8] = fail
    with pytest.raises(ZeroDivisionError, match="a defect"):
        train.run(settings(save_minutes=NEVER))
    generation = checkpoint.load_newest(settings().model_dir)
    assert generation.iteration == 7 == len(generation.history())


# --- steps that are not finite


class Fragile(Toy):
    """Adds a number to its loss: for some steps one that is none."""

    extra = keras.Variable(0.0, trainable=False)

    def losses(self, src, dst):
        losses = super().losses(src, dst)
        return losses if without_gradients() else losses | {"src": losses["src"] + self.extra}


@pytest.mark.parametrize(("count", "returns"), [(5, 0), (6, 1)])
def test_a_few_steps_that_are_not_finite_are_skipped(
    count, returns, settings, after_step, monkeypatch, capsys
):
    load = MODELS.load
    monkeypatch.setattr(MODELS, "load", lambda name: Fragile if name == "TOY" else load(name))
    after_step[9] = lambda _: Fragile.extra.assign(np.nan) and None
    after_step[9 + count] = lambda _: Fragile.extra.assign(0.0) and None
    report = train.run(settings(target_iter=20, save_minutes=NEVER))
    printed = capsys.readouterr().out
    assert printed.count("the step is skipped") == 5
    assert printed.count("went back to iteration 0") == returns
    assert report.counts == {"iterations": 20 + 9 * returns}


# --- the cool-down


def rates(session, count):
    found = []
    for _ in range(count):
        found.append(session.lr_scale)
        session.iteration += 1
    return found


def test_the_cool_down_counts_from_where_the_target_was_set(settings):
    ending = [1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2]
    first = open_session(settings(target_iter=10, cool_down=0.5))
    np.testing.assert_allclose(rates(first, 10), ending)
    first.save()
    further = open_session(settings(target_iter=20, cool_down=0.5))
    np.testing.assert_allclose(rates(further, 7), ending[:7])
    further.save()  # stopped on the way, and continued with the same target
    again = open_session(settings(target_iter=20, cool_down=0.5))
    np.testing.assert_allclose(rates(again, 3), ending[7:])
    assert again.finished()


def test_a_model_without_a_record_of_its_target_sets_it_now(settings):
    session = open_session(settings(target_iter=100_000))
    session.iteration = 100_000
    session.save()
    file = generations(settings().model_dir)[0] / "state.json"
    state = json.loads(file.read_text())
    del state["schedule"]  # as an earlier version saved it
    sums = json.loads(file.with_name("checksums.json").read_text())
    del sums["state.json"]
    file.write_text(json.dumps(state))
    file.with_name("checksums.json").write_text(json.dumps(sums))
    session = open_session(settings(target_iter=101_000, cool_down=0.2))
    scales = rates(session, 1000)
    np.testing.assert_allclose(scales, np.clip((1 - np.arange(1000) / 1000) / 0.2, 0, 1))
    assert np.mean(scales) > 0.85  # 0.025 where the whole history is the way

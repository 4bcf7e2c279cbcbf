"""The trainer: optimizer, step, saving, continuing, stopping, what goes wrong, what it tells."""

import argparse
import dataclasses
import hashlib
import json
import os
import re
import shutil
import signal
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from filelock import FileLock
from support.computing import constant, set_all
from support.toy_model import ENTRY, Toy, ToyOptions
from support.training import make_people, toy_settings
from support.wrong_uses import make_model

from facelib import held_out
from facelib.faceset import Faceset
from models import MODELS, checkpoint
from models.base import Batch
from models.engine import engine
from trainer import people as people_check
from trainer import save, summary, train
from trainer.assembly import open_samplers, open_session
from trainer.learning_options import PRESETS
from trainer.loss_history import LossHistory
from trainer.monitoring import plots, preview
from trainer.monitoring.monitor import Monitor
from trainer.monitoring.predict import FacePredictor
from trainer.options import for_arguments, options_class, saved_options
from trainer.progress import Every, ProgressLine
from trainer.recovery import StepRunner
from trainer.rollback import Rollbacks
from trainer.save import Saver
from trainer.schedule import Schedule
from trainer.session import TrainingSession
from trainer.signals import StopRequest, stop_requests
from utils import options, workspace
from utils.command_line import add_options
from utils.errors import InputError, Interrupted, ModelError, UsageError, UserError
from utils.wording import duration

if sys.platform != "win32":
    import resource

Adam = engine().Step.optimizer_class


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    """The toy model among the others; another name for it makes a second model."""
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    monkeypatch.setitem(MODELS._entries, "OTHER", ENTRY)


@pytest.fixture(scope="session")
def people(tmp_path_factory):
    """Two folders of 24 faces, of two persons."""
    folder = tmp_path_factory.mktemp("people")
    return make_people(folder, 24)


@pytest.fixture
def settings(people, tmp_path):
    """Makes options for a short training in a model folder of this test."""

    return toy_settings(
        people,
        tmp_path / "model",
        batch_size=4,
        learning_rate=0.01,
        preview_minutes=0.0,
        measure_minutes=0.0,
    )


def random_batch(rng, size=4):
    shapes = [(size, 16, 16, channels) for channels in (3, 3, 1, 1)]
    return Batch(*(rng.integers(0, 256, shape, dtype=np.uint8) for shape in shapes))


def newest(model_dir):
    return checkpoint.load_newest(model_dir)


def weights_of(model):
    return [array for network in model.networks.values() for array in network.get_weights()]


# --- optimizer and step


def adam_oracle(weights, gradients, rate, steps):
    m = v = np.zeros_like(weights)
    for step in range(1, steps + 1):
        m = 0.5 * m + 0.5 * gradients[step - 1]
        v = 0.999 * v + 0.001 * gradients[step - 1] ** 2
        corrected = rate * np.sqrt(1 - 0.999**step) / (1 - 0.5**step)
        weights = weights - corrected * m / (np.sqrt(v) + 1e-7)
    return weights


def test_adam_is_the_published_formula_and_continues_from_its_saved_state():
    rng = np.random.default_rng(1)
    weights, gradients = rng.normal(size=(5, 7)), rng.normal(size=(12, 5, 7))
    first = keras.Variable(weights.astype(np.float32))
    adam = Adam([first], 0.01)
    for gradient in gradients[:6]:
        adam.apply([constant(gradient)])
    second = keras.Variable(first.numpy())  # a new process
    continued = Adam([second], 0.01)
    continued.restore(adam.state())
    for gradient in gradients[6:]:
        continued.apply([constant(gradient)])
    oracle = adam_oracle(weights, gradients, 0.01, 12)
    np.testing.assert_allclose(second.numpy(), oracle, rtol=1e-5, atol=1e-6)


def test_the_first_steps_grow_to_the_learning_rate():
    weights = keras.Variable(np.zeros(3, np.float32))
    adam, moved = Adam([weights], 0.01, warm_up=4), [np.zeros(3)]
    for _ in range(6):  # with an equal gradient Adam moves by its rate
        adam.apply([constant(np.ones(3))])
        moved.append(weights.numpy())
    steps = -np.diff(moved, axis=0)[:, 0]
    np.testing.assert_allclose(steps, 0.01 * np.array([0.25, 0.5, 0.75, 1, 1, 1]), rtol=1e-4)


def test_adam_refuses_the_state_of_another_model():
    small, large = (Adam([keras.Variable(np.zeros(n))], 0.1) for n in (2, 3))
    with pytest.raises(ModelError, match="does not fit"):
        small.restore(large.state())


def test_a_step_minimizes_the_sum_of_the_losses():
    rng = np.random.default_rng(2)
    model = Toy(ToyOptions())
    step = engine().Step(model, 0.01)
    src, dst = random_batch(rng), random_batch(rng)
    found = engine().evaluate(model.losses, src, dst)
    before = {name: float(loss) for name, loss in found.items()}
    first = step(src, dst)
    assert first.finite
    assert first.losses == pytest.approx(before, rel=1e-4)
    for _ in range(60):
        last = step(src, dst)
    assert sum(last.losses.values()) < 0.9 * sum(first.losses.values())


def test_a_long_gradient_is_shortened_and_a_short_one_left_alone():
    rng = np.random.default_rng(3)
    src, dst = random_batch(rng), random_batch(rng)
    received = {}
    for clip in (0.0, 1e-3, 1e3):
        keras.utils.set_random_seed(1)
        step = engine().Step(Toy(ToyOptions()), 0.01, clip)
        step.optimizer.apply = lambda gradients, *_, clip=clip: received.update({clip: gradients})
        getattr(step, "_step", step)(src, dst)  # without a graph
    plain, short, same = (
        np.concatenate([g.numpy().ravel() for g in gradients])
        for gradients in (received[0.0], received[1e-3], received[1e3])
    )
    assert np.linalg.norm(short) == pytest.approx(1e-3, rel=1e-4)
    np.testing.assert_allclose(short / np.linalg.norm(short), plain / np.linalg.norm(plain), 1e-4)
    np.testing.assert_array_equal(same, plain)


@pytest.mark.parametrize("preset", ["fast", "original"])
def test_a_preset_says_how_weights_begin_and_how_long_steps_are(settings, preset):
    chosen = settings(preset=preset, learning_rate=0.0)
    session = open_session(chosen)
    assert float(session.step.optimizer.rate) == pytest.approx(PRESETS[preset].learning_rate)
    keras.utils.set_random_seed(chosen.seed)
    as_keras = weights_of(Toy(ToyOptions()))
    equal = np.array_equal(weights_of(session.model)[0], as_keras[0])
    assert equal == (preset == "original")
    assert open_session(settings(learning_rate=0.003)).schedule.learning_rate == 0.003


def test_a_step_that_is_not_finite_changes_nothing():
    rng = np.random.default_rng(3)
    model = Toy(ToyOptions())
    step = engine().Step(model, 0.01)
    step(random_batch(rng), random_batch(rng))
    poisoned = model.networks["decoder_dst"].trainable_variables[0]
    set_all(poisoned, np.nan)
    before, state = weights_of(model), step.optimizer.state()
    assert not step(random_batch(rng), random_batch(rng)).finite
    for one, other in zip(before, weights_of(model), strict=True):
        np.testing.assert_array_equal(one, other)
    for name, array in step.optimizer.state().items():
        np.testing.assert_array_equal(array, state[name])


# --- a whole training


def test_training_learns_saves_and_shows(settings):
    report = train.run(settings(target_iter=150, preview_minutes=10.0, preview_history=True))
    assert not report.failures
    assert report.counts == {"iterations": 150}
    folder = settings().model_dir
    generation = newest(folder)
    assert generation.iteration == 150
    assert generation.state["loss_names"] == ["src", "dst", "src_mask", "dst_mask"]
    assert set(generation.state["versions"]) >= {"python", engine().name, "keras", "numpy"}
    history = generation.history()
    assert history.shape == (150, 4)
    assert history[-20:].mean() < 0.8 * history[:20].mean()
    assert (folder / "preview.png").exists()
    assert len(list((folder / "preview_history").iterdir())) == 2  # the first and the last
    assert not list(folder.rglob("*.tmp"))


def test_a_continued_training_is_the_same_as_one_without_a_pause(settings, tmp_path):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train.run(settings(model_dir=whole, target_iter=60, cool_down=0.0))
    for target in (25, 60):
        train.run(settings(model_dir=parts, target_iter=target, cool_down=0.0))
    one, other = newest(whole), newest(parts)
    np.testing.assert_allclose(one.history(), other.history(), rtol=1e-3)
    assert one.optimizer()["steps"] == other.optimizer()["steps"] == 60
    for name, arrays in one.weights().items():
        for array, again in zip(arrays, other.weights()[name], strict=True):
            np.testing.assert_allclose(array, again, atol=1e-3)
    assert other.state["seconds"] > 0


def step_sizes(session, count):
    """Train and return the learning rate of each step."""
    src, dst = (random_batch(np.random.default_rng(side)) for side in (1, 2))
    sizes = []
    for _ in range(count):
        session.train(src, dst)
        sizes.append(float(session.step.optimizer.rate.numpy()))
    return np.array(sizes)


def test_toward_a_target_the_steps_shrink_and_with_a_later_one_they_are_long_again(settings):
    session = open_session(settings(target_iter=10, cool_down=0.5))
    shares = np.array([1, 1, 1, 1, 1, 1, 0.8, 0.6, 0.4, 0.2])
    np.testing.assert_allclose(step_sizes(session, 10), 0.01 * shares, rtol=1e-5)
    assert session.finished()
    session.save()
    further = open_session(settings(target_iter=40, cool_down=0.5))
    np.testing.assert_allclose(step_sizes(further, 10), 0.01, rtol=1e-5)
    assert not further.finished()


def test_without_a_target_or_a_cool_down_steps_stay_as_long_as_they_are(settings):
    for changes in ({}, {"target_iter": 6, "cool_down": 0.0}):
        session = open_session(settings(**changes))
        np.testing.assert_allclose(step_sizes(session, 6), 0.01, rtol=1e-5)


def test_the_nearer_of_two_targets_decides(settings, monkeypatch):
    monkeypatch.setattr(TrainingSession, "seconds", 54.0)
    session = open_session(settings(target_iter=1000, target_minutes=1.0, cool_down=0.2))
    assert session.lr_scale == pytest.approx(0.5)
    monkeypatch.setattr(TrainingSession, "seconds", 61.0)
    assert session.finished()


def test_a_target_that_is_reached_already_trains_no_further(settings):
    train.run(settings(target_iter=3))
    assert train.run(settings(target_iter=3)).counts == {"iterations": 0}
    assert newest(settings().model_dir).iteration == 3


def test_training_time_counts_all_runs(settings):
    train.run(settings(target_minutes=0.02))
    first = newest(settings().model_dir)
    assert 1.2 <= first.state["seconds"] < 30
    train.run(settings(target_minutes=0.02))
    assert newest(settings().model_dir).iteration == first.iteration


def test_only_the_newest_generations_are_kept(settings):
    train.run(settings(target_iter=9, save_minutes=1e-6, keep=2))
    assert len(checkpoint.generations(settings().model_dir)) == 2


def test_held_out_faces_are_not_trained_on_when_there_are_enough(people, settings):
    options = settings()
    session = open_session(options)
    faceset = Faceset.open(people / "src")
    few = Faceset(people / "src", list(faceset)[:19])
    assert len(open_samplers(options, session, few, few).src.faces) == 19
    assert open_samplers(options, session, few, few).dst_held_out is None
    samplers = open_samplers(options, session, faceset, faceset)
    trained, rest = held_out.of_model(options.model_dir)[1].split(faceset)
    assert samplers.dst.faces == trained
    assert samplers.dst_held_out.faces == rest
    assert 20 <= len(trained) < 24
    assert not {path for path, _ in trained} & {path for path, _ in rest}


def test_sides_are_swapped_for_a_while_also_after_a_restart(settings, monkeypatch):
    fed = []
    step = engine().Step.__call__
    monkeypatch.setattr(
        engine().Step, "__call__", lambda self, *sides: (fed.append(sides), step(self, *sides))[1]
    )
    train.run(settings(target_iter=3, swap_sides=5))
    train.run(settings(target_iter=8))
    swapped, fed[:] = list(fed), []
    train.run(settings(target_iter=8, model_dir=settings().model_dir / "plain"))
    for number, ((src, dst), (one, other)) in enumerate(zip(swapped, fed, strict=True)):
        expected = (other, one) if number < 5 else (one, other)
        np.testing.assert_array_equal(src.warped, expected[0].warped)
        np.testing.assert_array_equal(dst.warped, expected[1].warped)


def test_sorted_by_yaw_only_src_depends_on_the_other_side(people, settings):
    facesets = [Faceset.open(people / side) for side in ("src", "dst")]
    plain, sorted_by_yaw = (
        open_samplers(chosen, open_session(chosen), *facesets)
        for chosen in (settings(), settings(sort_by_yaw=True))
    )
    np.testing.assert_array_equal(plain[1].batch(0, 9).target, sorted_by_yaw[1].batch(0, 9).target)
    assert (plain[0].batch(0, 9).target != sorted_by_yaw[0].batch(0, 9).target).any()
    count = len(plain[0].faces)
    assert sorted(face for face, _ in plain[0].shown(0, count)) == list(range(count))  # by chance
    assert train.run(settings(sort_by_yaw=True, target_iter=2)).counts == {"iterations": 2}


def test_debug_shows_samples_and_trains_nothing(settings):
    report = train.run(settings(debug=True, target_iter=5))
    folder = settings().model_dir
    assert (folder / "debug_samples.png").exists()
    assert not checkpoint.generations(folder)
    assert report.counts == {"samples": 24}


# --- what goes wrong


@pytest.mark.parametrize("side", ["src", "dst"])
def test_folders_without_faces_are_named(settings, tmp_path, side):
    folder = tmp_path / "nothing here"
    changes = {f"training_data_{side}_dir": folder}
    with pytest.raises(InputError, match="nothing here"):
        train.run(settings(**changes))
    folder.mkdir()
    with pytest.raises(InputError, match="nothing here"):
        train.run(settings(**changes))
    (folder / "face.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="holds no face"):
        train.run(settings(**changes))


def test_the_folder_of_another_model_is_refused_naming_both(settings):
    train.run(settings(target_iter=1))
    with pytest.raises(ModelError, match=r"TOY.*OTHER"):
        train.run(settings(model="OTHER"))


def test_two_trainers_in_one_folder_are_refused(settings):
    settings().model_dir.mkdir()
    with FileLock(settings().model_dir / ".train.lock"), pytest.raises(ModelError, match="another"):
        train.run(settings(target_iter=1))


def test_a_model_folder_that_is_a_file_is_refused(settings, tmp_path):
    (tmp_path / "model").write_text("")
    with pytest.raises(InputError, match="cannot create the folder"):
        train.run(settings())


def test_files_that_are_no_faces_are_reported_and_the_rest_is_trained_on(
    people, settings, tmp_path
):
    folder = shutil.copytree(people / "src", tmp_path / "some")
    (folder / "holiday.png").write_bytes(b"\x89PNG")
    report = train.run(settings(training_data_src_dir=folder, target_iter=2))
    assert report.counts == {"iterations": 2}
    assert "holiday.png" in report.notes["files that are not faces"][0]


def test_a_loss_that_is_no_number_rolls_back_to_the_newest_save(settings):
    train.run(settings(target_iter=4))
    session = open_session(settings())
    rollbacks = Rollbacks(session)
    rng = np.random.default_rng(1)
    session.train(random_batch(rng), random_batch(rng))
    saved = weights_of(open_session(settings()).model)
    variable = session.model.variables[-1]  # before a sigmoid: some ReLUs make NaN a zero
    for _ in range(3):
        set_all(variable, np.nan)
        assert not session.train(random_batch(rng), random_batch(rng)).finite
        rollbacks.to(session.iteration)
        assert session.iteration == 4 == len(session.losses.rows)
        for one, other in zip(saved, weights_of(session.model), strict=True):
            np.testing.assert_array_equal(one, other)
    with pytest.raises(UserError, match="lower --learning-rate"):
        rollbacks.to(session.iteration)


def test_a_training_that_cannot_go_well_ends_with_a_sentence(settings):
    with pytest.raises(UserError, match="breaks down"):
        train.run(settings(learning_rate=1e38, target_iter=50))


def test_what_was_learned_is_saved_before_an_error_ends_the_training(settings):
    session = open_session(settings())
    rng = np.random.default_rng(1)

    def fail():
        line = ProgressLine(session)
        runner = StepRunner(session, None, line)
        with Saver(session, line, runner, StopRequest(), minutes=10.0).on_error():
            session.train(random_batch(rng), random_batch(rng))
            raise InputError("no face is left")

    with pytest.raises(InputError, match="no face is left"):
        fail()
    assert newest(settings().model_dir).iteration == 1


def test_files_in_the_model_folder_ask_for_a_save_and_a_backup(settings, monkeypatch, capsys):
    folder = settings().model_dir
    folder.mkdir()
    (folder / "backup.request").touch()  # from before: it does not count
    after_step = Saver.after_step

    def ask(saver, requests):
        iteration = saver._session.iteration
        name = {3: "save.request", 5: "backup.request", 6: "other.request"}.get(iteration)
        if name:
            (folder / name).touch()
        after_step(saver, requests)

    monkeypatch.setattr("trainer.request_files.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(Saver, "after_step", ask)
    train.run(settings(target_iter=8))
    assert "saved iteration 3" in capsys.readouterr().out
    assert [path.name for path in (folder / "backups").iterdir()] == ["000000005"]
    assert [path.name for path in folder.glob("*.request")] == ["other.request"]


@pytest.fixture
def no_room():
    """Call it to have every write of more than a few bytes fail, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size=1000: resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
def test_a_full_disk_keeps_the_last_save_and_the_training(settings, no_room, capsys):
    train.run(settings(target_iter=2))
    session = open_session(settings())
    rng = np.random.default_rng(1)
    session.train(random_batch(rng), random_batch(rng))
    no_room()
    save.try_to_save(session, ProgressLine(session))
    assert "iteration 2 is saved" in capsys.readouterr().err
    assert newest(settings().model_dir).iteration == 2
    with pytest.raises(UserError, match="cannot save into"):
        train.run(settings(target_iter=20))
    no_room(resource.getrlimit(resource.RLIMIT_FSIZE)[1])
    save.try_to_save(session, ProgressLine(session))
    assert newest(settings().model_dir).iteration == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_a_signal_stops_after_the_step_and_a_second_one_at_once():
    before = signal.getsignal(signal.SIGINT)
    with stop_requests() as stop:
        assert not stop.received
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.received
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_request_says_what_is_saved_and_which_flags_are_spent():
    session = SimpleNamespace(saved_iteration=-1)
    with pytest.raises(KeyboardInterrupt), train._saved_is_said(session):
        raise KeyboardInterrupt

    def save_and_stop():
        with train._saved_is_said(session):
            session.saved_iteration = 0
            raise KeyboardInterrupt

    with pytest.raises(Interrupted, match="saved at iteration 0") as request:
        save_and_stop()
    assert request.value.next_without == train.ONCE


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGALRM")
def test_interrupted_training_is_saved(settings):
    previous = signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), signal.SIGINT))
    signal.setitimer(signal.ITIMER_REAL, 3)
    try:
        with pytest.raises(Interrupted, match="saved at iteration"):
            train.run(settings())
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert newest(settings().model_dir).iteration > 0


# --- targets that are remembered


def interrupted(monkeypatch, chosen):
    """Train three steps and press Ctrl-C."""
    after_step, done = Monitor.after_step, []

    def press(self):
        done.append(1)
        if len(done) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return after_step(self)

    with monkeypatch.context() as patched:
        patched.setattr(Monitor, "after_step", press)
        with pytest.raises(Interrupted):
            train.run(chosen)


def remembered(model_dir, **flags):
    """The target of a training with these flags, as the command line reads it."""
    saved = options_class("TOY").saved({"model_dir": model_dir} | flags) | flags
    return saved.get("target_iter", 0), saved.get("target_minutes", 0)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for itself")
def test_a_target_is_remembered_until_it_is_reached(settings, monkeypatch):
    folder = settings().model_dir
    interrupted(monkeypatch, settings(target_iter=8, target_minutes=40.0))
    assert remembered(folder) == (8, 40)
    assert workspace.target_ahead(folder) == "40 minutes or 8 iterations"
    assert train.run(settings(target_iter=8, target_minutes=40.0)).counts == {"iterations": 5}
    assert remembered(folder) == (0, 0)
    assert workspace.target_ahead(folder) == ""


def test_a_flag_replaces_the_remembered_target_and_0_removes_it(settings):
    session = open_session(settings(target_minutes=40.0))
    session.save()
    folder = settings().model_dir
    assert remembered(folder, target_iter=7) == (7, 0)
    assert remembered(folder, target_minutes=0.0) == (0, 0)
    open_session(settings()).save()  # nothing was learned, but the target is gone
    assert remembered(folder) == (0, 0)


def test_a_target_reached_during_the_last_save_is_not_remembered(settings, monkeypatch):
    session = open_session(settings(target_minutes=1.0))
    session.save()
    monkeypatch.setattr(TrainingSession, "seconds", 60.0)
    session.save()
    assert remembered(settings().model_dir) == (0, 0)


def test_the_target_is_remembered_when_a_stop_rule_has_set_a_nearer_one(settings):
    session = open_session(settings(target_iter=1000))
    for _ in range(3):
        session.train(*(random_batch(np.random.default_rng(side)) for side in (1, 2)))
    session.iteration = 100
    session.end_soon()
    assert session.schedule.target_iter == 125
    session.save()
    assert remembered(settings().model_dir) == (1000, 0)


@pytest.mark.parametrize("target", [None, "soon", ["target_iter"]])
def test_a_model_without_a_sound_target_has_none(target, tmp_path):
    make_model(tmp_path, 100, 600, **({} if target is None else {"target": target}))
    assert remembered(tmp_path) == (0, 0)
    assert workspace.target_ahead(tmp_path) == ""


# --- options


def test_the_options_are_those_of_the_trainer_and_of_the_model(tmp_path):
    cls = for_arguments(["--model", "TOY", "--model-dir", str(tmp_path)])
    names = {option.name for option in options.options_of(cls)}
    assert {"width", "batch_size", "cpu_only", "debug"} <= names
    assert "lightweight" not in names
    assert "lightweight" in {o.name for o in options.options_of(for_arguments(["--model", "H64"]))}
    assert "width" in {o.name for o in options.options_of(for_arguments(["--model", "toy"]))}
    assert for_arguments(["--model"]) is not None  # the real parser says what is wrong
    assert for_arguments(["--model", "NOSUCH"]) is not None


def test_a_saved_model_brings_its_options_but_not_its_folders(settings, tmp_path):
    train.run(settings(target_iter=1, batch_size=3, width=4))
    folder = str(settings().model_dir)
    cls = for_arguments(["--model-dir", folder + '"'])  # as "C:\\path\\" of a .bat file arrives
    assert "width" in {option.name for option in options.options_of(cls)}
    saved = cls.saved({"model_dir": settings().model_dir})
    assert saved["model"] == "TOY"
    assert (saved["batch_size"], saved["width"]) == (3, 4)
    assert not {"training_data_src_dir", "model_dir", "debug", "ask", "target_iter"} & set(saved)
    assert not {"multi_gpu", "mixed_precision", "force_gpu_idx"} & set(saved)  # of this machine
    assert str(tmp_path) not in json.dumps(saved)
    given = {
        "model_dir": settings().model_dir,
        "training_data_src_dir": tmp_path,
        "training_data_dst_dir": tmp_path,
    }
    with pytest.raises(UsageError, match="--width cannot change"):
        options.resolve(options_class("TOY"), given | {"width": 5}, {"width": 4})


def as_saved_by_an_older_version(model_dir):
    """Give the preset in the newest generation its former name; return the options file."""
    file = checkpoint.generations(model_dir)[0] / "options.json"
    file.write_text(file.read_text().replace('"original"', '"ancestor"'))
    sums = json.loads(file.with_name("checksums.json").read_text())
    sums[file.name] = hashlib.sha256(file.read_bytes()).hexdigest()
    file.with_name("checksums.json").write_text(json.dumps(sums))
    return file


def test_the_former_name_of_the_original_preset_is_a_flag_and_a_saved_value(settings):
    parser = argparse.ArgumentParser()
    add_options(parser, options_class("TOY"))
    folders = ["--training-data-src-dir", "a", "--training-data-dst-dir", "b", "--model-dir", "c"]
    flags = parser.parse_args([*folders, "--preset", "ancestor"])
    assert flags.preset == "original"

    train.run(settings(target_iter=2))
    older = as_saved_by_an_older_version(settings().model_dir)
    given = {name: getattr(settings(), name) for name in vars(flags) if name.endswith("_dir")}
    saved = dict(options_class("TOY").saved(given))
    given |= {"target_iter": 4, "model": saved.pop("model")}  # the toy is no choice of the flag
    continued = options.resolve(options_class("TOY"), given, saved)
    assert saved["preset"] == "ancestor"
    assert train.run(continued).counts == {"iterations": 2}
    assert newest(settings().model_dir).options["preset"] == "original"
    assert json.loads(older.read_text())["preset"] == "ancestor"  # it stays as it was


def test_a_run_lists_each_folder_of_faces_once(people, settings):
    listed, watching = Counter(), True

    def audit(event, args):
        if watching and event in ("os.listdir", "os.scandir"):
            listed[os.fspath(args[0])] += 1

    sys.addaudithook(audit)  # stays for the life of the process
    train.run(settings(target_iter=2, preview_minutes=10.0, measure_minutes=10.0))
    watching = False
    assert {side: listed[str(people / side)] for side in ("src", "dst")} == {"src": 1, "dst": 1}


def test_each_run_chooses_the_batch_size_that_fits(settings, tmp_path, capsys):
    train.run(settings(target_iter=1, batch_size=0))
    assert "at a batch size of 8" in capsys.readouterr().out
    assert saved_options(tmp_path / "model")["batch_size"] == 0


def test_damaged_saved_options_fall_back_to_the_save_before(settings):
    train.run(settings(target_iter=1))
    train.run(settings(target_iter=2, batch_size=2))
    folder = settings().model_dir
    assert saved_options(folder)["batch_size"] == 2
    (checkpoint.generations(folder)[0] / "options.json").write_text("{")
    assert saved_options(folder)["batch_size"] == 4
    assert saved_options(folder / "nowhere") is None


# --- what it tells


def session_and_samplers(chosen, people):
    session = open_session(chosen)
    facesets = (Faceset.open(people / side) for side in ("src", "dst"))
    return session, open_samplers(chosen, session, *facesets)[:2]


def test_the_console_line_has_speed_losses_and_the_time_left(settings):
    session = open_session(settings(target_iter=1000))
    progress = ProgressLine(session)
    rng = np.random.default_rng(1)
    for _ in range(5):
        session.train(random_batch(rng), random_batch(rng))
        progress.show(waited=0.0)
    line = progress.line()
    for part in ("[#000005]", " ms", "src 0.", "dst 0.", "samples/s", "to target"):
        assert part in line
    assert "mask" not in line
    assert re.match(r"\[#000005\]  .{2,9} to target  ", line), "a narrow terminal shows it too"


def test_losses_on_screen_and_in_the_preview_are_means_of_the_same_iterations(monkeypatch):
    names, rng = ["src", "dst", "src_mask"], np.random.default_rng(1)
    rows = rng.random((250, 3))
    history = LossHistory()
    for row in rows:
        history.add(dict(zip(names, row.tolist(), strict=True)))
    expected = {name: rows[150:, column].mean() for column, name in enumerate(["src", "dst"])}
    assert history.means() == pytest.approx(expected, rel=1e-6)
    written = []
    monkeypatch.setattr(plots, "write", lambda area, words, *_: written.append(words))
    plots.draw_losses(np.zeros((220, 600, 3), np.uint8), history.rows, names, 1.0)
    assert {f"{name} {mean:.4f}" for name, mean in expected.items()} < set(written)
    assert "means of the last 100 iterations" in written
    few = LossHistory(names, rows[:3].astype(np.float32))
    assert few.means() == pytest.approx({"src": rows[:3, 0].mean(), "dst": rows[:3, 1].mean()})
    assert LossHistory().means() == {}


def test_durations_are_said_in_words():
    assert [duration(s) for s in (5, 600, 3 * 3600 + 300)] == ["5 s", "10 min", "3 h 05 min"]


def test_every_is_due_once_a_period_and_never_for_zero():
    assert not Every(0).due()
    assert not Every(10).due()
    always = Every(1e-12)
    assert always.due()


def test_every_waits_longer_where_it_would_take_too_much_of_the_time():
    costly = Every(1e-12, share=0.02)
    assert costly.due()
    costly.spent(10)
    assert not costly.due()  # until 500 seconds have passed


def test_the_summary_counts_parameters(people, settings):
    session, samplers = session_and_samplers(settings(learning_rate=0.0), people)
    text = summary.describe(session, *samplers)
    assert "1,424 parameters" in text  # 4*4*3*8+8 and twice 4*4*4*8+4
    assert "a new model" in text
    lines = [line.split() for line in text.splitlines()]
    assert ["random", "flip", "yes"] in lines
    assert ["src", "scale", "0"] in lines
    assert ["clip", "gradients", "off"] in lines
    assert ["learning", "rate", "that", "of", "the", "preset"] in lines
    assert f"src {len(samplers[0].faces)}" in text
    assert "target" not in text


def test_the_summary_of_a_model_that_goes_on_is_short(people, settings, monkeypatch):
    usual = {"preview_minutes": 1.0, "measure_minutes": 5.0, "learning_rate": 0.0, "batch_size": 8}
    session, samplers = session_and_samplers(settings(**usual, seed=None), people)
    session.iteration = 400
    lines = summary.describe(session, *samplers).splitlines()
    assert lines[1:3] == ["options  all at their defaults", "total   1,424 parameters"]
    assert re.fullmatch(r"memory  about [0-9.]+ GB at a batch size of 8", lines[3])
    assert len(lines) == 6
    monkeypatch.setattr(TrainingSession, "seconds", 60.0)
    chosen = settings(**usual, random_flip=False, target_iter=1400, target_minutes=4.0)
    session, samplers = session_and_samplers(chosen, people)
    session.iteration = 400
    lines = summary.describe(session, *samplers).splitlines()
    changed = [line.split() for line in lines[2 : lines.index("total   1,424 parameters")]]
    assert changed == [["seed", "5"], ["random", "flip", "no"]]
    assert "target  4 minutes, 3 left, or 1,400 iterations, 1,000 left" in lines


def test_the_defaults_of_a_preset_are_not_listed_when_a_model_goes_on(monkeypatch):
    fast = options.to_json(
        options_class("H64", "fast")(
            training_data_src_dir=Path(), training_data_dst_dir=Path(), model_dir=Path()
        )
    )
    values = {name: value for name, value in fast.items() if not name.endswith("_dir")}
    assert fast["expression_head"]
    named = [
        line.split() for line in summary._table("H64", values | {"preset": "fast"}, changed=True)
    ]
    assert named == [["preset", "fast"]]


def test_a_preview_shows_the_same_faces_every_time(people, settings):
    session, samplers = session_and_samplers(settings(), people)
    history = np.linspace(1, 0.5, 100)[:, None]
    columns = preview.PreviewFaces(*samplers).columns(FacePredictor(session.model))
    content = preview.PreviewContent(columns, history, ["src"], 100)
    image = preview.draw(content)
    again = preview.PreviewFaces(*samplers).columns(FacePredictor(session.model))
    again = preview.draw(dataclasses.replace(content, columns=again))
    assert image.dtype == np.uint8
    assert (image == again).all()
    first = samplers[0].plain(0)[..., :3]
    top = preview.Sheet(preview.ROWS, preview.TILE, masked=True, panels=1).faces[0]
    tile = image[top : top + preview.TILE, : preview.TILE]
    assert np.abs(tile[4::8, 4::8].astype(int) - first).mean() < 12


def test_faces_that_are_both_src_and_dst_are_said(people, tmp_path, capsys):
    src, dst = Faceset.open(people / "src"), Faceset.open(people / "dst")
    people_check._warn_of_same_faces(src, dst)
    assert not capsys.readouterr().err
    people_check._warn_of_same_faces(src, Faceset.open(people / "dst" / ".." / "src"))
    assert "src and dst are the same folder" in capsys.readouterr().err
    copies = shutil.copytree(people / "dst", tmp_path / "copies")
    for path, _ in src[:3]:
        shutil.copy(path, copies / f"copy of {path.name}")
    people_check._warn_of_same_faces(src, Faceset.open(copies))
    said = capsys.readouterr().err
    assert "3 faces are both src and dst" in said
    assert "--training-data-dst-dir" in said


def test_a_training_that_is_to_end_cools_down_first():
    schedule = Schedule(1e-3, cool_down=0.2, target_minutes=600)
    ended = schedule.ending(1000, 0)
    scales = [ended.lr_scale(ended.progress(i, 0)) for i in (1000, 1125, 1250)]
    assert scales == pytest.approx([1, 0.5, 0])
    ended = schedule.ending(10**6, 0)
    assert ended.lr_scale(ended.progress(10**6 + 2500, 0)) == pytest.approx(0.5)
    assert ended.progress(10**6 + 5000, 0) == 1
    assert dataclasses.replace(schedule, cool_down=0.0).ending(7, 0).progress(7, 0) == 1


def test_a_training_that_is_to_end_keeps_a_nearer_end():
    schedule = Schedule(1e-3, cool_down=0.2, target_iter=1000)
    assert schedule.ending(600, 0).target_iter == 750
    assert schedule.ending(900, 0).target_iter == 1000  # it cools down already
    interrupted = schedule.ending(600, 0)
    restarted = schedule.continued(interrupted.state(), 700, 0)
    again = restarted.ending(700, 0, interrupted.state())
    assert again.lr_scale(again.progress(700, 0)) == pytest.approx(50 / 150)
    assert again.progress(750, 0) == 1

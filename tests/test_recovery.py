"""Faults during training: collapse, losses that are not finite, too little memory."""

import numpy as np
import pytest
from support.computing import out_of_memory, set_all, taken, wrong_shapes
from support.toy_model import Toy
from support.training import make_people, quick_settings

from facelib.faceset import Faceset
from models import MODELS, checkpoint
from models.engine import engine
from trainer import recovery, train
from trainer.assembly import open_samplers, open_session
from trainer.data.loader import BatchLoader
from trainer.health import CollapseDetector
from trainer.progress import ProgressLine
from trainer.recovery import StepRunner
from trainer.session import TrainingSession
from utils.errors import UserError


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    return make_people(folder, 6)


@pytest.fixture
def settings(people, tmp_path, monkeypatch):
    model_dir = tmp_path / "model"
    return quick_settings(people, model_dir, monkeypatch, learning_rate=1e-3)


@pytest.fixture
def at_work(settings, people):
    """Makes a session with a loader and a runner, saved at iteration 0."""
    loaders = []

    def make(**changes):
        options = settings(**changes)
        session = open_session(options)
        facesets = [Faceset.open(people / side) for side in ("src", "dst")]
        src, dst, *_ = open_samplers(options, session, *facesets)
        loaders.append(BatchLoader(src, dst, session.batch_size).__enter__())
        session.save()
        return session, StepRunner(session, loaders[-1], ProgressLine(session))

    yield make
    for loader in loaders:
        loader.__exit__()


# --- collapse


def noisy(level, count, rng):
    return level * rng.uniform(0.6, 1.4, count)


def notices(losses):
    """Return after how many losses a collapse is noticed, None if never."""
    detector = CollapseDetector()
    return next((i for i, loss in enumerate(losses) if detector.collapsed(loss)), None)


def test_a_loss_that_jumps_and_stays_is_a_collapse():
    rng = np.random.default_rng(1)
    for jump in (3.0, 10.0, 1000.0):
        losses = [*noisy(0.1, 700, rng), *noisy(0.1 * jump, 400, rng)]
        assert 730 <= notices(losses) <= 700 + recovery.RECENT + 1


def test_learning_noise_and_single_bad_batches_are_none():
    rng = np.random.default_rng(2)
    falling = 0.5 * np.exp(-np.arange(4000) / 800) + 0.05
    assert notices(falling * rng.uniform(0.5, 1.5, 4000)) is None
    spikes = np.where(rng.random(4000) < 0.2, 20, 1) * noisy(0.1, 4000, rng)
    assert notices(spikes) is None
    brief = [*noisy(0.1, 500, rng), *noisy(1.0, 20, rng), *noisy(0.1, 500, rng)]
    assert notices(brief) is None


def test_a_collapsed_training_returns_to_what_was_saved_before_it(at_work, capsys, monkeypatch):
    monkeypatch.setattr(
        recovery, "CHECK_EVERY", 10**9
    )  # that predictions show it, too, is tested below
    session, runner = at_work(learning_rate=1e-6, keep=9)
    for _ in range(200):
        assert runner.step()
    session.save()
    good = [w.numpy() for w in session.model.variables]
    for _ in range(90):
        assert runner.step()
    session.save()
    for variable in session.model.variables:  # dead: masks and images are all wrong
        variable.assign(30 * np.random.default_rng(1).standard_normal(variable.shape))
    for _ in range(20):
        assert runner.step()  # not yet sure
    session.save()
    assert checkpoint.load_newest(session.save_settings.model_dir).iteration == 310
    while runner.step():
        assert session.iteration < 400
    assert session.iteration == 200
    for variable, weight in zip(session.model.variables, good, strict=True):
        np.testing.assert_array_equal(variable.numpy(), weight)
    kept = [int(path.name) for path in checkpoint.generations(session.save_settings.model_dir)]
    assert kept == [200, 0]  # what was saved since is spoiled, or may be
    said = capsys.readouterr().out
    assert "more than doubled" in said
    assert "went back to iteration 200" in said
    assert runner.step()


def test_a_model_whose_predictions_are_entirely_white_returns_to_a_healthy_state(at_work, capsys):
    # H64 with a learning rate of 2e-4 did this, and its loss rose by a quarter only
    session, runner = at_work(keep=9)
    for _ in range(100):
        assert runner.step()
    session.save()
    decoder = session.model.networks["decoder_src"]
    for _ in range(40):
        assert runner.step()
    decoder.trainable_variables[-1].assign([50.0] * 4)  # the bias before the sigmoid
    for _ in range(59):
        assert runner.step()
    session.save()
    assert not runner.step()
    assert session.iteration == 100
    kept = [int(path.name) for path in checkpoint.generations(session.save_settings.model_dir)]
    assert kept == [100, 0]
    assert "entirely black or white" in capsys.readouterr().out
    assert runner.step()


# --- no numbers


def test_a_loss_that_is_no_number_is_forgotten_and_training_goes_on(at_work, capsys):
    session, runner = at_work()
    for _ in range(3):
        assert runner.step()
    session.save()
    assert runner.step()
    variable = session.model.variables[-1]  # before a sigmoid: some ReLUs make NaN a zero
    set_all(variable, np.nan)
    assert not runner.step()
    assert session.iteration == 3
    assert "not a number" in capsys.readouterr().out
    assert runner.step()
    assert np.isfinite(session.losses.rows).all()


def test_what_cannot_go_well_ends_with_the_model_as_it_was_saved(settings):
    with pytest.raises(UserError, match=r"--learning-rate.*--clip-gradients"):
        train.run(settings(learning_rate=1e38, target_iter=50))
    generation = checkpoint.load_newest(settings().model_dir)
    assert all(np.isfinite(a).all() for arrays in generation.weights().values() for a in arrays)


# --- memory


class Greedy(Toy):
    """Wants 2^b bytes for a batch of b: no machine has 2^48."""

    def losses(self, src, dst):
        size = 2 ** src.warped.shape[0]
        losses = super().losses(src, dst)
        return losses | {"src": losses["src"] + taken(size, src.warped[0, 0, 0, 0])}


@pytest.fixture
def greedy(monkeypatch):
    load = MODELS.load
    monkeypatch.setattr(MODELS, "load", lambda name: Greedy if name == "TOY" else load(name))


@pytest.mark.slow  # TensorFlow waits ten seconds whether memory becomes free
def test_too_little_memory_halves_the_batch_and_training_goes_on(greedy, settings, capsys):
    report = train.run(settings(batch_size=48, target_iter=3))
    assert report.counts == {"iterations": 3}
    assert "batch size of 48; continuing with 24" in capsys.readouterr().err
    saved = checkpoint.load_newest(settings().model_dir)
    assert saved.options["batch_size"] == 24  # the next run begins with what fits


def test_a_batch_that_was_halved_is_what_the_next_run_begins_with(settings, monkeypatch, capsys):
    step = TrainingSession.train

    def train_few(session, src, dst):
        if len(src.warped) > 24:
            raise out_of_memory()
        return step(session, src, dst)

    monkeypatch.setattr(TrainingSession, "train", train_few)
    report = train.run(settings(batch_size=48, target_iter=3))
    assert report.counts == {"iterations": 3}
    assert "batch size of 48; continuing with 24" in capsys.readouterr().err
    assert checkpoint.load_newest(settings().model_dir).options["batch_size"] == 24


def test_several_devices_halve_to_a_batch_they_can_share(at_work, monkeypatch):
    session, runner = at_work(batch_size=45)
    monkeypatch.setattr(engine().Step, "device_count", 5)
    train = session.train

    def train_few(src, dst):
        if len(src.warped) > 21:
            raise out_of_memory()
        return train(src, dst)

    session.train = train_few
    assert [runner.step(), runner.step()] == [False, True]
    session.save()
    saved = checkpoint.load_newest(session.save_settings.model_dir)
    assert saved.options["batch_size"] == 20  # not 22, which five cannot share


def test_memory_that_does_not_suffice_for_one_face_on_each_device(at_work, monkeypatch):
    _, runner = at_work(batch_size=2)
    monkeypatch.setattr(engine().Step, "device_count", 2)
    error = out_of_memory()
    monkeypatch.setattr(TrainingSession, "train", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(UserError, match="one face of each side on each GPU"):
        runner.step()


def test_memory_that_does_not_suffice_for_one_face_is_an_error(at_work, monkeypatch):
    _, runner = at_work(batch_size=1)
    error = out_of_memory()
    monkeypatch.setattr(TrainingSession, "train", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(UserError, match="not enough memory for a batch of one"):
        runner.step()


def test_other_errors_are_not_taken_for_lack_of_memory(at_work, monkeypatch):
    _, runner = at_work()
    error = wrong_shapes()
    monkeypatch.setattr(TrainingSession, "train", lambda *_: (_ for _ in ()).throw(error))
    with pytest.raises(type(error), match="shapes differ"):
        runner.step()
    assert engine().is_out_of_memory(RuntimeError("CUDA_ERROR_OUT_OF_MEMORY"))
    assert engine().is_out_of_memory(MemoryError())

"""How a model is trained: averaged weights, optimizers, dropped updates, batches, the end."""

import keras
import numpy as np
import pytest
from support.computing import arrays, constant, set_all
from support.toy_model import Toy, ToyOptions
from support.training import make_people, quick_settings

from facelib.faceset import Faceset
from models import checkpoint
from models.base import Batch
from models.engine import engine
from models.engine.average import WeightAverage
from models.engine.step import StepResult, UpdateSettings
from trainer import memory, train
from trainer.assembly import monitor_settings, open_samplers, open_session
from trainer.monitoring.monitor import Monitor
from trainer.monitoring.preview import PreviewFaces, Sheet
from trainer.progress import ProgressLine
from trainer.rollback import Rollbacks
from utils.images import read_image

Adam = engine().Step.optimizer_class


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 6)


@pytest.fixture
def settings(people, tmp_path, monkeypatch):
    model_dir = tmp_path / "model"
    return quick_settings(people, model_dir, monkeypatch, learning_rate=0.01)


@pytest.fixture
def drawn(monkeypatch):
    """The batches of src that steps got, which learn nothing."""
    batches = []

    def step(self, src, dst):
        batches.append(src)
        return StepResult({"src": 0.1, "dst": 0.1}, finite=True)

    monkeypatch.setattr(engine().Step, "__call__", step)
    return batches


def sides(number, size=2):
    """The batches of a step, the same for the same number."""
    rng = np.random.default_rng(number)
    shapes = [(size, 16, 16, channels) for channels in (3, 3, 1, 1)]
    return [Batch(*(rng.integers(0, 256, s, dtype=np.uint8) for s in shapes)) for _ in range(2)]


def toy():
    keras.utils.set_random_seed(1)
    return Toy(ToyOptions())


def flat(model):
    return np.concatenate([variable.numpy().ravel() for variable in model.variables])


def learn(session, count):
    for _ in range(count):
        assert session.train(*sides(session.iteration)).finite


# --- averaged weights


def test_the_average_is_that_of_the_weights_after_each_step_and_does_not_disturb_training():
    plain, model, copy = toy(), toy(), Toy(ToyOptions())
    average = WeightAverage(model, copy, 0.3)
    expected = flat(model).astype(np.float64)
    np.testing.assert_array_equal(flat(copy), expected)
    step, alone = engine().Step(model, 0.01, average=average), engine().Step(plain, 0.01)
    for done in range(6):
        step(*sides(done))
        alone(*sides(done))
        decay = min(0.3, (1 + done) / (10 + done))  # 0.1, 0.18, 0.25, then 0.3
        expected = decay * expected + (1 - decay) * flat(model)
    np.testing.assert_allclose(flat(copy), expected, rtol=1e-5, atol=1e-7)
    np.testing.assert_array_equal(flat(model), flat(plain))


def test_what_is_saved_is_the_average_and_training_continues_from_the_raw_weights(settings):
    recipe = {"average_weights": 0.9, "optimizer": "adabelief", "lr_dropout": 0.5}
    session = open_session(settings(**recipe))
    learn(session, 4)
    session.save()
    raw, averaged = flat(session.model), flat(session.output_model)
    assert np.abs(raw - averaged).max() > 1e-3
    np.testing.assert_array_equal(flat(checkpoint.load_model(settings().model_dir)), averaged)
    again = open_session(settings(**recipe))
    np.testing.assert_array_equal(flat(again.model), raw)
    np.testing.assert_array_equal(flat(again.output_model), averaged)
    for each in (session, again):
        learn(each, 2)
    assert (flat(again.model) == raw).mean() == pytest.approx(0.25, abs=0.06)  # twice dropped
    np.testing.assert_array_equal(flat(again.model), flat(session.model))
    np.testing.assert_array_equal(flat(again.output_model), flat(session.output_model))
    Rollbacks(again).to(4)
    np.testing.assert_array_equal(flat(again.model), raw)
    np.testing.assert_array_equal(flat(again.output_model), averaged)


def test_averaging_can_be_ended_and_begun(settings):
    session = open_session(settings(average_weights=0.9))
    session.output_model.variables[0].assign_add(
        np.ones(session.model.variables[0].shape, np.float32)
    )
    session.iteration = 1
    session.save()
    without = open_session(settings())
    np.testing.assert_array_equal(flat(without.model), flat(session.model))
    assert without.output_model is without.model
    without.iteration = 2
    without.save()
    newest = checkpoint.load_newest(settings().model_dir)
    with np.load(newest.path / "optimizer.npz") as file:
        assert {name.partition("/")[0] for name in file} == {"steps", "m", "v"}
    begun = open_session(settings(average_weights=0.9))
    for model in (begun.model, begun.output_model):
        np.testing.assert_array_equal(flat(model), flat(without.model))
    before = flat(begun.model)
    learn(begun, 1)
    first = 0.1 * before.astype(np.float64) + 0.9 * flat(begun.model)  # it does not lag
    np.testing.assert_allclose(flat(begun.output_model), first, rtol=1e-5, atol=1e-7)


def test_the_preview_shows_the_average(settings, people, drawn):
    session = open_session(settings(average_weights=0.99))
    learn(session, 1)
    bias = session.model.networks["decoder_src"].trainable_variables[-1]
    bias.assign([50.0] * 4)  # what is being trained now predicts white
    facesets = [Faceset.open(people / side) for side in ("src", "dst")]
    samplers = open_samplers(settings(), session, *facesets)
    shown = monitor_settings(settings(preview_minutes=1.0))
    shown.folder.mkdir(exist_ok=True)
    faces = PreviewFaces(samplers.src, samplers.dst)
    with Monitor(session, ProgressLine(session), faces, None, shown) as monitor:
        monitor.finish()
    predicted = session.output_model.swap(np.zeros((1, 16, 16, 3), np.float32)).image
    assert np.mean(arrays([predicted])) < 0.9
    image = read_image(shown.folder / "preview.png")
    top = Sheet(1, 128, masked=True, panels=1).faces[0]
    swap = image[top : top + 128, 4 * 128 : 5 * 128]
    assert swap.mean() < 230


def test_the_average_is_among_the_memory_that_training_takes():
    model = toy()
    plain, averaged = memory.estimate(model, 4), memory.estimate(model, 4, copies=1)
    assert averaged.total - plain.total == 4 * flat(model).size


# --- dropped updates


def test_a_dropped_weight_stays_while_its_moments_go_on():
    rng = np.random.default_rng(1)
    weights, gradients = rng.normal(size=(60, 101)), rng.normal(size=(5, 60, 101))
    variable, other = (keras.Variable(weights.astype(np.float32)) for _ in range(2))
    adam = Adam([variable, other], 0.01, dropout=0.7)
    m = v = np.zeros_like(weights)
    stayed = []
    for step, gradient in enumerate(gradients, 1):
        before = variable.numpy()
        adam.apply([constant(gradient)] * 2)
        m, v = 0.5 * m + 0.5 * gradient, 0.999 * v + 0.001 * gradient**2
        update = 0.01 * np.sqrt(1 - 0.999**step) / (1 - 0.5**step) * m / (np.sqrt(v) + 1e-7)
        stays = variable.numpy() == before
        expected = np.where(stays, before, before - update)
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-5, atol=1e-6)
        stayed.append(stays)
    shares = np.array(stayed, float)
    # 30,300 draws: the standard deviation of their mean is 0.0026
    assert shares.mean() == pytest.approx(0.7, abs=0.012)
    assert np.corrcoef(shares.reshape(5, -1))[np.triu_indices(5, 1)] == pytest.approx(0, abs=0.06)
    assert np.corrcoef(shares[:, :, :-1].ravel(), shares[:, :, 1:].ravel())[0, 1] < 0.03
    assert (variable.numpy() != other.numpy()).any()


# --- AdaBelief


def test_adabelief_is_the_published_formula_and_continues_from_its_saved_state():
    rng = np.random.default_rng(1)
    weights, gradients = rng.normal(size=(5, 7)), rng.normal(size=(12, 5, 7))
    gradients[:, 0] = 1.0  # as expected: only epsilon is left of the second moment
    gradients[:, 1] *= 1e-6
    first = keras.Variable(weights.astype(np.float32))
    optimizer = Adam([first], 0.001, "adabelief")
    for gradient in gradients[:6]:
        optimizer.apply([constant(gradient)])
    second = keras.Variable(first.numpy())  # a new process
    continued = Adam([second], 0.001, "adabelief")
    assert set(optimizer.state()) == {"steps", "m/0", "s/0"}
    continued.restore(optimizer.state())
    for gradient in gradients[6:]:
        continued.apply([constant(gradient)])
    m = s = np.zeros_like(weights)
    for step, gradient in enumerate(gradients, 1):
        m = 0.5 * m + 0.5 * gradient
        s = 0.999 * s + 0.001 * (gradient - m) ** 2 + 1e-16
        corrected = np.sqrt(s / (1 - 0.999**step)) + 1e-16
        weights = weights - 0.001 * m / (1 - 0.5**step) / corrected
    np.testing.assert_allclose(second.numpy(), weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(continued.state()["s/0"], s, rtol=1e-4)


def test_another_optimizer_starts_afresh_with_a_word(settings, capsys):
    session = open_session(settings(average_weights=0.9))
    adam = session.step.optimizer
    adam.steps.assign(3)
    set_all(adam.moments[0][0], 1)
    session.iteration = 3
    session.save()
    assert "optimizer" not in capsys.readouterr().out
    other = open_session(settings(average_weights=0.9, optimizer="adabelief"))
    assert "another optimizer" in capsys.readouterr().out
    np.testing.assert_array_equal(flat(other.model), flat(session.model))
    assert other.iteration == 3
    state = other.step.optimizer.state()
    assert {name.partition("/")[0] for name in state} == {"steps", "m", "s"}
    assert not any(array.any() for array in state.values())


# --- batches


def test_accumulated_batches_learn_as_one_large_batch_does():
    models, results = [toy(), toy()], []
    for model, parts in zip(models, (1, 3), strict=True):
        step = engine().Step(model, 0.01, 0.5, update=UpdateSettings(accumulate=parts))
        results.append([list(step(*sides(number, size=6)).losses.values()) for number in range(5)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)
    np.testing.assert_allclose(flat(models[1]), flat(models[0]), atol=1e-5)
    poisoned = models[1].networks["decoder_dst"].trainable_variables[-1]
    set_all(poisoned, np.nan)
    before = flat(models[1])
    assert not step(*sides(9, size=6)).finite
    np.testing.assert_array_equal(flat(models[1]), before)


def test_accumulated_batches_are_the_samples_of_the_larger_batch(settings, tmp_path, drawn):
    train.run(settings(model_dir=tmp_path / "one", target_iter=3, batch_size=4))
    one, drawn[:] = list(drawn), []
    train.run(settings(model_dir=tmp_path / "parts", target_iter=3, batch_size=2, accumulate=2))
    for batch, same in zip(drawn, one, strict=True):
        np.testing.assert_array_equal(batch.warped, same.warped)


def test_batches_grow_after_a_quarter_of_the_way_also_after_a_restart(settings, tmp_path, drawn):
    grow = {"grow_batch": 4, "accumulate": 2, "cool_down": 0.0}
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train.run(settings(model_dir=whole, target_iter=6, **grow))
    assert [len(batch.warped) for batch in drawn] == [4, 4, 8, 8, 8, 8]
    assert checkpoint.load_newest(whole).options["batch_size"] == 2
    expected, drawn[:] = list(drawn), []
    session = open_session(settings(model_dir=parts, target_iter=6, **grow))
    learn(session, 4)
    session.save()
    drawn.clear()
    train.run(settings(model_dir=parts, target_iter=6, **grow))
    for batch, same in zip(drawn, expected[4:], strict=True):
        np.testing.assert_array_equal(batch.warped, same.warped)


def test_a_grown_batch_that_does_not_fit_shrinks_and_the_usual_one_stays(settings, monkeypatch):
    session = open_session(settings(target_iter=2, grow_batch=12))
    session.iteration = 1
    assert session.current_batch == 12
    session.limit_batch(6)
    assert (session.current_batch, session.batch_size) == (6, 2)
    session.limit_batch(3)
    session.limit_batch(1)  # the usual batch is as large as it was: that did fit
    assert (session.current_batch, session.batch_size) == (2, 2)
    session.limit_batch(1)
    assert (session.current_batch, session.batch_size) == (1, 1)


def test_without_a_target_batches_do_not_grow(settings):
    session = open_session(settings(grow_batch=12))
    session.iteration = 10**6
    assert session.current_batch == 2


# --- the end


def test_near_the_target_the_input_is_not_warped_and_all_else_stays(settings, tmp_path, drawn):
    train.run(settings(model_dir=tmp_path / "always", target_iter=5))
    always, drawn[:] = list(drawn), []
    train.run(settings(target_iter=5, warp_off=0.4))
    warped = [(batch.warped != batch.target).any() for batch in drawn]
    assert warped == [True, True, True, False, False]
    for batch, same in zip(drawn, always, strict=True):
        np.testing.assert_array_equal(batch.target, same.target)
        np.testing.assert_array_equal(batch.mask, same.mask)
    further = open_session(settings(warp_off=0.4))  # no target any more
    assert further.warps

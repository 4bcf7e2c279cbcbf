"""Critics in training: who learns from what, what is saved, and what changes while it runs."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.computing import only_tensorflow, set_all
from support.judged_toy import ENTRY, JudgedOptions, JudgedToy
from support.training import make_people, quick_settings

from models import MODELS, checkpoint, save_memory
from models.base import Batch
from models.engine import engine
from models.engine.step import UpdateSettings
from trainer import memory, train
from trainer.assembly import open_session
from trainer.health import measured
from trainer.live_options import LiveOptions
from trainer.loss_history import LossHistory
from trainer.options import options_class, saved_options
from trainer.rollback import Rollbacks

BOTH = {"gan_power": 0.3, "true_face_power": 0.2}


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """Makes options of the toy model with critics."""
    people = make_people(tmp_path, 6)
    monkeypatch.setitem(MODELS._entries, "JUDGED", ENTRY)
    usual = quick_settings(people, tmp_path / "model", monkeypatch, learning_rate=0.01)
    values = {name: value for name, value in vars(usual()).items() if name != "model"}
    return lambda **changes: options_class("JUDGED")(**values | {"model": "JUDGED"} | changes)


def sides(number, size=4):
    """The batches of a step, the same for the same number."""
    rng = np.random.default_rng(number)
    shapes = [(size, 16, 16, channels) for channels in (3, 3, 1, 1)]
    return [Batch(*(rng.integers(0, 256, s, dtype=np.uint8) for s in shapes)) for _ in range(2)]


def judged(**powers):
    keras.utils.set_random_seed(1)
    model = JudgedToy(JudgedOptions(**powers))
    model.add_critics()
    return model


def flat(variables):
    return np.concatenate([np.ravel(variable) for variable in variables])


def critic_weights(model):
    return flat([w for critic in model.critics.values() for w in critic.get_weights()])


def learn(session, count):
    for _ in range(count):
        assert session.train(*sides(session.iteration)).finite


# --- who learns from what


@only_tensorflow
def test_each_loss_moves_those_it_is_meant_for():
    """Against gradients by hand in float64: the model's of its losses, each critic's of its own."""
    model = judged(**BOTH)
    step = engine().Step(model, 0.001)
    src, dst = sides(0)
    before = {name: net.get_weights() for name, net in model.trained.items()}
    expected = gradients_by_hand(model, src, dst)
    found, _ = step._gradients(*(batch.map(tf.convert_to_tensor) for batch in (src, dst)))
    parts = {"networks": found[0], "gan": found[1], "true_face": found[2]}
    for name, gradient in expected.items():
        np.testing.assert_allclose(flat(parts[name]), gradient, rtol=2e-3, atol=1e-6)

    step._apply(found)
    moved = {
        name: flat([new - old for new, old in zip(net.get_weights(), before[name], strict=True)])
        for name, net in model.trained.items()
    }
    moved["networks"] = np.concatenate([moved.pop(name) for name in model.networks])
    for name, gradient in expected.items():  # Adam's first step goes one rate down each slope
        steep = np.abs(gradient) > 1e-4
        assert steep.mean() > 0.3
        np.testing.assert_allclose(moved[name][steep], -0.001 * np.sign(gradient[steep]), rtol=0.05)


def gradients_by_hand(model, src, dst):
    def double(layer):
        wider = {"dtype": "float64"} if isinstance(layer, keras.Layer) else {}
        return type(layer).from_config(layer.get_config() | wider)

    nets = {}
    for name, network in model.trained.items():
        nets[name] = keras.models.clone_model(network, clone_function=double)
        nets[name].set_weights(network.get_weights())
    src, dst = (batch.map(lambda part: part.astype(np.float64) / 255) for batch in (src, dst))
    entropy, stop = tf.nn.sigmoid_cross_entropy_with_logits, tf.stop_gradient

    def against(logits, label):
        return tf.reduce_mean(entropy(tf.fill(logits.shape, tf.cast(label, tf.float64)), logits))

    def square(x):
        return tf.reduce_mean(x * x)

    with tf.GradientTape(persistent=True) as tape:
        codes = [nets["encoder"](side.warped) for side in (src, dst)]
        outputs = [nets[f"decoder_{s}"](c) for s, c in zip(("src", "dst"), codes, strict=True)]
        total = sum(
            square(side.target - image) + square(side.mask - mask)
            for side, (image, mask) in zip((src, dst), outputs, strict=True)
        )
        fake, real = outputs[0][0] * src.mask, src.target * src.mask
        total += 0.3 * sum(against(logits, 1) for logits in nets["gan"](fake))
        total += 0.2 * against(nets["true_face"](codes[0]), 1)
        gan = sum(against(x, 1) for x in nets["gan"](real))
        gan += sum(against(x, 0) for x in nets["gan"](stop(fake)))
        codes = [stop(code) for code in codes]
        face = against(nets["true_face"](codes[1]), 1) + against(nets["true_face"](codes[0]), 0)
        gan, face = gan / 2, face / 2
    weights = [v for name in model.networks for v in nets[name].trainable_variables]
    return {
        "networks": flat(tape.gradient(total, weights)),
        "gan": flat(tape.gradient(gan, nets["gan"].trainable_variables)),
        "true_face": flat(tape.gradient(face, nets["true_face"].trainable_variables)),
    }


@pytest.mark.slow
def test_a_critic_without_power_learns_and_changes_nothing():
    alone, watched = judged(), judged(gan_power=0.5)
    watched.powers["gan"].assign(0.0)
    steps = [engine().Step(model, 0.01) for model in (alone, watched)]
    losses = [[step(*sides(number % 3)).losses for number in range(60)] for step in steps]
    np.testing.assert_allclose(flat(alone.variables), flat(watched.variables), atol=1e-6)
    criticized = [row["critic_gan"] for row in losses[1]]
    assert np.mean(criticized[-6:]) < 0.7 * np.mean(criticized[:6])
    assert {row["gan"] for row in losses[1]} == {0.0}


@pytest.mark.slow
def test_parts_of_a_batch_count_like_the_whole():
    whole, parts = judged(**BOTH), judged(**BOTH)
    for model, count in ((whole, 1), (parts, 2)):
        step = engine().Step(model, 0.001, 0.5, update=UpdateSettings(accumulate=count))
        for number in range(3):
            assert step(*sides(number)).finite
    np.testing.assert_allclose(flat(whole.variables), flat(parts.variables), atol=2e-5)
    np.testing.assert_allclose(critic_weights(whole), critic_weights(parts), atol=2e-5)


def test_networks_that_keep_less_give_critics_and_model_the_same_gradients():
    found = []
    for save in (False, True):
        model = judged(**BOTH)
        if save:
            save_memory.save_memory(model.trained.values(), on_cpu=True)
        gradients, _ = engine().Step(model, 0.001)._gradients(*sides(0))
        found.append(list(map(flat, gradients)))
    for plain, saved in zip(*found, strict=True):
        np.testing.assert_allclose(saved, plain, rtol=1e-4, atol=1e-7)


def test_what_critics_say_measures_no_progress():
    assert measured({"src": 1.0, "src_mask": 2.0, "gan": 4.0, "critic_gan": 8.0}) == 3.0


def test_critics_are_among_the_memory_but_not_the_parameters():
    alone, watched = judged(), judged(gan_power=0.1)
    assert watched.networks.keys() == alone.networks.keys()
    assert len(watched.variables) == len(alone.variables)
    more = memory.estimate(watched, 4).weights - memory.estimate(alone, 4).weights
    assert more == 4 * watched.critics["gan"].count_params() > 0


# --- what is saved


def test_training_goes_on_as_if_it_had_not_ended(settings):
    session = open_session(settings(gan_power=0.1))
    learn(session, 3)
    session.save()
    learn(session, 3)
    again = open_session(settings(gan_power=0.1))
    assert again.iteration == 3
    learn(again, 3)
    np.testing.assert_array_equal(flat(again.model.variables), flat(session.model.variables))
    np.testing.assert_array_equal(critic_weights(again.model), critic_weights(session.model))
    assert again.step.critic_optimizers["gan"].steps.numpy() == 6
    np.testing.assert_array_equal(again.losses.rows, session.losses.rows)


@pytest.mark.slow
def test_critics_come_and_go(settings, capsys):
    plain = open_session(settings())
    learn(plain, 2)
    plain.save()
    judged = open_session(settings(gan_power=0.1))
    assert "the critic of --gan-power begins untrained" in capsys.readouterr().out
    learn(judged, 2)
    judged.save()
    folder = settings().model_dir
    with np.load(checkpoint.load_newest(folder).path / "weights.npz") as file:
        assert {name.partition("/")[0] for name in file} == set(plain.model.networks)
    model = checkpoint.load_model(folder)  # for a conversion
    assert model.critics == {}
    np.testing.assert_array_equal(flat(model.variables), flat(judged.model.variables))

    both = open_session(settings(**BOTH))
    assert "the critic of --true-face-power begins" in capsys.readouterr().out
    np.testing.assert_array_equal(
        flat(both.model.critics["gan"].get_weights()), critic_weights(judged.model)
    )
    learn(both, 1)
    names = ["src", "dst", "src_mask", "dst_mask", "gan", "critic_gan", "true_face"]
    assert both.losses.names == [*names, "critic_true_face"]
    known = np.isfinite(both.losses.rows).sum(axis=0)
    assert known.tolist() == [5, 5, 5, 5, 3, 3, 1, 1]
    assert both.losses.means().keys() == {*names, "critic_true_face"} - {"src_mask", "dst_mask"}
    both.save()
    wider = open_session(settings(**BOTH, gan_dims=8))
    assert "--gan-power begins" in capsys.readouterr().out
    assert wider.step.critic_optimizers["gan"].steps.numpy() == 0
    assert wider.step.critic_optimizers["true_face"].steps.numpy() == 1
    other = open_session(settings(**BOTH, optimizer="adabelief"))  # its moments begin again
    np.testing.assert_array_equal(critic_weights(other.model), critic_weights(both.model))
    assert other.step.critic_optimizers["gan"].steps.numpy() == 0
    off = open_session(settings())
    learn(off, 1)
    assert np.isnan(off.losses.rows[-1, 4:]).all()


@pytest.mark.slow
def test_a_return_to_before_the_critic_begins_it_again(settings):
    plain = open_session(settings())
    learn(plain, 1)
    plain.save()
    session = open_session(settings(gan_power=0.1))
    learn(session, 1)
    set_all(session.model.critics["gan"].trainable_variables[0], np.nan)
    before = flat(session.model.variables)
    assert not session.train(*sides(9)).finite
    np.testing.assert_array_equal(flat(session.model.variables), before)
    Rollbacks(session).to(1)
    assert np.isfinite(critic_weights(session.model)).all()
    learn(session, 1)


# --- while it runs


def test_a_power_changes_while_the_critic_is_there(settings, monkeypatch, capsys):
    folder, after_step, powers = settings().model_dir, LiveOptions.after_step, {}
    asked = {2: {"true_face_power": 0.1}, 3: {"gan_power": 0}}

    def after(live):
        session = live._session
        if session.iteration in asked:
            (folder / "options.request").write_text(json.dumps(asked[session.iteration]))
        after_step(live)
        powers[session.iteration] = float(session.model.powers["gan"].numpy())

    monkeypatch.setattr("trainer.request_files.LOOK_SECONDS", 0.0)
    monkeypatch.setattr(LiveOptions, "after_step", after)
    train.run(settings(gan_power=0.5, target_iter=5))
    assert [powers[number] for number in (2, 3, 4)] == [0.5, 0.0, 0.0]
    told = capsys.readouterr()
    assert "from iteration 4: gan power off (before: 0.5)" in told.out
    assert "\ncritics gan " in told.out
    assert "nothing was changed: options.request: true_face_power needs a critic" in told.err
    assert "continue it with --true-face-power" in told.err
    saved = saved_options(folder)
    assert (saved["gan_power"], saved["true_face_power"]) == (0.0, 0.0)
    generation = checkpoint.load_newest(folder)
    column = generation.state["loss_names"].index("gan")
    assert (generation.history()[:, column] > 0).tolist() == [True] * 3 + [False] * 2


def test_history_without_rows_takes_names():
    history = LossHistory()
    history.add({"src": 1.0})
    history.add({"src": 2.0, "gan": 3.0})
    np.testing.assert_array_equal(history.rows, np.array([[1, np.nan], [2, 3]], np.float32))
    assert history.means() == {"src": 1.5, "gan": 3.0}

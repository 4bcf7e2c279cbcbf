"""What a face expresses: its numbers, the map of eyes and mouth, and their use in training."""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from skimage.metrics import structural_similarity
from support.small_models import small_class
from support.synthetic import make_faceset, make_info, make_landmarks, open_mouth

from converters import predictor
from facelib import expression
from facelib import landmarks as marks
from facelib.geometry import apply, crop_matrix, invert
from facelib.types import FaceType
from facelib.validation_log import ValidationLog
from models import MODELS, expression_gain, recipe
from models.base import Batch
from models.checkpoint import save_generation
from models.engine import engine
from trainer import train
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.options import options_class, saved_options
from utils.files import write_json
from utils.options import options_of

BOTH = SamplerSettings(FaceType.FULL, 96, with_priority=True, with_expression=True)


def face(**head):
    return make_info(make_landmarks(**head), 256)


def speaking(amount):
    return face(head=open_mouth(amount))


def numbers(info, person):
    return dict(zip(expression.NAMES, expression.expression(info, person), strict=True))


# --- the numbers


def shut_eyes(amount):
    """The 3-D head with its lids closed by a part."""
    head = open_mouth(0)
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        head[upper] += amount * (head[lower] - head[upper])
    return face(head=head)


def test_an_opening_is_a_share_of_the_persons_own_range():
    person = expression.Range.of(shut_eyes(amount) for amount in np.linspace(0, 0.9, 101))
    lids = [numbers(shut_eyes(amount), person)["left lids"] for amount in (0.9, 0.45, 0)]
    assert lids == pytest.approx([0, 0.5, 1], abs=0.03)


def test_what_never_changes_is_what_it_is():
    """Open eyes are open and shut lips shut, though nothing else was ever seen of this person."""
    still = [face(noise=0.1, seed=seed) for seed in range(20)]
    person = expression.Range.of(still)
    found = np.mean([expression.expression(each, person) for each in still], axis=0)
    found = dict(zip(expression.NAMES, found, strict=True))
    assert found["left lids"] > 0.85
    assert found["lips"] < 0.15
    assert found["right brow"] == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(("yaw", "pitch"), [(0, 0), (30, 0), (-20, 10), (0, -25)])
def test_angles_are_the_heads(yaw, pitch):
    person = expression.Range.of([speaking(0), speaking(1)])
    found = numbers(face(yaw=yaw, pitch=pitch), person)
    assert [180 * (found[name] - 0.5) for name in ("yaw", "pitch")] == pytest.approx(
        [yaw, pitch], abs=3
    )


def test_the_gaze_is_known_where_the_eyes_are_open():
    info = face()
    eyes = [info.landmarks[part].mean(axis=0) for part in marks.EYES]
    width = np.ptp(info.landmarks[marks.RIGHT_EYE, 0])
    aside = apply(invert(info.matrix), np.add(eyes, [0.2 * width, 0]))
    looking = replace(info, source_iris=aside.astype(np.float32))
    straight = replace(info, source_iris=apply(invert(info.matrix), np.array(eyes)))
    person = expression.Range(np.zeros(6), np.ones(6) * 0.2)
    across = [numbers(each, person)["gaze across"] for each in (looking, straight)]
    assert across[0] - across[1] == pytest.approx(0.2 / expression.GAZE / 2, abs=0.03)
    shut = expression.Range(np.ones(6) * 0.2, np.ones(6) * 0.4)
    for unknown in (numbers(info, person), numbers(looking, shut)):
        assert unknown["gaze across"] == unknown["gaze down"] == 0.5


def test_the_mirrored_face_has_the_mirrored_numbers():
    info = face(yaw=20, pitch=5, noise=2.0)
    iris = apply(invert(info.matrix), info.landmarks[[37, 44]])
    info = replace(info, source_iris=iris)
    flipped = replace(
        info,
        landmarks=marks.mirror(info.landmarks, info.size),
        matrix=np.eye(2, 3),
        source_iris=marks.mirror_iris(info.iris, info.size),
    )
    low = np.array([0.01, 0.01, 0, 0.2, 0.1, 0.1])
    person = expression.Range(low, low + 0.5)
    mirrored = expression.mirror(expression.expression(info, person))
    assert mirrored == pytest.approx(expression.expression(flipped, person), abs=0.02)
    assert not np.allclose(mirrored, expression.expression(info, person), atol=0.05)


# --- the map


def test_the_map_is_highest_on_eyes_and_mouth():
    points = make_landmarks()
    weights = marks.priority_map(points, (256, 256))[..., 0]
    for part in (*marks.EYES, marks.MOUTH):
        x, y = points[part].mean(axis=0).round().astype(int)
        assert weights[y, x] > 0.95
        ends = points[part][[points[part][:, 0].argmin(), points[part][:, 0].argmax()]]
        x, y = ends.round().astype(int).T
        assert (weights[y, x] > 0.3).all()
    x, y = points[33].round().astype(int)  # below the nose
    assert weights[y, x] < 0.5
    assert weights[0, 0] < 1e-6


def test_samples_bring_the_map_and_the_numbers_of_their_own_face(faceset):
    sampler = Sampler(faceset, BOTH, (1,))
    batch = sampler.batch(0, 12)
    person = expression.Range.of(info for _, info in faceset)
    flips = set()
    for i, (index, flip) in enumerate(sampler.shown(0, 12)):
        info = faceset[index][1]
        expected = expression.expression(info, person)
        expected = expression.mirror(expected) if flip else expected
        assert np.abs(batch.expression[i] / 255 - expected).max() < 0.003
        # the map lies where the same augmentation puts eyes and mouth
        jitter = sampler._jitter(i, sampler.picks(i, 1)[0], info.size)
        points = apply(jitter.matrix, info.landmarks)
        points = marks.mirror(points, info.size) if flip else points
        straight = marks.mirror(info.landmarks, info.size) if flip else info.landmarks
        crop = crop_matrix(straight, 96, FaceType.FULL)
        weights = marks.priority_map(apply(crop, points), (96, 96))
        assert np.corrcoef(weights.ravel(), batch.priority[i].ravel())[0, 1] > 0.97
        flips.add(flip)
    assert flips == {False, True}
    plain = Sampler(faceset, BOTH._replace(with_priority=False, with_expression=False), (1,))
    assert plain.batch(0, 2).priority is plain.batch(0, 2).expression is None


# --- losses and steps


def test_the_image_loss_is_structure_and_weighted_pixels():
    rng = np.random.default_rng(4)
    target, image = rng.random((2, 2, 48, 48, 3))
    mask, priority = rng.random((2, 2, 48, 48, 1))
    in_frame = np.ones_like(mask)
    in_frame[:, :, 40:] = 0
    parts = (target, target, mask, in_frame, priority)
    side = Batch(*(tf.constant(part, tf.float32) for part in parts))
    # in float64, with NumPy's and scikit-image's functions
    blurred = np.stack([_blur(m[..., 0], 1.5) for m in mask])[..., None] * in_frame
    expected = 0.0
    for t, p, b, w in zip(target, image, blurred, priority, strict=True):
        ssim = structural_similarity(
            t * b, p * b, win_size=11, sigma=1.5, gaussian_weights=True, channel_axis=-1,
            use_sample_covariance=False, data_range=1.0, full=True,
        )[1][5:-5, 5:-5].mean()  # fmt: skip
        expected += (1 - ssim) / 2 / 2 + (np.abs(t - p) * b * (1 + 3 * w)).mean() / 2
    loss = recipe.image_loss(side, tf.constant(image, tf.float32), 3.0)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


def _blur(image, sigma):
    """A Gaussian cut off at twice its deviation, over the pixels that there are."""
    taps = np.exp(-((np.arange(-3, 4) / sigma) ** 2) / 2)
    kernel = np.outer(taps, taps)
    padded, ones = (np.pad(array, 3) for array in (image, np.ones_like(image)))
    total, share = (
        np.einsum("ijkl,kl->ij", np.lib.stride_tricks.sliding_window_view(p, (7, 7)), kernel)
        for p in (padded, ones)
    )
    return total / share


def test_the_decoders_read_the_expression(monkeypatch):
    """And in training, a part of the code is dropped."""
    keras.utils.set_random_seed(1)
    cls = small_class("Quick96", monkeypatch)
    model = cls(cls.Options(expression_head=True))
    encoder = model.networks["encoder"]
    faces = np.random.default_rng(0).random((2, 96, 96, 3), np.float32)
    plain = [encoder(faces, training=False)[0].numpy() for _ in range(2)]
    assert np.array_equal(*plain)  # nothing is dropped when a face is converted
    dropped = [encoder(faces, training=True)[0].numpy() for _ in range(2)]
    assert not np.allclose(*dropped)
    expressed = encoder(faces)[1].numpy()
    head = encoder.get_layer("expression")
    head.bias.assign(head.bias + 2)
    assert (encoder(faces)[1].numpy() > expressed).all()
    assert not np.allclose(encoder(faces)[0].numpy(), plain[0])


@pytest.mark.slow
def test_what_is_dropped_goes_on_after_a_restart():
    cls, rng = MODELS.load("Quick96"), np.random.default_rng(2)
    shapes = [(2, 96, 96, c) for c in (3, 3, 1, 1, 1)] + [(2, 10)]
    batch = Batch(*(rng.integers(0, 256, shape, np.uint8) for shape in shapes))

    def started():
        keras.utils.set_random_seed(5)
        step = engine().Step(cls(cls.Options(expression_head=True, eyes_mouth_priority=1.0)), 1e-3)
        return step, step.model.networks.values()

    step, networks = started()
    step(batch, batch)
    weights = [network.get_weights() for network in networks]
    state = step.optimizer.state()
    expected = step(batch, batch).losses
    other, networks = started()
    for network, values in zip(networks, weights, strict=True):
        network.set_weights(values)
    other.restore(state)
    assert other(batch, batch).losses == pytest.approx(expected, rel=1e-5)


# --- defaults


def defaults(cls):
    return {option.name: option.default for option in options_of(cls)}


def test_quick96_has_the_recipe_and_the_others_do_not():
    new, old = defaults(options_class("Quick96")), defaults(options_class("H64"))
    assert (new["expression_head"], old["expression_head"]) == (True, False)
    assert new["eyes_mouth_priority"] > 0 == old["eyes_mouth_priority"]
    assert (new["preset"], old["preset"]) == ("fast", "original")


def test_the_fast_preset_turns_on_what_helps_h64():
    """And nothing else: the other models were not measured."""
    fast, plain = (defaults(options_class("H64", preset)) for preset in ("fast", "original"))
    assert (fast["expression_head"], fast["eyes_mouth_priority"]) == (True, 6)
    assert (plain["expression_head"], plain["eyes_mouth_priority"]) == (False, 0)
    assert not defaults(options_class("DF", "fast"))["expression_head"]


def test_what_an_earlier_build_did_not_know_stays_off(tmp_path):
    (tmp_path / "generations" / "1").mkdir(parents=True)
    saved = {"model": "Quick96", "preset": "fast", "batch_size": 5}
    write_json(tmp_path / "generations" / "1" / "options.json", saved)
    read = saved_options(tmp_path)
    assert read["batch_size"] == 5
    assert (read["expression_head"], read["eyes_mouth_priority"]) == (False, 0)


def test_faces_of_one_expression_have_numbers():
    """No range to count from: every opening is 0.5, and nothing is divided by zero."""
    person = expression.Range.of([face()] * 3)
    assert np.isfinite(expression.expression(face(), person)).all()
    assert numbers(face(), person)["left brow"] == 0.5


# --- faces that lack something


def test_what_a_faceset_lacks_is_said():
    looking = [
        replace(each, source_iris=apply(invert(each.matrix), each.landmarks[[37, 44]]))
        for each in (speaking(0), speaking(0.5), speaking(1), shut_eyes(0.9))
    ]
    assert expression.gaps(looking) == []
    (gap,) = expression.gaps(looking[:3])
    assert gap.startswith("the eyelids hardly move")
    (gap,) = expression.gaps([replace(each, source_iris=None) for each in looking])
    assert gap.startswith("4 of 4 faces have no iris centers")
    assert len(expression.gaps([face()])) == 3


@pytest.mark.slow
def test_quick96_learns_from_three_still_faces_without_irises(tmp_path, capsys):
    for identity, side in enumerate(("src", "dst")):
        make_faceset(tmp_path / side, 3, identity=identity)
    options = options_class("Quick96")(
        training_data_src_dir=tmp_path / "src",
        training_data_dst_dir=tmp_path / "dst",
        model_dir=tmp_path / "model",
        batch_size=2,
        target_iter=2,
        preview=False,
        preview_minutes=0,
    )
    report = train.run(options)
    said = capsys.readouterr().err
    assert report.counts["iterations"] == 2
    assert "src and dst: 3 of 3 faces have no iris centers" in said


# --- turned up for conversion


@pytest.mark.parametrize(("name", "network"), [("Quick96", "encoder"), ("LIAEF128", "inter_AB")])
def test_numbers_are_spread_about_half_open(name, network, monkeypatch):
    cls = small_class(name, monkeypatch)
    model = cls(cls.Options(expression_head=True))
    joined = model.networks[network].layers
    [joined] = [layer.output for layer in joined if layer.name.endswith("with_expression")]
    read = keras.Model(model.networks[network].inputs, joined)
    rng = np.random.default_rng(4)
    inputs = [rng.random((2, *tensor.shape[1:]), np.float32) for tensor in read.inputs]
    before = read(inputs)[:, -10:].numpy() / 4
    expression_gain.turn_up(model, {"mouth": 1.5, "eye": 1.2})
    after = keras.Model(model.networks[network].inputs, joined)(inputs)[:, -10:].numpy() / 4
    expected = before.astype(float)
    for index, name in enumerate(expression.NAMES):
        by = 1.5 if name in ("lips", "mouth width") else 1.2 if "lids" in name else 1
        expected[:, index] = 0.5 + by * (before[:, index] - 0.5)
    assert np.allclose(after, expected, atol=1e-6)
    assert np.abs(after - before).max() > 1e-3


def test_a_model_without_a_head_is_left_alone(monkeypatch):
    cls = small_class("Quick96", monkeypatch)
    model = cls(cls.Options())
    face = np.random.default_rng(0).random((1, 96, 96, 3), np.float32)
    before = model.swap(face).image.numpy()
    expression_gain.turn_up(model, {"mouth": 1.7, "eye": 1.7})
    assert np.array_equal(model.swap(face).image.numpy(), before)


def test_the_gain_makes_up_for_what_was_measured(tmp_path):
    def measured(iteration, **row):
        ValidationLog(tmp_path / "progress.csv").add({"iteration": iteration, **row})

    def choose(at=100, gain=0.0):
        return expression_gain.choose(gain, tmp_path, at)

    assert choose() == {"mouth": 1, "eye": 1}  # never measured
    measured(50, mouth_gain=0.6, eye_gain=0.9)
    measured(80, mouth_gain=0.8, eye_gain=np.nan)  # dst's eyes stood still
    gains = choose()
    # three quarters of what is added to a number arrive in the image
    assert 0.8 * (1 + 0.75 * (gains["mouth"] - 1)) == pytest.approx(1)
    assert 0.9 * (1 + 0.75 * (gains["eye"] - 1)) == pytest.approx(1)
    assert choose(at=60)["mouth"] > gains["mouth"]  # measured before the roll-back
    measured(100, mouth_gain=0.1, eye_gain=1.3)
    assert choose() == {"mouth": 1.5, "eye": 1}  # at most; and nothing is turned down
    assert choose(gain=1.2) == {"mouth": 1.2, "eye": 1.2}


def test_results_of_two_gains_are_not_mixed(tmp_path, monkeypatch):
    cls = small_class("Quick96", monkeypatch)
    model = cls(cls.Options(expression_head=True))
    save_generation(
        tmp_path,
        state={"model": "Quick96", "iteration": 7},
        options={"model": "Quick96", "expression_head": True},
        weights={name: network.get_weights() for name, network in model.networks.items()},
        optimizer={},
        history=np.zeros((7, 1)),
        keep=3,
    )
    # the name is part of what a run into an existing result must share with the run before
    names = {predictor.load(tmp_path, gain=gain).name for gain in (1.0, 1.5)}
    assert len(names) == 2

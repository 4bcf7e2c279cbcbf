"""SAEHD: what its variants are made of, which sizes they take, and what it minimizes."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage, signal

from models import MODELS, hd_blocks, hd_losses
from models.base import Batch
from models.weight_transfer import without_weights
from utils import options
from utils.errors import UsageError

RNG = np.random.default_rng(11)
SMALL = {"resolution": 64, "ae_dims": 16, "e_dims": 16, "d_dims": 16, "d_mask_dims": 16}


def saehd(**chosen):
    cls = MODELS.load("SAEHD")
    return cls(cls.Options(**SMALL | chosen))


@pytest.mark.parametrize(
    ("archi", "resolution"),
    [("df", 80), ("liae-u", 144), ("df-d", 96), ("liae-t", 160), ("df-udt", 64)],
)
def test_a_decoder_draws_images_and_masks_of_the_resolution(archi, resolution):
    model = without_weights(lambda: saehd(archi=archi, resolution=resolution))
    for name, network in model.networks.items():
        if name.startswith("decoder"):
            shapes = [output.shape for output in network.outputs]
            assert shapes == [(None, resolution, resolution, depth) for depth in (3, 1)]


@pytest.mark.parametrize("archi", ["df-d", "liae-t", "liae-udt"])
def test_a_size_that_a_variant_cannot_have_is_refused_in_one_sentence(archi):
    cls = MODELS.load("SAEHD").Options
    said = rf"a resolution of 144 needs a variant without d and t; {archi} .* 128 and 160"
    with pytest.raises(UsageError, match=said):
        options.resolve(cls, {"archi": archi, "resolution": 144})


@pytest.mark.parametrize("wrong", [{"resolution": 656}, {"resolution": 72}, {"d_dims": 17}])
def test_other_sizes_are_refused(wrong):
    with pytest.raises(UsageError, match="Expected a whole number from"):
        options.from_json(MODELS.load("SAEHD").Options, wrong)


def test_a_power_that_a_variant_has_nothing_for_is_refused():
    with pytest.raises(UsageError, match="--true-face-power needs a df variant"):
        saehd(archi="liae-ud", true_face_power=0.01)


def test_downscaling_is_padded_alike_on_all_sides():
    inputs = keras.Input((8, 8, 1))
    network = keras.Model(inputs, hd_blocks.downscale(inputs, 1, "down"))
    kernel, image = RNG.standard_normal((5, 5)), RNG.standard_normal((8, 8))
    network.set_weights([kernel[..., None, None], np.zeros(1)])
    expected = signal.correlate2d(image, kernel, "same")[::2, ::2]
    expected = np.where(expected > 0, expected, 0.1 * expected)
    assert np.allclose(network(image[None, ..., None])[0, ..., 0], expected, atol=1e-5)


def test_a_residual_block_that_adds_nothing_changes_negative_values_only():
    inputs = keras.Input((4, 4, 3))
    network = keras.Model(inputs, hd_blocks.residual(inputs, "res"))
    network.set_weights([np.zeros_like(array) for array in network.get_weights()])
    x = RNG.standard_normal((2, 4, 4, 3)).astype(np.float32)
    assert np.allclose(network(x), np.where(x > 0, x, 0.2 * x))


def test_u_makes_the_code_see_dark_faces_as_bright_ones():
    x = RNG.standard_normal((3, 50)).astype(np.float32)
    x[2] = 0
    normed = hd_blocks.pixel_norm(tf.constant(x)).numpy()
    assert np.allclose((normed[:2] ** 2).mean(axis=1), 1, atol=1e-5)
    assert np.allclose(hd_blocks.pixel_norm(tf.constant(0.1 * x)), normed, atol=1e-3)
    assert (normed[2] == 0).all()


def test_d_puts_four_pixels_in_place_of_each():
    """What one sees alone goes to the first place, the others as the channels say."""
    inputs = keras.Input((2, 3, 5))
    network = keras.Model(inputs, hd_blocks.doubled_image(inputs))
    first, others = network.get_layer("image_first"), network.get_layer("image_others")
    for layer in (first, others):
        layer.kernel.assign(np.zeros(layer.kernel.shape))
    levels = RNG.standard_normal(12).astype(np.float32)
    first.bias.assign(levels[:3])
    others.bias.assign(levels[3:])
    image = network(np.zeros((1, 2, 3, 5), np.float32)).numpy()
    expected = 1 / (1 + np.exp(-levels.reshape(2, 2, 3)))
    assert np.allclose(image[0], np.tile(expected, (2, 3, 1)), atol=1e-6)


def sides(side):
    """A batch whose mask ends before the border, as float64, and an image beside its target."""
    target = ndimage.gaussian_filter(RNG.random((1, side, side, 3)), (0, 2, 2, 0))
    image = (target + 0.03 * RNG.standard_normal(target.shape)).clip(0, 1)
    mask, in_frame, priority = (np.zeros((1, side, side, 1)) for _ in range(3))
    mask[:, side // 4 : -side // 4, side // 4 : -side // 3] = 1
    in_frame[:, :, : -side // 8] = 1
    priority[:, side // 3 : side // 2, side // 3 : side // 2] = 0.7
    return target, mask, in_frame, priority, image


def structure(first, second, window):
    """The mean of (1 - SSIM) / 2 in a window of any side, sigma 1.5, from its definition."""
    taps = np.exp(-(((np.arange(window) - (window - 1) / 2) / 1.5) ** 2) / 2)
    kernel = np.outer(taps, taps)[None, :, :, None] / taps.sum() ** 2

    def mean(x):
        return signal.convolve(x, kernel, "valid")

    mean1, mean2 = mean(first), mean(second)
    variances = mean(first**2) - mean1**2 + mean(second**2) - mean2**2
    covariance = mean(first * second) - mean1 * mean2
    light = (2 * mean1 * mean2 + 1e-4) / (mean1**2 + mean2**2 + 1e-4)
    return ((1 - light * (2 * covariance + 9e-4) / (variances + 9e-4)) / 2).mean()


@pytest.mark.parametrize(("side", "windows"), [(64, [5]), (128, [11]), (272, [23, 11])])
@pytest.mark.parametrize("masked", [True, False])
def test_images_are_compared_as_deepfacelab_2_does(side, windows, masked):
    target, mask, in_frame, priority, image = sides(side)
    weight = in_frame
    if masked:
        sigma = side // 32
        weight = 2 * ndimage.gaussian_filter(mask[0, ..., 0], sigma, radius=2 * sigma).clip(0, 0.5)
        weight = weight[None, ..., None] * in_frame
    pair = target * weight, image * weight
    expected = 10 * np.mean([structure(*pair, window) for window in windows])
    expected += 10 * ((pair[0] - pair[1]) ** 2).mean()
    eyes = 300 * (np.abs(target - image) * priority * in_frame).mean()

    parts = [tf.constant(part, tf.float32) for part in (target, target, mask, in_frame, priority)]
    batch, made = Batch(*parts), tf.constant(image, tf.float32)
    weight = hd_losses.seen(batch, masked=masked)
    assert float(hd_losses.image_loss(batch, made, weight)) == pytest.approx(expected, rel=1e-4)
    loss = float(hd_losses.image_loss(batch, made, weight, priority=6.0))
    assert loss == pytest.approx(expected + eyes, rel=1e-4)


def random_batch(count):
    parts = [RNG.random((count, 64, 64, depth), np.float32) for depth in (3, 3, 1)]
    return Batch(*map(tf.constant, parts), in_frame=tf.ones((count, 64, 64, 1)))


def gradients(model, networks, loss, sides):
    """By network, of what stands under a name among the losses."""
    model.networks = networks
    with tf.GradientTape() as tape:
        losses = model.losses(*sides)
    sources = {name: network.trainable_variables for name, network in networks.items()}
    return tape.gradient(losses[loss], sources)


@pytest.mark.slow
def test_styles_teach_what_draws_the_swap():
    """The face's teaches the decoder alone, so that dst's code stays what dst's decoder needs."""
    sides, networks = (random_batch(1), random_batch(1)), saehd(archi="df").networks
    plain = gradients(saehd(archi="df"), networks, "src", sides)
    for option, expected in (
        ("face_style_power", {"decoder_src"}),
        ("bg_style_power", {"encoder", "decoder_src"}),
    ):
        found = gradients(saehd(archi="df", **{option: 10.0}), networks, "src", sides)
        assert {name for name in networks if apart(plain[name], found[name])} == expected


def apart(some, others):
    pairs = zip(some, others, strict=True)
    return not all(one is other or np.allclose(one, other, atol=1e-7) for one, other in pairs)


def test_critics_are_there_when_they_have_power_and_judge_src():
    model = saehd(archi="df-u", gan_power=0.1, true_face_power=0.01)
    sides = random_batch(1), random_batch(1)
    assert not [name for name in model.losses(*sides) if "critic" in name]
    model.add_critics()
    assert set(model.critics) == {"gan", "true_face"}
    judged = gradients(model, model.networks, "gan", sides)
    reached = {name for name, found in judged.items() if any(each is not None for each in found)}
    assert reached == {"encoder", "decoder_src"}
    assert {"critic_gan", "true_face", "critic_true_face"} <= set(model.losses(*sides))
    model.powers["gan"].assign(0.0)  # while a training runs
    assert float(model.losses(*sides)["gan"]) == 0
    off = saehd()
    off.add_critics()
    assert not off.critics

"""Critics: sizes as DeepFaceLab 2 has them, and losses against the formulas in float64."""

import numpy as np
import pytest

from models import critics

# Counted by DeepFaceLab 2's own classes UNetPatchDiscriminator and CodeDiscriminator, run outside
# of this repository with layers that only add up the sizes of their weights.
PATCH_CRITICS = {
    # (patch size, dims, resolution): (parameters, strides)
    (3, 16, 64): (10_450, (2,)),
    (8, 16, 64): (55_154, (2, 2)),
    (16, 16, 128): (233_650, (2, 2, 2)),
    (28, 16, 224): (3_799_090, (2, 1, 2, 1, 2)),
    (80, 128, 64): (30_645_122, (2, 2, 2, 1, 2, 2)),
    (640, 4, 64): (16_781_550, (2, 2, 2, 2, 2, 2, 1, 2, 2)),
}
CODE_CRITICS = {(16, 256): 6_949_633, (8, 64): 1_443_073, (4, 256): 1_049_089}


@pytest.mark.parametrize(
    "size",
    [
        pytest.param(size, marks=pytest.mark.slow if count > 10_000_000 else (), id=str(size))
        for size, (count, _) in PATCH_CRITICS.items()
    ],
)
def test_patch_critic_is_deepfacelabs(size):
    patch, dims, resolution = size
    network = critics.patch_critic(resolution, patch, dims)
    assert (network.count_params(), critics.strides_for(patch)) == PATCH_CRITICS[size]
    patches, pixels = (tuple(output.shape[1:]) for output in network.outputs)
    steps = int(np.prod(critics.strides_for(patch)))
    assert (patches, pixels) == ((-(-resolution // steps),) * 2 + (1,), (resolution, resolution, 1))


def test_code_critic_is_deepfacelabs():
    found = {size: critics.code_critic(*size).count_params() for size in CODE_CRITICS}
    assert found == CODE_CRITICS


def test_patches_are_as_large_as_asked():
    """What a number in the middle depends on, measured by its gradient, is the patch."""
    import tensorflow as tf

    network = critics.patch_critic(96, 16, 4)
    image = tf.Variable(np.random.default_rng(1).random((1, 96, 96, 3), np.float32))
    with tf.GradientTape() as tape:
        number = network(image)[0][0, 5, 5, 0]
    seen = np.abs(tape.gradient(number, image).numpy()).sum(axis=(0, 3)) > 0
    rows, columns = np.nonzero(seen)
    assert np.ptp(rows) + 1 == np.ptp(columns) + 1 == 15  # 3, 7, 15, 31 ... are possible


def test_a_size_that_halves_to_a_fraction():
    """80 pixels are 5 after four halvings, 3 after five: what comes back is cropped."""
    network = critics.patch_critic(80, 63, 4)
    assert critics.strides_for(63) == (2,) * 5
    patches, pixels = network(np.zeros((1, 80, 80, 3), np.float32))
    assert (patches.shape, pixels.shape) == ((1, 3, 3, 1), (1, 80, 80, 1))


def test_losses_are_the_cross_entropies():
    rng = np.random.default_rng(2)
    shapes = ((2, 3, 3, 1), (2, 6, 6, 1))
    logits = {name: [rng.normal(0, 9, shape) for shape in shapes] for name in ("real", "fake")}
    found = critics.gan_losses(lambda name: logits[name], 0.25, ("real", "fake"), ("fake", "fake"))

    def entropy(name, label):
        chance = [1 / (1 + np.exp(-array)) for array in logits[name]]
        return sum(-np.log(p if label else 1 - p).mean() for p in chance)

    assert float(found["gan"]) == pytest.approx(0.25 * 2 * entropy("fake", 1), rel=1e-5)
    sides = [entropy("real", 1) + entropy("fake", 0), entropy("fake", 1) + entropy("fake", 0)]
    assert float(found["critic_gan"]) == pytest.approx(sum(sides) / 2 / 2, rel=1e-5)

    one = {"src": logits["real"][0], "dst": logits["fake"][0]}
    found = critics.true_face_losses(lambda name: one[name], 0.5, "src", "dst")
    src, dst = (1 / (1 + np.exp(-one[name])) for name in ("src", "dst"))
    assert float(found["true_face"]) == pytest.approx(-0.5 * np.log(src).mean(), rel=1e-5)
    judged = -(np.log(dst).mean() + np.log(1 - src).mean()) / 2
    assert float(found["critic_true_face"]) == pytest.approx(judged, rel=1e-5)


def test_outside_loss():
    rng = np.random.default_rng(3)
    target, image = rng.random((2, 2, 8, 8, 3))
    outside = np.zeros((2, 8, 8, 1))
    outside[:, :3] = 1
    variation = (np.diff(image, axis=1) ** 2).sum() + (np.diff(image, axis=2) ** 2).sum()
    expected = 1e-6 * variation / 2 + 0.02 * ((target - image)[:, :3] ** 2).sum() / image.size
    images = [x.astype(np.float32) for x in (target, image, outside)]
    assert float(critics.outside_loss(0.1, *images)) == pytest.approx(expected, rel=1e-5)
    assert float(critics.outside_loss(0.0, *images)) == 0

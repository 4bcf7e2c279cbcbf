"""What options do to the samples of a training: to some parts of a batch, and to nothing else."""

import numpy as np
import pytest
from scipy.ndimage import correlate, gaussian_filter
from support.synthetic import make_faceset

from facelib.color_transfer import COLORS
from facelib.faceset import Faceset
from facelib.held_out import HeldOut
from facelib.types import FaceType
from trainer.data import background, input_jitter, recolor
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.data.split import make_samplers
from utils.images import to_float

FULL_64 = SamplerSettings(FaceType.FULL, 64)


@pytest.fixture
def plain(faceset):
    return Sampler(faceset, FULL_64, (1,))


def changed_parts(one, other):
    return {
        name for name, a, b in zip(one._fields, one, other, strict=True) if not np.array_equal(a, b)
    }


def check_repeatable(sampler, again):
    """The same samples, whatever the size of the batches."""
    large, small = sampler.batch(0, 8), [again.batch(number, 4) for number in (1, 0)]
    for part, second, first in zip(large, *small, strict=True):
        assert part is first is None or (part == np.concatenate([first, second])).all()


def test_input_jitter_changes_what_goes_in_and_nothing_else(faceset, plain):
    settings = FULL_64._replace(input_jitter=0.15)
    sampler, again = (Sampler(faceset, settings, (1,)) for _ in range(2))
    off, on = plain.batch(0, 8), sampler.batch(0, 8)
    assert changed_parts(on, off) == {"warped"}
    assert np.abs(on.warped.astype(int) - off.warped).mean() > 5
    assert (sampler.plain(0) == plain.plain(0)).all()
    check_repeatable(sampler, again)


@pytest.mark.parametrize("sharpness", [-1, -0.4, 0, 0.7])
def test_jitter_is_a_filter_then_gain_and_offset(sharpness):
    rng = np.random.default_rng(3)
    image = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    gain, offset = np.array([0.6, 1.0, 1.4]), np.array([0.1, 0.0, -0.1])
    got = input_jitter.apply(image, input_jitter.InputJitter(gain, offset, sharpness))
    hat = np.outer([0.25, 0.5, 0.25], [0.25, 0.5, 0.25])[..., None]
    blurred = correlate(image.astype(np.float64), hat, mode="nearest")
    filtered = np.clip(image + sharpness * (image - blurred), 0, 255)
    expected = np.clip(filtered * gain + 255 * offset, 0, 255)
    rounded = 0.5 * (1 + abs(sharpness)) * gain + 0.51  # the blur, the sum and the result
    assert (np.abs(got - expected) <= rounded).all()


def test_jitter_has_the_stated_distribution():
    strength = 0.15
    drawn = [input_jitter.draw(np.random.default_rng([5, i]), strength) for i in range(3000)]
    logs = np.log([one.gain for one in drawn])
    assert logs.mean() == pytest.approx(0, abs=0.01)
    expected = strength**2 * (np.full((3, 3), 1.0) + np.eye(3) / 4)
    np.testing.assert_allclose(np.cov(logs.T), expected, atol=0.003)
    assert np.std([one.offset for one in drawn]) == pytest.approx(0.3 * strength, rel=0.05)
    sharpness = np.array([one.sharpness for one in drawn])
    assert -1 <= sharpness.min() < -0.9
    assert 0.9 < sharpness.max() <= 1
    still = input_jitter.draw(np.random.default_rng(0), 0)
    image = np.random.default_rng(1).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    assert (input_jitter.apply(image, still) == image).all()


def blobs(mean, deviation, seed, gray=False):
    """(96, 96, 4) uint8: correlated colors in soft spots, and a round mask."""
    rng = np.random.default_rng(seed)
    spots = gaussian_filter(rng.normal(size=(96, 96, 3)), (4, 4, 0))
    spots = spots / spots.std() @ np.linalg.cholesky(np.full((3, 3), 0.8) + np.eye(3) / 5).T
    if gray:
        spots = spots.mean(axis=2, keepdims=True)
    rows, columns = np.indices((96, 96)) - 47.5
    image = np.clip(np.rint(spots * deviation + mean), 0, 255)
    return np.dstack([image, 255 * (np.hypot(rows, columns) < 40)]).astype(np.uint8)


SOURCE, REFERENCE = blobs((90, 110, 150), 25, 1), blobs((120, 130, 140), 18, 2)


@pytest.mark.parametrize("method", COLORS)
@pytest.mark.parametrize("strength", [0.4, 1.0])
def test_colors_go_the_stated_part_of_the_way(method, strength):
    source, reference = map(recolor.face_colors, (SOURCE, REFERENCE))
    image = SOURCE[..., :3].copy()
    got = recolor.change(method, strength, source, reference)(image)
    exact = COLORS.load(method)(to_float(image), source.samples, reference.samples) * 255.0
    error = np.abs(got - (image + strength * (exact - image)))
    assert error.mean() < {"idt": 2.5, "sot": 2.0}.get(method, 1.0) * max(strength, 0.5)
    assert np.abs(exact - image).mean() > 15  # the oracle changes much


def test_most_samples_go_most_of_the_way_and_some_hardly():
    source, reference = map(recolor.face_colors, (SOURCE, REFERENCE))
    image = np.full((1, 1, 3), np.rint(source.mean * 255), np.uint8)
    blues = [
        recolor.draw(np.random.default_rng([2, i]), "mkl", source, reference)(image)[0, 0, 0]
        for i in range(1000)
    ]
    way = (np.array(blues) / 255 - source.mean[0]) / (reference.mean - source.mean)[0]
    quantiles = np.array([0.1, 0.5, 0.9])
    assert np.quantile(way, quantiles) == pytest.approx(1 - (1 - quantiles) ** 3, abs=0.06)


def chroma(image):
    return np.diff(image.astype(float), axis=2)


@pytest.mark.parametrize("method", COLORS)
def test_noise_of_a_gray_face_does_not_become_colorful(method):
    gray = blobs((110, 110, 110), 25, 3, gray=True)
    noise = np.random.default_rng(4).integers(-1, 2, (96, 96, 3))
    gray[..., :3] += noise.astype(np.uint8)
    colors, reference = map(recolor.face_colors, (gray, SOURCE))
    for one, other, image in ((colors, reference, gray), (reference, colors, SOURCE)):
        image = image[..., :3].copy()
        changed = recolor.change(method, 1.0, one, other)(image).astype(float)
        before, after = (chroma(i).std(axis=(0, 1)) for i in (image, changed))
        assert (after <= 4 * before).all()  # three times, and Lab is not linear


def test_a_hull_too_small_to_have_colors_leaves_a_sample_alone():
    tiny = SOURCE.copy()
    tiny[..., 3] = 0
    tiny[40:44, 40:44, 3] = 255
    assert recolor.face_colors(tiny) is None
    colors = recolor.face_colors(REFERENCE)
    for pair in ((None, colors), (colors, None)):
        assert recolor.draw(np.random.default_rng(0), "mkl", *pair) is None


def with_ones(image):
    return np.c_[image.reshape(-1, 3), np.ones(image.shape[0] * image.shape[1])]


def test_src_gets_colors_of_dst_in_input_and_target_alike(faceset, tmp_path):
    make_faceset(tmp_path, 5, identity=1)
    dst = Faceset.open(tmp_path)
    nothing = [HeldOut(())] * 2
    off, on, again = (
        make_samplers(faceset, dst, nothing, FULL_64._replace(color_transfer=method), 3)
        for method in ("none", "mkl", "mkl")
    )
    assert not changed_parts(off.dst.batch(0, 8), on.dst.batch(0, 8))
    assert (off.src.plain(2) == on.src.plain(2)).all()
    before, after = off.src.batch(0, 8), on.src.batch(0, 8)
    assert changed_parts(before, after) == {"warped", "target"}
    for i in range(8):  # the linear map of the target, by least squares, is that of the input
        known, wanted = (with_ones(batch.target[i]) for batch in (before, after))
        unclipped = ((wanted[:, :3] > 0) & (wanted[:, :3] < 255)).all(axis=1)
        matrix = np.linalg.lstsq(known[unclipped], wanted[unclipped, :3])[0]
        expected = with_ones(before.warped[i]) @ matrix
        error = np.abs(np.clip(expected, 0, 255) - after.warped[i].reshape(-1, 3))
        assert error.max() < 1.5
    check_repeatable(on.src, again.src)


def test_the_blur_outside_of_the_face_is_the_mean_of_the_outside():
    rng = np.random.default_rng(5)
    pixels = rng.integers(0, 120, (96, 96, 4), dtype=np.uint8)
    rows, columns = np.indices((96, 96)) - 47.5
    radius = np.hypot(rows, columns)
    pixels[radius < 30] = 255
    pixels[radius >= 30, 3] = 0
    got = background.blur_outside(pixels)
    assert (got[radius < 30] == 255).all()
    outside = (radius >= 30).astype(np.float64)
    weights = gaussian_filter(outside, 4, mode="nearest", truncate=6)
    sums = gaussian_filter(
        pixels[..., :3] * outside[..., None], (4, 4, 0), mode="nearest", truncate=6
    )
    expected = sums / np.maximum(weights, 1e-9)[..., None]
    far = radius > 30 + 4 + 1.5
    assert np.abs(got[..., :3] - expected)[far].max() < 1
    between = (radius > 31) & (radius < 32)  # fading: nearer to the blurred version than before
    before, after = (np.abs(image[..., :3] - expected)[between].mean() for image in (pixels, got))
    assert 0.2 * before < after < 0.9 * before


def test_blur_out_mask_changes_the_target_and_nothing_else(faceset, plain):
    settings = FULL_64._replace(blur_background=True)
    sampler, again = (Sampler(faceset, settings, (1,)) for _ in range(2))
    off, on = plain.batch(0, 8), sampler.batch(0, 8)
    assert changed_parts(on, off) == {"target"}
    difference = np.abs(on.target.astype(int) - off.target).mean(axis=3, keepdims=True)
    assert difference[off.mask == 255].max() <= 2
    assert difference[off.mask == 0].mean() > 1
    assert (sampler.plain(0) == plain.plain(0)).all()
    check_repeatable(sampler, again)

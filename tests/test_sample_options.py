"""What options do to the samples of a training: to some parts of a batch, and to nothing else."""

import numpy as np
import pytest
from scipy.ndimage import correlate

from facelib.types import FaceType
from trainer.data import input_jitter
from trainer.data.sampler import Sampler, SamplerSettings

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

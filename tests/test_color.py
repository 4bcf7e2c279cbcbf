"""Color transfer: the distribution that each method promises, against SciPy and POT."""

import cv2
import numpy as np
import ot
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from facelib.color_transfer import COLORS
from facelib.color_transfer.idt import random_rotations
from facelib.color_transfer.statistics import Colors, measure, moments
from facelib.color_transfer.transport_1d import LineMaps

WHOLE = ("idt", "sot")
SIDE = 48


def cloud(seed, low=0.3, high=0.7, skew=1.5):
    """Colors of a face: (n, 3) float32, correlated, not normal, well within 0..1."""
    rng = np.random.default_rng(seed)
    mix = np.eye(3) + rng.uniform(-0.4, 0.4, (3, 3))
    values = rng.beta(skew, 3, (SIDE * SIDE, 3)) @ mix
    values = (values - values.min(axis=0)) / np.ptp(values, axis=0)
    return (low + (high - low) * values).astype(np.float32)


def colors(values):
    return Colors(values, np.ones(len(values), np.float32))


def apply(name, source, reference):
    """Transfer the reference colors to an image of the source colors; (n, 3)."""
    face = source.values.reshape(SIDE, SIDE, 3)
    return COLORS.load(name)(face, source, reference).reshape(-1, 3)


@pytest.mark.parametrize("name", COLORS)
@settings(max_examples=15, deadline=None)
@given(seeds=st.tuples(st.integers(0, 999), st.integers(1000, 1999)))
def test_means_become_those_of_the_reference(name, seeds):
    source, reference = (colors(cloud(seed, low=0.2 + 0.1 * (seed % 2))) for seed in seeds)
    moved = apply(name, source, reference)
    space = cv2.COLOR_BGR2Lab if name == "rct" else cv2.COLOR_BGR2RGB
    got, target = (cv2.cvtColor(v[None], space)[0].mean(axis=0) for v in (moved, reference.values))
    np.testing.assert_allclose(got, target, atol=0.6 if name == "rct" else 0.008)


@pytest.mark.parametrize("name", ["lct", "mkl", "idt", "sot"])
@pytest.mark.parametrize("seed", range(4))
def test_covariances_become_those_of_the_reference(name, seed):
    source, reference = colors(cloud(seed)), colors(cloud(seed + 50, low=0.35, skew=2.5))
    got, target = np.cov(apply(name, source, reference).T), np.cov(reference.values.T)
    assert np.abs(got - target).max() < (0.08 if name in WHOLE else 0.005) * np.abs(target).max()


@pytest.mark.parametrize("seed", range(4))
def test_rct_gives_each_lab_channel_its_deviation(seed):
    source, reference = colors(cloud(seed)), colors(cloud(seed + 50, low=0.35))
    moved = apply("rct", source, reference)
    labs = (cv2.cvtColor(v[None], cv2.COLOR_BGR2Lab)[0] for v in (moved, reference.values))
    got, target = (lab.std(axis=0) for lab in labs)
    np.testing.assert_allclose(got, target, rtol=0.03)


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("seed", range(4))
def test_every_projection_becomes_that_of_the_reference(name, seed):
    # SciPy's distance between projections on lines that the method did not use
    source, reference = colors(cloud(seed)), colors(cloud(seed + 50, low=0.4, high=0.9, skew=4))
    moved = apply(name, source, reference)
    for direction in np.random.default_rng(7).normal(size=(10, 3)):
        line = direction / np.linalg.norm(direction)
        before = wasserstein_distance(source.values @ line, reference.values @ line)
        after = wasserstein_distance(moved @ line, reference.values @ line)
        assert after < max(0.1 * before, 0.004)


@pytest.mark.parametrize("seed", range(4))
def test_mkl_is_the_transport_between_normal_distributions(seed):
    source, reference = colors(cloud(seed)), colors(cloud(seed + 50, low=0.35))
    values, means = source.values.astype(float), (source.values.mean(0), reference.values.mean(0))
    covariances = [np.cov(side.values.T.astype(float), bias=True) for side in (source, reference)]
    matrix, shift = ot.gaussian.bures_wasserstein_mapping(*map(np.float64, means), *covariances)
    moved = apply("mkl", source, reference)
    np.testing.assert_allclose(moved, np.clip(values @ matrix + shift, 0, 1), atol=2e-3)
    # no map with these moments moves colors less
    least = ot.gaussian.bures_wasserstein_distance(*map(np.float64, means), *covariances) ** 2
    assert np.square(moved - values).sum(axis=1).mean() == pytest.approx(least, rel=0.02)
    # lct reaches the same moments by another map
    assert np.square(apply("lct", source, reference) - values).sum(axis=1).mean() >= 0.99 * least


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", WHOLE)
def test_whole_distributions_come_close_to_the_best_transport(name, seed):
    source, reference = cloud(seed), cloud(seed + 50, low=0.4, high=0.9)
    some = np.random.default_rng(seed).choice(len(source), 500, replace=False)
    best = ot.emd2([], [], ot.dist(source[some].astype(float), reference[some].astype(float)))
    moved = apply(name, colors(source), colors(reference))
    assert np.square(moved - source).sum(axis=1).mean() < 1.3 * best


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("seed", range(3))
def test_a_large_image_gets_the_colors_of_a_small_one(name, seed):
    # the large image is interpolated between colors
    source, reference = colors(cloud(seed)), colors(cloud(seed + 50, low=0.4, high=0.9, skew=4))
    small = source.values.reshape(SIDE, SIDE, 3)
    large = np.kron(small, np.ones((3, 3, 1), np.float32))
    transfer = COLORS.load(name)
    apart = np.abs(
        transfer(large, source, reference)[1::3, 1::3] - transfer(small, source, reference)
    )
    assert apart.mean() < 1.5 / 255
    assert np.quantile(apart, 0.99) < 8 / 255


@pytest.mark.parametrize("name", COLORS)
def test_equal_distributions_change_nothing(name, astronaut):
    face = cv2.resize(astronaut[60:188, 160:288], (SIDE, SIDE)).astype(np.float32) / 255
    same = colors(face.reshape(-1, 3))
    changed = COLORS.load(name)(face, same, same)
    assert changed.dtype == np.float32
    assert np.abs(changed - face).max() < 2 / 255


@pytest.mark.parametrize("name", COLORS)
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_face_of_one_color_stays_finite_and_in_range(name, level):
    flat = colors(np.full((SIDE * SIDE, 3), level, np.float32))
    rich = colors(cloud(3))
    for source, reference in ((flat, rich), (rich, flat), (flat, flat)):
        moved = apply(name, source, reference)
        assert np.isfinite(moved).all()
        assert moved.min() >= 0
        assert moved.max() <= 1
        if reference is flat:
            assert np.abs(moved.mean(axis=0) - level).max() < 0.02


@pytest.mark.parametrize("name", COLORS)
def test_only_the_mask_counts(name):
    rng = np.random.default_rng(4)
    face, dst = (cloud(seed).reshape(SIDE, SIDE, 3) for seed in (1, 60))
    mask = np.zeros((256, 256), np.float32)
    mask[64:192, 48:208] = 1
    transfer = COLORS.load(name)
    once = transfer(face, *measure(face, dst, mask))
    outside = cv2.resize(mask, (SIDE, SIDE), interpolation=cv2.INTER_AREA) == 0
    face[outside], dst[outside] = rng.uniform(0, 1, (2, np.count_nonzero(outside), 3))
    again = transfer(face, *measure(face, dst, mask))
    np.testing.assert_array_equal(once[~outside], again[~outside])


def test_moments_are_those_of_numpy():
    rng = np.random.default_rng(1)
    values, weights = cloud(1), rng.uniform(0, 1, SIDE * SIDE).astype(np.float32)
    mean, covariance = moments(Colors(values, weights))
    np.testing.assert_allclose(mean, np.average(values, axis=0, weights=weights), atol=1e-6)
    expected = np.cov(values.T, aweights=weights, ddof=0)
    np.testing.assert_allclose(covariance, expected, atol=1e-6)


@given(st.integers(0, 10_000))
def test_a_line_map_is_monotonic_and_reaches_the_quantiles(seed):
    rng = np.random.default_rng(seed)
    source, reference = rng.gamma(2, 1, 800), rng.normal(5, rng.uniform(0.1, 3), 900)
    maps = LineMaps(source[None], np.ones(800), reference[None], np.ones(900))
    moved = np.sort(source) + maps.shifts(np.sort(source)[None])[0]
    assert np.diff(moved).min() > -1e-6
    spread = np.ptp(np.r_[source, reference]) / 128
    shares = np.linspace(0.05, 0.95, 10)
    np.testing.assert_allclose(
        np.quantile(moved, shares), np.quantile(reference, shares), atol=5 * spread
    )


def test_random_rotations_are_rotations_and_always_the_same():
    axes = random_rotations(20)
    np.testing.assert_allclose(axes @ axes.swapaxes(1, 2), np.eye(3)[None].repeat(20, 0), atol=1e-5)
    np.testing.assert_array_equal(axes, random_rotations(20))
    np.testing.assert_array_equal(random_rotations(5), random_rotations(20)[:5])

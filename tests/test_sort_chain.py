"""Walks from each face to the nearest left: as a loop over pairs makes them, and nearly so."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.spatial.distance import cdist
from support.sorting import order_of
from support.synthetic import make_faceset

from facelib.faceset import Faceset
from sorter import chain as chains
from sorter.job import SortJob
from sorter.metrics import (
    Bhattacharyya,
    CityBlock,
    bhattacharyya_sums,
    city_block_sums,
    compare,
)
from sorter.similarity import group_numbers, hist


def pair_loop(histograms):
    """The chain as the definition says it: one comparison of two histograms at a time."""
    left = list(range(1, len(histograms)))
    order = [0]
    while left:
        distances = [
            sum(
                cv2.compareHist(a, b, cv2.HISTCMP_BHATTACHARYYA)
                for a, b in zip(histograms[order[-1]], histograms[other], strict=True)
            )
            for other in left
        ]
        order.append(left.pop(int(np.argmin(distances))))
    return order


@pytest.fixture(scope="module")
def colors(astronaut):
    """Histograms of 130 cuttings of a photograph, some changed a little, some twice."""
    rng = np.random.default_rng(5)
    images = []
    for _ in range(60):
        x, y, side = *rng.integers(0, 400, 2), rng.integers(40, 110)
        images.append(astronaut[y : y + side, x : x + side])
    images += [
        np.clip(image * rng.uniform(0.9, 1.1) + 0.5, 0, 255).astype(np.uint8) for image in images
    ]
    images += images[:10]  # distances of exactly 0
    return np.stack([
        [cv2.calcHist([im], [c], None, [256], [0, 256]).ravel() for c in range(3)] for im in images
    ])


def test_the_exact_walk_is_that_of_a_loop_over_pairs(colors):
    walk = chains.chain(Bhattacharyya(colors))
    assert walk.exact
    assert walk.order.tolist() == pair_loop(colors)
    assert walk.steps[1:].tolist() == [
        compare(colors[a], colors[b]) for a, b in pairwise(walk.order)
    ]


def test_rows_are_the_distances_of_compare_hist(colors, monkeypatch):
    monkeypatch.setattr("sorter.metrics.STRIP", 7)
    metric = Bhattacharyya(colors)
    rows = metric.rows(20, 60)
    for i in range(20, 60, 7):
        expected = [compare(colors[i], other) for other in colors]
        np.testing.assert_allclose(rows[i - 20], expected[20:], atol=metric.tolerance / 2)
        np.testing.assert_allclose(metric.exact(i, np.arange(len(colors))), expected, atol=1e-7)


def test_sums_over_all_pairs_do_not_depend_on_blocks(colors):
    gray = colors[:, 1]
    expected = [sum(cv2.compareHist(a, b, cv2.HISTCMP_BHATTACHARYYA) for b in gray) for a in gray]
    for block in (1, 7, 64, 1024):
        np.testing.assert_allclose(bhattacharyya_sums(gray, block), expected, atol=1e-5)
    assert bhattacharyya_sums(gray[:0]).shape == (0,)


def test_city_block_sums_are_those_of_all_pairs():
    points = np.random.default_rng(0).normal(size=(200, 9)).round(1)  # with equal coordinates
    expected = cdist(points, points, "cityblock").sum(axis=1)
    np.testing.assert_allclose(city_block_sums(points), expected, rtol=1e-12)


@pytest.fixture(scope="module")
def clouds():
    """2,500 points in 136 dimensions that lie near a few winding lines, as landmarks do."""
    rng = np.random.default_rng(1)
    t = rng.uniform(0, 6, (2500, 1))
    lines = rng.normal(0, 0.05, (5, 4, 136))[rng.integers(0, 5, 2500)]
    waves = np.concatenate([np.sin(t), np.cos(t), np.sin(2.3 * t), t / 6], axis=1)
    return np.einsum("nk,nkd->nd", waves, lines) + rng.normal(0, 0.002, (2500, 136))


def test_the_walk_through_cells_visits_all_and_is_nearly_as_short(clouds):
    metric = CityBlock(clouds)
    exact, cells = chains.exact_chain(metric), chains.cell_chain(metric)
    assert sorted(cells.order.tolist()) == list(range(len(clouds)))
    steps = [np.abs(clouds[a] - clouds[b]).sum() for a, b in pairwise(cells.order)]
    np.testing.assert_allclose(cells.steps[1:], steps)
    assert cells.mean_step < 1.05 * exact.mean_step
    assert chains.cell_chain(metric).order.tolist() == cells.order.tolist()


def test_the_walk_through_cells_takes_the_first_of_equal_ones(colors):
    walk = chains.cell_chain(Bhattacharyya(np.concatenate([colors, colors])))
    place = np.argsort(walk.order)
    assert (place[: len(colors)] < place[len(colors) :]).sum() >= len(colors) - 10
    assert sorted(walk.order.tolist()) == list(range(2 * len(colors)))


def test_a_large_set_is_walked_through_cells_and_the_report_compares(tmp_path, monkeypatch):
    monkeypatch.setattr(chains, "EXACT_FACES", 20)
    make_faceset(tmp_path, count=30, size=64)
    assert len(order_of("face", Faceset.open(tmp_path))) == 30
    job = SortJob(Faceset.open(tmp_path))
    assert len(hist(job)) == 30
    (remark,) = job.report.notes["mean distance of neighbors"]
    assert "exact one" in remark


def test_a_chain_is_cut_at_its_leaps():
    steps = np.array([0, 0.1, 0.12, 0.9, 0.1, 0.09, 0.8, 0.1])
    assert group_numbers(steps).tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert group_numbers(np.zeros(5)).tolist() == [0] * 5
    assert group_numbers(np.zeros(0)).tolist() == []

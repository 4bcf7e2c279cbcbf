"""Rare directions and expressions are shown more often, and every face still comes."""

import numpy as np
import pytest

from facelib.expression import NAMES
from facelib.held_out import HeldOut
from facelib.types import FaceType
from trainer.data import uniform
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.data.split import make_samplers
from trainer.data.uniform import WeightedRounds
from trainer.data.yaw_matching import yaws

UNIFORM = SamplerSettings(FaceType.FULL, 64, uniform_pose=True, uniform_expression=True)
YAW, PITCH, LIPS = (NAMES.index(name) for name in ("yaw", "pitch", "lips"))


def film(count=3000):
    """The numbers of faces that mostly look ahead, with a mouth that is mostly shut."""
    rng = np.random.default_rng(7)
    numbers = np.full((count, len(NAMES)), 0.5)
    numbers[:, YAW] += rng.normal(0, 12, count) / 180
    numbers[:, PITCH] += rng.normal(0, 5, count) / 180
    numbers[:, :2] = rng.beta(5, 2, count)[:, None]
    numbers[:, LIPS] = rng.beta(1, 4, count)
    return numbers


def unevenness(values, weights, edges):
    """How much more there is in the fullest interval than in the emptiest one."""
    counts, _ = np.histogram(values, edges, weights=weights)
    return counts.max() / counts.min()


@pytest.mark.parametrize(
    ("chosen", "column", "edges"),
    [
        ("pose", YAW, 0.5 + np.linspace(-25, 25, 6) / 180),
        ("expression", LIPS, np.linspace(0, 0.7, 6)),
    ],
)
def test_what_is_rare_is_shown_nearly_as_often_as_the_rest(chosen, column, edges):
    numbers = film()
    weights = uniform.weights(numbers, pose=chosen == "pose", expression=chosen == "expression")
    before = unevenness(numbers[:, column], np.ones(len(numbers)), edges)
    after = unevenness(numbers[:, column], weights, edges)
    assert before > 4
    assert after < min(3, before / 2)


def test_no_face_is_shown_too_often_or_too_seldom():
    numbers = film()
    numbers[0, [YAW, PITCH]] = 1, 0  # alone in its corner
    weights = uniform.weights(numbers, pose=True, expression=True)
    assert weights.mean() == pytest.approx(1)
    assert weights.min() >= uniform.LEAST - 1e-9
    assert weights[0] == weights.max() == pytest.approx(uniform.MOST)


@pytest.mark.parametrize("count", [1, 5])
def test_faces_that_are_all_alike_are_shown_alike(count):
    numbers = np.full((count, len(NAMES)), 0.5)
    weights = uniform.weights(numbers, pose=True, expression=True)
    assert weights == pytest.approx(np.ones(count))


def test_faces_come_as_often_as_they_weigh():
    weights = uniform.weights(film(300), pose=True, expression=True)
    rounds = WeightedRounds(weights, (3, 1))
    shown = np.array(rounds(0, 21 * 300)).reshape(21, 300)
    for row in shown:
        assert (np.abs(np.bincount(row, minlength=300) - weights) < 1 + 1e-9).all()
    assert np.abs(np.bincount(shown.ravel()) - 21 * weights).max() < 3
    for first in range(17):
        assert len(np.unique(shown[first : first + 5])) == 300  # within five rounds all come
    assert (np.diff(shown[0]) < 0).mean() > 0.3  # in no order


def test_picks_depend_on_the_seed_and_the_number_alone():
    weights = uniform.weights(film(50), pose=True, expression=False)
    rounds, again, other = (WeightedRounds(weights, (seed, 0)) for seed in (3, 3, 4))
    parts = [again(first, 7) for first in range(70, 140, 7)]
    assert rounds(70, 70) == np.concatenate(parts).tolist()
    assert rounds(70, 70) != other(70, 70)


def test_a_sampler_shows_rare_faces_more_often(faceset):
    sampler, again = (Sampler(faceset, UNIFORM, (1,)) for _ in range(2))
    counts = np.bincount([pick.face for pick in sampler.picks(0, 1200)], minlength=12)
    assert counts.min() >= 1200 / 12 * uniform.LEAST - 3
    assert counts.max() > 1.2 * counts.min()
    whole, parts = sampler.batch(3, 4), [again.batch(number, 2) for number in (7, 6)]
    for part, second, first in zip(whole, *parts, strict=True):
        assert part is None is first or (part == np.concatenate([first, second])).all()
    assert whole.expression is None  # measured, but not asked for by the model


def test_with_matched_yaws_dst_is_uniform_and_src_follows(faceset):
    samplers = make_samplers(faceset, faceset, [HeldOut(())] * 2, UNIFORM, 3, sort_by_yaw=True)
    alone = Sampler(faceset, UNIFORM, (3, 1))
    assert samplers.dst.picks(0, 200) == alone.picks(0, 200)
    turned = yaws(faceset)
    angles = [
        [(-1) ** flip * turned[face] for face, flip in side.shown(0, 200)]
        for side in (samplers.src, samplers.dst)
    ]
    assert np.corrcoef(angles)[0, 1] > 0.9

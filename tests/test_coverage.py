"""Head directions that src lacks, against heads that are turned by known angles."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree
from support.synthetic import make_info, make_landmarks

from facelib.coverage import LEAST_SHARE, direction_gaps, gaps_between
from facelib.pose import directions, pose
from facelib.verdict import REACH


def faces(*turns):
    """Faces on disk that look where the (pitch, yaw) pairs say; their files are never read."""
    return [(Path("none.png"), make_info(make_landmarks(yaw, pitch))) for pitch, yaw in turns]


def test_directions_are_those_of_the_head_and_do_not_depend_on_its_roll():
    rng = np.random.default_rng(1)
    turns = np.stack([rng.uniform(-25, 25, 200), rng.uniform(-60, 60, 200)], axis=1)
    for roll in (0, 30):
        points = np.stack([make_landmarks(yaw, pitch, roll) for pitch, yaw in turns])
        errors = np.abs(directions(points) - turns)
        assert np.percentile(errors, 95) < 2.5
        assert np.abs(directions(points) - [pose(each)[:2] for each in points]).max() < 5


FRONTAL = [(pitch, yaw) for pitch in (-5, 0, 5) for yaw in (-20, -10, 0, 10, 20)]


@pytest.mark.parametrize(
    ("turn", "where"),
    [((0, 45), "to the left"), ((0, -45), "to the right"), ((-30, 0), "up"), ((30, 0), "down")],
)
def test_what_src_lacks_is_named_with_its_share(turn, where):
    [gap] = direction_gaps(faces(*FRONTAL), faces(*FRONTAL, *[turn] * 5), mirrored=True)
    assert gap.where == where
    assert gap.share == pytest.approx(0.25)
    assert f"25 % of dst's faces look more than 10 degrees farther {where}" in str(gap)


def test_what_src_shows_is_no_gap():
    assert direction_gaps(faces(*FRONTAL), faces(*FRONTAL), mirrored=False) == []
    assert direction_gaps(faces((0, 30)), faces((0, 24), (5, 33)), mirrored=False) == []


def test_a_mirrored_face_counts_only_where_faces_are_mirrored():
    src, dst = np.array([[3, 40.0]]), np.array([[0, -38.0]])
    assert gaps_between(src, dst, mirrored=True) == []
    [gap] = gaps_between(src, dst, mirrored=False)
    assert (gap.where, gap.share) == ("to the right", 1)


def test_the_largest_gap_comes_first_and_few_faces_are_no_gap():
    src = np.zeros((1, 2))
    dst = np.array([[0, 30.0]] * 10 + [[-30.0, 0]] * 30 + [[30.0, 0]] + [[0, 0.0]] * 60)
    assert [gap.where for gap in gaps_between(src, dst, mirrored=False)] == ["up", "to the left"]


def test_no_faces_and_faces_without_extent_are_no_gap():
    point = [(Path("none.png"), make_info(make_landmarks(), landmarks=np.ones((68, 2))))]
    assert direction_gaps([], faces((0, 0)), mirrored=True) == []
    assert direction_gaps(faces((0, 0)), [], mirrored=True) == []
    assert direction_gaps(faces((0, 0)), point, mirrored=True) == []


@pytest.mark.parametrize("count", [10, 2500])
def test_the_nearest_of_many_is_that_of_a_search_in_a_tree(count):
    rng = np.random.default_rng(count)
    src, dst = rng.normal(0, 8, (count, 2)), rng.normal(0, 20, (count, 2))
    gaps = gaps_between(src, dst, mirrored=False)
    distances, _ = cKDTree(src).query(dst)
    # to a degree; and directions of few faces are not said
    low, high = ((distances > REACH + margin).mean() for margin in (0.8, -0.8))
    assert low - 4 * LEAST_SHARE <= sum(gap.share for gap in gaps) <= high

"""The poses of many heads at once, against OpenCV's solver face by face and against known turns."""

import numpy as np
import pytest
from support.synthetic import make_landmarks

from facelib.pose import pose
from facelib.poses import CHUNK, poses


def turns(count, seed, yaw=80.0):
    rng = np.random.default_rng(seed)
    return np.stack([rng.uniform(-s, s, count) for s in (25.0, yaw, 30.0)], axis=1)


def seen(angles, **options):
    return np.stack([
        make_landmarks(yaw, pitch, roll, seed=seed, **options)
        for seed, (pitch, yaw, roll) in enumerate(angles)
    ])


@pytest.mark.parametrize(("distance", "noise"), [(350, 0.0), (800, 1.0), (800, 3.0), (5000, 1.0)])
def test_each_is_what_the_solver_finds_for_it_alone(distance, noise):
    faces = seen(turns(80, seed=distance), distance=distance, noise=noise)
    expected = np.array([pose(face) for face in faces])
    np.testing.assert_allclose(poses(faces), expected, atol=0.01)


def test_turns_are_recovered_in_every_chunk_whatever_the_scale():
    angles = turns(2 * CHUNK + 5, seed=1)
    faces = seen(angles, distance=600)
    np.testing.assert_allclose(poses(faces), angles, atol=0.5)
    np.testing.assert_allclose(poses(faces * 7 + 300), poses(faces), atol=1e-3)
    assert poses(faces[:0]).shape == (0, 3)


def test_a_face_that_is_none_has_no_pose_and_leaves_the_others_theirs():
    faces = seen(turns(6, seed=2))
    broken = faces.copy()
    broken[1], broken[3], broken[4, 30] = 7.0, np.nan, np.nan
    found = poses(broken)
    assert np.isnan(found[[1, 3, 4]]).all()
    np.testing.assert_allclose(found[[0, 2, 5]], poses(faces)[[0, 2, 5]], atol=1e-6)


def test_points_that_are_no_head_are_left_to_the_solver():
    scattered = np.random.default_rng(5).uniform(0, 256, (20, 68, 2)).astype(np.float32)
    assert (poses(scattered) == [pose(face) for face in scattered]).all()

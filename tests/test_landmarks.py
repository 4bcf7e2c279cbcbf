"""Masks against exact polygon areas, mirroring against geometry, openings against known mouths."""

import cv2
import numpy as np
import pytest
from support import synthetic

from facelib import geometry
from facelib import landmarks as lm
from facelib.types import FaceType
from utils.errors import InputError

FRONT = synthetic.make_landmarks()
ROUNDED = np.rint(synthetic.reference_landmarks())
ALIGNED = geometry.apply(geometry.crop_matrix(ROUNDED, 256, FaceType.FULL), ROUNDED)


def test_mask_areas_are_the_ancestors():
    for points in (ALIGNED, np.rint(ALIGNED)):
        assert lm.hull_mask(points, (256, 256)).sum() == pytest.approx(24_964, rel=0.01)
        assert lm.eye_mask(points, (256, 256)).sum() == pytest.approx(575, rel=0.01)


def test_masks_are_zero_or_one_in_one_channel():
    for mask in (lm.hull_mask(FRONT, (200, 300)), lm.eye_mask(FRONT, (200, 300))):
        assert mask.shape == (200, 300, 1)
        assert mask.dtype == np.float32
        assert set(np.unique(mask)) == {0, 1}


def test_hull_is_the_union_of_its_three_parts():
    mask = lm.hull_mask(ALIGNED, (256, 256))[..., 0]
    parts = [[*range(17), *range(48, 68)], [27, 28, 29, 30, 33], [*range(17, 27), 0, 27, 16, 33]]
    hulls = [cv2.convexHull(ALIGNED[part]) for part in parts]
    for y in range(0, 256, 3):
        for x in range(0, 256, 3):
            inside = max(cv2.pointPolygonTest(hull, (float(x), float(y)), True) for hull in hulls)
            if abs(inside) > 1.5:
                assert mask[y, x] == (inside > 0)


def test_mask_follows_a_quarter_of_a_pixel():
    """Drawn with whole pixels, a mask would stand still and then jump."""
    areas = [lm.hull_mask(FRONT * (1 + step / 500), (300, 300)).sum() for step in range(8)]

    assert (np.diff(areas) > 0).all()


def test_masks_cover_only_what_is_in_the_picture():
    assert lm.hull_mask(FRONT + np.array([1000, 0]), (256, 256)).sum() == 0
    half = lm.hull_mask(FRONT - np.array([128, 0]), (256, 256)).sum()
    assert half == pytest.approx(lm.hull_mask(FRONT, (256, 256)).sum() / 2, rel=0.1)
    assert lm.hull_mask(FRONT * 1e12, (256, 256)).shape == (256, 256, 1)
    with pytest.raises(InputError, match="not numbers"):
        lm.hull_mask(np.full((68, 2), np.nan), (256, 256))


def test_index_tables_cover_every_landmark_once():
    parts = (lm.JAW, lm.RIGHT_BROW, lm.LEFT_BROW, lm.NOSE, lm.RIGHT_EYE, lm.LEFT_EYE, lm.MOUTH)

    np.testing.assert_array_equal(np.concatenate(parts), np.arange(68))


def test_right_is_image_left():
    assert FRONT[lm.RIGHT_EYE, 0].max() < FRONT[lm.LEFT_EYE, 0].min()
    assert FRONT[lm.RIGHT_BROW, 0].max() < FRONT[lm.LEFT_BROW, 0].min()


def test_mirroring_twice_changes_nothing():
    np.testing.assert_array_equal(lm.MIRROR[lm.MIRROR], np.arange(68))
    np.testing.assert_allclose(lm.mirror(lm.mirror(FRONT, 256), 256), FRONT, atol=1e-4)


def test_mirror_table_pairs_the_points_that_are_symmetric():
    """The mean face is symmetric: reflected about its middle, each point falls on its partner."""
    reflected = geometry.MEAN_FACE * [-1, 1] + [2 * 0.490127, 0]
    apart = np.hypot(*(reflected[:, None] - geometry.MEAN_FACE[None]).transpose(2, 0, 1))

    np.testing.assert_array_equal(apart.argmin(axis=1) + 17, lm.MIRROR[17:])
    np.testing.assert_array_equal(lm.MIRROR[:17], np.arange(17)[::-1])


@pytest.mark.parametrize("yaw", [-60, 0, 35])
def test_mirrored_landmarks_fit_the_mirrored_picture(yaw):
    face = synthetic.make_landmarks(yaw, 5, 10)
    mask = lm.hull_mask(face, (256, 256))

    mirrored = lm.hull_mask(lm.mirror(face, 256), (256, 256))

    assert np.abs(mirrored - mask[:, ::-1]).sum() < 0.02 * mask.sum()
    # and it is still a face: it fits the mean face as well as before
    aligned = geometry.apply(
        geometry.crop_matrix(lm.mirror(face, 256), 256, FaceType.FULL), lm.mirror(face, 256)
    )
    assert aligned[36, 0] < aligned[45, 0]
    assert aligned[8, 1] > aligned[33, 1] > aligned[27, 1]


def test_mirror_leaves_its_input_alone():
    before, iris = FRONT.copy(), FRONT[[37, 44]]

    lm.mirror(FRONT, 256)
    lm.mirror_iris(iris, 256)

    np.testing.assert_array_equal(FRONT, before)
    np.testing.assert_array_equal(iris, FRONT[[37, 44]])


def test_drawing_goes_on_a_copy(astronaut):
    before = astronaut.copy()
    face = FRONT + np.array([100, 0])

    drawn = lm.draw(astronaut, face)

    np.testing.assert_array_equal(astronaut, before)
    assert drawn.shape == astronaut.shape
    changed = (drawn != astronaut).any(axis=2)
    for x, y in np.rint(face).astype(int):
        assert drawn[y - 2 : y + 3, x - 2 : x + 3, 1].max() > 200
        assert changed[y - 2 : y + 3, x - 2 : x + 3].any()
    assert changed.mean() < 0.05
    ys, xs = np.nonzero(changed)
    assert xs.min() >= face[:, 0].min() - 5
    assert ys.max() <= face[:, 1].max() + 5


def test_drawing_outside_the_picture_does_nothing(astronaut):
    np.testing.assert_array_equal(lm.draw(astronaut, FRONT + np.array([5000, 0])), astronaut)


def test_openings_are_ratios():
    """A mouth 12 pixels and eyes 6 pixels high on a face whose outer eye corners are 100 apart."""
    face = np.zeros((68, 2), np.float32)
    face[36], face[45] = (0, 0), (60, 80)
    face[[61, 62, 63], 1], face[[67, 66, 65], 1] = 10, 22
    face[[37, 38, 43, 44], 1], face[[41, 40, 47, 46], 1] = 3, 9

    assert lm.inter_ocular(face) == pytest.approx(100)
    assert lm.mouth_opening(face) == pytest.approx(0.12)
    assert lm.eye_opening(face) == pytest.approx(0.06)


def test_mouth_opening_follows_the_jaw_and_not_the_size():
    faces = [
        synthetic.make_landmarks(head=synthetic.open_mouth(amount)) for amount in (0, 0.3, 0.6, 1)
    ]

    openings = [lm.mouth_opening(face) for face in faces]

    assert (np.diff(openings) > 0.03).all()
    assert lm.mouth_opening(faces[2] * 3 + 50) == pytest.approx(openings[2], rel=1e-5)
    assert lm.eye_opening(faces[3]) == pytest.approx(lm.eye_opening(faces[0]), rel=0.02)


def test_gaze_is_what_the_eyes_were_drawn_with():
    """Eyes of different widths in a rotated, scaled image: complex numbers place their irises."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        face, iris = np.zeros((68, 2)), np.zeros((2, 2))
        looks = rng.uniform(-0.5, 0.5, (2, 2))
        for eye, (left, right) in enumerate(((36, 39), (42, 45))):
            middle, line = rng.normal(0, 100, 2) @ [1, 1j], rng.normal(0, 20, 2) @ [1, 1j]
            center = middle + line * (looks[eye] @ [1, 1j])
            for place, at in ((face[left], middle - line / 2), (face[right], middle + line / 2),
                              (iris[eye], center)):  # fmt: skip
                place[:] = at.real, at.imag
        np.testing.assert_allclose(lm.gaze(face, iris), looks.mean(axis=0), atol=1e-9)
        mirrored = lm.gaze(lm.mirror(face, 300), lm.mirror_iris(iris, 300))
        np.testing.assert_allclose(mirrored, looks.mean(axis=0) * [-1, 1], atol=1e-9)


def test_a_shut_off_eye_has_a_finite_gaze():
    assert np.isfinite(lm.gaze(np.zeros((68, 2)), np.ones((2, 2)))).all()

"""Crops against DeepFaceLab's values, warps against area averages, pose against known angles."""

import cv2
import numpy as np
import pytest
from scipy import ndimage
from support import synthetic
from support.synthetic import reference_landmarks

from facelib import geometry
from facelib import landmarks as lm
from facelib.pose import HEAD
from facelib.types import FaceType
from utils.errors import InputError

ROUNDED = np.rint(reference_landmarks())
FRONT = synthetic.make_landmarks()


@pytest.mark.parametrize(
    ("landmarks", "face_type", "scale", "expected"),
    [
        (ROUNDED, FaceType.HALF, 1.0, [1.679952, 0.296368, -745.969182, -301.354012]),
        (ROUNDED, FaceType.FULL, 1.0, [1.049970, 0.185230, -418.230738, -140.346257]),
        (ROUNDED, FaceType.FULL, 1.1, [0.954518, 0.168391, -368.573399, -115.951143]),
        (reference_landmarks(), FaceType.FULL, 1.0, [1.050462, 0.185225, -418.490822, -140.525512]),
    ],
    ids=["half", "full", "full larger", "full unrounded"],
)
def test_crop_matrix_has_the_ancestors_figures(landmarks, face_type, scale, expected):
    matrix = geometry.crop_matrix(landmarks, 256, face_type, scale)

    a, b, right, down = expected
    np.testing.assert_allclose(matrix, [[a, b, right], [-b, a, down]], rtol=0, atol=1e-6)


def test_the_head_of_2019_has_the_ancestors_figures():
    a, b, right, down = [0.419988, 0.074092, -90.492295, 20.661497]
    matrix = geometry.HEAD_2019.matrix(ROUNDED, 256)
    np.testing.assert_allclose(matrix, [[a, b, right], [-b, a, down]], rtol=0, atol=1e-6)


def test_mark_only_is_the_whole_frame():
    np.testing.assert_array_equal(
        geometry.crop_matrix(FRONT, 256, FaceType.MARK_ONLY), np.eye(2, 3)
    )


def test_aligned_points_are_the_ancestors():
    aligned = np.rint(geometry.apply(geometry.crop_matrix(ROUNDED, 256, FaceType.FULL), ROUNDED))

    expected = [
        (36, 80),
        (127, 224),
        (216, 80),
        (48, 65),
        (205, 65),
        (126, 131),
        (67, 83),
        (185, 82),
        (89, 173),
        (164, 173),
    ]
    np.testing.assert_array_equal(aligned[[0, 8, 16, 17, 26, 30, 36, 45, 48, 54]], expected)


def test_full_face_becomes_half_face_by_a_zoom_of_1_6():
    full = geometry.apply(geometry.crop_matrix(FRONT, 128, FaceType.FULL), FRONT)

    again = geometry.crop_matrix(full, 128, FaceType.FULL)
    half = geometry.crop_matrix(full, 128, FaceType.HALF)

    np.testing.assert_allclose(
        again, np.eye(2, 3), atol=1e-4
    )  # kept as floats, nothing is lost to rounding
    np.testing.assert_allclose(half, [[1.6, 0, -0.3 * 128], [0, 1.6, -0.3 * 128]], atol=1e-4)


def test_square_in_the_frame_grows_about_its_center():
    usual = geometry.crop_matrix(ROUNDED, 256, FaceType.FULL)
    larger = geometry.crop_matrix(ROUNDED, 256, FaceType.FULL, 1.5)

    # DeepFaceLab's 238.23 and 357.35 are the length of 254 of its 256 pixels
    assert geometry.crop_side(usual, 254) == pytest.approx(238.23, abs=0.005)
    assert geometry.crop_side(larger, 254) == pytest.approx(357.35, abs=0.005)
    middles = [geometry.crop_corners(matrix, 256).mean(axis=0) for matrix in (usual, larger)]
    np.testing.assert_allclose(*middles, atol=0.5)


def test_corners_lie_around_the_crop_clockwise():
    matrix = geometry.crop_matrix(FRONT, 100, FaceType.FULL)

    corners = geometry.crop_corners(matrix, 100)

    np.testing.assert_allclose(
        geometry.apply(matrix, corners),
        [(-0.5, -0.5), (99.5, -0.5), (99.5, 99.5), (-0.5, 99.5)],
        atol=1e-3,
    )
    assert np.hypot(*(corners[1] - corners[0])) == pytest.approx(
        geometry.crop_side(matrix, 100), abs=1e-3
    )


def test_resized_matrix_is_the_crop_at_that_size():
    matrix = geometry.crop_matrix(FRONT, 256, FaceType.FULL, 1.2)

    resized = geometry.resize_matrix(matrix, 256, 96)

    np.testing.assert_allclose(
        resized, geometry.crop_matrix(FRONT, 96, FaceType.FULL, 1.2), atol=1e-9
    )


def test_inverse_leads_back():
    matrix = geometry.crop_matrix(FRONT, 256, FaceType.HEAD)

    there_and_back = geometry.apply(geometry.invert(matrix), geometry.apply(matrix, FRONT))

    np.testing.assert_allclose(there_and_back, FRONT, atol=1e-3)


def test_fit_finds_a_known_similarity():
    cos, sin = 1.7 * np.cos(0.6), 1.7 * np.sin(0.6)
    known = np.array([[cos, -sin, 40.0], [sin, cos, -7.0]])

    found = geometry.fit_similarity(HEAD[:, :2], geometry.apply(known, HEAD[:, :2]))

    np.testing.assert_allclose(found, known, atol=1e-4)


def test_profiles_are_never_turned_over():
    rng = np.random.default_rng(0)
    for index in range(300):
        # past 90 degrees the seen points are the mirror image of the mean face
        yaw, tilt, turn = (
            rng.choice([-1, 1]) * rng.uniform(75, 100),
            rng.uniform(-20, 20),
            rng.uniform(-30, 30),
        )
        face = synthetic.make_landmarks(yaw, tilt, turn, noise=1.5, seed=index)

        matrix = geometry.crop_matrix(face, 256, FaceType.FULL)

        assert np.linalg.det(matrix[:, :2]) > 0
        aligned = geometry.apply(matrix, face)
        assert aligned[lm.MOUTH, 1].mean() > aligned[17:27, 1].mean(), (
            "the mouth is above the brows"
        )
        down = matrix[:, :2] @ [-np.sin(np.radians(turn)), np.cos(np.radians(turn))]
        assert abs(np.degrees(np.arctan2(down[0], down[1]))) < 60, "the face lies on its side"


def test_degenerate_landmarks_are_refused():
    for broken in (np.full((68, 2), 5.0), np.full((68, 2), np.nan)):
        with pytest.raises(InputError, match="one point"):
            geometry.crop_matrix(broken, 256, FaceType.FULL)
        with pytest.raises(InputError, match="one point"):
            geometry.pose(broken)


def shrink(factor, size):
    """The matrix that averages factor x factor pixels into one: pixel centers are whole numbers."""
    return np.array([
        [1 / factor, 0, (1 / factor - 1) / 2],
        [0, 1 / factor, (1 / factor - 1) / 2],
    ]), size // factor


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_shrinking_is_like_an_area_average(astronaut, factor):
    matrix, size = shrink(factor, 512)

    face = geometry.warp_face(astronaut, matrix, size).astype(float)

    averaged = cv2.resize(astronaut, (size, size), interpolation=cv2.INTER_AREA).astype(float)
    aliased = cv2.warpAffine(astronaut, matrix, (size, size), flags=cv2.INTER_CUBIC).astype(float)
    inner = np.s_[2:-2, 2:-2]  # at the frame's edge black is mixed in
    error = np.abs(face - averaged)[inner].mean()
    assert error < 3
    assert error < 0.6 * np.abs(aliased - averaged)[inner].mean()


def turned(zoom, turn, size, center):
    """The matrix to an image of `size` pixels with a point of the frame in its middle."""
    matrix = zoom * np.array([[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0]])
    matrix[:, 2] = size / 2 - matrix[:, :2] @ center
    return matrix


@pytest.mark.parametrize("turn", [0.0, 0.5])
@pytest.mark.parametrize(
    ("cell", "shrinks"), [(1, 4), (2, 4), (1, 5.3), (2, 5.3), (2, 8), (3, 8), (4, 16), (7, 16)]
)
def test_checkerboard_finer_than_the_target_becomes_gray(cell, shrinks, turn):
    size = int(256 / shrinks)
    board = (np.indices((400, 400)) // cell).sum(axis=0)[..., None] % 2 * np.full(3, 255)
    matrix = turned(1 / shrinks, turn, size, [200, 200])

    face = geometry.warp_face(board.astype(np.uint8), matrix, size)

    np.testing.assert_allclose(face, 127.5, atol=6)


@pytest.mark.parametrize("shrinks", [5.3, 7, 10.5, 16])
@pytest.mark.parametrize("center", [(300, 290), (0, 310), (620, 300), (280, 599), (621, 600)])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_shrinking_much_is_blurring_and_warping_the_whole_image(astronaut, shrinks, center, dtype):
    """SciPy blurs, in the middle and where the frame ends at each side of the crop."""
    image = np.tile(astronaut[100:400, 90:401, :1], (2, 2, 1))
    matrix, size = turned(1 / shrinks, 0.3, 48, center), 48
    sigma = 0.35 * np.sqrt(shrinks**2 - 1)
    blurred = ndimage.gaussian_filter(image[..., 0].astype(np.float32), sigma, mode="nearest")
    wanted = cv2.warpAffine(blurred, matrix, (size, size), flags=cv2.INTER_CUBIC)

    levels = image if dtype == np.uint8 else image.astype(np.float32) / 255
    face = geometry.warp_face(levels, matrix, size)[..., 0] * (1.0 if dtype == np.uint8 else 255)

    error = np.abs(face - np.clip(wanted, 0, 255))
    assert error.mean() < 0.9
    assert error.max() < 9


def test_sharpness_does_not_jump_where_shrinking_begins(astronaut):
    def sharpness(zoom):
        matrix = np.array([[zoom, 0, 64 - zoom * 220.3], [0, zoom, 64 - zoom * 115.6]])
        face = cv2.cvtColor(geometry.warp_face(astronaut, matrix, 128), cv2.COLOR_BGR2GRAY)
        return cv2.Laplacian(face, cv2.CV_64F).var()

    assert sharpness(0.999) == pytest.approx(sharpness(1.001), rel=0.03)


@pytest.mark.parametrize("zoom", [0.2, 0.5, 0.9, 1.0, 1.7, 4.0])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_warping_moves_a_marker_to_where_the_matrix_says(zoom, dtype):
    marker = np.array([151.0, 133.0])
    image = np.zeros((300, 320, 1), np.float32)
    image[133, 151] = 1
    image = cv2.GaussianBlur(image, (0, 0), 4)[
        ..., None
    ]  # wide enough to be measured after shrinking
    image /= image.max()
    image = image if dtype == np.float32 else np.rint(image * 255).astype(np.uint8)
    matrix = zoom * np.array([[np.cos(0.3), -np.sin(0.3), 0], [np.sin(0.3), np.cos(0.3), 0]])
    matrix[:, 2] = [49.3, 51.8] - matrix[:, :2] @ marker

    face = geometry.warp_face(image, matrix, 101).astype(float)[..., 0]

    rows, columns = np.indices(face.shape)
    center = np.array([(columns * face).sum(), (rows * face).sum()]) / face.sum()
    np.testing.assert_allclose(center, [49.3, 51.8], atol=0.06)


def test_identity_warp_changes_nothing(astronaut):
    np.testing.assert_array_equal(geometry.warp_face(astronaut, np.eye(2, 3), 512), astronaut)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_float_and_uint8_agree_and_stay_in_range(channels):
    edges = np.zeros((60, 60, channels), np.uint8)
    edges[::7] = 255
    edges[:, ::5] = 255
    matrix = np.array([[1.9, 0.4, -20], [-0.4, 1.9, 9]])

    coarse = geometry.warp_face(edges, matrix, 90)
    fine = geometry.warp_face(edges.astype(np.float32) / 255, matrix, 90)

    assert coarse.dtype == np.uint8
    assert fine.dtype == np.float32
    assert coarse.shape == fine.shape == (90, 90, channels)
    assert fine.min() >= 0
    assert fine.max() <= 1
    np.testing.assert_allclose(fine * 255, coarse, atol=1.5)


def test_outside_the_frame_is_black(astronaut):
    aside = np.array([[0.5, 0, 64.0], [0, 0.5, 64.0]])
    far = np.array([[0.5, 0, 9000.0], [0, 0.5, 9000.0]])

    assert not geometry.warp_face(astronaut, aside, 128)[:60, :60].any()
    assert geometry.warp_face(astronaut, aside, 128)[70:, 70:].any()
    assert not geometry.warp_face(astronaut, far, 128).any()


def test_warping_by_a_senseless_matrix_ends(astronaut):
    for zoom in (1e-9, 1e9):
        face = geometry.warp_face(astronaut, np.array([[zoom, 0, 8], [0, zoom, 8]]), 16)

        assert face.shape == (16, 16, 3)


def test_warping_works_on_frames_wider_than_opencv_remaps():
    panorama = np.zeros((40, 40_000, 3), np.uint8)
    panorama[10:30, 39_000:39_020] = 200
    matrix = np.array([[1.0, 0, -38_990], [0, 1.0, 0]])

    face = geometry.warp_face(panorama, matrix, 40)

    assert (face[10:30, 10:30] == 200).all()
    assert not face[:9].any()


ANGLES = [
    (yaw, pitch, roll)
    for yaw in (-75, -45, -20, 0, 20, 45, 75)
    for pitch in (-20, 0, 20)
    for roll in (-35, 0, 15)
]


@pytest.mark.parametrize("distance", [350, 600, 1200, 8000])
@pytest.mark.parametrize("width", [25, 900])
def test_pose_of_a_known_head(distance, width):
    for yaw, pitch, roll in ANGLES:
        face = synthetic.make_landmarks(
            yaw, pitch, roll, distance=distance, width=width, center=(900, 300)
        )

        found = geometry.pose(face)

        np.testing.assert_allclose(found, (pitch, yaw, roll), atol=1.0)


@pytest.mark.parametrize("yaw", [-40, -20, 20, 40])
def test_pose_of_the_ancestors_pictures(yaw):
    """Its units were 1.25 radians: 0.436 is 20 degrees and 0.873 is 40."""
    found = geometry.pose(synthetic.make_landmarks(yaw, distance=300))

    assert found.yaw == pytest.approx(yaw, abs=0.5)
    assert np.radians(found.yaw) * 1.25 == pytest.approx(
        {20: 0.436, 40: 0.873}[abs(yaw)] * np.sign(yaw), abs=0.011
    )
    assert found.pitch == pytest.approx(0, abs=0.5)


def test_pose_signs():
    """A nose toward image-left, a chin on the chest and a clockwise tilt are positive."""
    left = geometry.pose(synthetic.make_landmarks(yaw=30))
    assert left.yaw > 20
    points = synthetic.make_landmarks(yaw=30)
    assert points[30, 0] - points[0, 0] < points[16, 0] - points[30, 0]

    assert geometry.pose(synthetic.make_landmarks(pitch=20)).pitch > 10
    nose, eyes = (synthetic.make_landmarks(pitch=p)[30, 1] for p in (20, 0))
    assert nose > eyes

    assert geometry.pose(synthetic.make_landmarks(roll=20)).roll > 10
    right_eye, left_eye = synthetic.make_landmarks(roll=20)[[36, 45]]
    assert left_eye[1] > right_eye[1]


def test_pose_is_the_same_in_frame_and_aligned_picture():
    for yaw, pitch, roll in ANGLES:
        face = synthetic.make_landmarks(yaw, pitch, roll, center=(600, 200), width=333)
        in_frame = geometry.pose(face)
        for face_type, size in ((FaceType.FULL, 256), (FaceType.HALF, 64), (FaceType.HEAD, 128)):
            aligned = geometry.pose(
                geometry.apply(geometry.crop_matrix(face, size, face_type), face)
            )
            np.testing.assert_allclose(aligned[:2], in_frame[:2], atol=0.05)


def test_pose_of_a_mirrored_face_is_mirrored():
    face = synthetic.make_landmarks(25, 10, 15)

    pitch, yaw, roll = geometry.pose(lm.mirror(face, 256))

    # the 3-D head is not quite symmetric
    np.testing.assert_allclose((pitch, yaw, roll), (10, -25, -15), atol=2.5)


def test_pose_bears_noise_and_hardly_follows_the_mouth():
    for yaw in (-60, -30, 0, 30, 60):
        noisy = np.array([
            geometry.pose(synthetic.make_landmarks(yaw, 5, 0, noise=1.3, seed=seed))
            for seed in range(20)
        ])  # fmt: skip
        assert (np.abs(noisy - [5, yaw, 0]).mean(axis=0) < 2).all()
        shouting = geometry.pose(synthetic.make_landmarks(yaw, 5, 0, head=synthetic.open_mouth(1)))
        np.testing.assert_allclose(shouting, (5, yaw, 0), atol=2)

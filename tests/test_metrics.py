"""The measures of `evaluate`, against independent oracles."""

from itertools import pairwise

import cv2
import numpy as np
import pytest
from scipy.spatial.transform import Rotation
from skimage import color, data

from facelib import similarity
from facelib.following import following
from facelib.geometry import pose
from facelib.pose import HEAD
from tools.evaluate import metrics


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="module")
def picture():
    face = data.astronaut()[30:230, 130:330, ::-1]
    return np.ascontiguousarray(face).astype(np.float32) / 255


@pytest.fixture
def hull():
    mask = np.zeros((200, 200), np.float32)
    cv2.circle(mask, (100, 100), 80, 1, -1)
    return mask


def head(pitch=0.0, yaw=0.0, roll=0.0):
    """Landmarks of a turned head seen from far away, its eyes about 91 pixels apart."""
    turned = HEAD @ Rotation.from_euler("ZYX", (roll, yaw, pitch), degrees=True).as_matrix().T
    return turned[:, :2] * (800 / (800 + turned[:, 2:])) + 200


def still(count):
    return np.tile(head(), (count, 1, 1))


# --- expression ---------------------------------------------------------------------------------


def test_following_in_one_shot_is_numpys_correlation(rng):
    dst = rng.normal(0.2, 0.1, 50)
    result = 0.4 * dst + rng.normal(0, 0.05, 50)
    correlation, gain = following(result, dst, np.zeros(50, int))
    assert correlation == pytest.approx(np.corrcoef(result, dst)[0, 1])
    assert gain == pytest.approx(np.polyfit(dst, result, 1)[0])


def test_following_counts_only_movement_within_shots(rng):
    shots = np.repeat([0, 1], 40)
    wide = 0.5 * shots  # dst's mouth is wide open in the whole second shot, and so is the result's
    dst, result = wide + rng.normal(0, 0.05, 80), wide + rng.normal(0, 0.05, 80)
    assert np.corrcoef(result, dst)[0, 1] > 0.9
    assert abs(following(result, dst, shots)[0]) < 0.3


def test_both_directions_of_a_gaze_count_by_how_far_they_move(rng):
    """The eyes of dst move up and down only, and the result's only half as far."""
    dst = np.c_[np.full(60, 0.3), rng.normal(0, 0.1, 60)]
    result = np.c_[rng.normal(0, 0.001, 60), 0.5 * dst[:, 1] - 0.2]
    shots = np.repeat([2, 7], 30)  # other shots have no open eyes
    correlation, gain = following(result, dst, shots)
    assert correlation == pytest.approx(1, abs=1e-3)
    assert gain == pytest.approx(0.5)
    sideways = np.c_[dst[:, 1], np.zeros(60)]
    assert abs(following(sideways, dst, shots)[0]) < 0.01


def test_what_cannot_be_followed_is_nan_and_a_frozen_result_follows_nothing(rng):
    moving, frozen, shots = rng.normal(0, 0.1, 30), np.full(30, 0.2), np.zeros(30, int)
    assert np.isnan(following(moving, frozen, shots)).all()
    assert np.isnan(following(moving[:5], moving[:5], shots[:5])).all()
    assert following(frozen, moving, shots) == (0.0, 0.0)


# --- pose and landmarks -------------------------------------------------------------------------


@pytest.mark.parametrize("turn", [(10.0, 0, 0), (0, 15.0, 0), (0, 0, 20.0), (-6.0, 8.0, -5.0)])
def test_pose_error_is_the_angle_between_known_rotations(turn):
    start = np.array([[3.0, -5.0, 4.0]])
    first, second = (
        Rotation.from_euler("ZYX", np.ravel(angles)[::-1], degrees=True)
        for angles in (start, start + turn)
    )
    relative = (second * first.inv()).as_matrix()
    expected = np.degrees(np.arccos((np.trace(relative) - 1) / 2))
    assert metrics.pose_error(start, start + turn)[0] == pytest.approx(expected)


def test_pose_error_of_landmarks_of_a_turned_head():
    turned, straight = np.array([pose(head(yaw=12))]), np.array([pose(head())])
    assert metrics.pose_error(turned, straight)[0] == pytest.approx(12, abs=1.5)


def test_landmark_error_is_in_percent_of_the_eye_distance_at_any_size_and_roll():
    dst = np.stack([head(), 3 * head(roll=30)])
    eyes = np.linalg.norm(dst[:, 36] - dst[:, 45], axis=1)
    moved = dst + (0.05 * eyes)[:, None, None] * [0.6, 0.8]
    assert metrics.landmark_error(moved, dst) == pytest.approx([5, 5])
    assert metrics.landmark_error(dst, dst) == pytest.approx([0, 0])


def test_a_wrong_jaw_line_is_not_counted():
    other = still(1)
    other[:, :17] += 30
    assert metrics.landmark_error(other, still(1))[0] == 0


def test_movement_error_leaves_out_another_shape_of_face(rng):
    rolls = rng.uniform(-20, 20, 30)
    dst = np.stack([head(roll=roll) for roll in rolls])
    shape = HEAD + rng.normal(0, 4, HEAD.shape)  # another person's face, turned the same way
    turns = [Rotation.from_euler("z", roll, degrees=True).as_matrix() for roll in rolls]
    other = np.stack([(shape @ turn.T)[:, :2] + 200 for turn in turns])
    dst_flat = np.stack([(HEAD @ turn.T)[:, :2] + 200 for turn in turns])
    shots = np.zeros(30, int)
    assert metrics.landmark_error(other, dst_flat).mean() > 4
    assert metrics.movement_error(other, dst_flat, shots) == pytest.approx(np.zeros(30), abs=1e-9)
    assert metrics.movement_error(dst, dst, shots) == pytest.approx(np.zeros(30), abs=1e-9)


# --- over time ----------------------------------------------------------------------------------


@pytest.mark.parametrize("sigma", [0.2, 1.0])
def test_jitter_reads_the_deviation_of_white_noise(rng, sigma):
    shaken = still(200) + rng.normal(0, sigma, (200, 68, 2))
    eyes = np.linalg.norm(head()[36] - head()[45])
    found = metrics.jitter(shaken, np.zeros(200, int))
    assert found == pytest.approx(100 * sigma / eyes, rel=0.05)


def test_steady_movement_and_cuts_are_no_jitter():
    moving = still(20) + np.arange(20)[:, None, None] * [3.0, -1.0]
    moving[10:] += 50
    assert metrics.jitter(moving, np.repeat([0, 1], 10)) == pytest.approx(0, abs=1e-9)
    assert metrics.jitter(moving, np.zeros(20, int)) > 1


def test_jitter_and_flicker_need_neighbors():
    apart = np.arange(9)
    assert np.isnan(metrics.jitter(still(9), apart))
    assert np.isnan(metrics.flicker(np.zeros((9, 3)), apart))


def test_flicker_is_the_mean_step_between_neighbors():
    colors = np.array([[50.0, 0, 0], [53, 4, 0], [53, 4, 0], [90, 0, 0]])
    assert metrics.flicker(colors, np.array([0, 0, 0, 1])) == pytest.approx(2.5)


def test_shots_are_cut_where_the_picture_changes_or_the_face_jumps():
    thumbnails = np.full((9, 18, 32), 100, np.uint8)
    thumbnails[3:] = 160
    faces = still(9)
    faces[6:] += 400
    assert metrics.label_shots(thumbnails, faces).tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_runs_break_at_missing_frames_and_at_cuts():
    indices, shots = np.array([0, 1, 2, 4, 5, 6]), np.array([0, 0, 0, 0, 0, 1])
    assert metrics.label_runs(indices, shots).tolist() == [0, 0, 0, 1, 1, 2]


# --- looks --------------------------------------------------------------------------------------


def test_blur_lowers_sharpness_step_by_step(picture, hull):
    blurred = [picture] + [cv2.GaussianBlur(picture, (0, 0), s) for s in (0.7, 1, 1.5, 2, 4)]
    found = [metrics.sharpness(image, picture, hull) for image in blurred]
    assert all(more > less for more, less in pairwise(found))
    assert found[-1] < 0.4 * found[0]


def test_sharpness_ignores_the_seam_and_the_brightness(picture, hull):
    pasted = np.where(hull[..., None] > 0, picture, 1).astype(np.float32)
    assert metrics.sharpness(pasted, picture, hull) == pytest.approx(1, rel=0.02)
    darker = metrics.sharpness(picture - np.float32(0.1), picture, hull)
    assert darker == pytest.approx(1, rel=1e-3)


@pytest.mark.parametrize("blur", [0, 1, 2, 3])
def test_grain_is_no_detail(blur, picture, hull, rng):
    soft = cv2.GaussianBlur(picture, (0, 0), blur) if blur else picture
    grain = rng.normal(0, 0.04, (200, 200, 1)).astype(np.float32)
    clean, grainy = (
        metrics.sharpness(image, picture, hull) for image in (soft, np.clip(soft + grain, 0, 1))
    )
    assert grainy == pytest.approx(clean, abs=0.06)


def test_detail_beyond_dsts_counts_against(picture, hull):
    def sharpened(image, radius, amount):
        away = image - cv2.GaussianBlur(image, (0, 0), radius)
        return metrics.sharpness(np.clip(image + amount * away, 0, 1), picture, hull)

    small = cv2.resize(picture, (64, 64), interpolation=cv2.INTER_AREA)
    model = cv2.resize(small, (200, 200), interpolation=cv2.INTER_CUBIC)
    for radius in (1, 2, 4):
        for amount in (1, 2, 4, 8):
            assert sharpened(picture, radius, amount) < 0.85  # it was sharp
            assert sharpened(model, radius, amount) < 1
        assert sharpened(model, radius, 8) < 0.8


def test_detail_of_another_face_counts_where_dst_has_some(picture, hull):
    """Her mirror image has other detail pixel by pixel, but features in the same places."""
    other = picture[:, ::-1]
    gray = [
        cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_BGR2GRAY) for image in (picture, other)
    ]
    fine = [image - cv2.GaussianBlur(image, (0, 0), 2) for image in gray]
    assert np.corrcoef(*(each[hull > 0] for each in fine))[0, 1] < 0.3
    sharp = metrics.sharpness(np.ascontiguousarray(other), picture, hull)
    soft = metrics.sharpness(cv2.GaussianBlur(other, (0, 0), 3), picture, hull)
    assert sharp > 0.6
    assert soft < 0.5 * sharp


def test_sharpness_of_a_small_face_reads_the_same_share(picture, hull):
    def share(size):
        sharp = cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA)
        soft = cv2.GaussianBlur(sharp, (0, 0), 0.01 * size)
        mask = cv2.resize(hull, (size, size), interpolation=cv2.INTER_NEAREST)
        return metrics.sharpness(soft, sharp, mask)

    assert share(200) == pytest.approx(share(120), abs=0.1)


def test_mean_color_is_cie_lab():
    gray = np.full((8, 8, 3), 0.5, np.float32)
    assert metrics.mean_lab(gray, np.ones((8, 8))) == pytest.approx([53.39, 0, 0], abs=0.1)


def test_local_colors_are_the_mean_lab_of_each_part(picture, hull):
    colors = metrics.cell_colors(picture, hull)
    lab = color.rgb2lab(picture[..., ::-1], illuminant="D65")
    for row in range(8):
        for column in range(8):
            part = np.s_[25 * row : 25 * row + 25, 25 * column : 25 * column + 25]
            inside = hull[part] > 0
            if inside.mean() < 0.5:
                assert np.isnan(colors[row, column]).all()
            else:
                assert colors[row, column] == pytest.approx(lab[part][inside].mean(axis=0), abs=0.2)


def test_flicker_in_parts_of_a_face_is_seen_though_the_mean_stands_still():
    still = np.full((6, 8, 8, 3), 50.0)
    still[:, 0] = np.nan  # beside the face
    flickering = still.copy()
    flickering[1::2, :, :4, 0] += 6
    flickering[1::2, :, 4:, 0] -= 6
    runs = np.zeros(6, int)
    assert metrics.flicker(np.nanmean(flickering, axis=(1, 2)), runs) == pytest.approx(0)
    assert metrics.local_flicker(flickering, still, runs) == pytest.approx(6)
    assert metrics.local_flicker(flickering, flickering, runs) == 0  # dst does the same
    assert np.isnan(metrics.local_flicker(flickering, still, np.arange(6)))


def test_an_edge_that_wobbles_flickers_and_one_that_follows_does_not(picture, hull):
    rng = np.random.default_rng(0)
    swapped = np.clip(picture * np.float32([0.6, 0.8, 1.0]), 0, 1)
    side = len(hull)

    def changes(wobble):
        found = []
        for reach in rng.normal(0, wobble, 12):
            grown = cv2.warpAffine(
                np.float32(hull > 0),
                cv2.getRotationMatrix2D((side / 2, side / 2), 0, 1 + reach / side),
                (side, side),
            )[..., None]
            mixed = picture * (1 - grown) + swapped * grown
            found.append(metrics.rim_change(mixed, picture, hull))
        return np.stack(found)

    runs = np.zeros(12, int)
    still, shaking, wild = (metrics.edge_flicker(changes(each), runs) for each in (0, 3, 9))
    assert still == 0
    assert 0 < 1.5 * shaking < wild
    assert np.isnan(metrics.edge_flicker(changes(3), np.arange(12)))


def test_what_was_changed_of_an_occlusion_is_its_share(picture):
    hidden = np.zeros(picture.shape[:2], bool)
    hidden[50:150, 40:140] = True
    result = picture.copy()
    result[50:100] = 1 - result[50:100]
    noisy = np.clip(picture + np.random.default_rng(0).normal(0, 0.02, picture.shape), 0, 1)
    assert metrics.changed_share(result, picture, hidden) == pytest.approx(0.5, abs=0.05)
    assert metrics.changed_share(np.float32(noisy), picture, hidden) == 0  # an encoder's noise
    assert np.isnan(metrics.changed_share(result, picture, np.zeros_like(hidden)))


def test_ssim_of_flat_pictures_is_the_closed_form():
    first, second, c1 = 0.4, 0.6, 0.01**2
    flat = [np.full((40, 40, 3), value, np.float32) for value in (first, second)]
    expected = (2 * first * second + c1) / (first**2 + second**2 + c1)
    assert similarity.masked_ssim(*flat, np.ones((40, 40))) == pytest.approx(expected, rel=1e-4)


def test_ssim_counts_only_what_is_inside(picture, hull, rng):
    noisy = np.where(hull[..., None] > 0, picture, rng.random(picture.shape)).astype(np.float32)
    assert similarity.masked_ssim(picture, noisy, hull) == pytest.approx(1)
    soft = cv2.GaussianBlur(picture, (0, 0), 2)
    assert similarity.masked_ssim(picture, soft, hull) < 0.95
    assert np.isnan(similarity.masked_ssim(picture, soft, np.zeros_like(hull)))


def test_nothing_left_of_a_face_has_no_sharpness(picture):
    assert np.isnan(metrics.sharpness(picture, picture, np.zeros((200, 200), np.float32)))


# --- choosing -----------------------------------------------------------------------------------


def test_the_medoid_is_a_member_near_the_middle(rng):
    cloud = np.concatenate([rng.normal(0, 1, (20, 4)), [[50.0, 50, 50, 50]], [[0.0, 0, 0, 0]]])
    found = similarity.medoid(cloud, lambda a, b: float(np.linalg.norm(a - b)))
    assert any((found == row).all() for row in cloud)
    assert np.linalg.norm(found) < 2


def test_indices_are_spread_from_first_to_last():
    assert similarity.spread_out(100, 3).tolist() == [0, 50, 99]
    assert similarity.spread_out(2, 64).tolist() == [0, 1]
    assert similarity.spread_out(0, 5).tolist() == []


def test_mask_overlap_is_the_intersection_over_the_union():
    one, other = np.zeros((2, 10, 10))
    one[:, :6], other[:, 3:] = 1, 0.5
    assert similarity.mask_overlap(one, other) == pytest.approx(30 / 100)
    assert similarity.mask_overlap(one, one) == 1
    assert np.isnan(similarity.mask_overlap(one * 0, one * 0.4))

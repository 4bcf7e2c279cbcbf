"""Colors over time: less flicker, no lag behind changes of the light, cuts, continued runs."""

import dataclasses

import cv2
import numpy as np
import pytest
from support.synthetic import draw_face, make_info, make_landmarks

from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import Swap
from converters.blending.mask_history import MaskHistory, average
from converters.blending.motion import find_motions
from converters.look import Look
from converters.pipeline import Pipeline
from converters.predictor import Predictor
from facelib import geometry
from facelib.types import FaceType
from utils.video.frame import Frame

SIDE = 64


def shaking_mask(rng):
    """A model's mask that covers more or less hair and background from frame to frame."""
    mask = np.zeros((SIDE, SIDE), np.float32)
    middle = (32 + int(rng.integers(-3, 4)), 32 + int(rng.integers(-3, 4)))
    axes = (20 + int(rng.integers(-4, 5)), 24 + int(rng.integers(-4, 5)))
    cv2.ellipse(mask, middle, axes, 0, 0, 360, 1.0, -1, cv2.LINE_AA)
    return mask[..., None]


def footage(count=24, light=lambda index: 1.0, noise=4):
    """Frames of a still face with known noise, and its landmarks."""
    landmarks = make_landmarks(center=(80, 70), width=70)
    scene = draw_face(landmarks, (140, 160), identity=1, blur=1).astype(np.float32)
    rng = np.random.default_rng(0)
    noisy = [scene * light(i) + rng.normal(0, noise, scene.shape) for i in range(count)]
    return [np.clip(np.rint(image), 0, 255).astype(np.uint8) for image in noisy], landmarks


def predictor(seed=1):
    """Predicts another face's colors, lit like dst, with a mask that shakes."""
    rng = np.random.default_rng(seed)
    other = draw_face(make_landmarks(center=(32, 32), width=46), (SIDE, SIDE), identity=2, blur=1)

    def swap(crops):
        light = crops.mean(axis=(1, 2, 3), keepdims=True) / 0.5
        faces = np.clip(other[None].astype(np.float32) / 255 * light, 0, 1)
        return faces.astype(np.float32), np.stack([shaking_mask(rng) for _ in crops])

    return Predictor(swap, SIDE, FaceType.FULL, 0, 20)


def convert(frames, landmarks, made=None, first=0, **look):
    chosen = Blender(Look(**look), 0, 20)
    pipeline = Pipeline(made or predictor(), lambda _: chosen, 4)
    jobs = [
        (Frame(image, index, f"{index:06d}.png", None), [make_info(landmarks, frame_index=index)])
        for index, image in enumerate(frames)
        if index >= first
    ]
    return [done.frame.image for done in pipeline.run(iter(jobs))]


def mean_colors(images, landmarks):
    """Mean color of the middle of the face, in Lab: (n, 3)."""
    crop = geometry.crop_matrix(landmarks, SIDE, FaceType.FULL)
    inside = slice(24, 40), slice(22, 42)
    labs = []
    for image in images:
        face = geometry.warp_face(image, crop, SIDE).astype(np.float32) / 255
        labs.append(cv2.cvtColor(face, cv2.COLOR_BGR2Lab)[inside].mean(axis=(0, 1)))
    return np.array(labs)


def flicker(results, frames, landmarks):
    """How much the face's mean color changes between frames beyond what the footage does."""
    changes = [np.diff(mean_colors(images, landmarks), axis=0) for images in (results, frames)]
    return np.linalg.norm(changes[0] - changes[1], axis=1).mean()


@pytest.mark.parametrize(
    "look",
    [{"color_transfer": name} for name in ("rct", "lct", "mkl", "idt", "sot")]
    + [{"mode": mode} for mode in ("hist-match", "seamless", "seamless-hist-match")]
    + [{"mode": "seamless", "color_transfer": "mkl"}],
    ids=lambda look: " ".join(look.values()),
)
def test_averaging_removes_at_least_half_of_the_flicker(look):
    frames, landmarks = footage()
    before = convert(frames, landmarks, color_frames=1, **look)
    after = convert(frames, landmarks, **look)
    assert flicker(before, frames, landmarks) > 0.5
    ratio = flicker(after, frames, landmarks) / flicker(before, frames, landmarks)
    assert ratio < 0.5
    # the colors themselves stay about the same
    means = [mean_colors(images, landmarks)[8:].mean(axis=0) for images in (before, after)]
    np.testing.assert_allclose(*means, atol=1.5)


def test_a_slow_change_of_the_light_is_followed_without_lag():
    frames, landmarks = footage(30, light=lambda index: 1 - 0.015 * index)
    after = mean_colors(convert(frames, landmarks, color_transfer="rct"), landmarks)
    original = mean_colors(frames, landmarks)
    difference = (after - original)[:, 0]
    # a lag of three frames would be 2 to 3 units of lightness
    assert abs(difference[20:].mean() - difference[:5].mean()) < 1.5


def test_a_cut_starts_a_new_average():
    frames, landmarks = footage(20, light=lambda index: 1.0 if index < 10 else 0.45)
    whole = convert(frames, landmarks, color_transfer="mkl")
    rng_free = Predictor(predictor().swap, SIDE, FaceType.FULL, 0, 20)
    second = convert(frames, landmarks, rng_free, color_transfer="mkl", color_frames=1)
    colors = mean_colors([whole[10], second[10]], landmarks)
    np.testing.assert_allclose(*colors, atol=0.01)


def test_the_seamless_identity_keeps_the_footage_while_its_mask_shakes():
    frames, landmarks = footage(10, noise=0)
    frames = [cv2.GaussianBlur(frame, (0, 0), 3) for frame in frames]
    rng = np.random.default_rng(2)

    def swap(crops):
        return crops, np.stack([shaking_mask(rng) for _ in crops])

    same = Predictor(swap, SIDE, FaceType.FULL, 0, 20)
    done = convert(frames, landmarks, same, mode="seamless")
    for before, after in zip(frames, done, strict=True):
        assert np.abs(before.astype(int) - after).max() <= 3


def test_the_footage_shows_at_once_where_the_mask_shrinks():
    frames, landmarks = footage(10, noise=0)
    whole, half = np.zeros((2, SIDE, SIDE, 1), np.float32)
    whole[12:52, 14:50] = half[12:52, 14:32] = 1
    calls = iter([whole] * 6 + [half] * 4)
    tint = np.float32([0.7, 1, 1.2])

    def swap(crops):
        return np.clip(crops * tint, 0, 1), np.stack([next(calls) for _ in crops])

    made = Predictor(swap, SIDE, FaceType.FULL, 0, 20)
    done = convert(frames, landmarks, made, mode="seamless")
    matrix = geometry.crop_matrix(landmarks, SIDE, FaceType.FULL)
    changes = [
        np.abs(geometry.warp_face(cv2.absdiff(image, frame), matrix, SIDE)).max(axis=2)
        for image, frame in zip(done, frames, strict=True)
    ]
    assert changes[5][14:50, 36:48].mean() > 2
    assert not changes[6][14:50, 36:48].any()


def test_the_result_depends_only_on_the_averaged_frames():
    frames, landmarks = footage(16)

    def swap(crops):  # the mask depends on the noise of each frame
        mask = crops[..., :1] > crops[:, 32:33, 32:33, :1]
        return np.clip(crops[:, :, ::-1] * 0.8, 0, 1), mask.astype(np.float32)

    fixed = Predictor(swap, SIDE, FaceType.FULL)
    look = {"color_transfer": "lct", "color_frames": 5}
    whole = convert(frames, landmarks, fixed, **look)
    later = convert(frames, landmarks, fixed, first=6, **look)
    np.testing.assert_array_equal(whole[10], later[4])
    assert np.any(whole[9] != later[3])


def make_swap(landmarks, shade=0.5, index=0):
    crop = np.full((SIDE, SIDE, 3), shade, np.float32)
    return Swap(landmarks, crop, crop, np.ones((SIDE, SIDE, 1), np.float32), FaceType.FULL, index)


def test_faces_are_tracked_by_position_not_by_number():
    left, right = make_landmarks(center=(60, 60), width=60), make_landmarks(center=(300, 60))
    blender, history = Blender(Look(color_transfer="rct")), MaskHistory()
    for index in range(4):
        swaps = [make_swap(left, 0.2), make_swap(right, 0.8, 1)]
        if index % 2:  # the faces swap their numbers
            swaps = [dataclasses.replace(s, index=1 - s.index) for s in swaps[::-1]]
        masks = [blender.face_mask(s) * (0.2 if s.crop[0, 0, 0] < 0.5 else 0.8) for s in swaps]
        done = history.add(index, swaps, masks, 8)
    heights = {swap.index: float(average(swap.masks).max()) for swap in done}
    assert heights == {0: pytest.approx(0.8), 1: pytest.approx(0.2)}


def test_the_newest_mask_weighs_most_and_old_ones_fade_out():
    masks = [np.full((8, 8), level, np.float32) for level in (0.0, 0.1, 0.2, 0.7)]
    np.testing.assert_allclose(average(masks), (0.1 * 2 + 0.2 * 3 + 0.7 * 4) / 10, rtol=1e-6)


def test_a_gap_or_a_jump_starts_a_new_history():
    blender, history = Blender(Look(color_transfer="rct")), MaskHistory()
    here = make_landmarks(center=(100, 100), width=80)
    swap = make_swap(here)
    levels = []
    for index, moved in ((0, 0), (1, 0), (3, 0), (4, 0), (5, 200)):
        there = dataclasses.replace(swap, landmarks=here + np.float32([moved, 0]))
        mask = blender.face_mask(there)
        [done] = history.add(index, [there], [mask * (index + 1)], 8)
        levels.append(float(average(done.masks).max()))
    # alone: its own mask; with a previous one: one third of that and two thirds of its own
    assert levels == pytest.approx([1, (1 + 2 * 2) / 3, 4, (4 + 2 * 5) / 3, 6])


def test_the_motion_of_a_face_is_that_of_its_landmarks():
    start = make_landmarks(center=(100, 100), width=80)
    steps = [(0, 0), (6, 2), (12, 4), (300, 4)]
    infos = [make_info(start + np.float32(step), frame_index=i) for i, step in enumerate(steps)]
    passer = make_info(make_landmarks(center=(190, 100), width=80), frame_index=1, face_index=1)
    motions = find_motions([*infos, passer])
    found = [motions[info] for info in infos]
    np.testing.assert_allclose(found, [(6, 2), (6, 2), (6, 2), (0, 0)], atol=1e-3)
    assert motions[passer] == (0, 0)


@pytest.mark.parametrize("motion", [(12.0, 0.0), (0.0, 9.0), (8.0, 6.0)])
def test_motion_blur_smears_along_the_motion_and_keeps_the_position(motion):
    landmarks = make_landmarks(center=(150, 150), width=130)
    frame = np.full((300, 300, 3), 60, np.uint8)
    crop = np.full((SIDE, SIDE, 3), 60 / 255, np.float32)
    spot = np.exp(-np.square(np.arange(SIDE) - 31.5) / (2 * 2.5**2))
    face = (crop + 0.7 * np.outer(spot, spot)[..., None]).astype(np.float32)
    ones = np.ones((SIDE, SIDE, 1), np.float32)
    swap = Swap(landmarks, crop, face, ones, FaceType.FULL, motion=motion)
    measured = {}
    for strength in (0, 50, 100):
        image = Blender(Look(motion_blur=strength, mask_type="hull"))(frame, [swap]).image
        weight = image[..., 0].astype(float) - 60
        y, x = np.mgrid[:300, :300]
        points, total = np.stack([x, y]), weight.sum()
        middle = (points * weight).sum(axis=(1, 2)) / total
        apart = points - middle[:, None, None]
        along = np.tensordot(np.array(motion) / np.hypot(*motion), apart, axes=1)
        along_variance = (along**2 * weight).sum() / total
        total_variance = ((apart**2).sum(axis=0) * weight).sum() / total
        measured[strength] = middle, along_variance, total_variance
    side = Crop.of(landmarks, SIDE, FaceType.FULL).side
    assert side > 100
    for strength in (50, 100):
        np.testing.assert_allclose(measured[strength][0], measured[0][0], atol=0.3)
        # a uniform blur of length l has the variance l^2 / 12, along the motion only
        more = measured[strength][1] - measured[0][1]
        assert more == pytest.approx(
            (np.hypot(*motion) * strength / 100) ** 2 / 12, rel=0.25, abs=0.3
        )
        assert measured[strength][2] - measured[0][2] == pytest.approx(more, rel=0.15, abs=0.3)


def history_of(*frames):
    """The masks of the last frame's faces: each frame a list of (x of its center, mask level)."""
    history = MaskHistory()
    for index, faces in enumerate(frames):
        swaps = [make_swap(make_landmarks(center=(x, 100), width=80)) for x, _ in faces]
        masks = [np.full((8, 8), level, np.float32) for _, level in faces]
        done = history.add(index, swaps, masks, 8)
    return [[round(float(mask[0, 0]), 3) for mask in swap.masks] for swap in done]


def test_overlapping_faces_have_tracks_of_their_own():
    # both are nearest to the one at 140
    assert history_of([(100, 0.1), (140, 0.2)], [(122, 0.3), (135, 0.4)]) == [
        [0.1, 0.3],
        [0.2, 0.4],
    ]
    # one is new: the nearer face continues
    assert history_of([(100, 0.1)], [(110, 0.3), (97, 0.4)]) == [[0.3], [0.1, 0.4]]
    assert history_of([(100, 0.1), (120, 0.2)], [(112, 0.3)]) == [[0.2, 0.3]]


def test_a_face_half_its_size_away_is_another_one():
    size = float(np.ptp(make_landmarks(center=(100, 100), width=80), axis=0).max())
    near, far = 100 + 0.45 * size, 100 + 0.55 * size
    assert history_of([(100, 0.1)], [(near, 0.3)]) == [[0.1, 0.3]]
    assert history_of([(100, 0.1)], [(far, 0.3)]) == [[0.3]]


def test_a_face_that_appears_does_not_take_the_motion_of_the_one_beside_it():
    def face(x, frame, number=0):
        return make_info(
            make_landmarks(center=(x, 100), width=80), frame_index=frame, face_index=number
        )

    here, new, moved = face(100, 0), face(120, 0, 1), face(98, 1)
    motions = find_motions([here, new, moved])
    assert motions[here] == pytest.approx((-2, 0), abs=1e-3)
    assert motions[new] == (0, 0)

"""Blending: all modes, the identity, shifts, several faces, frame borders, raw output."""

import dataclasses
import itertools

import cv2
import numpy as np
import pytest
from support.blending import TINT, difference, make_swap, scene, smooth_scene
from support.synthetic import make_landmarks

from converters import BLENDS, MASKS
from converters.blending.blender import Blender
from converters.blending.crop import Box, Crop
from converters.blending.mask import MASK_SIDE
from converters.look import RAW_MODES, SHOWN_MODES, Look
from facelib.types import FaceType

LARGE, HUGE = "700 px", "1400 px"  # half a second and two seconds each time
OFTEN = [(FaceType.FULL, mode) for mode in ("overlay", "seamless-hist-match")]
POSES = {
    "40 px": (0.38, 0, (0, 0)),
    "40 px rotated": (0.38, 30, (0.4, 0.7)),
    "rotated": (3, -25, (0, 0)),
    "cut off at the left": (3, 0, (-330, 40)),
    "in the corner": (3, 70, (250, 260)),
    LARGE: (6.7, 12, (0, 0)),
    HUGE: (13.4, 12, (0, 0)),
}
"""Zoom, roll and shift of the scene."""


def case(pose, face_type, mode):
    seldom = pose == HUGE or (pose == LARGE and (face_type, mode) not in OFTEN)
    name, marks = f"{pose}-{face_type.name}-{mode}", pytest.mark.slow if seldom else ()
    return pytest.param(*POSES[pose], face_type, mode, id=name, marks=marks)


CASES = itertools.product(POSES, (FaceType.HALF, FaceType.FULL), SHOWN_MODES)


@pytest.mark.parametrize(
    ("zoom", "roll", "shift", "face_type", "mode"), list(itertools.starmap(case, CASES))
)
def test_the_identity_keeps_the_frame(
    zoom, roll, shift, face_type, mode, astronaut, face_landmarks
):
    frame, landmarks = smooth_scene(astronaut, face_landmarks, zoom, 128, roll=roll, shift=shift)
    if mode == "hist-match-bw":  # a gray face has no colors to match, so the footage is gray
        frame = cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY), cv2.COLOR_GRAY2BGR)
    swap = make_swap(frame, landmarks, 128, face_type)
    blended = Blender(Look(mode=mode), 30, 20)(frame, [swap])
    assert (blended.faces, blended.failures) == (1, [])
    assert difference(blended.image, frame).max() <= (2 if mode == "overlay" else 3)


def test_the_identity_keeps_a_sharp_photograph_about_as_sharp(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 1, roll=10)
    changes = []
    for size in (64, 256):
        swap = make_swap(frame, landmarks, size, FaceType.HALF)
        changes.append(difference(Blender(Look(), 30, 20)(frame, [swap]).image, frame))
    mask = changes[0].any(axis=2)
    assert changes[0][mask].mean() < 4
    assert changes[1][mask].mean() < 0.5


@pytest.mark.parametrize("mode", ["overlay", "seamless"])
def test_outside_the_mask_the_frame_is_unchanged(mode, astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2, roll=15)
    swap = make_swap(frame, landmarks, tint=TINT)
    blended = Blender(Look(mode=mode), 0, 0)(frame, [swap]).image
    hull = cv2.convexHull(landmarks)
    away = np.array([
        [cv2.pointPolygonTest(hull, (x, y), True) < -25 for x in range(0, 400, 5)]
        for y in range(0, 400, 5)
    ])
    assert away.any()
    assert not difference(blended, frame)[::5, ::5][away].any()
    assert difference(blended, frame).max() > 20


@pytest.mark.parametrize("mode", BLENDS)
@pytest.mark.parametrize("mask_type", MASKS)
def test_every_mode_returns_a_new_image_and_keeps_its_input(
    mode, mask_type, astronaut, face_landmarks
):
    frame, landmarks = scene(astronaut, face_landmarks, 1)
    frame.setflags(write=False)
    trained = np.ones((MASK_SIDE, MASK_SIDE), np.float32)
    swap = dataclasses.replace(make_swap(frame, landmarks, tint=TINT), trained=trained)
    before = {
        name: value.copy() for name, value in vars(swap).items() if isinstance(value, np.ndarray)
    }
    for value in (swap.crop, swap.face, swap.mask, swap.trained):
        value.setflags(write=False)
    blend = Blender(Look(mode=mode, mask_type=mask_type, raw_mode="rgb"), 10, 10)
    one, again = blend(frame, [swap]), blend(frame, [swap])
    assert one.image.dtype == np.uint8
    assert one.image.shape == frame.shape
    assert not np.shares_memory(one.image, frame)
    np.testing.assert_array_equal(one.image, again.image)
    for name, value in before.items():
        np.testing.assert_array_equal(getattr(swap, name), value)
    assert difference(one.image, frame).any()


@pytest.mark.parametrize("mode", BLENDS)
def test_every_mode_takes_frames_without_faces(mode, astronaut):
    blended = Blender(Look(mode=mode, raw_mode="rgb"))(astronaut, [])
    np.testing.assert_array_equal(blended.image, astronaut)
    assert blended == (blended.image, 0, [])


@pytest.mark.parametrize("mode", ["overlay", "seamless", "hist-match"])
def test_an_empty_mask_skips_the_face_not_the_frame(mode, astronaut, face_landmarks):
    swap = make_swap(astronaut, face_landmarks)
    swap = dataclasses.replace(swap, mask=np.zeros_like(swap.mask), index=3)
    blended = Blender(Look(mode=mode))(astronaut, [swap])
    assert blended.faces == 0
    assert blended.failures[0].startswith("face 3: its mask is empty")
    np.testing.assert_array_equal(blended.image, astronaut)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"landmarks": np.full((68, 2), 50, np.float32)}, "one point"),
        ({"landmarks": make_landmarks(center=(5000, 100))}, "frames of another size"),
        ({"landmarks": make_landmarks(width=60_000)}, "frames of another size"),
        ({"face": np.full((64, 64, 3), np.nan, np.float32)}, "diverged"),
    ],
    ids=["no face", "elsewhere", "gigantic", "NaN"],
)
def test_a_face_that_fails_skips_only_that_face(change, words, astronaut, face_landmarks):
    good = make_swap(astronaut, face_landmarks, tint=TINT, index=1)
    bad = dataclasses.replace(good, **change, index=0)
    blended = Blender(Look())(astronaut, [bad, good])
    assert blended.faces == 1
    assert words in blended.failures[0]
    np.testing.assert_array_equal(blended.image, Blender(Look())(astronaut, [good]).image)


def test_blending_in_a_box_equals_blending_the_whole_frame(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2, roll=-20, shift=(-120, 0))
    swap = make_swap(frame, landmarks, tint=TINT)
    blended = Blender(Look(mask_type="hull"), 30, 40)(frame, [swap]).image
    height, width = frame.shape[:2]
    everything = Box(0, 0, width, height)
    traced = {}
    Blender(Look(mask_type="hull"), 30, 40)(
        frame, [swap], lambda _, name, image: traced.update({name.split("_", 1)[1]: image})
    )
    crop = Crop.of(landmarks, 64, FaceType.FULL)
    mask = crop.place_mask(traced["blend_mask"], everything)[..., None]
    foreground = crop.place(traced["recolored"], everything) * 255
    whole = frame * (1 - mask) + foreground * mask
    assert np.abs(blended - whole).max() <= 0.51


def test_the_border_of_the_crop_never_shows(astronaut, face_landmarks):
    # The worst case: a black face whose mask is 1 in the whole crop, dilated and unblurred.
    frame, landmarks = scene(astronaut, face_landmarks, 2, roll=10)
    swap = make_swap(frame, landmarks, face_type=FaceType.HALF)
    swap = dataclasses.replace(swap, face=swap.face * 0, mask=np.ones_like(swap.mask))
    gray = np.full_like(frame, 200)
    blended = Blender(Look(erode_modifier=-200, blur_modifier=-200), 0, 0)(gray, [swap]).image
    steps = np.abs(np.diff(blended[..., 0].astype(int), axis=1)).max()
    side = Crop.of(landmarks, 64, FaceType.HALF).side
    assert blended.min() == 0
    # the fade takes 1/32 of the side; a hard border would be one step of 200
    assert steps < 1.6 * 200 / (side / 32)


@pytest.mark.parametrize("zoom", [1.0, 1.01, 1.02, 1.03, 1.04, 1.05])
@pytest.mark.parametrize("mode", ["overlay", "seamless", "seamless-hist-match"])
def test_a_marker_is_not_shifted(zoom, mode, face_landmarks):
    # The region gets odd and even sizes.
    landmarks = (face_landmarks - (222, 125)) * 2 * zoom + (150, 150)
    frame = np.full((300, 300, 3), 120, np.uint8)
    y, x = np.mgrid[:300, :300]
    spot = 90 * np.exp(-((x - 161) ** 2 + (y - 143) ** 2) / (2 * 5.0**2))
    frame = (frame + spot[..., None]).astype(np.uint8)
    blended = Blender(Look(mode=mode), 30, 30)(frame, [make_swap(frame, landmarks, 128)]).image

    def position(image):
        weight = np.clip(image[..., 1].astype(float) - 140, 0, None)
        return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()

    np.testing.assert_allclose(position(blended), position(frame), atol=0.05)


@pytest.mark.parametrize("look", [{"mode": mode} for mode in SHOWN_MODES] + [{"alpha": True}])
def test_overlapping_faces_are_each_made_from_the_original_frame(look, astronaut, face_landmarks):
    near = make_swap(astronaut, face_landmarks, tint=np.float32([0.5, 1, 1]), index=0)
    behind = (face_landmarks - (222, 125)) * 0.8 + (262, 135)
    far = make_swap(astronaut, behind.astype(np.float32), tint=np.float32([1, 0.5, 1]), index=1)
    blend = Blender(Look(**look), 0, 20)
    both = blend(astronaut, [near, far])
    assert both.faces == 2
    np.testing.assert_array_equal(both.image, blend(astronaut, [far, near]).image)
    # inside the near face nothing of the far one shows
    alone = blend(astronaut, [near]).image
    x, y = face_landmarks[54].astype(int)
    assert difference(blend(astronaut, [far]).image[..., :3], astronaut)[y, x].max() > 1
    np.testing.assert_array_equal(both.image[y, x], alone[y, x])
    # where the near face does not reach, the far one is as if it were alone
    x, y = behind[[13, 14, 54]].mean(axis=0).astype(int)
    np.testing.assert_array_equal(both.image[y, x], blend(astronaut, [far]).image[y, x])


@pytest.mark.parametrize("mode", BLENDS)
@pytest.mark.parametrize("shift", [(-430, 0), (430, 0), (0, -430), (0, 430), (390, 390)])
def test_faces_cut_off_by_the_frame_are_blended_up_to_its_border(
    mode, shift, astronaut, face_landmarks
):
    frame, landmarks = scene(astronaut, face_landmarks, 4, shift=shift)
    swap = make_swap(frame, landmarks, tint=np.float32([0.6, 0.8, 1.0]))
    blended = Blender(Look(mode=mode, raw_mode="rgb"), 0, 0)(frame, [swap])
    assert blended.failures == []
    assert difference(blended.image, frame).any()


def test_face_scale_enlarges_about_the_middle(astronaut, face_landmarks):
    frame = np.full((400, 400, 3), 255, np.uint8)
    landmarks = (face_landmarks - (222, 125)) * 1.5 + (200, 200)
    swap = make_swap(frame, landmarks)
    swap = dataclasses.replace(swap, face=swap.face * 0)
    boxes = []
    for scale in (-20, 0, 30):
        look = Look(mode="raw", raw_mode="rgb", face_scale=scale)
        dark = (Blender(look)(frame, [swap]).image[..., 0] < 128).astype(np.uint8)
        x, y, width, height = cv2.boundingRect(dark)
        boxes.append((x + width / 2, y + height / 2, width, height))
    boxes = np.array(boxes)
    np.testing.assert_allclose(boxes[:, :2], boxes[1, :2].repeat(3).reshape(2, 3).T, atol=0.6)
    np.testing.assert_allclose(boxes[:, 2] / boxes[1, 2], [0.8, 1, 1.3], rtol=0.02)


@pytest.mark.parametrize("raw_mode", RAW_MODES)
def test_raw_modes(raw_mode, astronaut, face_landmarks):
    swap = make_swap(astronaut, face_landmarks, tint=TINT)
    image = Blender(Look(mode="raw", raw_mode=raw_mode), 100, 100)(astronaut, [swap]).image
    side = Crop.of(face_landmarks, 64, FaceType.FULL).side
    nose = tuple(face_landmarks[30].astype(int)[::-1])
    corner = (int(125 - side * 0.48), int(222 - side * 0.48))  # in the square, outside the hull
    far = (400, 450)
    black, white = [0, 0, 0], [255, 255, 255]
    assert image.shape == (512, 512, 4 if raw_mode == "rgb+mask" else 3)
    if raw_mode == "mask":
        assert image[nose].tolist() == white
        assert image[far].tolist() == image[corner].tolist() == black
        return
    tinted = np.clip(astronaut[nose] * TINT, 0, 255)
    assert np.abs(image[nose][:3] - tinted).max() < 12
    assert image[far][:3].tolist() == (
        black if raw_mode == "predicted" else astronaut[far].tolist()
    )
    assert difference(image[..., :3], astronaut)[corner].any()
    if raw_mode == "rgb+mask":
        assert (image[nose][3], image[corner][3], image[far][3]) == (255, 0, 0)


def test_raw_rgb_and_mask_composite_to_the_overlay(astronaut, face_landmarks):
    # Another program can composite raw output and get our result.
    swap = make_swap(astronaut, face_landmarks, 128, tint=TINT)
    raw = Blender(Look(mode="raw", raw_mode="rgb+mask"))(astronaut, [swap]).image.astype(float)
    alpha = raw[..., 3:] / 255
    composed = raw[..., :3] * alpha + astronaut * (1 - alpha)
    assert np.abs(composed - Blender(Look())(astronaut, [swap]).image).max() <= 2


def test_two_raw_faces_keep_both_masks(astronaut, face_landmarks):
    other = face_landmarks + np.float32([150, 60])
    swaps = [make_swap(astronaut, points) for points in (face_landmarks, other)]
    for raw_mode, channel in (("mask", 0), ("rgb+mask", 3)):
        image = Blender(Look(mode="raw", raw_mode=raw_mode))(astronaut, swaps).image
        for points in (face_landmarks, other):
            x, y = points[30].astype(int)
            assert image[y, x, channel] == 255


@pytest.mark.parametrize("mode", BLENDS)
@pytest.mark.parametrize("prediction", ["another face", "the frame", "occluded", "outside"])
def test_a_face_counts_if_and_only_if_a_pixel_has_changed(
    mode, prediction, astronaut, face_landmarks
):
    """NumPy compares the canvas before and after."""
    frame, landmarks, visibility = astronaut, face_landmarks, None
    if prediction == "the frame":
        frame = np.full_like(astronaut, 90)
    if prediction == "outside":  # only the empty rim of its crop lies in the frame
        right = Crop.of(face_landmarks, 64, FaceType.FULL).box().right
        landmarks = face_landmarks - np.float32([right - 3, 0])
    if prediction == "occluded":
        visibility = np.zeros(frame.shape[:2], np.uint8)
    swap = make_swap(frame, landmarks, tint=None if prediction == "the frame" else TINT)
    blender = Blender(Look(mode=mode, raw_mode="rgb"))
    before = blender.mode.canvas(frame, blender.look)
    blended = blender(frame, [swap], visibility=visibility)
    assert blended.faces == np.any(blended.image != before)
    assert len(blended.failures) == (prediction == "the frame")
    if blended.failures:
        assert "changes no pixel" in blended.failures[0]
    if mode != "raw" or prediction != "outside":  # which writes the rim too
        assert blended.faces == (prediction == "another face")


@pytest.mark.parametrize("mode", ["seamless", "seamless-hist-match"])
@pytest.mark.parametrize("level", [0.2, 0.5, 0.8])
def test_seamless_says_when_the_mask_is_sure_nowhere(level, mode, astronaut, face_landmarks):
    swap = make_swap(astronaut, face_landmarks, tint=TINT)
    unsure = dataclasses.replace(swap, mask=np.full_like(swap.mask, level))
    blended = Blender(Look(mode=mode, mask_type="predicted"))(astronaut, [unsure])
    assert blended.faces == 0
    np.testing.assert_array_equal(blended.image, astronaut)
    assert "nowhere above 0.9" in blended.failures[0]
    for way_out in ({"mask_type": "hull"}, {"mode": "overlay"}):
        look = Look(**({"mode": mode, "mask_type": "predicted"} | way_out))
        blended = Blender(look)(astronaut, [unsure])
        assert (blended.faces, blended.failures) == (1, [])
        assert difference(blended.image, astronaut).max() > 10


def test_a_core_that_erosion_removes_is_said_and_one_that_is_occluded_is_not(
    astronaut, face_landmarks
):
    swap = make_swap(astronaut, face_landmarks, tint=TINT)
    eroded = Look(mode="seamless", mask_type="hull", seamless_erode_modifier=100)
    thin = dataclasses.replace(swap, mask=np.zeros_like(swap.mask))
    thin.mask[30:32, 20:44] = 1
    blended = Blender(dataclasses.replace(eroded, mask_type="predicted"))(astronaut, [thin])
    assert "--seamless-erode-modifier" in blended.failures[0]
    visibility = np.zeros(astronaut.shape[:2], np.uint8)
    blended = Blender(Look(mode="seamless"))(astronaut, [swap], visibility=visibility)
    assert (blended.faces, blended.failures) == (0, [])

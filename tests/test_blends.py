"""Blending: every registered mode, the identity, shifts, oracles, several faces, frame borders."""

import dataclasses

import cv2
import numpy as np
import pytest
from skimage.exposure import match_histograms as skimage_match
from support.synthetic import make_landmarks

from converters import BLENDS, MASKS
from converters.blending.blender import Blender
from converters.blending.crop import Box, Crop, enlarge
from converters.blending.hist_match import match_histograms as match_by_statistics
from converters.blending.mask import MASK_SIDE, Swap, hull_mask
from converters.blending.seamless import poisson_clone
from converters.color_transfer.statistics import Colors, Match
from converters.look import RAW_MODES, SHOWN_MODES, Look
from facelib import geometry
from facelib.types import FaceType

TINT = np.float32([0.75, 1.0, 1.1])


def make_swap(frame, landmarks, size=64, face_type=FaceType.FULL, tint=None, index=0):
    """What the identity makes of a face: its crop times a tint, and the mask of its hull."""
    crop = Crop.of(landmarks, size, face_type).cut(frame, size).astype(np.float32) / 255
    face = crop if tint is None else np.clip(crop * tint, 0, 1)
    swap = Swap(landmarks, crop, face, np.ones((size, size, 1), np.float32), face_type, index)
    mask = cv2.resize(hull_mask(swap), (size, size), interpolation=cv2.INTER_AREA)
    return dataclasses.replace(swap, mask=mask[..., None])


def match_histograms(source, target, counted, threshold=255):
    ones = np.ones(np.count_nonzero(counted), np.float32)
    match = Match(Colors(source[counted], ones), Colors(target[counted], ones))
    return match_by_statistics(source, match, threshold)


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int))


@pytest.fixture(scope="module")
def face_landmarks():
    """Landmarks that lie on the face of the astronaut."""
    return make_landmarks(center=(222, 125), width=105)


def scene(astronaut, landmarks, zoom, roll=0.0, shift=(0, 0), shape=None):
    """The astronaut enlarged and turned about her face, and the landmarks there."""
    side = int(max(160, 200 * zoom))
    height, width = shape or (side, side)
    matrix = cv2.getRotationMatrix2D((222, 125), roll, zoom)
    matrix[:, 2] += np.array([width / 2 - 222, height / 2 - 125]) + shift
    method = cv2.INTER_CUBIC if zoom >= 1 else cv2.INTER_AREA
    frame = cv2.warpAffine(
        astronaut, matrix, (width, height), flags=method, borderMode=cv2.BORDER_REFLECT
    )
    return frame, geometry.apply(matrix, landmarks)


def smooth_scene(astronaut, landmarks, zoom, size, **kwargs):
    """A scene without detail finer than a model of `size` can give back."""
    frame, points = scene(astronaut, landmarks, zoom, **kwargs)
    pixel = Crop.of(points, size, FaceType.FULL).side / size
    return cv2.GaussianBlur(frame, (0, 0), 2 * max(pixel, 1.0)), points


@pytest.mark.parametrize("mode", SHOWN_MODES)
@pytest.mark.parametrize("face_type", [FaceType.HALF, FaceType.FULL])
@pytest.mark.parametrize(
    ("zoom", "roll", "shift"),
    [(0.38, 0, (0, 0)), (0.38, 30, (0.4, 0.7)), (3, -25, (0, 0)), (3, 0, (-330, 40)),
     (3, 70, (250, 260)), (13.4, 12, (0, 0))],
    ids=["40 px", "40 px turned", "turned", "cut at the left", "in the corner", "1400 px"],
)  # fmt: skip
def test_the_identity_leaves_the_frame(
    mode, face_type, zoom, roll, shift, astronaut, face_landmarks
):
    frame, landmarks = smooth_scene(astronaut, face_landmarks, zoom, 128, roll=roll, shift=shift)
    if mode == "hist-match-bw":  # colors cannot be told from a gray face, so the footage is gray
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
def test_outside_the_mask_the_frame_keeps_every_bit(mode, astronaut, face_landmarks):
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
def test_every_mode_gives_a_new_picture_and_leaves_its_input(
    mode, mask_type, astronaut, face_landmarks
):
    frame, landmarks = scene(astronaut, face_landmarks, 1)
    frame.setflags(write=False)
    swap = make_swap(frame, landmarks, tint=TINT)
    before = {
        name: value.copy() for name, value in vars(swap).items() if isinstance(value, np.ndarray)
    }
    for value in (swap.crop, swap.face, swap.mask):
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
def test_an_empty_mask_costs_the_face_and_not_the_frame(mode, astronaut, face_landmarks):
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
def test_a_face_that_fails_costs_that_face(change, words, astronaut, face_landmarks):
    good = make_swap(astronaut, face_landmarks, tint=TINT, index=1)
    bad = dataclasses.replace(good, **change, index=0)
    blended = Blender(Look())(astronaut, [bad, good])
    assert blended.faces == 1
    assert words in blended.failures[0]
    np.testing.assert_array_equal(blended.image, Blender(Look())(astronaut, [good]).image)


def test_work_in_a_box_is_the_work_on_the_whole_frame(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2, roll=-20, shift=(-120, 0))
    swap = make_swap(frame, landmarks, tint=TINT)
    blended = Blender(Look(mask_type="hull"), 30, 40)(frame, [swap]).image
    height, width = frame.shape[:2]
    everything = Box(0, 0, width, height)
    seen = {}
    Blender(Look(mask_type="hull"), 30, 40)(
        frame, [swap], lambda _, what, picture: seen.update({what.split("_", 1)[1]: picture})
    )
    crop = Crop.of(landmarks, 64, FaceType.FULL)
    mask = crop.place_mask(seen["blend_mask"], everything)[..., None]
    picture = crop.place(seen["recolored"], everything) * 255
    whole = frame * (1 - mask) + picture * mask
    assert np.abs(blended - whole).max() <= 0.51


@pytest.mark.parametrize("mode", ["seamless", "seamless-hist-match"])
def test_the_steps_of_seamless_add_up_to_its_picture(mode, astronaut, face_landmarks):
    swap = make_swap(astronaut, face_landmarks, tint=TINT)
    seen = {}
    Blender(Look(mode=mode))(
        astronaut, [swap], lambda _, what, picture: seen.update({what: picture})
    )
    assert sorted(seen, key=lambda what: int(what.split("_")[0])) == list(seen)
    steps = {what.split("_", 1)[1]: picture for what, picture in seen.items()}
    picture = np.clip(steps["composed"] + 2 * steps["change"] - 1, 0, 1)
    if mode == "seamless-hist-match":
        np.testing.assert_allclose(picture, steps["seamless"], atol=1e-6)
        return
    crop = Crop.of(swap.landmarks, swap.face.shape[0], swap.face_type)
    box = crop.support(steps["blend_mask"]).within(astronaut)
    mask = crop.place_mask(steps["blend_mask"], box)[..., None]
    blended = astronaut[box.area] * (1 - mask) + picture * 255 * mask
    assert np.abs(steps["blended"] - blended).max() <= 0.51


def test_the_border_of_the_crop_never_shows(astronaut, face_landmarks):
    # The worst case: a black face whose mask is 1 in the whole crop, grown and unblurred.
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
    # The sizes of the region go through odd and even ones.
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


@pytest.mark.parametrize("size", [(60, 60), (61, 61), (61, 60), (60, 61)])
def test_poisson_cloning_agrees_with_opencv(size, astronaut):
    # OpenCV's own, given the exact center: the box's corner plus half its size, rounded down.
    target = cv2.GaussianBlur(astronaut[60:190, 150:290], (0, 0), 2)
    source = np.clip(target * 0.9 + 25, 0, 255).astype(np.uint8)
    width, height = size
    mask = np.zeros(target.shape[:2], np.uint8)
    mask[30 : 30 + height, 40 : 40 + width] = 255
    center = (40 + width // 2, 30 + height // 2)
    theirs = cv2.seamlessClone(source, target, mask, center, cv2.NORMAL_CLONE).astype(np.float32)
    ours = poisson_clone(source.astype(np.float32), target.astype(np.float32), mask > 0)
    inside = (slice(36, 24 + height), slice(46, 34 + width))
    error = np.abs(np.clip(ours, 0, 255) - theirs)[inside]
    assert np.median(error) < 2.5
    assert np.abs(ours - source)[inside].mean() > 5  # it did change the colors


def test_poisson_cloning_solves_its_equation(astronaut):
    rng = np.random.default_rng(0)
    source, target = rng.uniform(0, 1, (2, 33, 40, 3)).astype(np.float32)
    whole = poisson_clone(source, target, np.ones((33, 40), bool))
    np.testing.assert_array_equal(whole[0], target[0])
    np.testing.assert_array_equal(whole[:, -1], target[:, -1])

    def laplacian(image):
        return np.diff(image, 2, axis=0)[:, 1:-1] + np.diff(image, 2, axis=1)[1:-1]

    np.testing.assert_allclose(laplacian(whole), laplacian(source), atol=1e-4)
    none = poisson_clone(source, target, np.zeros((33, 40), bool))
    np.testing.assert_allclose(none, target, atol=1e-5)


def test_seamless_takes_the_colors_at_the_edge_from_the_frame(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2)
    swap = make_swap(frame, landmarks, 128, tint=np.float32([1.0, 0.8, 0.6]))
    seen = make_swap(frame, landmarks, 128).mask[..., 0]
    rim = (seen > 0.5) & (cv2.erode(seen, np.ones((9, 9))) < 0.5)

    def error(mode):
        blended = Blender(Look(mode=mode), 10, 10)(frame, [swap]).image
        crop = geometry.warp_face(blended, geometry.crop_matrix(landmarks, 128, FaceType.FULL), 128)
        return np.abs(crop / 255 - swap.crop)[rim].mean()

    assert error("seamless") < 0.45 * error("overlay")


def test_histogram_matching_is_that_of_skimage():
    rng = np.random.default_rng(5)
    source = rng.beta(2, 5, (64, 64, 3)).astype(np.float32)
    target = rng.normal(0.6, 0.1, (64, 64, 3)).clip(0, 1).astype(np.float32)
    everything = np.ones((64, 64), bool)
    ours = match_histograms(source, target, everything)
    np.testing.assert_allclose(ours, skimage_match(source, target, channel_axis=2), atol=1e-6)


def test_histogram_matching_of_levels_is_that_of_skimage(astronaut):
    source, target = astronaut[60:188, 160:288], astronaut[300:428, 160:288]
    everything = np.ones((128, 128), bool)
    ours = match_histograms(source.astype(np.float32), target.astype(np.float32), everything)
    assert np.abs(ours - skimage_match(source, target, channel_axis=2)).max() <= 1


def test_masked_matching_counts_only_the_mask():
    rng = np.random.default_rng(6)
    source, target = rng.uniform(0, 0.5, (2, 64, 64, 3)).astype(np.float32)
    target += 0.4
    counted = np.zeros((64, 64), bool)
    counted[16:48, 10:50] = True
    ours = match_histograms(source, target, counted)
    theirs = skimage_match(source[counted], target[counted], channel_axis=1)
    np.testing.assert_allclose(ours[counted], theirs, atol=1e-6)
    # what is not counted may be anything, white for example
    target[~counted] = 1
    np.testing.assert_array_equal(match_histograms(source, target, counted), ours)


def test_the_threshold_holds_back_the_bright_end():
    rng = np.random.default_rng(7)
    source, target = rng.uniform(0, 1, (2, 64, 64, 1)).astype(np.float32)
    everything = np.ones((64, 64), bool)
    brightest = [
        match_histograms(source, target, everything, level).max() for level in (51, 128, 255)
    ]
    expected = np.quantile(target, [51 / 255, 128 / 255, 1])
    np.testing.assert_allclose(brightest, expected, atol=1e-3)


def test_hist_match_gives_the_frame_its_colors_back(astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 2)
    swap = make_swap(frame, landmarks, 128, tint=np.float32([0.8, 0.9, 0.7]))
    plain = Blender(Look())(frame, [swap]).image
    for masked in (True, False):
        look = Look(mode="hist-match", masked_hist_match=masked)
        matched = Blender(look)(frame, [swap]).image
        assert difference(matched, frame).mean() < 0.35 * difference(plain, frame).mean()


@pytest.mark.parametrize("look", [{"mode": mode} for mode in SHOWN_MODES] + [{"alpha": True}])
def test_overlapping_faces_are_each_made_from_the_untouched_frame(look, astronaut, face_landmarks):
    near = make_swap(astronaut, face_landmarks, tint=np.float32([0.5, 1, 1]), index=0)
    behind = (face_landmarks - (222, 125)) * 0.8 + (262, 135)
    far = make_swap(astronaut, behind.astype(np.float32), tint=np.float32([1, 0.5, 1]), index=1)
    blend = Blender(Look(**look), 0, 20)
    both = blend(astronaut, [near, far])
    assert both.faces == 2
    np.testing.assert_array_equal(both.image, blend(astronaut, [far, near]).image)
    # inside the near face nothing of the far one is seen
    alone = blend(astronaut, [near]).image
    x, y = face_landmarks[54].astype(int)
    assert difference(blend(astronaut, [far]).image[..., :3], astronaut)[y, x].max() > 1
    np.testing.assert_array_equal(both.image[y, x], alone[y, x])
    # and the far one, where the near one does not reach, is as if it were alone
    x, y = behind[[13, 14, 54]].mean(axis=0).astype(int)
    np.testing.assert_array_equal(both.image[y, x], blend(astronaut, [far]).image[y, x])


@pytest.mark.parametrize("mode", BLENDS)
@pytest.mark.parametrize("shift", [(-430, 0), (430, 0), (0, -430), (0, 430), (390, 390)])
def test_faces_cut_by_the_frame_are_blended_up_to_it(mode, shift, astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 4, shift=shift)
    swap = make_swap(frame, landmarks, tint=np.float32([0.6, 0.8, 1.0]))
    blended = Blender(Look(mode=mode, raw_mode="rgb"), 0, 0)(frame, [swap])
    assert blended.failures == []
    assert difference(blended.image, frame).any()


def test_seamless_is_the_same_near_the_border_as_far_from_it():
    # The mirrored frame goes on beyond the border: a plain background does not tell where it is.
    landmarks = make_landmarks(center=(150, 150), width=150)
    wide = np.full((300, 300, 3), (120, 140, 160), np.uint8)
    swap = make_swap(wide, landmarks, tint=TINT)
    inner = Blender(Look(mode="seamless"), 10, 10)(wide, [swap]).image
    cut = wide[:, 120:].copy()
    moved = dataclasses.replace(swap, landmarks=landmarks - np.float32([120, 0]))
    outer = Blender(Look(mode="seamless"), 10, 10)(cut, [moved]).image
    assert difference(outer, inner[:, 120:]).max() <= 1


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


def test_raw_rgb_and_mask_make_the_overlay(astronaut, face_landmarks):
    # The promise of raw: another program can do with it what we do.
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


@pytest.mark.parametrize(("size", "side"), [(64, 300), (64, 130.5), (128, 1400), (100, 333)])
def test_an_enlarged_face_shrinks_to_what_the_model_predicted(size, side, astronaut):
    face = cv2.resize(astronaut[50:200, 150:300], (size, size), interpolation=cv2.INTER_AREA)
    face = face.astype(np.float32) / 255
    large = enlarge(face, side)
    assert large.shape[0] % size == 0
    assert large.shape[0] >= min(side, 8 * size)
    again = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(face, large.shape[:2], interpolation=cv2.INTER_CUBIC)
    plain = cv2.resize(plain, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(again - face).mean() < 0.5 * np.abs(plain - face).mean()


def test_enlarging_gives_back_more_of_the_photograph_than_interpolation(astronaut):
    photo = astronaut[30:286, 100:356].astype(np.float32) / 255
    small = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA)

    def error(image):
        return np.square(image - photo).mean()

    ours = error(enlarge(small, 256.0))
    for method in (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        assert ours < error(cv2.resize(small, (256, 256), interpolation=method))


def test_small_faces_are_not_enlarged_and_not_aliased():
    # A fine checkerboard shown at an eighth of its size is gray.
    face = np.indices((256, 256)).sum(axis=0).astype(np.float32)[..., None] % 2
    face = np.repeat(face, 3, axis=2)
    assert enlarge(face, 32) is face
    crop = Crop(np.array([[1 / 32, 0, 0], [0, 1 / 32, 0]]), 32.0)
    placed = crop.place(face, Box(2, 2, 30, 30))
    assert np.abs(placed - 0.5).max() < 0.01
    assert crop.place_mask(face[..., 0], Box(2, 2, 30, 30)).std() < 0.01
    assert MASK_SIDE == 256

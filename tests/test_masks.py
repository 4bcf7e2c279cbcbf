"""Masks: DeepFaceLab's sizes without their collapse, shapes against plain definitions, fading."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from support.synthetic import make_landmarks

from converters import MASKS
from converters.blending.crop import Crop
from converters.blending.mask import (
    MASK_SIDE,
    Swap,
    blur,
    blur_size,
    erode,
    erode_size,
    face_length,
    fade,
    hull_mask,
    predicted_mask,
)
from facelib import geometry
from facelib.landmarks import hull_mask as draw_hull
from facelib.types import FaceType

# erode 30, 40, 100, 200, -100 and blur 10, 100, 200 percent
DEEPFACELAB = {
    50: (1, 2, 6, 12, -6, 0, 5, 10),
    100: (3, 4, 12, 24, -12, 1, 10, 20),
    200: (7, 9, 23, 46, -23, 2, 20, 40),
    400: (12, 17, 43, 86, -43, 4, 40, 80),
    800: (21, 28, 71, 143, -71, 8, 80, 160),
}


def make_swap(mask=None, face_type=FaceType.FULL, size=64, **pose):
    landmarks = make_landmarks(**pose)
    blank = np.zeros((size, size, 3), np.float32)
    mask = np.ones((size, size, 1), np.float32) if mask is None else mask
    return Swap(landmarks, blank, blank, mask, face_type)


@pytest.mark.parametrize("length", DEEPFACELAB)
def test_sizes_of_moderate_faces_are_those_of_deepfacelab(length):
    eroded = [int(erode_size(length, percent)) for percent in (30, 40, 100, 200, -100)]
    blurred = [int(blur_size(length, percent)) for percent in (10, 100, 200)]
    assert (*eroded, *blurred) == DEEPFACELAB[length]


@given(st.floats(10, 8000), st.floats(0.001, 100))
def test_a_larger_face_is_never_eroded_less(length, more):
    assert erode_size(length + more, 100) > erode_size(length, 100) > 0
    assert erode_size(length, -100) == -erode_size(length, 100)


def test_erosion_has_no_jump_where_the_original_curve_ends():
    assert erode_size(800.01, 100) - erode_size(799.99, 100) < 0.002


@pytest.mark.parametrize("face_type", geometry.SHAPES)
@pytest.mark.parametrize("width", [60, 131, 300])
def test_the_length_is_close_to_the_bounding_box_of_the_mask(face_type, width):
    # DeepFaceLab uses the shorter side of the hull's bounding box within the crop.
    landmarks = make_landmarks(center=(256, 256), width=width)
    crop = Crop.of(landmarks, 64, face_type)
    inside = crop.box().within(np.empty((512, 512)))
    hull = draw_hull(landmarks, (512, 512))[inside.area][..., 0]
    _, _, box_width, box_height = cv2.boundingRect(hull.astype(np.uint8))
    assert face_length(crop.side, face_type) == pytest.approx(min(box_width, box_height), rel=0.08)


def test_the_length_does_not_change_when_the_head_tilts():
    lengths = []
    for roll in range(0, 90, 5):
        landmarks = make_landmarks(roll=roll, width=150)
        lengths.append(face_length(Crop.of(landmarks, 64, FaceType.FULL).side, FaceType.FULL))
    assert np.ptp(lengths) < 0.01


@pytest.mark.parametrize("radius", [1, 4, 11])
def test_erosion_and_dilation_are_those_of_a_disc(radius):
    rng = np.random.default_rng(radius)
    mask = cv2.GaussianBlur(rng.uniform(0, 1, (256, 256)).astype(np.float32), (0, 0), 6)
    mask = np.rint((mask - mask.min()) / np.ptp(mask) * 255).astype(np.float32) / 255
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    disc = abs(x) <= np.rint(np.sqrt(radius**2 - y**2))
    for size, oracle in ((2 * radius, ndimage.grey_erosion), (-2 * radius, ndimage.grey_dilation)):
        expected = oracle(mask, footprint=disc, mode="constant", cval=0.0)
        np.testing.assert_allclose(erode(mask, size), expected, atol=1e-6)


def test_erosion_shrinks_a_square_by_half_its_size_on_each_side():
    mask = np.zeros((256, 256), np.float32)
    mask[60:200, 80:180] = 1
    assert cv2.boundingRect(erode(mask, 20).astype(np.uint8)) == (90, 70, 80, 120)
    assert cv2.boundingRect(erode(mask, -20).astype(np.uint8)) == (70, 50, 120, 160)


def test_erosion_starts_at_the_border_too():
    eroded = erode(np.ones((256, 256), np.float32), 16)
    assert not eroded[:8].any()
    assert eroded[8:-8, 8:-8].all()


def test_blur_is_as_wide_as_a_box_and_keeps_an_edge_centered():
    mask = np.zeros((256, 256), np.float32)
    mask[:, 128:] = 1
    soft = blur(mask, 40)
    slope = np.diff(soft[128, 60:196])
    place = np.arange(slope.size)
    middle = (slope * place).sum() / slope.sum()
    deviation = np.sqrt((slope * (place - middle) ** 2).sum() / slope.sum())
    assert deviation == pytest.approx(40 / np.sqrt(12), rel=0.02)
    assert soft[128, 127] + soft[128, 128] == pytest.approx(1, abs=1e-5)
    assert blur(mask, 0) is mask


def test_fade_is_0_at_the_border_and_1_in_the_middle():
    window = fade()
    rim = MASK_SIDE // 64
    assert not window[:rim].any()
    assert not window[:, -rim:].any()
    assert (window[3 * rim : -3 * rim, 3 * rim : -3 * rim] == 1).all()
    assert np.abs(np.diff(window, axis=0)).max() < 0.15


@pytest.mark.parametrize("name", MASKS)
@pytest.mark.parametrize("size", [64, 100, 256])
def test_every_mask_type_gives_a_mask_of_the_fixed_size(name, size):
    trained = np.ones((MASK_SIDE, MASK_SIDE), np.float32)
    mask = MASKS.load(name)(replace(make_swap(size=size), trained=trained))
    assert mask.shape == (MASK_SIDE, MASK_SIDE)
    assert mask.dtype == np.float32
    assert mask.min() >= 0
    assert mask.max() == 1


def test_faint_values_become_0_and_the_outline_stays_in_place():
    mask = np.full((64, 64, 1), 0.08, np.float32)
    mask[:, 32:] = 0.95
    mask[:, 31] = 0.5  # its center lies at 31.5 / 64 of the crop
    found = predicted_mask(make_swap(mask))
    assert not found[:, :100].any()
    assert (found[:, 160:] == 1).all()
    edge = np.interp(0.5, found[128], (np.arange(256) + 0.5) / 256)
    assert edge == pytest.approx(31.5 / 64, abs=0.004)


@pytest.mark.parametrize("face_type", geometry.SHAPES)
@pytest.mark.parametrize("pose", [{}, {"roll": 35}, {"yaw": 40, "pitch": -12}])
def test_the_hull_of_the_crop_matches_that_of_the_frame(face_type, pose):
    swap = make_swap(face_type=face_type, center=(200, 210), width=160, **pose)
    crop = Crop.of(swap.landmarks, 64, face_type)
    box = crop.box().within(np.empty((400, 400)))
    placed = crop.place_mask(hull_mask(swap), box)
    drawn = draw_hull(swap.landmarks, (400, 400))[box.area][..., 0]
    inside = crop.place_mask(np.ones((MASK_SIDE, MASK_SIDE), np.float32), box) == 1
    wrong = (placed > 0.5) != (drawn > 0.5)
    # only pixels on the outline may differ
    outline = cv2.morphologyEx(drawn, cv2.MORPH_GRADIENT, np.ones((3, 3))) > 0
    assert not (wrong & inside & ~outline).any()
    assert (wrong & inside).sum() < 0.02 * drawn.sum()


@pytest.mark.parametrize("face_type", [FaceType.HALF, FaceType.FULL])
def test_a_crop_has_the_pixels_of_the_aligned_image(face_type):
    landmarks = make_landmarks(roll=20, center=(150, 140), width=120)
    matrix = geometry.crop_matrix(landmarks, 64, face_type)
    crop = Crop.of(landmarks, 64, face_type)
    np.testing.assert_allclose(crop.matrix(64), matrix, atol=1e-9)
    # at twice the size, pixel (2 i + 0.5) is where pixel i was
    point = np.array([[17.0, 40.0]])
    frame_point = geometry.apply(geometry.invert(matrix), point)
    double = geometry.apply(crop.matrix(128), frame_point)
    np.testing.assert_allclose(double, 2 * point + 0.5, atol=1e-3)

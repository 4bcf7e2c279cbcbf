"""Seamless blending: Poisson cloning against its equation and OpenCV, edges, frame borders."""

import dataclasses

import cv2
import numpy as np
import pytest
from support.blending import TINT, difference, make_swap, scene
from support.synthetic import make_landmarks

from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.seamless import poisson_clone
from converters.look import Look
from facelib import geometry
from facelib.types import FaceType


@pytest.mark.parametrize("mode", ["seamless", "seamless-hist-match"])
def test_the_debug_images_of_seamless_add_up_to_its_result(mode, astronaut, face_landmarks):
    swap = make_swap(astronaut, face_landmarks, tint=TINT)
    traced = {}
    Blender(Look(mode=mode))(astronaut, [swap], lambda _, name, image: traced.update({name: image}))
    assert sorted(traced, key=lambda name: int(name.split("_")[0])) == list(traced)
    steps = {name.split("_", 1)[1]: image for name, image in traced.items()}
    foreground = np.clip(steps["composed"] + 2 * steps["change"] - 1, 0, 1)
    if mode == "seamless-hist-match":
        np.testing.assert_allclose(foreground, steps["seamless"], atol=1e-6)
        return
    crop = Crop.of(swap.landmarks, swap.face.shape[0], swap.face_type)
    box = crop.support(steps["blend_mask"]).within(astronaut)
    mask = crop.place_mask(steps["blend_mask"], box)[..., None]
    blended = astronaut[box.area] * (1 - mask) + foreground * 255 * mask
    assert np.abs(steps["blended"] - blended).max() <= 0.51


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
    mask = make_swap(frame, landmarks, 128).mask[..., 0]
    rim = (mask > 0.5) & (cv2.erode(mask, np.ones((9, 9))) < 0.5)

    def error(mode):
        blended = Blender(Look(mode=mode), 10, 10)(frame, [swap]).image
        crop = geometry.warp_face(blended, geometry.crop_matrix(landmarks, 128, FaceType.FULL), 128)
        return np.abs(crop / 255 - swap.crop)[rim].mean()

    assert error("seamless") < 0.45 * error("overlay")


def test_seamless_is_the_same_near_the_border_as_far_from_it():
    # The frame is mirrored beyond its border, which a plain background does not show.
    landmarks = make_landmarks(center=(150, 150), width=150)
    wide = np.full((300, 300, 3), (120, 140, 160), np.uint8)
    swap = make_swap(wide, landmarks, tint=TINT)
    inner = Blender(Look(mode="seamless"), 10, 10)(wide, [swap]).image
    cut = wide[:, 120:].copy()
    moved = dataclasses.replace(swap, landmarks=landmarks - np.float32([120, 0]))
    outer = Blender(Look(mode="seamless"), 10, 10)(cut, [moved]).image
    assert difference(outer, inner[:, 120:]).max() <= 1

"""Compositing bit by bit: the plain formulas on whole images, for all modes, masks and depths."""

import dataclasses

import cv2
import numpy as np
import pytest
from scipy import fft
from support.blending import TINT, make_swap, scene

from converters import BLENDS, MASKS
from converters.blending.blender import Blender
from converters.blending.compositing import composite
from converters.blending.crop import Crop
from converters.blending.hist_match import match_histograms
from converters.blending.mask import MASK_SIDE
from converters.blending.seamless import SOLVE_SIDE, poisson_clone
from converters.look import RAW_MODES, Look
from facelib.color_transfer.statistics import measure
from facelib.types import FaceType

ONE, LEVELS, MIN_ALPHA = np.float32(1), np.float32(255), np.float32(0.5 / 255)


def to_8_bits(image):
    return np.rint(image).astype(np.uint8)


def plain(background, foreground, mask):
    """The formula on a whole image; over four channels that of layers with straight alpha."""
    foreground, mask = foreground * LEVELS, mask[..., None]
    background = background.astype(np.float32)
    if background.shape[2] == foreground.shape[2]:
        return to_8_bits(background + (foreground - background) * mask)
    color, rest = background[..., :3], background[..., 3:] / LEVELS * (ONE - mask)
    alpha = mask + rest
    mixed = (foreground * mask + color * rest) / np.maximum(alpha, MIN_ALPHA)
    return to_8_bits(np.dstack([np.where(alpha > MIN_ALPHA, mixed, color), alpha * LEVELS]))


def plain_clone(source, target, mask):
    """The Poisson equation solved as its docstring says, with nothing computed in place."""
    difference, weight = source - target, mask[..., None]
    across = np.diff(difference, axis=1) * np.minimum(weight[:, 1:], weight[:, :-1])
    down = np.diff(difference, axis=0) * np.minimum(weight[1:], weight[:-1])
    divergence = np.diff(across, axis=1)[1:-1] + np.diff(down, axis=0)[:, 1:-1]
    waves = (
        (2 * np.cos(np.pi * np.arange(1, count + 1) / (count + 1)) - 2).astype(np.float32)
        for count in divergence.shape[:2]
    )
    spectrum = fft.dstn(divergence, type=1, axes=(0, 1)) / np.add.outer(*waves)[..., None]
    cloned = target.copy()
    cloned[1:-1, 1:-1] += fft.idstn(spectrum, type=1, axes=(0, 1))
    return cloned


def plain_seamless(frame, crop, traced, box):
    """What `seamless` blends in, from the steps that it traces."""

    def fit(image, method=cv2.INTER_LINEAR):
        return cv2.resize(image, (SOLVE_SIDE, SOLVE_SIDE), interpolation=method)

    background = frame[box.area].astype(np.float32) / LEVELS
    mask = crop.place_mask(traced["mask"], box)[..., None]
    over = background + (crop.place(traced["recolored"], box) - background) * mask
    target = crop.cut(frame, SOLVE_SIDE).astype(np.float32) / LEVELS
    large = traced["recolored"].shape[0] > SOLVE_SIDE
    pixels = fit(traced["recolored"], cv2.INTER_AREA if large else cv2.INTER_LINEAR)
    mask = fit(traced["bare_mask"])
    core = fit(traced["seamless_core"], cv2.INTER_NEAREST_EXACT)
    source = target + (pixels - target) * np.maximum(mask, np.float32(0.9))[..., None]
    under = target + (pixels - target) * mask[..., None]
    correction = plain_clone(source, target, core) - under
    return np.clip(over + (crop.place(correction / 2 + 0.5, box) * 2 - 1), 0, 1)


def plain_foreground(look, frame, crop, traced, box):
    """What a mode blends in where its mask is 1."""
    if look.mode == "raw" and look.raw_mode == "mask":
        return np.ones((*frame[box.area].shape[:2], 3), np.float32)
    if not look.mode.startswith("seamless"):
        square = crop.place(traced["recolored"], box)
        with_mask = look.mode == "raw" and look.raw_mode == "rgb+mask"
        return np.dstack([square, crop.place_mask(traced["mask"], box)]) if with_mask else square
    result = plain_seamless(frame, crop, traced, box)
    if look.mode == "seamless":
        return result
    mask = crop.place_mask(traced["bare_mask"], box)
    match = measure(result, frame[box.area].astype(np.float32) / LEVELS, mask)
    return match_histograms(result, match)


LOOKS = [
    *({"mode": mode} for mode in BLENDS if mode != "raw"),
    *({"mode": "raw", "raw_mode": mode} for mode in RAW_MODES),
    *({"mask_type": mask} for mask in MASKS if mask != "predicted"),
    *({"mode": mode, "alpha": True} for mode in ("overlay", "seamless")),
    {"mode": "seamless", "sharpen": 40, "face_scale": 10, "seamless_erode_modifier": 30},
]


@pytest.mark.parametrize("changes", LOOKS, ids=lambda changes: "-".join(map(str, changes.values())))
def test_a_blended_frame_is_the_plain_formula_bit_by_bit(changes, astronaut, face_landmarks):
    frame, landmarks = scene(astronaut, face_landmarks, 1.3, roll=-15, shift=(-60, 10))
    swap = dataclasses.replace(
        make_swap(frame, landmarks, tint=TINT),
        trained=np.linspace(0, 1, MASK_SIDE, dtype=np.float32) * np.ones((MASK_SIDE, 1), "f"),
    )
    look, traced = Look(**changes), {}
    blender = Blender(look, 30, 40)
    share = np.zeros(frame.shape[:2], np.uint8)
    blended = blender(
        frame,
        [swap],
        lambda _, name, image: traced.update({name.split("_", 1)[1]: image.copy()}),
        share,
    )
    assert (blended.faces, blended.failures) == (1, [])

    crop = Crop.of(landmarks, 64, FaceType.FULL, 1 + look.face_scale / 100)
    coverage = traced["blend_mask"]
    if look.mode == "raw":
        coverage = traced["mask"] if look.raw_mode == "mask" else np.ones_like(coverage)
    box = crop.support(coverage).within(frame)
    mask = crop.place_mask(coverage, box)
    wanted = blender.mode.canvas(frame, look)
    foreground = plain_foreground(look, frame, crop, traced, box)
    wanted[box.area] = plain(wanted[box.area], foreground, mask)
    np.testing.assert_array_equal(blended.image, wanted)
    assert np.count_nonzero(wanted != blender.mode.canvas(frame, look)) > 5000
    np.testing.assert_array_equal(share[box.area], to_8_bits(mask * 255))


@pytest.mark.parametrize("size", [(1, 1), (64, 3), (65, 70), (200, 131)])
@pytest.mark.parametrize("channels", [(3, 3), (4, 4), (4, 3)])
def test_compositing_is_the_plain_formula_bit_by_bit(size, channels):
    rng = np.random.default_rng(0)
    canvas = rng.integers(0, 256, (300, 200, channels[0]), dtype=np.uint8)
    canvas[::3, ::2, -1] = 0  # transparent, where that is alpha
    background = canvas[40 : 40 + size[0], 50 : 50 + size[1]]
    foreground = rng.random((*size, channels[1]), dtype=np.float32)
    mask = np.clip(rng.random(size, dtype=np.float32) * 1.4 - np.float32(0.2), 0, 1)
    mask[: size[0] // 2] *= np.float32(0.01)
    before = canvas.copy(), foreground.copy(), mask.copy()

    composited = composite(background, foreground, mask)

    np.testing.assert_array_equal(composited, plain(background, before[1], before[2]))
    for image, copy in zip((canvas, foreground, mask), before, strict=True):
        np.testing.assert_array_equal(image, copy)


@pytest.mark.parametrize("size", [(257, 257), (33, 40)])
def test_cloning_in_place_is_the_plain_solution_bit_by_bit(size):
    rng = np.random.default_rng(0)
    source, target = rng.random((2, *size, 3), dtype=np.float32)
    mask = np.rint(rng.random(size, dtype=np.float32) * 4) / 4
    copies = source.copy(), target.copy(), mask.copy()

    cloned = poisson_clone(source, target, mask)

    np.testing.assert_array_equal(cloned, plain_clone(source, target, mask))
    for image, copy in zip((source, target, mask), copies, strict=True):
        np.testing.assert_array_equal(image, copy)

"""Golden images: the result of every mode, mask type and setting for a face of the astronaut.

`WRITE_GOLDEN=1 python -m pytest tests/test_golden.py` rewrites them; look at them before you
commit them.
"""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import skimage.data
from support.synthetic import make_landmarks

from converters import BLENDS, MASKS, TRAINED_MASKS
from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import Swap
from converters.look import RAW_MODES, Look
from facelib.color_transfer import COLORS
from facelib.types import FaceType

FOLDER = Path(__file__).parent / "golden"
SIDE, SIZE = 96, 64  # of the frame; of the face
ERODE, BLUR = 20, 60

CASES = {
    **{f"mode_{name}": {"mode": name} for name in BLENDS if name != "raw"},
    **{f"raw_{name}": {"mode": "raw", "raw_mode": name} for name in RAW_MODES},
    **{f"mask_{name}": {"mask_type": name} for name in MASKS if name not in TRAINED_MASKS},
    **{f"color_{name}": {"color_transfer": name} for name in COLORS},
    "hist_match_whole": {"mode": "hist-match", "masked_hist_match": False},
    "hist_match_threshold": {"mode": "hist-match", "hist_match_threshold": 180},
    "seamless_eroded": {"mode": "seamless", "seamless_erode_modifier": 80},
    "seamless_color": {"mode": "seamless", "color_transfer": "mkl"},
    "smaller_and_harder": {"erode_modifier": 60, "blur_modifier": -50},
    "scaled": {"face_scale": 20},
    "sharpened": {"sharpen": 80},
    "softened": {"sharpen": -80},
    "denoised": {"denoise": 80},
    "smeared": {"motion_blur": 100},
    "degraded": {"color_degrade": 100},
    "alpha": {"alpha": True},
    "behind": {"occluded": True},
    "behind_seamless": {"occluded": True, "mode": "seamless"},
}


def scene():
    """The astronaut's face in a small frame, and a prediction: her mirrored face, darker, bluer."""
    around = skimage.data.astronaut()[29:221, 126:318, ::-1]
    frame = cv2.resize(around, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    landmarks = make_landmarks(center=(48, 48), width=52.5)
    crop = Crop.of(landmarks, SIZE, FaceType.FULL).cut(frame, SIZE).astype(np.float32) / 255
    face = np.clip(crop[:, ::-1] * np.float32([1.0, 0.75, 0.6]), 0, 1)
    mask = np.zeros((SIZE, SIZE), np.float32)
    cv2.ellipse(mask, (32, 30), (17, 24), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), 1)[..., None]
    return frame, Swap(landmarks, crop, face, mask, FaceType.FULL, motion=(6.0, 2.0))


def render(settings):
    frame, swap = scene()
    settings = dict(settings)
    visibility = None
    if settings.pop("occluded", False):
        visibility = np.full((SIDE, SIDE), 255, np.uint8)
        cv2.line(visibility, (20, 80), (70, 30), 0, 7, cv2.LINE_AA)
    blended = Blender(Look(**settings), ERODE, BLUR)(frame, [swap], visibility=visibility)
    assert (blended.faces, blended.failures) == (1, [])
    return blended.image


@pytest.mark.parametrize("name", CASES)
def test_the_result_is_the_golden_image(name):
    if "WRITE_GOLDEN" in os.environ:
        cv2.imwrite(str(FOLDER / f"{name}.png"), render(CASES[name]))
    golden = cv2.imread(str(FOLDER / f"{name}.png"), cv2.IMREAD_UNCHANGED)
    made = render(CASES[name])
    assert golden.shape == made.shape
    # other versions of the libraries round differently
    apart = np.abs(golden.astype(int) - made)
    assert apart.mean() < 0.3
    assert apart.max() <= 8


def test_there_is_an_image_for_every_case_and_no_two_are_alike():
    files = {path.stem: path.read_bytes() for path in FOLDER.glob("*.png")}
    assert files.keys() == CASES.keys()
    same = {("mode_overlay", "mask_predicted")}
    names = sorted(files)
    for place, one in enumerate(names):
        for other in names[place + 1 :]:
            alike = files[one] == files[other]
            assert alike == ((one, other) in same or (other, one) in same), (one, other)

"""What is measured of a face: pure functions of its image and its metadata, each computed once.

Everything that needs the image, but no network, is measured together, because decoding an image
takes longer than measuring it.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from facelib import geometry, landmarks
from facelib.faceset import FaceInfo, read_pixels
from facelib.recognizers import RECOGNIZERS

BINS = 256
USUAL_SIZE = 256  # pixels, of an aligned image
RECOGNIZER = "sface"


@dataclass(frozen=True, eq=False)
class Feature:
    """Something measured of every face.

    Attributes
    ----------
    name : str
        Name of its cache file; ends with a version, to be raised when the values change.
    dtype : np.dtype
        Of one face's record.
    prepare : callable
        Returns the function (path, info) -> record, which is called from several threads.
    low, high : float
        Between these is every value that can be measured.
    """

    name: str
    dtype: np.dtype
    prepare: Callable[[], Callable[[Path, FaceInfo], Any]]
    low: float = -1e12
    high: float = 1e12


def sharpness(gray: np.ndarray, hull: np.ndarray) -> int:
    """Sum the absolute differences of horizontal and of vertical neighbors, face hull only.

    Parameters
    ----------
    gray : (H, W) uint8
        The aligned face.
    hull : (H, W) uint8
        1 within the face hull, 0 outside.

    Returns
    -------
    sharpness : int
        Of the image made black outside the hull: a large face of high contrast scores higher than
        a small one of low contrast in the same focus, as it always has in this kind of tool.
    """
    gray = gray * hull
    # the L1 norm of a difference is this sum; OpenCV adds 8-bit values exactly
    across = cv2.norm(gray[:, 1:], gray[:, :-1], cv2.NORM_L1) if gray.shape[1] > 1 else 0
    down = cv2.norm(gray[1:], gray[:-1], cv2.NORM_L1) if gray.shape[0] > 1 else 0
    return int(across) + int(down)


def detail(gray: np.ndarray, hull: np.ndarray) -> tuple[float, float]:
    """Measure how much fine detail a face has, in all directions and in the weakest one.

    The structure tensor (Bigun and Granlund 1987) of the fine detail, averaged over the inside of
    the face, has as eigenvalues the energy along the strongest and along the weakest direction.
    Defocus lowers both, motion of the head or camera only the one along it. Both are divided by the
    energy of the coarse detail, so that contrast does not count; the outline does not count either.
    Coarse detail is measured on an image of about 64 pixels.

    Parameters
    ----------
    gray : (H, W) uint8
        The aligned face.
    hull : (H, W) uint8
        1 within the face hull, 0 outside.

    Returns
    -------
    focus, motion : float
        At least 0: the root of the energy in all directions, and in the weakest one.
    """
    side = max(gray.shape)
    hull = cv2.erode(hull, np.ones((3, 3)), iterations=max(1, side // 64))
    left, top, width, height = cv2.boundingRect(hull)
    if width == 0:
        return 0.0, 0.0
    reach = side // 16  # four deviations of the wider blur
    part = np.s_[
        max(0, top - reach) : top + height + reach, max(0, left - reach) : left + width + reach
    ]
    inside = hull[part].astype(np.float32)
    image = gray[part].astype(np.float32)
    fine = cv2.GaussianBlur(image, (0, 0), 0.8)  # single noisy pixels are not detail
    height, width = image.shape
    step = max(1, side // 64)
    small = (-(-width // step), -(-height // step))
    coarse = cv2.GaussianBlur(
        cv2.resize(image, small, interpolation=cv2.INTER_AREA), (0, 0), side / 64 / step
    )
    tensor = _structure(fine - cv2.resize(coarse, (width, height)), inside)
    inside = cv2.resize(inside, small, interpolation=cv2.INTER_NEAREST)
    around = np.trace(_structure(coarse, inside)) / step**2 + 1e-3
    weakest = max(float(np.linalg.eigvalsh(tensor)[0]), 0.0)
    return float(np.sqrt(np.trace(tensor) / around)), float(np.sqrt(weakest / around))


def _structure(image: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the mean structure tensor (2, 2) float64 where `inside` (float32, 0 or 1) is 1."""
    x, y = (cv2.Scharr(image, cv2.CV_32F, dx, 1 - dx) * inside for dx in (1, 0))
    tensor = np.array([[np.vdot(x, x), np.vdot(x, y)], [np.vdot(x, y), np.vdot(y, y)]], np.float64)
    return tensor / max(1, int(np.count_nonzero(inside)))


def mean_hue(hsv: np.ndarray) -> float:
    """Return the circular mean of the hue in degrees, 0..360.

    All pixels have the same weight. See Mardia and Jupp, "Directional Statistics" (2000), 2.2.1.

    Parameters
    ----------
    hsv : (H, W, 3) uint8
        As OpenCV converts it, the hue in units of two degrees.
    """
    counts = cv2.calcHist([hsv], [0], None, [180], [0, 180]).ravel().astype(np.float64)
    mean = (counts * np.exp(2j * np.pi * np.arange(180) / 180)).sum()
    return float(np.degrees(np.angle(mean)) % 360)


def brightness(hsv: np.ndarray) -> float:
    """Return the mean V of HSV, the largest of the three channels, 0..255."""
    return cv2.mean(hsv)[2]


def black(image: np.ndarray) -> int:
    """Count the zero entries of all channels of an image (H, W, 3)."""
    return image.size - int(np.count_nonzero(image))


def histogram(image: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
    """Count the values of each channel: (channels, 256) float32; `mask` (H, W) uint8 selects."""
    channels = image.shape[2] if image.ndim == 3 else 1
    return np.stack([
        cv2.calcHist([image], [c], mask, [BINS], [0, BINS]).ravel() for c in range(channels)
    ])


def face_hull(points: np.ndarray, image: np.ndarray) -> np.ndarray:
    """Return the mask of the face, (H, W) uint8 0 or 1, from its landmarks (68, 2) in the image."""
    return landmarks.hull_mask(points, image.shape[:2])[..., 0].astype(np.uint8)


def _appearance(path: Path, info: FaceInfo) -> tuple[Any, ...]:
    image = read_pixels(path)
    gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    hsv = cv2.cvtColor(image, cv2.COLOR_BGR2HSV)
    hull = face_hull(info.landmarks, image)
    return (
        # at that size, or faces would be ordered by how many pixels their images have
        round(sharpness(gray, hull) * USUAL_SIZE / info.size),
        black(image),
        *detail(gray, hull),
        brightness(hsv),
        mean_hue(hsv),
        histogram(image),
        histogram(gray)[0],
        histogram(gray, hull)[0],
    )


IMAGE_STATS = Feature(
    "look-3",
    np.dtype([
        ("sharpness", "<i8"),
        ("black", "<i8"),
        ("focus", "<f4"),
        ("motion", "<f4"),
        ("brightness", "<f8"),
        ("hue", "<f8"),
        ("colour", "<f4", (3, BINS)),
        ("grey", "<f4", (BINS,)),
        ("face_grey", "<f4", (BINS,)),
    ]),
    lambda: _appearance,
    low=0,
    high=1e12,
)
"""Everything measured of the image; `face_grey` is the gray histogram within the face hull.

The field names are part of the cache's format.
"""


def _pose(path: Path, info: FaceInfo) -> tuple[float, ...]:
    return tuple(geometry.pose(info.landmarks))


POSE = Feature(
    "pose-1",
    np.dtype([("pitch", "<f8"), ("yaw", "<f8"), ("roll", "<f8")]),
    lambda: _pose,
    low=-360,
    high=360,
)
"""The head's rotation in degrees, see `facelib.pose`."""


def _embedder() -> Callable[[Path, FaceInfo], Any]:
    recognizer = RECOGNIZERS.load(RECOGNIZER)
    recognizer()  # missing weights are one error, not one per face
    own = threading.local()  # an instance is used by one thread at a time

    def embed(path: Path, info: FaceInfo) -> tuple[np.ndarray]:
        if not hasattr(own, "recognizer"):
            own.recognizer = recognizer()
        return (own.recognizer.embed(read_pixels(path), info.landmarks),)

    return embed


IDENTITY = Feature(
    f"identity-{RECOGNIZER}-1",
    np.dtype([("vector", "<f4", (128,))]),
    _embedder,
    low=-1.01,
    high=1.01,
)
"""The recognizer's embedding, of length 1."""

FEATURES = {feature.name: feature for feature in (IMAGE_STATS, POSE, IDENTITY)}

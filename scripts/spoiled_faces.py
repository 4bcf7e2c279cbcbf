"""What spoils a face, for scripts/face_examples.py: blur, darkness, edges, a hand, a microphone."""

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from facelib import landmarks as points_of

SMALL = 20  # side in pixels of a face that is too small
REACH = 220  # half the side of a drawing that hides a face
SKIN, NAIL, CREASE = "#c98f73", "#e3b7a2", "#8f5c45"
METAL, WIRE, SHADE, GLINT = "#6d737b", "#3d4148", "#1d1f22", "#c3c8cf"

Frame = np.ndarray
"""(H, W, 3) uint8 RGB."""


def out_of_focus(frame: Frame, landmarks: np.ndarray) -> Frame:
    """Blur a frame in all directions."""
    return cv2.GaussianBlur(frame, (0, 0), points_of.inter_ocular(landmarks) / 25)


def smeared(frame: Frame, landmarks: np.ndarray) -> Frame:
    """Blur a frame along a line, as a quick turn does."""
    length = int(points_of.inter_ocular(landmarks) / 4)
    kernel = np.eye(length, dtype=np.float32)[:, ::-1]
    return cv2.filter2D(frame, -1, kernel / length)


def half_dark(frame: Frame, landmarks: np.ndarray) -> Frame:
    """Leave one side of the face in the dark."""
    columns = np.arange(frame.shape[1]) - landmarks[:, 0].mean()
    light = 0.05 + 0.95 / (1 + np.exp(columns / 7))
    return np.round(frame * light[None, :, None]).astype(np.uint8)


def cut_off(frame: Frame, landmarks: np.ndarray) -> Frame:
    """Let the frame end within the face; what is beyond is black, as `extract` leaves it."""
    cut = frame.copy()
    cut[:, int(landmarks[points_of.LEFT_EYE, 0].mean()) :] = 0
    return cut


def reduced(frame: Frame, landmarks: np.ndarray) -> Frame:
    """Show a face of SMALL pixels."""
    zoom = SMALL / np.ptp(landmarks[:, 0])
    small = cv2.resize(frame, None, fx=zoom, fy=zoom, interpolation=cv2.INTER_AREA)
    return cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_CUBIC)


def beside(landmarks: np.ndarray) -> np.ndarray:
    """Return landmarks that have slipped off the face."""
    center = landmarks.mean(axis=0)
    angle = np.deg2rad(24)
    turned = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    slip = np.array([0.45, -0.30]) * points_of.inter_ocular(landmarks)
    return ((landmarks - center) @ turned.T * 0.86 + center + slip).astype(np.float32)


def covered(sprite: Image.Image) -> Callable[[Frame, np.ndarray], Frame]:
    """Return what lays a drawing over the mouth, which is the drawing's center."""

    def spoil(frame: Frame, landmarks: np.ndarray) -> Frame:
        side = round(points_of.inter_ocular(landmarks) * REACH / 50)
        x, y = np.round(landmarks[points_of.MOUTH].mean(axis=0) - side / 2).astype(int)
        drawing = sprite.resize((side, side), Image.Resampling.LANCZOS)
        image = Image.fromarray(frame)
        image.paste(drawing, (int(x), int(y)), drawing)
        return np.asarray(image)

    return spoil


# ---- what hides a face: drawings whose center is the mouth, in hundredths of the eye distance


def hand() -> Image.Image:
    """Draw a hand before mouth and cheek."""
    fingers = [((66, 2), (-50, -34)), ((62, 30), (-66, -6)), ((62, 58), (-60, 26)),
               ((66, 84), (-36, 58))]  # fmt: skip
    strokes = [(ends, 33) for ends in fingers] + [(((96, 20), (70, -62)), 36)]
    palm = [(64, -14), (100, -4), (128, 60), (200, 200), (110, 210), (66, 100)]
    sprite = Image.new("RGBA", (2 * REACH, 2 * REACH))
    drawer = ImageDraw.Draw(sprite)
    for (start, end), width in reversed(strokes):
        for color, wide in ((CREASE, width), (SKIN, width - 5)):
            _stroke(drawer, start, end, color, wide)
        away = np.subtract(end, start) / np.hypot(*np.subtract(end, start))
        _stroke(drawer, end, end + away * 6, NAIL, width * 0.4)
    drawer.polygon([_at(point) for point in palm], SKIN)
    return sprite


def microphone() -> Image.Image:
    """Draw a microphone before the mouth."""
    sprite = Image.new("RGBA", (2 * REACH, 2 * REACH))
    drawer = ImageDraw.Draw(sprite)
    _stroke(drawer, (26, 60), (78, 210), SHADE, 34)
    _stroke(drawer, (20, 60), (68, 200), WIRE, 7)
    _stroke(drawer, (8, 12), (8, 12), SHADE, 108)
    _stroke(drawer, (8, 12), (8, 12), METAL, 100)
    for shift in range(-40, 49, 11):
        half = np.sqrt(50**2 - shift**2)
        for one, other in (((-half, shift), (half, shift)), ((shift, -half), (shift, half))):
            ends = [_at(np.add(end, (8, 12))) for end in (one, other)]
            drawer.line(ends, WIRE, 4)
    _stroke(drawer, (-10, -6), (-10, -6), GLINT, 16)
    return sprite


def _stroke(
    drawer: ImageDraw.ImageDraw,
    start: Sequence[float] | np.ndarray,
    end: Sequence[float] | np.ndarray,
    color: str,
    width: float,
) -> None:
    """Draw a line with round ends."""
    drawer.line([_at(start), _at(end)], color, round(width))
    for x, y in (_at(start), _at(end)):
        drawer.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], color)


def _at(point: Sequence[float] | np.ndarray) -> tuple[float, float]:
    return float(point[0]) + REACH, float(point[1]) + REACH

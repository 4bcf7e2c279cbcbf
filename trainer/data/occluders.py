"""What may hide a face, drawn at random: hands, bars, glasses, strands, microphones, and things.

So a network learns from a few labels what a face is not. Nothing is drawn well enough to deceive a
person, and needs not be: what matters is that any shape, in any color, the face's own included,
may lie before any part of the face, and where exactly it ends.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from facelib import landmarks as marks
from utils.images import Image

FRACTION = 4  # bits; what is drawn ends anywhere in a pixel
SHADE = 0.35  # how much darker round things are at their edge
SHADOW, SHADOW_BLUR = 0.45, 0.02  # darkest shadow; its blur, of the side
MOST = 3  # in one image
EYES = (marks.RIGHT_EYE, marks.LEFT_EYE)


class Surroundings(NamedTuple):
    """What an occluder is drawn for.

    Attributes
    ----------
    image : (R, R, 3) uint8 BGR
        The face.
    landmarks : (68, 2) float32
        Of the face, pixels.
    skin : (3,) float64
        Its color, BGR 0..255.
    texture : (R, R, 3) uint8 BGR
        Another image, parts of which may cover an occluder.
    """

    image: Image
    landmarks: np.ndarray
    skin: np.ndarray
    texture: Image


class Layer(NamedTuple):
    """An occluder: (R, R, 3) float32 colors 0..255, and where it is, (R, R) float32 0..1."""

    color: np.ndarray
    alpha: np.ndarray


def occlude(around: Surroundings, rng: Generator) -> tuple[Image, np.ndarray]:
    """Draw one to `MOST` occluders over a face.

    Returns
    -------
    image : (R, R, 3) uint8 BGR
        With the occluders, and perhaps their shadows.
    hidden : (R, R) float32
        1 where an occluder is.
    """
    image = around.image.astype(np.float32)
    hidden = np.zeros(image.shape[:2], np.float32)
    for _ in range(int(rng.integers(1, MOST + 1))):
        draw = KINDS[int(rng.integers(len(KINDS)))]
        color, alpha = _softened(draw(around, rng), rng)
        if rng.random() < 0.5:
            image *= 1 - _shadow(alpha, rng)[..., None]
        image += alpha[..., None] * (color - image)
        hidden = np.maximum(hidden, alpha)
    return np.clip(np.rint(image), 0, 255).astype(np.uint8), hidden


def hand(around: Surroundings, rng: Generator) -> Layer:
    """Draw fingers that reach from a palm or a wrist into the face, in its own colors."""
    side = len(around.image)
    tip = _place(around, rng)
    angle = rng.uniform(0, 2 * np.pi)
    width = side * rng.uniform(0.035, 0.075)
    shape = np.zeros((side, side), np.uint8)
    edges = np.ones((side, side), np.float32)
    reach = side * rng.uniform(0.25, 0.6)
    bend = rng.uniform(-0.6, 0.6)
    count = int(rng.integers(1, 6))
    spread = rng.uniform(1.9, 2.6) * width
    across = np.array([-np.sin(angle), np.cos(angle)])
    for number in range(count):
        offset = across * (number - (count - 1) / 2) * spread
        length = reach * (1 - 0.12 * abs(number - (count - 1) / 2)) * rng.uniform(0.85, 1.1)
        fan = angle + (number - (count - 1) / 2) * rng.uniform(0, 0.12)
        finger = _tapered(tip + offset, fan, length, width * rng.uniform(0.85, 1.1), bend, side)
        edges = np.minimum(edges, np.where(finger > 0, _roundness(finger), 1))
        shape = np.maximum(shape, finger)
    if rng.random() < 0.75:  # the back of the hand
        middle = tip + reach * 1.15 * np.array([np.cos(angle + bend), np.sin(angle + bend)])
        axes = (side * rng.uniform(0.2, 0.35), max(count * spread / 2, 2 * width))
        back = _ellipse(middle, axes, angle + bend, side)
        edges = np.where((back > 0) & (shape == 0), _roundness(back), edges)
        shape = np.maximum(shape, back)
    tone = around.skin * rng.uniform(0.7, 1.25) * rng.uniform(0.95, 1.05, 3)
    return Layer(_shaded(_grain(tone, side, rng), edges, rng), shape / np.float32(255))


def bar(around: Surroundings, rng: Generator) -> Layer:
    """Draw a straight strip across the face: a pole, an arm, the edge of a thing."""
    side = len(around.image)
    middle, angle = _place(around, rng), rng.uniform(0, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)]) * side * rng.uniform(0.3, 1.5)
    thick = side * rng.uniform(0.02, 0.2) * rng.uniform(0.3, 1)
    across = np.array([-np.sin(angle), np.cos(angle)]) * thick
    corners = [middle - along - across, middle + along - across]
    corners += [middle + along + across * rng.uniform(0.6, 1.4), middle - along + across]
    shape = _polygon(np.array(corners), side)
    edges = _roundness(shape) if rng.random() < 0.5 else np.ones((side, side), np.float32)
    return Layer(_shaded(_surface(around, rng), edges, rng), shape / np.float32(255))


def glasses(around: Surroundings, rng: Generator) -> Layer:
    """Draw a frame around both eyes, with clear or dark glass."""
    side = len(around.image)
    eyes = [around.landmarks[part].mean(axis=0) for part in EYES]
    apart = eyes[1] - eyes[0]
    angle, between = float(np.arctan2(apart[1], apart[0])), float(np.hypot(*apart))
    axes = (between * rng.uniform(0.33, 0.46), between * rng.uniform(0.24, 0.42))
    line = max(1.0, between * rng.uniform(0.03, 0.09))
    drop = np.array([-np.sin(angle), np.cos(angle)]) * between * rng.uniform(-0.05, 0.12)
    power = rng.choice([2.0, 3.0, 6.0])  # a circle to a rectangle
    glass, frame = np.zeros((2, side, side), np.uint8)
    for eye in eyes:
        rim = _superellipse(eye + drop, axes, angle, power)
        glass = np.maximum(glass, _polygon(rim, side))
        frame = np.maximum(frame, _line(rim, line, side, closed=True))
    unit = apart / max(between, 1e-6)
    bridge = np.array([eyes[0] + unit * axes[0], eyes[1] - unit * axes[0]]) + drop
    frame = np.maximum(frame, _line(bridge, line, side))
    for eye, way in zip(eyes, (-1, 1), strict=True):
        start = eye + drop + way * unit * axes[0]
        temple = np.array([start, start + way * unit * between])
        frame = np.maximum(frame, _line(temple, line, side))
    tone = np.full(3, rng.uniform(5, 70)) if rng.random() < 0.6 else rng.uniform(0, 255, 3)
    if rng.random() < 0.5:
        return Layer(_grain(tone, side, rng), frame / np.float32(255))
    dark = np.ones((side, side, 1), np.float32) * rng.uniform(0, 70, 3).astype(np.float32)
    dark += np.linspace(0, rng.uniform(0, 60), side, dtype=np.float32)[:, None, None]
    color = np.where(frame[..., None] > 0, np.float32(tone), dark).astype(np.float32)
    opaque = np.float32(rng.uniform(0.8, 1) / 255)
    return Layer(color, np.maximum(frame / np.float32(255), glass * opaque))


def strands(around: Surroundings, rng: Generator) -> Layer:
    """Draw curved hairs, one by one or in locks, that fall into the face."""
    side = len(around.image)
    top = around.landmarks[marks.RIGHT_BROW[0] : marks.LEFT_BROW[-1] + 1]
    root = top[int(rng.integers(len(top)))] - [0, side * rng.uniform(0.1, 0.35)]
    way = rng.uniform((-0.5, 0.3), (0.5, 0.9)) * side
    spread = side * rng.uniform(0.01, 0.08)
    shape = np.zeros((side, side), np.uint8)
    light = np.ones((side, side), np.float32)
    times = np.linspace(0, 1, 12)[:, None]
    for _ in range(int(rng.integers(6, 50))):
        start = root + rng.normal(0, spread, 2)
        middle = start + way * (0.2, 0.5) + rng.normal(0, spread, 2)
        end = start + way + rng.normal(0, 1.5 * spread, 2)
        curve = (1 - times) ** 2 * start + 2 * times * (1 - times) * middle + times**2 * end
        width = side * rng.uniform(0.003, 0.012)
        _draw_line(shape, curve, width, min(255.0, 255 * width))
        _draw_line(light, curve, width + 1, rng.uniform(0.6, 1.5))
    tones = np.array([[15, 18, 22], [25, 45, 75], [70, 130, 180], [120, 125, 130], [30, 50, 120]])
    tone = tones[int(rng.integers(len(tones)))] * rng.uniform(0.6, 1.4)
    if rng.random() < 0.3:  # its own hair
        tone = around.image[: side // 8].reshape(-1, 3).mean(axis=0)
    color = _grain(tone, side, rng) * light[..., None]
    return Layer(color, shape / np.float32(255))


def microphone(around: Surroundings, rng: Generator) -> Layer:
    """Draw a round head on a stick before mouth or chin."""
    side = len(around.image)
    head = around.landmarks[int(rng.choice([57, 8, 33, 48, 54]))] + rng.normal(0, 0.06, 2) * side
    angle = rng.uniform(0.1, 0.9) * np.pi  # from below
    axes = side * rng.uniform(0.05, 0.16) * np.array([1, rng.uniform(0.75, 1)])
    ball = _ellipse(head, tuple(axes), angle, side)
    stick = _tapered(head, angle, side, axes[1] * rng.uniform(0.35, 0.8), 0.0, side)
    shape = np.maximum(ball, stick)
    edges = np.where(ball > 0, _roundness(ball), _roundness(stick))
    tone = np.full(3, rng.uniform(10, 120)) if rng.random() < 0.7 else rng.uniform(0, 255, 3)
    color = _grain(tone, side, rng)
    step = rng.uniform(1.5, 4)  # the mesh of the head
    wave = np.sin(np.arange(side, dtype=np.float32) * (2 * np.pi / step))
    color *= np.where(ball > 0, 1 + 0.25 * wave[:, None] * wave, 1)[..., None].astype(np.float32)
    return Layer(_shaded(color, edges, rng), shape / np.float32(255))


def thing(around: Surroundings, rng: Generator) -> Layer:
    """Draw a smooth random outline, filled with a color or a part of another image."""
    side = len(around.image)
    turns = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = np.ones(48)
    for wave in range(1, 5):
        radius += rng.normal(0, 0.35 / wave) * np.sin(wave * turns + rng.uniform(0, 2 * np.pi))
    radius = np.maximum(radius, 0.15) * side * rng.uniform(0.06, 0.28)
    stretch = np.array([1, rng.uniform(0.4, 1)])
    outline = np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius[:, None] * stretch
    shape = _polygon(outline @ _turned(rng.uniform(0, np.pi)) + _place(around, rng), side)
    edges = _roundness(shape) if rng.random() < 0.4 else np.ones((side, side), np.float32)
    return Layer(_shaded(_surface(around, rng), edges, rng), shape / np.float32(255))


KINDS: tuple[Callable[[Surroundings, Generator], Layer], ...] = (
    hand,
    hand,
    bar,
    glasses,
    strands,
    microphone,
    thing,
    thing,
)
"""Hands and things, which look the most different, twice as often as the others."""


def _place(around: Surroundings, rng: Generator) -> np.ndarray:
    """Return a random point on or beside the face, (2,) float64."""
    low, high = around.landmarks.min(axis=0), around.landmarks.max(axis=0)
    return np.asarray(rng.uniform(low - 0.15 * (high - low), high + 0.15 * (high - low)))


def _turned(angle: float) -> np.ndarray:
    """Return the (2, 2) matrix by which row vectors are turned."""
    return np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])


def _superellipse(
    middle: np.ndarray, axes: tuple[float, float], angle: float, power: float
) -> np.ndarray:
    """Return (40, 2) points of |x / a|^p + |y / b|^p = 1, turned."""
    turns = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    unit = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    return np.asarray(np.sign(unit) * np.abs(unit) ** (2 / power) * axes @ _turned(angle) + middle)


def _ellipse(middle: np.ndarray, axes: tuple[float, float], angle: float, side: int) -> Image:
    return _polygon(_superellipse(middle, axes, angle, 2.0), side)


def _tapered(
    tip: np.ndarray, angle: float, length: float, width: float, bend: float, side: int
) -> Image:
    """Draw a finger from its tip: round at the end, thicker toward its root, perhaps bent."""
    steps = np.linspace(0, 1, 8)
    heading = angle + bend * steps
    moves = np.stack([np.cos(heading), np.sin(heading)], axis=1) * (length / 7)
    spine = tip + np.concatenate([np.zeros((1, 2)), moves[1:].cumsum(axis=0)])
    across = np.stack([-np.sin(heading), np.cos(heading)], axis=1)
    half = width * (0.8 + 0.25 * steps)[:, None]
    outline = np.concatenate([spine + across * half, (spine - across * half)[::-1]])
    shape = _polygon(outline, side)
    return np.maximum(shape, _ellipse(tip, (0.8 * width, 0.8 * width), angle, side))


def _polygon(points: np.ndarray, side: int) -> Image:
    """Fill a polygon: (side, side) uint8, 255 inside."""
    shape = np.zeros((side, side), np.uint8)
    cv2.fillPoly(shape, [_fixed(points)], 255, cv2.LINE_AA, FRACTION)
    return shape


def _line(points: np.ndarray, width: float, side: int, *, closed: bool = False) -> Image:
    """Draw a line through points: (side, side) uint8, 255 on it; thin ones are fainter."""
    shape = np.zeros((side, side), np.uint8)
    _draw_line(shape, points, width, min(255.0, 255 * width), closed=closed)
    return shape


def _draw_line(
    canvas: np.ndarray, points: np.ndarray, width: float, value: float, *, closed: bool = False
) -> None:
    style = cv2.LINE_AA if canvas.dtype == np.uint8 else cv2.LINE_8
    thickness = max(1, round(width))
    cv2.polylines(canvas, [_fixed(points)], closed, value, thickness, style, FRACTION)


def _fixed(points: np.ndarray) -> np.ndarray:
    return np.rint(np.clip(points, -4096, 4096) * (1 << FRACTION)).astype(np.int32)


def _roundness(shape: Image) -> np.ndarray:
    """Return (R, R) float32: 0 at the edge of a shape, 1 in its middle, as on a cylinder."""
    depth = cv2.distanceTransform((shape > 127).astype(np.uint8), cv2.DIST_L2, 3)
    depth /= max(float(depth.max()), 1.0)
    return np.asarray(np.sqrt(1 - (1 - depth) ** 2))


def _shaded(color: np.ndarray, edges: np.ndarray, rng: Generator) -> np.ndarray:
    """Return colors darker toward the edges, and lit from one side."""
    side = len(color)
    angle, strength = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.3)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    light = 1 + strength * (np.cos(angle) * ramp[None, :] + np.sin(angle) * ramp[:, None])
    dark = rng.uniform(0, 2 * SHADE)
    return np.asarray(color * ((1 - dark + dark * edges) * light)[..., None], np.float32)


def _grain(tone: np.ndarray, side: int, rng: Generator) -> np.ndarray:
    """Return (side, side, 3) float32: a color with spots, as skin and cloth have."""
    cells = int(rng.integers(4, 24))
    spots = rng.normal(1, rng.uniform(0.02, 0.12), (cells, cells, 1)).astype(np.float32)
    spots = cv2.resize(spots, (side, side), interpolation=cv2.INTER_CUBIC)[..., None]
    return np.asarray(np.float32(tone) * spots, np.float32)


def _surface(around: Surroundings, rng: Generator) -> np.ndarray:
    """Return what covers a thing: a color, that of the skin, or a part of an image."""
    side, kind = len(around.image), rng.random()
    if kind < 0.3:
        return _grain(rng.uniform(0, 255, 3), side, rng)
    if kind < 0.45:
        return _grain(around.skin * rng.uniform(0.7, 1.25), side, rng)
    image = around.texture if kind < 0.8 else around.image
    scale = rng.uniform(0.5, 2)
    matrix = np.column_stack([_turned(rng.uniform(0, 2 * np.pi)) * scale, [0, 0]])
    middle = np.full(2, side / 2)
    matrix[:, 2] = middle - matrix[:, :2] @ middle + rng.uniform(-0.4, 0.4, 2) * side
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REFLECT
    return cv2.warpAffine(image, matrix, (side, side), flags=flags, borderMode=border).astype(
        np.float32
    )


def _softened(layer: Layer, rng: Generator) -> Layer:
    """Return a layer as a lens sees it: a little out of focus, or moving."""
    if rng.random() < 0.5:
        return layer
    if rng.random() < 0.6:
        sigma = rng.uniform(0.3, 2.0)
        return layer._replace(alpha=cv2.GaussianBlur(layer.alpha, (0, 0), sigma))
    size = int(rng.integers(3, 12))
    kernel = np.zeros((size, size), np.float32)
    reach = np.array([np.cos(angle := rng.uniform(0, np.pi)), np.sin(angle)]) * size / 2
    middle = (size - 1) / 2
    start, end = (np.rint(middle + way * reach).astype(int).tolist() for way in (-1, 1))
    cv2.line(kernel, start, end, 1.0)
    return layer._replace(alpha=cv2.filter2D(layer.alpha, -1, kernel / kernel.sum()))


def _shadow(alpha: np.ndarray, rng: Generator) -> np.ndarray:
    """Return how much darker an occluder makes what is beside it, (R, R) float32."""
    side = len(alpha)
    matrix = np.column_stack([np.eye(2), rng.normal(0, 0.02, 2) * side])
    moved = cv2.warpAffine(alpha, matrix, (side, side))
    sigma = side * SHADOW_BLUR * rng.uniform(0.3, 2)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), sigma) * np.float32(rng.uniform(0, SHADOW)))

"""Drawn faces that things hide, with labels that say exactly where.

The things are of other kinds than those that training draws by itself (trainer/data/occluders.py):
a cup with a handle, a phone, a striped scarf, and a leaf. Each is a polygon or two, in pixels of
the frame, so the label is what was drawn.
"""

import cv2
import numpy as np
from support.synthetic import draw_face, make_info, make_landmarks, open_mouth

from facelib import geometry
from facelib import landmarks as lm
from facelib.faceset import write_face
from facelib.mask_label import POLYGON, MaskLabel, Shape

FRAME, SIDE = 320, 256
PEOPLE = 8  # of a cast
FREE = 0.2  # share of the faces that nothing hides


def make_masked_faceset(folder, count, seed=0, cast=0, labeled=None):
    """Write `count` faces of one cast; label those whose number is in `labeled` (None: all)."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        points = make_landmarks(
            rng.uniform(-40, 40), rng.uniform(-15, 15), rng.uniform(-12, 12),
            head=open_mouth(rng.uniform()), center=rng.uniform(145, 175, 2),
            width=rng.uniform(130, 165),
        )  # fmt: skip
        frame = draw_face(
            points, (FRAME, FRAME), [seed, index], [cast, index % PEOPLE], rng.uniform(0, 1.5)
        )
        shapes = []
        if rng.random() >= FREE:
            frame, shapes = KINDS[int(rng.integers(len(KINDS)))](frame, points, rng)
        hidden = [Shape(POLYGON, False, shape) for shape in shapes]
        skin = [Shape(POLYGON, True, part) for part in skin_of(points)]
        label = MaskLabel((*skin, *hidden))
        info = make_info(
            points, SIDE, source_name=f"{index:06d}.png", frame_index=10 * index,
            mask_label=label if labeled is None or index in labeled else None,
        )  # fmt: skip
        paths.append(folder / f"{index:06d}_0.png")
        write_face(paths[-1], geometry.warp_face(frame, info.matrix, SIDE), info)
    return paths


def skin_of(points):
    """The edges of the skin that `draw_face` draws, in two parts, as someone would follow them."""
    points = points.astype(np.float64)
    face, jaw = points[np.r_[lm.JAW, 17:27]], points[lm.JAW]
    grown = (face - face.mean(axis=0)) * 1.08 + face.mean(axis=0) + 0.08 * (points[27] - points[8])
    return [cv2.convexHull(part.astype(np.float32))[:, 0].astype(float) for part in (grown, jaw)]


def cup(frame, points, rng):
    """A mug before the mouth, with a handle at its side."""
    middle, size = points[57] + rng.normal(0, 12, 2), rng.uniform(30, 55)
    x, y = np.array([1, 0]), np.array([0, 1])
    body = [middle + size * (a * x * (1 - 0.12 * (b > 0)) + b * y * 1.2) for a, b in CORNERS]
    turns = np.linspace(-1.6, 1.6, 14)
    ring = np.stack([np.cos(turns), np.sin(turns)], axis=1)
    handle = middle + 0.9 * size * x + 0.6 * size * ring
    inner = middle + 0.9 * size * x + 0.38 * size * ring
    outlines = [np.array(body), np.concatenate([handle, inner[::-1]])]
    tone = rng.uniform(30, 255, 3)
    stripes = 1 - 0.5 * (np.arange(FRAME) // 7 % 2)[:, None]
    return painted(frame, outlines, tone * np.ones((FRAME, FRAME, 1)) * stripes[..., None], rng)


def phone(frame, points, rng):
    """A flat dark rectangle with a bright rim, held at the cheek or before an eye."""
    middle = points[int(rng.choice([2, 14, 36, 45, 30]))] + rng.normal(0, 8, 2)
    angle, size = rng.uniform(-0.6, 0.6), rng.uniform(22, 38)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    outline = np.array(CORNERS) * [size, 2 * size] @ turn + middle
    glow = np.linspace(15, rng.uniform(60, 200), FRAME)[:, None, None] * np.ones((1, FRAME, 3))
    return painted(frame, [outline], glow * rng.uniform(0.5, 1.2, 3), rng)


def scarf(frame, points, rng):
    """A striped cloth over chin and mouth, with a wavy upper edge."""
    steps = np.linspace(-60, FRAME + 60, 20)
    top = points[33, 1] + rng.uniform(4, 40) + 6 * np.sin(steps / rng.uniform(12, 30))
    upper = np.stack([steps, top], axis=1)
    outline = np.concatenate([upper, [[FRAME + 60, FRAME + 60], [-60, FRAME + 60]]])
    rows, columns = np.indices((FRAME, FRAME))
    wave = ((rows + columns * rng.uniform(-1, 1)) / rng.uniform(4, 14)).astype(int) % 2
    colors = rng.uniform(20, 240, (2, 3))
    return painted(frame, [outline], colors[wave], rng)


def leaf(frame, points, rng):
    """A pointed star with veins, somewhere on the face."""
    turns = np.linspace(0, 2 * np.pi, 22, endpoint=False)
    radius = rng.uniform(28, 52) * np.where(np.arange(22) % 2, 0.55, 1.0)
    middle = points[int(rng.integers(68))]
    outline = middle + np.stack([np.cos(turns), np.sin(turns)], axis=1) * radius[:, None]
    rows, columns = np.indices((FRAME, FRAME)) - np.array(middle[::-1]).reshape(2, 1, 1)
    veins = 1 - 0.4 * (np.abs(np.sin(6 * np.arctan2(rows, columns))) < 0.2)
    return painted(frame, [outline], rng.uniform(20, 200, 3) * veins[..., None], rng)


KINDS = (cup, phone, scarf, leaf)
CORNERS = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def painted(frame, outlines, color, rng):
    """The frame with a thing of some color on it, as noisy as the rest; and the outlines."""
    alpha = np.zeros((4 * FRAME, 4 * FRAME), np.uint8)  # 16 samples of each pixel
    for outline in outlines:
        fine = np.rint((outline * 4 + 1.5) * 16).astype(np.int32)
        cv2.fillPoly(alpha, [fine], 255, shift=4)
    alpha = cv2.resize(alpha, (FRAME, FRAME), interpolation=cv2.INTER_AREA)[..., None] / 255
    noisy = color * rng.uniform(0.8, 1.1) + rng.normal(0, 5, frame.shape)
    made = frame * (1 - alpha) + noisy * alpha
    return np.clip(np.rint(made), 0, 255).astype(np.uint8), outlines

"""Footage of two people drawn from one public-domain photograph, for the pictures of the README.

As src the astronaut of `skimage.data` turns her head, smiles and stands in changing light; as dst
the same photograph is another person: other proportions, stubble, dark hair, a blue suit, another
wall.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import av
import cv2
import numpy as np
import skimage.data
from PIL import Image

from utils.console import say

Picture = np.ndarray
"""RGB, float32 from 0 to 1, or a mask of the same size without channels."""
Warp = Callable[[np.ndarray], np.ndarray]
"""For points of the warped picture (..., 2), where in the picture before they come from."""

# Places in the photograph, x and y in its pixels.
CORNER, SIDE = (92.0, 0.0), 260.0  # the square around head and collar that a frame shows
HEAD, HEAD_RADII = (224.0, 112.0), (62.0, 84.0)
EYES = ((204.0, 101.0), (247.0, 102.0))
BROWS = (((186, 91), (196, 86), (214, 90)), ((235, 91), (250, 88), (263, 93)))
NOSE, MOUTH, CHIN = (223.0, 126.0), (223.0, 146.0), (222.0, 172.0)
JAWS = ((190.0, 156.0), (258.0, 156.0))
FACE = ((178, 90), (180, 122), (184, 146), (199, 168), (221, 181), (246, 171), (263, 150),
        (271, 122), (270, 92), (250, 84), (222, 82), (196, 84))  # fmt: skip

FRAME = 512  # side of a frame of the footage
GROW = FRAME / SIDE
SRC_FRAMES, DST_FRAMES = 160, 96


@dataclass(frozen=True)
class Moment:
    """How the head is held, what the face does and how the light falls; all around 0."""

    yaw: float = 0.0  # 1: the nose moves by a tenth of the head's width
    pitch: float = 0.0
    roll: float = 0.0  # degrees
    x: float = 0.0  # pixels of the photograph
    y: float = 0.0
    size: float = 0.0  # 0.1: a tenth larger
    mouth: float = 0.0  # above 0: open wider
    smile: float = 0.0
    brows: float = 0.0  # above 0: raised
    eyes: float = 0.0  # below 0: narrowed
    light: float = 0.0  # from the left below 0, from the right above
    exposure: float = 0.0
    warmth: float = 0.0


SPREAD = Moment(yaw=1.0, pitch=0.6, roll=7, x=5, y=3, size=0.05, mouth=0.35, smile=0.16,
                brows=3.0, eyes=0.3, light=0.2, exposure=0.25, warmth=0.07)  # fmt: skip


# ---- moments


def random_moment(rng: np.random.Generator) -> Moment:
    """Return any moment within SPREAD."""
    return Moment(*(rng.uniform(-1, 1) * getattr(SPREAD, each.name) for each in fields(Moment)))


def filmed_moment(number: int, rng: np.random.Generator) -> Moment:
    """Return a moment of a take: everything swings, each at its own slow pace."""
    values = []
    for each in fields(Moment):
        swing = np.sin(number / rng.uniform(4, 9) + rng.uniform(0, 2 * np.pi))
        values.append(float(swing) * getattr(SPREAD, each.name))
    return Moment(*values)


# ---- geometry


def floats(values: Sequence[Any] | np.ndarray) -> np.ndarray:
    """Return numbers as float32."""
    return np.array(values, np.float32)


def bulge(center: Sequence[float], radius: float, wider: float, taller: float) -> Warp:
    """Return a warp that makes what is around a place larger (above 1) or smaller."""

    def warp(points: np.ndarray) -> np.ndarray:
        away = points - floats(center)
        return points + away * (floats([1 / wider, 1 / taller]) - 1) * _near(away, radius)

    return warp


def shift(center: Sequence[float], radius: float, by: Sequence[float]) -> Warp:
    """Return a warp that moves what is around a place."""

    def warp(points: np.ndarray) -> np.ndarray:
        return points - floats(by) * _near(points - floats(center), radius)

    return warp


def _near(away: np.ndarray, radius: float) -> np.ndarray:
    return np.exp(-(away**2).sum(axis=-1, keepdims=True) / radius**2)


def turn(yaw: float, pitch: float) -> Warp:
    """Return a warp that turns the head: what is nearer to the camera moves further."""

    def warp(points: np.ndarray) -> np.ndarray:
        depth = np.maximum(0, 1 - _from_head(points, 1.15))
        depth += 0.25 * _near(points - floats(NOSE), 14)[..., 0]
        return points - depth[..., None] * floats([yaw, pitch]) * (HEAD_RADII[0] / 5)

    return warp


def _from_head(points: np.ndarray, reach: float) -> np.ndarray:
    """Return the squared distance from the middle of the head, 1 at `reach` of its radii."""
    away = (points - floats(HEAD)) / (floats(HEAD_RADII) * reach)
    return (away**2).sum(axis=-1)


def camera(moment: Moment) -> Warp:
    """Return the warp from a frame's pixels to the photograph's."""
    scale = SIDE / FRAME / (1 + moment.size)
    center = floats(CORNER) + (SIDE - 1) / 2 - floats([moment.x, moment.y])
    angle = np.deg2rad(moment.roll)
    turned = floats([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])

    def warp(points: np.ndarray) -> np.ndarray:
        away = (points - (FRAME - 1) / 2) * scale
        # turn around the neck, not around the middle of the frame
        neck = floats([0, SIDE * 0.3])
        return (away - neck) @ turned + neck + center

    return warp


def expression(moment: Moment) -> list[Warp]:
    """Return what the face does, as warps of the photograph."""
    warps = [bulge(MOUTH, 17, 1 + moment.smile, 1 + moment.mouth)]
    warps.append(shift(CHIN, 26, (0, 9 * moment.mouth)))
    warps += [bulge(eye, 9, 1, 1 + moment.eyes) for eye in EYES]
    warps += [shift(brow[1], 14, (0, -moment.brows)) for brow in BROWS]
    return warps


# what makes the person of dst: a wider jaw and nose, smaller eyes under lower brows, a small mouth
PROPORTIONS = (
    *(shift(jaw, 28, (7 * side, 1)) for jaw, side in zip(JAWS, (-1, 1), strict=True)),
    shift(CHIN, 24, (0, 5)),
    bulge(NOSE, 18, 1.25, 1.1),
    *(bulge(eye, 15, 0.88, 0.85) for eye in EYES),
    *(shift(brow[1], 24, (0, 2)) for brow in BROWS),
    bulge(MOUTH, 26, 0.72, 0.8),
    shift(MOUTH, 16, (0, 3)),
)


def warped(image: Picture, warps: Sequence[Warp]) -> Picture:
    """Return a frame: its points go through the warps to the photograph, which is enlarged."""
    rows, columns = np.indices((FRAME, FRAME), np.float32)
    points = np.stack([columns, rows], axis=-1)
    for warp in warps:
        points = warp(points).astype(np.float32)
    points = (points + 0.5) * GROW - 0.5
    return cv2.remap(image, points, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)


def enlarged(image: Picture) -> Picture:
    """Return the photograph at the size it has in a frame, so that bending it is sharp."""
    return cv2.resize(image, None, fx=GROW, fy=GROW, interpolation=cv2.INTER_LANCZOS4)


# ---- the two people


@dataclass(frozen=True)
class Person:
    """What is filmed.

    Attributes
    ----------
    image : ndarray of shape (H, W, 3)
        The photograph in this person's colors, enlarged.
    cutout : ndarray of shape (H, W)
        Where the person is, 0 to 1, enlarged.
    proportions : tuple of Warp
        What makes the face another one.
    """

    image: Picture
    cutout: Picture
    proportions: tuple[Warp, ...] = ()


def astronaut() -> Picture:
    """Return the photograph."""
    return skimage.data.astronaut().astype(np.float32) / 255


def src_person() -> Person:
    """Return her as she is."""
    image = astronaut()
    return Person(enlarged(image), enlarged(find_person(image)))


def dst_person() -> Person:
    """Return another person, painted over her."""
    image = astronaut()
    cutout = find_person(image)
    face = polygon(FACE, 1.5)
    above_collar = np.clip((165 - np.indices(face.shape)[0]) / 10, 0, 1)
    hair = cutout * (1 - face) * above_collar * (1 - is_skin(image))
    image = mixed(image, image[..., [2, 1, 0]] * floats([0.75, 0.6, 0.45]), is_orange(image))
    image = mixed(image, dark_hair(image), hair)
    image = mixed(image, image ** floats([1.05, 1.25, 1.4]), is_skin(image))
    image = mixed(image, image * floats([0.3, 0.24, 0.22]), brows())
    image = mixed(image, image * floats([0.5, 0.48, 0.5]), stubble())
    image = mixed(image, pale(image), polygon_of_lips() * 0.6)
    return Person(enlarged(image), enlarged(cutout), PROPORTIONS)


def mixed(image: Picture, other: Picture, mask: Picture) -> Picture:
    """Return `other` where the mask is 1, `image` where it is 0."""
    return (image + (other - image) * mask[..., None]).astype(np.float32)


def find_person(image: Picture) -> Picture:
    """Return the mask of the astronaut: GrabCut from a rough drawing of head, collar and suit."""
    mask = np.full(image.shape[:2], cv2.GC_PR_BGD, np.uint8)
    mask[215:, 20:440] = cv2.GC_PR_FGD
    cv2.ellipse(mask, (222, 110), (88, 115), 0, 0, 360, cv2.GC_PR_FGD, -1)
    cv2.ellipse(mask, (222, 110), (45, 70), 0, 0, 360, cv2.GC_FGD, -1)
    cv2.ellipse(mask, (210, 222), (82, 58), 32, 0, 360, cv2.GC_FGD, -1)
    mask[300:, 120:330] = cv2.GC_FGD
    mask[:200, 330:] = mask[:170, :110] = cv2.GC_BGD
    cv2.setRNGSeed(0)
    models = np.zeros((1, 65)), np.zeros((1, 65))
    pixels = np.round(image * 255).astype(np.uint8)
    cv2.grabCut(pixels, mask, None, *models, 6, cv2.GC_INIT_WITH_MASK)
    found = np.isin(mask, (cv2.GC_FGD, cv2.GC_PR_FGD)).astype(np.float32)
    # a little smaller than found: the old wall shines through at the edge
    return np.clip(cv2.GaussianBlur(found, (0, 0), 1.2) * 2 - 1, 0, 1)


def polygon(corners: Sequence[Sequence[int]], blur: float) -> Picture:
    """Return a mask of the photograph's size with soft edges."""
    mask = np.zeros((512, 512), np.float32)
    cv2.fillPoly(mask, [np.array(corners, np.int32)], 1.0)
    return cv2.GaussianBlur(mask, (0, 0), blur)


def is_orange(image: Picture) -> Picture:
    """Return the mask of the suit: far more red than blue."""
    below = np.clip((np.indices(image.shape[:2])[0] - 170) / 10, 0, 1)
    return np.clip((image[..., 0] - image[..., 2] - 0.2) / 0.2, 0, 1) * below


def is_skin(image: Picture) -> Picture:
    """Return the mask of face, ears and neck: bright and red, around the face."""
    around = polygon([(170, 80), (278, 80), (278, 150), (256, 195), (186, 195), (170, 150)], 3)
    red = np.clip((image[..., 0] - 0.62) / 0.1, 0, 1)
    return cv2.GaussianBlur(red, (0, 0), 0.7) * around


def dark_hair(image: Picture) -> Picture:
    """Return the picture as it would be with almost black hair."""
    gray = image.mean(axis=-1, keepdims=True)
    return (gray**1.5 * floats([0.62, 0.5, 0.42])).astype(np.float32)


def pale(image: Picture) -> Picture:
    """Return the picture with little color."""
    return image.mean(axis=-1, keepdims=True) * floats([1.0, 0.82, 0.74])


def brows() -> Picture:
    """Return the mask of heavy eyebrows."""
    mask = np.zeros((512, 512), np.float32)
    for brow in BROWS:
        cv2.polylines(mask, [np.array(brow, np.int32)], False, 0.9, 3, cv2.LINE_AA)
    return cv2.GaussianBlur(mask, (0, 0), 1.1) * grain(0.6)


def grain(least: float) -> Picture:
    """Return fine noise of the photograph's size between a value and 1."""
    noise = np.random.default_rng(3).uniform(least, 1, (512, 512)).astype(np.float32)
    return cv2.GaussianBlur(noise, (0, 0), 0.6)


def stubble() -> Picture:
    """Return the mask of a short beard: cheeks, chin and upper lip, not the lips."""
    jaw = [(181, 122), (187, 154), (206, 180), (222, 184), (248, 176), (264, 152), (271, 120),
           (260, 142), (246, 137), (223, 135), (200, 137), (190, 142)]  # fmt: skip
    return polygon(jaw, 4) * (1 - polygon_of_lips()) * grain(0.35)


def polygon_of_lips() -> Picture:
    """Return the mask of the lips and what is between them."""
    lips = np.zeros((512, 512), np.float32)
    cv2.ellipse(lips, (223, 146), (22, 8), 0, 0, 360, 1.0, -1)
    return cv2.GaussianBlur(lips, (0, 0), 2)


def wall(color: Sequence[float] | np.ndarray, glow: float) -> Picture:
    """Return a wall of a color, lit from the left (`glow` above 0) or darker there (below)."""
    rows, columns = np.indices((FRAME, FRAME), np.float32) / FRAME
    lit = np.exp(-((columns - 0.15) ** 2 + (rows - 0.3) ** 2) / 0.35)[..., None]
    stain = np.random.default_rng(5).normal(0, 0.6, (FRAME, FRAME)).astype(np.float32)
    stain = cv2.GaussianBlur(stain, (0, 0), 24)[..., None]
    return np.clip(floats(color) + lit * glow + stain, 0, 1)


def any_wall(rng: np.random.Generator) -> Picture:
    """Return a wall as it comes."""
    return wall(rng.uniform(0.05, 0.7, 3), rng.uniform(-0.2, 0.3))


# ---- footage


def filmed(person: Person, moment: Moment, backdrop: Picture | None) -> Picture:
    """Return one frame of a person, before another wall if there is one."""
    warps = [camera(moment), turn(moment.yaw, moment.pitch)]
    warps += [*expression(moment), *person.proportions]
    frame = lit(warped(person.image, warps), moment)
    if backdrop is not None:
        frame = mixed(backdrop, frame, np.clip(warped(person.cutout, warps), 0, 1))
    return np.clip(frame, 0, 1)


def lit(frame: Picture, moment: Moment) -> Picture:
    """Return a frame in the light of a moment."""
    across = np.linspace(-1, 1, FRAME, dtype=np.float32)[None, :, None]
    shade = 1 + moment.light * np.tanh(3 * across)
    tint = floats([1 + moment.warmth, 1, 1 - moment.warmth])
    return np.clip(frame, 0, 1) ** (1 - moment.exposure) * shade * tint


def src_frames() -> Iterator[Picture]:
    """Yield src: moments in no order, so that all of SPREAD is seen, half of them elsewhere."""
    person, rng = src_person(), np.random.default_rng(1)
    for number in range(SRC_FRAMES):
        yield filmed(person, random_moment(rng), any_wall(rng) if number % 2 else None)


def dst_frames() -> Iterator[Picture]:
    """Yield dst: one take."""
    person, backdrop = dst_person(), wall((0.10, 0.15, 0.17), 0.28)
    for number in range(DST_FRAMES):
        yield filmed(person, filmed_moment(number, np.random.default_rng(2)), backdrop)


def write_footage(folder: Path, frames: Iterator[Picture], count: int) -> None:
    """Write frames as 000000.png and so on, unless they are there."""
    folder.mkdir(parents=True, exist_ok=True)
    if len(list(folder.glob("*.png"))) == count:
        return
    say(f'drawing {count} frames into "{folder}"')
    for number, frame in enumerate(frames):
        to_pillow(frame).save(folder / f"{number:06d}.png", compress_level=1)


def write_clip(path: Path, frames: Iterator[Picture]) -> Path:
    """Write frames as a clip that a browser plays."""
    with av.open(str(path), "w") as container:
        stream = None
        for image in frames:
            picture = np.asarray(to_pillow(image))
            if stream is None:
                stream = container.add_stream("libx264", rate=24)
                stream.height, stream.width = picture.shape[:2]
                stream.pix_fmt = "yuv420p"
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        if stream is not None:
            container.mux(stream.encode(None))
    return path


def to_pillow(picture: Picture) -> Image.Image:
    """Return a picture for Pillow."""
    return Image.fromarray(np.round(picture * 255).astype(np.uint8))

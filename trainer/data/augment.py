"""How one face becomes a training sample: augmented by one map and read once at output size.

The chain is DeepFaceLab's: the aligned image is warped by a coarse grid (the network's input only),
rotated, scaled, shifted, perhaps mirrored, and the crop of the model's face type is taken from it.
Instead of resampling at every step, each output pixel is mapped back and read once.

Points are (x, y) in pixels of the aligned image, centers at integers; its side is `size`.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator

from utils.images import Image

ROTATION = 10.0  # degrees either way
SCALE = 0.05  # of 1, either way
SHIFT = 0.05  # of the image's side, either way
FLIP_CHANCE = 0.4
GRIDS = (2, 4, 8)  # cells per side of the warp grid, equally likely
WARP = 0.24  # largest displacement of a node, in cells
FINE = 64  # steps per side in which the warp grid's surface is drawn; a multiple of all GRIDS
TRUNCATION = 2.5  # nodes move by a normal deviate truncated here and divided by it


class Jitter(NamedTuple):
    """The augmentation of one sample.

    Attributes
    ----------
    matrix : (2, 3) float64
        Moves a point of the image: rotation, scale, shift.
    nodes : (n - 1, n - 1, 2) float32
        Displacement in pixels of the interior nodes of a grid of n x n cells, indexed
        [row, column]; nodes on the border stay.
    flip : bool
        Whether the moved image is mirrored.
    """

    matrix: np.ndarray
    nodes: np.ndarray
    flip: bool


IDENTITY = Jitter(np.eye(2, 3), np.zeros((1, 1, 2), np.float32), False)


def draw(rng: Generator, size: int, *, flip: bool = True, scale_shift: float = 0.0) -> Jitter:
    """Draw the augmentation of one sample.

    Parameters
    ----------
    size : int
        Side of the aligned image, pixels.
    flip : bool
        Whether mirroring may happen.
    scale_shift : float
        Added to the scale, such as 0.1 for faces 10 % larger.
    """
    angle = rng.uniform(-ROTATION, ROTATION)
    scale = rng.uniform(1 - SCALE, 1 + SCALE) + scale_shift
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), angle, scale)
    matrix[:, 2] += rng.uniform(-SHIFT, SHIFT, 2) * size
    cells = int(rng.choice(GRIDS))
    nodes = truncated_normal(rng, (cells - 1, cells - 1, 2)) * (WARP * size / cells)
    return Jitter(matrix, nodes.astype(np.float32), bool(flip and rng.random() < FLIP_CHANCE))


def truncated_normal(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return normal deviates, redrawn until within +-TRUNCATION and divided by it: -1..1."""
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > TRUNCATION).any():
        values[outside] = rng.standard_normal(int(outside.sum()))
    return values / TRUNCATION


def output_to_image(jitter: Jitter, crop: np.ndarray, size: int) -> np.ndarray:
    """Return the (2, 3) matrix that maps an output pixel back into the image, before warping.

    Parameters
    ----------
    crop : (2, 3) float64
        The crop of the model's face type, image -> output; for a flipped sample that of the
        mirrored face.
    """
    forward = _square(crop) @ (_square(mirror_matrix(size)) if jitter.flip else np.eye(3))
    return np.linalg.inv(forward @ _square(jitter.matrix))[:2]


def mirror_matrix(size: int) -> np.ndarray:
    """Return the (2, 3) matrix that mirrors an image left to right."""
    return np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])


def _square(matrix: np.ndarray) -> np.ndarray:
    return np.vstack([matrix, [0.0, 0.0, 1.0]])


def grid_points(matrix: np.ndarray, resolution: int) -> np.ndarray:
    """Return (R, R, 2) float32: the x and y under `matrix` of each output pixel."""
    points = _pixels(resolution) @ matrix.T.astype(np.float32)
    return points.reshape(resolution, resolution, 2)


@cache
def _pixels(resolution: int) -> np.ndarray:
    """(R * R, 3) float32: x, y, 1 of every pixel, row by row."""
    rows, columns = np.indices((resolution, resolution), np.float32).reshape(2, -1)
    return np.stack([columns, rows, np.ones_like(rows)], axis=1)


def displacement(matrix: np.ndarray, nodes: np.ndarray, resolution: int, size: int) -> np.ndarray:
    """Return (R, R, 2) float32: how far the warp grid moves the points of `grid_points`.

    The grid's surface is bilinear between its nodes and zero outside the image. It is drawn at
    FINE x FINE steps, with the nodes on steps, and read from there: exact to 0.04 pixel in 256.
    """
    ramps = _ramps(len(nodes) + 1)
    surface = np.ascontiguousarray((ramps @ nodes.transpose(2, 0, 1) @ ramps.T).transpose(1, 2, 0))
    steps_per_pixel = FINE / size
    matrix = matrix * steps_per_pixel
    matrix[:, 2] += steps_per_pixel / 2  # the surface begins at the image's edge
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(surface, matrix, (resolution, resolution), flags=flags)


@cache
def _ramps(cells: int) -> np.ndarray:
    """(FINE + 1, cells - 1) float32: the weight of each interior node at each step of a side."""
    places = np.linspace(0, cells, FINE + 1, dtype=np.float32)[:, None]
    return np.maximum(0, 1 - np.abs(places - np.arange(1, cells, dtype=np.float32)))


def sample(
    image: Image,
    matrix: np.ndarray,
    nodes: np.ndarray,
    resolution: int,
    size: int,
    *,
    target: Image | None = None,
) -> tuple[Image, Image]:
    """Read the warped and the straight version of an image through one matrix.

    Parameters
    ----------
    image : (k, k, C) uint8
        The aligned image, perhaps reduced from `size` to k pixels.
    matrix : (2, 3) float64
        From `output_to_image`.
    target : (k, k, C) uint8 or None
        Another image to read the straight version from.

    Returns
    -------
    warped, straight : (resolution, resolution, C) uint8
        The same pixels when no node moves.
    """
    matrix, nodes = _reduced(matrix, len(image) / size), nodes * np.float32(len(image) / size)
    straight = grid_points(matrix, resolution)
    bent = straight + displacement(matrix, nodes, resolution, len(image))
    # uint8 saturates, so cubic overshoot cannot leave the legal range
    warped, read = (
        cv2.remap(pixels, points, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        for pixels, points in ((image, bent), (image if target is None else target, straight))
    )
    return warped, read


def read_warped(
    images: Sequence[Image], matrix: np.ndarray, nodes: np.ndarray, resolution: int, size: int
) -> list[Image]:
    """Read the warped version of images of one size as `sample` does, but bilinear.

    That takes a third of the time, and gives masks no overshoot.
    """
    reduction = len(images[0]) / size
    matrix, nodes = _reduced(matrix, reduction), nodes * np.float32(reduction)
    points = grid_points(matrix, resolution)
    points = points + displacement(matrix, nodes, resolution, len(images[0]))
    flags, border = cv2.INTER_LINEAR, cv2.BORDER_REPLICATE
    return [cv2.remap(image, points, None, flags, borderMode=border) for image in images]


def read_mask(mask: Image, matrix: np.ndarray, resolution: int, size: int) -> Image:
    """Read a (k, k) uint8 mask as `sample` does: straight, (resolution, resolution)."""
    matrix = _reduced(matrix, len(mask) / size)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return cv2.warpAffine(mask, matrix, (resolution, resolution), flags=flags, borderMode=border)


def _reduced(matrix: np.ndarray, reduction: float) -> np.ndarray:
    """Return the matrix to an image reduced to this part of its side."""
    matrix = matrix * reduction
    matrix[:, 2] += (reduction - 1) / 2  # (x + 1/2) * reduction - 1/2
    return matrix

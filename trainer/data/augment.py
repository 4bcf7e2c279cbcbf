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

from facelib.geometry import invert
from utils.images import Image

ROTATION = 10.0  # degrees either way
SCALE = 0.05  # of 1, either way
SHIFT = 0.05  # of the image's side, either way
LEAST = np.array([-ROTATION, 1 - SCALE, -SHIFT, -SHIFT])  # of rotation, scale, x and y, and ...
SPREAD = np.array([ROTATION, 1 + SCALE, SHIFT, SHIFT]) - LEAST
FLIP_CHANCE = 0.4
GRIDS = (2, 4, 8)  # cells per side of the warp grid, equally likely
WARP = 0.24  # largest displacement of a node, in cells
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
    moved = LEAST + SPREAD * rng.random(4)
    middle = (size - 1) / 2
    matrix = cv2.getRotationMatrix2D((middle, middle), moved[0], moved[1] + scale_shift)
    matrix[:, 2] += moved[2:] * size
    cells = GRIDS[rng.integers(len(GRIDS))]
    nodes = truncated_normal(rng, (cells - 1, cells - 1, 2)) * (WARP * size / cells)
    return Jitter(matrix, nodes.astype(np.float32), bool(flip and rng.random() < FLIP_CHANCE))


def truncated_normal(rng: Generator, shape: tuple[int, ...]) -> np.ndarray:
    """Return normal deviates, redrawn until within +-TRUNCATION and divided by it: -1..1."""
    values = rng.standard_normal(shape)
    while (outside := np.abs(values) > TRUNCATION).any():
        values[outside] = rng.standard_normal(np.count_nonzero(outside))
    return values / TRUNCATION


def output_to_image(jitter: Jitter, crop: np.ndarray, size: int) -> np.ndarray:
    """Return the (2, 3) matrix that maps an output pixel back into the image, before warping.

    Parameters
    ----------
    crop : (2, 3) float64
        The crop of the model's face type, image -> output; for a flipped sample that of the
        mirrored face.
    """
    forward = _after(crop, mirror_matrix(size)) if jitter.flip else crop
    return invert(_after(forward, jitter.matrix))


def mirror_matrix(size: int) -> np.ndarray:
    """Return the (2, 3) matrix that mirrors an image left to right."""
    return np.array([[-1.0, 0.0, size - 1.0], [0.0, 1.0, 0.0]])


def _after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Return the (2, 3) matrix of one map after another."""
    matrix = second[:, :2] @ first
    matrix[:, 2] += second[:, 2]
    return matrix


def grid_points(matrix: np.ndarray, resolution: int) -> np.ndarray:
    """Return (R, R, 2) float32: the x and y under `matrix` of each output pixel."""
    return cv2.transform(_pixels(resolution), matrix)


@cache
def _pixels(resolution: int) -> np.ndarray:
    """(R, R, 2) float32: x and y of every pixel."""
    rows, columns = np.indices((resolution, resolution), np.float32)
    return np.dstack([columns, rows])


def displacement(matrix: np.ndarray, nodes: np.ndarray, resolution: int, size: int) -> np.ndarray:
    """Return (R, R, 2) float32: how far the warp grid moves the points of `grid_points`.

    The grid's surface is bilinear between its nodes and zero outside the image.
    """
    cells = len(nodes) + 1
    # Of four channels OpenCV interpolates exactly, and in a third of the time of two; and with
    # another ring of zeros it does so up to the edge.
    grid = np.zeros((cells + 3, cells + 3, 4), np.float32)
    grid[2:-2, 2:-2, :2] = nodes
    matrix = matrix * (cells / size)
    matrix[:, 2] += cells / size / 2 + 1  # the grid begins at the image's edge
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(grid, matrix, (resolution, resolution), flags=flags)[..., :2]


def sample(
    image: Image,
    matrix: np.ndarray,
    nodes: np.ndarray,
    resolution: int,
    size: int,
    *,
    target: Image | None = None,
    interpolation: int = cv2.INTER_LINEAR,
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
    interpolation : int
        How OpenCV reads between pixels.

    Returns
    -------
    warped, straight : (resolution, resolution, C) uint8
        The same pixels when no node moves.
    """
    straight, bent = _read_points(matrix, nodes, resolution, size, len(image))
    # uint8 saturates, so cubic overshoot cannot leave the legal range
    border = cv2.BORDER_REPLICATE
    warped = cv2.remap(image, bent, None, interpolation, borderMode=border)
    target = image if target is None else target
    if bent is straight and target is image:
        return warped, warped
    return warped, cv2.remap(target, straight, None, interpolation, borderMode=border)


def _read_points(
    matrix: np.ndarray, nodes: np.ndarray, resolution: int, size: int, kept: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return where the straight and the warped version are read in an image of `kept` pixels."""
    matrix, nodes = _reduced(matrix, kept / size), nodes * np.float32(kept / size)
    straight = grid_points(matrix, resolution)
    if not nodes.any():
        return straight, straight
    moved = displacement(matrix, nodes, resolution, kept)
    # Each pair x, y as one complex number, since NumPy is slow on axes of two.
    bent = straight.view(np.complex64) + moved.view(np.complex64)
    return straight, bent.view(np.float32)


def read_warped(
    images: Sequence[Image], matrix: np.ndarray, nodes: np.ndarray, resolution: int, size: int
) -> list[Image]:
    """Read the warped version of images of one size as `sample` does, but bilinear.

    That takes a third of the time, and gives masks no overshoot.
    """
    _, points = _read_points(matrix, nodes, resolution, size, len(images[0]))
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

"""The matrices of Winograd's F(4x4, 3x3), after Lavin & Gray 2016.

A tile of 4 x 4 outputs comes from 6 x 6 inputs d and 3 x 3 weights g as
A' [(G g G') * (B' d B)] A. Each engine has its own matrix products for them.
"""

from functools import cache

import numpy as np

TILE, POINTS = 4, 6  # outputs and inputs of a tile, along a side
BLOCK = 4  # tiles of a row whose outputs are transformed at once

INPUT = np.array([
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
])
WEIGHTS = np.array([
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
])
OUTPUT = np.array([
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
])


@cache
def bands(size: int, padding: str = "same") -> tuple[np.ndarray, np.ndarray, int]:
    """Return INPUT and OUTPUT for many tiles, and to how many blocks of a side the second applies.

    Their shapes are (6 * tiles, size) and (outputs, 6 * tiles). INPUT is for a whole side; outputs
    do not overlap, so they are made block by block, of BLOCK tiles where that divides them. Rows
    of the first and columns of the second are ordered as point * tiles + tile. Inputs outside the
    image are 0 and outputs outside it are dropped, so any size works. The output is two smaller
    than `size` if "valid".
    """
    before = 1 if padding == "same" else 0  # as much comes after
    outputs = size + 2 * before - 2
    tiles = -(-outputs // TILE)
    blocks = 1 if outputs % (BLOCK * TILE) else outputs // (BLOCK * TILE)
    points = np.zeros((POINTS, tiles, TILE * tiles + POINTS), np.float32)
    for tile in range(tiles):
        first = TILE * tile
        points[:, tile, first : first + POINTS] = INPUT
    pixels = np.einsum("kp,st->skpt", OUTPUT, np.eye(tiles // blocks, dtype=np.float32))
    pixels = pixels.astype(np.float32).reshape(-1, POINTS * tiles // blocks)
    return (
        np.ascontiguousarray(points[..., before : before + size].reshape(-1, size)),
        np.ascontiguousarray(pixels[: outputs // blocks]),
        blocks,
    )

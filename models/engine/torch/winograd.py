"""Convolutions with a quarter of the multiplications: Winograd's form as matrix products.

See `models.engine.winograd`. One banded matrix transforms all inputs of a row, one the outputs of a
few tiles, and each of the 36 positions, summed over the channels, is one matrix product.
"""

from functools import cache
from typing import Any

import numpy as np
import torch

from models.backend import Tensor
from models.engine.winograd import POINTS, WEIGHTS, bands


def transform(kernel: Tensor) -> Tensor:
    """Transform (3, 3, C, D) weights: (36, C, D)."""
    return (_weights() @ kernel.reshape(9, -1)).view(POINTS**2, *kernel.shape[2:])


def convolve_transformed(x: Tensor, u: Tensor) -> Tensor:
    """Convolve like `convolve`, but without gradients, with weights from `transform`."""
    to_points, to_pixels, blocks = _tensors(x.shape[1], "same")
    return _join(torch.bmm(_split(x, to_points), u), to_pixels, blocks)


def convolve(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    """Convolve (N, S, S, C) with (3, 3, C, D), stride 1: (N, S, S, D), or S - 2 if "valid"."""
    return _Convolution.apply(x, kernel, padding)


def convolve_stride_2(x: Tensor, kernel: Tensor, padding: str = "same") -> Tensor:
    """Convolve (N, S, S, C), S even, with (5, 5, C, D), stride 2.

    The four pixels of each 2 x 2 block become channels, which leaves a convolution with a 3 x 3
    kernel. "Valid": tap k meets pixel k % 2 of the block k // 2 blocks away; "same" adds one pixel
    before, so there it is pixel (k + 1) % 2 of the block (k + 1) // 2 - 1 blocks away.
    """
    count, size, _, channels = x.shape
    half, depth = size // 2, kernel.shape[3]
    blocks = x.view(count, half, 2, half, 2, channels).transpose(2, 3)
    edge = (1, 0) if padding == "same" else (0, 1)
    kernel = torch.nn.functional.pad(kernel, (0, 0, 0, 0, *edge, *edge))
    kernel = kernel.view(3, 2, 3, 2, channels, depth).transpose(1, 2)
    return convolve(
        blocks.reshape(count, half, half, 4 * channels),
        kernel.reshape(3, 3, 4 * channels, depth),
        padding,
    )


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, kernel: Tensor, padding: str) -> Tensor:  # noqa: ANN401
        to_points, to_pixels, blocks = ctx.bands = _tensors(x.shape[1], padding)
        v, u = _split(x, to_points), transform(kernel)
        ctx.save_for_backward(v, u)
        return _join(torch.bmm(v, u), to_pixels, blocks)

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor, Tensor, None]:  # noqa: ANN401
        v, u = ctx.saved_tensors
        to_points, to_pixels, blocks = ctx.bands
        dm = _split(dy.contiguous(), to_pixels.T, blocks)
        du = torch.bmm(v.transpose(1, 2), dm).view(POINTS**2, -1)
        d_kernel = (_weights().T @ du).view(3, 3, *u.shape[1:])
        d_x = _join(torch.bmm(dm, u.transpose(1, 2)), to_points.T)
        return d_x, d_kernel, None


@cache
def _weights() -> Tensor:
    with torch.inference_mode(False):  # else it could not be used in training later
        return torch.tensor(np.kron(WEIGHTS, WEIGHTS), dtype=torch.float32)  # (36, 9)


@cache
def _tensors(size: int, padding: str) -> tuple[Tensor, Tensor, int]:
    """Return `bands` as tensors."""
    to_points, to_pixels, blocks = bands(size, padding)
    with torch.inference_mode(False):
        return torch.from_numpy(to_points), torch.from_numpy(to_pixels), blocks


def _split(x: Tensor, band: Tensor, blocks: int = 1) -> Tensor:
    """Apply the (6 * tiles, S) band to rows and columns: (N, S, S, C) -> (36, N * tiles^2, C).

    With `blocks` it is applied to each of so many along both sides.
    """
    channels, (width, size) = x.shape[3], band.shape
    tiles = width // POINTS
    x = _apply(band, x.view(-1, size, blocks * size * channels))
    x = _apply(band, x.view(-1, size, channels))
    x = x.view(-1, POINTS, tiles, blocks, POINTS, tiles * channels)
    return x.permute(1, 4, 0, 2, 3, 5).reshape(POINTS**2, -1, channels)


def _join(x: Tensor, band: Tensor, blocks: int = 1) -> Tensor:
    """Apply the (S, 6 * tiles) band to rows and columns: (36, N * tiles^2, C) -> (N, S, S, C).

    With `blocks` it makes each of so many along both sides.
    """
    channels, (size, width) = x.shape[2], band.shape
    tiles, side = width // POINTS, blocks * size
    x = x.view(POINTS, POINTS, -1, tiles, blocks, tiles * channels)
    x = _apply(band, x.permute(2, 0, 3, 4, 1, 5).reshape(-1, width, channels))
    x = _apply(band, x.view(-1, width, side * channels))
    return x.view(-1, side, side, channels)


def _apply(band: Tensor, x: Tensor) -> Tensor:
    """Multiply a matrix with each of some."""
    return torch.bmm(band.expand(len(x), *band.shape), x)

"""Faster convolutions on a CPU, as in `models.engine.tensorflow.fast_convolution`, in PyTorch.

Besides, none of them copies its input: Keras turns images whose channels come last into such with
the channels first, and back, though PyTorch computes with either. That helps GPUs, too.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import keras
import torch
from torch.nn import functional

from models.backend import Tensor, Variable
from models.engine.convolution import (
    FEW_CHANNELS,
    FEW_PIXELS,
    PREDICTED_PIXELS,
    SMALL_INPUT,
    Geometry,
    is_accelerated,
)
from models.engine.torch import winograd

Context = Any
"""Of a torch.autograd.Function: what its two passes share."""


def accelerate(networks: Iterable[keras.Model], *, on_cpu: bool) -> None:
    """Replace the convolutions of `networks`; weights stay."""
    for layer in _simple_layers(networks):
        form = _fast if on_cpu and is_accelerated(layer) else _plain
        layer.convolution_op = partial(_convolve, form, Geometry.of(layer))


def accelerate_prediction(networks: Iterable[keras.Model], *, on_cpu: bool) -> None:
    """Do the same for networks whose weights no longer change: some are transformed once."""
    for layer in _simple_layers(networks):
        form = _Prediction() if on_cpu and is_accelerated(layer) else _plain
        layer.convolution_op = partial(_convolve, form, Geometry.of(layer))


def _simple_layers(networks: Iterable[keras.Model]) -> list[keras.layers.Conv2D]:
    layers = {layer for network in networks for layer in network.layers}
    return [each for each in layers if isinstance(each, keras.layers.Conv2D) and _is_simple(each)]


def _is_simple(layer: keras.layers.Conv2D) -> bool:
    height, width = layer.input.shape[1:3]
    (stride, other), form = layer.strides, (layer.groups, layer.dilation_rate, layer.data_format)
    simple = form == (1, (1, 1), "channels_last") and height is not None and height == width
    return bool(simple and stride == other and height % stride == 0)


def _convolve(
    form: Callable[[Tensor, Tensor, Geometry], Tensor],
    geometry: Geometry,
    x: Tensor,
    kernel: Tensor | Variable,
) -> Tensor:
    kernel = keras.ops.convert_to_tensor(kernel)
    if x.is_meta:  # Keras only asks for the shape
        form = _plain
    return form(x.contiguous(), kernel, geometry)


def _fast(x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
    """Convolve in the form that is fastest for the shapes."""
    side = kernel.shape[0]
    if kernel.shape[3] < FEW_CHANNELS:
        return _FewOutputs.apply(x, kernel)
    if len(x) * form.outputs(x.shape[1], side) ** 2 <= FEW_PIXELS[side]:
        return _Product.apply(x, kernel, form)
    if x.dtype == torch.bfloat16:
        return _plain(x, kernel, form)
    if form.stride == 1:
        return winograd.convolve(x, kernel)
    return winograd.convolve_stride_2(x, kernel, form.padding)


class _Prediction:
    """Convolves with weights that it transforms once."""

    def __init__(self) -> None:
        self._transformed: Tensor | None = None

    def __call__(self, x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
        if kernel.shape[3] < FEW_CHANNELS:
            return _FewOutputs.apply(x, kernel)
        pixels = len(x) * x.shape[1] ** 2
        if form.stride > 1 or x.shape[1] <= SMALL_INPUT or pixels < PREDICTED_PIXELS:
            return _plain(x, kernel, form)
        if self._transformed is None:
            self._transformed = winograd.transform(kernel)
        return winograd.convolve_transformed(x, self._transformed)


def _plain(x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
    x, (before, after) = x.permute(0, 3, 1, 2), form.edges(kernel.shape[0])
    if before != after:
        x, before = functional.pad(x, (before, after, before, after)), 0
    kernel = kernel.permute(3, 2, 0, 1)
    if x.device.type == "cpu":  # where oneDNN is not used, the gradient needs it so
        kernel = kernel.contiguous()
    y = functional.conv2d(x, kernel, None, form.stride, before)
    return y.permute(0, 2, 3, 1)


class _Product(torch.autograd.Function):
    """(N, S, S, C) with (k, k, C, D), all as matrix products."""

    @staticmethod
    def forward(ctx: Context, x: Tensor, kernel: Tensor, form: Geometry) -> Tensor:
        side, _, channels, depth = kernel.shape
        out = form.outputs(x.shape[1], side)
        columns = _taps(x, side, form).reshape(-1, side * side * channels)
        ctx.form, ctx.size = form, x.shape[1]
        ctx.save_for_backward(columns, kernel)
        return (columns @ kernel.view(-1, depth)).view(-1, out, out, depth)

    @staticmethod
    def backward(ctx: Context, dy: Tensor) -> tuple[Tensor, Tensor, None]:
        columns, kernel = ctx.saved_tensors
        side, _, channels, depth = kernel.shape
        flat = dy.reshape(-1, depth)
        d_kernel = (columns.T @ flat).view(kernel.shape)
        d_columns = (flat @ kernel.view(-1, depth).T).view(*dy.shape[:3], side, side, channels)
        return _put_back(d_columns, ctx.size, ctx.form), d_kernel, None


def _taps(x: Tensor, side: int, form: Geometry) -> Tensor:
    """(N, H, W, C) -> a view (N, H', W', side, side, C) of what each tap of a kernel meets."""
    edges, out = form.edges(side), form.outputs(x.shape[1], side)
    x = functional.pad(x, (0, 0, *edges, *edges))
    count, channels = len(x), x.shape[3]
    image, row, pixel, one = x.stride()
    steps = (image, form.stride * row, form.stride * pixel, row, pixel, one)
    return x.as_strided((count, out, out, side, side, channels), steps)


def _put_back(taps: Tensor, size: int, form: Geometry) -> Tensor:
    """Add (N, H', W', side, side, C) where they were taken from: (N, H, W, C)."""
    count, out, _, side, _, channels = taps.shape
    before, after = form.edges(side)
    x = taps.new_zeros(count, size + before + after, size + before + after, channels)
    end = form.stride * (out - 1) + 1
    for i in range(side):
        for j in range(side):
            x[:, i : i + end : form.stride, j : j + end : form.stride] += taps[:, :, :, i, j]
    return x[:, before : before + size, before : before + size]


class _FewOutputs(torch.autograd.Function):
    """(N, S, S, C) with (k, k, C, D), k odd, "same" padding, D small.

    Each input pixel is multiplied with all k * k * D weights at once, and its contributions to its
    neighbors are added up, plane by plane; in the backward pass only the few planes are copied
    k * k times.
    """

    @staticmethod
    def forward(ctx: Context, x: Tensor, kernel: Tensor) -> Tensor:
        ctx.save_for_backward(x, kernel)
        (count, size, _, channels), (side, _, _, depth) = x.shape, kernel.shape
        flat, rows = x.view(-1, channels), kernel.transpose(2, 3).reshape(-1, channels)
        shares = (rows @ flat.T).view(side, side, depth, count, size, size)
        y, half = x.new_zeros(depth, count, size, size), side // 2
        for i in range(side):
            for j in range(side):
                to, of = zip(*(_meeting(tap - half, size) for tap in (i, j)), strict=True)
                y[:, :, to[0], to[1]] += shares[i, j][:, :, of[0], of[1]]
        return y.permute(1, 2, 3, 0).contiguous()

    @staticmethod
    def backward(ctx: Context, dy: Tensor) -> tuple[Tensor, Tensor]:
        x, kernel = ctx.saved_tensors
        (count, size, _, channels), (side, _, _, depth) = x.shape, kernel.shape
        half = side // 2
        planes = functional.pad(dy.permute(3, 0, 1, 2), (half,) * 4)
        plane, image, row, one = planes.stride()
        # the pixel that tap i of a pixel adds to is half - i below it
        planes = planes.as_strided(
            (side, side, depth, count, size, size), (row, one, plane, image, row, one)
        )
        shares = planes.flip(0, 1).reshape(side * side * depth, -1)
        flat, rows = x.view(-1, channels), kernel.transpose(2, 3).reshape(-1, channels)
        d_rows = (shares @ flat).view(side, side, depth, channels)
        return (shares.T @ rows).view(x.shape), d_rows.transpose(2, 3)


def _meeting(shift: int, size: int) -> tuple[slice, slice]:
    """Return which outputs along a side meet which inputs, `shift` pixels after them."""
    return slice(max(-shift, 0), size - max(shift, 0)), slice(max(shift, 0), size - max(-shift, 0))

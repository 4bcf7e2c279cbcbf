"""Which convolutions both engines replace by faster forms on a CPU, and when which is faster."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from models.backend import keras

# kernel size, stride and padding of what is replaced, with few outputs and with many
FEW_OUTPUTS = ((1, 1, "same"), (3, 1, "same"), (5, 1, "same"))
LARGE = ((3, 1, "same"), (5, 2, "same"), (5, 2, "valid"))
FEW_CHANNELS = 16  # with fewer, the copies cost more than the product saves
# kernel size -> outputs of a batch, up to which transforming the weights does not pay off
FEW_PIXELS = {3: 256, 5: 512}
PREDICTED_PIXELS = 256  # the same for 3 x 3 weights that are transformed in advance
SMALL_INPUT = 4  # side up to which they are not: one tile a face


class Geometry(NamedTuple):
    """What a convolution does beside its weights.

    Attributes
    ----------
    stride : int
        Of rows and columns.
    padding : str
        "same" or "valid", as in Keras.
    """

    stride: int = 1
    padding: str = "same"

    @classmethod
    def of(cls, layer: "keras.layers.Conv2D") -> "Geometry":
        """Return that of a layer."""
        return cls(layer.strides[0], layer.padding)

    def outputs(self, size: int, side: int) -> int:
        """Return the side of the output, for an input and a kernel of these sides."""
        return (size - (side if self.padding == "valid" else 1)) // self.stride + 1

    def edges(self, side: int) -> tuple[int, int]:
        """Return the padding before and after, for a size divisible by the stride."""
        total = max(side - self.stride, 0) if self.padding == "same" else 0
        return total // 2, total - total // 2


def slow_layers(networks: "Iterable[keras.Model]") -> Iterator["keras.layers.Conv2D"]:
    """Yield the convolutions of networks that faster forms replace."""
    for network in networks:
        for layer in network.layers:
            if isinstance(layer, keras.layers.Conv2D) and is_accelerated(layer):
                yield layer


def is_accelerated(layer: "keras.layers.Conv2D") -> bool:
    """Tell whether a layer is of a kind that takes most of the time."""
    height, width, channels = layer.input.shape[1:]
    kernel, form = layer.kernel_size[0], Geometry.of(layer)
    few = layer.filters < FEW_CHANNELS
    return (
        (kernel, *form) in (FEW_OUTPUTS if few else LARGE)
        and layer.groups == 1
        and layer.dilation_rate == (1, 1)
        and height == width
        and height % form.stride == 0
        and channels >= FEW_CHANNELS
    )

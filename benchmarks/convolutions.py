"""Time single convolutions, forward and backward on one thread: TensorFlow's and ours.

    python -m benchmarks.convolutions [--rounds 5] [NAME ...]

CPU milliseconds, in turns in one run; quote the ratios.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from utils import device

device.select(device.EngineOptions(cpu_only=True))

import keras
import numpy as np
import tensorflow as tf

from models.engine import engine
from models.engine.tensorflow import fast_convolution

# name: side of the input, channels in and out, kernel, stride, images
LAYERS = {
    "H64light.down2": (32, 128, 256, 5, 2, 16),
    "H64light.down3": (16, 256, 512, 5, 2, 16),
    "H64light.down4": (8, 512, 768, 5, 2, 16),
    "H64light.inter_up": (4, 512, 1024, 3, 1, 16),
    "H64light.up1": (8, 256, 1024, 3, 1, 8),
    "H64light.up2": (16, 256, 512, 3, 1, 8),
    "H64light.up3": (32, 128, 256, 3, 1, 8),
    "H64light.image": (64, 64, 3, 5, 1, 8),
    "H64light.mask": (64, 64, 1, 5, 1, 8),
    "H128.down2": (64, 128, 256, 5, 2, 8),
    "H128.down3": (32, 256, 512, 5, 2, 8),
    "H128.down4": (16, 512, 1024, 5, 2, 8),
    "H128.inter_up": (8, 512, 2048, 3, 1, 8),
    "H128.up1": (16, 512, 2048, 3, 1, 4),
    "H128.up2": (32, 512, 1024, 3, 1, 4),
    "H128.up3": (64, 256, 512, 3, 1, 4),
    "H128.image": (128, 128, 3, 5, 1, 4),
}


def plain_and_ours(
    side: int, channels: int, depth: int, kernel: int, stride: int, count: int
) -> dict[str, Callable[[], list[tf.Tensor]]]:
    """Return the forward and backward pass of a layer, plain and accelerated."""
    x = tf.Variable(tf.random.normal([count, side, side, channels]))
    dy = tf.random.normal([count, side // stride, side // stride, depth])
    passes = {}
    for name in ("plain", "ours"):
        inputs = keras.Input((side, side, channels))
        layer = keras.layers.Conv2D(depth, kernel, strides=stride, padding="same")
        network = keras.Model(inputs, layer(inputs))
        if name == "ours":
            fast_convolution.accelerate([network])
        passes[name] = _pass(network, layer, x, dy)
    return passes


def _pass(
    network: keras.Model, layer: keras.layers.Conv2D, x: tf.Variable, dy: tf.Tensor
) -> Callable[[], list[tf.Tensor]]:
    @tf.function
    def run() -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            y = network(x.value(), training=True)
        return tape.gradient(y, [x, layer.kernel.value], output_gradients=dy)

    return run


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("names", nargs="*", default=list(LAYERS), metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    engine().tune()
    for layer in chosen.names:
        side, channels, depth, kernel, stride, count = LAYERS[layer]
        times: dict[str, list[float]] = {"plain": [], "ours": []}
        passes = plain_and_ours(*LAYERS[layer])
        for _ in range(chosen.rounds + 1):
            for name, run in passes.items():
                started = time.process_time()
                run()
                times[name].append(1000 * (time.process_time() - started))
        plain, ours = (float(np.median(values[1:])) for values in times.values())
        work = 6e-6 * count * (side // stride) ** 2 * kernel**2 * channels * depth
        print(
            f"{layer:18} {count:2} x {side}^2 x {channels} -> {depth}, {kernel}x{kernel}/{stride}"
            f"  plain {plain:6.0f} ms ({work / plain:3.0f} GFLOP/s)  ours {ours:5.0f} ms"
            f"  {plain / ours:4.1f}x",
            flush=True,
        )


if __name__ == "__main__":
    main()

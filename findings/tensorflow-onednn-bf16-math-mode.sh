#!/usr/bin/env bash
# TensorFlow 2.21.0 (CPU, x86-64): TF_SET_ONEDNN_FPMATH_MODE=BF16, which lets float32 operations
# compute in bfloat16, reaches only a part of a training step: convolutions, their gradients to the
# input, and matrix products of three dimensions. The gradients of a convolution's weights and
# products of two matrices, so dense layers too, stay in float32, without a word.
# Expected: one mode for all of them, as one variable sets it; or a warning.
# Met by: who trains a network of convolutions on a Xeon with AMX and sets the variable: a third of
# the work does not become faster, and the precision differs between forward and backward pass.
# Needs a processor with AVX512-BF16 or AMX; without one the variable changes nothing at all.
# Output seen on 2026-11-30, Python 3.11, Xeon with AMX; largest error, relative to float64:
#     product of two matrices: 4.8e-07 float32, 4.8e-07 BF16
#     product, three dimensions: 1.1e-06 float32, 2.5e-03 BF16
#     convolution: 9.9e-07 float32, 2.6e-03 BF16
#     its gradient to the input: 9.3e-07 float32, 2.6e-03 BF16
#     its gradient to the weights: 3.5e-07 float32, 3.5e-07 BF16
set -euo pipefail
if ! grep -qE "avx512_bf16|amx_bf16" /proc/cpuinfo; then
    echo "this processor has no bfloat16, so there is nothing to see"
    exit 0
fi
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" \
    tensorflow-cpu==2.21.0 numpy==2.2.6
cat > "$folder/errors.py" <<'PY'
import json

import numpy as np
import tensorflow as tf

SIDE, CHANNELS = 32, 64
rng = np.random.default_rng(1)


def normal(*shape):
    return rng.normal(size=shape).astype(np.float32)


def taps(x):
    """Yield the 3 x 3 shifted images under a kernel, float64, with the tap."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    for row in range(3):
        for column in range(3):
            yield row, column, padded[:, row : row + SIDE, column : column + SIDE]


def convolved(x, kernel):
    return sum(part @ kernel[row, column].astype(np.float64) for row, column, part in taps(x))


def error(found, exact):
    return float(np.abs(found - exact).max() / np.abs(exact).max())


@tf.function
def run(a, b, x, kernel, dy):
    with tf.GradientTape() as tape:
        tape.watch([x, kernel])
        y = tf.nn.conv2d(x, kernel, 1, "SAME")
    return a[0] @ b[0], a @ b, y, *tape.gradient(y, [x, kernel], dy)


a, b = normal(1, 512, 512), normal(1, 512, 512)
x, dy = normal(4, SIDE, SIDE, CHANNELS), normal(4, SIDE, SIDE, CHANNELS)
kernel = normal(3, 3, CHANNELS, CHANNELS)
exact = a[0].astype(np.float64) @ b[0].astype(np.float64)
d_kernel = np.zeros(kernel.shape)
for row, column, part in taps(x):
    d_kernel[row, column] = np.einsum("nhwc,nhwd->cd", part, dy.astype(np.float64), optimize=True)
wanted = {
    "product of two matrices": exact,
    "product, three dimensions": exact[None],
    "convolution": convolved(x, kernel),
    "its gradient to the input": convolved(dy, kernel[::-1, ::-1].transpose(0, 1, 3, 2)),
    "its gradient to the weights": d_kernel,
}
found = run(*map(tf.constant, (a, b, x, kernel, dy)))
print(json.dumps({n: error(f.numpy(), w) for (n, w), f in zip(wanted.items(), found, strict=True)}))
PY
export PYTHONPATH="$folder/site" TF_CPP_MIN_LOG_LEVEL=3
python3 "$folder/errors.py" > "$folder/plain.json" 2> "$folder/log"
TF_SET_ONEDNN_FPMATH_MODE=BF16 python3 "$folder/errors.py" > "$folder/bf16.json" 2>> "$folder/log"
python3 - "$folder/plain.json" "$folder/bf16.json" <<'PY'
import json
import pathlib
import sys

plain, bf16 = (json.loads(pathlib.Path(path).read_text()) for path in sys.argv[1:])
coarse = set()
for name, error in plain.items():
    print(f"{name}: {error:.1e} float32, {bf16[name]:.1e} BF16")
    assert error < 1e-5, "float32 is not what it was"
    if bf16[name] > 1e-4:
        coarse.add(name)
assert coarse == {"product, three dimensions", "convolution", "its gradient to the input"}, coarse
PY

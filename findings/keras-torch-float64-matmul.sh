#!/usr/bin/env bash
# Keras 3.15.1 on PyTorch 2.13.0: keras.ops.matmul, dot and tensordot compute the product of two
# float64 tensors in float32. matmul of float64 says so by its result, a float32 tensor; a Dense
# layer of dtype float64 does not: its output is float64, with the digits of float32.
# Expected: float64 from float64, as by einsum on the same backend, torch.matmul, and by matmul on
# Keras's TensorFlow backend.
# Met by: who compares two backends in float64 to tell rounding from a fault, or solves for a pose or
# a color transfer with keras.ops: an error of 1e-7 and not 1e-15 looks like a fault of the network.
# Output seen on 2026-11-30, Python 3.11, x86-64 (the last digits depend on the processor):
#     matmul     float32  7e-06
#     dot        float32  7e-06
#     tensordot  float32  7e-06
#     einsum     float64  0e+00
#     Dense      float64  7e-06
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
# the build for the CPU: from where pip is told to look, else PyTorch's own index
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0+cpu ||
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check torch==2.13.0 \
        --index-url https://download.pytorch.org/whl/cpu
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1
cd "$folder"
KERAS_BACKEND=torch CUDA_VISIBLE_DEVICES=-1 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np
from keras import ops

rng = np.random.default_rng(0)
a, b = rng.standard_normal((2, 64, 64))
x, y = (ops.convert_to_tensor(each, dtype="float64") for each in (a, b))
layer = keras.layers.Dense(64, dtype="float64")
layer.build(a.shape)
layer.set_weights([b, np.zeros(64)])

found = {
    "matmul": ops.matmul(x, y),
    "dot": ops.dot(x, y),
    "tensordot": ops.tensordot(x, y, 1),
    "einsum": ops.einsum("ij,jk->ik", x, y),
    "Dense": layer(x),
}
errors = {}
for name, tensor in found.items():
    array = ops.convert_to_numpy(tensor)
    errors[name] = np.abs(array - a @ b).max()
    print(f"{name:9}  {array.dtype}  {errors[name]:.0e}")
    found[name] = str(array.dtype)
for name in ("matmul", "dot", "tensordot"):
    assert found[name] == "float32" and errors[name] > 1e-7
assert found["einsum"] == "float64" and errors["einsum"] < 1e-12
assert found["Dense"] == "float64" and errors["Dense"] > 1e-8
PY

#!/usr/bin/env bash
# Keras 3.15.1 on TensorFlow 2.21.0: keras.ops.image.map_coordinates, which warps an image by a map,
# does not do at the edges what its modes are named for, and raises for some points beyond them.
#   "reflect" (abcd -> dcba|abcd): right beyond the last pixel, but before the first one as "mirror"
#             (the edge pixel is not repeated);
#   "mirror"  (abcd -> dcb|abcd): right before the first pixel; up to half an image beyond the last
#             one it raises InvalidArgumentError or gives another pixel.
# Expected: what SciPy's ndimage.map_coordinates gives, whose modes and names these are; "constant"
# and "nearest" do equal it, and so did all four on Keras's PyTorch backend (torch 2.13.0).
# Met by: who warps faces or frames in a Keras input pipeline (an elastic or a similarity warp reads
# beyond the edge) and wants the border mirrored: a seam at the left and the top, none at the right.
# Output seen on 2026-11-30, Python 3.11, x86-64 (a row 0..7, read at these places):
#     place       -1.2   -0.6   -0.4    7.2    7.6
#     reflect      1.2    0.6    0.4    7.0    7.0
#     (SciPy)      0.2    0.0    0.0    7.0    7.0
#     mirror       1.2    0.6    0.4  error  error
#     (SciPy)      1.2    0.6    0.4    6.8    6.4
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install --quiet --disable-pip-version-check \
    keras==3.15.1 tensorflow-cpu==2.21.0 scipy==1.17.1
cd "$folder"
KERAS_BACKEND=tensorflow TF_CPP_MIN_LOG_LEVEL=3 "$folder/venv/bin/python" - <<'PY'
import keras
import numpy as np
from scipy import ndimage
from tensorflow.errors import InvalidArgumentError

PLACES = (-1.2, -0.6, -0.4, 7.2, 7.6)
image = np.tile(np.arange(8, dtype=np.float32), (8, 1))


def points(place):
    return np.array([[2.0], [place]], np.float32)


def of_keras(place, mode):
    try:
        found = keras.ops.image.map_coordinates(image, points(place), order=1, fill_mode=mode)
    except InvalidArgumentError:
        return None
    return round(float(found[0]), 3)


def of_scipy(place, mode):
    return round(float(ndimage.map_coordinates(image, points(place), order=1, mode=mode)[0]), 3)


def row(name, values):
    print(f"{name:8}", *(f"{'error' if value is None else value:>6}" for value in values))


row("place", PLACES)
found = {}
for mode in ("reflect", "mirror", "nearest"):
    found[mode] = [of_keras(place, mode) for place in PLACES]
    wanted = [of_scipy(place, mode) for place in PLACES]
    row(mode, found[mode])
    row("(SciPy)", wanted)
    if mode == "nearest":
        assert found[mode] == wanted
assert found["reflect"] == [1.2, 0.6, 0.4, 7.0, 7.0]
assert found["mirror"] == [1.2, 0.6, 0.4, None, None]
PY

#!/usr/bin/env bash
# OpenCV 5.0.0 (PyPI wheel opencv-python-headless 5.0.0.93): imdecode and imread turn a JPEG, a PNG
# and a WebP upright by their EXIF orientation, an AVIF not.
# Expected: the same for all formats with the default flags, as IMREAD_IGNORE_ORIENTATION is the flag
# that asks for the opposite; or the turn that AVIF itself states (irot), which Pillow writes too.
# Met by: who reads photos of phones, which are stored on their side; faces in AVIF lie down.
# Output seen on 2026-11-30, Python 3.11, x86-64:
#     60 x 40 pixels, orientation 6 (turn right): JPEG 40 x 60, PNG 40 x 60, WEBP 40 x 60, AVIF 60 x 40
#     with IMREAD_IGNORE_ORIENTATION: JPEG 60 x 40, PNG 60 x 40, WEBP 60 x 40, AVIF 60 x 40
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" \
    opencv-python-headless==5.0.0.93 pillow==13.0.0
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PY'
import io

import cv2
import numpy as np
from PIL import Image

ORIENTATION, TURN_RIGHT = 274, 6
KINDS = ("JPEG", "PNG", "WEBP", "AVIF")


def photo(kind):
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_RIGHT
    file = io.BytesIO()
    Image.new("RGB", (60, 40), "teal").save(file, kind, exif=exif)
    return np.frombuffer(file.getvalue(), np.uint8)


def sizes(flags):
    shapes = {kind: cv2.imdecode(photo(kind), flags).shape for kind in KINDS}
    return {kind: (width, height) for kind, (height, width, _) in shapes.items()}


def text(found):
    return ", ".join(f"{kind} {width} x {height}" for kind, (width, height) in found.items())


assert Image.open(io.BytesIO(photo("AVIF"))).getexif()[ORIENTATION] == TURN_RIGHT
turned = sizes(cv2.IMREAD_COLOR)
ignored = sizes(cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
print("60 x 40 pixels, orientation 6 (turn right):", text(turned))
print("with IMREAD_IGNORE_ORIENTATION:", text(ignored))
assert turned == {"JPEG": (40, 60), "PNG": (40, 60), "WEBP": (40, 60), "AVIF": (60, 40)}, turned
assert set(ignored.values()) == {(60, 40)}, ignored
PY

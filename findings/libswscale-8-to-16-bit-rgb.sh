#!/usr/bin/env bash
# libswscale 9.5 (FFmpeg 8.1.2, as in PyAV 18.1.0's PyPI wheel): 16-bit RGB made from 8-bit RGB, or
# from limited-range YUV, lacks its top: white is 65283 and not 65535.
# Expected: each 8-bit value times 257, as both scales are full; 8-bit gray to 16-bit gray and
# 10-bit RGB to packed 16-bit RGB do give 65535. No flag of PyAV's Interpolation helps.
# Met by: who mixes 8-bit and 16-bit material, or asks frame.to_ndarray(format="rgb48le") of a video
# and divides by 65535: white comes out as 0.996, and rounded back to 8 bits as 254. FFmpeg's
# program, releases 5.1 and 7.0, gives the same for `-pix_fmt rgb48le`.
# Output seen on 2026-11-29, Python 3.11, x86-64:
#     rgb24 -> rgb48le: 1 -> 256 (not 257), 128 -> 32767 (not 32896), 255 -> 65283 (not 65535)
#     white, rgb24 -> rgb48le: {'default': 65283, 'accurate': 65283}
#     white, rgb24 -> gbrp16le: {'default': 65283, 'accurate': 65283}
#     white, yuv444p -> rgb48le: {'default': 65283, 'accurate': 65283}
#     white, yuv444p -> gbrp16le: {'default': 65283, 'accurate': 65283}
#     white, yuv420p10le -> rgb48le: {'default': 65283, 'accurate': 65283}
#     white, yuv420p10le -> gbrp16le: {'default': 65283, 'accurate': 65283}
#     white, gray -> gray16le: 65535
#     white, gbrp10le -> rgb48le: 65535
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/site" \
    av==18.1.0
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PY'
import av
from av.video.reformatter import Interpolation

FLAGS = {
    "default": None,
    "accurate": Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT,
}


def convert(source, samples, target, flags=None):
    """Fill each plane with its sample; return the one value in the first plane of the result."""
    frame = av.VideoFrame(64, 64, source)
    for plane, sample in zip(frame.planes, samples, strict=True):
        size = 2 if source.endswith("le") else 1
        plane.update(sample.to_bytes(size, "little") * (plane.buffer_size // size))
    result = frame.reformat(format=target, interpolation=flags).planes[0]
    row = 64 * 3 if target == "rgb48le" else 64  # 2 bytes each; the line may be padded
    values = set(memoryview(bytes(result)).cast("H")[:row].tolist())
    assert len(values) == 1, values
    return values.pop()


levels = {level: convert("rgb24", [level], "rgb48le") for level in (1, 128, 255)}
print("rgb24 -> rgb48le:", ", ".join(f"{a} -> {b} (not {a * 257})" for a, b in levels.items()))
assert levels == {1: 256, 128: 32767, 255: 65283}, levels
assert round(levels[255] / 257) == 254
for source, white in {
    "rgb24": [255],
    "yuv444p": [235, 128, 128],
    "yuv420p10le": [940, 512, 512],
}.items():
    for target in ("rgb48le", "gbrp16le"):
        found = {name: convert(source, white, target, flags) for name, flags in FLAGS.items()}
        print(f"white, {source} -> {target}: {found}")
        assert set(found.values()) == {65283}, found
for source, white, target in (
    ("gray", [255], "gray16le"),
    ("gbrp10le", [1023] * 3, "rgb48le"),
):
    found = convert(source, white, target)
    print(f"white, {source} -> {target}: {found}")
    assert found == 65535, found
PY

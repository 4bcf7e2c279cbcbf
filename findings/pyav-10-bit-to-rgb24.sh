#!/usr/bin/env bash
# PyAV 18.1.0 (PyPI wheel, FFmpeg 8.1.2): frame.reformat(format="rgb24"), and to_ndarray and
# to_image, which call it, give white 253 for limited-range video of 10 bits with subsampled chroma
# (the pixel formats of HEVC Main 10 and of most ProRes).
# Expected: 255, as from the same picture in 8 bits or in 10-bit 4:4:4.
# Met by: who decodes 10-bit footage to numpy or Pillow; grays come out 2 levels too dark.
# Cured by the flag FULL_CHR_H_INT in `interpolation`. ACCURATE_RND, whose name promises a cure,
# does not help, and makes 8-bit white 253 as well.
# FFmpeg's program, releases 5.1 and 7.0, gives 253 for `-pix_fmt rgb24` too.
# Output seen on 2026-11-29, Python 3.11, x86-64:
#     white, yuv420p: {'default': 255, 'ACCURATE_RND': 253, 'FULL_CHR_H_INT': 255}
#     white, yuv444p10le: {'default': 255, 'ACCURATE_RND': 255, 'FULL_CHR_H_INT': 255}
#     white, yuv422p10le: {'default': 253, 'ACCURATE_RND': 253, 'FULL_CHR_H_INT': 255}
#     white, yuv420p10le: {'default': 253, 'ACCURATE_RND': 253, 'FULL_CHR_H_INT': 255}
#     gray of 64.0, yuv420p10le: [62, 62, 64]
#     gray of 128.1, yuv420p10le: [126, 126, 128]
#     gray of 192.1, yuv420p10le: [190, 190, 192]
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
    "ACCURATE_RND": Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
    "FULL_CHR_H_INT": Interpolation.BILINEAR | Interpolation.FULL_CHR_H_INT,
}


def decoded(pixels, luma):
    """Write a gray video without loss; return its frame."""
    deep = pixels.endswith("10le")
    frame = av.VideoFrame(64, 64, pixels)
    for plane, sample in zip(frame.planes, (luma, 128, 128), strict=True):
        data = (sample * 4).to_bytes(2, "little") if deep else bytes([sample])
        plane.update(data * (plane.buffer_size // len(data)))
    with av.open("gray.mkv", "w") as output:
        stream = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, pixels
        output.mux(stream.encode(frame))
        output.mux(stream.encode())
    with av.open("gray.mkv") as container:
        return next(container.decode(video=0))


def rgb(pixels, luma, flags=None):
    image = decoded(pixels, luma).reformat(format="rgb24", interpolation=flags)
    values = set(bytes(image.planes[0])[: 64 * 3])
    assert len(values) == 1, values
    return values.pop()


for pixels, expected in {
    "yuv420p": [255, 253, 255],
    "yuv444p10le": [255, 255, 255],
    "yuv422p10le": [253, 253, 255],
    "yuv420p10le": [253, 253, 255],
}.items():
    found = {name: rgb(pixels, 235, flags) for name, flags in FLAGS.items()}
    print(f"white, {pixels}: {found}")
    assert list(found.values()) == expected, found
for luma in (71, 126, 181):
    found = [rgb("yuv420p10le", luma, flags) for flags in FLAGS.values()]
    exact = (luma - 16) * 255 / 219
    print(f"gray of {exact:.1f}, yuv420p10le: {found}")
    assert found[0] < exact - 1 and abs(found[2] - exact) < 0.5, found
PY

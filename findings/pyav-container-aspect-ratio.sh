#!/usr/bin/env bash
# PyAV 18.1.0 (PyPI wheel, FFmpeg 8.1.2) never gives the container a pixel aspect ratio: it fills in
# only the codec's parameters, and not AVStream.sample_aspect_ratio, whence FFmpeg's Matroska muxer
# takes its own. So for codecs from whose bit stream FFmpeg reads none (ProRes, FFV1):
#   - a stream made by add_stream_from_template loses it, though the template's attribute shows it;
#   - setting it on the new stream, raising no error, works for .mov and not for .mkv.
# Expected: 64:45 in all these files, as from `ffmpeg -c copy` and for H.264, which has its own.
# Met by: who copies or re-encodes anamorphic PAL, NTSC or HDV footage; players show it squeezed.
# PyAV has no other attribute for it. PyAV's issue 764 (closed as stale) is the FFV1 half.
# Output seen on 2026-11-29, Python 3.11:
#     ProRes encoded, set, .mov: 64/45
#     FFV1 encoded, set, .mkv: None
#     H.264 encoded, set, .mkv: 64/45
#     ProRes copied, .mov: None
#     ProRes copied, set, .mov: 64/45
#     ProRes copied by FFmpeg's program, .mov: 64/45
#     ProRes copied, .mkv: None
#     ProRes copied, set, .mkv: None
#     ProRes copied by FFmpeg's program, .mkv: 64/45
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --no-deps --target "$folder/site" \
    av==18.1.0 imageio-ffmpeg==0.6.0
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PY'
import subprocess
from fractions import Fraction

import av
import imageio_ffmpeg

WIDE = Fraction(64, 45)  # PAL, 16:9


def encode(path, codec, pixels):
    with av.open(path, "w") as output:
        stream = output.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = 720, 576, pixels
        stream.sample_aspect_ratio = WIDE
        frame = av.VideoFrame(720, 576, pixels)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        output.mux(stream.encode(frame))
        output.mux(stream.encode())


def copy(path, result, aspect=None):
    with av.open(path) as source, av.open(result, "w") as output:
        stream = output.add_stream_from_template(source.streams.video[0])
        if aspect is not None:
            stream.sample_aspect_ratio = aspect
        for packet in source.demux(video=0):
            if packet.dts is not None:
                packet.stream = stream
                output.mux(packet)


def aspect_of(path):
    with av.open(path) as container:
        return container.streams.video[0].sample_aspect_ratio


def check(what, path, expected):
    found = aspect_of(path)
    print(f"{what}: {found}")
    assert found == expected, (what, found, expected)


encode("prores.mov", "prores_ks", "yuv422p10le")
check("ProRes encoded, set, .mov", "prores.mov", WIDE)
encode("ffv1.mkv", "ffv1", "yuv420p")
check("FFV1 encoded, set, .mkv", "ffv1.mkv", None)
encode("h264.mkv", "libx264", "yuv420p")
check("H.264 encoded, set, .mkv", "h264.mkv", WIDE)
for kind, if_set in (("mov", WIDE), ("mkv", None)):
    copy("prores.mov", f"plain.{kind}")
    check(f"ProRes copied, .{kind}", f"plain.{kind}", None)
    copy("prores.mov", f"set.{kind}", aspect_of("prores.mov"))
    check(f"ProRes copied, set, .{kind}", f"set.{kind}", if_set)
    ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", "prores.mov", "-c", "copy"]
    subprocess.run([*ffmpeg, f"ffmpeg.{kind}"], check=True, stdin=subprocess.DEVNULL)
    check(f"ProRes copied by FFmpeg's program, .{kind}", f"ffmpeg.{kind}", WIDE)
PY

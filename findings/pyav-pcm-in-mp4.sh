#!/usr/bin/env bash
# PyAV 18.1.0 (PyPI wheel, libavformat 62.12.102): copying the sound of a plain stereo WAV into an MP4
# passes the header and every packet and fails when the file is closed, which then cannot be opened.
# Expected: that it works, as MP4 takes PCM since FFmpeg 6, or a refusal before the first packet. A
# WAV of two channels names no layout ("2 channels"), and the muxer asks for one in its last step. In
# a MOV, and in an MP4 when the layout is set by hand, the same packets are written.
# Met by: who puts a recording (WAV) under a rendered video: hours of rendering end in a broken file.
# Output seen on 2026-11-30, Python 3.11, x86-64:
#     the WAV's layout: 2 channels
#     mp4: fails at the end (ArgumentError: Invalid argument), opening it: InvalidDataError
#     mov: 4800 samples of pcm_s16le
#     mp4, layout set to stereo: 4800 samples of pcm_s16le
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m pip install --quiet --disable-pip-version-check --target "$folder/site" \
    av==18.1.0 numpy==2.3.5
cd "$folder"
PYTHONPATH="$folder/site" python3 - <<'PY' 2>/dev/null
import wave

import av
import numpy as np

tone = (np.sin(np.arange(4800) / 20) * 9000).astype("<i2")
with wave.open("sound.wav", "wb") as file:
    file.setnchannels(2)
    file.setsampwidth(2)
    file.setframerate(48000)
    file.writeframes(tone.repeat(2).tobytes())


def copy(name, layout=None):
    """Copy the sound without decoding it and return what happened, as text."""
    step = "in the header"
    try:
        with av.open("sound.wav") as source, av.open(name, "w") as target:
            sound = source.streams.audio[0]
            copied = target.add_stream_from_template(sound)
            if layout:
                copied.codec_context.layout = layout
            target.start_encoding()
            step = "in a packet"
            for packet in source.demux(sound):
                if packet.size:
                    packet.stream = copied
                    target.mux(packet)
            step = "at the end"
    except av.FFmpegError as problem:
        return f"fails {step} ({type(problem).__name__}: {problem.strerror}), opening it: {read(name)}"
    return read(name)


def read(name):
    try:
        with av.open(name) as container:
            sound = container.streams.audio[0]
            count = sum(frame.samples for frame in container.decode(sound))
            return f"{count} samples of {sound.codec_context.name}"
    except av.FFmpegError as problem:
        return type(problem).__name__


with av.open("sound.wav") as container:
    layout = container.streams.audio[0].layout.name
print("the WAV's layout:", layout)
found = {"mp4": copy("a.mp4"), "mov": copy("a.mov"), "mp4, layout set to stereo": copy("b.mp4", "stereo")}
for name, text in found.items():
    print(f"{name}: {text}")
broken = "fails at the end (ArgumentError: Invalid argument), opening it: InvalidDataError"
whole = "4800 samples of pcm_s16le"
assert list(found.values()) == [broken, whole, whole], found
PY

"""Clips made with PyAV for the tests of utils.video.io, and its plain decoder as an oracle."""

import itertools
from fractions import Fraction

import av
import cv2
import numpy as np
import skimage.data

from utils.images import encode_image
from utils.video.io import open_source
from utils.video.sink import open_sink

NTSC = Fraction(30000, 1001)
STEADY = [i / NTSC for i in range(40)]
GAPS = np.random.default_rng(1).integers(900, 9000, 39).tolist()
UNEVEN = [Fraction(t, 90000) for t in itertools.accumulate(GAPS, initial=0)]
MS = Fraction(1, 1000)


def picture(index, width=160, height=120):
    """A gradient with a red square that moves."""
    y, x = np.mgrid[:height, :width]
    image = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, index * 7 % 256)], 2)
    left = index * 3 % (width - 20)
    image[10:30, left : left + 20] = (0, 0, 255)
    return image.astype(np.uint8)


def astronaut(index, width, height):
    """The astronaut's face, moving and nodding a little from frame to frame."""
    image = skimage.data.astronaut()[:320, 60:380, ::-1]
    matrix = cv2.getRotationMatrix2D((160, 120), index - 8, height / 320)
    matrix[:, 2] += (width / 2 - 160 + index, height / 2 - 140)
    return cv2.warpAffine(image, matrix, (width, height), borderMode=cv2.BORDER_REFLECT)


def dim_astronaut(index, width, height):
    """The same scene in another light, and she moves the other way."""
    return cv2.convertScaleAbs(astronaut(-index, width, height), alpha=0.8, beta=10)


def make_clip(path, times=STEADY, *, sound="aac", tracks=1, seconds=None, size=(160, 120), **how):
    """Write a clip; `how`: draw, codec, pix_fmt, rate, tick, turn, aspect, sound_start, options."""
    time_base = how.get("time_base", Fraction(1, 90000))
    with av.open(str(path), "w", container_options=how.get("options", {})) as container:
        video = container.add_stream(how.get("codec", "libx264"), rate=how.get("rate", NTSC))
        video.width, video.height = size
        video.pix_fmt = how.get("pix_fmt", "yuv420p")
        video.codec_context.time_base = video.time_base = time_base
        if "turn" in how:
            video.set_display_rotation(**how["turn"])
        if "aspect" in how:
            video.codec_context.sample_aspect_ratio = how["aspect"]
        voices = [container.add_stream(sound, rate=48000) for _ in range(tracks if sound else 0)]
        for index, time in enumerate(times):
            image = how.get("draw", picture)(index, *size)
            frame = av.VideoFrame.from_ndarray(image, format="bgr24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        for number, voice in enumerate(voices):
            length = seconds or float(times[-1] - times[0]) + 0.04
            add_sound(container, voice, length, 440 + 110 * number, how.get("sound_start", 0))
    return path


def add_sound(container, voice, seconds, pitch, first=0):
    t = np.arange(int(seconds * 48000)) / 48000
    wave = (np.sin(2 * np.pi * pitch * t) * 9000).astype(np.int16)
    for start in range(0, len(wave), 1024):
        block = wave[start : start + 1024]
        frame = av.AudioFrame.from_ndarray(block.repeat(2)[None], format="s16", layout="stereo")
        frame.sample_rate, frame.time_base = 48000, Fraction(1, 48000)
        frame.pts = first * 48000 + start
        container.mux(voice.encode(frame))
    container.mux(voice.encode(None))


def copy(source_path, result, **options):
    source = open_source(source_path)
    with open_sink(result, source, **options) as sink:
        for frame in source:
            sink.write(frame)
    return source, sink


def times_of(path):
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]


def sound_of(path, track=0):
    """Time and bytes of every packet of a sound track."""
    with av.open(str(path)) as container:
        stream = container.streams.audio[track]
        return [(p.pts * p.time_base, bytes(p)) for p in container.demux(stream) if p.size]


def assert_times_kept(before, after, shift=0):
    assert len(before) == len(after)
    assert all(abs(a - shift - b) <= MS for a, b in zip(before, after, strict=True))


def assert_sound_kept(before, after, track=0, shift=0):
    old, new = sound_of(before, track), sound_of(after, track)
    assert [data for _, data in new] == [data for _, data in old]
    assert_times_kept([time for time, _ in old], [time for time, _ in new], shift)


def folder_of(path, images):
    path.mkdir(parents=True)
    for index, image in enumerate(images):
        (path / f"{index}.png").write_bytes(encode_image(image))
    return path


def first_image(path):
    return next(iter(open_source(path))).image


def write_frames_16(path, images):
    """PNGs of 16 bits per channel, written by OpenCV, named like the frames of a video."""
    path.mkdir(parents=True)
    for index, image in enumerate(images):
        cv2.imwrite(str(path / f"{index:06d}.png"), image)

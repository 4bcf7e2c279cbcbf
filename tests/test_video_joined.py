"""Recordings whose clock restarts or whose size changes, as in joined files and broadcasts.

Oracle: the parts before they were joined, read by PyAV's plain demuxer.
"""

import itertools
from fractions import Fraction

import av
import numpy as np
import pytest
from support import clips
from support.conversion import INVERT, options, write_footage

from converters import convert
from tools.video import cut as cutting
from tools.video import extract as extracting
from tools.video.options import CutOptions, ExtractFramesOptions
from utils.video.io import open_source
from utils.video.seekable import open_random
from utils.video.uniform_size import fit

RATE = Fraction(25)
SECOND = [i / RATE for i in range(25)]


def part(path, first=0, **how):
    """A second of footage that begins at a time of its clock."""
    how.setdefault("size", (96, 64))
    if path.suffix == ".vob":
        how |= {"codec": "mpeg2video", "sound": "mp2", "time_base": 1 / RATE}
    times = [time + first for time in SECOND]
    return clips.make_clip(path, times, rate=RATE, sound_start=first, **how)


def join(path, parts):
    path.write_bytes(b"".join(other.read_bytes() for other in parts))
    return path


def packets_of(path, kind):
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(**{kind: 0}) if packet.size]
        return [(packet.pts * packet.time_base, bytes(packet)) for packet in packets]


def steps(times):
    return {b - a for a, b in itertools.pairwise(times)}


JOINED = [
    (".ts", (0, 0)),
    (".ts", (0, 100)),
    (".ts", (5000, 0, 80000)),
    (".vob", (0, 0)),
    (".vob", (0, 1000)),
]


@pytest.mark.parametrize(("suffix", "firsts"), JOINED)
def test_time_goes_on_evenly_where_the_clock_restarts(tmp_path, suffix, firsts):
    """Frames are 1/25 s apart, no packet of sound is lost, and sound stays with its frames."""
    parts = [part(tmp_path / f"{i}{suffix}", first) for i, first in enumerate(firsts)]
    clip = join(tmp_path / f"x{suffix}", parts)
    result = tmp_path / "y.mp4"
    source, sink = clips.copy(clip, result)
    assert (source.failures, sink.notes) == ([], [])
    assert len(source.notes) == 1
    assert "restarts after 1.0 s" in source.notes[0]
    times = clips.times_of(result)
    assert len(times) == 25 * len(firsts)
    assert all(abs(step - 1 / RATE) <= Fraction(1, 1000) for step in steps(times))
    sound = packets_of(result, "audio")
    counts = [len(packets_of(path, "audio")) for path in parts]
    assert len(sound) == sum(counts)
    for number, (path, count) in enumerate(zip(parts, counts, strict=True)):
        begins = packets_of(path, "audio")[count // 2][0] - min(packets_of(path, "video"))[0]
        place = sum(counts[:number]) + count // 2
        assert abs(sound[place][0] - times[25 * number] - begins) <= Fraction(1, 500)


def test_a_loss_of_reception_stays_a_gap(tmp_path):
    parts = [part(tmp_path / "0.ts"), part(tmp_path / "1.ts", 4)]
    source = open_source(join(tmp_path / "x.ts", parts))
    times = [frame.time for frame in source]
    assert source.notes == []
    assert times[25] - times[24] == pytest.approx(3 + 1 / 25, abs=0.1)


def test_every_tool_reads_the_same_even_time(tmp_path):
    """`convert`, `video cut` and `video extract`, and random access, as sequential reading."""
    write_footage(tmp_path, 10, video="x.ts")
    clip = join(tmp_path / "x.ts", [part(tmp_path / "0.ts"), part(tmp_path / "1.ts")])
    source = open_source(clip)
    frames = list(source)
    times = [frame.time for frame in frames]
    with open_random(source) as seekable:
        assert np.array_equal(seekable[30].image, frames[30].image)
        assert seekable[30].time == times[30]
    report = extracting.run(ExtractFramesOptions(input_file=clip, output_dir=tmp_path / "in"))
    assert "restarts" in report.notes["the footage"][0]
    cut = CutOptions(input_file=clip, output_file=tmp_path / "cut.mp4", from_="20", to="39")
    cutting.run(cut)
    clips.assert_times_kept(times[20:40], clips.times_of(tmp_path / "cut.mp4"), times[20])
    sound = packets_of(tmp_path / "cut.mp4", "audio")
    assert 0.7 < sound[-1][0] < 0.8
    report = convert.run(options(tmp_path, "y.mp4", input_dir=clip, check_faces=False), INVERT)
    assert "restarts" in report.notes["the footage"][0]
    clips.assert_times_kept(times, clips.times_of(tmp_path / "y.mp4"))
    assert len(packets_of(tmp_path / "y.mp4", "audio")) == len(packets_of(clip, "audio"))


def gradient(_, width, height):
    """Gray: untagged color is read in another way in large frames than in small ones."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x * 128 // width + y * 127 // height] * 3, 2).astype(np.uint8)


@pytest.mark.parametrize("size", [(192, 128), (48, 32), (1440, 960), (96, 96)])
def test_a_change_of_size_is_followed_and_said(tmp_path, size):
    """Later frames are scaled to the first size; black bars keep another aspect ratio."""
    how = {"sound": None, "draw": gradient}
    parts = [tmp_path / "0.ts", tmp_path / "1.ts"]
    clips.make_clip(parts[0], SECOND[:5], size=(96, 64), rate=RATE, **how)
    clips.make_clip(parts[1], [time + 1 for time in SECOND[:3]], size=size, rate=RATE, **how)
    source = open_source(join(tmp_path / "x.ts", parts))
    frames = list(source)
    assert source.failures == []
    assert len(source.notes) == 1
    assert f"from 96 x 64 to {size[0]} x {size[1]} at frame 5" in source.notes[0]
    assert [frame.image.shape for frame in frames] == [(64, 96, 3)] * 8
    shown = frames[-1].image
    if size[0] == size[1]:
        assert shown[:, :16].max() == shown[:, -16:].max() == 0
        shown = shown[:, 16:-16]
    height, width = shown.shape[:2]
    assert np.abs(gradient(0, width, height).astype(int) - shown).mean() < 4


@pytest.mark.parametrize(
    ("ratio", "top", "left"), [(Fraction(1), 0, 0), (Fraction(2), 25, 0), (Fraction(1, 2), 0, 50)]
)
def test_black_bars_keep_the_aspect_ratio(ratio, top, left):
    fitted = fit(np.full((30, 40, 3), 200, np.uint8), (200, 100), ratio)
    assert fitted.shape == (100, 200, 3)
    rows, columns = np.nonzero(fitted[..., 0])
    assert (rows.min(), columns.min()) == (top, left)
    assert (rows.max(), columns.max()) == (99 - top, 199 - left)

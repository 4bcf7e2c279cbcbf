"""utils.video.io: bad input, damage, full disks, and results that cannot be written."""

import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from support.clips import (
    STEADY,
    UNEVEN,
    add_sound,
    assert_times_kept,
    copy,
    folder_of,
    make_clip,
    picture,
    times_of,
)

from utils.errors import InputError, UsageError, UserError
from utils.images import encode_image
from utils.video.io import open_source
from utils.video.sink import open_sink

ROOT = Path(__file__).resolve().parent.parent


def only_sound(path, cover=False):
    with av.open(str(path), "w") as container:
        voice = container.add_stream("aac", rate=48000)
        if cover:
            stream = container.add_stream("png", rate=25)
            stream.width, stream.height, stream.pix_fmt = 32, 32, "rgb24"
            stream.disposition = av.stream.Disposition.attached_pic
            container.mux(stream.encode(av.VideoFrame(32, 32, "rgb24")))
        add_sound(container, voice, 0.3, 440)


BAD = {
    "missing.mp4": (None, "no file or folder"),
    "zero.mp4": (b"", "empty"),
    "text.mp4": (b"just some words\n" * 99, "not a video"),
    "text.txt": (b"just some words\n" * 99, "not a video"),
    "noise.mkv": (np.random.default_rng(0).bytes(50_000), "not a video"),
    "list.mp4": (b"ffconcat version 1.0\nfile x.mp4\n", "not a video"),
    "photo.png": (encode_image(picture(0)), "is an image"),
    "photo.mp4": (encode_image(picture(0)), "not a video"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_footage_is_refused_in_a_sentence(tmp_path, name):
    content, reason = BAD[name]
    path = tmp_path / "a folder" / name
    path.parent.mkdir()
    make_clip(path.parent / "x.mp4", STEADY[:3])
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as caught:
        open_source(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("cover", [False, True])
def test_a_song_is_no_video_with_or_without_a_cover(tmp_path, cover):
    only_sound(tmp_path / "song.mp4", cover)
    with pytest.raises(InputError, match="no video stream"):
        open_source(tmp_path / "song.mp4")


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(InputError, match="no image"):
        open_source(tmp_path)


@pytest.mark.parametrize("name", ["x.mp4", "x.mkv"])
def test_of_a_video_that_is_cut_off_comes_what_is_there(tmp_path, name):
    first = {"movflags": "faststart"} if name == "x.mp4" else {}  # the index comes first
    clip = make_clip(tmp_path / name, UNEVEN, options=first)
    whole = [frame.image for frame in open_source(clip)]
    with av.open(str(clip)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    cut = packets[22].pos + packets[22].size // 2  # in the middle of a frame
    there = sum(packet.pos + packet.size <= cut for packet in packets)
    clip.write_bytes(clip.read_bytes()[:cut])
    source = open_source(clip)
    for _ in range(2):
        part = list(source)
        assert 10 < there <= len(part) < 36
        # the first ones are the same to the bit; near the cut a frame may be patched up
        assert all(np.array_equal(a.image, b) for a, b in zip(part[:-8], whole, strict=False))
        assert len(source.failures) == 1
        assert "cut off after" in source.failures[0]
        assert name in source.failures[0]
    copy(clip, tmp_path / "y.mp4")
    assert_times_kept([frame.time for frame in part], times_of(tmp_path / "y.mp4"))


def test_a_video_cut_off_before_its_index_is_refused(tmp_path):
    clip = make_clip(tmp_path / "x.mp4")
    clip.write_bytes(clip.read_bytes()[:5000])
    with pytest.raises(InputError, match="damaged or cut off"):
        open_source(clip)


def test_a_damaged_place_costs_only_itself(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", options={"movflags": "faststart"}, size=(320, 240))
    data = bytearray(clip.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = np.random.default_rng(0).bytes(3000)
    clip.write_bytes(data)
    source = open_source(clip)
    times = [frame.time for frame in source]
    assert 20 < len(times) < 40
    assert times == sorted(set(times))
    assert times[-1] == STEADY[-1]
    assert [frame.index for frame in source] == list(range(len(times)))
    assert "damaged" in source.failures[0]


def left_in(folder):
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_run_that_fails_leaves_the_old_result(tmp_path, suffix, error):
    clip = make_clip(tmp_path / "x.mp4")
    result = tmp_path / f"result{suffix}"
    result.write_bytes(b"the old one")
    source = open_source(clip)

    def broken_off():
        with open_sink(result, source) as sink:
            for frame in source:
                sink.write(frame)
            raise error("stop")

    with pytest.raises(error, match="stop"):
        broken_off()
    assert left_in(tmp_path) == [result.name, "x.mp4"]
    assert result.read_bytes() == b"the old one"


def test_no_frame_makes_no_video(tmp_path):
    source = open_source(make_clip(tmp_path / "x.mp4", STEADY[:3]))
    with pytest.raises(UserError, match="no frame"), open_sink(tmp_path / "y.mp4", source):
        pass
    assert left_in(tmp_path) == ["x.mp4"]


def test_a_frame_of_another_size_is_refused_and_the_rest_goes_on(tmp_path):
    source = open_source(folder_of(tmp_path / "in", [picture(0)] * 3 + [picture(0, 80, 60)]))
    with open_sink(tmp_path / "y.mp4", source) as sink:
        frames = list(source)
        sink.write(frames[0])
        with pytest.raises(InputError, match=r"3\.png.* 80 x 60.* 160 x 120"):
            sink.write(frames[3])
        sink.write(frames[1])
    assert len(times_of(tmp_path / "y.mp4")) == 2


@pytest.mark.parametrize("name", ["y.webm", "y.avi", "y.MPG"])
def test_a_container_without_exact_times_is_refused(tmp_path, name):
    source = open_source(folder_of(tmp_path / "in", [picture(0)]))
    with pytest.raises(UsageError, match=r"\.mp4.*Received: y"):
        open_sink(tmp_path / name, source)


def test_the_input_is_not_overwritten(tmp_path):
    folder = folder_of(tmp_path / "in", [picture(0)])
    clip = make_clip(tmp_path / "x.mp4", STEADY[:3])
    for path in (folder, clip):
        with pytest.raises(UsageError, match="also the input"):
            open_sink(path.parent / "." / path.name, open_source(path))


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    source = open_source(folder_of(tmp_path / "in", [picture(0)]))
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "taken.mp4").mkdir()
    for place in (tmp_path / "file" / "y.mp4", tmp_path / "file", tmp_path / "taken.mp4"):
        with pytest.raises(UserError, match="cannot write"), open_sink(place, source) as sink:
            sink.write(next(iter(source)))
    assert left_in(tmp_path) == ["file", "in", "taken.mp4"]


def run(program, *arguments):
    """Run a program of its own, which may set limits for itself."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs setrlimit")
@pytest.mark.parametrize(("name", "room"), [("y.mp4", 20_000), ("y.mkv", 20_000), ("out", 1000)])
def test_a_full_disk_is_one_sentence_and_leaves_no_half_file(tmp_path, name, room):
    clip = make_clip(tmp_path / "x.mp4")
    program = """
import resource, sys
from pathlib import Path
from utils.errors import UserError
from utils.video.codecs import EncoderSettings
from utils.video.io import open_source
from utils.video.sink import open_sink
source = open_source(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]),) * 2)
try:
    with open_sink(Path(sys.argv[2]), source, encoder=EncoderSettings(crf=1)) as sink:
        for frame in source:
            sink.write(frame)
except UserError as problem:
    print(problem)
"""
    said = run(program, clip, tmp_path / name, room)
    assert said.count("\n") == 1
    assert "full" in said
    assert name in said
    left = [file.name for file in tmp_path.rglob("*") if file.is_file()]
    assert left == ["x.mp4"]


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_does_not_grow_with_the_length(tmp_path):
    program = """
import sys
from pathlib import Path
from utils.video.codecs import EncoderSettings
from utils.video.io import open_source
from utils.video.sink import open_sink
source = open_source(Path(sys.argv[1]))
with open_sink(Path(sys.argv[2]), source) as sink:
    for frame in source:
        sink.write(frame)
status = Path("/proc/self/status").read_text()
print(int(status.partition("VmHWM:")[2].split()[0]) // 1024)
"""
    peaks = []
    for count in (100, 400):
        times = [Fraction(i, 25) for i in range(count)]
        how = {"size": (320, 240), "codec": "mpeg4", "time_base": Fraction(1, 25)}  # fast to make
        clip = make_clip(tmp_path / f"{count}.mp4", times, **how)
        peaks.append(int(run(program, clip, tmp_path / "y.mp4")))
    assert peaks[1] - peaks[0] < 25  # MB; the frames between would be 69

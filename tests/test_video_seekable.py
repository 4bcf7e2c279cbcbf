"""Frames in any order are the frames that reading in order gives, whatever the file is like."""

from fractions import Fraction

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.clips import MS, STEADY, UNEVEN, folder_of, make_clip, picture

from utils.errors import InputError
from utils.video import seekable
from utils.video.io import open_source
from utils.video.seekable import FolderFrames, InOrderFrames, SoughtFrames, open_random

B_FRAMES = {"g": "12", "bf": "3", "x264-params": "b-pyramid=strict:scenecut=0:open-gop=1"}


def long_clip(path, times=STEADY, codec="libx264", **options):
    """A clip of 40 frames with several key frames."""
    with av.open(str(path), "w") as container:
        time_base = (
            Fraction(1, 90000) if path.suffix not in (".avi", ".mpg") else Fraction(1001, 30000)
        )
        video = container.add_stream(codec, rate=Fraction(30000, 1001))
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        video.codec_context.time_base = video.time_base = time_base
        video.options = options
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(picture(index), format="bgr24")
            frame.pts, frame.time_base = round(time / time_base), time_base
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
    return path


CLIPS = {
    "b-frames.mp4": lambda path: long_clip(path, **B_FRAMES),
    "uneven.mp4": lambda path: long_clip(path, UNEVEN, **B_FRAMES),
    "uneven.mkv": lambda path: long_clip(path, UNEVEN, **B_FRAMES),
    "stream.ts": lambda path: long_clip(path, **B_FRAMES),
    "short gop.mp4": lambda path: long_clip(path, g="2", bf="1"),
    "intra.mov": lambda path: long_clip(path, g="1"),
    "one key.mp4": lambda path: long_clip(path, g="1000"),
    "vp9.webm": lambda path: long_clip(path, codec="libvpx-vp9", g="10", **{"auto-alt-ref": "1"}),
    "vp8.webm": lambda path: long_clip(path, codec="libvpx", g="10", **{"auto-alt-ref": "1"}),
    "mpeg 4.avi": lambda path: long_clip(path, codec="mpeg4", g="12", bf="2"),
    "old.mpg": lambda path: long_clip(path, codec="mpeg2video", g="12", bf="2"),
}
SOUGHT = {"b-frames.mp4", "uneven.mp4", "uneven.mkv", "stream.ts", "short gop.mp4", "intra.mov",
          "one key.mp4", "vp9.webm", "mpeg 4.avi"}  # fmt: skip


@pytest.fixture(scope="module", params=CLIPS)
def clip(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("clips") / request.param
    CLIPS[request.param](path)
    return path, list(open_source(path))


def check(frames, truth, order):
    for index in order:
        frame = frames[index]
        assert (frame.index, frame.name, frame.time) == (
            index, truth[index].name, truth[index].time
        )  # fmt: skip
        np.testing.assert_array_equal(frame.image, truth[index].image)


@settings(max_examples=6, deadline=None)
@given(order=st.lists(st.integers(0, 39), min_size=1, max_size=8))
def test_any_order_gives_the_same_frames_as_reading_on(clip, order):
    path, truth = clip
    with open_random(open_source(path)) as frames:
        frames._kept_bytes = 1  # keeps as good as nothing, so that every step is a seek
        assert len(frames) == len(truth) == 40
        check(frames, truth, order)


def test_backwards_from_the_end(clip):
    path, truth = clip
    with open_random(open_source(path)) as frames:
        check(frames, truth, range(39, -1, -1))


def test_the_usual_files_are_sought_and_the_others_read_on(clip):
    path, _ = clip
    with open_random(open_source(path)) as frames:
        assert isinstance(frames, SoughtFrames if path.name in SOUGHT else InOrderFrames)


def test_seeking_decodes_from_the_key_frame_only(tmp_path, monkeypatch):
    path = long_clip(tmp_path / "a.mp4", **B_FRAMES)
    count = 0

    def counted(*arguments):
        nonlocal count
        for each in decoded(*arguments):
            count += 1
            yield each

    decoded = seekable.decoded
    monkeypatch.setattr(seekable, "decoded", counted)
    monkeypatch.setattr(seekable, "STEPS_AHEAD", 3)
    with open_random(open_source(path)) as frames:
        count = 0
        frames[38]
        assert count <= 24
        frames[30], frames[33]  # on the way, or on a little
        assert count <= 24


def test_numbers_that_do_not_fit_known_times_are_not_believed(tmp_path):
    path = long_clip(tmp_path / "a.mp4", **B_FRAMES)
    right = {frame.index: frame.time for frame in open_source(path)}
    assert isinstance(open_random(open_source(path), right), SoughtFrames)
    wrong = {index: time + 40 * MS for index, time in right.items()}
    with open_random(open_source(path), wrong) as frames:
        assert isinstance(frames, InOrderFrames)
        assert frames[17].time == right[17]


def test_a_turned_video_is_upright(tmp_path):
    path = make_clip(tmp_path / "turned.mp4", turn={"degrees": 90})
    truth = list(open_source(path))
    with open_random(open_source(path)) as frames:
        check(frames, truth, [20, 3])
        assert frames[3].image.shape == (160, 120, 3)


def test_a_damaged_video_gives_the_frames_that_reading_on_gives(tmp_path):
    path = long_clip(tmp_path / "a.mp4", **B_FRAMES)
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 2000
    data[start : start + 1500] = bytes(1500)
    path.write_bytes(data)
    truth = list(open_source(path))
    known = {frame.index: frame.time for frame in truth}
    with open_random(open_source(path), known) as frames:
        assert len(frames) == len(truth) < 40
        check(frames, truth, (20, len(truth) - 1, 2))


def test_a_folder_is_read_file_by_file(tmp_path):
    images = [picture(index) for index in range(4)]
    folder = folder_of(tmp_path / "Bilder ü", images)
    frames = open_random(open_source(folder))
    assert isinstance(frames, FolderFrames)
    for index in (3, 0, 2):
        np.testing.assert_array_equal(frames[index].image, images[index])
    (folder / "1.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match=r"1\.png"):
        frames[1]
    with pytest.raises(IndexError):
        frames[4]


def test_only_so_many_bytes_are_kept(tmp_path):
    path = long_clip(tmp_path / "a.mp4", **B_FRAMES)
    with open_random(open_source(path)) as frames:
        frames._kept_bytes = 5 * 160 * 120 * 3
        for index in (20, 39, 0, 33):
            frames[index]
            assert len(frames._kept) <= 5

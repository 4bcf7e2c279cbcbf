"""utils.video.io: order, times, sound, rotation, folders and tags come through."""

import itertools
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from support.clips import (
    NTSC,
    STEADY,
    UNEVEN,
    assert_sound_kept,
    assert_times_kept,
    copy,
    first_image,
    folder_of,
    make_clip,
    picture,
    sound_of,
    times_of,
)

from utils.images import encode_image
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, mark_png, read_mark, video_tags
from utils.video.frame import Frame
from utils.video.io import open_source
from utils.video.sink import open_sink

LATE = [time + Fraction(1, 3) for time in STEADY]

CLIPS = {
    "29.97.mp4": {},
    "uneven.mp4": {"times": UNEVEN},
    "turned.mov": {"turn": {"degrees": 90}},
    "uneven.mkv": {"times": UNEVEN},
    "late.mp4": {"times": LATE, "options": {"movie_timescale": "90000"}},
    "no sound.mp4": {"sound": None},
    "web.webm": {"codec": "libvpx-vp9", "sound": "libopus", "times": STEADY[:20]},
    "old.avi": {"codec": "mpeg4", "sound": "mp3", "time_base": 1 / NTSC},
    "long sound.mp4": {"seconds": 5},
    "short sound.mp4": {"seconds": 0.5},
    "pcm.mov": {"sound": "pcm_s16le"},
    "coarse.mkv": {"times": [Fraction(i, 10) for i in range(20)], "rate": Fraction(10)},
}


INTO = [
    *itertools.product(list(CLIPS)[:5], [".mp4", ".mov", ".mkv"]),
    *itertools.product([name for name in list(CLIPS)[5:] if name != "pcm.mov"], [".mp4"]),
    ("pcm.mov", ".mov"),
    ("web.webm", ".mkv"),
]


@pytest.mark.parametrize(("name", "suffix"), INTO)
def test_times_and_sound_come_through(tmp_path, name, suffix):
    clip = make_clip(tmp_path / name, **CLIPS[name])
    result = tmp_path / f"result{suffix}"
    source, sink = copy(clip, result)
    assert (source.failures, sink.notes) == ([], [])
    assert_times_kept(times_of(clip), times_of(result))
    if suffix != ".mkv":  # Matroska counts in thousandths
        assert times_of(clip) == times_of(result)
    assert [frame.time for frame in source] == times_of(clip)
    with av.open(str(result)) as container:
        tracks = len(container.streams.audio)
    assert tracks == (CLIPS[name].get("sound", "aac") is not None)
    if tracks and CLIPS[name].get("sound") != "pcm_s16le":
        assert_sound_kept(clip, result)
    elif tracks:  # PCM has no packets of its own; each demuxer cuts it as it likes
        old, new = (b"".join(data for _, data in sound_of(file)) for file in (clip, result))
        assert new == old


def test_the_clips_have_frames_out_of_order(tmp_path):
    """The tests above mean something only if the encoder reorders frames."""
    with av.open(str(make_clip(tmp_path / "x.mp4"))) as container:
        order = [packet.pts for packet in container.demux(video=0) if packet.size]
    assert order != sorted(order)


def test_the_length_of_the_last_frame_is_kept(tmp_path):
    clip = make_clip(tmp_path / "x.mkv", [Fraction(i, 25) for i in range(10)])
    source = open_source(clip)
    with open_sink(tmp_path / "y.mkv", source) as sink:
        for frame in source:
            last = frame.index == 9
            shown = Fraction(2) if last else frame.duration
            sink.write(Frame(frame.image, frame.index, frame.name, frame.time, shown))
    with av.open(str(tmp_path / "y.mkv")) as container:
        assert container.duration == pytest.approx(2_360_000, abs=30_000)


def test_every_sound_track_is_copied(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", tracks=3)
    copy(clip, tmp_path / "y.mkv")
    for track in range(3):
        assert_sound_kept(clip, tmp_path / "y.mkv", track)


def test_a_clock_that_starts_anywhere_is_set_to_zero(tmp_path):
    clip = make_clip(tmp_path / "x.ts", [time + 5000 for time in STEADY], sound_start=5000)
    with av.open(str(clip)) as container:
        start = Fraction(container.start_time, 1_000_000)
    assert start > 1000
    copy(clip, tmp_path / "y.mp4")
    assert_times_kept(times_of(clip), times_of(tmp_path / "y.mp4"), start)
    old, new = sound_of(clip), sound_of(tmp_path / "y.mp4")
    assert_times_kept([time for time, _ in old], [time for time, _ in new], start)
    # in a transport stream each packet of AAC has a header of 7 bytes that other containers lack
    assert [data[7:] for _, data in old] == [data for _, data in new]


def test_missing_times_are_made_up_and_always_grow(tmp_path):
    path = tmp_path / "bare.h264"
    make_clip(path, sound=None, rate=Fraction(25), time_base=Fraction(1, 25), times=list(range(10)))
    frames = list(open_source(path))
    assert len(frames) == 10
    steps = {b.time - a.time for a, b in itertools.pairwise(frames)}
    assert all(step > 0 for step in steps)
    copy(path, tmp_path / "y.mp4")
    assert_times_kept([frame.time for frame in frames], times_of(tmp_path / "y.mp4"))


def test_sound_that_does_not_fit_is_encoded_anew_and_said(tmp_path):
    clip = make_clip(tmp_path / "x.webm", STEADY[:20], codec="libvpx-vp9", sound="libopus")
    _, sink = copy(clip, tmp_path / "y.mov")
    assert "opus" in sink.notes[0]
    assert "AAC" in sink.notes[0]
    with av.open(str(tmp_path / "y.mov")) as container:
        stream = container.streams.audio[0]
        heard = np.concatenate([f.to_ndarray()[0] for f in container.decode(stream)])
        assert stream.codec_context.name == "aac"
    assert len(heard) / 48000 == pytest.approx(20 / NTSC, abs=0.1)
    spectrum = np.abs(np.fft.rfft(heard[4800:28800]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=4)  # 2 Hz a bin


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
@pytest.mark.parametrize("hflip", [False, True])
def test_frames_are_upright(tmp_path, degrees, hflip):
    turn = {"degrees": degrees, "hflip": hflip}
    # without loss: x264 may encode the same frames differently twice in one process
    how = {"sound": None, "codec": "png", "pix_fmt": "rgb24"}
    plain = make_clip(tmp_path / "plain.mov", STEADY[:3], **how)
    turned = open_source(make_clip(tmp_path / "x.mov", STEADY[:3], turn=turn, **how))
    for before, after in zip(open_source(plain), turned, strict=True):
        # PyAV turns anticlockwise as np.rot90 does, and mirrors afterwards
        expected = np.rot90(before.image, degrees // 90)
        expected = expected[:, ::-1] if hflip else expected
        assert np.array_equal(after.image, expected)
        assert after.image.flags["C_CONTIGUOUS"]
    assert turned.size == ((120, 160) if degrees in (90, 270) else (160, 120))


def test_a_turned_clip_comes_out_upright_and_not_turned_twice(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", turn={"degrees": 90}, aspect=Fraction(4, 3))
    copy(clip, tmp_path / "y.mp4")
    with av.open(str(tmp_path / "y.mp4")) as container:
        frame = next(container.decode(video=0))
        assert (frame.width, frame.height, frame.rotation) == (120, 160, 0)
        # a pixel that was wider than high is now higher than wide
        assert container.streams.video[0].sample_aspect_ratio == Fraction(3, 4)


def test_a_folder_is_read_in_natural_order(tmp_path):
    folder = folder_of(tmp_path / "a földer", [picture(i) for i in range(12)])
    source = open_source(folder)
    frames = list(source)
    assert [frame.name for frame in frames] == [f"{i}.png" for i in range(12)]
    assert [frame.index for frame in frames] == list(range(12))
    assert {frame.time for frame in frames} == {None}
    assert all(np.array_equal(frame.image, picture(i)) for i, frame in enumerate(frames))
    assert (source.count, source.size, source.rate, source.is_video) == (
        12,
        (160, 120),
        None,
        False,
    )


def test_pictures_that_cannot_be_read_are_named_and_passed_over(tmp_path):
    folder = folder_of(tmp_path / "in", [picture(i) for i in range(5)])
    (folder / "0.png").write_bytes(b"")
    (folder / "3.png").write_bytes(encode_image(picture(3))[:200])
    (folder / "1.bmp").write_bytes(encode_image(picture(9), ".bmp"))
    (folder / "notes.txt").write_text("not a picture")
    source = open_source(folder)
    for _ in range(2):
        # 1.bmp comes first, so that 1.png is the one with a name already taken
        frames = list(source)
        assert [frame.name for frame in frames] == ["1.bmp", "2.png", "4.png"]
        assert [frame.index for frame in frames] == [1, 3, 5]
        assert len(source.failures) == 3
        for name, sentence in zip(["1.png", "0.png", "3.png"], source.failures, strict=True):
            assert f'"{name}"' in sentence
    assert source.size == (160, 120)


@pytest.mark.parametrize("rate", [None, NTSC, Fraction(12)])
def test_a_folder_becomes_a_video_at_a_rate(tmp_path, rate):
    folder = folder_of(tmp_path / "in", [picture(i) for i in range(12)])
    (folder / "5.png").write_bytes(b"broken")
    source, _ = copy(folder, tmp_path / "y.mp4", rate=rate)
    expected = [i / (rate or Fraction(25)) for i in range(12) if i != 5]
    assert_times_kept(expected, times_of(tmp_path / "y.mp4"))
    assert len(source.failures) == 1


def test_a_video_becomes_a_folder_of_marked_pictures(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", STEADY[:12])
    folder = tmp_path / "new" / "out"
    source, _ = copy(clip, folder, mark=mark_png)
    assert sorted(file.name for file in folder.iterdir()) == [f"{i:06d}.png" for i in range(12)]
    for frame in source:
        assert np.array_equal(cv2.imread(str(folder / frame.name)), frame.image)
        assert read_mark(folder / frame.name) == DIGITAL_SOURCE_TYPE


def test_a_folder_keeps_alpha_and_a_video_drops_it(tmp_path):
    image = np.dstack([picture(0), np.full((120, 160), 77, np.uint8)])
    source = open_source(folder_of(tmp_path / "in", [picture(0)]))
    for place in (tmp_path / "out", tmp_path / "y.mkv"):
        with open_sink(place, source) as sink:
            sink.write(Frame(image, 0, "a picture.jpg", None))
    kept = cv2.imread(str(tmp_path / "out" / "a picture.png"), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(kept, image)
    assert first_image(tmp_path / "y.mkv").shape == (120, 160, 3)


def test_a_source_starts_anew_each_time(tmp_path):
    source = open_source(make_clip(tmp_path / "ein Clip ü.mp4", STEADY[:20]))
    assert (source.count, source.size, source.rate, source.is_video) == (20, (160, 120), NTSC, True)
    assert next(iter(source)).index == 0
    again = [frame.name for frame in itertools.islice(source, 3)]
    assert again == ["000000.png", "000001.png", "000002.png"]
    assert len(list(source)) == 20
    assert source.failures == []


def test_the_frames_are_those_a_plain_decoder_gives(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", UNEVEN[:30])
    with av.open(str(clip)) as container:
        plain = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    ours = [frame.image for frame in open_source(clip)]
    assert len(ours) == len(plain)
    # the plain conversion rounds down and repeats chroma; another frame would be far away
    for a, b in zip(ours, plain, strict=True):
        assert np.abs(a.astype(int) - b).mean() < 3


def test_tags_are_written(tmp_path):
    clip = make_clip(tmp_path / "x.mp4", STEADY[:10])
    for suffix in (".mp4", ".m4v", ".mov", ".mkv"):
        result = tmp_path / f"y{suffix}"
        copy(clip, result, tags={**video_tags(), "title": "Ein Töst"})
        assert read_mark(result) == DIGITAL_SOURCE_TYPE
        with av.open(str(result)) as container:
            tags = {key.lower(): value for key, value in container.metadata.items()}
        assert tags["title"] == "Ein Töst"
        assert DIGITAL_SOURCE_TYPE in tags["comment"]

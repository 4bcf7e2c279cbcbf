"""Converted videos: parts joined, going on after a kill, spans, masks, codecs and depth."""

import signal
import subprocess
import sys
import textwrap
import time
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from support import clips
from support.clips import assert_sound_kept, sound_of, times_of
from support.conversion import IDENTITY, INVERT, StopsAt, make_predictor, options, write_footage
from support.synthetic import make_frames, make_info, make_landmarks

from converters import convert
from converters.blending.high_bit_depth import restore_16_bit
from converters.output import video
from facelib.faceset import write_face
from utils.errors import InputError, UsageError, UserError
from utils.files import TEMPORARY, list_images
from utils.images import read_image, write_image
from utils.video.frame import Span
from utils.video.io import open_source
from utils.video.timecode import position

ROOT = Path(__file__).parent.parent
COUNT = 40


def footage(folder, times=clips.UNEVEN, **how):
    """A clip with uneven times, sound, and faces in all frames but two."""
    write_footage(folder, COUNT, faceless=(7, 8), video="clip.mkv")
    frames = [image for image, _ in make_frames(COUNT)]
    how.setdefault("draw", lambda index, *_: frames[index])
    clips.make_clip(folder / "clip.mp4", times, size=(160, 120), **how)
    return folder / "clip.mp4"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    folder = tmp_path_factory.mktemp("a film")
    return folder, footage(folder)


def pictures(path):
    return [frame.image for frame in open_source(path)]


def alike(one, other):
    return len(one) == len(other) and all(map(np.array_equal, one, other))


@pytest.fixture
def short_parts(monkeypatch):
    monkeypatch.setattr(video, "PART_FRAMES", 9)


@pytest.mark.parametrize("codec", ["h264", "h265"])
@pytest.mark.usefixtures("short_parts")
def test_joined_parts_keep_times_and_sound(shared, tmp_path, codec):
    folder, clip = shared
    result = tmp_path / "result.mp4"
    report = convert.run(options(folder, result, input_dir=clip, codec=codec), INVERT)
    assert report.counts["frames"] == COUNT
    assert times_of(result) == times_of(clip)
    assert_sound_kept(clip, result)
    # three key frames or more: the parts were not re-encoded
    with av.open(str(result)) as container:
        keys = [p.pts for p in container.demux(video=0) if p.size and p.is_keyframe]
    assert len(keys) == 5
    for before, after in zip(pictures(clip), pictures(result), strict=True):
        # the face changes a fifth of the picture, the rest is only coded again
        assert np.median(np.abs(before.astype(int) - after)) <= 3
    assert not list(tmp_path.glob("*_parts"))


@pytest.mark.parametrize("limit", [1, 10, 23, 37])
@pytest.mark.usefixtures("short_parts")
def test_after_ctrl_c_a_video_is_continued(shared, tmp_path, limit):
    folder, clip = shared
    chosen = options(folder, tmp_path / "result.mkv", input_dir=clip, codec="ffv1", batch_size=1)
    with pytest.raises(KeyboardInterrupt):
        convert.run(chosen, make_predictor(StopsAt(limit), "negative"))
    assert not (tmp_path / "result.mkv").exists()
    predicted = []
    count = make_predictor(lambda crops: predicted.append(len(crops)) or 1 - crops, "negative")
    report = convert.run(chosen, count)
    assert report.counts["frames"] + report.counts.get("frames finished before", 0) == COUNT
    assert sum(predicted) <= COUNT - 2 - max(0, limit - 12)
    assert_same_as_undisturbed(folder, clip, tmp_path)


def assert_same_as_undisturbed(folder, clip, place):
    whole = folder / "whole.mkv"
    if not whole.exists():
        convert.run(options(folder, whole, input_dir=clip, codec="ffv1"), INVERT)
    assert alike(pictures(place / "result.mkv"), pictures(whole))
    assert times_of(place / "result.mkv") == times_of(whole)
    assert_sound_kept(clip, place / "result.mkv")
    assert not list(place.glob("*_parts"))
    # the lock's file may stay if the kill came at the very end
    assert {path.name for path in place.glob(".*")} <= {".result.mkv.lock"}


SLOW_RUN = """
    import sys, time
    sys.path[:0] = {path!r}
    from pathlib import Path
    from converters import convert
    from converters.output import video
    from support.conversion import make_predictor, options
    video.PART_FRAMES = 9
    def slow(crops):
        time.sleep(0.02 * len(crops))
        return 1 - crops
    chosen = options(Path({folder!r}), Path({result!r}), input_dir=Path({clip!r}), codec="ffv1")
    print("begin", flush=True)
    convert.run(chosen, make_predictor(slow, "negative"))
"""


AT_WORK = """
    import sys
    sys.path[:0] = {path!r}
    from pathlib import Path
    from converters import convert
    from support.conversion import make_predictor, options
    def waits(crops):
        print("at work", flush=True)
        sys.stdin.readline()
        return 1 - crops
    chosen = options(Path({folder!r}), Path({result!r}), input_dir=Path({clip!r}), overwrite=True)
    convert.run(chosen, make_predictor(waits, "negative"))
    print("done", flush=True)
"""


@pytest.mark.parametrize("name", ["result.mp4", "result"])
def test_of_two_runs_into_one_place_the_second_is_refused(name, shared, tmp_path):
    folder, clip = shared
    values = {"path": sys.path, "folder": str(folder), "clip": str(clip)}
    code = textwrap.dedent(AT_WORK).format(**values, result=str(tmp_path / name))
    second = options(folder, tmp_path / name, input_dir=clip, overwrite=True)
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as first:
        assert first.stdout.readline() == "at work\n"
        with pytest.raises(UserError) as refusal:
            convert.run(second, INVERT)
        assert str(refusal.value).startswith(f'another convert is at work on "{tmp_path / name}"')
        said, _ = first.communicate("\n" * COUNT, timeout=60)
    assert said.endswith("done\n")
    source = open_source(tmp_path / name)
    assert sum(1 for _ in source) == COUNT
    assert not source.failures
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {name, f"{name}_convert.json", f"{name}_log.jsonl"}


@pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")
def test_after_kills_at_any_time_a_video_is_continued(shared, tmp_path):
    folder, clip = shared
    values = {"path": sys.path, "folder": str(folder), "clip": str(clip)}
    code = textwrap.dedent(SLOW_RUN).format(**values, result=str(tmp_path / "result.mkv"))
    kills = 0
    for wait in (0.05, 0.5, 0.8, None):
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        if wait is not None:
            time.sleep(wait)
            process.kill()
        kills += process.wait(60) == -signal.SIGKILL
        process.stdout.close()
        if (tmp_path / "result.mkv").exists():
            break
    assert kills >= 1
    assert process.returncode in (0, -signal.SIGKILL)
    assert_same_as_undisturbed(folder, clip, tmp_path)


def test_a_folder_of_parts_that_a_kill_left_empty_is_used(shared, tmp_path):
    folder, clip = shared
    parts = tmp_path / "result.mkv_parts"
    parts.mkdir()
    (parts / f"{TEMPORARY}01234567.jsonl").touch()  # as `write_atomic` names it
    convert.run(options(folder, tmp_path / "result.mkv", input_dir=clip, codec="ffv1"), INVERT)
    assert_same_as_undisturbed(folder, clip, tmp_path)


@pytest.mark.usefixtures("short_parts")
def test_after_a_kill_amid_clearing_up_the_video_is_made_again(shared, tmp_path, monkeypatch):
    folder, clip = shared
    chosen = options(folder, tmp_path / "result.mkv", input_dir=clip, codec="ffv1")
    real = Path.unlink

    def killed(path, **how):
        if path.name == video.JOURNAL:
            raise KeyboardInterrupt
        real(path, **how)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", killed)
        with pytest.raises(KeyboardInterrupt):
            convert.run(chosen, INVERT)
    assert [path.name for path in (tmp_path / "result.mkv_parts").iterdir()] == [video.JOURNAL]
    (tmp_path / "result.mkv").unlink()
    convert.run(chosen, INVERT)
    assert_same_as_undisturbed(folder, clip, tmp_path)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_foreign_folder_of_that_name_is_left_alone(overwrite, shared, tmp_path):
    folder, clip = shared
    result, notes = tmp_path / "x.mp4", tmp_path / "x.mp4_parts" / "notes.txt"
    notes.parent.mkdir()
    notes.write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        convert.run(options(folder, result, input_dir=clip, overwrite=overwrite), INVERT)
    assert notes.read_text() == "mine"


def test_an_unfinished_video_of_other_settings_is_not_continued(shared, tmp_path):
    folder, clip = shared
    place = {"input_dir": clip, "output_dir": tmp_path / "x.mp4"}
    with pytest.raises(KeyboardInterrupt):
        convert.run(options(folder, **place), make_predictor(StopsAt(20), "negative"))
    with pytest.raises(InputError, match="unfinished video of another run"):
        convert.run(options(folder, **place, erode_modifier=40), INVERT)
    report = convert.run(options(folder, **place, erode_modifier=40, overwrite=True), INVERT)
    assert report.counts["frames"] == COUNT


@pytest.mark.usefixtures("short_parts")
def test_a_span_of_frames_begins_at_zero_with_its_own_sound(shared, tmp_path):
    folder, clip = shared
    result = tmp_path / "part.mp4"
    report = convert.run(options(folder, result, input_dir=clip, from_="10", to="29"), INVERT)
    assert report.counts["frames"] == 20
    whole = times_of(clip)
    assert times_of(result) == [time - whole[10] for time in whole[10:30]]
    old, new = sound_of(clip), sound_of(result)
    wanted = [(time - whole[10], data) for time, data in old if whole[10] <= time < whole[30]]
    assert [data for _, data in new] == [data for _, data in wanted]
    clips.assert_times_kept([time for time, _ in wanted], [time for time, _ in new])


def test_a_span_of_time_goes_into_a_folder(shared, tmp_path):
    folder, clip = shared
    times = times_of(clip)
    place = {"input_dir": clip, "output_dir": tmp_path / "frames"}
    begin, end = f"{float(times[5]):.4f}s", f"0:{float(times[9]):.4f}"
    first, last = Fraction(begin[:-1]), Fraction(end[2:])
    convert.run(options(folder, **place, from_=begin, to=end), INVERT)
    shown = [path.stem for path in list_images(tmp_path / "frames")]
    expected = [i for i, time in enumerate(times) if first <= time < last]
    assert shown == [f"{i:06d}" for i in expected]
    assert 3 <= len(shown) <= 5


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("250", 250),
        ("12.5s", Fraction(25, 2)),
        ("3s", Fraction(3)),
        ("1:30", Fraction(90)),
        ("1:02:03.5", Fraction(7447, 2)),
    ],
)
def test_positions_are_numbers_or_times(text, value):
    assert position(text, "--from") == value
    assert type(position(text, "--from")) is type(value)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "ten", "1:2:3:4", "²", "s", "1:"])
def test_bad_positions_are_refused(text):
    with pytest.raises(UsageError, match=r"--from: Expected .* Received"):
        position(text, "--from")


def test_spans_that_mean_nothing_are_refused(shared, tmp_path):
    folder, clip = shared
    with pytest.raises(UsageError, match="after --from 9"):
        convert.run(options(folder, tmp_path / "x", input_dir=clip, from_="9", to="3"), INVERT)
    write_image(tmp_path / "frames" / "000000.png", make_frames(1)[0][0])
    chosen = options(folder, tmp_path / "x", input_dir=tmp_path / "frames", from_="2s")
    with pytest.raises(UsageError, match="no times"):
        convert.run(chosen, INVERT)


@pytest.mark.parametrize("span", [Span(), Span(3), Span(None, 5), Span(2, 4), Span(9, 30)])
def test_the_length_of_a_span_is_known_before(shared, span):
    source = open_source(shared[1])
    assert span.count(source.count, source.rate) == len(list(source.frames(span)))


@pytest.mark.parametrize("kind", ["video", "folder"])
def test_masks_are_written_too(shared, tmp_path, kind):
    folder, clip = shared
    ending = ".mkv" if kind == "video" else ""
    result, mask = tmp_path / f"result{ending}", tmp_path / f"mask{ending}"
    chosen = options(folder, result, input_dir=clip, mask_output=mask, codec="ffv1")
    convert.run(chosen, INVERT)
    read = pictures if kind == "video" else lambda f: [read_image(path) for path in list_images(f)]
    for index, (before, after, face_alpha) in enumerate(
        zip(pictures(clip), read(result), read(mask), strict=True)
    ):
        assert (face_alpha.max() > 250) == (index not in (7, 8))
        changed = (before != after).any(axis=2)
        assert not changed[face_alpha[..., 0] == 0].any()
        full = face_alpha[..., 0] == 255
        assert np.count_nonzero(changed[full]) >= 0.9 * np.count_nonzero(full)


@pytest.mark.parametrize(
    ("codec", "suffix"), [("ffv1", ".mkv"), ("prores", ".mov"), ("png", ".mov")]
)
def test_lossless_videos_have_alpha(shared, tmp_path, codec, suffix):
    folder, clip = shared
    place = tmp_path / f"x{suffix}"
    chosen = options(folder, place, input_dir=clip, codec=codec, mode="raw", to="9")
    convert.run(chosen, INVERT)
    with av.open(str(place)) as container:
        frames = [frame.to_ndarray(format="bgra") for frame in container.decode(video=0)]
    convert.run(options(folder, tmp_path / "in", input_dir=clip, mode="raw", to="9"), INVERT)
    wanted = [cv2.imread(str(p), cv2.IMREAD_UNCHANGED) for p in list_images(tmp_path / "in")]
    assert frames[7][..., 3].max() == 0
    assert frames[0][..., 3].max() > 250
    for frame, picture in zip(frames, wanted, strict=True):
        assert np.abs(frame.astype(int) - picture).max() <= (0 if codec != "prores" else 24)
        assert np.abs(frame.astype(int) - picture).mean() <= 1


def deep_clip(folder):
    """A 10-bit clip: a slow ramp, of which 8 bits would keep a quarter of the steps."""
    ramp = np.linspace(20000, 24000, 160 * 120).reshape(120, 160)
    image = np.repeat(ramp[..., None], 3, axis=2).astype(np.uint16)
    with av.open(str(folder / "deep.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv422p10le"
        stream.codec_context.colorspace, stream.codec_context.color_range = 1, 1
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(image, format="bgr48le")
            frame = frame.reformat(format="yuv422p10le", dst_colorspace=1, dst_color_range=1)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    info = make_info(make_landmarks(center=(80, 60), width=50), 64, source="deep.mkv")
    write_face(folder / "aligned" / "0.png", np.zeros((64, 64, 3), np.uint8), info)
    return folder / "deep.mkv"


def luma(path):
    """The first frame's Y plane, as it is stored."""
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    plane = frame.planes[0]
    kind = np.uint16 if "10le" in frame.format.name else np.uint8
    return np.frombuffer(bytes(plane), kind).reshape(plane.height, -1)[:, : plane.width].astype(int)


def test_ten_bits_stay_ten_bits(tmp_path):
    (tmp_path / "aligned").mkdir()
    clip = deep_clip(tmp_path)
    for codec, name in (("h265", "x.mp4"), ("ffv1", "x.mkv"), ("prores", "x.mov")):
        chosen = options(tmp_path, name, input_dir=clip, codec=codec, crf=1)
        notes = convert.run(chosen, INVERT).notes["the result"]
        assert not [remark for remark in notes if "bits" in remark]
    before, after = luma(clip), luma(tmp_path / "x.mp4")
    outside = np.s_[:8]  # rows above the face
    assert np.abs(before - after)[outside].max() <= 2
    assert len(np.unique(after[outside])) > 0.8 * len(np.unique(before[outside])) > 3
    face = np.s_[55:65, 75:85]
    assert (after[face] - before[face]).mean() > 200  # inverted: it is lighter by far
    chosen = options(tmp_path, "y.mp4", input_dir=clip)
    assert "10 bits per channel" in convert.run(chosen, INVERT).notes["the result"][0]
    assert luma(tmp_path / "y.mp4").max() < 256


def test_a_deep_frame_keeps_what_has_not_changed():
    rng = np.random.default_rng(0)
    deep = rng.integers(0, 65536, (60, 80, 3), dtype=np.uint16)
    before = np.rint(deep / 257).astype(np.uint8)
    after = before.copy()
    after[10:30, 20:50] = rng.integers(0, 256, (20, 30, 3))
    result = restore_16_bit(deep, before, after)
    same = before == after
    assert np.array_equal(result[same], deep[same])
    assert np.abs(result.astype(int) - after.astype(int) * 257).max() <= 129
    assert (result[~same & (after == 0)] == 0).all()
    assert (result[~same & (after == 255)] == 65535).all()
    assert np.array_equal(restore_16_bit(deep, before, before), deep)


@pytest.mark.parametrize(
    ("name", "changes", "words"),
    [
        ("x.mp4", {"codec": "prores"}, r"prores goes into .*\.mov.* Received: x.mp4"),
        ("x.mkv", {"codec": "png"}, r"png goes into .*\.mov"),
        ("x.mp4", {"mode": "raw", "raw_mode": "rgb+mask"}, "no alpha channel"),
        ("x.mp4", {"mask_output": Path("a folder")}, "--mask-output: Expected"),
        ("x.webm", {}, r"\.mp4"),
    ],
)
def test_what_cannot_be_written_is_refused_before_work_begins(
    shared, tmp_path, name, changes, words
):
    folder, clip = shared
    with pytest.raises(UsageError, match=words):
        convert.run(options(folder, tmp_path / name, input_dir=clip, **changes), IDENTITY)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("output", ["result", "result.mkv", "result.mp4"])
def test_pictures_of_16_bits_keep_them(tmp_path, output):
    rng = np.random.default_rng(0)
    write_footage(tmp_path, count=3)
    deep = []
    for path in list_images(tmp_path / "frames"):
        noise = rng.integers(-128, 129, read_image(path).shape)
        deep.append(np.clip(read_image(path).astype(int) * 257 + noise, 0, 65535).astype(np.uint16))
        write_image(path, deep[-1])
        write_image(tmp_path / "few" / path.name, np.rint(deep[-1] / 257).astype(np.uint8))
    codec = "ffv1" if output.endswith("mkv") else "h264"
    report = convert.run(options(tmp_path, output, codec=codec), INVERT)
    if output == "result.mp4":
        assert "16 bits per channel" in report.notes["the result"][0]
        return
    if output == "result":
        files = list_images(tmp_path / "result")
        found = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in files]
    else:
        with av.open(str(tmp_path / output)) as container:
            found = [frame.to_ndarray(format="bgr48le") for frame in container.decode(video=0)]
    convert.run(options(tmp_path, "shallow", input_dir=tmp_path / "few"), INVERT)
    for before, after, path in zip(deep, found, list_images(tmp_path / "shallow"), strict=True):
        few = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert few.dtype == np.uint8
        assert np.array_equal(after[:10], before[:10])  # above the face
        assert np.abs(after.astype(int) - few.astype(int) * 257).max() <= 129


@pytest.mark.parametrize(("first", "last"), [("0:01", None), ("1.0s", "1.5s"), ("10", "0:01.2")])
def test_a_span_holds_in_a_folder_that_is_continued(first, last, shared, tmp_path):
    """PyAV says which frames lie in the span."""
    folder, clip = shared
    place = {"input_dir": clip, "output_dir": tmp_path / "frames"}
    convert.run(options(folder, **place, to="5"), INVERT)
    report = convert.run(options(folder, **place, from_=first, to=last), INVERT)
    begin, end = (position(text, "--from") if text else None for text in (first, last))
    wanted = {
        f"{index:06d}.png"
        for index, time in enumerate(times_of(clip))
        if (index >= begin if isinstance(begin, int) else time >= begin)
        and (end is None or time < end)
    }
    assert 3 < len(wanted) < COUNT - 6
    assert report.counts["frames"] == len(wanted)
    names = {path.name for path in list_images(tmp_path / "frames")}
    assert names == wanted | {f"{index:06d}.png" for index in range(6)}

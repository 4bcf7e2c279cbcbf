"""Several machines do parts of a run in a common folder; joined, they are what one run gives."""

import json
import shutil
import subprocess
from fractions import Fraction
from multiprocessing import Pipe
from pathlib import Path
from typing import ClassVar

import av
import numpy as np
import pytest
from support.conversion import INVERT, make_predictor, options, write_footage
from support.synthetic import make_landmarks, make_video

import main
from converters import checks, convert
from extractor import extract as stage
from extractor import split
from extractor.journal import GAP, header_in
from extractor.options import ExtractOptions
from facelib.smoothing import REACH
from facelib.types import Face, Rect
from utils import program
from utils.errors import InputError, NothingToDo, UsageError, portable
from utils.images import read_image, write_image
from utils.lock import locked
from utils.shares import Share, Split
from utils.video import decoder
from utils.video.frame import Span
from utils.video.io import open_source
from utils.video.ranges import numbers_in, part_of

CODINGS = {
    "B frames": {"bf": "3", "g": "8"},
    "open GOP": {"x264-params": "open-gop=1:keyint=8:bframes=3"},
    "refreshed in strips": {"x264-params": "intra-refresh=1:keyint=8"},
}
COUNT, PARTS = 18, 3
PART_OF_IT = {"from_": "0.08s", "to": "0.4s"}


def share(text):
    return Share.read(text)


@pytest.mark.parametrize("text", ["0/3", "4/3", "3", "1/0", "a/b", "-1/2", "1/3/4", "", "1.5/2"])
def test_what_is_no_part_is_refused(text):
    with pytest.raises(UsageError, match="--part: Expected a part such as 3/8"):
        share(text)


@pytest.mark.parametrize("count", [7, 8, 100, 99_999])
@pytest.mark.parametrize("first", [0, 13])
def test_parts_are_all_frames_once_and_of_one_size(count, first):
    whole = range(first, first + count)
    for of in (1, 2, 3, 7):
        parts = [Share(of=of, number=number + 1).frames(whole) for number in range(of)]
        assert [frame for part in parts for frame in part] == list(whole)
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    with pytest.raises(UsageError, match=f"{count} frames cannot be divided into {count + 1}"):
        Share(of=count + 1, number=1).frames(whole)


# -------------------------------------------------------------------------- a part of a video


def clip(path, **coding):
    rng = np.random.default_rng(4)
    noise = rng.integers(0, 255, (64, 160, 3), np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "30", **coding})
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv420p"
        for index in range(60):
            image = np.ascontiguousarray(noise[:, index : index + 96])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("coding", CODINGS.values(), ids=CODINGS)
def test_a_part_of_a_video_has_the_frames_of_the_whole_without_decoding_it(
    coding, tmp_path, monkeypatch
):
    path = clip(tmp_path / "clip.mp4", **coding)
    whole = list(open_source(path))
    source = open_source(path)
    assert numbers_in(source) == range(60)
    span = part_of(numbers_in(source), share("5/6"))
    assert span == Span(40, 49)
    seen, real = [], decoder.decoded

    def counted(*given):
        for frame in real(*given):
            seen.append(frame)
            yield frame

    monkeypatch.setattr(decoder, "decoded", counted)
    part = list(source.frames(span))
    if "intra-refresh" not in str(coding):  # there a seek would miss, so it begins at 0
        assert len(seen) < 40  # as many come before
    for one, other in zip(part, whole[40:50], strict=True):
        assert (one.index, one.name, one.time) == (other.index, other.name, other.time)
        assert one.duration == other.duration
        np.testing.assert_array_equal(one.image, other.image)


def test_a_video_whose_frames_are_damaged_is_not_numbered_in_parts(tmp_path, monkeypatch):
    source = open_source(clip(tmp_path / "clip.mp4", bf="0", g="8"))
    real = decoder.decoded

    def losing(*given):
        return (frame for number, frame in enumerate(real(*given)) if number != 5)

    monkeypatch.setattr(decoder, "decoded", losing)
    span = part_of(numbers_in(source), share("1/2"))
    with pytest.raises(InputError, match=r'frame 5 of "clip.mp4" is damaged, .* video extract'):
        list(source.frames(span))


def test_seconds_become_the_numbers_that_reading_finds(tmp_path):
    source = open_source(clip(tmp_path / "clip.mp4"))
    span = Span(Fraction(1, 2), Fraction(2))
    assert list(numbers_in(source, span)) == [frame.index for frame in source.frames(span)]


# ------------------------------------------------------------------------------------------ extract


class Drifting:
    """Finds the face that is as bright as a frame's corner says, and trembles; counts its work."""

    seen: ClassVar[list[int]] = []
    chooses = False

    def find(self, image):
        number = int(image[0, 0, 0])
        Drifting.seen.append(number)
        rng = np.random.default_rng(number)
        points = np.float32(FRONTAL + rng.normal(0, 0.7, FRONTAL.shape) + (number, 0))
        return [Face(Rect(*points.min(axis=0), *points.max(axis=0)), points, 0.9, 0.9)]

    search = find

    def can_follow(self, face):
        return False


FRONTAL = make_landmarks(center=(60, 60), width=50)


@pytest.fixture
def footage(tmp_path, monkeypatch):
    """Eighteen frames whose number is in their corner, and a finder that reads it."""
    monkeypatch.setattr(stage, "_finders", lambda given: [Drifting()] * 64)
    folder = tmp_path / "frames"
    folder.mkdir()
    for index in range(COUNT):
        image = np.full((120, 160, 3), 90, np.uint8)
        image[0, 0] = index
        write_image(folder / f"{index:03d}.png", image)
    return folder


def extract(footage, out, part=None, **more):
    given = ExtractOptions(input_dir=footage, output_dir=out, part=part, **more)
    if part == "join":
        return split.join(given)
    return split.run(given) if part else stage.run(given)


def in_parts(footage, out, **more):
    for number in range(PARTS):
        extract(footage, out, f"{number + 1}/{PARTS}", **more)
    return extract(footage, out, "join", **more)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("every", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_an_extraction_in_parts_is_that_of_one_run_in_every_byte(every, footage, tmp_path):
    Drifting.seen.clear()
    report = extract(footage, tmp_path / "one", every=every, debug=True)
    alone = len(Drifting.seen)
    joined = in_parts(footage, tmp_path / "two", every=every, debug=True)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    assert contents(tmp_path / "two_debug") == contents(tmp_path / "one_debug")
    assert (joined.counts, joined.notes) == (report.counts, report.notes)
    assert not (tmp_path / "two_split").exists()
    # only the neighbors that smoothing needs are searched twice
    assert len(Drifting.seen) - 2 * alone <= 2 * (PARTS - 1) * REACH
    with pytest.raises(NothingToDo, match="no parts to join"):
        extract(footage, tmp_path / "two", "join")
    with pytest.raises(NothingToDo, match="extracted already") as told:
        extract(footage, tmp_path / "two", f"2/{PARTS}", every=every, debug=True)
    assert extract(footage, tmp_path / "two", every=every, debug=True).counts["faces"] == alone
    here, there = Pipe()
    there.send(portable(told.value))  # as a worker process does
    sent = here.recv()
    assert (str(sent), sent.made) == (str(told.value), tmp_path / "two")


def test_a_part_that_was_killed_goes_on_and_so_does_the_join(footage, tmp_path, monkeypatch):
    extract(footage, tmp_path / "one")
    out = tmp_path / "two"
    for number in range(PARTS):
        extract(footage, out, f"{number + 1}/{PARTS}")
    journal = out.with_name("two_split") / "part_2_of_3" / ".extract.jsonl"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join(lines[:3]) + '\n{"item": "00')
    Drifting.seen.clear()
    extract(footage, out, "2/3")
    assert set(Drifting.seen) == set(range(7 - REACH, 12 + REACH))
    real, moved = Path.replace, []

    def killed(path, target):
        if "part_" in str(path.parent):
            moved.append(path)
            if len(moved) == 8:  # in the middle of the second part
                raise KeyboardInterrupt
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            extract(footage, out, "join")
    extract(footage, out, "join")
    one, two = contents(tmp_path / "one"), contents(out)
    assert two.keys() == one.keys()
    journals = [each.pop(".extract.jsonl") for each in (one, two)]
    assert sorted(filter(None, journals[0].splitlines())) == sorted(
        filter(None, journals[1].splitlines())
    )
    assert two == one


def test_an_earlier_extraction_is_discarded_by_the_join_only(footage, tmp_path):
    out = tmp_path / "two"
    extract(footage, out, image_size=64)
    before = contents(out)
    with pytest.raises(InputError, match="image-size is now 256, it was 64"):
        extract(footage, out, "1/3")
    for number in range(PARTS):
        extract(footage, out, f"{number + 1}/{PARTS}", overwrite=True)
    assert contents(out) == before
    with pytest.raises(InputError, match="--overwrite"):
        extract(footage, out, "join")
    extract(footage, out, "join", overwrite=True)
    extract(footage, tmp_path / "one")
    assert contents(out) == contents(tmp_path / "one")
    assert len(contents(tmp_path / "two_trash")) == len(before)


def test_parts_do_not_continue_a_run_in_which_every_frame_was_searched(
    footage, tmp_path, monkeypatch
):
    out = tmp_path / "two"
    extract(footage, out)
    monkeypatch.setattr("extractor.journal.gap_of", lambda *given: 8)
    extract(footage, out, "1/2", overwrite=True)
    assert extract(footage, out, "1/2").counts["frames done by an earlier run"] == COUNT // 2
    extract(footage, out, "2/2", overwrite=True)
    with pytest.raises(InputError, match="frames-per-search is now 8, it was None"):
        extract(footage, out, "join")
    assert extract(footage, out, "join", overwrite=True).counts["frames"] == COUNT
    assert header_in(out)[GAP] == 8


def test_parts_that_do_not_belong_together_are_told_apart(footage, tmp_path, monkeypatch):
    out = tmp_path / "two"
    with pytest.raises(InputError, match=r'no parts of ".*two" to join; run this with --part 1/2'):
        extract(footage, out, "join")
    extract(footage, out, "1/3")
    with pytest.raises(InputError, match="parts are missing: run this with --part 2/3, 3/3 first"):
        extract(footage, out, "join")
    with pytest.raises(InputError, match=r"part 1/3 of a run in 3 parts; use --part N/3"):
        extract(footage, out, "2/2")
    with pytest.raises(InputError, match="part 2/3 differs from part 1/3: image-size is 64"):
        extract(footage, out, "2/3", image_size=64)
    with monkeypatch.context() as patch:
        patch.setattr(program, "version", lambda: "9.9")
        with pytest.raises(InputError, match=r"program is 9.9, there .*; give all parts the same"):
            extract(footage, out, "2/3")
    extract(footage, out, "2/3")
    shutil.copy(footage / "000.png", footage / "999.png")
    with pytest.raises(InputError, match=r"footage is 19 images .*, there 18 images"):
        extract(footage, out, "3/3")
    (footage / "999.png").unlink()
    extract(footage, out, "3/3")
    record = Split(out).folder / "part_3_of_3.json"
    finished = json.loads(record.read_text())
    record.write_text(json.dumps({key: finished[key] for key in ("version", "run")}))
    with pytest.raises(InputError, match="parts are not finished: 3/3; wait for them"):
        extract(footage, out, "join")
    record.write_text(json.dumps(finished))
    at_work = Split(out).folder / "part_2_of_3" / ".extract.lock"
    with (
        locked(at_work, InputError()),
        pytest.raises(InputError, match="part 2/3 is still in work"),
    ):
        # another process would hold it; the lock is not shared within one either
        extract(footage, out, "join")
    with pytest.raises(InputError, match=r"this command differs from part 1/3: .*smooth is False"):
        extract(footage, out, "join", smooth=False)
    assert extract(footage, out, "join").counts == {"frames": COUNT, "faces": COUNT}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--part", "4/3"], "--part: Expected a part such as 3/8"),
        (["--part", "1/2", "--ray"], "leave --part out"),
        (["--part", "1/2", "--detector", "manual"], "--detector manual needs one machine"),
        (["--part", "join"], "there are no parts of"),
    ],
)
def test_what_cannot_be_shared_is_said_before_anything_is_loaded(
    flags, said, footage, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(main, "_run", None)
    words = ["extract", "--input-dir", str(footage), "--output-dir", str(tmp_path / "out")]
    assert main.main([*words, *flags]) in (1, 2)
    assert said in capsys.readouterr().err


# ------------------------------------------------------------------------------------------ convert


def convert_all(folder, name, predictor=INVERT, **more):
    for number in range(PARTS):
        part = f"{number + 1}/{PARTS}"
        convert.run(options(folder, name, part=part, **more), predictor)
    return convert.run(options(folder, name, part="join", **more))


def pictures(folder):
    return {path.name: read_image(path) for path in sorted(folder.glob("*.png"))}


def test_images_in_parts_are_those_of_one_run(tmp_path):
    """Color memory reaches over the seams: the mode measures colors over several frames."""
    write_footage(tmp_path, 9, faceless=(5,))
    flickering = make_predictor(
        lambda crops: crops[..., ::-1] * crops.mean((1, 2, 3), keepdims=True)
    )
    more = {"mode": "seamless", "color_frames": 5}
    masks = {"mask_output": tmp_path / "mask_one"}
    report = convert.run(options(tmp_path, "one", **more, **masks), flickering)
    more["mask_output"] = tmp_path / "mask_two"
    joined = convert_all(tmp_path, "two", flickering, **more)
    for one, two in (("one", "two"), ("mask_one", "mask_two")):
        before, after = pictures(tmp_path / one), pictures(tmp_path / two)
        assert len(before) == 9
        assert before.keys() == after.keys()
        for name, image in before.items():
            np.testing.assert_array_equal(after[name], image)
    journals = [(tmp_path / name / ".convert.jsonl").read_text() for name in ("one", "two")]
    assert journals[0] == journals[1]
    assert (joined.counts, joined.notes) == (report.counts, report.notes)
    assert main.main(["verify", str(tmp_path / "two" / "000007.png")]) == 0  # marked and signed
    assert not list(tmp_path.glob("*_split"))
    assert convert.run(options(tmp_path, "two", **more), flickering).counts["frames"] == 0


@pytest.mark.parametrize("span", [{}, pytest.param(PART_OF_IT, marks=pytest.mark.slow)])
def test_a_video_in_parts_is_that_of_one_run(span, tmp_path):
    images = write_footage(tmp_path, 12, video="clip.mp4")
    make_video(tmp_path / "clip.mp4", images, audio=True)
    more = {"input_dir": tmp_path / "clip.mp4", "codec": "ffv1", **span}
    report = convert.run(options(tmp_path, "one.mkv", **more), INVERT)
    joined = convert_all(tmp_path, "two.mkv", **more)
    assert joined.counts == report.counts
    streams = [
        subprocess.run(
            ["ffmpeg", "-v", "error", "-i", tmp_path / name, "-map", "0", "-f", "framemd5", "-"],
            capture_output=True, text=True, check=True,
        ).stdout
        for name in ("one.mkv", "two.mkv")
    ]  # fmt: skip
    assert "audio" in streams[0]
    assert streams[1] == streams[0]  # pixels, sound and times
    assert main.main(["verify", str(tmp_path / "two.mkv")]) == 0
    assert not list(tmp_path.glob("two.mkv_[sp]*"))
    with pytest.raises(InputError, match="exists already"):
        checks.check(options(tmp_path, "two.mkv", part="1/3", **more))


def test_a_join_of_images_that_was_stopped_goes_on(tmp_path, monkeypatch):
    write_footage(tmp_path, 6)
    convert.run(options(tmp_path, "one"), INVERT)
    convert.run(options(tmp_path, "two", mode="raw"), INVERT)  # is to be replaced
    with pytest.raises(InputError, match="holds images of another run"):
        convert.run(options(tmp_path, "two", part="1/3"), INVERT)
    more = {"overwrite": True}
    for number in range(PARTS):
        convert.run(options(tmp_path, "two", part=f"{number + 1}/3", **more), INVERT)
    real, signed = Path.unlink, []

    def stopped(path, **given):
        if path.parent.parent.name == "two_split" and path.suffix == ".png":
            signed.append(path)
            if len(signed) == 3:
                raise KeyboardInterrupt
        return real(path, **given)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", stopped)
        with pytest.raises(KeyboardInterrupt):
            convert.run(options(tmp_path, "two", part="join", **more))
    convert.run(options(tmp_path, "two", part="join", **more))
    before, after = pictures(tmp_path / "one"), pictures(tmp_path / "two")
    assert before.keys() == after.keys()
    for name, image in before.items():
        np.testing.assert_array_equal(after[name], image)
    assert len(pictures(tmp_path / "two_trash")) == 6


def test_parts_of_other_looks_or_models_are_refused(tmp_path):
    write_footage(tmp_path, 6)
    convert.run(options(tmp_path, "two", part="1/2"), INVERT)
    with pytest.raises(InputError, match="journal look mode is raw, there overlay; give all parts"):
        convert.run(options(tmp_path, "two", part="2/2", mode="raw"), INVERT)
    other = make_predictor(name="another model")
    with pytest.raises(InputError, match="journal model is another model, there negative"):
        convert.run(options(tmp_path, "two", part="2/2"), other)
    with pytest.raises(UsageError, match="6 frames cannot be divided into 7 parts"):
        convert.run(options(tmp_path, "three", part="1/7"), INVERT)
    convert.run(options(tmp_path, "two", part="2/2"), INVERT)
    with pytest.raises(InputError, match=r"this command differs from part 1/2: .*mode is raw"):
        convert.run(options(tmp_path, "two", part="join", mode="raw"))

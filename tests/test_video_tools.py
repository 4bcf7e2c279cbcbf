"""`video extract`, `make`, `cut` and `denoise`, on clips whose frames and times are known."""

import itertools
import json
import sys
from dataclasses import replace
from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from filelock import FileLock
from support import clips
from support.clips import (
    assert_sound_kept,
    assert_times_kept,
    first_image,
    make_clip,
    sound_of,
    times_of,
)

import main
from tools.video import cut as cutting
from tools.video import denoise
from tools.video import extract as extracting
from tools.video import make as making
from tools.video.options import CutOptions, DenoiseOptions, ExtractFramesOptions, MakeOptions
from utils import parallel
from utils.errors import ExitStatus, InputError, UsageError, UserError
from utils.files import list_images
from utils.images import encode_image, read_image
from utils.provenance.c2pa import Marker, read_credential
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark, video_tags
from utils.provenance.sidecar import sidecar_of
from utils.video.frame import Frame
from utils.video.io import open_source
from utils.video.sink import open_sink

if sys.platform != "win32":
    import resource


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Forty frames with uneven times, out of order in the file, and a tone."""
    return make_clip(tmp_path_factory.mktemp("a Clip ü") / "clip.mp4", clips.UNEVEN)


def images_of(path):
    return [frame.image for frame in open_source(path)]


def extract(clip, folder, **changes):
    return extracting.run(ExtractFramesOptions(input_file=clip, output_dir=folder, **changes))


def make(folder, output, **changes):
    return making.run(MakeOptions(input_dir=folder, output_file=output, **changes))


def cut(clip, output, **changes):
    return cutting.run(CutOptions(input_file=clip, output_file=output, **changes))


def test_pictures_and_times_are_those_of_the_video(clip, tmp_path):
    report = extract(clip, tmp_path / "in")
    assert report.counts == {"images": 40}
    files = list_images(tmp_path / "in")
    assert [file.name for file in files] == [f"{i:06d}.png" for i in range(40)]
    for file, image in zip(files, images_of(clip), strict=True):
        assert np.array_equal(read_image(file), image)
    times = json.loads((tmp_path / "in" / "timestamps.json").read_text())["times"]
    assert [Fraction(time) for time, _ in times.values()] == times_of(clip)


@pytest.mark.parametrize("by", ["the file beside", "a file", "the video"])
@pytest.mark.parametrize("codec", ["h264", "ffv1"])
def test_there_and_back_keeps_times_and_sound(clip, tmp_path, by, codec):
    extract(clip, tmp_path / "in")
    result = tmp_path / "result.mp4"
    changes = {"audio_file": clip}
    if by == "a file":
        (tmp_path / "in" / "timestamps.json").rename(tmp_path / "times.json")
        changes["timestamps"] = tmp_path / "times.json"
    elif by == "the video":
        (tmp_path / "in" / "timestamps.json").unlink()
        changes = {"reference_file": clip}
    report = make(tmp_path / "in", result, codec=codec, **changes)
    assert report.counts == {"frames": 40}
    assert report.status is ExitStatus.DONE
    assert times_of(result) == times_of(clip)
    assert_sound_kept(clip, result)
    if codec == "ffv1":
        assert all(map(np.array_equal, images_of(result), images_of(clip)))


def test_a_part_is_extracted_and_made_again(clip, tmp_path):
    extract(clip, tmp_path / "in", from_="10", to="29", image_format="jpg")
    assert [file.stem for file in list_images(tmp_path / "in")] == [
        f"{i:06d}" for i in range(10, 30)
    ]
    make(tmp_path / "in", tmp_path / "x.mp4", reference_file=clip)
    times = times_of(clip)
    assert times_of(tmp_path / "x.mp4") == [time - times[10] for time in times[10:30]]
    wanted = [time - times[10] for time, _ in sound_of(clip) if times[10] <= time < times[30]]
    assert_times_kept(wanted, [time for time, _ in sound_of(tmp_path / "x.mp4")])
    make(tmp_path / "in", tmp_path / "y.mp4", rate=29.97)
    assert times_of(tmp_path / "y.mp4") == [i / clips.NTSC for i in range(20)]


def test_an_extraction_that_was_stopped_is_continued(clip, tmp_path, monkeypatch):
    written = []
    real = extracting.FolderSink.write

    def write(self, frame):
        written.append(frame.name)
        if len(written) == 15:
            raise KeyboardInterrupt
        real(self, frame)

    monkeypatch.setattr(extracting.FolderSink, "write", write)
    with pytest.raises(KeyboardInterrupt):
        extract(clip, tmp_path / "in")
    written.clear()
    monkeypatch.setattr(
        extracting.FolderSink, "write", lambda s, f: (written.append(f.name), real(s, f))
    )
    extract(clip, tmp_path / "in")
    assert 20 <= len(written) <= 32
    assert len(list_images(tmp_path / "in")) == 40
    times = json.loads((tmp_path / "in" / "timestamps.json").read_text())["times"]
    assert [Fraction(time) for time, _ in times.values()] == times_of(clip)
    with pytest.raises(InputError, match="other images"):
        extract(clip, tmp_path / "in", every=2)
    assert extract(clip, tmp_path / "in", every=2, overwrite=True).counts == {"images": 20}
    assert len(list_images(tmp_path / "in_trash")) == 40


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit of file sizes")
@pytest.mark.parametrize("room", [10, 3000])
def test_a_full_disk_stops_an_extraction_that_can_be_continued(clip, tmp_path, monkeypatch, room):
    written = []
    real = extracting.FolderSink.write
    monkeypatch.setattr(
        extracting.FolderSink, "write", lambda s, f: (written.append(f.name), real(s, f))
    )
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        with pytest.raises(UserError, match="the disk is full") as caught:
            extract(clip, tmp_path / "in")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not isinstance(caught.value, InputError)
    assert len(written) <= 4 * parallel.cores()
    assert extract(clip, tmp_path / "in").counts == {"images": 40}
    for file, image in zip(list_images(tmp_path / "in"), images_of(clip), strict=True):
        assert np.array_equal(read_image(file), image)


def test_sixteen_bits_are_extracted(tmp_path):
    with av.open(str(tmp_path / "x.mkv"), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "gbrp16le"
        picture = np.random.default_rng(0).integers(0, 65536, (48, 64, 3), dtype=np.uint16)
        frame = av.VideoFrame.from_ndarray(picture, format="bgr48le").reformat(format="gbrp16le")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    extract(tmp_path / "x.mkv", tmp_path / "in", bit_depth="16")
    file = tmp_path / "in" / "000000.png"
    assert np.array_equal(cv2.imread(str(file), cv2.IMREAD_UNCHANGED), picture)


KEYS = {"g": "10", "bf": "2", "sc_threshold": "0", "flags": "+cgop"}


@pytest.fixture(scope="module")
def keyed(tmp_path_factory):
    """Forty frames with a key frame every ten, and B frames between."""
    path = tmp_path_factory.mktemp("keys") / "keyed.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={**KEYS, "crf": "12"})
        stream.width, stream.height = 160, 120
        voice = container.add_stream("aac", rate=48000)
        for index in range(40):
            frame = av.VideoFrame.from_ndarray(clips.picture(index), format="bgr24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        clips.add_sound(container, voice, 1.6, 440)
    return path


@pytest.mark.parametrize(
    ("first", "last", "copied"),
    [(None, None, True), ("10", "29", True), ("10", "19", True), ("0.4s", "1.2s", True),
     ("20", None, True), ("3", "15", False), ("10", "11", False), ("11", None, False)],
)  # fmt: skip
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_cut_is_exact_and_copied_where_it_can_be(keyed, tmp_path, first, last, copied, suffix):
    result = tmp_path / f"x{suffix}"
    report = cut(keyed, result, from_=first, to=last)
    assert report.notes["the result"][0].startswith("copied" if copied else "re-encoded")
    times, images = times_of(keyed), images_of(keyed)
    begin = {"0.4s": 10, None: 0}.get(first) if first in ("0.4s", None) else int(first)
    end = {"1.2s": 30, None: 40}.get(last) if last in ("1.2s", None) else int(last) + 1
    assert_times_kept([time - times[begin] for time in times[begin:end]], times_of(result))
    for before, after in zip(images[begin:end], images_of(result), strict=True):
        difference = np.abs(before.astype(int) - after)
        assert difference.max() == 0 if copied else difference.mean() < 3
    stop = times[end] if end < 40 else 9
    wanted = [data for time, data in sound_of(keyed) if time < stop]
    if begin:  # what lies before 0 is discarded by a decoder and belongs to the beginning
        wanted = [data for time, data in sound_of(keyed) if times[begin] <= time < stop]
    assert [data for _, data in sound_of(result)] == wanted


def test_a_cut_snaps_outwards(keyed, tmp_path):
    report = cut(keyed, tmp_path / "x.mp4", from_="13", to="24", snap=True)
    assert "copied" in report.notes["the result"][0]
    found = images_of(tmp_path / "x.mp4")
    images = images_of(keyed)
    assert np.array_equal(found[0], images[10])
    assert 15 <= len(found) <= 20
    assert all(map(np.array_equal, found, images[10:]))


def test_a_cut_of_a_turned_video_stays_turned(tmp_path):
    turned = make_clip(tmp_path / "t.mp4", clips.STEADY[:12], turn={"degrees": 90})
    report = cut(turned, tmp_path / "x.mp4")
    assert "copied" in report.notes["the result"][0]
    assert np.array_equal(first_image(tmp_path / "x.mp4"), first_image(turned))
    assert first_image(turned).shape == (160, 120, 3)


def test_a_clock_that_starts_anywhere_is_cut_at_the_right_place(tmp_path):
    stream = make_clip(tmp_path / "x.ts", [time + 5000 for time in clips.STEADY], sound_start=5000)
    cut(stream, tmp_path / "y.mp4", from_="0.5s", to="1s")
    source = [frame for frame in open_source(stream) if Fraction(1, 2) <= frame.time < 1]
    expected = [frame.time - source[0].time for frame in source]
    assert_times_kept(expected, times_of(tmp_path / "y.mp4"))
    assert abs(len(sound_of(tmp_path / "y.mp4")) * 1024 / 48000 - 0.5) < 0.05


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"from_": "90"}, UsageError, "no frame between"),
        ({"from_": "x"}, UsageError, "--from: Expected"),
        ({"output_file": "x.webm"}, UsageError, r"\.mp4.*Received"),
        ({"output_file": "there.mp4"}, InputError, "exists already"),
    ],
)
def test_cuts_that_cannot_be_are_refused(keyed, tmp_path, changes, error, words):
    (tmp_path / "there.mp4").write_bytes(b"mine")
    output = tmp_path / changes.pop("output_file", "x.mp4")
    with pytest.raises(error, match=words):
        cut(keyed, output, **changes)
    assert (tmp_path / "there.mp4").read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["there.mp4"]


def noisy(count=16, deviation=4.0):
    """A still background and a square that moves, without and with noise."""
    rng = np.random.default_rng(0)
    ground = cv2.GaussianBlur(rng.integers(0, 256, (96, 128, 3), dtype=np.uint8), (0, 0), 5)
    ground = cv2.normalize(ground, None, 40, 200, cv2.NORM_MINMAX)
    clean = []
    for index in range(count):
        image = ground.copy()
        image[30:60, 4 * index : 4 * index + 24] = (30, 220, 240)
        clean.append(image)
    noise = [rng.normal(0, deviation, ground.shape) for _ in clean]
    dirty = [
        np.clip(np.rint(c + n), 0, 255).astype(np.uint8) for c, n in zip(clean, noise, strict=True)
    ]
    return clean, dirty


def error_of(images, clean):
    return float(
        np.sqrt(np.mean([(a.astype(float) - b) ** 2 for a, b in zip(images, clean, strict=True)]))
    )


@pytest.mark.parametrize("output", ["out", "out.mkv"])
def test_noise_is_more_than_halved_and_motion_does_not_smear(tmp_path, output):
    clean, dirty = noisy()
    folder = clips.folder_of(tmp_path / "in", dirty)
    place = tmp_path / output
    options = DenoiseOptions(input_dir=folder, output_dir=place, strength=4, codec="ffv1")
    assert denoise.run(options).counts == {"frames": 16}
    images = images_of(place)
    assert error_of(images, clean) < 0.5 * error_of(dirty, clean)
    edge = np.s_[30:60, 4:68]  # where the square has passed
    moving = [image[edge] for image in images], [image[edge] for image in clean]
    assert error_of(*moving) < 1.1 * error_of([image[edge] for image in dirty], moving[1])


def test_denoising_keeps_times_and_sound_and_order(clip, tmp_path):
    denoise.run(DenoiseOptions(input_dir=clip, output_dir=tmp_path / "x.mp4"))
    assert times_of(tmp_path / "x.mp4") == times_of(clip)
    assert_sound_kept(clip, tmp_path / "x.mp4")
    plain = list(open_source(clip))
    cleaned = list(denoise.denoise(plain, 0.5, 5))
    assert [frame.index for frame in cleaned] == list(range(40))
    assert [frame.time for frame in cleaned] == [frame.time for frame in plain]
    for before, after in itertools.islice(zip(plain, cleaned, strict=True), 5):
        assert np.abs(before.image.astype(int) - after.image).mean() < 1


def test_a_change_of_size_loses_no_frame():
    image = np.zeros((48, 64, 3), np.uint8)
    frames = [Frame(image, i, f"{i}.png", None) for i in range(6)]
    frames += [replace(frames[0], image=np.zeros((32, 64, 3), np.uint8), index=i) for i in (6, 7)]
    assert [f.index for f in denoise.denoise(frames, 3, 9)] == list(range(8))


@pytest.mark.parametrize("tool", ["make", "cut", "denoise", "extract"])
def test_a_mark_is_not_lost_on_the_way(tmp_path, tool):
    marker = Marker()
    folder = clips.folder_of(tmp_path / "in", [clips.picture(i) for i in range(4)])
    for file in list_images(folder):
        file.write_bytes(marker.sign_image(encode_image(read_image(file))))
    marked = tmp_path / "marked.mp4"
    with open_sink(marked, source := open_source(folder), tags=video_tags()) as sink:
        for frame in source:
            sink.write(frame)
    result = tmp_path / "result.mp4"
    if tool == "make":
        make(folder, result)
    elif tool == "cut":
        cut(marked, result)
        cut(marked, tmp_path / "result.mkv", from_="1")
        assert sidecar_of(tmp_path / "result.mkv").exists()
    elif tool == "denoise":
        denoise.run(DenoiseOptions(input_dir=folder, output_dir=result))
        denoise.run(DenoiseOptions(input_dir=marked, output_dir=tmp_path / "out"))
        assert main.main(["verify", str(tmp_path / "out"), "--no-ask"]) == 0
    else:
        extract(marked, tmp_path / "out")
        assert read_mark(tmp_path / "out" / "000000.png") == DIGITAL_SOURCE_TYPE
        return
    assert main.main(["verify", str(result), "--no-ask"]) == 0
    assert read_mark(result) == DIGITAL_SOURCE_TYPE
    plain = make_clip(tmp_path / "plain.mp4", clips.STEADY[:4])
    cut(plain, tmp_path / "unmarked.mp4")
    assert read_credential(tmp_path / "unmarked.mp4") is None
    assert read_mark(tmp_path / "unmarked.mp4") is None


def test_the_command_line(clip, tmp_path, capsys):
    words = ["--output-dir", str(tmp_path / "in"), "--every", "10", "--no-ask"]
    assert main.main(["video", "extract", "--input-file", str(clip), *words]) == 0
    assert "4 images" in capsys.readouterr().out
    words = ["--input-dir", str(tmp_path / "in"), "--output-file", str(tmp_path / "x.mp4")]
    assert main.main(["video", "make", *words, "--no-ask"]) == 0
    assert len(times_of(tmp_path / "x.mp4")) == 4
    assert main.main(["video", "make", *words, "--no-ask"]) == 1  # it exists
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", '{"times": {}}', '{"times": {"0": ["1/0", "1"]}}'])
def test_a_file_of_times_that_is_none_is_refused(tmp_path, content):
    folder = clips.folder_of(tmp_path / "in", [clips.picture(0)])
    (folder / "timestamps.json").write_text(content)
    with pytest.raises(InputError, match="file of times"):
        make(folder, tmp_path / "x.mp4")


def test_two_extractions_into_one_folder_at_once_are_refused(clip, tmp_path, monkeypatch):
    monkeypatch.setattr("utils.lock.WAIT", 0.1)
    (tmp_path / "in").mkdir()
    lock = FileLock(tmp_path / "in" / extracting.LOCK)
    with lock, pytest.raises(InputError, match="another video extract"):
        extract(clip, tmp_path / "in")
    (tmp_path / "in" / extracting.LOCK).touch()  # of a run that was killed
    assert extract(clip, tmp_path / "in").counts == {"images": 40}


def test_in_a_workspace_a_side_is_enough(clip, tmp_path, monkeypatch):
    (tmp_path / "data_src.mp4").write_bytes(clip.read_bytes())
    (tmp_path / "data_dst.mkv").write_bytes(clip.read_bytes())
    monkeypatch.chdir(tmp_path)
    assert main.main(["video", "extract", "src", "--to", "2"]) == 0
    assert [path.name for path in list_images(tmp_path / "data_src")] == [
        f"{number:06d}.png" for number in range(3)
    ]
    assert main.main(["video", "denoise", "dst"]) == 0
    assert times_of(tmp_path / "data_dst_denoised.mp4") == times_of(clip)
    assert main.main(["video", "extract"]) == 2


def test_a_part_goes_beside_its_video_under_a_free_name(clip, tmp_path, capsys):
    video = tmp_path / "holiday.MOV"
    video.write_bytes(clip.read_bytes())
    made = [tmp_path / name for name in ("holiday_cut.MOV", "holiday_cut_1.MOV")]
    for path, last in zip(made, (4, 9), strict=True):
        assert main.main(["video", "cut", "--input-file", str(video), "--to", str(last)]) == 0
        assert f'"{path}"' in capsys.readouterr().out
    assert [len(times_of(path)) for path in made] == [5, 10]
    assert cutting.beside(tmp_path / "old.avi") == tmp_path / "old_cut.mp4"

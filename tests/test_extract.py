"""Extraction from a real photograph: what is found, bad input, runs stopped and continued."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import pytest
from support.synthetic import make_faceset, make_video

from extractor import in_flight
from extractor.extract import run
from extractor.journal import JOURNAL, LOCK
from extractor.options import ExtractOptions
from extractor.review import frames_to_review
from facelib import geometry
from facelib.detectors.yunet import YuNet
from facelib.faceset import Faceset, read_face, read_info
from facelib.review import FaceSummary
from facelib.smoothing import REACH
from facelib.types import EXTRACTED, FaceType, Rect, overlap
from sorter.options import SortOptions
from sorter.sort import run as sort
from utils import parallel
from utils.errors import ExitStatus, InputError, UserError, WeightsError
from utils.files import TEMPORARY, trash_dir
from utils.video.decoder import VideoSource

ROOT = Path(__file__).parent.parent
COUNT, LONG, RATE = 12, 48, 25
FACE = np.array([222, 115])  # the middle of her face in the photograph


def step(index):
    """Where frame `index` is cut out of the photograph: its top left corner."""
    return 60 + 4 * index, 10 + 2 * index


@pytest.fixture(scope="session")
def frames(astronaut):
    """Twelve pictures, 320 x 240, in which a face wanders to the upper left."""
    return [astronaut[y : y + 240, x : x + 320] for x, y in map(step, range(COUNT))]


@pytest.fixture(scope="session")
def _video(frames, tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("clip") / "my clip ü.mp4", frames, RATE)


@pytest.fixture
def video(_video):
    """The frames as a video, 25 a second, with sound."""
    return _video


@pytest.fixture
def pictures(frames, tmp_path):
    """The frames as a folder of pictures; frame10 comes after frame9."""
    folder = tmp_path / "my frames ü ☃"
    folder.mkdir()
    for index, frame in enumerate(frames):
        write_picture(folder / f"frame{index}.png", frame)
    return folder


def write_picture(path, image):
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())


@pytest.fixture
def out(tmp_path):
    return tmp_path / "aligned é"


def extract(source, out, **options):
    return run(ExtractOptions(input_dir=source, output_dir=out, **options))


def names(folder, pattern="*.png"):
    return sorted(path.name for path in folder.glob(pattern))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


# ----------------------------------------------------------------------------------- what is found


def test_a_video_gives_one_face_a_frame_with_everything_known_about_it(video, out):
    report = extract(video, out)
    assert report.counts == {"frames": COUNT, "faces": COUNT}
    assert report.status is ExitStatus.DONE
    assert not any(report.notes.values())
    faces = Faceset.open(out)
    assert [path.name for path, _ in faces] == [f"{index:06d}_0.png" for index in range(COUNT)]
    for index, (path, info) in enumerate(faces):
        assert (info.source, info.source_name) == ("my clip ü.mp4", f"{index:06d}.png")
        assert (info.frame_index, info.face_index) == (index, 0)
        assert info.time == pytest.approx(index / RATE, abs=1e-3)
        assert (info.detector, info.landmarker) == ("yunet", "mesh")
        assert (info.face_type, info.size) == (FaceType.FULL, 256)
        assert info.score > 0.8
        assert info.quality > 5
        assert read_face(path)[0].shape == (256, 256, 3)
        carried = geometry.apply(info.matrix, info.source_landmarks)
        np.testing.assert_allclose(carried, info.landmarks, atol=0.01)
        middle = np.add(info.source_rect.center, step(index))
        assert np.linalg.norm(middle - FACE) < 25
    at_start, at_end = faces[0][1].source_landmarks, faces[COUNT - 1][1].source_landmarks
    moved = (at_start - at_end).mean(axis=0)
    np.testing.assert_allclose(moved, np.subtract(step(COUNT - 1), step(0)), atol=1.0)


def test_the_face_file_shows_what_the_matrix_says(pictures, frames, out):
    extract(pictures, out)
    image, info = read_face(out / "frame3_0.png")
    grid = np.mgrid[40:216:8, 40:216:8].reshape(2, -1)[::-1].T.astype(np.float32)
    there = geometry.apply(geometry.invert(info.matrix), grid)
    expected = cv2.remap(frames[3], there[None, :, 0], there[None, :, 1], cv2.INTER_CUBIC)[0]
    shown = image[grid[:, 1].astype(int), grid[:, 0].astype(int)]
    assert np.abs(shown.astype(int) - expected.astype(int)).mean() < 3


def test_pictures_are_taken_in_natural_order(pictures, out):
    report = extract(pictures, out)
    assert report.counts == {"frames": COUNT, "faces": COUNT}
    by_index = sorted((info.frame_index, info.source_name) for _, info in Faceset.open(out))
    assert by_index == [(index, f"frame{index}.png") for index in range(COUNT)]
    assert {info.time for _, info in Faceset.open(out)} == {None}
    assert {info.source for _, info in Faceset.open(out)} == {"my frames ü ☃"}


def test_the_folder_of_frames_is_listed_once(pictures, out, monkeypatch):
    listed = []
    iterdir = Path.iterdir

    def count(self):
        listed.append(self)
        return iterdir(self)

    monkeypatch.setattr(Path, "iterdir", count)
    assert extract(pictures, out).counts["frames"] == COUNT
    assert listed.count(pictures) == 1


def test_a_video_is_opened_once_and_decoded_once(video, out, monkeypatch):
    opened, decoded = [], []
    init, frames = VideoSource.__init__, VideoSource.frames

    def open_and_count(self, path):
        opened.append(path)
        init(self, path)

    def decode_and_count(self, *span):
        decoded.append(self.path)
        return frames(self, *span)

    monkeypatch.setattr(VideoSource, "__init__", open_and_count)
    monkeypatch.setattr(VideoSource, "frames", decode_and_count)
    assert extract(video, out).counts["frames"] == COUNT
    assert opened == decoded == [video]


@pytest.mark.parametrize("face_type", EXTRACTED)
def test_every_face_type_can_be_extracted_and_drawn(face_type, pictures, frames, out):
    for path in sorted(pictures.iterdir())[1:]:
        path.unlink()
    extract(pictures, out, face_type=face_type, image_size=96, debug=True)
    image, info = read_face(out / "frame0_0.png")
    assert info.face_type is face_type
    if face_type is FaceType.MARK_ONLY:
        np.testing.assert_array_equal(image, frames[0])
        np.testing.assert_array_equal(info.landmarks, info.source_landmarks)
    else:
        assert image.shape == (96, 96, 3)
    assert names(out.with_name(out.name + "_debug"), "*") == ["frame0.jpg"]


@pytest.fixture
def group(astronaut, tmp_path):
    """A folder with one picture of three faces, larger to the right."""
    head = astronaut[10:220, 120:320]
    picture = np.full((240, 520, 3), 128, np.uint8)
    picture[20:230, 310:510] = head
    picture[20:160, 10:143] = cv2.resize(head, (133, 140), interpolation=cv2.INTER_AREA)
    picture[60:234, 144:310] = cv2.resize(head, (166, 174), interpolation=cv2.INTER_AREA)
    folder = tmp_path / "group"
    folder.mkdir()
    write_picture(folder / "all.png", picture)
    return folder


@pytest.mark.parametrize("most", [0, 1, 2])
def test_the_largest_faces_come_first(most, group, out):
    assert extract(group, out, max_faces=most).counts["faces"] == (most or 3)
    lefts = [info.source_rect.left for _, info in Faceset.open(out)]
    assert names(out) == [f"all_{index}.png" for index in range(most or 3)]
    assert lefts[0] > 310
    if len(lefts) > 1:
        assert 144 < lefts[1] < 310


def test_debug_pictures_show_rectangle_landmarks_and_crop(pictures, out):
    extract(pictures, out, debug=True)
    debug = out.with_name(out.name + "_debug")
    assert names(debug, "*") == sorted(f"frame{index}.jpg" for index in range(COUNT))
    info = read_info(out / "frame5_0.png")
    drawn = cv2.imread(str(debug / "frame5.jpg")).astype(int)
    rect = info.source_rect
    corner = geometry.crop_corners(info.matrix, info.size)
    places = {
        0: (rect.left, rect.center[1]),  # blue
        1: info.source_landmarks[8],  # green
        2: corner[:2].mean(axis=0),  # red
    }
    for channel, (x, y) in places.items():
        patch = drawn[round(y) - 2 : round(y) + 3, round(x) - 2 : round(x) + 3].reshape(-1, 3)
        others = np.delete(patch, channel, axis=1).max(axis=1)
        assert (patch[:, channel] - others).max() > 60


# --------------------------------------------------------------------------------------- bad input


def test_what_cannot_be_used_costs_only_itself(pictures, frames, out):
    whole = (pictures / "frame1.png").read_bytes()
    (pictures / "frame1.png").write_bytes(whole[: len(whole) // 2])
    (pictures / "frame2.png").write_bytes(b"")
    (pictures / "frame3.png").write_bytes(b"this is no picture")
    write_picture(pictures / "frame4.png", np.full((240, 320, 3), 90, np.uint8))
    write_picture(pictures / "frame5.jpg", frames[5])
    (pictures / "frame6.png").unlink()
    (pictures / "frame6.png").mkdir()
    write_picture(pictures / "tiny.png", np.zeros((1, 1, 3), np.uint8))
    (pictures / "notes.txt").write_text("no picture, and not called one")
    report = extract(pictures, out)
    assert report.status is ExitStatus.FAILED
    assert report.counts["faces"] == COUNT - 5
    failed = "\n".join(report.failures)
    for name in ("frame1.png", "frame2.png", "frame3.png", "frame6.png"):
        assert name in failed
    assert '"frame5.png" was skipped: "frame5.jpg"' in failed
    assert len(report.failures) == 5
    assert report.notes["frames without a face"] == ["frame4.png", "tiny.png"]


@pytest.mark.parametrize("smooth", [True, False])
def test_a_frame_that_breaks_the_detector_costs_only_itself(pictures, out, monkeypatch, smooth):
    write_picture(pictures / "frame4.png", np.full((240, 320, 3), 90, np.uint8))
    detect = YuNet.detect

    def break_down(self, images):
        if images[0].std() == 0:
            raise RuntimeError("a tensor has no shape")
        return detect(self, images)

    monkeypatch.setattr(YuNet, "detect", break_down)
    report = extract(pictures, out, smooth=smooth)
    assert report.status is ExitStatus.FAILED
    assert report.failures == ['"frame4.png": RuntimeError: a tensor has no shape']
    assert report.counts == {"frames": COUNT - 1, "faces": COUNT - 1}
    monkeypatch.undo()
    assert extract(pictures, out, smooth=smooth).status is ExitStatus.DONE


def test_a_detector_that_breaks_on_everything_ends_the_run(long_footage, out, monkeypatch):
    monkeypatch.setattr(YuNet, "detect", lambda self, images: 1 / 0)
    with pytest.raises(UserError, match=r"20 frames in a row .* ZeroDivisionError"):
        extract(long_footage["folder"], out)


@pytest.mark.parametrize("kind", ["pictures", "video"])
def test_pictures_too_large_to_be_kept_give_the_same_faces(
    kind, request, out, tmp_path, monkeypatch
):
    source = request.getfixturevalue(kind)
    extract(source, tmp_path / "kept")
    monkeypatch.setattr(in_flight, "MOST_PIXELS", 320 * 240)  # room for one, and none is kept
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    assert extract(source, out).counts == {"frames": COUNT, "faces": COUNT}
    assert contents(out) == contents(tmp_path / "kept")


def test_landmarks_are_smoothed_and_the_face_says_so(video, out, tmp_path):
    extract(video, out)
    extract(video, tmp_path / "raw", smooth=False)
    smooth, raw = ([info for _, info in Faceset.open(path)] for path in (out, tmp_path / "raw"))
    assert [info.smoothed for info in smooth] == [2 <= index < COUNT - 2 for index in range(COUNT)]
    assert not any(info.smoothed for info in raw)
    trembles = []
    for infos in (smooth, raw):
        track = np.stack([info.source_landmarks for info in infos])
        trembles.append(np.abs(np.diff(track, 2, axis=0))[3:-3].mean())
    assert trembles[0] < 0.5 * trembles[1]


def test_a_picture_that_is_mended_is_done_by_the_next_run(pictures, frames, out):
    (pictures / "frame1.png").write_bytes(b"")
    assert extract(pictures, out).status is ExitStatus.FAILED
    write_picture(pictures / "frame1.png", frames[1])
    report = extract(pictures, out)
    assert report.status is ExitStatus.DONE
    assert report.counts == {
        "frames": COUNT, "faces": COUNT, "frames done by an earlier run": COUNT - 1,
    }  # fmt: skip


def test_no_face_anywhere_is_a_failure_with_a_way_out(tmp_path, out):
    folder = tmp_path / "gray"
    folder.mkdir()
    write_picture(folder / "a.png", np.full((64, 64, 3), 90, np.uint8))
    report = extract(folder, out)
    assert report.status is ExitStatus.FAILED
    assert "--detector" in report.failures[0]


def missing(path):
    pass


def empty_folder(path):
    path.mkdir()


def folder_without_pictures(path):
    path.mkdir()
    (path / "notes.txt").write_text("x")


def zero_bytes(path):
    path.write_bytes(b"")


def no_video(path):
    path.write_bytes(b"this is a text" * 100)


@pytest.mark.parametrize(
    "make", [missing, empty_folder, folder_without_pictures, zero_bytes, no_video]
)
def test_unusable_input_is_one_sentence_and_writes_nothing(make, tmp_path, out):
    source = tmp_path / "footage.mp4"
    make(source)
    with pytest.raises(InputError, match="footage"):
        extract(source, out)
    assert not out.exists()


def test_an_output_that_is_a_file_is_refused(pictures, out):
    out.write_text("mine")
    with pytest.raises(InputError, match="is a file"):
        extract(pictures, out)
    assert out.read_text() == "mine"


def test_faces_are_not_put_among_the_frames(pictures):
    before = contents(pictures)
    with pytest.raises(InputError, match="holds the frames"):
        extract(pictures, pictures)
    assert contents(pictures) == before


def test_missing_weights_are_told_before_anything_is_written(pictures, out, tmp_path, monkeypatch):
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "nowhere"))
    with pytest.raises(WeightsError, match=r"main\.py weights"):
        extract(pictures, out)
    assert not out.exists()


# ------------------------------------------------------------------- a run is stopped and continued


def start(source, out, *flags):
    command = [sys.executable, "main.py", "extract", "--no-ask", "--input-dir", str(source)]
    command += ["--output-dir", str(out), *flags]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def stop_in_the_middle(process, out, how, at_least):
    """Send a signal once some frames are recorded; return the exit status."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if (out / JOURNAL).exists() and len((out / JOURNAL).read_bytes().splitlines()) > at_least:
            process.send_signal(how)
            break
        time.sleep(0.002)
    process.communicate(timeout=60)
    return process.returncode


@pytest.fixture(scope="module")
def long_footage(frames, tmp_path_factory):
    """A folder and a video of LONG frames."""
    folder = tmp_path_factory.mktemp("long") / "frames"
    folder.mkdir()
    images = (frames + frames[::-1]) * 2
    for index, frame in enumerate(images):
        write_picture(folder / f"{index:06d}.png", frame)
    return {"folder": folder, "video": make_video(folder.parent / "clip.mp4", images, RATE)}


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX signals")
@pytest.mark.parametrize(
    ("kind", "how"),
    [
        ("folder", "SIGKILL"),
        ("video", "SIGINT"),
        pytest.param("folder", "SIGINT", marks=pytest.mark.slow),
        pytest.param("video", "SIGKILL", marks=pytest.mark.slow),
    ],
)
def test_a_stopped_run_is_continued_exactly(kind, how, long_footage, out, tmp_path):
    source = long_footage[kind]
    how = getattr(signal, how)  # Windows, where this is skipped, lacks one
    extract(source, tmp_path / "whole", debug=True)
    status = stop_in_the_middle(start(source, out, "--debug"), out, how, at_least=6)
    assert status == (130 if how is signal.SIGINT else -9)
    done = {line.split('"')[3] for line in (out / JOURNAL).read_text().splitlines()[1:] if line}
    assert 5 <= len(done) < LONG
    before = {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in out.glob("*.png")}
    assert all(f"{Path(name).stem}_0.png" in before for name in done)
    if kind == "folder":  # what is done is not even opened again
        source = shutil.copytree(source, tmp_path / "frames")
        for name in sorted(done)[:-REACH]:  # those are the neighbors of what is missing
            (source / name).write_bytes(b"no longer a picture")
    report = extract(source, out, debug=True)
    assert report.status is ExitStatus.DONE
    assert report.counts["frames"] == report.counts["faces"] == LONG
    assert report.counts["frames done by an earlier run"] == len(done)
    assert contents(out) == contents(tmp_path / "whole")
    for name in done:
        face = f"{Path(name).stem}_0.png"
        assert (out / face).stat().st_mtime_ns == before[face][0], "it was made again"
    assert names(out.with_name(out.name + "_debug"), "*.jpg") == [
        f"{i:06d}.jpg" for i in range(LONG)
    ]
    left = [p.name for p in out.iterdir() if p.name.startswith(".") and p.name != JOURNAL]
    assert not left, "no half-written file is left"


def test_faces_that_were_deleted_or_sorted_are_not_made_again(video, out):
    extract(video, out)
    sort(SortOptions(input_dir=out, by="blur"))
    (out / "00003.png").unlink()
    before = contents(out)
    report = extract(video, out)
    assert report.counts["frames done by an earlier run"] == COUNT
    assert contents(out) == before


def test_a_half_written_record_costs_one_frame(pictures, out):
    extract(pictures, out)
    before = contents(out)
    journal = out / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])
    report = extract(pictures, out)
    assert report.counts["frames done by an earlier run"] == COUNT - 1
    assert report.counts["frames"] == COUNT
    assert contents(out) == before


@pytest.mark.parametrize("record", ['{"item": "frame0.png"}', '{"item": "x", "faces": [["a"]]}'])
def test_a_record_that_is_not_ours_is_passed_over(record, pictures, out):
    extract(pictures, out)
    before = contents(out)
    lines = (out / JOURNAL).read_text().splitlines()
    lost = next(number for number, line in enumerate(lines) if '"item"' in line)
    lines[lost] = record
    (out / JOURNAL).write_text("\n".join(lines) + "\n")
    report = extract(pictures, out)
    assert report.counts["frames done by an earlier run"] == COUNT - 1
    assert report.counts["frames"] == COUNT
    assert contents(out) == before


# ---------------------------------------------------------------------------------- starting over


def test_other_settings_are_refused_by_name_and_overwrite_starts_over(pictures, out):
    extract(pictures, out, debug=True)
    before = contents(out)
    with pytest.raises(InputError, match=r"image-size is now 128, it was 256.*--overwrite"):
        extract(pictures, out, image_size=128)
    assert contents(out) == before
    report = extract(pictures, out, image_size=128, overwrite=True)
    assert report.counts == {"frames": COUNT, "faces": COUNT}
    assert {info.size for _, info in Faceset.open(out)} == {128}
    assert contents(trash_dir(out)) == before
    debug = out.with_name(out.name + "_debug")
    assert len(names(trash_dir(debug), "*.jpg")) == COUNT
    assert not names(debug, "*")


def test_overwrite_touches_nothing_else(video, out, tmp_path):
    extract(video, out)
    sort(SortOptions(input_dir=out, by="face-yaw"))
    make_faceset(tmp_path / "other", count=1)
    shutil.copy(tmp_path / "other" / "000000_0.png", out / "friend.png")
    foreign = {"000001_0.png": b"not a face", "00000.txt": b"notes"}
    for name, data in foreign.items():
        (out / name).write_bytes(data)
    friend = (out / "friend.png").read_bytes()
    report = extract(video, out, overwrite=True)
    assert report.counts == {"frames": COUNT, "faces": COUNT}
    assert (out / "friend.png").read_bytes() == friend
    assert {name: (out / name).read_bytes() for name in foreign} == foreign
    assert len(names(trash_dir(out))) == COUNT
    made = {f"{index:06d}_0.png" for index in range(COUNT)} - {"000001_0.png"}
    assert set(names(out)) == made | {"000001_0.png", "000001_0_1.png", "friend.png"}
    extract(video, out, overwrite=True)
    assert len(names(trash_dir(out))) == 2 * COUNT, "the trash is never emptied"


def test_faces_without_a_record_of_their_run_are_not_mixed_with_new_ones(pictures, out):
    extract(pictures, out)
    (out / JOURNAL).unlink()
    with pytest.raises(InputError, match=r"no record.*--overwrite"):
        extract(pictures, out)
    assert extract(pictures, out, overwrite=True).counts["faces"] == COUNT


def test_another_source_does_not_continue_a_run(pictures, video, out):
    extract(pictures, out)
    with pytest.raises(InputError, match="source is now my clip"):
        extract(video, out)


# ------------------------------------------------------------------------------------------ doubts


def mark(x=100.0, y=100.0, side=50.0, score=0.9, quality=9.0):
    return FaceSummary(Rect(x - side / 2, y - side / 2, x + side / 2, y + side / 2), score, quality)


@pytest.mark.parametrize(
    ("marks", "reason"),
    [
        ([mark(quality=-0.1)], "landmarks uncertain"),
        ([mark(score=0.7)], "low face score"),
        ([mark(), mark(x=104)], "two faces in one place"),
        ([mark(side=100)], "out of line"),
        ([mark(side=20)], "out of line"),
        ([mark(x=180)], "out of line"),
    ],
)
def test_a_doubtful_frame_is_named_with_the_reason(marks, reason):
    frames = [("1.png", [mark()]), ("2.png", marks), ("3.png", [mark(x=105)])]
    (sentence,) = frames_to_review(frames)
    assert sentence.startswith("2.png (")
    assert reason in sentence


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [("1.png", [mark(side=9)])],
        [("1.png", [mark()]), ("2.png", []), ("3.png", [mark()])],
        [(f"{i}.png", [mark(x=100 + 20 * i, side=50 * 1.1**i)]) for i in range(9)],  # it walks
        [("1.png", [mark()]), ("2.png", [mark(300)]), ("3.png", [mark(600)])],  # photographs
        [("1.png", [mark()]), ("2.png", [mark(300, side=60), mark()]), ("3.png", [mark()])],
    ],
)
def test_ordinary_frames_are_not_doubted(frames):
    assert not frames_to_review(frames)


def test_overlap_is_shared_area_by_joint_area():
    assert overlap(Rect(0, 0, 2, 2), Rect(1, 0, 3, 2)) == pytest.approx(1 / 3)
    assert overlap(Rect(0, 0, 2, 2), Rect(2, 0, 3, 2)) == 0
    assert overlap(Rect(0, 0, 0, 0), Rect(0, 0, 0, 0)) == 0


# ------------------------------------------------------------------------- one run at a time

HOLDER = """
import sys; from pathlib import Path; from utils.errors import InputError; from utils.lock import *
with locked_folder(Path(sys.argv[1]), sys.argv[2], "extract"):
    print(flush=True); sys.stdin.readline()
"""


@pytest.fixture
def holder(out):
    """A process that holds the lock of the output folder."""
    command = [sys.executable, "-c", HOLDER, str(out), LOCK]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        process.stdout.readline()
        yield process
        process.kill()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_second_run_into_a_folder_is_refused_and_touches_nothing(
    overwrite, pictures, out, holder, monkeypatch
):
    monkeypatch.setattr("utils.lock.WAIT", 0.1)
    (out / f"{TEMPORARY}under-way.png").touch()
    before = set(out.iterdir())
    with pytest.raises(InputError, match=r'another extract is writing into ".*aligned é"; wait'):
        extract(pictures, out, overwrite=overwrite)
    assert set(out.iterdir()) == before


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_the_lock_of_a_killed_run_is_no_obstacle(pictures, out, holder):
    holder.kill()
    holder.wait()
    assert (out / LOCK).exists()
    assert extract(pictures, out).counts["faces"] == COUNT
    assert not (out / LOCK).exists()


@pytest.mark.slow
def test_of_two_runs_into_one_folder_one_does_the_work(long_footage, out, tmp_path):
    extract(long_footage["folder"], tmp_path / "whole")
    runs = [start(long_footage["folder"], out) for _ in range(2)]
    said = [run.communicate(timeout=120)[1].decode() for run in runs]
    assert sorted(run.returncode for run in runs) == [0, 1]
    assert sum("another extract is writing" in text for text in said) == 1
    assert contents(out) == contents(tmp_path / "whole")
    assert [path.name for path in out.glob(".*")] == [JOURNAL]

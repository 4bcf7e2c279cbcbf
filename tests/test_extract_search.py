"""Which faces `extract` looks for and keeps: options of the search, turned frames, people."""

import os
import subprocess
import sys
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
import skimage.data
from support.synthetic import make_faceset

from extractor import face_finder
from extractor.extract import face_search, run
from extractor.face_finder import FaceFinder, choose_devices
from extractor.options import ExtractOptions
from facelib import landmarks
from facelib.faceset import Faceset
from facelib.types import Detection, Rect
from utils.errors import InputError, UsageError
from utils.registry import Registry


def write(path, image):
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_bytes(cv2.imencode(path.suffix, image)[1].tobytes())
    return path


def options(tmp_path, **values):
    return ExtractOptions(input_dir=tmp_path / "in", output_dir=tmp_path / "out", **values)


def finder(tmp_path, **values):
    return FaceFinder(face_search(options(tmp_path, **values)))


def head(astronaut, side):
    """The astronaut's head, `side` pixels from hairline to chin being 0.56 of it."""
    return cv2.resize(astronaut[10:220, 117:327], (side, side), interpolation=cv2.INTER_AREA)


@pytest.fixture
def crowd(astronaut, tmp_path):
    """A 1920 x 1080 picture with faces of about 450, 120 and 22 pixels."""
    picture = np.full((1080, 1920, 3), 120, np.uint8)
    for left, side in ((60, 800), (1000, 210), (1500, 40)):
        picture[140 : 140 + side, left : left + side] = head(astronaut, side)
    write(tmp_path / "in" / "all.png", picture)
    return picture


def sizes(faces):
    return [round(max(face.rect.width, face.rect.height)) for face in faces]


def test_small_faces_are_found_when_they_matter_and_left_out_when_not(crowd, tmp_path):
    usual = sizes(finder(tmp_path).find(crowd))
    close = sizes(finder(tmp_path, min_face_size=18).find(crowd))
    large = sizes(finder(tmp_path, min_face_size=200).find(crowd))
    assert len(usual) == 2
    assert len(close) == 3
    assert close[:2] == usual
    assert 18 <= close[2] < 35
    assert large == usual[:1]


@pytest.mark.parametrize("name", ["mt"])
def test_a_slow_detector_looks_closer_too(crowd, tmp_path, name):
    quick = crowd[130:370, 960:]  # 960 wide, then 1920: the small face has 11 pixels
    frame = cv2.resize(quick, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
    frame = cv2.copyMakeBorder(frame, 0, 0, 0, 1600, cv2.BORDER_REPLICATE)
    usual = finder(tmp_path, detector=name).find(frame)
    close = finder(tmp_path, detector=name, min_face_size=32).find(frame)
    assert len(usual) == 1
    assert len(close) == 2


def test_the_least_score_reaches_the_detector(crowd, tmp_path):
    assert finder(tmp_path, min_score=0.9999).find(crowd) == []


def test_every_third_frame(astronaut, tmp_path):
    for index in range(7):
        write(tmp_path / "in" / f"{index}.png", astronaut[:240, 80:400])
    report = run(options(tmp_path, every=3))
    assert report.counts == {"frames": 3, "faces": 3}
    found = sorted(
        (info.source_name, info.frame_index) for _, info in Faceset.open(tmp_path / "out")
    )
    assert found == [("0.png", 0), ("3.png", 3), ("6.png", 6)]
    with pytest.raises(InputError, match="every is now 2, it was 3"):
        run(options(tmp_path, every=2))


def test_cpu_only_says_which_detector_is_used(astronaut, tmp_path, capsys):
    write(tmp_path / "in" / "0.png", astronaut[:240, 80:400])
    run(options(tmp_path, cpu_only=True))
    assert "Detector: yunet" in capsys.readouterr().out


# ----------------------------------------------------------------------------------- turned frames


class Upright:
    """dlib's older detector, which finds upright faces only and no key points."""

    def __init__(self, **_):
        self._find = dlib.get_frontal_face_detector()

    def detect(self, images):
        return [
            [self._detection(box) for box in self._find(np.ascontiguousarray(image[..., ::-1]))]
            for image in images
        ]

    def _detection(self, box):
        return Detection(
            Rect(box.left(), box.top() - 0.2 * box.height(), box.right(), box.bottom()), 1
        )


@pytest.fixture
def upright(monkeypatch):
    table = {"upright": (f"{__name__}:Upright", "finds upright faces only")}
    monkeypatch.setattr(face_finder, "DETECTORS", Registry("detector", table))


@pytest.mark.parametrize(
    ("landmarker", "side", "turn"),
    [
        *(("mesh", side, turn) for side in (4096, 320) for turn in range(4)),
        ("dlib68", 4096, 1),
        *(pytest.param("dlib68", 4096, turn, marks=pytest.mark.slow) for turn in (0, 2, 3)),
    ],
)
def test_a_turned_frame_gives_the_same_face(
    astronaut, tmp_path, upright, landmarker, side, turn, monkeypatch
):
    monkeypatch.setattr(face_finder, "TURNED_SIDE", side)  # the frame is shrunk to it first
    picture = astronaut[:300, 40:440]
    search = finder(tmp_path, detector="upright", landmarker=landmarker)
    (expected,) = search.find(picture)
    (found,) = search.find(np.ascontiguousarray(np.rot90(picture, turn)))
    # where a point of the picture is in the turned one, by the definition of np.rot90
    places = np.zeros((*picture.shape[:2], 2))
    places[..., 0], places[..., 1] = np.meshgrid(np.arange(400), np.arange(300))
    corner, along_x, along_y = (
        np.argwhere((np.rot90(places, turn) == spot).all(axis=-1))[0][::-1]
        for spot in ((0, 0), (1, 0), (0, 1))
    )
    forward = np.column_stack([along_x - corner, along_y - corner])
    moved = expected.landmarks @ forward.T + corner
    error = np.linalg.norm(found.landmarks - moved, axis=1).mean()
    most, near = (0.005, 1) if side > 400 else (0.02, 10)  # its boxes come in steps
    assert error < most * landmarks.inter_ocular(expected.landmarks)
    if landmarker == "mesh":
        away = found.iris - (expected.iris @ forward.T + corner)
        assert np.abs(away).max() < 4 * most * landmarks.inter_ocular(expected.landmarks)
    corners = np.array([expected.rect[:2], expected.rect[2:]]) @ forward.T + corner
    np.testing.assert_allclose(found.rect[:2], corners.min(axis=0), atol=near)
    np.testing.assert_allclose(found.rect[2:], corners.max(axis=0), atol=near)


def test_frames_are_not_turned_when_nobody_wants_it(astronaut, tmp_path, upright):
    search = finder(tmp_path, detector="upright", rotated_search=False)
    assert search.find(np.ascontiguousarray(astronaut[::-1, ::-1])) == []


# ------------------------------------------------------------------------------------------ people


@pytest.fixture
def two_people(astronaut, tmp_path):
    """A frame with the astronaut (left) and the photographer (right)."""
    camera = np.dstack([skimage.data.camera()] * 3)
    return write(tmp_path / "in" / "both.png", np.hstack([astronaut, camera]))


@pytest.fixture
def portraits(astronaut, tmp_path):
    camera = np.dstack([skimage.data.camera()] * 3)
    return {
        "left": write(tmp_path / "a woman é.png", astronaut[:300, :, :]),
        "right": write(tmp_path / "a man.jpg", camera),
    }


@pytest.mark.parametrize(
    ("wanted", "unwanted", "stay"),
    [
        (["left"], [], "left"),
        (["right"], [], "right"),
        ([], ["left"], "right"),
        ([], ["right"], "left"),
        (["left", "right"], [], "left right"),
        (["left"], ["right"], "left"),
        ([], ["left", "right"], ""),
    ],
)
def test_people_are_kept_or_left_out(two_people, portraits, tmp_path, wanted, unwanted, stay):
    chosen = options(
        tmp_path,
        person=tuple(portraits[name] for name in wanted),
        not_person=tuple(portraits[name] for name in unwanted),
    )
    faces = FaceFinder(face_search(chosen)).find(cv2.imread(str(two_people)))
    sides = sorted("left" if face.rect.center[0] < 512 else "right" for face in faces)
    assert sides == stay.split()


def test_max_faces_counts_the_wanted_person_only(two_people, portraits, tmp_path):
    image = cv2.imread(str(two_people))
    (largest,) = finder(tmp_path, max_faces=1).find(image)
    other = "right" if largest.rect.center[0] < 512 else "left"
    (found,) = finder(tmp_path, max_faces=1, person=(portraits[other],)).find(image)
    assert (found.rect.center[0] > 512) == (other == "right")


def test_a_face_file_of_an_earlier_run_shows_a_person(two_people, portraits, tmp_path):
    run(ExtractOptions(input_dir=tmp_path / "in", output_dir=tmp_path / "first"))
    woman = next(
        path for path, info in Faceset.open(tmp_path / "first") if info.source_rect.left < 512
    )
    report = run(options(tmp_path, person=(woman,)))
    assert report.counts == {"frames": 1, "faces": 1}
    ((_, info),) = Faceset.open(tmp_path / "out")
    assert info.source_rect.left < 512
    with pytest.raises(InputError, match=r"person is now .*it was"):
        run(options(tmp_path, person=(portraits["left"],)))


def test_the_same_picture_elsewhere_continues_the_run(two_people, portraits, tmp_path):
    run(options(tmp_path, person=(portraits["left"],)))
    moved = tmp_path / "moved" / portraits["left"].name
    moved.parent.mkdir()
    portraits["left"].rename(moved)
    assert run(options(tmp_path, person=(moved,))).counts["frames done by an earlier run"] == 1


def nothing(path):
    return path


def no_picture(path):
    path.write_bytes(b"hello")
    return path


def no_face(path):
    return write(path, np.full((200, 200, 3), 90, np.uint8))


def drawn_face(path):
    (face,) = make_faceset(path.parent / "drawn", count=1)
    face.write_bytes(face.read_bytes()[:-30])
    return face


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (nothing, "ref.png"),
        (no_picture, "ref.png"),
        (no_face, "no face was found"),
        (drawn_face, "it may be truncated"),
    ],
)
@pytest.mark.parametrize("which", ["person", "not_person"])
def test_a_picture_that_shows_nobody_is_refused(two_people, tmp_path, make, reason, which):
    with pytest.raises(InputError, match=reason):
        run(options(tmp_path, **{which: (make(tmp_path / "ref.png"),)}))
    assert not (tmp_path / "out").exists()


def test_a_picture_of_two_people_is_refused(two_people, tmp_path):
    with pytest.raises(InputError, match=r"2 faces were found in .*both.png.*exactly one"):
        run(options(tmp_path, person=(two_people,)))


# -------------------------------------------------------------------------------------------- GPUs


def test_finders_are_shared_out_among_the_gpus(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(face_finder.device, "gpus", lambda: ["GPU:0", "GPU:1"])
    monkeypatch.setattr(face_finder.parallel, "cores", lambda: 5)
    monkeypatch.setattr(face_finder, "FaceFinder", lambda search, on: made.append(on) or on)
    devices = choose_devices(multi_gpu=True, cpu_only=False, gpu_index=None)
    assert len(face_finder.make_finders(face_search(options(tmp_path)), devices)) == 5
    assert made == ["GPU:0", "GPU:1", "GPU:0", "GPU:1", "GPU:0"]


@pytest.mark.parametrize("also", [{"cpu_only": True}, {"force_gpu_idx": 0}, {}])
def test_multi_gpu_without_gpus_is_a_usage_error(astronaut, tmp_path, monkeypatch, also):
    monkeypatch.setattr(face_finder.device, "gpus", list)
    write(tmp_path / "in" / "0.png", astronaut)
    with pytest.raises(UsageError, match="--multi-gpu"):
        run(options(tmp_path, multi_gpu=True, **also))
    assert not (tmp_path / "out").exists()


LOGICAL = """
import numpy as np, skimage.data, tensorflow as tf
cpu, = tf.config.list_physical_devices("CPU")
tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
from facelib.detectors.mtcnn import Mtcnn
image = np.ascontiguousarray(skimage.data.astronaut()[:256, 96:352, ::-1])
for name in ("CPU:0", "CPU:1"):
    mt = Mtcnn(device=name)
    print(name, len(mt.detect([image])[0]), mt._net._device)
"""


@pytest.mark.slow
def test_mt_runs_on_the_device_it_is_given():
    root = Path(__file__).parent.parent
    env = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, "-c", LOGICAL], cwd=root, env=env, capture_output=True, text=True,
        check=False, timeout=120,
    )  # fmt: skip
    assert done.stdout.split("\n")[:2] == ["CPU:0 1 CPU:0", "CPU:1 1 CPU:1"], done.stderr[-500:]

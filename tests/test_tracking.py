"""Faces followed through a video: as good as searching every frame, whatever happens in it."""

import json

import cv2
import numpy as np
import pytest
import skimage.data
from support.synthetic import make_video

from extractor import split
from extractor.extract import face_search, run
from extractor.face_finder import FaceFinder
from extractor.frames import Pending
from extractor.in_flight import InFlight
from extractor.journal import GAP as IN_JOURNAL
from extractor.journal import JOURNAL
from extractor.options import ExtractOptions
from extractor.smoothing import Found
from extractor.stretches import FollowingSearch
from extractor.tracking import GAP
from facelib.detectors.yunet import YuNet
from facelib.faceset import Faceset
from facelib.landmarks import inter_ocular
from facelib.types import overlap
from utils import parallel

WIDTH, HEIGHT = 320, 240
LENGTH = 2 * GAP + 1


def scene(heads):
    """A frame of a still life with the astronaut's head wherever (x, y, side) says."""
    frame = cv2.resize(skimage.data.coffee()[..., ::-1], (WIDTH, HEIGHT))
    photograph = np.ascontiguousarray(skimage.data.astronaut()[10:220, 117:327, ::-1])
    for x, y, side in heads:
        zoom = side / 210
        matrix = np.array([[zoom, 0, x - side / 2], [0, zoom, y - side / 2]])
        there = cv2.warpAffine(np.full((210, 210), 255, np.uint8), matrix, (WIDTH, HEIGHT)) > 127
        head = cv2.warpAffine(photograph, matrix, (WIDTH, HEIGHT), flags=cv2.INTER_AREA)
        frame[there] = head[there]
    return frame


def moving(count=LENGTH):
    """A head that drifts, comes nearer, and tilts a little with the camera."""
    for t in range(count):
        frame = scene([(150 + 1.5 * t, 120 + 4 * np.sin(t / 4), 130 * 1.01**t)])
        tilt = cv2.getRotationMatrix2D((150.0, 120.0), 6 * np.sin(t / 5), 1)
        yield cv2.warpAffine(frame, tilt, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)


CROSSING = [[(70 + 10 * t, 90, 90), (250 - 10 * t, 150, 110)] for t in range(LENGTH)]
EVENTS = {
    "a cut": [[(90, 120, 130)]] * 4 + [[(230, 110, 160)]] * (GAP - 3),
    "one enters": [[(80, 120, 110), (380 - 16 * t, 130, 100)] for t in range(GAP + 1)],
    "one leaves and comes back": [
        [(80, 120, 110)] + [(240, 120, 100)] * (not 2 <= t < 6) for t in range(GAP + 1)
    ],
    "two cross": CROSSING,
}


@pytest.fixture(scope="module")
def finders(tmp_path_factory):
    nowhere = tmp_path_factory.mktemp("nowhere")
    search = face_search(ExtractOptions(input_dir=nowhere, output_dir=nowhere))
    return [FaceFinder(search) for _ in range(2)]


def followed(images, finders):
    frames = (Pending(image, index, str(index), None) for index, image in enumerate(images))
    found = list(FollowingSearch(finders, InFlight(), GAP).found(frames, WIDTH * HEIGHT))
    assert all(isinstance(each, Found) for each in found)
    assert [each.frame.index for each in found] == list(range(len(images)))
    return [each.faces for each in found]


def distances(one, other):
    """Per landmark, in % of the eye distance."""
    return 100 * np.linalg.norm(one - other, axis=1) / inter_ocular(one)


@pytest.mark.parametrize(
    "event",
    [
        "a cut",
        "one enters",
        pytest.param("one leaves and comes back", marks=pytest.mark.slow),
        pytest.param("two cross", marks=pytest.mark.slow),
    ],
)
def test_whatever_happens_the_faces_of_a_search_are_found(event, finders, monkeypatch):
    monkeypatch.setattr(parallel, "cores", lambda: 2)
    images = [scene(heads) for heads in EVENTS[event]]
    numbers = set()
    for image, faces in zip(images, followed(images, finders), strict=True):
        expected = finders[0].search(image)
        numbers.add(len(expected))
        assert len(faces) == len(expected)
        for face in expected:
            same = max(faces, key=lambda each: overlap(each.rect, face.rect))
            assert overlap(same.rect, face.rect) > 0.7
            assert distances(face.landmarks, same.landmarks).max() < 5
            assert same.score == pytest.approx(face.score, abs=0.1)
    assert max(numbers) == max(map(len, EVENTS[event]))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", list(moving()), audio=False)


@pytest.fixture
def searches(monkeypatch):
    """Counts the frames that the detector sees."""
    seen, detect = [], YuNet.detect

    def count(self, images):
        seen.extend(images)
        return detect(self, images)

    monkeypatch.setattr(YuNet, "detect", count)
    return seen


def extract(source, out, **options):
    return run(ExtractOptions(input_dir=source, output_dir=out, **options))


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


@pytest.fixture(scope="module")
def tracked(clip, tmp_path_factory):
    out = tmp_path_factory.mktemp("tracked") / "faces"
    assert extract(clip, out).counts == {"frames": LENGTH, "faces": LENGTH}
    return out


def test_landmarks_are_those_of_a_search(clip, tracked, tmp_path, searches):
    extract(clip, tmp_path / "searched", track=False)
    assert len(searches) == LENGTH
    pairs = list(zip(Faceset.open(tracked), Faceset.open(tmp_path / "searched"), strict=True))
    away = [distances(b.source_landmarks, a.source_landmarks) for (_, a), (_, b) in pairs]
    assert np.median(away) < 0.3
    assert np.percentile(away, 99) < 1
    assert max(abs(a.score - b.score) for (_, a), (_, b) in pairs) < 0.05
    assert min(overlap(a.source_rect, b.source_rect) for (_, a), (_, b) in pairs) > 0.8
    assert np.max(away) > 0  # otherwise nothing was followed


def without(out, frames, folder):
    """A copy of an extraction as if some frames had not been done."""
    folder.mkdir()
    lines = (out / JOURNAL).read_text(encoding="utf-8").splitlines(keepends=True)
    names = [f"{index:06d}" for index in frames]
    lost = [f'"{name}.png"' for name in names] + ['"*"']
    kept = [line for line in lines if not any(name in line for name in lost)]
    (folder / JOURNAL).write_text("".join(kept), encoding="utf-8")
    for name, data in contents(out).items():
        if name.split("_")[0] not in names:
            (folder / name).write_bytes(data)
    return folder


@pytest.mark.parametrize(
    ("cores", "missing"),
    [(1, range(11, LENGTH)), pytest.param(3, [4], marks=pytest.mark.slow)],
)
def test_a_continued_run_gives_the_same(
    cores, missing, clip, tracked, tmp_path, monkeypatch, searches
):
    monkeypatch.setattr(parallel, "cores", lambda: cores)
    out = without(tracked, missing, tmp_path / "faces")
    assert len(contents(out)) == LENGTH - len(missing)
    assert extract(clip, out).counts["faces"] == LENGTH
    assert contents(out) == contents(tracked)
    assert 0 < len(searches) <= 3


@pytest.mark.slow
def test_parts_give_the_same(clip, tracked, tmp_path):
    for part in ("1/2", "2/2", "join"):
        options = ExtractOptions(input_dir=clip, output_dir=tmp_path / "faces", part=part)
        split.join(options) if part == "join" else split.run(options)
    assert contents(tmp_path / "faces") == contents(tracked)


def test_images_and_sampled_frames_are_all_searched(clip, tmp_path, searches):
    folder = tmp_path / "images"
    folder.mkdir()
    for index, image in enumerate(moving(4)):
        cv2.imwrite(str(folder / f"{index}.png"), image)
    extract(folder, tmp_path / "one")
    assert len(searches) == 4
    extract(clip, tmp_path / "two", every=4)
    assert len(searches) == 4 + len(range(0, LENGTH, 4))


@pytest.mark.slow
def test_a_run_of_an_earlier_version_is_continued_by_searching(clip, tracked, tmp_path, searches):
    out = without(tracked, [4, 12], tmp_path / "faces")
    journal = out / JOURNAL
    head, *rest = journal.read_text(encoding="utf-8").splitlines(keepends=True)
    head = json.loads(head)
    assert head["header"].pop(IN_JOURNAL) == GAP
    journal.write_text(json.dumps(head) + "\n" + "".join(rest), encoding="utf-8")
    assert extract(clip, out).counts["faces"] == LENGTH
    assert len(searches) == len({*range(9), *range(8, LENGTH)})

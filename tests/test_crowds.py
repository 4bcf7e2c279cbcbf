"""Crowds: every face that was put into a 4K or 8K frame is found once, and nothing else."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from extractor.extract import run as extract
from extractor.options import ExtractOptions
from facelib.detectors import DETECTORS
from facelib.detectors.tiles import OVERLAP, search, unseen
from facelib.faceset import Faceset
from facelib.types import Detection, Rect, overlap
from utils.images import write_image

MIDDLE, HEIGHT = (0.5, 0.52), 0.56
"""Of the face in the picture of the head, in its sides."""


def crowd(astronaut, size, side, columns, rows, large=None):
    """A frame full of the astronaut's head, and the middles of the faces (n, 2).

    `large`: left, top and side of one more head, which has its place to itself.
    """
    width, height = size
    frame = np.full((height, width, 3), 120, np.uint8)
    small = put(frame, astronaut, 0, 0, side)
    frame[:side, :side] = 120
    middles, reach = [], large[2] / 2 if large else 0
    for top in np.linspace(0, height - side, rows).astype(int):
        for left in np.linspace(0, width - side, columns).astype(int):
            if (
                large
                and max(abs(left - large[0] - reach), abs(top - large[1] - reach)) < reach + side
            ):
                continue
            frame[top : top + side, left : left + side] = small
            middles.append((left + MIDDLE[0] * side, top + MIDDLE[1] * side))
    if large:
        put(frame, astronaut, *large)
    return frame, np.array(middles)


def put(frame, astronaut, left, top, side):
    """Put the astronaut's head into a frame; return it."""
    method = cv2.INTER_AREA if side < 210 else cv2.INTER_CUBIC
    head = cv2.resize(astronaut[10:220, 117:327], (side, side), interpolation=method)
    frame[top : top + side, left : left + side] = head
    return head


def check(found, middles, side):
    """Every middle is that of one face of the right height, and there are no more."""
    assert len(found) == len(middles)
    centers = np.array([each.rect.center for each in found])
    nearest = [int(np.hypot(*(centers - middle).T).argmin()) for middle in middles]
    assert len(set(nearest)) == len(middles)
    assert np.hypot(*(centers[nearest] - middles).T).max() < 0.15 * side
    heights = np.array([each.rect.height for each in found]) / (HEIGHT * side)
    assert np.abs(heights - 1).max() < 0.35


def test_all_faces_of_a_crowd_in_4k_are_found(astronaut):
    frame, middles = crowd(astronaut, (3840, 2160), 156, 24, 13)
    (found,) = DETECTORS.load("yunet")().detect([frame])
    check(found, middles, 156)


def test_in_tiles_small_faces_are_found_and_large_ones_stay_one(astronaut):
    large = (1300, 400, 1200)  # across the borders of four tiles
    frame, middles = crowd(astronaut, (3840, 2160), 64, 40, 22, large)
    (found,) = DETECTORS.load("yunet")(min_size=30).detect([frame])
    check(found[:1], np.array([large[:2]]) + np.multiply(MIDDLE, large[2]), large[2])
    check(found[1:], middles, 64)


def test_mtcnn_searches_in_tiles_too(astronaut):
    frame, middles = crowd(astronaut, (5200, 60), 40, 30, 1)
    (found,) = DETECTORS.load("mt")(min_size=18, cpu_only=True).detect([frame])
    check(found, middles, 40)


@pytest.mark.slow
def test_a_crowd_in_8k_is_extracted(astronaut, tmp_path):
    frame, middles = crowd(astronaut, (7680, 4320), 64, 40, 25)
    write_image(tmp_path / "in" / "0.png", frame)
    values = {"input_dir": tmp_path / "in", "output_dir": tmp_path / "out", "min_face_size": 30}
    report = extract(ExtractOptions(**values, image_size=64))
    assert report.counts == {"frames": 1, "faces": 1000}
    faces = Faceset.open(tmp_path / "out")
    noses = np.array([info.source_landmarks[30] for _, info in faces])
    for middle in middles:
        assert np.hypot(*(noses - middle).T).min() < 12


@pytest.mark.parametrize("size", [(7, 7), (400, 90), (90, 400), (333, 257), (1000, 3), (640, 25)])
def test_tiles_show_every_place_well_inside_one_of_them(size):
    """The frame's pixels are numbered: a face is any 5 x 5 square that a pass sees whole."""
    width, height = size
    numbers = np.arange(width * height).reshape(height, width, 1)
    image = np.dstack([numbers & 255, (numbers >> 8) & 255, numbers >> 16]).astype(np.uint8)
    seen, passes = np.zeros(width * height, bool), []

    def find(scaled, factor):
        passes.append((scaled.shape, factor))
        if factor == 1:
            rows, columns = scaled.shape[0] - 4, scaled.shape[1] - 4
            corner = scaled[: max(0, rows), : max(0, columns)].astype(int)
            seen[(corner @ [1, 256, 65536]).ravel()] = True
        return []

    search(image, 2000, 100, 2, find)
    assert all(max(shape) <= 100 for shape, _ in passes)
    whole = seen.reshape(height, width)[: max(0, height - 4), : max(0, width - 4)]
    assert whole.all() or min(size) < 24


def test_faces_are_reported_in_the_frame_and_those_cut_by_a_tile_are_left_out():
    image = np.zeros((80, 1000, 3), np.uint8)
    marks = [60, 99, 130, 180, 420, 997]
    for x in marks:
        image[40, x] = 255

    def find(scaled, factor):
        if factor < 1:
            return []
        return [
            Detection(Rect(x - 20, 20, x + 20, 60), 1.0, np.full((5, 2), x, np.float32))
            for x in np.flatnonzero(scaled[40, :, 0])
        ]

    found = search(image, 1000, 100, 2, find)
    assert sorted(each.rect.left for each in found) == [x - 20 for x in marks]
    for each in found:
        np.testing.assert_array_equal(each.points[:, 0], each.rect.left + 20)


sides = st.floats(-50, 150)
boxes = st.lists(st.tuples(sides, sides, st.floats(0, 90), st.floats(0, 90)), max_size=12)


@settings(deadline=None)
@given(boxes, boxes)
def test_a_face_is_unseen_unless_it_overlaps_one_that_was_found(new, found):
    new, found = (
        [Detection(Rect(x, y, x + w, y + h), 1.0) for x, y, w, h in each] for each in (new, found)
    )
    expected = [
        one for one in new if not any(overlap(one.rect, old.rect) > OVERLAP for old in found)
    ]
    assert unseen(new, found) == expected

"""Outlines drawn by hand on real footage (tests/data), and footage whose occlusions are known."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt
from skimage.draw import polygon2mask
from support.synthetic import make_info, make_landmarks

from benchmarks import mask_occluders, mask_outlines
from facelib import mask_label
from facelib.faceset import write_face

OUTLINES = json.loads((Path(__file__).parent / "data" / "hand_over_face.json").read_text())
LANDMARKS = make_landmarks(0, 0, roll=10, center=(80, 80), width=60)


@pytest.mark.parametrize("group", ["drawn", "held_out"])
def test_outlines_are_labels_that_can_be_read(group: str) -> None:
    for number, outlines in OUTLINES[group].items():
        label = mask_label.read(mask_label.to_record(mask_outlines.label_of(outlines)))
        assert label is not None, number
        assert not label.outlines, "the mask begins with the hull"


def test_no_frame_is_both_drawn_and_held_out() -> None:
    drawn, held_out = (set(map(int, OUTLINES[group])) for group in ("drawn", "held_out"))
    assert len(drawn) == 12
    assert len(held_out) == 10
    assert not drawn & held_out
    assert all(60 <= number < 232 for number in drawn | held_out)


@pytest.mark.parametrize("thing", mask_occluders.THINGS, ids=lambda thing: thing.name)
def test_things_are_drawn_where_their_outline_is(thing: mask_occluders.Thing) -> None:
    frame = np.full((160, 160, 3), (250, 10, 250), np.uint8)  # no thing has this color
    drawn = mask_occluders.drawing(thing)
    for time in (0.0, 0.5, 1.0):
        matrix = mask_occluders.placed(thing, LANDMARKS, time)
        hidden = mask_occluders.covered(frame, thing._replace(shadow=False), drawn, matrix)
        changed = np.abs(hidden.astype(int) - frame).max(axis=2) > 16
        outline = drawn.outline @ matrix[:, :2].T + matrix[:, 2]
        inside = polygon2mask(changed.shape, outline[:, ::-1])
        assert changed[distance_transform_edt(inside) > 2].all()
        assert not changed[distance_transform_edt(~inside) > 2].any()


def test_phone_throws_a_shadow_that_hides_nothing() -> None:
    [phone] = [thing for thing in mask_occluders.THINGS if thing.shadow]
    frame = np.full((160, 160, 3), 200, np.uint8)
    drawn, matrix = mask_occluders.drawing(phone), mask_occluders.placed(phone, LANDMARKS, 0.8)
    hidden = mask_occluders.covered(frame, phone, drawn, matrix)
    outline = drawn.outline @ matrix[:, :2].T + matrix[:, 2]
    away = distance_transform_edt(~polygon2mask((160, 160), outline[:, ::-1])) > 2
    assert 100 <= hidden[away].min() < 150


def test_scores_of_a_mask() -> None:
    hull, true, mask = np.zeros((3, 64, 64), np.float32)
    hull[8:56, 8:56] = 1
    true[8:40, 8:56] = 1  # 16 rows are hidden
    mask[8:44, 8:56] = 1  # 4 of them are shown
    scores = mask_outlines.compare(mask, true, hull)
    assert scores.iou == pytest.approx(32 / 36)
    assert scores.hidden == pytest.approx(12 / 16)
    assert scores.left_in == pytest.approx(4 / 16)
    assert scores.left_out == 0
    assert mask_outlines.compare(true, true, hull) == (1, 1, 0, 0, 1)


def test_held_out_faces_are_measured_within_the_frame(tmp_path: Path) -> None:
    info = make_info(LANDMARKS, 128, frame_index=3, frame_size=(160, 90))
    write_face(tmp_path / "face.png", np.full((128, 128, 3), 99, np.uint8), info)
    notes = tmp_path / "outlines.json"
    corners = [[0, 70], [200, 70], [200, 200], [0, 200]]
    notes.write_text(json.dumps({"drawn": {"3": [corners]}, "held_out": {"3": [corners]}}))
    [sample] = mask_outlines.held_out(tmp_path, notes)
    matrix = mask_label.matrix_to(info, mask_outlines.SIDE)
    below = np.linalg.inv(np.vstack([matrix, (0, 0, 1)])) @ np.stack([
        *np.indices((mask_outlines.SIDE,) * 2)[::-1],
        np.ones((mask_outlines.SIDE,) * 2),
    ]).reshape(3, -1)
    rows = below[1].reshape(mask_outlines.SIDE, -1)
    assert not sample.hull[rows > 90].any()
    assert not sample.true[rows > 71].any()
    assert np.array_equal(sample.true[rows < 69], sample.hull[rows < 69])
    assert (sample.hull > sample.true).any()

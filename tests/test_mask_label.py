"""Labels and masks in a face's metadata: drawn right, read without trust, carried along."""

import base64
import json
import struct
import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from support import hostile
from support.synthetic import make_info, make_landmarks

from facelib import face_mask, geometry, mask_label, mask_png
from facelib import landmarks as lm
from facelib.faceinfo import from_json, to_json
from facelib.frame_scale import scaled
from facelib.mask_label import POLYGON, STROKE, MaskLabel, Shape
from facelib.squaring import in_square_pixels
from facelib.types import FaceType
from utils.errors import InputError

SIDE = 64
POINTS = make_landmarks(10, 5, roll=20, center=(150, 140), width=110)
INFO = make_info(POINTS, 128)


def polygon(points, include=True):
    return Shape(POLYGON, include, np.asarray(points, np.float64))


def stroke(points, width, include=True):
    return Shape(STROKE, include, np.asarray(points, np.float64), width)


def labeled(*shapes, info=INFO, **changes):
    return replace(info, mask_label=MaskLabel(tuple(shapes), **changes))


def in_frame(points, info=INFO):
    """Points of the aligned image in the frame."""
    return np.asarray(points, np.float64) @ np.linalg.inv(info.matrix[:, :2]).T - (
        np.linalg.inv(info.matrix[:, :2]) @ info.matrix[:, 2]
    )


# ----------------------------------------------------------------------------------- an oracle


def samples(info, side, fine=8):
    """Where the samples of each pixel of a mask lie in the frame: (side * fine, side * fine, 2)."""
    steps = (np.arange(side * fine) + 0.5) / (side * fine) * info.size - 0.5
    return in_frame(np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2), info)


def even_odd(where, ring):
    """Whether points lie in a polygon: a ray to the right crosses it an odd number of times."""
    x, y = where.T
    inside = np.zeros(len(where), bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside


def near(where, path, width):
    """Whether points lie within half a width of a path."""
    least = np.full(len(where), np.inf)
    for a, b in zip(path, [*path[1:], path[-1]], strict=True):
        along = np.clip(((where - a) @ (b - a)) / max(((b - a) ** 2).sum(), 1e-12), 0, 1)
        least = np.minimum(least, np.hypot(*(where - a - along[:, None] * (b - a)).T))
    return least <= width / 2


def expected(info, side=SIDE, fine=8):
    """The mask of a label, sample by sample."""
    where, label = samples(info, side, fine), info.mask_label
    inside = np.zeros(len(where), bool)
    if not any(shape.include and shape.kind == POLYGON for shape in label.shapes):
        for part in lm.HULLS:
            inside |= even_odd(where, cv2.convexHull(info.source_landmarks[part])[:, 0])
    for shape in label.shapes:
        if shape.kind == POLYGON:
            inside[even_odd(where, shape.points)] = shape.include
        else:
            inside[near(where, shape.points, shape.width)] = shape.include
    return inside.reshape(side, fine, side, fine).mean(axis=(1, 3))


def agrees(info, side=SIDE, worst=0.3):
    """A mask is what the oracle says: to 1/8 pixel along edges in the mean, exactly elsewhere."""
    drawn, wanted = face_mask.face_mask(info, side), expected(info, side, fine=5)
    assert drawn.shape == (side, side)
    assert drawn.dtype == np.float32
    off = np.abs(drawn - wanted)
    assert off.max() < worst
    assert off[(wanted > 0) & (wanted < 1)].mean() < 0.13
    inner = cv2.erode(np.float32(wanted == 1), np.ones((3, 3)))
    outer = cv2.erode(np.float32(wanted == 0), np.ones((3, 3)))
    assert (drawn[inner == 1] == 1).all()
    assert (drawn[outer == 1] == 0).all()
    return drawn


# ------------------------------------------------------------------------------------- drawing

STAR = [(64 + 50 * np.sin(a), 60 - 50 * np.cos(a)) for a in np.arange(5) * 4 * np.pi / 5]
CURVE = [(20, 90), (60, 100), (100, 80), (90, 30)]


@pytest.mark.parametrize("side", [48, 110])
@pytest.mark.parametrize("face_type", [FaceType.HALF, FaceType.WHOLE])
def test_shapes_are_drawn_in_their_order(side, face_type):
    info = make_info(POINTS, 128, face_type)
    shapes = (
        polygon(in_frame([(10, 5), (120, 20), (100, 110), (30, 120)], info)),
        polygon(in_frame([(40, 40), (90, 50), (60, 90)], info), include=False),
        polygon(in_frame([(50, 50), (70, 52), (58, 70)], info)),
        stroke(in_frame(CURVE, info), 9.5, include=False),
    )
    drawn = agrees(labeled(*shapes, info=info), side)
    assert 0.2 < drawn.mean() < 0.6
    assert len(np.unique(drawn)) > 30, "edges are smooth"


def test_a_polygon_that_crosses_itself_is_filled_by_even_odd():
    drawn = agrees(labeled(polygon(in_frame(STAR))))
    assert drawn[30, 32] == 0, "the middle of the star is outside"
    assert drawn[14, 32] == 1


def test_without_an_outline_the_mask_begins_with_the_hull():
    hull = agrees(replace(labeled(), mask_label=MaskLabel(())))
    np.testing.assert_array_equal(hull, face_mask.face_mask(INFO, SIDE))
    hand = polygon(in_frame([(0, 60), (128, 70), (128, 128), (0, 128)]), include=False)
    drawn = agrees(labeled(hand))
    assert (drawn <= hull).all()
    assert 0.2 * hull.sum() < drawn.sum() < 0.8 * hull.sum()
    more = agrees(labeled(hand, stroke(in_frame([(5, 5), (20, 5)]), 6)))
    assert more.sum() > drawn.sum(), "a stroke is no outline"


@pytest.mark.parametrize("far", [50, 5_000, 900_000])
def test_points_far_outside_change_nothing_inside(far):
    """Two triangles of a bow tie that reach out of the picture on both sides."""
    ring = in_frame([(-far, -far / 2 + 60), (far + 128, far / 2 + 70), (far + 128, -far), (0, 90)])
    agrees(labeled(polygon(ring)), worst=0.4)
    spike = in_frame([(20, -far), (44, -far), (60, 64), (50, far), (30, 70)])
    agrees(labeled(polygon(spike)), worst=0.4)
    beside = labeled(polygon(in_frame([(far, 0), (far + 100, 0), (far + 50, 100)]) + 200))
    assert not face_mask.face_mask(beside, SIDE).any()


def test_strokes_have_round_ends_and_may_be_dots():
    drawn = agrees(labeled(polygon(in_frame(STAR)), stroke(in_frame([(64, 64)]), 30)), worst=0.4)
    assert drawn[32, 32] == 1
    agrees(labeled(stroke(in_frame([(10, 10), (110, 30), (60, 64)]), 12.0)), worst=0.4)
    agrees(labeled(stroke(in_frame([(64, 64), (64, 64)]), 40.0, include=False)), worst=0.4)


def test_ten_thousand_points_are_drawn():
    turn = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    radius = 40 + 3 * np.sin(200 * turn)
    ring = np.stack([64 + radius * np.sin(turn), 64 + radius * np.cos(turn)], axis=1)
    info = from_json(to_json(labeled(polygon(in_frame(ring))), "x"), "x")
    drawn = face_mask.face_mask(info, 128)
    picture = Image.new("L", (1024, 1024))
    ImageDraw.Draw(picture).polygon([tuple(point) for point in (ring + 0.5) * 8 - 0.5], fill=255)
    wanted = np.asarray(picture.resize((128, 128), Image.Resampling.BOX)) / 255
    assert np.abs(drawn - wanted).mean() < 0.01


def test_a_whole_frame_has_a_label_too():
    info = make_info(POINTS, 320, FaceType.MARK_ONLY)
    agrees(labeled(polygon([(30, 40), (250, 60), (140, 290)]), info=info), 80)


def test_a_label_fits_the_face_cut_anew():
    """The same frame points, at another type and size, cover the same part of the face."""
    shape = polygon(in_frame([(30, 30), (100, 35), (90, 100), (35, 95)]))
    for face_type, size in ((FaceType.HALF, 96), (FaceType.HEAD, 300)):
        agrees(labeled(shape, info=make_info(POINTS, size, face_type)), 96)


def test_too_many_points_become_fewer_by_a_quarter_of_a_pixel():
    turn = np.linspace(0, 2 * np.pi, 30_000, endpoint=False)
    ring = np.stack([64 + 50 * np.sin(turn), 64 + 50 * np.cos(turn)], axis=1)
    many = MaskLabel((polygon(in_frame(ring)), stroke(in_frame(CURVE), 3)))
    few = mask_label.within_limits(many, INFO)
    assert 20 < len(few.shapes[0].points) < 200
    away = np.abs(np.hypot(*(few.shapes[0].points - in_frame([(64, 64)])).T) * 1 - np.hypot(
        *(many.shapes[0].points[0] - in_frame([(64, 64)])[0])))  # fmt: skip
    assert away.max() < 0.25 * geometry.crop_side(INFO.matrix, INFO.size) / INFO.size
    assert mask_label.within_limits(few, INFO).shapes == few.shapes
    noise = np.random.default_rng(0).uniform(0, 128, (40_000, 2))
    rough = mask_label.within_limits(MaskLabel((polygon(in_frame(noise)),)), INFO)
    assert 3 <= len(rough.shapes[0].points) <= 10_000
    line = mask_label.within_limits(MaskLabel((polygon(np.tile(in_frame([(1, 2)]), (20_000, 1))),)),
                                    INFO)  # fmt: skip
    to_json(replace(INFO, mask_label=line), "x")
    with pytest.raises(InputError, match="up to 200 shapes drawn on it, not 201"):
        mask_label.within_limits(MaskLabel((polygon(in_frame(STAR)),) * 201), INFO)


# ------------------------------------------------------------------------- where frames change


def test_a_label_is_scaled_with_its_frame():
    info = labeled(polygon(in_frame(STAR)), stroke(in_frame(CURVE), 8))
    info = replace(info, frame_size=(320, 300))
    double = scaled(info, (2.0, 2.0))
    np.testing.assert_allclose(double.mask_label.shapes[0].points,
                               info.mask_label.shapes[0].points * 2 + 0.5)  # fmt: skip
    assert double.mask_label.shapes[1].width == pytest.approx(16)
    off = np.abs(face_mask.face_mask(double, SIDE) - face_mask.face_mask(info, SIDE))
    assert off.max() < 0.05
    square = in_square_pixels(info, np.float64(2.0))
    np.testing.assert_allclose(square.mask_label.shapes[0].points,
                               info.mask_label.shapes[0].points * [2, 1] + [0.5, 0])  # fmt: skip


# --------------------------------------------------------------------------------- the metadata


def record(info=INFO):
    return json.loads(to_json(info, "face.png"))


def test_what_is_stored_is_read_again():
    info = labeled(polygon(in_frame(STAR), include=False), stroke([(1, 2)], 3.25), moved=True)
    mask = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)
    info = replace(info, mask=mask_png.encode(mask))
    found = from_json(to_json(info, "x"), "x")
    assert found.mask_label.moved
    for one, other in zip(found.mask_label.shapes, info.mask_label.shapes, strict=True):
        assert (one.kind, one.include, one.width) == (other.kind, other.include, other.width)
        np.testing.assert_allclose(one.points, other.points, atol=5e-4)
    np.testing.assert_array_equal(mask_png.decode(found.mask, "x"), mask)
    assert len(to_json(info, "x")) < 1 << 20
    assert {"mask_label", "mask"}.isdisjoint(record())
    assert not found.unknown


TRIANGLE = [[0, 0], [5, 0], [0, 5]]


def drawn(**changes):
    return {"kind": "polygon", "include": True, "points": TRIANGLE} | changes


HOSTILE_LABELS = [
    [], "x", 5, {}, {"shapes": {}}, {"shapes": [5]}, {"shapes": [None]}, {"shapes": [[]]},
    {"shapes": [drawn()], "moved": 1}, {"shapes": [drawn()] * 201},
    {"shapes": [drawn(points=TRIANGLE * 1000)] * 4},
    *({"shapes": [drawn(**change)]} for change in (
        {"kind": "circle"}, {"kind": ["polygon"]}, {"kind": None}, {"include": 1},
        {"include": None}, {"points": None}, {"points": TRIANGLE[:2]}, {"points": [[1, 2, 3]] * 3},
        {"points": [[1, "2"]] * 3}, {"points": [[1, float("nan")]] * 3}, {"points": [[]] * 3},
        {"points": [[1, 10**400]] * 3}, {"points": [[True, 1]] * 3}, {"points": [[1e9, 1]] * 3},
        {"points": TRIANGLE * 4000}, {"kind": "stroke"}, {"kind": "stroke", "width": -1},
        {"kind": "stroke", "width": 1e9}, {"kind": "stroke", "width": "3"},
        {"kind": "stroke", "width": 2, "points": []}, {"kind": "stroke", "width": float("nan")},
    )),
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE_LABELS)
def test_a_label_out_of_order_is_refused(value):
    data = json.dumps(record() | {"mask_label": value}).encode()
    with pytest.raises(InputError, match=r'"f.png" is damaged \(mask_label: expected') as refusal:
        from_json(data, "f.png")
    assert len(str(refusal.value)) < 300


def stored(png):
    return base64.b64encode(png).decode()


GOOD = mask_png.encode(np.eye(32, dtype=np.float32))
HOSTILE_MASKS = [
    5, [], "", "x", "äö", "A" * 4_000_000, stored(GOOD) + "!", stored(b""), stored(GOOD[:20]),
    stored(hostile.png(64, 65, kind=0)), stored(hostile.png(513, 513, kind=0)),
    stored(hostile.png(0, 0, kind=0)), stored(hostile.png(2**31 - 1, 2**31 - 1, kind=0)),
    stored(hostile.png(64, 64, kind=2)), stored(hostile.png(64, 64, kind=0, depth=16)),
    stored(cv2.imencode(".jpg", np.zeros((8, 8), np.uint8))[1].tobytes()),
]  # fmt: skip


@pytest.mark.parametrize("value", HOSTILE_MASKS)
def test_a_mask_out_of_order_is_refused(value):
    data = json.dumps(record() | {"mask": value}).encode()
    with pytest.raises(InputError, match=r'"f.png" is damaged \(mask: expected a square gray PNG'):
        from_json(data, "f.png")


@pytest.mark.parametrize(
    "png",
    [
        hostile.png(64, 64, kind=0),
        hostile.png(512, 512, zlib.compress(b"\0" * 100), kind=0),
        GOOD[:60],
        GOOD[:40] + b"\xff" * 30 + GOOD[70:],
        GOOD[:33] + struct.pack(">I4s", 2**31 - 1, b"IDAT") + GOOD[33:],
    ],
)
def test_a_mask_with_a_good_header_and_bad_pixels_costs_a_sentence(png):
    info = from_json(to_json(replace(INFO, mask=png), "x"), "x")
    with pytest.raises(InputError, match=r'^the mask in "f.png" is damaged; '):
        face_mask.face_mask(info, SIDE, "f.png")


def test_a_label_counts_before_a_mask_and_that_before_the_hull():
    half = np.tile(np.linspace(0, 1, 256, dtype=np.float32), (256, 1))
    masked = replace(INFO, mask=mask_png.encode(half))
    assert face_mask.source_of(masked) == face_mask.APPLIED
    np.testing.assert_allclose(face_mask.face_mask(masked, 256), half, atol=0.5 / 255)
    for side in (64, 512):
        wanted = np.interp((np.arange(side) + 0.5) / side * 256 - 0.5, np.arange(256), half[0])
        np.testing.assert_allclose(face_mask.face_mask(masked, side)[9], wanted, atol=2 / 255)
    both = replace(masked, mask_label=MaskLabel((polygon(in_frame(STAR)),)))
    agrees(both)
    assert face_mask.source_of(both) == face_mask.LABEL
    assert face_mask.source_of(INFO) == face_mask.HULL


@pytest.mark.parametrize("shape", [(2, 3), (0, 0), (513, 513), (4, 4, 1)])
def test_a_mask_that_cannot_be_stored_is_refused(shape):
    with pytest.raises(InputError, match="a mask is square and has up to 512 pixels a side, not"):
        mask_png.encode(np.zeros(shape, np.uint8))

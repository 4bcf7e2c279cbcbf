"""Every registered detector, on a real face and on what is none."""

import cv2
import numpy as np
import pytest
import skimage.data

from facelib.detectors import DETECTORS
from facelib.detectors.scale import shrink, to_frame
from facelib.types import Rect

FACE = Rect(176, 60, 268, 178)
"""The astronaut's face from the hairline to the chin, drawn by eye."""
QUICK = [name for name in DETECTORS if name != "dlib"]


@pytest.fixture(scope="module")
def detectors():
    return {name: DETECTORS.load(name)(cpu_only=True) for name in DETECTORS}


def astronaut():
    """The whole portrait, 512 x 512, BGR."""
    return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])


def portrait():
    """The part with the head, 256 x 256: the slow detector is tested on this."""
    return np.ascontiguousarray(astronaut()[:256, 96:352])


PORTRAIT_FACE = Rect(FACE.left - 96, FACE.top, FACE.right - 96, FACE.bottom)


def overlap(one, other):
    """Intersection over union."""
    shared = Rect(
        max(one.left, other.left),
        max(one.top, other.top),
        min(one.right, other.right),
        min(one.bottom, other.bottom),
    )
    common = max(0.0, shared.width) * max(0.0, shared.height)
    return common / (one.area + other.area - common)


@pytest.mark.parametrize("name", DETECTORS)
def test_finds_the_face_where_it_is(detectors, name):
    image = portrait()
    before = image.copy()
    (found,) = detectors[name].detect([image])
    assert len(found) == 1
    assert overlap(found[0].rect, PORTRAIT_FACE) > 0.6
    assert 0.5 < found[0].score <= 1
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", DETECTORS)
def test_gives_the_faces_of_each_picture_largest_first(detectors, name):
    face = portrait()
    small = cv2.resize(face, (200, 200), interpolation=cv2.INTER_AREA)
    pair = np.hstack([cv2.copyMakeBorder(small, 0, 56, 0, 0, cv2.BORDER_REPLICATE), face])
    none = np.full((60, 90, 3), 128, np.uint8)
    first, second = detectors[name].detect([none, pair])
    assert first == []
    assert len(second) == 2
    assert second[0].rect.area > 1.2 * second[1].rect.area
    assert second[0].rect.left > 200 > second[1].rect.right


@pytest.mark.parametrize("name", QUICK)
def test_key_points_are_eyes_nose_and_mouth_from_the_left(detectors, name):
    ((face,),) = detectors[name].detect([portrait()])
    expected = np.array([(106, 101), (150, 102), (127, 126), (104, 142), (146, 142)])
    assert face.points.dtype == np.float32
    assert np.linalg.norm(face.points - expected, axis=1).max() < 12


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize(
    "shape", [(1, 1), (10, 10), (23, 300), (24, 24), (300, 24), (2000, 3), (3, 2000)]
)
def test_a_picture_too_small_for_a_face_has_none(detectors, name, shape):
    noise = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    assert detectors[name].detect([noise, np.zeros_like(noise)]) == [[], []]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("scene", ["coffee", "brick", "grass", "moon"])
def test_things_are_not_faces(detectors, name, scene):
    image = getattr(skimage.data, scene)()
    image = np.dstack([image] * 3) if image.ndim == 2 else image
    assert detectors[name].detect([np.ascontiguousarray(image[..., ::-1])]) == [[]]


@pytest.mark.parametrize("name", QUICK)
@pytest.mark.parametrize("degrees", [-45, 30])
def test_finds_a_tilted_face(detectors, name, degrees):
    turn = cv2.getRotationMatrix2D((222, 119), degrees, 1)
    (found,) = detectors[name].detect([cv2.warpAffine(astronaut(), turn, (512, 512))])
    assert overlap(found[0].rect, FACE) > 0.5


@pytest.mark.parametrize("name", QUICK)
def test_finds_a_face_in_the_dark(detectors, name):
    (found,) = detectors[name].detect([(astronaut() * 0.25).astype(np.uint8)])
    assert overlap(found[0].rect, FACE) > 0.6


@pytest.mark.parametrize("name", DETECTORS)
def test_shrinks_large_pictures_and_answers_in_their_pixels(detectors, name):
    large = cv2.resize(portrait()[:, 50:200], (900, 1536), interpolation=cv2.INTER_CUBIC)
    (found,) = detectors[name].detect([large])
    left, top, right, bottom = PORTRAIT_FACE
    expected = Rect(6 * (left - 50), 6 * top, 6 * (right - 50), 6 * bottom)
    assert overlap(found[0].rect, expected) > 0.6


@pytest.mark.parametrize("name", QUICK)
def test_the_least_score_is_obeyed(detectors, name):
    strict = DETECTORS.load(name)(min_score=0.99999)
    assert strict.detect([portrait()]) == [[]]


def test_yunet_finds_a_face_that_fills_more_than_the_picture(detectors):
    x, y = (int(value) for value in FACE.center)
    close = cv2.resize(astronaut()[y - 30 : y + 30, x - 30 : x + 30], (1280, 1280))
    (found,) = detectors["yunet"].detect([close])
    assert len(found) == 1
    assert found[0].rect.area > 0.6 * 1280**2


def test_yunet_finds_a_small_face_in_a_large_frame(detectors):
    frame = np.full((1080, 1920, 3), 90, np.uint8)
    small = cv2.resize(astronaut(), (115, 115), interpolation=cv2.INTER_AREA)
    frame[500:615, 1200:1315] = small
    (found,) = detectors["yunet"].detect([frame])
    expected = Rect(*(s * 115 / 512 + o for s, o in zip(FACE, (1200, 500, 1200, 500), strict=True)))
    assert overlap(found[0].rect, expected) > 0.5


def test_yunet_finds_a_small_face_in_a_small_frame(detectors):
    frame = np.full((360, 480, 3), 120, np.uint8)
    head = np.ascontiguousarray(astronaut()[10:220, 117:327])
    frame[200:236, 300:336] = cv2.resize(head, (36, 36), interpolation=cv2.INTER_AREA)
    (found,) = detectors["yunet"].detect([frame])
    assert len(found) == 1
    assert np.linalg.norm(np.subtract(found[0].rect.center, (318, 219))) < 3
    assert 15 < found[0].rect.height < 26


def test_shrinking_keeps_small_pictures_and_maps_corners_to_corners():
    image = np.zeros((300, 600, 3), np.uint8)
    assert shrink(image, 640)[0] is image
    small, factor = shrink(image, 200)
    assert small.shape == (100, 200, 3)
    # the outer corners of the shrunk picture are those of the picture
    corners = np.array([-0.5, -0.5, 199.5, 99.5])
    assert to_frame(corners, 2.0, factor, None).rect == pytest.approx((-0.5, -0.5, 599.5, 299.5))

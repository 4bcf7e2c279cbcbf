"""Every registered landmarker, on a real face that is moved, turned, darkened, or not there."""

import itertools
import zipfile

import cv2
import numpy as np
import pytest
import skimage.data

from facelib import landmarks
from facelib.detectors.yunet import YuNet
from facelib.geometry import apply
from facelib.landmarkers import LANDMARKERS
from facelib.landmarkers import mesh as mesh_module
from facelib.landmarkers.mesh import MESH_68
from facelib.landmarkers.region import Region, region_of, turned
from facelib.types import Detection, Rect
from facelib.weights import weight_file


@pytest.fixture(scope="module")
def astronaut():
    """A portrait, 512 x 512, BGR; the eyes are 60 pixels apart."""
    image = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
    image.flags.writeable = False
    return image


@pytest.fixture(scope="module")
def yunet():
    return YuNet()


@pytest.fixture(scope="module")
def face(astronaut, yunet):
    ((found,),) = yunet.detect([astronaut])
    return found


@pytest.fixture(scope="module")
def landmarkers():
    return {name: LANDMARKERS.load(name)() for name in LANDMARKERS}


@pytest.fixture(scope="module")
def located(landmarkers, astronaut, face):
    """Name -> landmarks of the astronaut."""
    return {name: each.locate(astronaut, [face])[0][0] for name, each in landmarkers.items()}


def error(found, expected):
    """Mean distance in parts of the distance between the outer eye corners."""
    distance = np.linalg.norm(found - expected, axis=1).mean()
    return distance / landmarks.inter_ocular(expected)


def turn(image, degrees, zoom=1.75):
    """Turn the picture about the face, with room around it; return it and its matrix."""
    matrix = cv2.getRotationMatrix2D((222, 119), degrees, zoom)
    matrix[:, 2] += 450 - 222, 450 - 119
    return cv2.warpAffine(image, matrix, (900, 900), flags=cv2.INTER_CUBIC), matrix


@pytest.mark.parametrize("name", LANDMARKERS)
def test_gives_68_points_in_order(located, name):
    points = located[name]
    assert points.shape == (68, 2)
    assert points.dtype == np.float32
    # drawn by eye: eye corners, tip of the nose, mouth corners, chin
    by_eye = {36: (195, 101), 45: (255, 103), 30: (223, 127), 48: (202, 139), 54: (246, 140)}
    for index, place in {**by_eye, 8: (222, 178)}.items():
        assert np.linalg.norm(points[index] - place) < 6, index
    assert np.all(np.diff(points[:17, 0]) > -2), "the jaw goes from left to right"
    assert points[17:27, 1].mean() + 5 < points[36:48, 1].mean(), "brows are above the eyes"


@pytest.mark.parametrize(("one", "other"), [*itertools.combinations(LANDMARKERS, 2)])
def test_landmarkers_agree(located, one, other):
    assert error(located[one], located[other]) < 0.06


@pytest.mark.parametrize("name", LANDMARKERS)
@pytest.mark.parametrize("shift", [(7.3, 0), (0, 7.3), (-3.6, 2.5)])
def test_landmarks_move_with_the_picture(landmarkers, located, astronaut, face, name, shift):
    matrix = np.array([(1, 0, shift[0]), (0, 1, shift[1])])
    moved = cv2.warpAffine(astronaut, matrix, (512, 512), flags=cv2.INTER_CUBIC)
    rect = Rect(*(side + shift[i % 2] for i, side in enumerate(face.rect)))
    points = face.points + np.float32(shift)
    found = landmarkers[name].locate(moved, [Detection(rect, face.score, points)])[0][0]
    offsets = found - located[name] - shift
    assert np.abs(offsets.mean(axis=0)).max() < 0.2
    assert np.abs(offsets).mean() < 0.3


@pytest.mark.parametrize("name", LANDMARKERS)
@pytest.mark.parametrize("degrees", [-30, 15, 45])
def test_a_tilted_face(landmarkers, located, astronaut, yunet, name, degrees):
    tilted, matrix = turn(astronaut, degrees)
    (found,) = yunet.detect([tilted])
    points = landmarkers[name].locate(tilted, found[:1])[0][0]
    assert error(points, apply(matrix, located[name])) < 0.02


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_mesh_on_a_face_that_lies_or_hangs(landmarkers, located, astronaut, yunet, degrees):
    turned_over, matrix = turn(astronaut, degrees)
    (found,) = yunet.detect([turned_over])
    points, quality = landmarkers["mesh"].locate(turned_over, found[:1])[0][:2]
    assert error(points, apply(matrix, located["mesh"])) < 0.03
    assert quality > 7


@pytest.mark.parametrize("name", LANDMARKERS)
def test_needs_no_key_points(landmarkers, located, astronaut, face, name):
    plain = Detection(face.rect, face.score, None)
    assert error(landmarkers[name].locate(astronaut, [plain])[0][0], located[name]) < 0.02


@pytest.mark.parametrize("name", LANDMARKERS)
@pytest.mark.parametrize("gain", [0.3, 0.6])
def test_darkness_changes_little(landmarkers, located, astronaut, face, name, gain):
    dark = (astronaut * gain).astype(np.uint8)
    assert error(landmarkers[name].locate(dark, [face])[0][0], located[name]) < 0.03


@pytest.mark.parametrize("name", LANDMARKERS)
@pytest.mark.parametrize("zoom", [0.4, 3.0])
def test_size_changes_little(landmarkers, located, astronaut, yunet, name, zoom):
    way = cv2.INTER_AREA if zoom < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(astronaut, None, fx=zoom, fy=zoom, interpolation=way)
    (found,) = yunet.detect([scaled])
    points = (landmarkers[name].locate(scaled, found[:1])[0][0] + 0.5) / zoom - 0.5
    assert error(points, located[name]) < 0.03


@pytest.mark.parametrize("name", LANDMARKERS)
def test_the_mirror_image_has_mirrored_landmarks(landmarkers, located, astronaut, yunet, name):
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    (found,) = yunet.detect([flipped])
    points = landmarks.mirror(landmarkers[name].locate(flipped, found[:1])[0][0], 512)
    assert error(points, located[name]) < 0.03
    assert abs((points - located[name])[:, 0].mean()) < 0.3, "pixel centers, not pixel edges"


@pytest.mark.parametrize("name", LANDMARKERS)
def test_answers_each_detection_in_turn(landmarkers, located, astronaut, face, name):
    elsewhere = Detection(Rect(20, 300, 110, 420), 0.9, None)
    none, one = landmarkers[name].locate(astronaut, [elsewhere, face])
    np.testing.assert_array_equal(one[0], located[name])
    assert error(none[0], located[name]) > 1
    assert landmarkers[name].locate(astronaut, []) == []


@pytest.mark.parametrize("name", LANDMARKERS)
@pytest.mark.parametrize(
    "rect",
    [Rect(0, 0, 1, 1), Rect(5, 5, 5, 5), Rect(-900, -900, -800, -800), Rect(-1e5, -1e5, 1e5, 1e5)],
)
def test_odd_rectangles_give_finite_points(landmarkers, astronaut, name, rect):
    detection = Detection(rect, 1.0, None)
    for image in (astronaut, np.zeros((1, 1, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)):
        points, quality = landmarkers[name].locate(image, [detection])[0][:2]
        assert points.shape == (68, 2)
        assert np.isfinite(points).all()
        assert np.isfinite(quality)


def darkest(image, corners):
    """The center of the darkest pixels between two eye corners: the pupil, without any network."""
    middle, reach = corners.mean(axis=0), np.ptp(corners[:, 0]) / 2
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    near = np.hypot(columns - middle[0], rows - middle[1]) < 0.7 * reach
    gray = image.astype(float).sum(axis=2)
    weights = np.where(near, np.maximum(np.quantile(gray[near], 0.2) - gray, 0), 0)
    return np.array([(weights * grid).sum() for grid in (columns, rows)]) / weights.sum()


def test_mesh_measures_the_irises_right_eye_first(landmarkers, astronaut, face, yunet):
    points, _, iris, _ = landmarkers["mesh"].locate(astronaut, [face])[0]
    assert iris.shape == (2, 2)
    assert iris.dtype == np.float32
    zoomed = cv2.resize(astronaut, None, fx=4, fy=4, interpolation=cv2.INTER_CUBIC)
    for eye, corners in enumerate(([36, 39], [42, 45])):
        pupil = (darkest(zoomed, points[corners] * 4 + 1.5) - 1.5) / 4
        assert np.linalg.norm(iris[eye] - pupil) < 1.5, eye
    flipped = np.ascontiguousarray(astronaut[:, ::-1])
    (found,) = yunet.detect([flipped])
    mirrored = landmarkers["mesh"].locate(flipped, found[:1])[0].iris
    assert np.abs(landmarks.mirror_iris(mirrored, 512) - iris).max() < 1.5


def test_dlib_measures_no_irises(landmarkers, astronaut, face):
    assert landmarkers["dlib68"].locate(astronaut, [face])[0].iris is None


def test_mesh_quality_tells_a_face_from_none(landmarkers, astronaut, face):
    helmet = Detection(Rect(330, 300, 420, 420), 0.9, None)
    clear, none = (each.quality for each in landmarkers["mesh"].locate(astronaut, [face, helmet]))
    assert clear > 7
    assert none < 0


def test_mesh_agrees_with_the_network_run_by_opencv(landmarkers, located, astronaut, face):
    with zipfile.ZipFile(weight_file("mesh")) as archive:
        network = np.frombuffer(archive.read(mesh_module.MEMBER), np.uint8)
    net = cv2.dnn.readNetFromTFLite(network)
    x, y, side, roll = region_of(face, mesh_module.SCALE)
    # the crop that the first pass sees, made by OpenCV alone
    matrix = cv2.getRotationMatrix2D((x, y), np.degrees(roll), 256 / side)
    matrix[:, 2] += 127.5 - x, 127.5 - y
    crop = cv2.warpAffine(astronaut, matrix, (256, 256), flags=cv2.INTER_CUBIC)
    net.setInput(cv2.dnn.blobFromImage(crop, 1 / 255, swapRB=True))
    points = net.forward("Identity").reshape(478, 3)[:, :2] - 0.5
    found, _ = landmarkers["mesh"]._measure(astronaut, Region(x, y, side, roll))
    assert np.abs(apply(matrix, found) - points).max() < 0.05


def test_the_mesh_table_is_complete_and_symmetric():
    first, second, share = (np.array(column) for column in zip(*MESH_68, strict=True))
    assert len(first) == 68
    assert max(first.max(), second.max()) < 468
    assert np.all((share >= 0) & (share < 1))
    np.testing.assert_array_equal(share, share[landmarks.MIRROR])


def test_a_region_is_leveled_and_centered():
    region = Region(100.0, 50.0, 80.0, np.radians(30))
    eyes = np.array([(100, 50), (100 + 20 * np.cos(region.roll), 50 + 20 * np.sin(region.roll))])
    center, right = apply(region.matrix(161), eyes)
    np.testing.assert_allclose(center, (80, 80), atol=1e-4)
    np.testing.assert_allclose(right, (80 + 20 * 161 / 80, 80), atol=1e-4)


@pytest.mark.parametrize(("one", "other", "expected"), [(170, -170, 20), (0, 180, 180), (5, 5, 0)])
def test_turning_is_measured_the_short_way_round(one, other, expected):
    regions = (Region(0, 0, 1, np.radians(angle)) for angle in (one, other))
    assert np.degrees(turned(*regions)) == pytest.approx(expected)

"""Every registered recognizer: one person in many pictures, and other people."""

import cv2
import dlib
import numpy as np
import onnx
import onnxruntime
import pytest
import skimage.data

from facelib.detectors.yunet import YuNet
from facelib.geometry import apply, crop_matrix, fit_similarity, warp_face
from facelib.landmarkers.dlib68 import Dlib68
from facelib.landmarkers.mesh import Mesh
from facelib.recognizers import RECOGNIZERS, sface
from facelib.types import FaceType
from facelib.weights import weight_file


@pytest.fixture(scope="module")
def astronaut():
    return np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])


@pytest.fixture(scope="module")
def locate():
    """Return the landmarks of a picture's largest face."""
    yunet, mesh = YuNet(), Mesh()

    def locate(image, landmarker=mesh):
        (found,) = yunet.detect([image])
        return landmarker.locate(image, found[:1])[0][0]

    return locate


@pytest.fixture(scope="module")
def recognizers():
    return {name: RECOGNIZERS.load(name)() for name in RECOGNIZERS}


def strangers():
    """The photographer of `camera`, and five people of 25 x 25 pixels, with room around."""
    yield np.dstack([skimage.data.camera()] * 3)
    for gray in skimage.data.lfw_subset()[[0, 1, 2, 3, 5]]:
        large = cv2.resize((gray * 255).astype(np.uint8), (250, 250), interpolation=cv2.INTER_CUBIC)
        yield np.dstack([cv2.copyMakeBorder(large, 80, 80, 80, 80, cv2.BORDER_REPLICATE)] * 3)


VARIANTS = {
    "half the size": lambda image: cv2.resize(
        image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA
    ),
    "dark": lambda image: (image * 0.35).astype(np.uint8),
    "bright": lambda image: np.minimum(image * 1.4, 255).astype(np.uint8),
    "mirrored": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "gray": lambda image: np.dstack([cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)] * 3),
    "tilted": lambda image: cv2.warpAffine(
        image, cv2.getRotationMatrix2D((222, 119), 30, 1), (512, 512)
    ),
    "cut out": lambda image: np.ascontiguousarray(image[30:230, 120:320]),
}


@pytest.mark.parametrize("name", RECOGNIZERS)
@pytest.mark.parametrize("variant", VARIANTS)
def test_one_person_in_two_pictures(recognizers, locate, astronaut, name, variant):
    recognizer, other = recognizers[name], VARIANTS[variant](astronaut)
    first = recognizer.embed(astronaut, locate(astronaut))
    second = recognizer.embed(other, locate(other))
    assert recognizer.distance(first, second) < recognizer.same_below / 2


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_other_people_are_farther_away(recognizers, locate, astronaut, name):
    recognizer = recognizers[name]
    own = recognizer.embed(astronaut, locate(astronaut))
    others = [recognizer.embed(image, locate(image)) for image in strangers()]
    assert min(recognizer.distance(own, other) for other in others) > recognizer.same_below


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_embeddings_are_float_vectors_and_distance_is_one(recognizers, locate, astronaut, name):
    recognizer, points = recognizers[name], locate(astronaut)
    before = astronaut.copy()
    vector = recognizer.embed(astronaut, points)
    assert vector.ndim == 1
    assert vector.dtype == np.float32
    np.testing.assert_array_equal(astronaut, before)
    assert recognizer.distance(vector, vector) == pytest.approx(0, abs=1e-5)
    other = recognizer.embed(astronaut, points + np.float32(3))
    assert recognizer.distance(vector, other) == pytest.approx(recognizer.distance(other, vector))
    assert recognizer.distance(vector, other) > 0


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_a_face_picture_serves_as_well_as_the_frame(recognizers, locate, astronaut, name):
    recognizer, points = recognizers[name], locate(astronaut)
    matrix = crop_matrix(points, 256, FaceType.FULL)
    aligned = warp_face(astronaut, matrix, 256)
    frame, face = (
        recognizer.embed(astronaut, points),
        recognizer.embed(aligned, apply(matrix, points)),
    )
    assert recognizer.distance(frame, face) < recognizer.same_below / 4


@pytest.mark.parametrize("name", RECOGNIZERS)
def test_the_landmarker_matters_little(recognizers, locate, astronaut, name):
    recognizer = recognizers[name]
    one, other = (recognizer.embed(astronaut, locate(astronaut, by)) for by in (Mesh(), Dlib68()))
    assert recognizer.distance(one, other) < recognizer.same_below / 3


def test_dlib_is_given_faces_as_dlib_aligns_them(recognizers, locate, astronaut):
    recognizer = recognizers["dlib"]
    # twice the size, because dlib's own way rounds the landmarks to whole pixels
    image = cv2.resize(astronaut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    points = np.rint(locate(image))
    parts = dlib.points([dlib.point(int(x), int(y)) for x, y in points])
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, 100, 100), parts)
    theirs = recognizer._net.compute_face_descriptor(np.ascontiguousarray(image[..., ::-1]), shape)
    assert recognizer.distance(recognizer.embed(image, points), np.array(theirs)) < 0.08


def test_sface_sees_colors_in_the_order_it_was_trained_with(recognizers, locate, astronaut):
    """Against onnxruntime with RGB, which its training images were; BGR is 0.05 away."""
    points = locate(astronaut)
    network = onnx.load(str(weight_file("sface")))
    inputs = [part for part in network.graph.input if part.name == "data"]
    del network.graph.input[:]  # the file lists its weights as inputs
    network.graph.input.extend(inputs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors
    session = onnxruntime.InferenceSession(network.SerializeToString(), options)
    matrix = fit_similarity(sface.five_points(points), sface.TEMPLATE)
    face = warp_face(astronaut, matrix, sface.SIZE)

    def embedded(image):
        (vector,) = session.run(None, {"data": image.transpose(2, 0, 1)[None].astype(np.float32)})
        return vector[0] / np.linalg.norm(vector)

    made = recognizers["sface"].embed(astronaut, points)
    assert 1 - made @ embedded(face[..., ::-1]) < 1e-4
    assert 1 - made @ embedded(face) > 0.04

"""The crop: enlarged faces keep the prediction, small ones are not aliased."""

import cv2
import numpy as np
import pytest

from converters.blending.crop import Box, Crop, enlarge
from converters.blending.mask import MASK_SIDE


@pytest.mark.parametrize(("size", "side"), [(64, 300), (64, 130.5), (128, 1400), (100, 333)])
def test_an_enlarged_face_downscales_to_the_prediction(size, side, astronaut):
    face = cv2.resize(astronaut[50:200, 150:300], (size, size), interpolation=cv2.INTER_AREA)
    face = face.astype(np.float32) / 255
    large = enlarge(face, side)
    assert large.shape[0] % size == 0
    assert large.shape[0] >= min(side, 8 * size)
    again = cv2.resize(large, (size, size), interpolation=cv2.INTER_AREA)
    plain = cv2.resize(face, large.shape[:2], interpolation=cv2.INTER_CUBIC)
    plain = cv2.resize(plain, (size, size), interpolation=cv2.INTER_AREA)
    assert np.abs(again - face).mean() < 0.5 * np.abs(plain - face).mean()


def test_enlarging_restores_more_of_the_photograph_than_interpolation(astronaut):
    photo = astronaut[30:286, 100:356].astype(np.float32) / 255
    small = cv2.resize(photo, (64, 64), interpolation=cv2.INTER_AREA)

    def error(image):
        return np.square(image - photo).mean()

    ours = error(enlarge(small, 256.0))
    for method in (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        assert ours < error(cv2.resize(small, (256, 256), interpolation=method))


def test_small_faces_are_not_enlarged_and_not_aliased():
    # A fine checkerboard shown at an eighth of its size is gray.
    face = np.indices((256, 256)).sum(axis=0).astype(np.float32)[..., None] % 2
    face = np.repeat(face, 3, axis=2)
    assert enlarge(face, 32) is face
    crop = Crop(np.array([[1 / 32, 0, 0], [0, 1 / 32, 0]]), 32.0)
    placed = crop.place(face, Box(2, 2, 30, 30))
    assert np.abs(placed - 0.5).max() < 0.01
    assert crop.place_mask(face[..., 0], Box(2, 2, 30, 30)).std() < 0.01
    assert MASK_SIDE == 256

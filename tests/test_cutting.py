"""Faces get the pixels that they have in their frame, and no more than were asked for."""

import numpy as np
import pytest
from support.synthetic import make_landmarks

from extractor.extract import run as extract
from extractor.options import ExtractOptions
from facelib import geometry
from facelib.cutting import FaceCut
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from utils.images import write_image


@pytest.mark.parametrize(
    ("width", "most", "size"),
    [
        (40, 1024, 256),  # as by default, however small it is
        (40, 96, 96),
        (200, 256, 256),
        (200, 1024, 384),
        (200, 300, 300),
        (900, 1024, 1024),
    ],
)
def test_the_side_is_that_of_the_crop_in_the_frame_up_to_the_next_32_pixels(width, most, size):
    points = make_landmarks(center=(900, 900), width=width)
    corners = geometry.crop_corners(geometry.crop_matrix(points, 64, FaceType.WHOLE), 64)
    side = np.hypot(*(corners[1] - corners[0]))
    cut = FaceCut.of(points, (1800, 1800), FaceType.WHOLE, most)
    assert cut.size == size
    if 256 < size < most:
        assert side <= size < side + 32
    np.testing.assert_allclose(
        cut.matrix, geometry.crop_matrix(cut.source_landmarks, size, FaceType.WHOLE)
    )
    np.testing.assert_allclose(cut.source_landmarks, points, atol=6e-4)


def test_a_whole_frame_keeps_its_pixels():
    cut = FaceCut.of(make_landmarks(), (300, 700), FaceType.MARK_ONLY, 64)
    assert cut.size == 700
    np.testing.assert_array_equal(cut.landmarks, cut.source_landmarks)


def test_extraction_stores_a_small_face_small_and_says_so(astronaut, tmp_path):
    write_image(tmp_path / "frames" / "0.png", astronaut)
    options = ExtractOptions(
        input_dir=tmp_path / "frames", output_dir=tmp_path / "faces",
        face_type=FaceType.WHOLE, image_size=1024,
    )  # fmt: skip
    report = extract(options)
    assert report.counts["faces with fewer pixels than --image-size"] == 1
    ((path, info),) = Faceset.open(tmp_path / "faces")
    image, _ = read_face(path)
    side = geometry.crop_side(info.matrix, info.size)
    assert image.shape == (info.size, info.size, 3)
    assert max(256, side) <= info.size < max(257, side + 32)

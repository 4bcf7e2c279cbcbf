"""Every face type of DeepFaceLab comes in with the geometry that its formulas give in float64."""

import cv2
import numpy as np
import pytest
from support import deepfacelab
from support.synthetic import make_landmarks

from facelib import geometry
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from tools.util.import_dfl import run
from tools.util.options import ImportOptions

POSES = [(0, 0, 0), (25, 5, 0), (-40, 10, 25), (10, -5, -80)]


def bring_in(folder):
    return run(ImportOptions(input_dir=folder, output_dir=folder / "ours"))


@pytest.mark.parametrize("pose", POSES)
def test_a_whole_face_is_deepfacelabs(pose):
    points = make_landmarks(*pose, center=(300, 310), width=130)
    ours = geometry.crop_matrix(points, 512, FaceType.WHOLE)
    theirs = deepfacelab.later_matrix(points, 512, "whole_face")
    np.testing.assert_allclose(ours, theirs, atol=1e-6)


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("with_matrix", [True, False])
@pytest.mark.parametrize("name", ["half_face", "midfull_face", "full_face", "whole_face", "head"])
def test_types_that_are_ours_keep_name_and_pixels(name, with_matrix, suffix, tmp_path):
    image, record = deepfacelab.make_later_face(name, pose=(20, 5, 30))
    matrix = record["image_to_face_mat"]
    if not with_matrix:
        del record["image_to_face_mat"]
    path = deepfacelab.write(tmp_path, f"0{suffix}", image, record)
    report = bring_in(tmp_path)
    assert report.counts == {"faces imported": 1}
    assert report.notes == {"masks that were not taken over": []}
    stored, info = read_face(tmp_path / "ours" / "0.png")
    np.testing.assert_array_equal(stored, cv2.imdecode(np.fromfile(path, np.uint8), 1))
    assert info.face_type.value == name
    corners = geometry.crop_corners(matrix, 192)
    np.testing.assert_allclose(geometry.crop_corners(info.matrix, 192), corners, atol=0.6)
    np.testing.assert_allclose(info.landmarks, record["landmarks"], atol=0.6)


CUT = [
    ("full_face_no_align", (10, 5, 0.5), FaceType.FULL),
    ("full_face_no_align", (20, 5, 30), FaceType.MID_FULL),
    ("head_no_align", (10, 5, 12), FaceType.WHOLE),
]


@pytest.mark.parametrize("with_matrix", [True, False])
@pytest.mark.parametrize(("name", "pose", "ours"), CUT)
def test_other_types_are_cut_down_to_ours_and_named(name, pose, ours, with_matrix, tmp_path):
    image, record = deepfacelab.make_later_face(name, pose=pose)
    matrix = record["image_to_face_mat"]
    if not with_matrix:
        del record["image_to_face_mat"]
    deepfacelab.write(tmp_path, "0.png", image, record)
    report = bring_in(tmp_path)
    assert report.notes[f"{name} of DeepFaceLab, cut down to {ours.value}"] == ["0.png"]
    stored, info = read_face(tmp_path / "ours" / "0.png")
    assert info.face_type is ours
    points = np.array(record["source_landmarks"])
    if ours is FaceType.FULL:
        expected = deepfacelab.matrix_of(points, info.size, info.size * 12 / 64)
    else:
        expected = deepfacelab.later_matrix(points, info.size, ours.value)
    np.testing.assert_allclose(info.matrix, expected, atol=1e-3)
    np.testing.assert_allclose(
        info.landmarks, points @ expected[:, :2].T + expected[:, 2], atol=0.01
    )
    # a pixel of the frame is as large as before
    scale = np.sqrt(np.linalg.det(matrix[:, :2]))
    assert np.sqrt(np.linalg.det(info.matrix[:, :2])) == pytest.approx(scale, rel=0.01)
    # and shows what it showed: the same crop straight from the frame, without the finest texture
    frame = deepfacelab.draw_face(points.astype(np.float32), deepfacelab.FRAME)
    direct = cv2.warpAffine(frame, expected, stored.shape[:2], flags=cv2.INTER_CUBIC)
    soft, direct = (
        cv2.GaussianBlur(each.astype(np.float32), (0, 0), 2) for each in (stored, direct)
    )
    inner = np.s_[8:-8, 8:-8]
    assert np.abs(soft - direct)[inner].max() < 6
    assert np.abs(soft - np.roll(direct, 1, axis=1))[inner].max() > 10


def test_a_head_of_2019_stays_ours(tmp_path):
    points = make_landmarks(10, 5, center=(300, 310), width=120)
    matrix = deepfacelab.matrix_of(points, 256, 256 * 24 / 64)
    _, record = deepfacelab.make_later_face("head")
    record["landmarks"] = np.rint(points @ matrix[:, :2].T + matrix[:, 2]).astype(int).tolist()
    record["source_landmarks"] = points.tolist()
    del record["image_to_face_mat"]
    image = np.full((256, 256, 3), 90, np.uint8)
    deepfacelab.write(tmp_path, "0.png", image, record)
    bring_in(tmp_path)
    ((_, info),) = Faceset.open(tmp_path / "ours")
    assert (info.face_type, info.size) == (FaceType.HEAD, 256)
    np.testing.assert_allclose(info.matrix, matrix, atol=1e-3)


@pytest.mark.parametrize("with_matrix", [True, False])
def test_a_scaled_picture_of_a_later_version_is_refused(with_matrix, tmp_path):
    image, record = deepfacelab.make_later_face("whole_face")
    if not with_matrix:
        del record["image_to_face_mat"]
    deepfacelab.write(tmp_path, "0.png", cv2.resize(image, (384, 384)), record)
    (sentence,) = bring_in(tmp_path).failures
    assert sentence.startswith('"0.png"')
    assert "scaled or cropped" in sentence

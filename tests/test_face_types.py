"""The squares of the face types are DeepFaceLab's; files of earlier builds stay what they are."""

import numpy as np
import pytest
from support.synthetic import draw_face, make_landmarks

from extractor import journal
from extractor.options import ExtractOptions
from facelib import geometry
from facelib import landmarks as marks
from facelib.faceset import FaceInfo, read_face, write_face
from facelib.types import EXTRACTED, FaceType, Rect
from tools.mask.apply import to_crop
from trainer.data.prepared_face import SamplerSettings, check_face_types
from trainer.data.sampler import Sampler
from utils.errors import UserError

# Top left and bottom right corner in the frame, as DeepFaceLab 2 (its repository's last state of
# 2023, run once beside this one) gives them for these landmarks. Its pixels begin at 0, where ours
# have their centers.
THEIRS = {
    (0, 0, 0): {
        "half_face_2020": [247.21, 251.43, 355.6, 358.39],
        "midfull_face": [236.86, 241.22, 365.95, 368.59],
        "full_face_2020": [214.87, 219.53, 387.94, 390.29],
        "whole_face": [185.84, 183.4, 416.87, 411.35],
        "head": [139.43, 91.72, 462.43, 410.43],
    },
    (35, -5, 20): {
        "half_face_2020": [275.89, 236.65, 325.44, 368.7],
        "midfull_face": [271.16, 224.05, 330.17, 381.3],
        "full_face_2020": [261.1, 197.26, 340.23, 408.09],
        "whole_face": [250.74, 155.6, 356.36, 437.03],
        "head": [275.97, 73.5, 423.64, 466.97],
    },
    (-70, 10, -95): {
        "half_face_2020": [250.08, 352.97, 335.52, 246.08],
        "midfull_face": [241.92, 363.18, 343.67, 235.88],
        "full_face_2020": [224.59, 384.86, 361.0, 214.2],
        "whole_face": [195.02, 414.19, 377.11, 186.37],
        "head": [124.06, 523.68, 378.65, 205.16],
    },
}
CASES = [(pose, FaceType(kind)) for pose, kinds in THEIRS.items() for kind in kinds]


@pytest.mark.parametrize(("pose", "kind"), CASES)
def test_the_corners_are_deepfacelabs(pose, kind):
    points = make_landmarks(*pose, center=(300, 310), width=130)
    matrix = geometry.crop_matrix(points, 512, kind)
    corners = np.reshape(THEIRS[pose][kind.value], (2, 2))
    mapped = geometry.apply(matrix, corners)
    np.testing.assert_allclose(mapped, [(0, 0), (512, 512)], atol=0.1)


@pytest.mark.parametrize("kind", list(geometry.SHAPES))
@pytest.mark.parametrize("scale", [0.8, 1.0, 1.3])
def test_every_crop_scales_about_its_center_and_is_the_same_at_every_size(kind, scale):
    points = make_landmarks(30, 5, -15, center=(300, 310), width=130)
    square = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
    plain, other = (
        geometry.apply(geometry.invert(geometry.crop_matrix(points, size, kind, by)), square * size)
        for size, by in ((512, 1.0), (96, scale))
    )
    middle = plain.mean(axis=0)
    np.testing.assert_allclose(other, middle + (plain - middle) * scale, atol=1e-3)


@pytest.mark.parametrize("yaw", [-80, 80])
def test_the_crop_of_a_turned_head_moves_to_its_back_and_of_the_mirror_image_too(yaw):
    points = make_landmarks(yaw, center=(300, 310), width=130)
    there, mirrored = (
        geometry.apply(geometry.crop_matrix(each, 256, FaceType.HEAD), each)
        for each in (points, marks.mirror(points, 600))
    )
    # the mean face is not quite in the middle of its square
    np.testing.assert_allclose(marks.mirror(there, 257), mirrored, atol=2)
    nose, ear = there[30, 0], there[0 if yaw > 0 else 16, 0]
    assert abs(nose - 128) > 20
    assert abs(ear - 128) < abs(nose - 128)


def make_info(kind, matrix, points, size=256):
    return FaceInfo(
        face_type=kind, size=size, landmarks=geometry.apply(matrix, points),
        source_landmarks=points, source_rect=Rect(0, 0, 50, 50), source_name="0.png",
        source="clip", frame_index=0, time=None, face_index=0, detector="yunet",
        landmarker="fan2d", score=1.0, quality=1.0, matrix=matrix,
    )  # fmt: skip


@pytest.mark.parametrize("wanted", [FaceType.FULL, FaceType.WHOLE, FaceType.HEAD])
def test_a_head_of_an_earlier_build_serves_as_it_did(wanted, tmp_path):
    """Its file says `head` as today's do; what it shows is what its own matrix says."""
    points = make_landmarks(25, 5, 30, center=(400, 410), width=130)
    frame = draw_face(points, (800, 800))
    matrix = geometry.HEAD_2019.matrix(points, 256)
    info = make_info(FaceType.HEAD, matrix, points)
    write_face(tmp_path / "0.png", geometry.warp_face(frame, matrix, 256), info)
    image, stored = read_face(tmp_path / "0.png")
    np.testing.assert_allclose(stored.matrix, matrix, atol=1e-5)
    direct = geometry.warp_face(frame, geometry.crop_matrix(points, 64, wanted), 64)
    sampler = Sampler([(tmp_path / "0.png", stored)], SamplerSettings(wanted, 64), (1,))
    for crop in (sampler.plain(0)[..., :3], to_crop(image, stored, 64, wanted)):
        error = np.abs(crop.astype(float) - direct)[3:-3, 3:-3]
        assert error.mean() < 6
        assert error.mean() < np.abs(np.roll(crop, 3, 1).astype(float) - direct)[3:-3, 3:-3].mean()


def test_an_extraction_of_heads_by_an_earlier_build_is_not_continued(tmp_path):
    (tmp_path / "frames").mkdir()

    class Source:
        path, is_video, stretch = tmp_path / "frames", False, None

    def header(kind):
        options = ExtractOptions(input_dir=tmp_path / "frames", output_dir=tmp_path, face_type=kind)
        return journal.header(options, Source)

    assert "head" in header(FaceType.HEAD)
    assert "head" not in header(FaceType.WHOLE)  # as before, so that runs go on


@pytest.mark.parametrize(
    ("there", "wanted", "enough"),
    [
        (FaceType.FULL, FaceType.FULL_2020, True),
        (FaceType.MID_FULL, FaceType.HALF_2020, True),
        (FaceType.HALF, FaceType.MID_FULL, False),
        (FaceType.MID_FULL, FaceType.FULL_2020, False),
        (FaceType.WHOLE, FaceType.HEAD, False),
        (FaceType.MARK_ONLY, FaceType.HEAD, True),
    ],
)
def test_models_ask_for_faces_that_show_as_much(there, wanted, enough, tmp_path):
    info = make_info(there, np.eye(2, 3), make_landmarks())
    faces = [(tmp_path / "0.png", info)]
    if enough:
        check_face_types(faces, wanted)
    else:
        with pytest.raises(UserError, match=f"--face-type {wanted.extracted.value}$"):
            check_face_types(faces, wanted)


def test_files_and_extraction_know_the_plain_names_only(tmp_path):
    assert [kind.value for kind in EXTRACTED] == [
        "half_face", "midfull_face", "full_face", "whole_face", "head", "mark_only",
    ]  # fmt: skip

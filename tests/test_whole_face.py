"""`whole_face` and `head` from extraction to conversion: DeepFaceLab's squares at every stage."""

import cv2
import numpy as np
import pytest
from support import deepfacelab
from support.conversion import options as convert_options
from support.conversion import read_folder
from support.synthetic import make_faceset
from support.toy_model import Toy
from support.training import quick_settings

from converters import convert
from converters.predictor import Predictor
from extractor.extract import run as extract
from extractor.options import ExtractOptions
from facelib import landmarks as marks
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from models import MODELS
from sorter.options import SortOptions
from sorter.sort import run as sort
from trainer import train
from trainer.data.prepared_face import SamplerSettings
from trainer.data.sampler import Sampler
from utils.errors import UserError
from utils.images import write_image

SIDE = 128
WHOLE_64 = SamplerSettings(FaceType.WHOLE, 64)


@pytest.fixture(params=[FaceType.WHOLE, FaceType.HEAD])
def kind(request):
    return request.param


@pytest.fixture
def footage(astronaut, kind, tmp_path):
    """Frames of the astronaut in three rotations, and their faces."""
    for index, roll in enumerate((-20, 0, 25)):
        turn = cv2.getRotationMatrix2D((222, 120), roll, 1)
        frame = cv2.warpAffine(astronaut, turn, (512, 512))[:400, 40:440]
        write_image(tmp_path / "frames" / f"{index:06d}.png", frame)
    folder = tmp_path / "aligned"
    extract(
        ExtractOptions(
            input_dir=tmp_path / "frames", output_dir=folder,
            face_type=kind, image_size=SIDE, smooth=False,
        )
    )  # fmt: skip
    return tmp_path


def test_extract_cuts_the_square_that_deepfacelab_cuts(footage, kind):
    frames = read_folder(footage / "frames")
    faces = Faceset.open(footage / "aligned")
    assert len(faces) == 3
    for frame, (path, info) in zip(frames, faces, strict=True):
        image, _ = read_face(path)
        assert info.face_type is kind
        matrix = deepfacelab.later_matrix(info.source_landmarks, SIDE, kind.value)
        np.testing.assert_allclose(info.matrix, matrix, atol=2e-3)
        expected = cv2.warpAffine(frame, matrix, (SIDE, SIDE), flags=cv2.INTER_AREA)
        assert np.abs(image.astype(float) - expected).mean() < 4
    report = sort(SortOptions(input_dir=footage / "aligned", by="face"))
    assert not report.failures


def test_a_model_is_shown_its_own_square_of_wider_and_equal_pictures(footage, kind):
    faces = Faceset.open(footage / "aligned")
    ones = np.ones((400, 400), np.uint8)  # beyond the frame samples are its mirror image
    for name in (kind.value, "midfull_face", "full_face", "half_face"):
        sampler = Sampler(faces, SamplerSettings(FaceType(name), 64), (1,))
        for index, (path, info) in enumerate(sampler.faces):
            image, _ = read_face(path)
            if name in ("full_face", "half_face"):
                matrix = deepfacelab.matrix_of(info.landmarks, 64, 12 if name == "full_face" else 0)
            else:
                matrix = deepfacelab.later_matrix(info.landmarks, 64, name)
            expected = cv2.warpAffine(image, matrix, (64, 64), flags=cv2.INTER_CUBIC)
            inner = np.s_[4:-4, 4:-4, :3]
            error = sampler.plain(index)[inner].astype(float) - expected[inner]
            seen = cv2.erode(cv2.warpAffine(ones, matrix @ to_face(info), (64, 64)), ones[:5, :5])
            assert np.abs(error[seen[inner[:2]] == 1]).mean() < 5, name


def to_face(info):
    return np.vstack([info.matrix, [0, 0, 1]])


def test_narrower_faces_are_refused_and_whole_frames_cut_wide_enough(tmp_path):
    make_faceset(tmp_path / "full", 1, face_type=FaceType.FULL)
    with pytest.raises(UserError, match="--face-type whole_face"):
        Sampler(Faceset.open(tmp_path / "full"), WHOLE_64, (1,))
    make_faceset(tmp_path / "frames", 1, face_type=FaceType.MARK_ONLY)
    sampler = Sampler(Faceset.open(tmp_path / "frames"), WHOLE_64, (1,))
    frame, info = read_face(sampler.faces[0][0])
    matrix = deepfacelab.later_matrix(info.landmarks, 64, "whole_face")
    expected = cv2.warpAffine(frame, matrix, (64, 64), borderMode=cv2.BORDER_REFLECT_101)
    seen = cv2.warpAffine(np.ones(frame.shape[:2], np.uint8), matrix, (64, 64)) == 1
    assert np.abs(sampler.plain(0)[..., :3].astype(float) - expected)[seen].mean() < 5


def test_sae_may_ask_for_it():
    cls = MODELS.load("SAE")
    model = cls(cls.Options(face_type="whole", resolution=64, ae_dims=32, ed_ch_dims=10))
    assert model.face_type is FaceType.WHOLE


def test_a_trained_model_swaps_inside_the_hull_and_nowhere_else(footage, kind, monkeypatch):
    monkeypatch.setattr(Toy, "face_type", kind)
    people = {f"training_data_{side}_dir": footage / "aligned" for side in ("src", "dst")}
    settings = quick_settings(footage, footage / "model", monkeypatch, **people)
    assert train.run(settings(target_iter=2)).counts == {"iterations": 2}
    report = convert.run(convert_options(footage, model="TOY", mask_type="hull"))
    assert report.counts["converted faces"] == 3
    check_change(footage)


def test_the_identity_leaves_the_footage_and_the_negative_is_the_hull(footage, kind):
    for name, change in (("same", lambda x: x), ("result", lambda x: 1 - x)):
        predictor = Predictor(lambda x, f=change: (f(x), None), SIDE, kind, 0, 0)
        chosen = convert_options(
            footage, name, mask_type="hull", mode="overlay", color_transfer="none"
        )
        convert.run(chosen, predictor)
    before, same = (read_folder(footage / name) for name in ("frames", "same"))
    for frame, left in zip(before, same, strict=True):
        assert np.abs(frame.astype(float) - left).mean() < 0.5
    check_change(footage)


def check_change(footage):
    """The result differs from the frames all over the hull of the landmarks, and only there."""
    frames, results = (read_folder(footage / name) for name in ("frames", "result"))
    for (_, info), frame, result in zip(
        Faceset.open(footage / "aligned"), frames, results, strict=True
    ):
        hull = marks.hull_mask(info.source_landmarks, frame.shape[:2])[..., 0].astype(np.uint8)
        around = cv2.dilate(hull, np.ones((25, 25))) == 1
        inside = cv2.erode(hull, np.ones((25, 25))) == 1
        changed = (frame.astype(int) != result).any(axis=2)
        assert not changed[~around].any()
        assert changed[inside].mean() > 0.9

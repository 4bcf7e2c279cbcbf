"""`mask apply` and `mask remove`, and what training makes of the masks in the faces."""

import dataclasses
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from support.synthetic import draw_face, make_info, make_landmarks

from facelib import face_mask, geometry, mask_png
from facelib.faceset import Faceset, change_info, read_face, read_info, write_face
from facelib.mask_label import MaskLabel, Shape
from facelib.types import FaceType
from tools.mask import apply
from tools.mask.options import ApplyMasksOptions, RemoveMasksOptions
from trainer import summary
from trainer.data import prepared_face
from trainer.data.sampler import Sampler, SamplerSettings
from utils.errors import InputError

SIZE = 128


class SkyIsHidden(NamedTuple):
    """Stands for a trained model: what is pure green is not the face."""

    face_type: FaceType = FaceType.FULL
    side: int = 256
    name: str = "MASK at iteration 1"

    def __call__(self, crops):
        green = (crops[..., 1] > 200) & (crops[..., 0] < 60) & (crops[..., 2] < 60)
        return 1 - np.float32(green)


def frame_with_bar():
    """A drawn face with a green bar before it, its landmarks, and the bar's area."""
    landmarks = make_landmarks(center=(150, 140), width=110)
    frame = draw_face(landmarks, (300, 300), identity=1, blur=1)
    bar = np.zeros((300, 300), np.uint8)
    bar[150:175] = 255
    frame[bar > 0] = (0, 255, 0)
    return frame, landmarks, bar


def make_faces(folder, face_type=FaceType.FULL, count=3, **changes):
    """Write faces that a bar crosses, and return what their mask should be, (SIZE, SIZE)."""
    folder.mkdir()
    frame, landmarks, bar = frame_with_bar()
    matrix = geometry.crop_matrix(landmarks, SIZE, face_type)
    info = make_info(landmarks, SIZE, face_type=face_type, frame_size=(300, 300), **changes)
    for index in range(count):
        one = dataclasses.replace(info, frame_index=index, source_name=f"{index:06d}.png")
        write_face(folder / f"{index:06d}_0.png", geometry.warp_face(frame, matrix, SIZE), one)
    return 1 - geometry.warp_face(bar[..., None], matrix, SIZE)[..., 0] / np.float32(255)


def apply_to(folder, predict=None):
    chosen = ApplyMasksOptions(input_dir=folder, model_dir=folder, side=None)
    return apply.apply(chosen, predict or SkyIsHidden())


@pytest.mark.parametrize("of_model", [FaceType.FULL, FaceType.WHOLE])
@pytest.mark.parametrize("of_face", [FaceType.HALF, FaceType.FULL, FaceType.WHOLE])
def test_a_mask_lies_where_the_picture_shows_it(tmp_path, of_face, of_model):
    expected = make_faces(tmp_path / "faces", of_face)
    report = apply_to(tmp_path / "faces", SkyIsHidden(of_model))
    assert (report.counts["masks written"], report.failures) == (3, [])
    info = read_info(tmp_path / "faces" / "000001_0.png")
    assert face_mask.source_of(info) == face_mask.APPLIED
    mask = face_mask.face_mask(info, SIZE)
    crop = geometry.crop_matrix(info.landmarks, 64, of_model)
    low, high = np.clip(geometry.crop_corners(crop, 64)[[0, 2]] + (2, -2), 0, SIZE).astype(int)
    inside = slice(low[1], high[1]), slice(low[0], high[0])  # where the model looked
    assert np.abs(mask[inside] - expected[inside]).mean() < 0.02


def test_no_pixel_changes_and_a_label_counts_before_the_mask(tmp_path):
    make_faces(tmp_path / "faces", count=2)
    labeled = tmp_path / "faces" / "000000_0.png"
    before, info = read_face(labeled)
    label = MaskLabel((Shape("polygon", False, np.float64([(100, 100), (200, 100), (150, 180)])),))
    write_face(labeled, before, dataclasses.replace(info, mask_label=label))
    apply_to(tmp_path / "faces")
    after, info = read_face(labeled)
    np.testing.assert_array_equal(after, before)
    assert face_mask.source_of(info) == face_mask.LABEL
    assert info.mask is not None

    def remove(**labels):
        apply.remove(RemoveMasksOptions(input_dir=tmp_path / "faces", side=None, **labels))
        return read_info(labeled)

    kept = remove()
    assert kept.mask is None
    np.testing.assert_array_equal(kept.mask_label.shapes[0].points, label.shapes[0].points)
    assert remove(labels=True).mask_label is None
    assert face_mask.source_of(read_info(labeled)) == face_mask.HULL


def test_a_face_that_cannot_be_read_or_has_gone_is_a_sentence_and_the_rest_is_done(tmp_path):
    folder = tmp_path / "faces"
    make_faces(folder, count=4)
    damaged = folder / "000001_0.png"
    damaged.write_bytes(damaged.read_bytes()[:-200])
    whole = folder / "000002_0.png"
    image, info = read_face(whole)
    write_face(whole, image, dataclasses.replace(info, face_type=FaceType.MARK_ONLY))

    class DeletesOne(SkyIsHidden):
        def __call__(self, crops):
            (folder / "000003_0.png").unlink()
            return super().__call__(crops)

    report = apply_to(folder, DeletesOne())
    assert report.counts["masks written"] == 1
    assert sorted(path.name for path in folder.glob("*.png")) == [
        "000000_0.png",
        "000001_0.png",
        "000002_0.png",
    ]
    said = "\n".join(report.failures)
    assert all(part in said for part in ("000001_0", "whole frame", "000003_0.png", "deleted"))


def test_what_others_change_while_masks_are_computed_stays(tmp_path):
    folder = tmp_path / "faces"
    make_faces(folder, count=3)
    first, second, third = (folder / f"{index:06d}_0.png" for index in range(3))
    label = MaskLabel((Shape("polygon", False, np.float64([(100, 100), (200, 100), (150, 180)])),))

    class OthersWork(SkyIsHidden):
        def __call__(self, crops):
            change_info(first, read_info(first), mask_label=label)
            second.rename(folder / "aside.png")
            third.rename(second)
            (folder / "aside.png").rename(third)
            return super().__call__(crops)

    report = apply_to(folder, OthersWork())
    assert report.counts["masks written"] == 1
    assert all("another face" in failure for failure in report.failures)
    info = read_info(first)
    assert info.mask is not None
    assert len(info.mask_label.shapes) == 1
    assert (read_info(second).frame_index, read_info(second).mask) == (2, None)


def test_training_takes_the_mask_in_place_of_the_hull(tmp_path):
    make_faces(tmp_path / "faces")
    settings = SamplerSettings(FaceType.FULL, 96)
    faces = Faceset.open(tmp_path / "faces")
    hull = Sampler(faces, settings, (1,)).plain(0)[..., 3]
    apply_to(tmp_path / "faces")
    faces = Faceset.open(tmp_path / "faces")
    plain = Sampler(faces, settings, (1,)).plain(0)
    green = (plain[..., 1] > 230) & (plain[..., 0] < 25) & (plain[..., 2] < 25)
    assert hull[green].max() == 255
    assert plain[..., 3][green].mean() < 8
    batch = Sampler(faces, settings, (1,)).batch(0, 6)
    green = (batch.target[..., 1] > 230) & (batch.target[..., 0] < 25)
    assert green.sum() > 500
    assert batch.mask[green].mean() < 10, "also where samples are mirrored and moved"


def test_the_summary_of_a_training_says_how_many_faces_have_masks(tmp_path):
    settings, sides = SamplerSettings(FaceType.FULL, 96), []
    for name in ("src", "dst"):
        make_faces(tmp_path / name)
        sides.append(Sampler(Faceset.open(tmp_path / name), settings, (1,)))
    assert not summary._masks(*sides)
    apply_to(tmp_path / "src")
    src = Sampler(Faceset.open(tmp_path / "src"), settings, (1,))
    assert summary._masks(src, sides[1]).startswith("of 3 faces of src,")
    assert summary._masks(src, src) == summary._masks(src, sides[1])  # borrowed ones count once


def test_a_label_on_a_whole_frame_is_drawn_where_the_face_is_cut(tmp_path):
    frame, landmarks, _ = frame_with_bar()
    info = make_info(landmarks, 300, face_type=FaceType.MARK_ONLY, frame_size=(300, 300))
    info = dataclasses.replace(info, matrix=np.eye(2, 3), landmarks=landmarks)
    corners = np.float64([(0, 150), (299, 150), (299, 174), (0, 174)])
    label = MaskLabel((Shape("polygon", False, corners),))
    write_face(tmp_path / "a.png", frame, dataclasses.replace(info, mask_label=label))
    made = prepared_face.prepare(tmp_path / "a.png", SamplerSettings(FaceType.FULL, 96))
    green = (made.pixels[..., 1] > 230) & (made.pixels[..., 0] < 25)
    assert green.sum() > 200
    assert made.pixels[..., 3][green].mean() < 12
    assert (made.pixels[..., 3] > 250).sum() > 2000


def test_a_damaged_mask_is_named_with_the_way_out(tmp_path):
    make_faces(tmp_path / "faces", count=1)
    path = tmp_path / "faces" / "000000_0.png"
    image, info = read_face(path)
    png = mask_png.encode(np.zeros((256, 256), np.uint8))
    write_face(path, image, dataclasses.replace(info, mask=png[:-30]))
    with pytest.raises(InputError, match="mask remove"):
        prepared_face.prepare(path, SamplerSettings(FaceType.FULL, 96))
    apply_to(tmp_path / "faces")
    prepared_face.prepare(path, SamplerSettings(FaceType.FULL, 96))


def test_a_mask_is_small_in_the_file(tmp_path):
    mask = cv2.GaussianBlur(np.float32(make_faces(tmp_path / "faces", count=1)), (0, 0), 1)
    assert len(mask_png.encode(mask)) < 8_000

"""Masks as images: out of the faces and back without loss, and what other programs make."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from PIL import Image
from support.synthetic import make_faceset

from facelib import face_mask, mask_png
from facelib.faceset import Faceset, embed, read_face, read_info, write_face
from facelib.mask_label import POLYGON, MaskLabel, Shape
from facelib.types import FaceType
from tools.util.masks import export_masks, import_masks
from tools.util.options import ExportMasksOptions, ImportMasksOptions, MaskChoice
from utils.errors import ExitStatus, InputError

SIDE = 96


@pytest.fixture(scope="module")
def _faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faces")
    paths = make_faceset(folder, 3, size=SIDE)
    for path in paths[:2]:
        image, info = read_face(path)
        ring = info.source_landmarks[[0, 8, 16, 27]].astype(float)
        write_face(path, image, replace(info, mask_label=MaskLabel((Shape(POLYGON, True, ring),))))
    give_mask(paths[1], noise(SIDE))
    return folder


@pytest.fixture
def faces(_faces, tmp_path):
    """Three faces: one with a label, one with a mask too, one with nothing."""
    return shutil.copytree(_faces, tmp_path / "my faces ü")


def noise(side, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8)


def give_mask(path, mask):
    info = replace(read_info(path), mask=mask_png.encode(mask))
    path.write_bytes(embed(path.read_bytes(), info))


def export(folder, **options):
    return export_masks(ExportMasksOptions(input_dir=folder, **options))


def bring_in(folder, **options):
    return import_masks(ImportMasksOptions(input_dir=folder, **options))


def masks_of(folder):
    return folder.with_name(folder.name + "_masks")


def exported(folder):
    return {path.stem: np.asarray(Image.open(path)) for path in masks_of(folder).glob("*.png")}


def applied(folder):
    return {path.stem: info.mask and mask_png.decode(info.mask, "x")
            for path, info in Faceset.open(folder)}  # fmt: skip


@pytest.mark.parametrize("which", MaskChoice)
def test_each_kind_of_mask_is_exported_at_the_size_of_its_face(faces, which):
    report = export(faces, which=which)
    names = {"any": [0, 1, 2], "label": [0, 1], "applied": [1], "hull": [0, 1, 2]}[which.value]
    found = exported(faces)
    assert sorted(found) == [f"00000{number}_0" for number in names]
    assert report.counts["masks exported"] == len(names)
    assert report.counts.get("faces without one", 0) == 3 - len(names)
    for path, info in Faceset.open(faces):
        if path.stem in found:
            kind = face_mask.source_of(info) if which is MaskChoice.ANY else which.value
            wanted = face_mask.mask_from(kind, info, SIDE)
            assert found[path.stem].dtype == np.uint8
            assert np.abs(found[path.stem] / 255 - wanted).max() <= 0.5 / 255 + 1e-6


@pytest.mark.parametrize("side", [64, 200, 512])
def test_nothing_is_lost_out_and_back(tmp_path, side):
    folder = tmp_path / "aligned"
    paths = make_faceset(folder, 2, size=side)
    before = [read_face(path)[0] for path in paths]
    masks = {path.stem: noise(side, seed) for seed, path in enumerate(paths)}
    for path in paths:
        give_mask(path, masks[path.stem])
    export(folder)
    for path in paths:
        give_mask(path, np.zeros((16, 16), np.uint8))
    report = bring_in(folder)
    assert report.counts == {"masks imported": 2}
    assert report.status is ExitStatus.DONE
    for name, mask in applied(folder).items():
        np.testing.assert_array_equal(mask, masks[name])
    for path, image in zip(paths, before, strict=True):
        np.testing.assert_array_equal(read_face(path)[0], image, "pixels of faces do not change")


def test_a_larger_mask_is_reduced_by_the_mean(tmp_path):
    (path,) = make_faceset(tmp_path / "aligned", 1, size=1024)
    masks_of(path.parent).mkdir()
    mask = noise(1024)
    Image.fromarray(mask).save(masks_of(path.parent) / path.name)
    bring_in(path.parent)
    wanted = mask.reshape(512, 2, 512, 2).mean(axis=(1, 3))
    assert np.abs(applied(path.parent)[path.stem] - wanted).max() <= 0.5


def half(side=SIDE):
    mask = np.zeros((side, side), np.uint8)
    mask[:, side // 2 :] = 255
    return mask


def transparent(mask):
    colors = np.random.default_rng(1).integers(0, 256, (*mask.shape, 3), np.uint8)
    return np.dstack([colors, mask])


FOREIGN = {
    "gray.png": half(), "bits.png": half() > 0, "gray.bmp": half(),
    "rgb.png": np.dstack([half()] * 3), "alpha.png": transparent(half()),
    "opaque.png": np.dstack([half()] * 3 + [np.full((SIDE, SIDE), 255, np.uint8)]),
    "gray and alpha.png": np.dstack([noise(SIDE), half()]),
    "deep.png": half().astype(np.uint16) * 257,
    "palette.png": None,
}  # fmt: skip


@pytest.mark.parametrize("kind", FOREIGN)
def test_images_of_other_programs_are_read(faces, kind):
    masks_of(faces).mkdir()
    path = masks_of(faces) / f"000002_0.{kind.partition('.')[2]}"
    pixels = FOREIGN[kind]
    if pixels is None:
        Image.fromarray(half()).convert("P").save(path)
    else:
        Image.fromarray(pixels).save(path)
    report = bring_in(faces)
    assert report.counts == {"masks imported": 1}
    np.testing.assert_array_equal(applied(faces)["000002_0"], half())
    assert report.notes["faces without a mask"] == ["000000_0.png", "000001_0.png"]


def test_what_does_not_fit_costs_a_sentence_each_and_the_rest_is_done(faces):
    folder = masks_of(faces)
    folder.mkdir()
    before = applied(faces)
    Image.fromarray(noise(SIDE)).save(folder / "000000_0.png")
    Image.fromarray(noise(SIDE + 1)).save(folder / "000001_0.png")
    (folder / "000002_0.png").write_bytes(b"no image")
    Image.fromarray(half()).save(folder / "stranger.png")
    Image.fromarray(half()).save(folder / "000000_0.bmp")
    (faces / "broken.png").write_bytes(b"no face")
    (folder / "notes.doc").write_text("mine")
    report = bring_in(faces)
    assert report.counts == {"masks imported": 1}
    said = "\n".join(report.failures)
    for part in (
        '"000001_0.png" is 97x97 pixels, but its face has 96; scale it to that',
        '"000002_0.png"', '"stranger.png" has the name of no face',
        "another mask has the same name", "broken.png",
    ):  # fmt: skip
        assert part in said
    assert len(report.failures) == 5
    assert report.notes["faces whose outlines, drawn by a person, count before the mask"] == [
        "000000_0.png"
    ]
    after = applied(faces)
    np.testing.assert_array_equal(after["000001_0"], before["000001_0"])
    assert after["000002_0"] is None
    assert read_info(faces / "000000_0.png").mask_label is not None


def test_whole_frames_give_their_label_and_take_no_mask(tmp_path):
    (path,) = make_faceset(tmp_path / "aligned", 1, face_type=FaceType.MARK_ONLY)
    image, info = read_face(path)
    image = np.ascontiguousarray(image[:200])
    ring = np.array([(20, 30), (200, 40), (180, 150), (30, 140)], float)
    label = MaskLabel((Shape(POLYGON, True, ring),))
    write_face(path, image, replace(info, mask_label=label, frame_size=(256, 200)))
    export(path.parent)
    mask = exported(path.parent)[path.stem]
    wanted = cv2.fillPoly(np.zeros((200, 256), np.uint8), [ring.astype(np.int32)], 255)
    assert mask.shape == (200, 256)
    assert np.abs(mask.astype(int) - wanted).mean() < 2
    assert "whole frame" in bring_in(path.parent).failures[0]


def test_masks_do_not_go_among_the_faces(faces):
    for call in (lambda: export(faces, output_dir=faces), lambda: bring_in(faces, mask_dir=faces)):
        with pytest.raises(InputError, match="choose another folder for the masks"):
            call()


def test_a_damaged_mask_costs_a_sentence(faces):
    path = faces / "000002_0.png"
    bad = mask_png.encode(noise(8))[:50]
    path.write_bytes(embed(path.read_bytes(), replace(read_info(path), mask=bad)))
    report = export(faces)
    assert report.counts["masks exported"] == 2
    assert 'the mask in "000002_0.png" is damaged' in report.failures[0]

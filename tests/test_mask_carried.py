"""Labels and masks stay with the faces: through every tool, and when frames are extracted again."""

import shutil
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support import marking
from support.synthetic import make_faceset

from extractor import journal, labels
from extractor.extract import face_writer
from extractor.extract import run as run_extract
from extractor.frames import SampledSource
from extractor.in_flight import InFlight
from extractor.labels import Labels
from extractor.manual.store import Store
from extractor.options import ExtractOptions
from facelib import face_mask, geometry, mask_label, mask_png
from facelib.faceset import Faceset, read_face, read_info, write_face
from facelib.mask_label import POLYGON, STROKE, MaskLabel, Shape
from facelib.types import FaceType
from sorter import deletion
from sorter.options import DeleteFacesOptions, RecoverNamesOptions, RestoreFacesOptions, SortOptions
from sorter.sort import recover_names
from sorter.sort import run as sort
from tools.util import metadata, pack
from tools.util.options import (
    PackOptions,
    RestoreMetadataOptions,
    SaveMetadataOptions,
    UnpackOptions,
)
from utils.video.io import open_source


def draw_on(path, seed=0, **changes):
    """Draw a label on a face file: a triangle on the face, and a stroke; return it."""
    image, info = read_face(path)
    corners = info.source_landmarks[[0, 8, 27]].astype(np.float64) + seed
    shapes = (Shape(POLYGON, False, corners), Shape(STROKE, True, corners[:2], 3.5))
    drawn = replace(info, mask_label=MaskLabel(shapes, **changes))
    write_face(path, image, drawn)
    return read_info(path).mask_label


def put_mask(path, seed=0):
    image, info = read_face(path)
    mask = np.random.default_rng(seed).integers(0, 256, (64, 64), np.uint8)
    write_face(path, image, replace(info, mask=mask_png.encode(mask)))


def shown(info):
    """What must not change: the label's numbers, and the mask's bytes."""
    label = info.mask_label
    shapes = label and [(s.kind, s.include, s.width, s.points.tolist()) for s in label.shapes]
    return shapes, label and label.moved, info.mask


def everything(folder):
    """What is drawn and applied, by frame and face."""
    faces = Faceset.open(folder)
    assert not faces.skipped
    return {(info.source_name, info.face_index): shown(info) for _, info in faces}


# ------------------------------------------------------------------------------------- the tools


@pytest.fixture(scope="module")
def _drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn")
    for index, path in enumerate(make_faceset(folder, 4)):
        if index != 2:
            draw_on(path, index, moved=index == 1)
        if index != 0:
            put_mask(path, index)
    return folder


@pytest.fixture
def faces(_drawn, tmp_path):
    return shutil.copytree(_drawn, tmp_path / "my faces ü")


@pytest.mark.parametrize("by", ["hist", "final"])
def test_sorting_and_its_undo_keep_what_is_drawn(faces, by):
    before = everything(faces)
    sort(SortOptions(input_dir=faces, by=by))
    assert everything(faces) == before
    sort(SortOptions(input_dir=faces, undo=True))
    assert everything(faces) == before


def test_other_tools_keep_what_is_drawn(faces, tmp_path):
    before = everything(faces)
    sort(SortOptions(input_dir=faces, by="brightness"))
    recover_names(RecoverNamesOptions(input_dir=faces))
    deletion.delete(DeleteFacesOptions(input_dir=faces, names=("000001_0.png", "000002_0.png")))
    assert len(everything(faces)) == 2
    deletion.restore(RestoreFacesOptions(input_dir=faces))
    assert everything(faces) == before
    pack.pack(PackOptions(input_dir=faces))
    shutil.rmtree(faces)
    pack.unpack(UnpackOptions(input=tmp_path / "my faces ü.zip", output_dir=faces))
    assert everything(faces) == before


@pytest.mark.parametrize("scale", [1, 2])
def test_saved_metadata_has_what_is_drawn(faces, scale):
    before = everything(faces)
    masks = {path.name: face_mask.face_mask(info, 64) for path, info in Faceset.open(faces)}
    metadata.save(SaveMetadataOptions(input_dir=faces))
    for path in faces.glob("*.png"):
        picture = cv2.resize(cv2.imread(str(path)), None, fx=scale, fy=scale)
        path.write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    metadata.restore(RestoreMetadataOptions(input_dir=faces))
    assert everything(faces) == before
    for path, info in Faceset.open(faces):
        assert info.size == 128 * scale
        off = np.abs(face_mask.face_mask(info, 64) - masks[path.name])
        assert off.max() < 0.3, "scaling is right to half a pixel of the larger image"


# ---------------------------------------------------------------------------- extracting again


@pytest.fixture(scope="module")
def pictures(astronaut, tmp_path_factory):
    """Three frames of a real face that wanders; the last shows none."""
    folder = tmp_path_factory.mktemp("clip") / "frames"
    folder.mkdir()
    for index in range(3):
        frame = astronaut[10 + 2 * index :, 60 + 4 * index :][:240, :320]
        cv2.imwrite(str(folder / f"{index:03d}.png"), frame)
    cv2.imwrite(str(folder / "003.png"), np.full((240, 320, 3), 90, np.uint8))
    return folder


def extract(source, out, **options):
    return run_extract(ExtractOptions(input_dir=source, output_dir=out, **options))


@pytest.fixture(scope="module")
def _extracted(pictures):
    extract(pictures, pictures.with_name("aligned"), image_size=96)
    return pictures.with_name("aligned")


@pytest.fixture
def out(_extracted, tmp_path):
    return shutil.copytree(_extracted, tmp_path / "aligned")


def by_frame(folder):
    return {info.source_name: info for _, info in Faceset.open(folder)}


def test_labels_are_carried_over_to_other_face_types_sizes_and_names(pictures, out):
    drawn = draw_on(out / "000_0.png")
    put_mask(out / "000_0.png")
    (out / "000_0.png").rename(out / "00007.png")
    report = extract(pictures, out, image_size=128, face_type=FaceType.WHOLE, overwrite=True)
    assert report.counts["labels of masks carried over"] == 1
    found = by_frame(out)
    assert (found["000.png"].size, found["000.png"].face_type) == (128, FaceType.WHOLE)
    assert shown(found["000.png"])[:2] == shown(replace(found["000.png"], mask_label=drawn))[:2]
    assert found["000.png"].mask is None, "the face is cut otherwise"
    assert found["001.png"].mask_label is None
    assert not report.failures


def test_labels_follow_frames_of_another_size_and_other_landmarks_are_told(pictures, out, tmp_path):
    drawn = draw_on(out / "000_0.png")
    original = tmp_path / "original" / "frames"
    original.mkdir(parents=True)
    for path in pictures.glob("*.png"):
        image = cv2.resize(cv2.imread(str(path)), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(original / path.name), image)
    extract(original, out, image_size=96, overwrite=True, smooth=False)
    label = by_frame(out)["000.png"].mask_label
    np.testing.assert_allclose(label.shapes[0].points, drawn.shapes[0].points * 2 + 0.5, atol=1e-2)
    assert label.shapes[1].width == 7
    assert not label.moved


def test_what_waits_is_not_lost_when_a_run_stops_or_starts_over_twice(pictures, out, tmp_path):
    drawn = {name: shown(replace(by_frame(out)["000.png"], mask_label=draw_on(out / name)))[0]
             for name in ("000_0.png", "002_0.png")}  # fmt: skip
    extract(pictures, out, image_size=80, overwrite=True, every=2)  # reaches only 000 and 002
    extract(pictures, out, image_size=80, overwrite=True, every=5)  # only 000
    assert len(by_frame(out)) == 1
    extract(pictures, out, image_size=80, overwrite=True)
    found = by_frame(out)
    assert shown(found["000.png"])[0] == drawn["000_0.png"]
    assert shown(found["002.png"])[0] == drawn["002_0.png"]
    # removed by a person: it does not come back
    image, info = read_face(out / "000_0.png")
    write_face(out / "000_0.png", image, replace(info, mask_label=None))
    extract(pictures, out, image_size=96, overwrite=True)
    assert by_frame(out)["000.png"].mask_label is None
    assert by_frame(out)["002.png"].mask_label is not None


def test_a_label_that_fits_no_face_is_told_and_waits(pictures, out):
    draw_on(out / "001_0.png")
    report = extract(pictures, out, image_size=96, overwrite=True, min_face_size=200)
    assert report.notes["frames in which a label fits no face"] == ["001.png"]
    report = extract(pictures, out, image_size=96, overwrite=True)
    assert report.counts["labels of masks carried over"] == 1
    assert by_frame(out)["001.png"].mask_label is not None


def test_footage_that_shows_something_else_gets_no_label(pictures, out, tmp_path):
    draw_on(out / "000_0.png")
    other = tmp_path / "frames"
    other.mkdir()
    mirrored = cv2.imread(str(pictures / "000.png"))[:, ::-1]
    shifted = cv2.warpAffine(mirrored, np.float64([[1, 0, 10], [0, 1, 5]]), (320, 240))
    cv2.imwrite(str(other / "000.png"), shifted)
    extract(other, out, image_size=96, overwrite=True)
    assert by_frame(out)["000.png"].mask_label is None


def test_a_label_drawn_in_oblong_pixels_fits_the_face_found_in_square_ones(pictures, out):
    """Version 0.1.0 searched anamorphic frames as they are: here 240 x 240, shown as 320 x 240."""
    draw_on(out / "000_0.png")
    square = by_frame(out)["000.png"]
    oblong = np.float64([[0.75, 0, -0.125], [0, 1, 0]])  # edges stay where they are
    old = replace(
        square,
        source_landmarks=geometry.apply(oblong, square.source_landmarks),
        mask_label=mask_label.transformed(square.mask_label, oblong),
        frame_size=None,
        fingerprint=None,
    )
    found = replace(square, mask_label=None, pixel_aspect=4 / 3)
    image = cv2.imread(str(pictures / "000.png"))
    for given in (
        Labels([old]).carry_over([found], image),
        Labels().carry_over([found], image, [old]),
    ):
        points = given[0].mask_label.shapes[0].points
        np.testing.assert_allclose(points, square.mask_label.shapes[0].points, atol=1e-3)
        assert not given[0].mask_label.moved


@pytest.mark.parametrize("damage", [b"\xff\xfe", b'{"version": 1}\n', b"[" * 5000, b'{"a": 1e999}'])
def test_damaged_labels_cost_a_sentence_at_most(pictures, out, damage):
    draw_on(out / "000_0.png")
    draw_on(out / "001_0.png")
    labels.keep(out, [info for _, info in Faceset.open(out)])
    good = (out / labels.FILE).read_bytes().splitlines(keepends=True)
    (out / labels.FILE).write_bytes(good[0] + damage + b"\n" + good[1])
    waiting = Labels.kept_in(out)
    image = cv2.imread(str(pictures / "001.png"))
    info = replace(by_frame(out)["001.png"], mask_label=None)
    assert waiting.carry_over([info], image)[0].mask_label is not None
    assert len(waiting.problems) <= 1
    assert waiting.without_face(["000.png", "001.png"]) == ["000.png"]


# ---------------------------------------------------------------------------- by hand


@pytest.fixture
def edited(tmp_path):
    """A frame with two faces, both drawn on, and what replaces its faces: (folder, keep)."""
    frames, out = tmp_path / "frames", tmp_path / "aligned"
    marking.make_frames(frames, 1)
    two = [marking.face_at(70, 80), marking.face_at(170, 90, 50)]
    marking.extract(frames, out, [two])
    options = ExtractOptions(input_dir=frames, output_dir=out, image_size=64)
    footage = SampledSource(open_source(frames, square_pixels=True))

    def keep(faces):
        header = journal.header(options, footage.source)
        with journal.opened(out, header, frames, overwrite=False) as manifest:
            (frame,) = footage.pending((), [], InFlight())
            store = Store(face_writer(options, frames.name), manifest)
            store.keep(frame, frame.image(), faces)

    for path in out.glob("*.png"):
        draw_on(path)
        put_mask(path)
    return out, keep, two


def test_a_corrected_face_keeps_its_label_and_says_so(edited):
    out, keep, (one, other) = edited
    before = everything(out)
    corrected = replace(other, landmarks=other.landmarks + 4)
    keep((corrected, one))
    found = everything(out)
    assert found["000.png", 0] == before["000.png", 0], "it was not touched"
    shapes, moved, mask = found["000.png", 1]
    assert shapes == before["000.png", 1][0]
    assert moved
    assert mask is None


def test_a_removed_face_takes_its_label_along(edited):
    out, keep, (_, other) = edited
    drawn = everything(out)["000.png", 1]
    keep((other,))
    assert everything(out) == {("000.png", 0): drawn}
    keep((other, marking.face_at(70, 150, 30)))
    assert sorted(map(bool, (label for label, *_ in everything(out).values()))) == [False, True]

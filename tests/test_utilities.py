"""The small tools for folders of faces: pictures to look through, packing, names, saved records."""

import zipfile
from dataclasses import replace

import cv2
import numpy as np
import pytest
from support.synthetic import make_faceset

from facelib.faceset import Faceset, read_face, read_info, write_face
from sorter.options import RecoverNamesOptions, SortOptions
from sorter.sort import recover_names
from sorter.sort import run as sort
from tools.util import debug_pictures, metadata, pack
from tools.util.options import (
    DebugPicturesOptions,
    PackOptions,
    RestoreMetadataOptions,
    SaveMetadataOptions,
    UnpackOptions,
)
from utils.errors import ExitStatus, InputError
from utils.files import trash_dir

COUNT = 4


@pytest.fixture
def faces(tmp_path):
    folder = tmp_path / "my faces ü"
    make_faceset(folder, COUNT)
    return folder


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.glob("*.png")}


# ------------------------------------------------------------------------------- debug-pictures


def test_landmarks_are_drawn_where_the_record_says(faces):
    (faces / "broken.png").write_bytes(b"no face")
    report = debug_pictures.run(DebugPicturesOptions(input_dir=faces))
    assert report.counts == {"pictures": COUNT}
    assert "broken.png" in report.failures[0]
    folder = faces.with_name(faces.name + "_landmarks")
    assert len(list(folder.iterdir())) == COUNT
    image, info = read_face(faces / "000001_0.png")
    drawn = cv2.imdecode(np.fromfile(folder / "000001_0.jpg", np.uint8), 1).astype(int)
    for x, y in np.rint(info.landmarks[17:]).astype(int):
        patch = drawn[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3)
        assert (patch[:, 1] - patch[:, ::2].max(axis=1)).max() > 60, "green"
    assert np.abs(drawn - image)[:8].mean() < 12, "and nothing else"


def test_debug_pictures_do_not_go_among_the_faces(faces):
    with pytest.raises(InputError, match="--output-dir"):
        debug_pictures.run(DebugPicturesOptions(input_dir=faces, output_dir=faces))


# --------------------------------------------------------------------------------- recover-names


def test_faces_get_back_the_names_that_extract_gave(faces):
    before = contents(faces)
    sort(SortOptions(input_dir=faces, by="brightness"))
    assert contents(faces) != before
    recover_names(RecoverNamesOptions(input_dir=faces))
    assert contents(faces) == before


# ------------------------------------------------------------------------------- pack and unpack


def test_a_packed_folder_comes_back_byte_for_byte(faces, tmp_path):
    (faces / "notes.txt").write_text("mine")
    report = pack.pack(PackOptions(input_dir=faces))
    packed = faces.with_name("my faces ü.zip")
    assert report.counts == {"faces packed": COUNT}
    with zipfile.ZipFile(packed) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(contents(faces))
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_STORED}
    report = pack.unpack(UnpackOptions(input=packed, output_dir=tmp_path / "out"))
    assert report.counts == {"faces unpacked": COUNT}
    assert contents(tmp_path / "out") == contents(faces)
    first = packed.read_bytes()
    pack.pack(PackOptions(input_dir=faces, overwrite=True))
    assert packed.read_bytes() == first


def test_unpacking_again_completes_and_changes_nothing(faces, tmp_path):
    pack.pack(PackOptions(input_dir=faces, output=tmp_path / "f.zip"))
    pack.unpack(UnpackOptions(input=tmp_path / "f.zip"))
    out = tmp_path / "f"
    (out / "000002_0.png").unlink()
    (out / "000001_0.png").write_bytes(b"changed by its owner")
    report = pack.unpack(UnpackOptions(input=tmp_path / "f.zip"))
    assert report.counts == {"faces unpacked": 1, "faces there already": COUNT - 1}
    assert (out / "000001_0.png").read_bytes() == b"changed by its owner"


def test_a_packed_file_is_not_overwritten_and_a_damaged_face_not_packed(faces):
    pack.pack(PackOptions(input_dir=faces))
    with pytest.raises(InputError, match="--overwrite"):
        pack.pack(PackOptions(input_dir=faces))
    packed = faces.with_name(faces.name + ".zip")
    before = packed.read_bytes()
    data = bytearray((faces / "000001_0.png").read_bytes())
    data[-40] ^= 1
    (faces / "000001_0.png").write_bytes(data)
    with pytest.raises(InputError, match="000001_0"):
        pack.pack(PackOptions(input_dir=faces, overwrite=True))
    assert packed.read_bytes() == before


def test_names_from_a_stranger_lead_nowhere(faces, tmp_path):
    face = (faces / "000000_0.png").read_bytes()
    names = ["../x.png", "/tmp/x.png", "a/b.png", "..\\x.png", "C:x.png", "n\n.png", "x.exe", ".."]
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), face)
        archive.writestr("no face.png", b"\x89PNG\r\n\x1a\nnothing")
        archive.writestr("good.png", face)
    there = set(tmp_path.rglob("*"))
    report = pack.unpack(UnpackOptions(input=tmp_path / "f.zip"))
    assert report.counts == {"faces unpacked": 1}
    assert len(report.failures) == len(names) + 1
    assert set(tmp_path.rglob("*")) - there == {tmp_path / "f", tmp_path / "f" / "good.png"}


def compressed(path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(10_000_000))


def truncated(path):
    path.write_bytes(b"PK\x03\x04" + bytes(100))


def overlapping(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.png", bytes(100_000))
        first = archive.infolist()[0]
        archive.filelist += [first] * 1000


@pytest.mark.parametrize("make", [compressed, truncated, overlapping])
def test_what_pack_did_not_write_is_refused(make, tmp_path):
    make(tmp_path / "f.zip")
    with pytest.raises(InputError, match=r"f\.zip"):
        pack.unpack(UnpackOptions(input=tmp_path / "f.zip"))
    assert not (tmp_path / "f").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"gone\.zip"):
        pack.unpack(UnpackOptions(input=tmp_path / "gone.zip"))


# ----------------------------------------------------------------- save-metadata, restore-metadata


def test_records_survive_a_program_that_drops_them(faces):
    infos = {path.stem: info for path, info in Faceset.open(faces)}
    report = metadata.save(SaveMetadataOptions(input_dir=faces))
    assert report.counts == {"faces saved": COUNT}
    images = {path: cv2.imdecode(np.fromfile(path, np.uint8), 1) for path in faces.glob("*.png")}
    for number, (path, image) in enumerate(sorted(images.items())):
        path.unlink()
        if number == 0:  # the same size
            cv2.imwrite(str(path), 255 - image)
        elif number == 1:  # larger
            cv2.imwrite(str(path), cv2.resize(image, (256, 256)))
        elif number == 2:  # another format
            cv2.imwrite(str(path.with_suffix(".jpg")), image)
        else:  # cropped
            cv2.imwrite(str(path), image[:100])
    report = metadata.restore(RestoreMetadataOptions(input_dir=faces))
    assert report.counts == {"faces restored": 3}
    assert "000003_0.png" in report.failures[0]
    assert report.status is ExitStatus.FAILED
    for stem, factor in (("000000_0", 1), ("000001_0", 2), ("000002_0", 1)):
        image, info = read_face(faces / f"{stem}.png")
        old = infos[stem]
        assert (info.size, info.source_name) == (old.size * factor, old.source_name)
        np.testing.assert_allclose(info.source_landmarks, old.source_landmarks, atol=1e-3)
        np.testing.assert_allclose(info.matrix, old.matrix * factor, rtol=1e-6)
        np.testing.assert_allclose(info.landmarks, old.landmarks * factor, atol=0.01)
        assert image.shape[0] == info.size
    np.testing.assert_array_equal(
        read_face(faces / "000000_0.png")[0], 255 - images[faces / "000000_0.png"]
    )
    assert [path.name for path in trash_dir(faces).iterdir()] == ["000002_0.jpg"]


def test_irises_are_restored_at_another_size(faces):
    path = faces / "000000_0.png"
    image, info = read_face(path)
    info = replace(info, source_iris=info.source_landmarks[[37, 44]])
    write_face(path, image, info)
    metadata.save(SaveMetadataOptions(input_dir=faces))
    cv2.imwrite(str(path), cv2.resize(image, (256, 256)))
    metadata.restore(RestoreMetadataOptions(input_dir=faces))
    found = read_info(path)
    np.testing.assert_allclose(found.source_iris, info.source_iris, atol=1e-3)
    np.testing.assert_allclose(found.iris, info.landmarks[[37, 44]] * 2, atol=0.01)
    assert read_info(faces / "000001_0.png").iris is None


def test_pictures_without_a_record_and_records_without_a_picture_are_named(faces):
    metadata.save(SaveMetadataOptions(input_dir=faces))
    (faces / "000000_0.png").rename(faces / "other.png")
    report = metadata.restore(RestoreMetadataOptions(input_dir=faces))
    assert "other.png" in report.failures[0]
    assert report.notes == {"saved faces without a picture": ["000000_0"]}
    assert read_info(faces / "000001_0.png").frame_index == 1


@pytest.mark.parametrize(
    "line", ["", "[]", "{}", '{"stem": "x", "face": {}}', "[" * 5000, "x" * 200_000]
)
def test_saved_records_are_checked_before_anything_is_changed(line, faces):
    before = contents(faces)
    source = faces.with_name(faces.name + ".faces.jsonl")
    if line:
        source.write_text(line + "\n")
    with pytest.raises(InputError, match=r"faces\.jsonl"):
        metadata.restore(RestoreMetadataOptions(input_dir=faces))
    assert contents(faces) == before

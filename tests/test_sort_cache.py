"""Measurements are cached by content: reused, made again for what changed, and never trusted."""

import os
import shutil

import cv2
import numpy as np
import pytest
from support.sorting import contents, order_of, sort
from support.synthetic import make_faceset

from facelib.faceset import Faceset, fingerprint, read_face, write_face
from sorter.cache import measure
from sorter.features import IMAGE_STATS, POSE
from utils.errors import InputError


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "faces"
    make_faceset(made, count=6)
    return made


def kept(folder):
    return folder / ".sort" / "look-3.npz"


def test_a_fingerprint_follows_the_content_and_nothing_else(folder):
    first, second, *_ = sorted(folder.iterdir())
    moved = shutil.copy(first, folder / "copy.png")
    os.utime(moved, (1, 1))
    assert fingerprint(first) == fingerprint(folder / "copy.png") != fingerprint(second)
    image, info = read_face(first)
    changed = image.copy()
    changed[3, 3, 1] ^= 1
    write_face(first, changed, info)
    assert fingerprint(first) != fingerprint(folder / "copy.png")


@pytest.mark.parametrize("data", [b"", b"no PNG", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_png_has_no_fingerprint(data, tmp_path):
    (tmp_path / "x.png").write_bytes(data)
    with pytest.raises(InputError, match=r"x\.png"):
        fingerprint(tmp_path / "x.png")
    with pytest.raises(InputError, match="gone"):
        fingerprint(tmp_path / "gone.png")


def test_a_second_sort_uses_what_the_first_has_measured(folder):
    sort(folder, "brightness")
    with np.load(kept(folder)) as saved:
        keys, table = saved["keys"], saved["table"].copy()
    table["sharpness"] = [5, 3, 9, 1, 7, 2]
    np.savez(kept(folder), keys=keys, table=table)
    order = order_of("blur", Faceset.open(folder), store=folder / ".sort")
    assert [item.key for item in order] == [9, 7, 5, 3, 2, 1]


def test_a_changed_picture_is_measured_anew_and_a_renamed_one_is_not(folder):
    sort(folder, "blur")
    victim = folder / "00005.png"
    times = victim.stat()
    image, info = read_face(victim)
    rng = np.random.default_rng(0)
    noisy = rng.integers(0, 256, image.shape).astype(np.uint8)
    write_face(victim, noisy, info)
    os.utime(victim, ns=(times.st_atime_ns, times.st_mtime_ns))
    order = order_of("blur", Faceset.open(folder), store=folder / ".sort")
    assert order[0].path == victim
    assert [i.key for i in order] == [i.key for i in order_of("blur", Faceset.open(folder))]


@pytest.mark.parametrize("harm", ["nothing", "text", "cut", "flipped", "pickled", "other", "array"])
def test_a_damaged_or_foreign_file_counts_as_none(harm, folder, tmp_path):
    expected = [item.key for item in order_of("blur", Faceset.open(folder))]
    order_of("blur", Faceset.open(folder), store=folder / ".sort")
    file = kept(folder)
    data = file.read_bytes()
    if harm == "nothing":
        file.write_bytes(b"")
    if harm == "text":
        file.write_bytes(b"not a zip")
    if harm == "cut":
        file.write_bytes(data[: len(data) // 2])
    if harm == "flipped":
        file.write_bytes(data[:5000] + bytes([data[5000] ^ 0xFF]) + data[5001:])
    if harm == "pickled":
        np.savez(file, keys=np.array([tmp_path], object), table=np.zeros(1, IMAGE_STATS.dtype))
    if harm == "other":
        np.savez(file, keys=np.zeros(3, "V16"), table=np.zeros(4, IMAGE_STATS.dtype))
    if harm == "array":
        with file.open("wb") as opened:
            np.save(opened, np.zeros(3))
    order = order_of("blur", Faceset.open(folder), store=folder / ".sort")
    assert [item.key for item in order] == expected


def test_what_is_measured_before_a_stop_is_kept(folder, monkeypatch):
    faces = list(Faceset.open(folder))
    fourth, convert = read_face(faces[3][0])[0], cv2.cvtColor

    def stopped(image, *how):
        if np.array_equal(image, fourth):
            raise KeyboardInterrupt
        return convert(image, *how)

    with monkeypatch.context() as patch:
        patch.setattr(cv2, "cvtColor", stopped)
        with pytest.raises(KeyboardInterrupt):
            measure(faces, IMAGE_STATS, folder / ".sort")
    with np.load(kept(folder)) as saved:
        assert len(saved["keys"]) == 3
    table, failures = measure(faces, IMAGE_STATS, folder / ".sort")
    np.testing.assert_array_equal(table, measure(faces, IMAGE_STATS, None)[0])
    assert not failures


def test_where_nothing_can_be_kept_sorting_works_all_the_same(folder, capsys):
    (folder / ".sort").write_text("a file is in the way")
    table, _ = measure(list(Faceset.open(folder)), POSE, folder / ".sort")
    assert len(table) == 6
    assert "cannot keep the measurements" in capsys.readouterr().err


def test_measurements_are_no_faces(folder):
    before = contents(folder)
    sort(folder, "blur")
    assert sorted(contents(folder).values()) == sorted(before.values())
    assert not Faceset.open(folder).skipped

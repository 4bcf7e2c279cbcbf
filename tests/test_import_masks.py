"""Masks and packed facesets of DeepFaceLab come in; what is hostile in them costs a sentence."""

import os
import pickle
import struct
import tracemalloc

import cv2
import numpy as np
import pytest
from support import deepfacelab

from facelib import face_mask
from facelib.faceset import Faceset, read_info
from facelib.types import FaceType
from tools.util import dfl_pack, dfl_pickle
from tools.util.import_dfl import run
from tools.util.options import ImportOptions
from utils.errors import ExitStatus, InputError

SIDE = 192
FACE = [(30, 20), (170, 25), (160, 170), (40, 165.5)]
HAND = [(0, 100), (90, 90), (100, 191), (0, 191)]


@pytest.fixture
def old(tmp_path):
    """A DeepFaceLab folder data_src/aligned, still empty."""
    folder = tmp_path / "work ü" / "data_src" / "aligned"
    folder.mkdir(parents=True)
    return folder


def bring_in(folder, **options):
    return run(ImportOptions(input_dir=folder, **options))


def imported(folder):
    return {path.stem: info for path, info in Faceset.open(folder.with_name("aligned_imported"))}


def polys(*drawn):
    return {"polys": [{"type": kind, "pts": np.float32(points)} for kind, points in drawn]}


def disc(side=SIDE, radius=0.3):
    y, x = (np.mgrid[:side, :side] + 0.5) / side - 0.5
    return np.where(np.hypot(x, y) < radius, 255, 0).astype(np.uint8)


def compressed(mask, suffix=".png"):
    return cv2.imencode(suffix, mask)[1].ravel()


def filled(*drawn):
    """DeepFaceLab's own rule: first what includes, then what excludes, on nothing."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    for kind, points in sorted(drawn, key=lambda each: -each[0]):
        cv2.fillPoly(mask, [np.int32(points)], int(kind))
    return mask


# ------------------------------------------------------------------------------------------ masks


@pytest.mark.parametrize("face_type", ["whole_face", "full_face"])
@pytest.mark.parametrize("form", ["dict", "list", "lists"])
def test_polygons_become_labels(old, face_type, form):
    drawn = [(0, HAND), (1, FACE)]
    value = {
        "dict": polys(*drawn),
        "list": [(kind, np.float32(points)) for kind, points in drawn],
        "lists": [[kind, [list(point) for point in points]] for kind, points in drawn],
    }[form]
    picture, record = deepfacelab.make_later_face(face_type, seg_ie_polys=value)
    deepfacelab.write(old, "00001_0.jpg", picture, record)
    report = bring_in(old)
    assert report.counts == {"faces imported": 1, "labels of masks": 1}
    assert report.status is ExitStatus.DONE
    info = imported(old)["00001_0"]
    assert [shape.include for shape in info.mask_label.shapes] == [True, False]
    drawn_again = face_mask.face_mask(info, SIDE)
    off = np.abs(drawn_again - filled(*drawn))
    assert (off > 0.6).mean() < 0.01, "DeepFaceLab drops fractions of pixels and covers edges"
    assert off.mean() < 0.012


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
@pytest.mark.parametrize("shape", ["flat", "column", "bytes"])
def test_masks_are_taken_over(old, suffix, shape):
    data = compressed(disc(256), suffix)
    value = {"flat": data, "column": data[:, None], "bytes": data.tobytes()}[shape]
    picture, record = deepfacelab.make_later_face("whole_face", xseg_mask=value)
    deepfacelab.write(old, "00001_0.jpg", picture, record)
    assert bring_in(old).counts == {"faces imported": 1, "masks": 1}
    info = imported(old)["00001_0"]
    assert info.face_type is FaceType.WHOLE
    mask = face_mask.face_mask(info, 256)
    assert np.abs(mask - disc(256) / 255).max() <= (0 if suffix == ".png" else 0.2)


def test_what_is_cut_down_keeps_its_masks_in_place(old):
    """The nose is marked in the image of a head, and is marked in what is cut out of it."""
    picture, record = deepfacelab.make_later_face("head_no_align", pose=(10, 5, 12))
    nose = np.array(record["landmarks"])[30]
    ring = nose + 12 * np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)])
    mask = np.zeros((256, 256), np.uint8)
    cv2.circle(mask, np.rint((nose + 0.5) / SIDE * 256).astype(int).tolist(), 20, 255, -1)
    record |= {"seg_ie_polys": polys((1, ring)), "xseg_mask": compressed(mask)}
    deepfacelab.write(old, "00001_0.jpg", picture, record)
    bring_in(old)
    info = imported(old)["00001_0"]
    assert info.face_type is FaceType.WHOLE
    for source in ("label", "applied"):
        found = face_mask.mask_from(source, info, info.size)
        middle = np.argwhere(found > 0.5).mean(axis=0)[::-1]
        assert np.abs(middle - info.landmarks[30]).max() < 1.0


HOSTILE = {
    "seg_ie_polys": [
        5, "x", {"polys": 5}, {"polys": [5]}, {"polys": [{"type": 7, "pts": []}]}, [(1,)],
        polys((1, [(np.nan, 1)] * 3)), polys((1, [(1e30, 1)] * 3)), [(1, [("a", 2)] * 3)],
        [(1, [[1, 2, 3]] * 3)], {"polys": [{"type": 1, "pts": np.zeros((4, 3, 2), np.float32)}]},
        polys(*[(1, FACE)] * 201),
    ],
    "xseg_mask": [
        5, "text", b"", b"no image", np.zeros(5), np.frombuffer(b"\x89PNG\r\n\x1a\n" * 9, np.uint8),
        compressed(np.zeros((20, 30), np.uint8)), compressed(disc(64))[:-20],
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in HOSTILE.items() for value in values]
)
def test_a_bad_mask_costs_a_sentence_and_the_face_comes_in(old, key, value):
    picture, record = deepfacelab.make_later_face("full_face")
    deepfacelab.write(old, "00001_0.png", picture, {**record, key: value})
    report = bring_in(old)
    assert report.counts == {"faces imported": 1}
    (sentence,) = report.failures
    assert '"00001_0.png" w' in sentence
    assert "not taken over" in sentence
    assert "\n" not in sentence
    info = imported(old)["00001_0"]
    assert (info.mask_label, info.mask) == (None, None)


@pytest.mark.parametrize("value", [None, [], {"polys": []}, polys((1, [])), polys((0, FACE[:2]))])
def test_nothing_drawn_is_no_label(old, value):
    picture, record = deepfacelab.make_later_face("full_face", seg_ie_polys=value)
    deepfacelab.write(old, "00001_0.png", picture, record)
    assert not bring_in(old).failures
    assert imported(old)["00001_0"].mask_label is None


def test_very_many_points_are_reduced(old):
    turn = np.linspace(0, 2 * np.pi, 40_000)
    ring = 96 + 60 * np.stack([np.sin(turn), np.cos(turn)], axis=1)
    picture, record = deepfacelab.make_later_face("full_face", seg_ie_polys=polys((1, ring)))
    deepfacelab.write(old, "00001_0.png", picture, record)
    report = bring_in(old)
    assert report.notes["outlines of more than 10,000 points, simplified"] == ["00001_0.png"]
    assert report.status is ExitStatus.DONE
    drawn = face_mask.face_mask(imported(old)["00001_0"], SIDE)
    assert np.abs(drawn - disc(radius=60 / SIDE) / 255).mean() < 0.01


# -------------------------------------------------------------------------------- packed facesets


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """{name: bytes} of three faces, one with a label."""
    found, folder = {}, tmp_path_factory.mktemp("made")
    for number in range(3):
        more = {"seg_ie_polys": polys((1, FACE))} if number == 1 else {}
        picture, record = deepfacelab.make_later_face(
            "full_face", source_filename=f"{number:05d}.png", **more
        )
        path = deepfacelab.write(folder, f"{number:05d}_0.jpg", picture, record)
        found[path.name] = path.read_bytes()
    return found


@pytest.mark.parametrize("given", ["folder", "file"])
def test_a_packed_faceset_comes_in_like_its_files(old, files, given, tmp_path):
    (tmp_path / "made").mkdir()
    for name, data in files.items():
        (tmp_path / "made" / name).write_bytes(data)
    bring_in(tmp_path / "made", output_dir=tmp_path / "apart")
    pack = deepfacelab.pack(old / dfl_pack.NAME, files)
    report = bring_in(old if given == "folder" else pack)
    assert report.counts == {"faces imported": 3, "labels of masks": 1}
    assert not report.failures
    for path in (tmp_path / "apart").glob("*.png"):
        other = old.with_name("aligned_imported") / path.name
        one, two = (cv2.imread(str(each)) for each in (path, other))
        np.testing.assert_array_equal(one, two)
        np.testing.assert_array_equal(read_info(path).matrix, read_info(other).matrix)
    assert bring_in(old).counts == {"faces imported": 0, "faces there already": 3}


def test_files_beside_a_packed_faceset_come_in_too(old, files):
    deepfacelab.pack(old / dfl_pack.NAME, files)
    picture, record = deepfacelab.make_later_face("full_face", source_filename="00009.png")
    deepfacelab.write(old, "00009_0.jpg", picture, record)
    report = bring_in(old)
    assert report.counts["faces imported"] == 4
    assert "other files" not in report.notes


def test_people_of_a_faceset_are_kept_apart(old, files):
    name, data = next(iter(files.items()))
    records = [{"filename": name, "person_name": person} for person in ("Ann", "Bob ü")]
    deepfacelab.pack(old / dfl_pack.NAME, {"a": data, "b": data}, records)
    assert not bring_in(old).failures
    assert set(imported(old)) == {"Ann_00000_0", "Bob ü_00000_0"}


@pytest.mark.parametrize("name", ["../../evil.jpg", "C:\\evil.jpg", "..", "", "x.exe", "a\nb.jpg"])
def test_a_name_in_a_packed_faceset_leads_nowhere(old, files, name, tmp_path):
    _, *rest = files
    records = [{"filename": each} for each in (name, *rest)]
    deepfacelab.pack(old / dfl_pack.NAME, files, records)
    before = set(tmp_path.rglob("*"))
    report = bring_in(old)
    made = {path.name for path in set(tmp_path.rglob("*")) - before if path.is_file()}
    assert made - {"evil.png"} == {"00001_0.png", "00002_0.png"}
    assert set(imported(old)) - {"evil"} == {"00001_0", "00002_0"}
    assert report.counts["faces imported"] + len(report.failures) == 3


class Runs:
    def __reduce__(self):
        return os.system, ("touch /tmp/it_ran",)


BROKEN = {
    "of another version": ({"version": 2}, "no packed faceset that is known"),
    "no list": ({"data": pickle.dumps({"a": 1})}, "truncated or damaged"),
    "no records": ({"data": pickle.dumps([1, 2])}, "truncated or damaged"),
    "a nameless one": ({"data": pickle.dumps([{"filename": 5}])}, "truncated or damaged"),
    "a program": ({"data": pickle.dumps([Runs()])}, "asks for '(posix|nt).system'"),
    "more than there is": ({"length": 1 << 40}, "truncated or damaged"),
    "an enumeration": ({"data": pickle.dumps([{"x": Runs}])}, "asks for"),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_hostile_packed_faceset_is_one_sentence(old, files, kind):
    changes, reason = BROKEN[kind]
    pack = deepfacelab.pack(old / dfl_pack.NAME, files, **changes)
    with pytest.raises(InputError, match=reason) as refusal:
        bring_in(pack)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("keep", [0, 7, 15, 16, 100])
def test_a_packed_faceset_that_ends_in_its_list_is_one_sentence(old, files, keep):
    pack = deepfacelab.pack(old / dfl_pack.NAME, files)
    pack.write_bytes(pack.read_bytes()[:keep])
    with pytest.raises(InputError, match="truncated or damaged"):
        bring_in(old)


@pytest.mark.parametrize("whole", [1, 2])
def test_a_packed_faceset_that_ends_in_a_face_gives_those_before(old, files, whole):
    pack = deepfacelab.pack(old / dfl_pack.NAME, files)
    lost = sum(map(len, list(files.values())[whole:]))
    pack.write_bytes(pack.read_bytes()[: 5000 - lost])
    report = bring_in(old)
    assert report.counts["faces imported"] == whole
    assert len(report.failures) == 3 - whole


def test_places_outside_of_the_file_cost_only_their_face(old, files):
    pack = deepfacelab.pack(old / dfl_pack.NAME, files)
    data = bytearray(pack.read_bytes())
    table = len(data) - sum(map(len, files.values())) - 8 * 4
    struct.pack_into("<Q", data, table + 8, 2**64 - 1)
    pack.write_bytes(data)
    report = bring_in(old)
    assert report.counts["faces imported"] == 1
    assert [f"0000{n}_0.jpg" in sentence for n, sentence in enumerate(report.failures)] == [
        True, True,
    ]  # fmt: skip


@pytest.mark.parametrize("empty", [b"]", b"}", b"(", b"h\x00)R"], ids=str)
def test_what_is_empty_takes_memory_too(empty):
    many = b"cnumpy.core.multiarray\n_reconstruct\nq\x000" + b"(" + empty * 5000 + b"l."
    limits = dfl_pickle.Limits(longest=200_000, steps=1 << 20)
    with pytest.raises(InputError, match="more work than"):
        dfl_pickle.read(b"\x80\x02" + many, "x", limits)


def test_a_small_packed_faceset_cannot_ask_for_much_memory(old, files):
    """Each copy of a text of a megabyte costs six bytes in the pickle."""
    text = b"X" + struct.pack("<I", 1 << 20) + b"x" * (1 << 20) + b"q\x00"
    copies = b"(" + b"c_codecs\nencode\nh\x00X\x07\x00\x00\x00latin-1\x86R" * 1000 + b"l."
    pack = deepfacelab.pack(old / dfl_pack.NAME, files, data=b"\x80\x02" + text + b"0" + copies)
    tracemalloc.start()
    with pytest.raises(InputError, match="more work than"):
        dfl_pack.faces_in(pack)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()

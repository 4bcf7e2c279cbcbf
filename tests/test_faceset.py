"""Face files: round trips, and every way in which a file from a stranger may be wrong."""

import io
import json
import os
import struct
import tracemalloc
import zlib
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from support import synthetic

from facelib import faceset as fs
from facelib import geometry
from facelib.faceinfo import from_json, to_json
from facelib.faceset import (
    FaceInfo,
    Faceset,
    embed,
    extract_info,
    read_face,
    read_info,
    write_face,
)
from facelib.types import EXTRACTED, FaceType, Rect
from utils.errors import InputError
from utils.images import decode_image, encode_image, read_image

NAN, INFINITY = float("nan"), float("inf")
INFO = synthetic.make_info(synthetic.make_landmarks(20, 5, -10), 64)
PICTURE = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
PLAIN = encode_image(PICTURE)
FACE = embed(PLAIN, INFO)
RECORD = json.loads(to_json(INFO, "a face"))


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def with_payload(payload, crc=None):
    """A PNG whose face data is `payload`."""
    return PLAIN[:33] + chunk(b"fsMt", payload, crc) + PLAIN[33:]


def with_record(**changes):
    return with_payload(json.dumps(RECORD | changes).encode())


def same(one, other):
    for name in (
        "face_type",
        "size",
        "source_name",
        "source",
        "frame_index",
        "face_index",
        "detector",
        "landmarker",
    ):
        assert getattr(one, name) == getattr(other, name)
    assert one.time == (None if other.time is None else pytest.approx(float(other.time), abs=1e-6))
    assert (one.score, one.quality) == pytest.approx((other.score, other.quality), abs=1e-6)
    for name in ("landmarks", "source_landmarks"):
        got, put = getattr(one, name), getattr(other, name)
        assert got.dtype == np.float32
        np.testing.assert_allclose(got, put, rtol=1e-6, atol=6e-4)
    np.testing.assert_allclose(one.source_rect, other.source_rect, atol=6e-4)
    np.testing.assert_allclose(one.matrix, other.matrix, rtol=1e-9)


def test_face_file_keeps_picture_and_record(tmp_path):
    path = tmp_path / "Ünïcode ordner" / "a face_0.png"

    write_face(path, PICTURE, INFO)

    picture, info = read_face(path)
    np.testing.assert_array_equal(picture, PICTURE)
    same(info, INFO)
    same(read_info(path), INFO)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_irises_are_kept_in_both_images_for_little():
    iris = INFO.source_landmarks[[37, 44]] + np.float32(0.3)
    with_iris = embed(PLAIN, replace(INFO, source_iris=iris))
    found = extract_info(with_iris, "face.png")
    same(found, INFO)
    assert found.iris.dtype == found.source_iris.dtype == np.float32
    np.testing.assert_allclose(found.source_iris, iris, atol=6e-4)
    homogeneous = np.c_[iris, [1, 1]]
    np.testing.assert_allclose(found.iris, homogeneous @ INFO.matrix.T, atol=6e-4)
    assert len(with_iris) - len(FACE) < 100
    assert "iris" not in "".join(RECORD)
    assert extract_info(FACE, "face.png").iris is None
    assert extract_info(FACE, "face.png").source_iris is None


@pytest.mark.parametrize(
    "value",
    [[], [[1, 2]], [[1, 2], [3]], [[1, 2], [3, NAN]], [[1, 2], [3, 1e9]], "eyes", 5, [[1, 2], 3],
     [[1, 2], [3, True]], {"0": [1, 2]}, [[1, 2]] * 3],
)  # fmt: skip
def test_irises_that_are_none_are_refused(value):
    with pytest.raises(InputError, match=r"source_iris: expected 2 rows of 2 numbers"):
        extract_info(with_record(source_iris=value), "face.png")


def test_other_programs_see_an_ordinary_png(tmp_path):
    path = tmp_path / "face.png"
    write_face(path, PICTURE, INFO)

    np.testing.assert_array_equal(cv2.imread(str(path)), PICTURE)
    np.testing.assert_array_equal(decode_image(FACE, "face.png"), PICTURE)


def test_record_is_small_json_of_a_stated_version():
    data = to_json(INFO, "a face")

    assert json.loads(data)["version"] == 1
    assert len(data) < 4000
    assert (
        max(
            len(str(number).partition(".")[2])
            for row in json.loads(data)["landmarks"]
            for number in row
        )
        <= 3
    )


def test_embedding_again_replaces_the_record():
    other = synthetic.make_info(synthetic.make_landmarks(-20), 64, source_name="other.png")

    again = embed(FACE, other)

    same(extract_info(again, "face.png"), other)
    assert again.count(b"fsMt") == 1
    assert len(embed(again, INFO)) == len(FACE)


sides = st.floats(0, 5000, width=32)
finite = st.floats(-50_000, 50_000, width=32)
points = arrays(np.float32, (68, 2), elements=finite).filter(
    lambda rows: np.ptp(rows, axis=0).max() > 0.01
)
names = st.text(
    st.characters(exclude_characters="/\\:", exclude_categories=["Cc"]), min_size=1, max_size=60
).filter(lambda name: name not in {".", ".."})


def rect_of(left, top, width, height):
    return Rect(left, top, left + width, top + height)


def similarity(angle, zoom, right, down):
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    return np.array([[cos, -sin, right], [sin, cos, down]])


records = st.builds(
    FaceInfo,
    face_type=st.sampled_from(sorted(EXTRACTED, key=lambda kind: kind.value)),
    size=st.just(64),
    landmarks=points,
    source_landmarks=points,
    source_rect=st.builds(rect_of, finite, finite, sides, sides),
    source_name=names,
    source=names,
    frame_index=st.integers(0, 10**9),
    time=st.none() | st.floats(0, 1e6) | st.fractions(0, 10_000),
    face_index=st.integers(0, 999),
    detector=st.just("yunet"),
    landmarker=st.just("mesh"),
    score=st.floats(0, 1),
    quality=st.floats(-50, 50),
    matrix=st.builds(similarity, st.floats(-4, 4), st.floats(0.002, 50), finite, finite),
)


@settings(max_examples=60, deadline=None)
@given(records)
def test_any_sane_record_survives(info):
    same(extract_info(embed(PLAIN, info), "face.png"), info)


def test_numpy_and_fraction_values_are_stored_as_numbers():
    info = replace(
        INFO, frame_index=np.int64(7), time=Fraction(1001, 30_000), score=np.float32(0.5)
    )

    got = extract_info(embed(PLAIN, info), "face.png")

    assert (got.frame_index, got.score) == (7, 0.5)
    assert got.time == pytest.approx(1001 / 30_000, abs=1e-6)


def test_names_that_are_no_unicode_survive():
    """On Linux a file name is bytes; Python shows the undecodable ones as lone surrogates."""
    name = "caf\udce9.png"

    assert (
        extract_info(embed(PLAIN, replace(INFO, source_name=name)), "face.png").source_name == name
    )


POINTS = RECORD["landmarks"]
HOSTILE_VALUES = {
    "face_type": ["avatar", 1, None, ["full_face"], {}],
    "size": [-5, 0, 64.0, True, "64", 10**30, None],
    "landmarks": [
        None, [], [[1, 2]] * 67, [[1, 2]] * 69, [[1, 2]] * 68, [[1, 2, 3]] * 68, [1, 2] * 34,
        [["1", "2"]] * 68, [[True, False]] * 68, {"0": [1, 2]}, "x" * 136,
        *([[number, 1], *POINTS[1:]] for number in (NAN, INFINITY, 1e300, 10**400, None)),
    ],
    "source_landmarks": [[[1, None]] * 68, [[NAN, NAN]] * 68, 68],
    "source_rect": [[1, 2, 3], [5, 5, 1, 1], [1, 2, 3, "4"], [0, 0, NAN, 1], None],
    "source_name": [
        "", "..", "../../etc/passwd", "a\\b.png", "C:evil.png", "a\x00b", "n" * 300, 5, None,
    ],
    "source": ["line\nbreak", "n" * 300, None],
    "frame_index": [-1, 2**70, 1.5, "0", None],
    "time": ["0", NAN, 1e300, True],
    "face_index": [-1, False, 10**9],
    "detector": ["d" * 100, None],
    "landmarker": [[]],
    "score": [None, INFINITY],
    "quality": ["good", -1e30],
    "matrix": [
        None, [[1, 0, 0]], [[0, 0, 0], [0, 0, 0]], [[-1, 0, 0], [0, 1, 0]], [[1, 2, 0], [2, 4, 0]],
        [[1e200, 0, 0], [0, 1e200, 0]], [[NAN, 0, 0], [0, 1, 0]],
    ],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"), [(key, value) for key, values in HOSTILE_VALUES.items() for value in values]
)
def test_values_out_of_order_are_refused_by_name(key, value):
    with pytest.raises(InputError, match=rf'"face.png" is damaged \({key}: expected') as refusal:
        extract_info(with_record(**{key: value}), "face.png")
    assert len(str(refusal.value)) < 300


@pytest.mark.parametrize("key", [key for key in RECORD if key not in ("time", "smoothed")])
def test_missing_values_are_refused_by_name(key):
    record = {name: value for name, value in RECORD.items() if name != key}

    with pytest.raises(InputError, match=key):
        extract_info(with_payload(json.dumps(record).encode()), "face.png")


@pytest.mark.parametrize(
    "payload",
    [b"", b"null", b"[]", b"5", b"{", b'"text"', b"\xff\xfe{}", b"[" * 60_000, b'{"a":' * 10_000,
     b"9" * 60_000, b"\x80\x04\x95\x0b", b'{"version": 1}', b"NaN",
     b'{"version": 1' + b" " * 60_000],
)  # fmt: skip
def test_payload_that_is_no_record_is_refused(payload):
    with pytest.raises(InputError, match="damaged"):
        extract_info(with_payload(payload), "face.png")


@pytest.mark.parametrize("version", [0, -1, 1.0, True, "1", None, [1]])
def test_senseless_version_is_damage(version):
    with pytest.raises(InputError, match=r"damaged \(version"):
        extract_info(with_record(version=version), "face.png")


@pytest.mark.parametrize("version", [2, 10**100])
def test_newer_version_asks_for_an_update(version):
    with pytest.raises(InputError, match="update the program"):
        extract_info(with_record(version=version), "face.png")


def test_unknown_keys_of_the_same_version_are_ignored():
    same(extract_info(with_record(mood="cheerful"), "face.png"), INFO)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "not a PNG"),
        (b"\xff\xd8\xff\xe0 a JPEG", "not a PNG"),
        (FACE[:7], "not a PNG"),
        (FACE[:8], "truncated"),
        (FACE[:20], "truncated"),
        (FACE[:-1], "truncated"),
        (FACE[: len(FACE) // 2], "truncated"),
        (PLAIN, "holds no face data"),
        (FACE[:8] + FACE[33:], "truncated or damaged"),
        (FACE[:33] + FACE[8:33] + FACE[33:], "truncated or damaged"),
        (FACE[:33] + struct.pack(">I4s", 0xFFFFFFFF, b"fsMt") + FACE[33:], "truncated or damaged"),
        (FACE[:33] + struct.pack(">I4s", 0x7FFFFFFF, b"IDAT") + FACE[33:], "truncated or damaged"),
        (FACE[:33] + FACE[33:] + chunk(b"IEND", b""), None),
        (with_payload(to_json(INFO, ""), crc=1), "checksum"),
        (with_payload(b" " * (fs.MAX_PAYLOAD + 1)), "more face data than"),
        (FACE[:33] + chunk(b"fsMt", to_json(INFO, "")) + FACE[33:], "twice"),
        (FACE[:33] + chunk(b"teXt", b"") * 70_000 + FACE[33:], "truncated or damaged"),
        (
            PLAIN[:8]
            + chunk(b"IHDR", struct.pack(">II5B", 64, 64, 8, 2, 0, 0, 0), crc=3)
            + FACE[33:],
            "checksum",
        ),
        (
            PLAIN[:8] + chunk(b"IHDR", struct.pack(">II5B", 64, 63, 8, 2, 0, 0, 0)) + FACE[33:],
            "64x63 pixels",
        ),
        (
            PLAIN[:8]
            + chunk(b"IHDR", struct.pack(">II5B", 2**31, 2**31, 8, 2, 0, 0, 0))
            + FACE[33:],
            "pixels",
        ),
        (PLAIN[:8] + chunk(b"IHDR", b"") + FACE[33:], "pixels"),
    ],
)
def test_broken_files_are_refused_with_the_reason(tmp_path, data, reason):
    path = tmp_path / "face.png"
    path.write_bytes(data)
    if reason is None:
        return same(read_info(path), INFO)

    for read in (read_info, read_face):
        with pytest.raises(InputError, match=reason) as refusal:
            read(path)
        assert "face.png" in str(refusal.value)
        assert "Traceback" not in str(refusal.value)


def test_picture_that_was_scaled_no_longer_fits_its_record():
    smaller = encode_image(cv2.resize(PICTURE, (32, 32)))

    with pytest.raises(InputError, match="32x32 pixels, but its face data is for 64"):
        extract_info(smaller[:33] + chunk(b"fsMt", to_json(INFO, "")) + smaller[33:], "face.png")
    with pytest.raises(InputError, match="32x32"):
        embed(smaller, INFO)


def test_whole_frames_may_have_any_shape():
    wide = encode_image(np.zeros((40, 100, 3), np.uint8))
    info = synthetic.make_info(synthetic.make_landmarks(), 100, FaceType.MARK_ONLY)

    assert extract_info(embed(wide, info), "frame.png").size == 100


def test_damaged_pixels_are_noticed(tmp_path):
    path = tmp_path / "face.png"
    for position in range(len(FACE) - 3000, len(FACE) - 20, 97):
        path.write_bytes(FACE[:position] + bytes([FACE[position] ^ 4]) + FACE[position + 1 :])
        with pytest.raises(InputError, match="checksum"):
            read_face(path)


def test_what_cannot_be_opened_is_refused(tmp_path):
    (tmp_path / "folder.png").mkdir()
    names = ["missing.png", "folder.png"]
    if hasattr(os, "mkfifo"):  # not on Windows
        os.mkfifo(tmp_path / "pipe.png")
        names.append("pipe.png")

    for name in names:
        for read in (read_info, read_face):
            with pytest.raises(InputError, match=name):
                read(tmp_path / name)


def test_record_that_could_not_be_read_back_is_not_written(tmp_path):
    landmarks = INFO.landmarks.copy()
    landmarks[3, 0] = np.nan
    for changes in (
        {"landmarks": landmarks},
        {"source_name": "a/b.png"},
        {"matrix": np.zeros((2, 3))},
        {"size": 65},
    ):
        with pytest.raises(InputError):
            write_face(tmp_path / "face.png", PICTURE, replace(INFO, **changes))
    assert list(tmp_path.iterdir()) == []


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_random_damage_never_causes_more_than_an_input_error(data):
    damaged = bytearray(FACE)
    # mostly in the head and the record; half of the time with the checksum made right again
    places = st.integers(0, min(len(FACE), 4000) - 1) | st.integers(0, len(FACE) - 1)
    for place in data.draw(st.lists(places, min_size=1, max_size=8)):
        damaged[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        damaged = with_payload(bytes(damaged[41 : 41 + int.from_bytes(FACE[33:37])]))
    try:
        info = extract_info(bytes(damaged), "face.png")
    except InputError as refusal:
        assert "face.png" in str(refusal)  # noqa: PT017
    else:
        assert info.landmarks.shape == (68, 2)
        assert np.isfinite(info.landmarks).all()


@settings(max_examples=100, deadline=None)
@given(st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.sampled_from(list(RECORD)), inner, max_size=8),
    max_leaves=30,
))  # fmt: skip
def test_any_json_gives_a_record_or_an_input_error(value):
    record = RECORD | value if isinstance(value, dict) else value
    try:
        from_json(json.dumps(record).encode(), "face.png")
    except InputError as refusal:
        assert "face.png" in str(refusal)  # noqa: PT017


def test_reading_a_record_reads_neither_pixels_nor_promises(tmp_path):
    big = np.random.default_rng(0).integers(0, 256, (1000, 1000, 3), dtype=np.uint8)
    path = tmp_path / "big.png"
    write_face(path, big, synthetic.make_info(synthetic.make_landmarks(), 1000))
    path.write_bytes(path.read_bytes() + b"\0" * 50_000_000)  # and a tail that no PNG needs

    tracemalloc.start()
    try:
        read_info(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 300_000

    counted = CountingFile(path.read_bytes())
    fs._read(counted, "big.png")
    assert counted.bytes_read < 20_000


class CountingFile(io.BytesIO):
    bytes_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.bytes_read += len(data)
        return data


def test_folder_is_read_in_natural_order_and_foreign_files_are_named(tmp_path):
    for name in ("f10_0.png", "f2_0.png", "f2_1.PNG"):
        write_face(tmp_path / name, PICTURE, INFO)
    (tmp_path / "f3_0.png").write_bytes(PLAIN)
    (tmp_path / "f4_0.png").write_bytes(FACE[:-30])
    (tmp_path / "photo.jpg").write_bytes(encode_image(PICTURE, ".jpg"))
    (tmp_path / "notes.txt").write_text("no picture")

    faces = Faceset.open(tmp_path)

    assert [path.name for path, _ in faces] == ["f2_0.png", "f2_1.PNG", "f10_0.png"]
    assert len(faces) == 3
    assert len(faces.skipped) == 3
    for name, line in zip(("f3_0.png", "f4_0.png", "photo.jpg"), faces.skipped, strict=True):
        assert name in line
    assert [path.name for path, _ in faces[1:]] == ["f2_1.PNG", "f10_0.png"]


def test_folder_without_a_face_is_refused(tmp_path):
    with pytest.raises(InputError, match="there is no folder"):
        Faceset.open(tmp_path / "missing")
    with pytest.raises(InputError, match="holds no image"):
        Faceset.open(tmp_path)
    (tmp_path / "photo.png").write_bytes(PLAIN)
    with pytest.raises(InputError, match=r"holds no face.*photo.png"):
        Faceset.open(tmp_path)


def test_faces_are_found_by_their_frame(tmp_path):
    for frame, face in ((7, 1), (7, 0), (3, 0)):
        info = replace(INFO, source_name=f"{frame:05d}.jpg", face_index=face)
        write_face(tmp_path / f"sorted_{frame * 10 - face}.png", PICTURE, info)

    frames = Faceset.open(tmp_path).by_frame()

    assert set(frames) == {"00003", "00007"}
    assert [info.face_index for info in frames["00007"]] == [0, 1]


def test_a_thousand_faces_open_without_their_pixels(tmp_path):
    for index in range(1000):
        (tmp_path / f"{index}_0.png").write_bytes(FACE)

    faces = Faceset.open(tmp_path)

    assert len(faces) == 1000
    assert faces[999][0].name == "999_0.png"


def test_synthetic_faces_are_where_their_records_say(faceset):
    for path, info in faceset:
        assert read_image(path).shape == (128, 128, 3)
        np.testing.assert_allclose(
            geometry.apply(info.matrix, info.source_landmarks), info.landmarks, atol=0.01
        )


def test_of_copies_the_first_stays(tmp_path):
    """A copied file is left out; another face of the frame and other frames are not."""
    beside = replace(INFO, source_landmarks=INFO.source_landmarks + np.float32(200), face_index=1)
    infos = {"a.png": INFO, "b.png": INFO, "c.png": beside}
    infos["d.png"] = replace(INFO, source_name="other.png")
    both = Faceset(tmp_path, [(tmp_path / name, info) for name, info in infos.items()])
    faces, copies = both.without_copies()
    assert [path.name for path, _ in faces] == ["a.png", "c.png", "d.png"]
    assert copies == ['"b.png" shows the same face of a frame as "a.png"']

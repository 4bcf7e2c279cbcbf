"""DeepFaceLab faces are imported in full; what hides in their pickles never runs."""

import os
import pickle
import pickletools
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import deepfacelab

from facelib import geometry
from facelib.faceset import Faceset, read_face
from facelib.types import FaceType
from tools.util import dfl_pickle
from tools.util.import_dfl import run
from tools.util.options import ImportOptions
from utils.errors import ExitStatus, InputError

ROOT = Path(__file__).parent.parent


@pytest.fixture
def old(tmp_path):
    """A DeepFaceLab folder data_dst/aligned, still empty."""
    folder = tmp_path / "work ü" / "data_dst" / "aligned"
    folder.mkdir(parents=True)
    return folder


def bring_in(folder, **options):
    return run(ImportOptions(input_dir=folder, **options))


# ---------------------------------------------------------------------------------- what comes in


@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_a_face_comes_in_with_its_pixels_and_its_place(suffix, old):
    image, record = deepfacelab.make_face(seed=7)
    path = deepfacelab.write(old, f"00007_0{suffix}", image, record)
    report = bring_in(old)
    assert report.status is ExitStatus.DONE
    assert report.counts == {"faces imported": 1}
    stored, info = read_face(old.with_name("aligned_imported") / "00007_0.png")
    np.testing.assert_array_equal(stored, cv2.imdecode(np.fromfile(path, np.uint8), 1))
    assert (info.face_type, info.size, info.source) == (FaceType.FULL, 256, "data_dst")
    assert (info.source_name, info.frame_index, info.face_index) == ("00007.png", 7, 0)
    np.testing.assert_array_equal(info.source_landmarks, record["source_landmarks"])
    assert np.abs(info.landmarks - record["landmarks"]).max() <= 0.51, "only their rounding is off"
    assert tuple(info.source_rect) == record["source_rect"]
    expected = deepfacelab.matrix_of(record["source_landmarks"], 256, 48)
    np.testing.assert_allclose(info.matrix, expected, atol=1e-6)


@pytest.mark.parametrize("protocol", range(6))
def test_every_protocol_is_read(protocol):
    _, record = deepfacelab.make_face()
    record |= {
        "array": np.arange(6, dtype=">i2").reshape(2, 3), "bytes": b"\x00\xff", "big": 2**70,
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)), "none": None, "yes": True,
        "scalar": np.float32(0.5), "text": "ä漢", "float": 1e-300, "empty": ([], ()),
    }  # fmt: skip
    record["again"] = record["array"]
    data = pickle.dumps(record, protocol)
    for text in {data, data.replace(b"numpy._core", b"numpy.core") if protocol < 4 else data}:
        found = dfl_pickle.read(text, "x.png")
        assert found.keys() == record.keys()
        for key, value in record.items():
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(found[key], value, key)
            else:
                assert found[key] == value
        assert found["again"] is found["array"]


def test_a_later_version_s_own_matrix_is_used(old):
    image, record = deepfacelab.make_face()
    matrix = deepfacelab.matrix_of(record["source_landmarks"], 256, 48)
    matrix = matrix * 1.08 + [[0, 0, -9], [0, 0, -14]]  # another alignment than ours
    points = np.array(record["source_landmarks"])
    record["landmarks"] = (points @ matrix[:, :2].T + matrix[:, 2]).tolist()
    deepfacelab.write(old, "00000_0.png", image, {**record, "image_to_face_mat": matrix})
    deepfacelab.write(old, "00001_0.png", image, record)
    deepfacelab.write(old, "00002_0.png", image, {**record, "ie_polys": [(1, [(2, 3)])]})
    report = bring_in(old)
    assert report.notes == {"masks that were not taken over": ["00002_0.png"]}
    for _, info in Faceset.open(old.with_name("aligned_imported")):
        np.testing.assert_allclose(info.matrix, matrix, atol=1e-3)


def test_whole_frames_come_in(old):
    _, record = deepfacelab.make_face(face_type="mark_only")
    record["landmarks"] = record["source_landmarks"]
    frame = np.full((300, 320, 3), 90, np.uint8)
    deepfacelab.write(old, "00000_0.png", frame, record)
    bring_in(old)
    stored, info = read_face(old.with_name("aligned_imported") / "00000_0.png")
    assert stored.shape == frame.shape
    np.testing.assert_array_equal(info.matrix, np.eye(2, 3))


def test_faces_are_numbered_by_size_and_frames_by_their_number(old):
    small, large = deepfacelab.make_face(3, width=60), deepfacelab.make_face(3, width=140)
    deepfacelab.write(old, "a.png", *small)
    deepfacelab.write(old, "b.png", *large)
    deepfacelab.write(old, "c.jpg", *deepfacelab.make_face(12))
    bring_in(old)
    found = {path.stem: (info.frame_index, info.face_index)
             for path, info in Faceset.open(old.with_name("aligned_imported"))}  # fmt: skip
    assert found == {"a": (3, 1), "b": (3, 0), "c": (12, 0)}


def test_what_was_sorted_keeps_its_order_and_a_second_run_changes_nothing(old, tmp_path):
    for index in range(3):
        deepfacelab.write(old, f"{index:05d}.png", *deepfacelab.make_face(9 - index))
    target = tmp_path / "mine"
    bring_in(old, output_dir=target)
    before = {path.name: path.stat().st_mtime_ns for path in target.iterdir()}
    assert sorted(before) == ["00000.png", "00001.png", "00002.png"]
    names = [info.source_name for _, info in Faceset.open(target)]
    assert names == ["00009.png", "00008.png", "00007.png"]
    report = bring_in(old, output_dir=target)
    assert report.counts == {"faces imported": 0, "faces there already": 3}
    assert {path.name: path.stat().st_mtime_ns for path in target.iterdir()} == before


def test_a_name_from_elsewhere_leads_nowhere(old):
    image, record = deepfacelab.make_face(source_filename="..\\..\\C:\\x\\00005.png")
    deepfacelab.write(old, "0.png", image, record)
    bring_in(old)
    ((_, info),) = Faceset.open(old.with_name("aligned_imported"))
    assert info.source_name == "00005.png"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"face_type": "torso\x1b[2J\n"}, r"half_face.*Received: 'torso\\x1b\[2J\\n'$"),
        ({"face_type": np.arange(3)}, "face_type: one of half_face"),
        ({"face_type": ["half_face"]}, "face_type: one of half_face"),
        ({"face_type": None}, "face_type: one of half_face"),
        ({"landmarks": [[1, 2]] * 67}, "landmarks: 68 times 2"),
        ({"landmarks": [[1, 2, 3]] * 68}, "landmarks: 68 times 2"),
        ({"landmarks": [[1, "2"]] * 68}, "landmarks: 68 times 2"),
        ({"landmarks": None}, "landmarks: 68 times 2"),
        ({"landmarks": [[1, float("nan")]] * 68}, "landmarks: 68 times 2"),
        ({"landmarks": [[1, 10**30]] * 68}, "landmarks: 68 times 2"),
        ({"landmarks": [[1, 10**400]] * 68}, "integer of 1329 bits"),
        ({"landmarks": np.zeros((68, 2, 2))}, "landmarks: 68 times 2"),
        ({"landmarks": np.float64(3)}, "landmarks: 68 times 2"),
        ({"landmarks": np.array(3.0)}, "landmarks: 68 times 2"),
        ({"source_landmarks": [[5, 5]] * 68}, "lie in one point"),
        ({"source_rect": (1, 2, 3)}, "source_rect: 1 times 4"),
        ({"source_rect": (9, 2, 3, 4)}, "source_rect"),
        ({"source_filename": ["x"]}, "source_filename: text"),
        ({"source_filename": ".."}, "source_name"),
        ({"image_to_face_mat": "x"}, "image_to_face_mat: 2 times 3"),
    ],
)
def test_a_record_that_makes_no_sense_is_one_sentence(changes, reason, old):
    image, record = deepfacelab.make_face()
    deepfacelab.write(old, "bad.png", image, record | changes)
    deepfacelab.write(old, "good.png", image, record)
    report = bring_in(old)
    assert report.counts["faces imported"] == 1
    (sentence,) = report.failures
    assert "bad.png" in sentence
    assert re.search(reason, sentence), sentence


def test_a_picture_that_was_scaled_is_refused(old):
    image, record = deepfacelab.make_face()
    deepfacelab.write(old, "0.png", cv2.resize(image, (512, 512)), record)
    assert "scaled or cropped" in bring_in(old).failures[0]


def test_pictures_without_a_record_are_named(old):
    image, record = deepfacelab.make_face()
    whole = deepfacelab.write(old, "a.png", image, record).read_bytes()
    jpeg = deepfacelab.write(old, "b.jpg", image, record).read_bytes()
    (old / "a.png").write_bytes(whole[: len(whole) - 500])
    (old / "b.jpg").write_bytes(jpeg[:300])
    (old / "c.png").write_bytes(cv2.imencode(".png", image)[1].tobytes())
    (old / "d.jpg").write_bytes(cv2.imencode(".jpg", image)[1].tobytes())
    (old / "e.jpg").write_bytes(b"\xff\xd8" + b"\xff\x00\x00\x00" * 9)
    (old / "f.png").write_bytes(b"")
    report = bring_in(old)
    assert report.counts["faces imported"] == 0
    assert len(report.failures) == 6
    for name, sentence in zip("abcdef", report.failures, strict=True):
        assert f'"{name}.' in sentence


# ------------------------------------------------------------------------------ what must not run


class Call:
    """Pickled, it becomes a call of a function when it is unpickled."""

    def __init__(self, function, *arguments):
        self._call = function, arguments

    def __reduce__(self):
        return self._call


def touch(path):
    return pickle.dumps({"face_type": Call(os.system, f'echo harm > "{path}"')}, 2)


HOSTILE = {
    "os.system": (touch, "posix.system"),
    "eval": (lambda path: pickle.dumps(Call(eval, f"open({str(path)!r}, 'w')")), "builtins.eval"),
    "named by letters": (lambda _: b"cbuiltins\nexec\n(V1\ntR.", "builtins.exec"),
    "made by INST": (lambda _: b"(V1\nios\nsystem\n.", "INST"),
    "made by OBJ": (lambda _: b"(cos\nsystem\nV1\no.", "os.system"),
    "made by NEWOBJ": (lambda _: b"cnumpy\nndarray\n)\x81.", "NEWOBJ"),
    "an outside reference": (lambda _: b"Pmine\n.", "PERSID"),
    "an extension code": (lambda _: b"\x82\x01.", "EXT1"),
    "a buffer from outside": (
        lambda _: pickle.dumps(pickle.PickleBuffer(b"x"), 5, buffer_callback=lambda _: None),
        "NEXT_BUFFER",
    ),
    "attributes by STACK_GLOBAL": (
        lambda _: b"\x80\x04\x8c\x05numpy\x8c\x14load.__globals__.get\x93.", "numpy.load"),
    "numpy's own files": (lambda _: b"cnumpy\nload\n(V/etc/passwd\ntR.", "numpy.load"),
    "an array of objects": (lambda _: pickle.dumps(np.array([{}, None]), 3), "'O8'"),
    "a table of fields": (lambda _: pickle.dumps(np.zeros(2, "i4,f8"), 3), "'V12'"),
    "a set": (lambda _: pickle.dumps({1, 2}, 2), "set"),
    "changing a dict": (lambda _: b"}(V__class__\nV1\ntb.", "changes a dict"),
    "a codec that unpacks": (
        lambda _: b"c_codecs\ndecode\n(Vx\nVzlib\ntR.", "_codecs.decode"),
}  # fmt: skip


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_no_data_is_refused_by_name_and_never_runs(kind, tmp_path):
    make, reason = HOSTILE[kind]
    witness = tmp_path / "harm"
    with pytest.raises(InputError, match=r"bad\.png") as refusal:
        dfl_pickle.read(make(witness), "bad.png")
    assert reason in str(refusal.value)
    assert not witness.exists()


def test_the_command_line_names_it_and_exits_with_1(old, tmp_path):
    image, record = deepfacelab.make_face()
    witness = tmp_path / "harm"
    payload = touch(witness)
    pickle.loads(payload)  # noqa: S301 - the trap must be shown to work
    assert witness.exists(), "the trap works"
    witness.unlink()
    (old / "00000_0.png").write_bytes(deepfacelab.png_with(image, payload))
    (old / "00001_0.jpg").write_bytes(deepfacelab.jpeg_with(image, payload))
    deepfacelab.write(old, "00002_0.png", image, record)
    result = subprocess.run(
        [sys.executable, "main.py", "util", "import-dfl", "--input-dir", old],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert result.returncode == 1
    assert "1 face imported" in result.stdout
    for name in ("00000_0.png", "00001_0.jpg"):
        assert f"\"{name}\" was refused: its metadata asks for 'posix.system'" in result.stdout
    assert not witness.exists()
    assert "Traceback" not in result.stderr


def laughs(start, end):
    """Thirty levels of ten references each: 10^30 items to anybody who walks through them."""
    data = b"\x80\x04N\x94"
    for level in range(30):
        data += start + b"h" + bytes([level]) + (b"h" + bytes([level])) * 9 + end + b"\x94"
    return data + b"."


SAME_HASH = 2**61 - 1
"""Python hashes integers modulo this."""
LONG_TEXT = b"X" + (7 << 20).to_bytes(4, "little") + b"a" * (7 << 20)
BOMBS = {
    "billion laughs in lists": lambda: laughs(b"](", b"e"),
    "billion laughs in tuples": lambda: laughs(b"(", b"t"),
    "a tuple of tuples as a key": lambda: laughs(b"(", b"t")[:-1] + b"}h\x1eK\x01s.",
    "a hundred thousand nested lists": lambda: b"]" * 100_000 + b"a" * 99_999 + b".",
    "a hundred thousand nested tuples": lambda: b")" + b"\x85" * 100_000 + b".",
    "a list within itself": lambda: b"]\x94h\x00a.",
    "two million marks": lambda: b"(" * 2_000_000 + b".",
    "two million numbers": lambda: b"(" + b"K\x01" * 2_000_000 + b"l.",
    "marks taken again and again": lambda: b"K\x01" * 400_000 + b"(0(1" * 200_000 + b".",
    "an array of a terabyte": lambda: pickle.dumps(np.zeros((7, 9), "u1"), 3).replace(
        b"K\x07K\t\x86", b"J\xff\xff\xff\x7fJ\xff\xff\xff\x7f\x86"),
    "an array of negative sides": lambda: pickle.dumps(np.zeros((7, 9), "u1"), 3).replace(
        b"K\x07K\t\x86", b"J\xf9\xff\xff\xffJ\xf7\xff\xff\xff\x86"),
    "text that claims gigabytes": lambda: b"\x80\x04\x8d" + (2**40).to_bytes(8, "little") + b"x.",
    "a long text encoded again and again": lambda: (
        b"\x80\x02c_codecs\nencode\nq\x00X" + (8 << 20).to_bytes(4, "little") + b"a" * (8 << 20)
        + b"q\x01X\x06\x00\x00\x00latin1q\x02" + b"h\x00h\x01h\x02\x86R" * 10_000 + b"."),
    "a number of a million digits": lambda: b"I" + b"9" * 1_000_000 + b"\n.",
    "a number of millions of bits as a key": lambda: (
        b"\x80\x02" + long_number(1 << (15 << 23)) + b"q\x00}" + b"h\x00Ns" * 40_000 + b"."),
    "a number of millions of bits as text": lambda: b"L" + b"9" * 4_000 + b"L\n.",
    "keys of one hash": lambda: (
        b"}(" + b"".join(long_number(SAME_HASH * i) + b"N" for i in range(1, 60_000)) + b"u."),
    "places of one hash": lambda: (
        b"N" + b"".join(b"p%d\n" % (SAME_HASH * i) for i in range(120_000)) + b"."),
    "long keys compared again and again": lambda: (
        b"\x80\x04}" + LONG_TEXT + b"\x94Ns" + LONG_TEXT + b"\x94Ns(" + b"h\x01N" * 60_000 + b"u."),
    "seventeen million bytes": lambda: b"B" + (17 << 20).to_bytes(4, "little") + bytes(17 << 20),
    "many arrays of one text": lambda: _arrays(),
}  # fmt: skip


def long_number(value):
    size = value.bit_length() // 8 + 1
    return b"\x8b" + size.to_bytes(4, "little") + value.to_bytes(size, "little")


def _arrays():
    head = b"\x80\x03cnumpy.core.multiarray\n_reconstruct\nq\x00cnumpy\nndarray\nq\x01"
    kind = b"cnumpy\ndtype\nX\x02\x00\x00\x00u1K\x00K\x01\x87Rq\x02(K\x03X\x01\x00\x00\x00|NNNJ"
    kind += b"\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    size = 8 << 20
    data = b"B" + size.to_bytes(4, "little") + bytes(size) + b"q\x03"
    one = (
        b"h\x00h\x01K\x00\x85C\x01b\x87R(K\x01J"
        + size.to_bytes(4, "little")
        + b"\x85h\x02\x89h\x03tb"
    )
    return head + kind + data + one * 10_000 + b"."


READER = """
import sys
from pathlib import Path
from tools.util import dfl_face, dfl_pickle
from utils.errors import InputError

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10

before = peak()
for path in map(Path, sys.argv[1:]):
    try:
        record = dfl_pickle.read(path.read_bytes(), path.name)
        dfl_face._face({"source_rect": (1, 2, 3, 4), "landmarks": record}, path.name)
    except InputError as problem:
        print(problem)
print(peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_bombs_cost_neither_memory_nor_time(tmp_path):
    paths = [tmp_path / f"bomb {number}.png" for number in range(len(BOMBS))]
    for path, make in zip(paths, BOMBS.values(), strict=True):
        path.write_bytes(make())
    result = subprocess.run(
        [sys.executable, "-c", READER, *paths], cwd=ROOT, capture_output=True, text=True,
        timeout=120,
    )  # fmt: skip
    assert result.returncode == 0, result.stderr[-500:]
    *sentences, megabytes = result.stdout.splitlines()
    for path, sentence in zip(paths, sentences, strict=True):
        assert f'"{path.name}"' in sentence
    assert int(megabytes) < 300


# of text that escapes nothing sensible, which the disassembler decodes
@pytest.mark.filterwarnings("ignore:invalid escape:DeprecationWarning")
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_random_damage_never_causes_more_than_an_input_error(data):
    payload = bytearray(pickle.dumps(dfl_record(), data.draw(st.sampled_from([0, 2, 3, 4, 5]))))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(payload) - 1))
        if data.draw(st.booleans()):
            payload[place] = data.draw(st.integers(0, 255))
        else:
            del payload[place : place + data.draw(st.integers(1, 40))]
        if not payload:
            break
    with suppress(InputError):
        dfl_pickle.read(bytes(payload), "x.png")


def dfl_record():
    points = np.arange(136).reshape(68, 2)
    return {"landmarks": points.tolist(), "array": points, "scalar": np.float64(2), "text": "x"}


def test_every_instruction_there_is_was_thought_of():
    """Python gains instructions now and then: an unknown one must be refused, not passed over."""
    harmless = dfl_pickle.LITERALS | dfl_pickle.CONSTANTS.keys() | dfl_pickle.IGNORED | {"GLOBAL"}
    machine = dfl_pickle._Machine(dfl_pickle.FACE)
    refused = {
        each.name for each in pickletools.opcodes
        if each.name not in harmless and not hasattr(machine, f"_{each.name.lower()}")
    }  # fmt: skip
    assert refused == {
        "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4",
        "NEXT_BUFFER", "READONLY_BUFFER", "EMPTY_SET", "FROZENSET", "ADDITEMS",
    }  # fmt: skip


def test_the_geometry_is_deepfacelabs():
    _, record = deepfacelab.make_face()
    ours = geometry.crop_matrix(np.array(record["source_landmarks"]), 256, FaceType.FULL)
    theirs = deepfacelab.matrix_of(record["source_landmarks"], 256, 48)
    np.testing.assert_allclose(ours, theirs, atol=1e-9)

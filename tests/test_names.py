"""Names of files: all that is text is good, and what cannot be a name costs one item."""

import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
from support.conversion import INVERT, options, write_footage
from support.synthetic import make_faceset

from converters import convert
from extractor import extract
from extractor.frames import SampledSource
from extractor.in_flight import InFlight
from extractor.options import ExtractOptions
from facelib.faceset import Faceset, write_face
from sorter.options import SortOptions
from sorter.sort import run as sort
from tools.util import pack
from tools.util.options import UnpackOptions
from utils.errors import InputError
from utils.files import Manifest, free_name, write_atomic
from utils.video.io import open_source

# other systems hold other names
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="names as on Linux")

GOOD = {
    "a screenshot of macOS": "Screenshot 2026-11-29 at 9.41.07\u202fAM.png",
    "ideographic space": "写真\u30001.png",
    "non-joiner in Persian": "عکس\u200cمن.png",
    "soft hyphen": "Donau\u00addampfer.png",
    "joined emoji": "👩\u200d🚀.png",
    "no-break space": "n\u00a0b.png",
    "right-to-left mark": "\u200fא.png",
    "private use": "\uf8ff.png",
    "newer than this Python": "\U000e0100\U0001fadf.png",
    "combining": "e\u0301.png",
    "quotes and brackets": 'it\'s "a" <b> [c] {d} %e% $f.png',
}
BAD = {
    "line feed": "a\nb.png",
    "escape": "\x1b[2Ja.png",
    "C1 control": "a\x9bb.png",
    "delete": "a\x7f.png",
    "line separator": "a\u2028b.png",
    "paragraph separator": "a\u2029b.png",
    "not UTF-8": "a\udcff.png",
    "folder of Windows": "a\\b.png",
    "drive": "C:a.png",
}
LONG = "l" * 250 + ".png"  # 254 bytes, and a face file is called ..._0.png


@pytest.mark.parametrize("name", [pytest.param(name, id=kind) for kind, name in GOOD.items()])
def test_text_is_a_good_name_for_a_frame(name, tmp_path):
    assert pending([name], tmp_path) == ([name], [])


@pytest.mark.parametrize("name", [pytest.param(name, id=kind) for kind, name in BAD.items()])
def test_a_name_that_is_no_text_costs_its_frame(name, tmp_path):
    names, failures = pending([name, "good.png"], tmp_path)
    assert names == ["good.png"]
    (failure,) = failures
    assert "was skipped: its name has" in failure
    assert failure.isascii()
    assert failure.isprintable()


def pending(names, folder):
    """The names of the frames that extract would search, and what it says about the others."""
    for name in names:
        (folder / name).write_bytes(b"")
    failures = []
    footage = SampledSource(open_source(folder))
    frames = [each.name for each in footage.pending({}, failures, InFlight())]
    return frames, failures


def test_extract_and_sort_take_good_names_and_a_long_one_costs_one_face(astronaut, tmp_path):
    frames, out = tmp_path / "frames", tmp_path / "aligned"
    frames.mkdir()
    picture = cv2.imencode(".png", astronaut[:256, 100:356])[1].tobytes()
    good = [GOOD["a screenshot of macOS"], GOOD["non-joiner in Persian"]]
    for name in [LONG, *good]:
        (frames / name).write_bytes(picture)
    report = extract.run(ExtractOptions(input_dir=frames, output_dir=out, debug=True))
    assert report.counts["faces"] == 2
    assert sorted(info.source_name for _, info in Faceset.open(out)) == sorted(good)
    (failure,) = report.failures
    assert LONG in failure
    assert "cannot hold" in failure

    sort(SortOptions(input_dir=out, by="brightness"))
    sort(SortOptions(input_dir=out, by="origname"))
    expected = sorted(f"{Path(name).stem}_0.png" for name in good)
    assert sorted(path.name for path in out.glob("*.png")) == expected


def test_convert_tells_of_a_long_name_and_converts_the_rest(tmp_path):
    write_footage(tmp_path, count=2)
    (tmp_path / "frames" / "000001.png").rename(tmp_path / "frames" / LONG)
    (path, info) = Faceset.open(tmp_path / "aligned")[1]
    write_face(path, cv2.imread(str(path)), replace(info, source_name=LONG))
    report = convert.run(options(tmp_path, debug=True), INVERT)
    assert report.counts["converted faces"] == 2
    assert {path.name for path in (tmp_path / "result").glob("*.png")} == {"000000.png", LONG}
    (failure,) = report.failures
    assert "cannot hold" in failure
    assert len(list((tmp_path / "result_debug").glob("000000_0_*.png"))) == 8


def test_unpack_takes_good_names_and_a_long_one_costs_one_face(tmp_path):
    make_faceset(tmp_path / "faces", 1)
    (face,) = (tmp_path / "faces").glob("*.png")
    too_long = "é" * 130 + ".png"
    names = [*GOOD.values(), too_long, "last.png"]
    with zipfile.ZipFile(tmp_path / "f.zip", "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), face.read_bytes())
    report = pack.unpack(UnpackOptions(input=tmp_path / "f.zip"))
    assert report.counts == {"faces unpacked": len(names) - 1}
    assert {path.name for path in (tmp_path / "f").iterdir()} == set(names) - {too_long}
    (failure,) = report.failures
    assert too_long in failure


def test_a_journal_keeps_names_with_separators_of_lines(tmp_path):
    names = [*GOOD.values(), *BAD.values()]
    with Manifest(tmp_path / "journal", {"run": 1}) as journal:
        for name in names:
            journal.add(name.replace("\udcff", "?"))
    again = Manifest(tmp_path / "journal", {"run": 1})
    assert again.continues
    assert list(again.done) == [name.replace("\udcff", "?") for name in names]


def test_a_suffix_that_is_too_long_is_one_sentence(tmp_path):
    with (
        pytest.raises(InputError, match="cannot hold a file"),
        write_atomic(tmp_path / f"a.{'x' * 250}"),
    ):
        pytest.fail("there is no such file")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("stem", ["n" * 251, "ü" * 125, "日" * 83, "👩" * 62 + "abc"],
                         ids=["1 byte", "2 bytes", "3 bytes", "4 bytes"])  # fmt: skip
def test_a_free_name_beside_the_longest_one_is_not_too_long(stem, tmp_path):
    assert len(stem.encode()) + len(".png") in range(253, 256)
    for _ in range(3):
        path = free_name(tmp_path / f"{stem}.png")
        path.write_bytes(b"x")  # the file system takes it
    assert len(list(tmp_path.iterdir())) == 3


def test_sort_makes_room_in_the_trash_for_the_longest_names(tmp_path):
    faces, trash = tmp_path / "faces", tmp_path / "faces_trash"
    make_faceset(faces, 3)
    names = [f"{'n' * 250}{number}.png" for number in range(3)]
    trash.mkdir()
    for path, name in zip(sorted(faces.glob("*.png")), names, strict=True):
        path.rename(faces / name)
        (trash / name).write_bytes(b"earlier")
    report = sort(SortOptions(input_dir=faces, by="final", target=1))
    assert not report.failures
    assert len(list(faces.glob("*.png"))) == 1
    assert len(list(trash.glob("*.png"))) == 5

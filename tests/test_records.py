"""Damaged records, journals, caches, archives and generations: one sentence, or done again.

What must come out is known from undamaged runs, NumPy, zipfile and PyAV; what is damaged is made
here.
"""

import json
import re
import shutil
import zipfile
from fractions import Fraction

import numpy as np
import pytest
from support.clips import make_clip, times_of
from support.conversion import INVERT, StopsAt, make_predictor, options, write_footage
from support.sorting import names_by, sort
from support.synthetic import make_faceset

from converters import convert
from converters.interactive import session_file
from converters.look import load_look
from converters.output import video
from converters.output.journal import Journal, RunIdentity
from extractor import journal
from facelib import held_out
from models import checkpoint
from sorter import rename
from tools.evaluate import run_log
from tools.util import pack
from tools.util.options import PackOptions, UnpackOptions
from tools.video import extract
from tools.video.options import ExtractFramesOptions
from trainer.options import saved_options
from utils import records
from utils.errors import InputError, UserError
from utils.provenance.sidecar import read_sidecar, sidecar_of
from utils.video import timecode
from utils.video.io import open_source
from utils.video.timestamps import Timestamps

NESTED = [b"[" * 100_000, b'{"a":' * 100_000, b'{"header": ' + b"[" * 100_000]


def read_extract_journal(path):
    with journal.opened(path.parent, {"source": "x"}, path, overwrite=False) as manifest:
        assert journal.frames_of(manifest) == []


def read_convert_journal(path):
    assert not Journal(path.parent, RunIdentity({"version": 1})).continues


def read_conversion_log(path):
    assert list(run_log._records(path)) == []


READERS = {
    "record.json": lambda path: records.read_record(path, "session", 1),
    "x_convert.json": load_look,
    "x.session.json": lambda path: session_file.load(path, "frames", lambda name: 0),
    "timestamps.json": Timestamps.read,
    held_out.FILE: lambda path: held_out.of_model(path.parent),
    ".sort/plan.json": lambda path: rename.finish_interrupted(path.parents[1]),
    "x_log.jsonl": read_conversion_log,
    journal.JOURNAL: read_extract_journal,
    video.JOURNAL: read_convert_journal,
}


@pytest.mark.parametrize("content", NESTED, ids=["lists", "objects", "a header"])
@pytest.mark.parametrize("name", READERS)
def test_what_is_nested_too_deeply_is_damaged_and_no_defect(tmp_path, name, content):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    if path.name.endswith(".jsonl"):  # damaged lines are passed over
        READERS[name](path)
    else:
        with pytest.raises(UserError, match=re.escape(path.name)):
            READERS[name](path)


def test_a_sidecar_that_is_nested_too_deeply_is_damaged(tmp_path):
    (tmp_path / "x.mkv").write_bytes(b"")
    for depth in (400, 900, 100_000):
        facts = '{"certificates": "", "signature": "", "a": ' + "[" * depth + "]" * depth + "}"
        sidecar_of(tmp_path / "x.mkv").write_text(facts)
        assert not read_sidecar(tmp_path / "x.mkv").intact


def test_exact_numbers_are_read_and_endless_ones_are_not():
    for value in ("1001/30000", "-3", 0, "0.04", 1.5):
        assert records.fraction(value) == Fraction(str(value))
    for value in ("1e999999999", "9" * 100, "1/0", None, True, [], "", float("nan")):
        assert not records.holds(records.fraction, value)


@pytest.mark.parametrize("text", ["9" * 5000, "9" * 5000 + "s", "1:" + "0" * 50])
def test_an_endless_time_is_no_time(text):
    with pytest.raises(UserError, match="--from: Expected a frame number"):
        timecode.position(text, "--from")


# ----------------------------------------------------------------------------------------- journals


def change_line(path, start, change):
    """Change the line of a journal that holds this text; `change` gets its record."""
    lines = path.read_text().splitlines()
    [number] = [n for n, line in enumerate(lines) if f'"item": "{start}"' in line]
    lines[number] = change(json.loads(lines[number]))
    path.write_text("\n".join(lines) + "\n")


DAMAGE = {
    "cut off": lambda record: json.dumps(record)[:-9],
    "no time": lambda record: json.dumps({"item": record["item"]}),
    "endless number": lambda record: json.dumps(record | {"time": "1e999999999"}),
    "another type": lambda record: json.dumps(record | {"time": ["1/25"]}),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_line_of_video_extract_is_done_again(tmp_path, damage):
    clip = make_clip(tmp_path / "clip.mkv", [Fraction(n, 25) for n in range(4)], sound=None)
    chosen = ExtractFramesOptions(input_file=clip, output_dir=tmp_path / "frames")
    extract.run(chosen)
    whole = (tmp_path / "frames" / "timestamps.json").read_bytes()
    change_line(tmp_path / "frames" / extract.JOURNAL, "000002.png", DAMAGE[damage])
    (tmp_path / "frames" / "timestamps.json").unlink()
    (tmp_path / "frames" / "000002.png").write_bytes(b"half")
    report = extract.run(chosen)
    assert not report.failures
    assert (tmp_path / "frames" / "timestamps.json").read_bytes() == whole
    assert (tmp_path / "frames" / "000002.png").stat().st_size > 100


@pytest.mark.parametrize("row", [{}, {"faces": 3}, {"faces": [["x"]]}, {"faces": [[1, 2]]},
                                 {"faces": [[float("nan")] * 6]}])  # fmt: skip
def test_a_damaged_frame_in_the_journal_of_extract_is_searched_again(tmp_path, row):
    header = {"source": "clip.mp4"}
    good = [1.0, 2.0, 3.0, 4.0, 0.5, 0.25]
    rows = [{"header": header}, {"item": "0.png", **row}, {"item": "1.png", "faces": [good]}]
    (tmp_path / journal.JOURNAL).write_text("\n".join(map(json.dumps, rows)))
    with journal.opened(tmp_path, header, tmp_path / "clip.mp4", overwrite=False) as manifest:
        [(name, [face])] = journal.frames_of(manifest)
        assert name == "1.png"
        assert [*face.rect, face.score, face.quality] == good
        assert "0.png" not in manifest


PART_DAMAGE = DAMAGE | {
    "lost": lambda record: "",
    "leads elsewhere": lambda record: json.dumps(record | {"item": "../000002"}),
}


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A conversion of ten frames that was stopped after four parts of two."""
    folder = tmp_path_factory.mktemp("stopped")
    write_footage(folder, 10, video="clip.mkv")
    chosen = options(folder, "result.mkv", input_dir=folder / "clip.mkv", codec="ffv1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(video, "PART_FRAMES", 2)
        with pytest.raises(KeyboardInterrupt):
            convert.run(chosen, make_predictor(StopsAt(8), "negative"))
    return folder


@pytest.mark.parametrize("damage", PART_DAMAGE)
def test_a_lost_part_is_converted_again_and_no_frame_is_lost_or_doubled(stopped, damage, tmp_path):
    shutil.copytree(stopped, tmp_path / "work")
    folder = tmp_path / "work"
    change_line(folder / "result.mkv_parts" / video.JOURNAL, "000002", PART_DAMAGE[damage])
    chosen = options(folder, "result.mkv", input_dir=folder / "clip.mkv", codec="ffv1")
    report = convert.run(chosen, INVERT)
    assert not report.failures
    assert report.counts["frames finished before"] == 2
    assert times_of(folder / "result.mkv") == times_of(folder / "clip.mkv")
    assert not (folder / "result.mkv_parts").exists()


# ------------------------------------------------------------------- caches, archives, generations


def cached(path):
    with np.load(path) as saved:
        return saved["keys"], saved["table"].copy()


def compressed(path):
    keys, table = cached(path)
    np.savez_compressed(path, keys=keys, table=table)


def half(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def impossible(path):
    keys, table = cached(path)
    table["sharpness"] = 5
    table["focus"][0], table["grey"][1, 3], table["colour"][2, 0, 0] = np.nan, np.inf, -1
    np.savez(path, keys=keys, table=table)


def nested_header(path):
    with zipfile.ZipFile(path, "w") as archive:
        header = b"(" * 5000
        magic = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little")
        archive.writestr("keys.npy", magic + header)


@pytest.mark.parametrize("damage", [compressed, half, impossible, nested_header])
def test_a_damaged_cache_is_measured_again(tmp_path, damage):
    make_faceset(tmp_path / "faces", 3)
    sort(tmp_path / "faces", "blur")
    order = names_by("hist", tmp_path / "faces")
    path = tmp_path / "faces" / ".sort" / "look-3.npz"
    keys, table = cached(path)
    damage(path)
    sort(tmp_path / "faces", "hist")
    again_keys, again = cached(path)
    places = [keys.tolist().index(key) for key in again_keys.tolist()]
    np.testing.assert_array_equal(again, table[places])
    assert len(order) == len(again)


def test_what_does_not_fit_costs_one_face_of_a_packed_folder(tmp_path):
    make_faceset(tmp_path / "faces", 2)
    pack.pack(PackOptions(input_dir=tmp_path / "faces"))
    face = min((tmp_path / "faces").iterdir()).read_bytes()
    wrong = ("x" * 300 + ".png", "é" * 126 + ".png", "../a.png", 'a\n"b\x1b[2J.png')
    with zipfile.ZipFile(tmp_path / "faces.zip", "a") as archive:
        for name in wrong:
            archive.writestr(name, face)
        archive.writestr("broken.png", face)
        offset = archive.getinfo("broken.png").header_offset
    data = bytearray((tmp_path / "faces.zip").read_bytes())
    data[offset + 500] ^= 1
    (tmp_path / "faces.zip").write_bytes(data)
    out = tmp_path / "out"
    report = pack.unpack(UnpackOptions(input=tmp_path / "faces.zip", output_dir=out))
    assert report.counts["faces unpacked"] == 2
    assert {path.name: path.read_bytes() for path in out.iterdir()} == {
        path.name: path.read_bytes() for path in (tmp_path / "faces").iterdir()
    }
    assert len(report.failures) == len(wrong) + 1
    assert not any(set("\n\x1b") & set(sentence) for sentence in report.failures)


def save(folder, iteration, value):
    return checkpoint.save_generation(
        folder,
        state={"model": "H64", "iteration": iteration},
        options={"model": "H64"},
        weights={"encoder": [np.full(4, value, np.float32)]},
        optimizer={"steps": np.array(iteration)},
        history=np.zeros((1, 1)),
        keep=None,
    )


def first_value(folder):
    [array] = checkpoint.load_newest(folder).weights()["encoder"]
    return float(array[0])


def test_folders_of_users_among_the_generations_are_no_generations(tmp_path):
    save(tmp_path, 5, 1)
    for name in ("²", "٣", "100000000x", ".hidden", ".saving-personal"):
        (tmp_path / "generations" / name).mkdir()
    save(tmp_path, 6, 2)
    assert first_value(tmp_path) == 2
    assert saved_options(tmp_path)["model"] == "H64"
    assert len(list((tmp_path / "generations").iterdir())) == 2 + 5


STATES = [b"", b"[" * 100_000, b'{"version": "x"}', b'{"version": 1, "model": "H64"}',
          b'{"version": 1, "model": "H64", "iteration": [1]}']  # fmt: skip


@pytest.mark.parametrize("state", STATES)
def test_a_damaged_generation_is_skipped(tmp_path, state, capsys):
    save(tmp_path, 5, 1)
    newest = save(tmp_path, 6, 2)
    (newest / "state.json").write_bytes(state)
    assert first_value(tmp_path) == 1
    assert "trying the previous generation" in capsys.readouterr().err


def with_right_sums(generation):
    """Let the checksums fit, as in a generation that was made up."""
    sums = {p.name: checkpoint._checksum(p) for p in generation.iterdir()}
    (generation / "checksums.json").write_text(json.dumps(sums))


@pytest.mark.parametrize("name", ["weights.npz", "optimizer.npz", "history.npy"])
@pytest.mark.parametrize("content", [b"", b"PK\3\4", b"\x93NUMPY\x01\x00\x10\x00{'descr': '|O' }"])
def test_arrays_that_were_made_up_are_one_sentence(tmp_path, name, content):
    generation = save(tmp_path, 5, 1)
    (generation / name).write_bytes(content)
    with_right_sums(generation)
    found = checkpoint.load_newest(tmp_path)
    read = {"weights.npz": found.weights, "optimizer.npz": found.optimizer}
    with pytest.raises(InputError, match=name):
        read.get(name, found.history)()


def test_arrays_with_other_names_are_one_sentence(tmp_path):
    generation = save(tmp_path, 5, 1)
    np.savez(generation / "weights.npz", encoder=np.zeros(4))
    with_right_sums(generation)
    with pytest.raises(InputError, match=r"weights\.npz"):
        checkpoint.load_newest(tmp_path).weights()


# --------------------------------------------------------------------------------------- sort plans


@pytest.mark.parametrize(
    "target",
    [".sort/plan.json", ".sort", ".extract.jsonl", "../x", "/x", "a/../b", "a/.x", "a/b/c", "",
     ":trash/.x", ":trash/a/b", "x" * 256, "é" * 128],
)  # fmt: skip
def test_a_made_up_plan_moves_nothing_to_where_no_face_belongs(tmp_path, target):
    (tmp_path / "faces" / ".sort").mkdir(parents=True)
    (tmp_path / "faces" / "a.png").write_bytes(b"a")
    plan = tmp_path / "faces" / ".sort" / "plan.json"
    for move in ([["a.png", "i.png", target]], [[target, "i.png", "b.png"]]):
        content = {"version": 1, "phase": "gather", "undoes": None, "moves": move}
        plan.write_text(json.dumps(content))
        with pytest.raises(InputError, match="is not the plan of an interrupted sort"):
            rename.finish_interrupted(tmp_path / "faces")
        assert (tmp_path / "faces" / "a.png").read_bytes() == b"a"
        assert json.loads(plan.read_text()) == content


@pytest.mark.parametrize("number", [10**200, -1, 0, True, "1", 1.5])
def test_a_plan_that_undoes_no_sort_is_refused(tmp_path, number):
    (tmp_path / ".sort").mkdir()
    plan = {"version": 1, "phase": "gather", "undoes": number, "moves": []}
    (tmp_path / ".sort" / "plan.json").write_text(json.dumps(plan))
    with pytest.raises(InputError, match="is not the plan of an interrupted sort"):
        rename.finish_interrupted(tmp_path)


def test_a_video_whose_times_are_endless_numbers_is_refused_at_once(tmp_path):
    write_footage(tmp_path, 2)
    facts = {"version": 1, "tick": "1/25", "rate": "25", "whole": True}
    times = {"000000": ["1e999999999", "1/25"]}
    path = tmp_path / "frames" / "timestamps.json"
    path.write_text(json.dumps(facts | {"times": times}))
    with pytest.raises(InputError, match="is not a file of times"):
        Timestamps.read(path)
    assert open_source(tmp_path / "frames").count == 2

"""`make fuzz` finds what is wrong, and some damaged files of every kind are read here already."""

import json
import sys
import warnings
import zipfile
from random import Random

import numpy as np
import pytest
from fuzz.campaign import campaign
from fuzz.guard import load_samples, make_input
from fuzz.kinds import KINDS
from fuzz.mutate import mutate
from support import planted

from utils.errors import UserError
from utils.images import decode_image, encode_image

INPUTS = 12


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    made = {}
    for kind in KINDS.values():
        folder = tmp_path_factory.mktemp(kind.name) / "samples"
        folder.mkdir()
        kind.samples(folder)
        made[kind.name] = load_samples(folder)
    return made


@pytest.mark.parametrize("name", KINDS)
def test_damaged_files_are_read_or_refused_in_one_sentence(samples, name, tmp_path):
    kind = KINDS[name]
    for number in range(INPUTS):
        place = make_input(samples[name], tmp_path, kind, "tests", number)
        try:
            with warnings.catch_warnings(action="ignore"):  # Pillow's, of damaged EXIF data
                kind.read(place)
        except UserError as problem:
            assert "defect of the program" not in str(problem)  # noqa: PT017
    assert {path.name for path in tmp_path.iterdir()} == {"input"}


@pytest.mark.parametrize("name", KINDS)
def test_good_samples_are_read(samples, name, tmp_path):
    for number, sample in enumerate(samples[name]):
        place = tmp_path / str(number) / "input"
        for file, data in sample.items():
            (place / file).parent.mkdir(parents=True, exist_ok=True)
            (place / file).write_bytes(data)
        KINDS[name].read(place)


@pytest.mark.skipif(sys.platform != "linux", reason="the harness measures memory with /proc")
def test_the_harness_finds_faults_of_every_kind():
    kinds = [planted.KINDS[name] for name in planted.READERS]
    found = dict(campaign(kinds, 2, 1, "support.planted", seconds=3))
    tallies = {kind.name: tally for kind, tally in found.items()}
    assert tallies.keys() == planted.READERS.keys()
    for name, tally in tallies.items():
        assert tally.read == 2
        assert len(tally.faults) == (0 if name in ("reads", "refuses") else 2), name
    assert tallies["refuses"].refused == 2
    words = {
        "a traceback": "IndexError", "a traceback in a thread": "ZeroDivisionError",
        "a hang": "took more than 3 s", "memory": "MB", "a program": "subprocess.Popen",
        "a write elsewhere": "outside its folder", "a write by a library": "outside its folder",
        "a crash": "died (-11)", "a pickle": "pickle.find_class",
    }  # fmt: skip
    for name, word in words.items():
        assert all(word in fault for fault in tallies[name].faults), name


def test_damage_depends_on_the_seed_alone_and_keeps_the_structure_often(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(4))
    image = encode_image(np.zeros((8, 8, 3), np.uint8))
    record = json.dumps({"a": [1, 2], "b": {"c": "d"}}).encode()
    whole = {"a.npz": (tmp_path / "a.npz").read_bytes(), "a.png": image, "a.json": record}
    opened = dict.fromkeys(whole, 0)
    for name, data in whole.items():
        for seed in range(200):
            damaged = mutate(name, data, Random(seed))
            assert damaged == mutate(name, data, Random(seed))
            opened[name] += opens(name, damaged, tmp_path)
    assert all(40 < count < 200 for count in opened.values()), opened


def opens(name, data, folder):
    """Whether Python's own reader takes a file as a whole."""
    try:
        if name == "a.json":
            json.loads(data)
        elif name == "a.png":
            decode_image(data, name)
        else:
            (folder / "b.npz").write_bytes(data)
            with zipfile.ZipFile(folder / "b.npz") as archive:
                return archive.testzip() is None
    except (ValueError, RecursionError, UserError, zipfile.BadZipFile, OSError, EOFError):
        return False
    return True

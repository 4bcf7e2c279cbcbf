"""Weight files: found, checked, and a clear way out when they are missing or damaged."""

import os
import re
import shutil
from pathlib import Path

import pytest

from facelib.weights import WEIGHTS, weight_file, weights_folder
from scripts import fetch_weights
from utils.errors import WeightsError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """A weights folder of its own that holds nothing but YuNet."""
    source = weight_file("yunet")
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    copy = tmp_path / WEIGHTS["yunet"].path
    copy.parent.mkdir(parents=True)
    shutil.copy(source, copy)
    return copy


@pytest.mark.parametrize("name", WEIGHTS)
def test_every_known_file_is_there(name):
    path = weight_file(name)
    assert path.is_file()
    assert path.is_relative_to(weights_folder())


def test_the_environment_names_another_folder(copied):
    assert weight_file("yunet") == copied


@pytest.mark.parametrize("command", ["make weights", "python -m scripts.fetch_weights"])
def test_a_missing_file_names_the_command(copied, command):
    with pytest.raises(WeightsError, match="missing") as caught:
        weight_file("sface")
    assert command in str(caught.value)


def test_a_damaged_file_is_refused_until_it_is_repaired(copied):
    whole = copied.read_bytes()
    copied.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match=r"damaged.*make weights"):
        weight_file("yunet")
    copied.write_bytes(whole)
    assert weight_file("yunet") == copied


def test_one_changed_byte_is_noticed_though_the_size_is_the_same(copied):
    weight_file("yunet")
    data = bytearray(copied.read_bytes())
    data[1000] ^= 1
    copied.write_bytes(data)
    os.utime(copied, (1, 1))
    with pytest.raises(WeightsError, match="damaged"):
        weight_file("yunet")


def test_a_folder_in_the_place_of_a_file_is_an_error_in_words(copied):
    copied.unlink()
    copied.mkdir()
    with pytest.raises(WeightsError, match="cannot be read"):
        weight_file("yunet")


def test_every_package_is_pinned_with_a_hash():
    text = (ROOT / "requirements-models.txt").read_text()
    pinned = re.findall(r"^(\S+==\S+) \\\n +--hash=sha256:[0-9a-f]{64}$", text, re.MULTILINE)
    assert set(pinned) == {weight.package for weight in WEIGHTS.values()}


@pytest.mark.parametrize("name", WEIGHTS)
def test_the_documentation_lists_every_file(name):
    weight = WEIGHTS[name]
    text = (ROOT / "docs" / "weights.md").read_text(encoding="utf-8")
    rows = [row for row in text.splitlines() if weight.path in row]
    assert rows
    assert weight.sha256 in rows[0]
    assert weight.package.replace("==", " ") in rows[0]


def test_fetching_leaves_what_is_right_alone(capsys):
    assert fetch_weights.main() == 0
    assert "already" in capsys.readouterr().out


def test_fetching_without_a_connection_says_so(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert fetch_weights.main() == 1
    assert "pip could not install" in capfd.readouterr().err

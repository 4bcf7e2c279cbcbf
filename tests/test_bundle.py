"""The bundle's builder: markers of the target, reproducible archives, and the check it ships."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import PathDistribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle import (
    archive,
    build,
    bytecode,
    check_bundle,
    content,
    debian,
    imports,
    licenses,
    locks,
    manifest,
    prune,
    sbom,
)
from bundle.packages import unmet
from bundle.systems import PYTHON, ROOT, SYSTEMS
from scripts import build_bundle
from utils.errors import InputError

WINDOWS, LINUX = SYSTEMS["windows"], SYSTEMS["linux"]


def package(site, name, version="1.0", requires=(), texts=()):
    """Lay the metadata of an installed package into a folder and return it."""
    folder = site / f"{name.replace('-', '_')}-{version}.dist-info"
    folder.mkdir(parents=True)
    lines = [f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    (folder / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
    for text in texts:
        (folder / text).write_text(text)
    return PathDistribution(folder)


@pytest.mark.parametrize(
    ("requirement", "windows", "linux"),
    [
        ('colorama; sys_platform == "win32"', False, True),
        ('uvloop; platform_system == "Linux"', True, False),
        ('there >= 2; os_name == "nt"', False, True),
        ('backport; python_version < "3.11"', True, True),
        ('tests; extra == "dev"', True, True),
        ("there < 2", True, True),
        ("There", True, True),
        ("gone", False, False),
    ],
)
def test_requirements_are_those_of_the_target_system(tmp_path, requirement, windows, linux):
    packages = [package(tmp_path, "there"), package(tmp_path, "one", requires=[requirement])]
    assert (not list(unmet(packages, WINDOWS.markers))) == windows
    assert (not list(unmet(packages, LINUX.markers))) == linux


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_locks_hold_what_the_program_requires(system):
    pinned = {
        canonicalize_name(pin.name): pin.version for pin in locks.pins(locks.packages_lock(system))
    }
    text = (ROOT / "requirements-common.txt").read_text() + (
        ROOT / "requirements-cpu.txt"
    ).read_text()
    for line in text.splitlines():
        words = line.partition("#")[0].strip()
        if not words or words.startswith("-"):
            continue
        wanted = Requirement(words)
        name = wanted.name if wanted.name != "tensorflow" else system.tensorflow
        assert wanted.specifier.contains(pinned[canonicalize_name(name)]), words
    assert ("colorama" in pinned) == (system is WINDOWS)


@pytest.mark.parametrize(
    "lock", sorted((ROOT / "bundle").glob("*.lock")), ids=lambda path: path.name
)
def test_everything_is_pinned_with_a_hash(lock):
    text = lock.read_text()
    if lock.name.startswith("debian"):
        debs = debian.read_lock(lock.stem.removeprefix("debian-"))
        assert debs
        assert all(len(deb.sha256) == 64 for deb in debs)
        return
    entries = text.replace("\\\n", " ").splitlines()
    pins = [line for line in entries if "==" in line and not line.startswith("#")]
    assert len(pins) == len(locks.pins(lock)) > 0
    assert all("--hash=sha256:" in line for line in pins)


def test_pruning_takes_what_is_named_and_nothing_else(tmp_path):
    gone = (
        "tensorflow/include/a/b.h", "numpy/tests/test_a.py", "clang/cindex.py", "c2pa/libs/c.lib",
        "bin/f2py", "a/__pycache__/b.pyc",
    )  # fmt: skip
    kept = ("numpy/testing/utils.py", "skimage/__init__.pyi", "cv2/cv2.pyd", "app/contests/a.py")
    for name in (*gone, *kept):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    assert prune.prune(tmp_path, prune.PACKAGES) == 5 * len(gone)
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left == set(kept)


def tree(parent, names):
    """A folder with a program, two modules and an empty folder; made in the order of `names`."""
    folder = parent / "thing"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode() * 1000)
    (folder / names[0]).touch()
    (folder / "run").chmod(0o700)
    (folder / "workspace").mkdir()
    return folder


@pytest.fixture
def twins(tmp_path):
    """The same folder twice, but for times, order and permissions."""
    first = tree(tmp_path / "1", ["run", "b/c.py", "ä.py"])
    old = os.umask(0o077)
    second = tree(tmp_path / "2", ["ä.py", "b/c.py", "run"])
    os.umask(old)
    os.utime(second / "run", (1e9, 1e9))
    return first, second


def test_two_zips_of_the_same_content_are_equal(twins, tmp_path):
    packed = [tmp_path / f"{number}.zip" for number in range(2)]
    for folder, path in zip(twins, packed, strict=True):
        archive.pack(folder, path)
    assert packed[0].read_bytes() == packed[1].read_bytes()
    with zipfile.ZipFile(packed[0]) as found:
        assert found.testzip() is None
        assert found.namelist() == ["thing/b/c.py", "thing/run", "thing/workspace/", "thing/ä.py"]
        assert found.read("thing/ä.py") == "ä.py".encode() * 1000
        assert found.getinfo("thing/run").external_attr >> 16 == 0o100755
        assert found.getinfo("thing/b/c.py").external_attr >> 16 == 0o100644


def test_two_tars_of_the_same_content_are_equal(twins, tmp_path):
    packed = [tmp_path / f"{number}.tar" for number in range(2)]
    for folder, path in zip(twins, packed, strict=True):
        with path.open("wb") as stream:
            archive.write_tar(folder, stream)
    assert packed[0].read_bytes() == packed[1].read_bytes()
    with tarfile.open(packed[0]) as found:
        found.extractall(tmp_path / "out", filter="data")
        assert found.getmember("thing/run").mode == 0o755
    assert (tmp_path / "out" / "thing" / "workspace").is_dir()
    assert (tmp_path / "out" / "thing" / "b" / "c.py").read_bytes() == b"b/c.py" * 1000


@pytest.fixture
def bundle(tmp_path):
    """A small bundle with its manifest."""
    folder = tmp_path / "a b&c%d!"
    site = folder / WINDOWS.site
    for name, size in {
        "numpy/core.pyd": 70_000,
        "numpy/small.py": 10,
        "numpy-1.dist-info/METADATA": 5,
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_bytes(b"x" * size)
    (folder / "app").mkdir()
    shutil.copy(ROOT / "bundle" / "check_bundle.py", folder / "app")
    (folder / "app" / "main.py").write_text("print()")
    (folder / "workspace").mkdir()
    (folder / "workspace" / "data_src.mp4").write_bytes(b"mine")
    manifest.write_manifest(folder, WINDOWS)
    return folder


def checked(folder, *words):
    """What the shipped check says of a folder, and its status."""
    script = folder / "app" / "check_bundle.py"
    done = subprocess.run(
        [sys.executable, "-I", script, *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr


def test_an_unpacked_bundle_is_all_right(bundle):
    assert checked(bundle) == (0, "")
    assert checked(bundle, "--all") == (0, "")
    assert (
        "workspace/data_src.mp4"
        not in json.loads((bundle / check_bundle.MANIFEST).read_text())["files"]
    )


def test_a_half_unpacked_bundle_names_what_is_missing(bundle):
    (bundle / WINDOWS.site / "numpy" / "core.pyd").unlink()
    status, said = checked(bundle)
    assert status == 1
    assert f"{WINDOWS.site}/numpy/core.pyd is missing from the bundle" in said
    assert said.count("\n") == 1
    (bundle / check_bundle.MANIFEST).unlink()
    assert f"has no {check_bundle.MANIFEST}" in checked(bundle)[1]


def test_an_incomplete_file_is_named(bundle):
    with (bundle / WINDOWS.site / "numpy" / "core.pyd").open("r+b") as file:
        file.truncate(66_000)
    status, said = checked(bundle)
    assert status == 1
    assert "core.pyd is not as shipped" in said


def test_all_files_are_read_on_request(bundle):
    small = bundle / WINDOWS.site / "numpy" / "small.py"
    small.write_bytes(b"y" * 10)
    assert checked(bundle) == (0, "")
    assert "small.py is not as shipped" in checked(bundle, "--all")[1]


def test_what_another_version_left_is_named(bundle):
    package(bundle / WINDOWS.site, "numpy", "0.9")
    (bundle / "app" / "old_stage.py").write_text("")
    (bundle / "app" / "__pycache__").mkdir()
    (bundle / "app" / "__pycache__" / "main.cpython-311.pyc").write_bytes(b"")
    status, said = checked(bundle)
    assert status == 1
    assert "numpy-0.9.dist-info, app/old_stage.py are left" in said
    assert "pyc" not in said


@pytest.mark.parametrize(
    ("flags", "there"),
    [
        ("flags\t\t: fpu sse avx f16c", True),
        ("flags\t: fpu sse sse4_2", False),
        ("Features : fp asimd", False),
    ],
)
def test_a_processor_without_avx_is_known(tmp_path, monkeypatch, flags, there):
    monkeypatch.setattr(sys, "platform", "linux")
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"processor\t: 0\n{flags}\n")
    assert check_bundle.has_avx(cpuinfo) == there


def test_files_that_are_only_in_onedrive_are_named(bundle, monkeypatch):
    class Facts:
        st_size, st_file_attributes = 70_000, 0x400000

    monkeypatch.setattr(Path, "stat", lambda path, **words: Facts())
    missing, damaged, away = check_bundle._compare(bundle, {"a.dll": [70_000, ""]}, False)
    assert (missing, damaged, away) == ([], [], ["a.dll"])


def test_the_program_of_a_bundle_starts(tmp_path):
    content.add_program(tmp_path)
    words = [sys.executable, tmp_path / "app" / "main.py", "--version"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=tmp_path)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert done.stdout == f"faceswap-toolkit {version}\n", done.stderr
    assert (tmp_path / "app" / "check_bundle.py").is_file()
    assert not (tmp_path / "app" / "tests").exists()


def test_scripts_are_those_of_the_system(tmp_path):
    content.add_scripts(tmp_path, WINDOWS)
    there = {path.name for path in tmp_path.iterdir()}
    assert "workspace" in there
    assert {path.suffix for path in tmp_path.glob("*.*")} == {".bat"}


def test_license_texts_are_found_beside_metadata_and_modules(tmp_path):
    site = tmp_path / "site"
    one = package(site, "one-two", texts=["LICENSE", "top_level.txt"])
    (site / "one_two-1.0.dist-info" / "top_level.txt").write_text("one")
    (site / "one").mkdir()
    (site / "one" / "LICENSE-3RD-PARTY.txt").write_text("theirs")
    (site / "one" / "license.py").write_text("")
    found = {path.name for path in licenses.texts_of(one, site)}
    assert found == {"LICENSE", "LICENSE-3RD-PARTY.txt"}


def test_the_list_of_parts_follows_from_the_parts():
    part = sbom.describe_deb(debian.read_lock("common")[0])
    assert part["purl"].startswith("pkg:deb/debian/base-files@")
    assert sbom.document([part], LINUX) == sbom.document([part], LINUX)
    assert sbom.document([part], LINUX)["serialNumber"] != sbom.document([], LINUX)["serialNumber"]


def test_dlls_of_windows_are_known():
    assert imports.is_of_windows("kernel32.dll")
    assert imports.is_of_windows("api-ms-win-crt-math-l1-1-0.dll")
    assert not imports.is_of_windows("msvcp140.dll")


def test_a_build_that_cannot_work_is_refused(tmp_path, monkeypatch, capsys):
    assert build_bundle.main(["--python", "3.9", "--output", str(tmp_path)]) == 2
    assert f"Expected: {PYTHON}. Received: 3.9" in capsys.readouterr().err
    monkeypatch.setattr(build, "check_tools", lambda: None)
    monkeypatch.setattr(bytecode, "check_version", lambda: None)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 8, 1))
    with pytest.raises(InputError, match="0 GiB are free"):
        build.prepare(tmp_path / "out", tmp_path / "scratch")


def test_the_largest_parts_are_named(tmp_path):
    for name, size in {
        "lib/site-packages/a/x/y": 5,
        "lib/site-packages/a/z": 4,
        "app/b": 8,
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x" * size)
    assert list(build.largest(tmp_path, 2)) == [("lib/site-packages/a", 9), ("app/b", 8)]

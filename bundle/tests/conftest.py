"""Fixtures: the unpacked bundles, and the small systems in which they run."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bundle import archive
from bundle.systems import SYSTEMS
from bundle.tests import chroots
from bundle.tests.shim import add_shim

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests"))

OUTPUT = Path(os.environ.get("BUNDLES", "dist")).resolve()
WINE = {
    "WINEDEBUG": "-all",
    "WINEDLLOVERRIDES": "ucrtbase=n,b",
    "XDG_RUNTIME_DIR": "/tmp",
    "LC_ALL": "C.UTF-8",  # else wine finds no name with other letters than those of ASCII
}


@pytest.fixture(scope="session")
def rooms():
    """A folder for the systems and the unpacked bundles; kept, as making them takes minutes."""
    folder = OUTPUT / "test"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def unpacked(rooms, system):
    """Unpack a bundle, once."""
    [packed] = OUTPUT.glob(f"*-{system}{SYSTEMS[system].archive}")
    place = rooms / f"{system}-{archive.sha256(packed)[:8]}"
    if not place.is_dir():
        for old in rooms.glob(f"{system}-*/*"):
            shutil.rmtree(old.parent)
        unfinished = rooms / "unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        if packed.suffix == ".zip":
            with zipfile.ZipFile(packed) as found:
                found.extractall(unfinished)
        else:
            with (
                subprocess.Popen(["zstd", "-dc", packed], stdout=subprocess.PIPE) as unpacker,
                tarfile.open(fileobj=unpacker.stdout, mode="r|") as found,
            ):
                found.extractall(unfinished, filter="data")
        unfinished.rename(place)
    [folder] = place.iterdir()
    return folder


@pytest.fixture(scope="session")
def linux_folder(rooms):
    return unpacked(rooms, "linux")


@pytest.fixture(scope="session")
def windows_folder(rooms):
    return unpacked(rooms, "windows")


@pytest.fixture(scope="session")
def linux(rooms, linux_folder):
    """Debian with nothing but what it cannot do without, and no Python."""
    chroots.make(rooms / "linux", "linux")
    with chroots.mounted(rooms / "linux", linux_folder):
        yield chroots.Chroot(rooms / "linux", {})


@pytest.fixture(scope="session")
def windows(rooms, windows_folder):
    """wine, with what it lacks of Windows 10 in a shim."""
    chroots.make(rooms / "windows", "windows")
    with chroots.mounted(rooms / "windows", windows_folder):
        system = chroots.Chroot(rooms / "windows", WINE)
        system32 = rooms / "windows" / "root" / ".wine" / "drive_c" / "windows" / "system32"
        if not system32.is_dir():
            plain = chroots.Chroot(rooms / "windows", {"WINEDEBUG": "-all"})
            plain.run("wineboot", "-i", cwd="/")
            plain.run("wineserver", "-w", cwd="/")
        (rooms / "zig").mkdir(exist_ok=True)
        add_shim(system32, rooms / "zig")
        yield system
        system.run("wineserver", "-k", cwd="/")


def make_clips(folder):
    """Write two clips of eight frames in which the astronaut moves."""
    from support.clips import STEADY, astronaut, dim_astronaut, make_clip

    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for name, draw in {"data_src": astronaut, "data_dst": dim_astronaut}.items():
        make_clip(folder / f"{name}.mp4", STEADY[:8], size=(320, 320), draw=draw)

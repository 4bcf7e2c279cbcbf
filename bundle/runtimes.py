"""The interpreter of a bundle, with its library: out of pinned packages, for each system."""

import os
import shutil
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

from bundle import debian
from bundle.debian import Apt, Deb
from bundle.locks import runtime_lock
from bundle.prune import LIBRARY, NATIVE, prune
from bundle.systems import HERE, PYTHON, System
from bundle.tools import BuildError, run

DIGITS = PYTHON.replace(".", "")
BESIDE = (f"python{DIGITS}.dll",)
"""What Windows must find beside python.exe; the rest of the interpreter is in DLLs."""
NATIVE_SOURCE = HERE / "native"
LIBRARIES = "python/lib/system"
"""Where the shared libraries of Debian lie."""
STANDARD = ("libstdc++.so.6", "libgcc_s.so.1")
"""Loaded with the interpreter, so that modules that search in their own folders alone have them."""


def add_runtime(folder: Path, system: System, downloads: Path) -> None:
    """Lay the interpreter, its library and its `._pth` file into a bundle."""
    (_for_windows if system.name == "windows" else _for_linux)(folder, system, downloads)
    prune(folder / system.library, LIBRARY)
    prune(folder / system.native, NATIVE)
    executable = folder / system.executable
    # It replaces what Python otherwise searches, and lets it ignore variables and other Pythons.
    executable.with_name("python._pth").write_text(
        "".join(f"{place}\n" for place in system.search), encoding="utf-8", newline="\n"
    )


def debian_texts(folder: Path, debs: list[Deb], downloads: Path) -> None:
    """Lay the copyright files of Debian packages into a folder, by package."""
    for deb in debs:
        source = unpacked(deb, downloads) / "usr" / "share" / "doc" / deb.package / "copyright"
        if not source.is_file():  # it refers to the text of another package
            continue
        target = folder / deb.package
        target.mkdir(parents=True)
        shutil.copyfile(source, target / "copyright")


def unpacked(deb: Deb, downloads: Path) -> Path:
    """Return the folder that holds a Debian package's files."""
    folder = downloads / "unpacked" / deb.file
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        path = Apt(downloads / "apt").fetch(deb, downloads)
        run("dpkg-deb", "--extract", path, folder)
    return folder


def python_source(downloads: Path) -> Path:
    """Return the folder of Python's source, of which only what is used is unpacked."""
    [deb] = debian.read_lock("windows")
    folder = downloads / "python-source"
    if not folder.is_dir():
        path = Apt(downloads / "apt").fetch(deb, downloads)
        with tarfile.open(path) as archive:
            wanted = [
                member
                for member in archive
                if member.name.partition("/")[2].startswith(("Lib/", "LICENSE", "Doc/license.rst"))
            ]
            archive.extractall(folder, wanted, filter="data")
    [top] = folder.iterdir()
    return top


def _for_windows(folder: Path, system: System, downloads: Path) -> None:
    wheels = _runtime_wheels(system, downloads)
    python, native = folder / "python", folder / system.native
    native.mkdir(parents=True)
    for name, content in _members(wheels["panda3d"], "deploy_libs/").items():
        target = python if name in BESIDE else native
        if not name.lower().startswith("vcruntime"):  # msvc-runtime has newer ones
            (target / name).write_bytes(content)
    scripts = f"{wheels['msvc_runtime'].name.split('-cp')[0]}.data/data/Scripts/"
    for name, content in _members(wheels["msvc_runtime"], scripts).items():
        (python / name).write_bytes(content)
    shutil.copytree(python_source(downloads) / "Lib", folder / system.library)
    compile_launcher(python / "python.exe", python / BESIDE[0], downloads)
    forward_stable_interface(python / BESIDE[0], python / "python3.dll", downloads)


def _runtime_wheels(system: System, downloads: Path) -> dict[str, Path]:
    """Download the wheels of a runtime's lock; return them by package."""
    folder = downloads / "runtime"
    folder.mkdir(exist_ok=True)
    run(
        sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check",
        "--no-deps", "--require-hashes", "--only-binary", ":all:", "--platform", "win_amd64",
        "--python-version", PYTHON, "--dest", folder, "-r", runtime_lock(system),
    )  # fmt: skip
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


def _members(wheel: Path, folder: str) -> dict[str, bytes]:
    """Return the files of a folder in a wheel, by their names."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name.removeprefix(folder): archive.read(name)
            for name in archive.namelist()
            if name.startswith(folder) and not name.endswith("/")
        }


def compile_launcher(executable: Path, dll: Path, scratch: Path) -> None:
    """Compile python.exe, which calls Py_Main in Python's DLL."""
    library = scratch / "libpython.a"
    definition = scratch / "python.def"
    definition.write_text(f"LIBRARY {dll.name}\nEXPORTS\n  Py_Main\n", encoding="ascii")
    zig(scratch, "dlltool", "-m", "i386:x86-64", "-d", definition, "-l", library)
    zig(
        scratch, "cc", "-target", "x86_64-windows-gnu", "-municode", "-O2", "-s",
        NATIVE_SOURCE / "python.c", NATIVE_SOURCE / "python.rc", library,
        "-o", scratch / executable.name,
    )  # fmt: skip
    _take_linked(scratch / executable.name, executable)


def forward_stable_interface(dll: Path, target: Path, scratch: Path) -> None:
    """Make python3.dll, by which modules for any version of Python 3 find that of this version."""
    definition = scratch / "python3.def"
    lines = [f"  {name}={dll.stem}.{name}" for name in exports(dll) if "Py" in name[:3]]
    definition.write_text("LIBRARY python3.dll\nEXPORTS\n" + "\n".join(lines), encoding="ascii")
    empty = scratch / "empty.c"
    empty.write_text("int DllMainCRTStartup(void) { return 1; }\n", encoding="ascii")
    zig(
        scratch, "cc", "-target", "x86_64-windows-gnu", "-shared", "-nostdlib", "-s",
        empty, definition, "-o", scratch / target.name,
    )  # fmt: skip
    _take_linked(scratch / target.name, target)


def _take_linked(linked: Path, target: Path) -> None:
    """Copy what the linker made, and nothing that it wrote beside it, without the date in it."""
    data = bytearray(linked.read_bytes())
    start = struct.unpack_from("<I", data, 0x3C)[0]
    struct.pack_into("<I", data, start + 8, 0)
    target.write_bytes(data)


def zig(scratch: Path, *words: str | Path) -> None:
    """Run a command of the zig compiler, with its caches below a folder."""
    where = str(scratch / "zig")
    cache = {"ZIG_GLOBAL_CACHE_DIR": where, "ZIG_LOCAL_CACHE_DIR": where}
    run(sys.executable, "-m", "ziglang", *words, env={**os.environ, **cache})


def exports(dll: Path) -> list[str]:
    """Return the names that a DLL exports."""
    import pefile  # not at the top: the tests of other parts do without

    image = pefile.PE(str(dll), fast_load=True)
    image.parse_data_directories([pefile.DIRECTORY_ENTRY["IMAGE_DIRECTORY_ENTRY_EXPORT"]])
    found = [symbol.name.decode() for symbol in image.DIRECTORY_ENTRY_EXPORT.symbols if symbol.name]
    image.close()
    return sorted(found)


def _for_linux(folder: Path, system: System, downloads: Path) -> None:
    libraries = folder / LIBRARIES
    libraries.mkdir(parents=True)
    (folder / system.executable).parent.mkdir(parents=True)
    for deb in debian.read_lock("linux"):
        root = unpacked(deb, downloads)
        _take_python(root, folder, system)
        for place in ("lib", "usr/lib"):
            for path in sorted((root / place / "x86_64-linux-gnu").glob("*.so.*")):
                if not path.is_symlink():
                    _take_library(path, libraries)
    executable = folder / system.executable
    run("patchelf", "--force-rpath", "--set-rpath", "$ORIGIN/../lib/system", executable)
    for name in STANDARD:
        run("patchelf", "--add-needed", name, executable)


def _take_python(root: Path, folder: Path, system: System) -> None:
    if (executable := root / "usr" / "bin" / f"python{PYTHON}").is_file():
        shutil.copyfile(executable, folder / system.executable)
        (folder / system.executable).chmod(0o755)
    if (library := root / "usr" / "lib" / f"python{PYTHON}").is_dir():
        shutil.copytree(library, folder / system.library, dirs_exist_ok=True, symlinks=True)
        for link in (folder / system.library).rglob("*"):
            if link.is_symlink():
                link.unlink()


def _take_library(path: Path, folder: Path) -> None:
    """Copy a shared library under the name by which it is looked for."""
    name = soname(path)
    shutil.copyfile(path, folder / name)
    run("patchelf", "--force-rpath", "--set-rpath", "$ORIGIN", folder / name)


def soname(path: Path) -> str:
    """Return the name by which the loader looks for a shared library.

    Raises
    ------
    BuildError
        If it is none.
    """
    with path.open("rb") as file:
        if file.read(4) != b"\x7fELF":
            raise BuildError(f"{path} is no shared library")
    return run("patchelf", "--print-soname", path).strip() or path.name


def is_64_bit_windows(path: Path) -> bool:
    """Return whether a file is a program or library for 64-bit Windows on Intel and AMD."""
    data = path.read_bytes()[:4096]
    start = struct.unpack_from("<I", data, 0x3C)[0] if data[:2] == b"MZ" else len(data)
    return data[start : start + 6] == b"PE\0\0\x64\x86"

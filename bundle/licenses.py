"""The license texts of all that a bundle contains, with a table of what is under which."""

import shutil
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from bundle import debian
from bundle.packages import distributions
from bundle.runtimes import debian_texts, python_source, unpacked
from bundle.systems import ROOT, System
from bundle.tools import BuildError

TEXTS = ("LICEN", "COPYING", "NOTICE", "AUTHORS", "COPYRIGHT")
STATED = {
    "c2pa-python": "Apache-2.0 OR MIT",
    "flatbuffers": "Apache-2.0",
    "tensorflow": "Apache-2.0",
    "tensorflow-cpu": "Apache-2.0",
}
"""Of packages whose wheels hold no license text: what their metadata or their sources state."""
ABOUT = """\
# Licenses of what this folder contains

The program is under the MIT license (`faceswap-toolkit.txt`). It comes with the libraries below,
each under its own license; their texts are in the folders here. Together with them the folder
must be passed on under the terms of the GNU General Public License (version 3, as some libraries under the
Apache License go with no earlier one):

**PyAV's package `av` contains FFmpeg as built with x264 and x265, which are under the GPL-2.0-or-later.**
Their sources: <https://code.videolan.org/videolan/x264>, <https://bitbucket.org/multicoreware/x265_git>,
<https://ffmpeg.org/download.html>, and how they were built: <https://github.com/PyAV-Org/pyav-ffmpeg>.
The license is in `common/GPL-2` and `common/GPL-3`.

{opencv}
Left out, because it must not be used commercially: dlib's 68-point landmark model (`dlib68`). Who wants
it all the same fetches it with `main.py weights`. Of the weights that are here, `app/docs/weights.md`
says where they come from and under which license they are.

{runtime}
| package | version | license | sources |
|---|---|---|---|
{rows}
"""
OPENCV = {
    "linux": """\
OpenCV's package contains Qt 5 (LGPL-3.0) and FFmpeg (LGPL-2.1), as shared libraries in
`opencv_python.libs`, which you may replace; their sources: <https://download.qt.io/archive/qt/5.15/>,
<https://ffmpeg.org/download.html>, built by <https://github.com/opencv/opencv-python>.
""",
    "windows": """\
OpenCV's package contains FFmpeg (LGPL-2.1) as a library of its own, `opencv_videoio_ffmpeg*.dll`, which you
may replace; its sources: <https://github.com/opencv/opencv_3rdparty>.
""",
}
RUNTIME = {
    "linux": f"""\
Python and the shared libraries in `python/lib/system` are Debian {debian.RELEASE}'s; the search path in them
was changed with patchelf, nothing else. Their sources: `apt-get source NAME`, or
<https://snapshot.debian.org>; their licenses: `debian/`.
""",
    "windows": """\
`python3*.dll` and `DLLs` are python.org's build of CPython, as the package panda3d 1.10.16 carries it (nothing
else of that package is here); `Lib` is from CPython's source; licenses: `python/`. `msvcp140*.dll`,
`vcruntime140*.dll`, `vcomp140.dll` and `concrt140.dll` are Microsoft's redistributable files. `python.exe` and
`python3.dll` were made for this folder; their source is in the program's repository, in `bundle`.
""",
}


def add_licenses(folder: Path, system: System, downloads: Path) -> None:
    """Collect the license texts into `LICENSES`."""
    target = folder / "LICENSES"
    target.mkdir()
    shutil.copyfile(ROOT / "LICENSE", target / "faceswap-toolkit.txt")
    packages = distributions(folder / system.site)
    rows = []
    for package in packages:
        copied = _copy_texts(package, folder / system.site, target / package.name)
        if not copied and canonicalize_name(package.name) not in STATED:
            raise BuildError(f"{package.name} has no license text; say its license in licenses.py")
        rows.append(f"| {package.name} | {package.version} | {stated(package)} | {home(package)} |")
    [base] = debian.read_lock("common")
    shutil.copytree(
        unpacked(base, downloads) / "usr" / "share" / "common-licenses", target / "common"
    )
    source = python_source(downloads)
    (target / "python").mkdir()
    shutil.copyfile(source / "LICENSE", target / "python" / "LICENSE.txt")
    shutil.copyfile(source / "Doc" / "license.rst", target / "python" / "incorporated.txt")
    if system.name == "linux":
        debian_texts(target / "debian", debian.read_lock("linux"), downloads)
    (target / "README.md").write_text(
        ABOUT.format(
            opencv=OPENCV[system.name], runtime=RUNTIME[system.name], rows="\n".join(rows)
        ),
        encoding="utf-8",
        newline="\n",
    )  # fmt: skip


def stated(package: Distribution) -> str:
    """Return the license that a package's metadata states, in a few words."""
    facts = package.metadata
    classes = [
        line.rpartition(" :: ")[2]
        for line in facts.get_all("Classifier") or []
        if line.startswith("License :: OSI Approved :: ")
    ]
    text = facts.get("License-Expression") or ", ".join(classes) or facts.get("License") or ""
    return (
        STATED.get(canonicalize_name(package.name))
        or " ".join(text.split())[:60]
        or "see its texts"
    )


def home(package: Distribution) -> str:
    """Return where a package's sources are."""
    return f"<https://pypi.org/project/{package.name}/{package.version}/>"


def _copy_texts(package: Distribution, site: Path, target: Path) -> int:
    """Copy a package's license texts; return how many there are."""
    copied = 0
    for path in _texts(package, site):
        name = "-".join(path.relative_to(site).parts[1:])
        target.mkdir(exist_ok=True)
        shutil.copyfile(path, target / name)
        copied += 1
    return copied


def _texts(package: Distribution, site: Path) -> Iterator[Path]:
    """Yield the license texts of a package, in its metadata and beside its modules."""
    [metadata] = [
        path for path in site.glob("*.dist-info")
        if path.name.lower().startswith(package.name.lower().replace("-", "_").replace(".", "_") + "-")
        or path.name.startswith(f"{package.name}-")
    ]  # fmt: skip
    for path in sorted(metadata.rglob("*")):
        if path.is_file() and path.name.upper().startswith(TEXTS):
            yield path
    for name in (package.read_text("top_level.txt") or "").split():
        for path in sorted((site / name).glob("*")):
            if path.is_file() and path.name.upper().startswith(TEXTS) and path.suffix != ".py":
                yield path

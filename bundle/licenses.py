"""The license texts of all that a bundle contains, with a table of what is under which."""

import shutil
from collections.abc import Iterator
from importlib.metadata import Distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from bundle import debian
from bundle.packages import distributions
from bundle.runtimes import debian_texts, python_source, unpacked
from bundle.systems import HERE, ROOT, System
from bundle.tools import BuildError

TEXTS = ("LICEN", "COPYING", "NOTICE", "AUTHORS", "COPYRIGHT")
STATED = {
    "c2pa-python": "Apache-2.0 OR MIT",
    "flatbuffers": "Apache-2.0",
    "tensorflow": "Apache-2.0",
    "tensorflow-cpu": "Apache-2.0",
}
"""Of packages whose wheels hold no license text: what their metadata or their sources state."""


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
        (HERE / "licenses.md").read_text(encoding="utf-8").format(
            system=(HERE / f"licenses-{system.name}.md").read_text(encoding="utf-8"),
            rows="\n".join(rows),
        ),
        encoding="utf-8",
        newline="\n",
    )  # fmt: skip


def stated(package: Distribution) -> str:
    """Return the license that a package's metadata states, in a few words."""
    classes = [
        line.rpartition(" :: ")[2]
        for line in package.metadata.get_all("Classifier") or []
        if line.startswith("License :: OSI Approved :: ")
    ]
    known = STATED.get(canonicalize_name(package.name))
    said = known or _field(package, "License-Expression") or ", ".join(classes)
    return said or _field(package, "License")[:60].strip() or "see its texts"


def _field(package: Distribution, name: str) -> str:
    """Return a field of a package's metadata on one line, "" if it has none."""
    return " ".join("".join(package.metadata.get_all(name) or []).split())


def home(package: Distribution) -> str:
    """Return where a package's sources are."""
    return f"<https://pypi.org/project/{package.name}/{package.version}/>"


def _copy_texts(package: Distribution, site: Path, target: Path) -> int:
    """Copy a package's license texts; return how many there are."""
    copied = 0
    for path in texts_of(package, site):
        name = "-".join(path.relative_to(site).parts[1:])
        target.mkdir(exist_ok=True)
        shutil.copyfile(path, target / name)
        copied += 1
    return copied


def texts_of(package: Distribution, site: Path) -> Iterator[Path]:
    """Yield the license texts of a package, in its metadata and beside its modules."""
    [metadata] = [
        path
        for path in site.glob("*.dist-info")
        if canonicalize_name(path.name.rpartition("-")[0].rpartition("-")[0])
        == canonicalize_name(package.name)
    ]
    for path in sorted(metadata.rglob("*")):
        if path.is_file() and path.name.upper().startswith(TEXTS):
            yield path
    for name in (package.read_text("top_level.txt") or "").split():
        for path in sorted((site / name).glob("*")):
            if path.is_file() and path.name.upper().startswith(TEXTS) and path.suffix != ".py":
                yield path

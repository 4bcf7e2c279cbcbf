"""The packages that the program imports, laid out as an installer would for the target system."""

import os
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bundle.locks import packages_lock
from bundle.prune import PACKAGES, prune
from bundle.systems import PYTHON, System
from bundle.tools import BuildError, run

LEFT_OUT = {"libclang"}
"""Packages that others require and never import (prune.py)."""


def add_packages(folder: Path, system: System, scratch: Path) -> int:
    """Install the locked packages into a bundle; return how many bytes of them were left out.

    Raises
    ------
    BuildError
        If a package is not what the lock says, or requires another that is not there.
    """
    site = folder / system.site
    run(
        "uv", "pip", "install", "--quiet", "--target", site, "--python-platform", system.platform,
        "--python-version", PYTHON, "--only-binary", ":all:", "--require-hashes", "--no-deps",
        "--link-mode", "copy", "-r", packages_lock(system),
        env={**os.environ, "UV_CACHE_DIR": str(scratch / "uv")},
    )  # fmt: skip
    (site / ".lock").unlink(missing_ok=True)
    freed = prune(site, PACKAGES)
    if missing := list(unmet(distributions(site), system.markers)):
        raise BuildError(f"not in the lock for {system.name}: {'; '.join(missing)}")
    return freed


def distributions(site: Path) -> list[Distribution]:
    """Return the packages in a folder, sorted by their names."""
    found = [PathDistribution(path) for path in sorted(site.glob("*.dist-info"))]
    return sorted(found, key=lambda package: canonicalize_name(package.name))


def unmet(packages: list[Distribution], markers: Mapping[str, str]) -> Iterator[str]:
    """Yield what packages require on the target system and do not get.

    Parameters
    ----------
    packages : list of importlib.metadata.Distribution
        All that there are.
    markers : mapping of str to str
        The environment of the target, in which markers are evaluated.
    """
    versions = {canonicalize_name(package.name): package.version for package in packages}
    for package in packages:
        for text in package.requires or ():
            wanted = Requirement(text)
            name = canonicalize_name(wanted.name)
            if wanted.marker is not None and not wanted.marker.evaluate(dict(markers)):
                continue
            if name in LEFT_OUT:
                continue
            if name not in versions or not wanted.specifier.contains(versions[name], True):
                yield f"{package.name} requires {wanted}; there is {versions.get(name, 'none')}"

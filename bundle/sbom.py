"""The list of a bundle's parts in the format CycloneDX 1.6, for those who look for known holes."""

import json
import uuid
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bundle import debian, locks
from bundle.archive import sha256
from bundle.content import LEFT_OUT
from bundle.licenses import stated
from bundle.packages import distributions
from bundle.systems import NAME, System
from bundle.tools import BuildError
from facelib.weights import WEIGHTS
from utils import program

FILE = "SBOM.json"


def write_sbom(folder: Path, system: System) -> None:
    """Write the list of the parts of a bundle into it.

    Raises
    ------
    BuildError
        If it is not as the format's schema has it.
    """
    site = folder / system.site
    parts = [_package(package) for package in distributions(site)]
    parts += [_runtime(pin) for pin in _runtime_pins(system)]
    parts += [describe_deb(deb) for deb in debian.read_lock(system.name)]
    parts += [_file(site, path, "file") for path in sorted(site.glob("*.libs/*"))]
    weights = folder / "app" / "weights"
    parts += [
        _file(weights, weights / weight.path, "machine-learning-model")
        for name, weight in WEIGHTS.items()
        if name not in LEFT_OUT
    ]
    text = json.dumps(document(parts, system), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    _validate(text)
    (folder / FILE).write_text(text, encoding="utf-8", newline="\n")


def document(parts: list[dict[str, Any]], system: System) -> dict[str, Any]:
    """Return the whole list."""
    # a number that follows from the content, as two builds give the same bytes
    number = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(parts, sort_keys=True))
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{number}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "name": f"{NAME}-{system.name}",
                "version": program.version(),
                "licenses": [{"license": {"id": "MIT"}}],
            }
        },
        "components": parts,
    }


def _package(package: Distribution) -> dict[str, Any]:
    address = f"pkg:pypi/{package.name.lower()}@{quote(package.version)}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": package.name,
        "version": package.version,
        "purl": address,
        "licenses": [{"license": {"name": stated(package)}}],
    }


def _runtime_pins(system: System) -> list[locks.Pin]:
    lock = locks.runtime_lock(system)
    return locks.pins(lock) if lock.is_file() else []


def _runtime(pin: locks.Pin) -> dict[str, Any]:
    address = f"pkg:pypi/{pin.name}@{pin.version}"
    return {
        "type": "library",
        "bom-ref": address,
        "name": pin.name,
        "version": pin.version,
        "purl": address,
        "description": "only the interpreter's files are taken from it",
    }


def describe_deb(deb: debian.Deb) -> dict[str, Any]:
    """Return the entry of a file of Debian's archive."""
    address = f"pkg:deb/debian/{quote(deb.package)}@{quote(deb.version)}"
    if not deb.file.endswith(".deb"):
        address += "?arch=source"
    return {
        "type": "library",
        "bom-ref": address,
        "name": deb.package,
        "version": deb.version,
        "purl": address,
        "hashes": [{"alg": "SHA-256", "content": deb.sha256}],
    }


def _file(root: Path, path: Path, kind: str) -> dict[str, Any]:
    name = path.relative_to(root).as_posix()
    return {
        "type": kind,
        "bom-ref": name,
        "name": name,
        "hashes": [{"alg": "SHA-256", "content": sha256(path)}],
    }


def _validate(text: str) -> None:
    from cyclonedx.schema import SchemaVersion  # not at the top: only the builder needs it
    from cyclonedx.validation.json import JsonStrictValidator

    if problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise BuildError(f"{FILE} is not as CycloneDX 1.6 has it: {problem}")

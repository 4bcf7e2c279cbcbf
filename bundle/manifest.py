"""The list of a bundle's files, by which it can check itself (check_bundle.py)."""

import json
from pathlib import Path

from bundle.archive import files_in, sha256
from bundle.check_bundle import MANIFEST
from bundle.systems import NAME, System
from utils import program

OWN = ("workspace/",)
"""What is the user's, and is not listed."""


def write_manifest(folder: Path, system: System) -> None:
    """Write the manifest of a folder into it."""
    files = {
        name: [path.stat().st_size, sha256(path)]
        for name, path in files_in(folder)
        if not path.is_dir() and not name.startswith(OWN) and name != MANIFEST
    }
    facts = {
        "name": NAME,
        "version": program.version(),
        "system": system.name,
        "site": system.site,
        "files": files,
    }
    text = json.dumps(facts, indent=0, ensure_ascii=False) + "\n"
    (folder / MANIFEST).write_text(text, encoding="utf-8", newline="\n")

"""Build hooks: what pyproject.toml cannot say about the package.

The requirements files are the one place where dependencies stand, and a wheel keeps the program's
folders together in `faceswap_toolkit/app` (launcher/faceswap_toolkit/__main__.py says why).
"""

import re
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from hatchling.metadata.plugin.interface import MetadataHookInterface

COMMENT = re.compile(r"(^|\s)#.*")


class Requirements(MetadataHookInterface):
    """Takes the package's dependencies and extras from the requirements files."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Fill in `dependencies` and `optional-dependencies`."""
        root = Path(self.root)
        always = read_requirements(root / "requirements-cpu.txt")
        metadata["dependencies"] = always
        metadata["optional-dependencies"] = {
            extra: [
                requirement
                for requirement in read_requirements(root / f"requirements-{extra}.txt")
                if requirement not in always
            ]
            for extra in ("cluster", "cuda", "dev", "torch")
        }


class App(BuildHookInterface[Any]):
    """Lays the program into the wheel; an editable install runs it from the checkout."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files and folders listed in pyproject.toml."""
        if version == "editable":
            return
        for name in self.config["app"]:
            build_data["force_include"][name] = f"faceswap_toolkit/app/{name}"


def read_requirements(path: Path) -> list[str]:
    """Return the requirements in a file and in the files it includes with `-r`."""
    found = []
    for text in path.read_text(encoding="utf-8").splitlines():
        line = COMMENT.sub("", text).strip()
        if line.startswith("-r "):
            found += read_requirements(path.parent / line.removeprefix("-r ").strip())
        elif line:
            found.append(line)
    return found

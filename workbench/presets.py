"""Values of forms that were saved under a name, in `.queue/presets.json` of the workspace."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from utils.errors import UsageError
from utils.files import no_link, write_json
from utils.records import read_record
from utils.workspace import Workspace
from workbench.jobs import FOLDER

MOST = 100
"""Presets of a command."""
LONGEST_NAME = 60


def load(home: Workspace, stage: str) -> dict[str, Any]:
    """Return the presets of a command: values of its form by name.

    Raises
    ------
    InputError
        If the file is damaged.
    """
    found = _read(home).get(stage, {})
    return {name: values for name, values in found.items() if isinstance(values, dict)}


def save(home: Workspace, stage: str, name: str, values: Mapping[str, Any] | None) -> None:
    """Save a preset, or remove it, if there are no values.

    Raises
    ------
    UsageError
        If the name is no name, or there are too many.
    """
    name = name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise UsageError(f"a preset needs a name of 1 to {LONGEST_NAME} characters")
    presets = _read(home)
    own = presets.setdefault(stage, {})
    own.pop(name, None)
    if values is not None:
        own[name] = dict(values)
    if len(own) > MOST:
        raise UsageError(f"{stage} has {MOST} presets already; remove one first")
    path = _path(home)
    path.parent.mkdir(exist_ok=True)
    write_json(path, {"version": 1, "presets": presets})


def _read(home: Workspace) -> dict[str, dict[str, Any]]:
    path = _path(home)
    if not path.exists():
        return {}
    presets = read_record(path, "presets", 1).get("presets")
    if not isinstance(presets, dict):
        return {}
    return {stage: own for stage, own in presets.items() if isinstance(own, dict)}


def _path(home: Workspace) -> Path:
    return no_link(no_link(home.folder / FOLDER) / "presets.json")

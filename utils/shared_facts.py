"""What identifies a run that several machines share, and how two runs differ."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from utils import program
from utils.console import one_line

ENDS = 1 << 20
"""Bytes at both ends of a video that tell it from another one of the same size."""

SharedFacts = Mapping[str, Any]
"""JSON values that all shares of a run have in common."""


def identity_of(footage: Path, names: list[str], run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what all shares of a run have in common.

    Parameters
    ----------
    footage : Path
        The folder or video.
    names : list of str
        The frames of a folder.
    run : mapping of str
        What else determines the result, such as a journal's header.
    """
    found = {"program": program.version(), "footage": _digest(footage, names), **run}
    return cast("dict[str, Any]", json.loads(json.dumps(found)))


def _digest(footage: Path, names: list[str]) -> str:
    """Return what tells footage from other footage, without reading all of it."""
    digest = hashlib.blake2b(digest_size=8)
    if footage.is_dir():
        digest.update("\0".join(names).encode("utf-8", "surrogatepass"))
        return f"{len(names)} images {digest.hexdigest()}"
    size = footage.stat().st_size
    with footage.open("rb") as file:
        digest.update(file.read(ENDS))
        file.seek(max(0, size - ENDS))
        digest.update(file.read(ENDS))
    return f"{size} bytes {digest.hexdigest()}"


def _flat(values: Mapping[str, Any], within: str = "") -> Iterator[tuple[str, Any]]:
    """Yield each value with its name, those within others as "look mode"."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{within}{name} ")
        else:
            yield within + name, value


def differences(mine: SharedFacts, theirs: SharedFacts) -> str:
    """Return what differs, as in "image-size is 64, there 256"; empty if nothing does."""
    ours, others = dict(_flat(mine)), dict(_flat(theirs))
    return "; ".join(
        one_line(f"{name} is {ours.get(name)}, there {others.get(name)}")
        for name in {**others, **ours}
        if ours.get(name) != others.get(name)
    )

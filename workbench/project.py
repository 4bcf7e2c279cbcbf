"""What the page shows of a workspace: the lines of `status`, and what can be looked at."""

from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools import status
from utils import workspace
from utils.errors import UserError
from utils.workspace import NextStep, Workspace
from workbench import forms, picker


def project(home: Workspace, *, busy: bool = False) -> dict[str, Any]:
    """Return the state of the workspace as JSON values.

    Parameters
    ----------
    busy : bool
        Whether a job of the queue runs: its locks are nothing to wait for, the queue does so.
    """
    try:
        waiting = "" if busy else status.waits(home)
        step = NextStep("", waiting) if waiting else home.next_step()
        rows = status.rows(home)
        problem = ""
    except UserError as error:
        waiting, step, rows, problem = "", NextStep("", ""), [], str(error)
    return {
        "folder": str(home.folder),
        "rows": rows,
        "problem": problem,
        "next": _next(home, step),
        "lacks": "" if waiting or problem or step.words else _lacks(home),
        "sides": {
            side: {
                "about": about,
                "clip": _clip(home, side),
                "footage": _has_footage(home, side),
                "elsewhere": str(home.elsewhere.get(side, "")),
                "earlier": picker.earlier(home, side),
                "faces": home.faces(side).is_dir(),
            }
            for side, about in workspace.SIDES.items()
        },
        "model": home.model.is_dir(),
        "result": url(home, home.result),
        "evaluation": url(home, home.evaluation),
        "preview": url(home, home.model / "preview.png"),
    }


def _next(home: Workspace, step: NextStep) -> dict[str, Any]:
    if not step.words:
        return {"stage": "", "values": {}, "words": [], "command": "", "purpose": step.purpose}
    stage, values = forms.from_words(step.words.split())
    words = forms.with_footage(step.words.split(), home)
    return {
        "stage": stage,
        "values": values,
        "words": words,
        "command": forms.typed(words, home),
        "purpose": step.purpose,
    }


def _lacks(home: Workspace) -> str:
    """Return the side whose clip comes next; nothing if both are there."""
    missing = (side for side in workspace.SIDES if not home.clip(side).exists())
    return next((side for side in missing if not workspace.has_images(home.faces(side))), "")


def _clip(home: Workspace, side: str) -> str | None:
    try:
        return url(home, home.clip(side))
    except UserError:
        return None


def _has_footage(home: Workspace, side: str) -> bool:
    try:
        return home.clip(side).exists()
    except UserError:
        return True  # several: the command says which


def url(home: Workspace, path: Path) -> str | None:
    """Return the address of a file of the workspace, another one when it changes; None if none."""
    try:
        found = path.stat()
    except OSError:
        return None
    if not path.is_file():
        return None
    version = f"{found.st_mtime_ns:x}-{found.st_size:x}"
    side = next((side for side, clip in list(home.elsewhere.items()) if clip == path), None)
    if side is not None:
        return f"/footage/{side}?{version}"
    return f"/files/{quote(path.relative_to(home.folder).as_posix())}?{version}"

"""`status`: says what is there in the workspace, how good it is, and what to do next.

It lists folders and reads small files and a sample of the faces, so that it answers at once.
"""

from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from importlib import import_module

from models import model_folder
from tools.options import StatusOptions
from utils import console, workspace
from utils.console import Report
from utils.ending import next_in
from utils.errors import InputError
from utils.files import is_image
from utils.lock import EXTRACT_LOCK, TRAIN_LOCK, held
from utils.records import read_record, reading
from utils.wording import counted
from utils.workspace import Workspace

NOTHING = "-"
TRAINED_NOW = "being trained now"


class StatusReport(Report):
    """A report that says all there is to say in its own lines."""

    @property
    def ending(self) -> str:
        """Nothing."""
        return ""


def run(options: StatusOptions) -> Report:
    """Print what is there, and the next command."""
    home = workspace.chosen(options.workspace)
    console.say(f'Workspace: "{home.folder}"\n')
    listed = rows(home, gaps=_gaps(home))
    width = max(len(title) for title, _ in listed) + 2
    console.say("\n".join(f"  {title:{width}}{text}" for title, text in listed))
    waiting = waits(home)
    console.say(f"\nNext: {waiting}" if waiting else f"\n{next_in(home)}")
    return StatusReport()


def rows(home: Workspace, gaps: str = "") -> list[tuple[str, str]]:
    """Return what is there, as titles and what is to be said; a line that goes on has no title."""
    found = [row for side in workspace.SIDES for row in _side(home, side)]
    first, *more = _quality(home)
    if gaps:
        found.append(("src for dst", gaps))
    found += [("model", _model(home)), ("result", _result(home)), ("how good it is", first)]
    return found + [("", line) for line in more]


def waits(home: Workspace) -> str:
    """Return what to wait for; nothing while no other process extracts or trains here."""
    for side in workspace.SIDES:
        if _is_extracted(home, side):
            if home.extraction_ended(side):
                return f"wait until {side}'s faces are corrected, or end that where it runs"
            return f"wait until the faces of {side} are found"
    if not _is_trained(home):
        return ""
    preview = home.model / "preview.png"
    shown = f'; how far it is shows "{preview}"' if preview.is_file() else ""
    return f"wait for the training, or stop it with Ctrl-C where it runs{shown}"


def _is_extracted(home: Workspace, side: str) -> bool:
    return held(home.faces(side) / EXTRACT_LOCK)


def _is_trained(home: Workspace) -> bool:
    return held(home.model / TRAIN_LOCK)


def _side(home: Workspace, side: str) -> Iterator[tuple[str, str]]:
    clip, faces = home.clip(side), home.faces(side)
    yield f"{side} footage", clip.name if clip.exists() else NOTHING
    count = sum(map(is_image, faces.iterdir())) if faces.is_dir() else 0
    notes = []
    if _is_extracted(home, side):
        notes.append("being extracted now")
    elif home.extraction_ended(side) is False:
        notes.append("extract has not come to its end: run it again to continue")
    if count and home.is_sorted(side):
        notes.append("sorted")
    found = f"{count}" + "".join(f", {note}" for note in notes)
    yield f"{side} faces", found if count else _why_none(home, side)


def _why_none(home: Workspace, side: str) -> str:
    if home.all_deleted(side):
        return "all were deleted"
    return "no face was found" if home.found_nothing(side) else NOTHING


def _gaps(home: Workspace) -> str:
    """Return which head directions of dst src lacks most, if both have faces."""
    src, dst = home.faces("src"), home.faces("dst")
    if not (workspace.has_images(src) and workspace.has_images(dst)):
        return ""
    coverage = import_module("facelib.coverage")  # not at the top: loads NumPy
    gaps = coverage.sampled_gaps(src, dst, mirrored=_mirrors(home))
    if gaps is None:
        return ""
    return str(gaps[0]) if gaps else "src's faces look everywhere that dst's do"


def _mirrors(home: Workspace) -> bool:
    """Whether training shows src's faces mirrored, too."""
    for generation in model_folder.generations(home.model)[:1]:
        with suppress(InputError):
            options = read_record(generation / "options.json", "training options", None)
            return options.get("random_flip") is not False
    return True


def _model(home: Workspace) -> str:
    state = model_folder.newest_state(home.model)
    if not state:
        return TRAINED_NOW if _is_trained(home) else NOTHING
    minutes = round(state.get("seconds", 0) / 60)
    facts = [
        f"{state.get('model')}, iteration {state.get('iteration', 0):,}",
        f"{counted(minutes, 'minutes')} of training",
        f"saved {_when(workspace.changed(home.model))}",
    ]
    return ", ".join([*facts, TRAINED_NOW] if _is_trained(home) else facts)


def _result(home: Workspace) -> str:
    made = workspace.changed(home.result)
    if not made:
        return NOTHING
    older = ", older than the model" if home.trained and home.conversion() else ""
    return f"{home.result.name}, {_when(made)}{older}"


def _quality(home: Workspace) -> list[str]:
    """Return what evaluate says of the result, in lines."""
    if not workspace.changed(home.evaluation):
        return [NOTHING]
    try:
        record = read_record(home.evaluation, "evaluation", 1)
        with reading(home.evaluation, "evaluation"):
            said = [str(line) for line in record["verdict"]]
    except InputError:
        name = home.evaluation.name
        return [f"{name} cannot be read, or is of an earlier version; run evaluate again"]
    older = workspace.changed(home.evaluation) < workspace.changed(home.result)
    return [*(["of an earlier result:"] if older else []), *(said or [NOTHING])]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")

"""The models of a workspace, and the jobs that train them."""

from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from models import MODELS, model_folder
from trainer import option_changes
from trainer.options import TrainOptions, options_class
from utils.errors import UserError
from utils.options import Option, options_of
from utils.workspace import Workspace
from workbench import forms
from workbench.job import ACTIVE, QueuedJob


def models(home: Workspace) -> list[Path]:
    """Return the folders of the workspace that hold a model, the usual one first."""
    found = []
    with suppress(OSError):
        found = [
            path
            for path in sorted(home.folder.iterdir())
            if (path / model_folder.GENERATIONS).is_dir() and not path.is_symlink()
        ]
    return sorted(found, key=lambda path: path != home.model)


def may_train(job: QueuedJob) -> bool:
    """Whether a job that runs trains, now or later."""
    return job.state in ACTIVE and job.words[0] in ("train", "run")


def folder_of(job: QueuedJob, home: Workspace) -> Path | None:
    """Return the folder of the model that a job trains."""
    try:
        cls, given = forms.read_flags(forms.in_workspace(job.words, home))
    except UserError:
        return None
    places = {option.name: option.place for option in options_of(cls)}
    return home.folder / given.get("model_dir", places.get("model_dir") or home.model)


def state_of(folder: Path) -> dict[str, Any]:
    """Return the state of a model, as far as it can be read."""
    try:
        return model_folder.newest_state(folder)
    except (OSError, UserError):
        return {}


@cache
def _declared(model: str) -> Mapping[str, Option]:
    """Return the options of a model by name; where it is unknown, those that all have."""
    cls = options_class(model) if model in MODELS else TrainOptions
    return {option.name: option for option in options_of(cls)}


def changes_in(state: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return where options changed, in words."""
    declared = _declared(str(state.get("model")))
    return [
        {
            "iteration": change["iteration"],
            "text": option_changes.in_words(change["options"], declared),
        }
        for change in option_changes.sound(state.get("changes"))
    ]


def memory_of(pid: int | None) -> int:
    """Return the bytes of memory that a process and its children use."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total

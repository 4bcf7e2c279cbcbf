"""What a model folder holds, told without reading weights; see `checkpoint` for its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from models import MODELS
from models.base import MASK
from utils import workspace
from utils.errors import InputError, ModelError
from utils.files import no_link
from utils.records import read_record

GENERATIONS = "generations"


def check(folder: Path, flag: str) -> None:
    """Refuse a path that holds no model that was trained to swap two people's faces.

    Parameters
    ----------
    flag : str
        The option that names it, for the message.

    Raises
    ------
    ModelError
    """
    check_trained(folder, flag)
    if task_of(folder) == MASK:
        raise ModelError(
            f'the model in "{folder}" masks faces, so it has no swap; {flag} needs a model that '
            "swaps them"
        )
    if is_pretrained(newest_state(folder)):
        raise ModelError(
            f'the model in "{folder}" is a base, trained on many people with --pretrain, so there '
            f'is no one whom it puts in; begin a pair from it: "train --load-weights {folder}"'
        )


def check_masks(folder: Path, flag: str) -> None:
    """Refuse a path that holds no trained model that masks faces; arguments as `check`."""
    check_trained(folder, flag, "train --model MASK")
    if task_of(folder) not in (None, MASK):
        raise ModelError(
            f'the model in "{folder}" swaps faces; {flag} needs one that masks them: '
            '"train --model MASK" makes it'
        )


def task_of(folder: Path) -> str | None:
    """Return what the model in a folder was trained for; None if it is damaged or not known."""
    name = newest_state(folder).get("model")
    return MODELS.load(name).task if isinstance(name, str) and name in MODELS else None


def is_pretrained(state: Mapping[str, Any]) -> bool:
    """Tell by the state of a model whether it is a base for others, trained on many people."""
    return state.get("pretrained") is True


def check_trained(folder: Path, flag: str, command: str = "train") -> None:
    """Refuse a path that holds no trained model of any kind; `command` makes one."""
    if generations(folder):
        return
    home = workspace.holding(folder)
    train = command if home is None else f'"{home.typed(command)}"'
    inside = sorted(path for path in _folders_in(folder) if generations(path))
    remedy = f"is it {flag} {inside[0]}?" if inside else f"run {train} first"
    raise ModelError(f'there is no trained model in "{folder}"; {remedy}')


def generations(model_dir: Path) -> list[Path]:
    """Return the folders of all complete generations, newest first."""
    return generations_in(no_link(model_dir / GENERATIONS))


def generations_in(folder: Path) -> list[Path]:
    """Return the complete generations in a folder, newest first."""
    found = [path for path in _folders_in(folder) if is_generation(path)]
    return sorted(found, key=lambda path: (int(path.name), len(path.name)), reverse=True)


def is_generation(path: Path) -> bool:
    """Whether a path in the folder of generations is one, complete and no link to elsewhere."""
    number = path.name.isascii() and path.name.isdecimal()
    return number and path.is_dir() and not path.is_symlink()


def newest_state(model_dir: Path) -> dict[str, Any]:
    """Return the state.json of the newest generation that has a sound one; empty for none."""
    for folder in generations(model_dir):
        try:
            state = read_record(folder / "state.json", "training state", None)
        except InputError:
            continue
        if isinstance(state.get("iteration"), int) and isinstance(
            state.get("seconds"), int | float
        ):
            return state
    return {}


def check_name(found: str | None, model_dir: Path, name: str | None) -> None:
    """Refuse a folder that holds another model than `name`; None takes any.

    Raises
    ------
    ModelError
    """
    if None not in (name, found) and name != found:
        raise ModelError(
            f'"{model_dir}" holds a {found} model, not {name}; use --model {found} or another '
            "--model-dir"
        )


def _folders_in(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir()] if folder.is_dir() else []

"""What DeepFaceLab 2 keeps of a model: files of one folder whose names begin alike.

new_SAEHD_data.dat      options, iteration, losses, some samples; a pickle
new_SAEHD_encoder.npy   the weights of a network by name; a pickle in spite of the suffix
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tools.util import dfl_pickle
from tools.util.dfl_pickle import Limits
from utils.console import quoted
from utils.errors import InputError

KINDS = ("SAEHD", "AMP")
DATA = "_data.dat"
LARGEST_DATA = 1 << 31
"""Bytes; the samples of a large batch of large faces take some hundred millions."""
SHARE = 20
"""Bytes in memory for each of the data; the losses, a list each iteration, take up to 6."""
STATE = Limits(LARGEST_DATA, 1 << 26, "data", "a saved model")
"""An iteration's losses take 6 steps."""
SLACK = 1 << 20
"""Bytes of names, shapes and types in a file of weights."""
NETWORK = Limits(SLACK, 1 << 17, "data", "a saved model")
MOST = 10**9
"""Iterations; thirty years of training."""
LONGEST_TEXT = 100
"""Of an option's value."""
NAMES_SHOWN = 12
REMEDY = "copy it again from where it was trained"


class DflModel(NamedTuple):
    """A model in a folder.

    Attributes
    ----------
    folder : Path
        Where its files are.
    name : str
        What their names begin with, "new_SAEHD".
    iteration : int
        Number of training steps.
    options : dict
        Numbers and text, by the names that DeepFaceLab gives them.
    """

    folder: Path
    name: str
    iteration: int
    options: dict[str, Any]

    @property
    def kind(self) -> str:
        """The name of the architecture."""
        return self.name.rpartition("_")[2]

    @property
    def pretrained(self) -> bool:
        """Whether it was trained on many people, as a base for models of two."""
        return self.options.get("pretrain") is True

    @property
    def data(self) -> Path:
        """The file with the options."""
        return self.folder / f"{self.name}{DATA}"

    def path(self, network: str) -> Path:
        """Return the file with the weights of a network."""
        return self.folder / f"{self.name}_{network}.npy"


def open_model(folder: Path, name: str | None = None) -> DflModel:
    """Find a model and read everything but its weights.

    Parameters
    ----------
    name : str or None
        Which one, if the folder holds several.

    Raises
    ------
    InputError
        If there is none, it cannot be told which, or its data are damaged or no data.
    """
    model = DflModel(folder, _choose(folder, name), 0, {})
    limits = STATE._replace(longest=dfl_pickle.FACE.longest + SHARE * _size(model.data))
    record = _read(model.data, limits)
    if not isinstance(record, dict):
        raise _damaged(model.data)
    iteration, options = record.get("iter"), record.get("options")
    if type(iteration) is not int or not 0 <= iteration <= MOST or not isinstance(options, dict):
        raise _damaged(model.data)
    plain = {name: value for name, value in options.items() if _is_plain(value)}
    return model._replace(iteration=iteration, options=plain)


def _is_plain(value: object) -> bool:
    """Whether a value can be one of an option that matters here."""
    return isinstance(value, (bool, int, float)) or (
        isinstance(value, str) and len(value) <= LONGEST_TEXT
    )


def _choose(folder: Path, name: str | None) -> str:
    if not folder.is_dir():
        raise InputError(f'there is no folder "{folder}"')
    found = sorted(
        path.name.removesuffix(DATA) for path in folder.iterdir() if path.name.endswith(DATA)
    )
    models = [each for each in found if each.rpartition("_")[2] in KINDS]
    wanted = [each for each in models if name in (None, each, each.rpartition("_")[0])]
    if len(wanted) == 1:
        return wanted[0]
    if not models:
        others = f" but {', '.join(map(quoted, found[:NAMES_SHOWN]))}" if found else ""
        raise InputError(
            f'"{folder}" holds no SAEHD or AMP model of DeepFaceLab 2{others}; its folder has a '
            f"file such as new_SAEHD{DATA}"
        )
    names = ", ".join(quoted(each) for each in (wanted or models)[:NAMES_SHOWN])
    if not wanted:
        raise InputError(f'"{folder}" holds no model {quoted(str(name))} but {names}')
    raise InputError(f'"{folder}" holds {len(wanted)} models, {names}; choose one by --name')


def read_weights(path: Path, expected: Sequence[int]) -> dict[str, np.ndarray]:
    """Return the arrays of a file of weights, float16 or float32, by name.

    Parameters
    ----------
    expected : sequence of int
        Sizes of the arrays that it should hold.

    Raises
    ------
    InputError
        If it is missing, damaged, or holds anything else.
    """
    size, largest = _size(path), 4 * sum(expected) + SLACK
    if size > largest:
        raise InputError(
            f'"{path.name}" is larger than the options in the {DATA.strip("_")} beside it explain: '
            f"Expected: up to {largest:,} bytes. Received: {size:,}"
        )
    arrays = _read(path, NETWORK._replace(longest=2 * largest))
    if not isinstance(arrays, dict):
        raise _damaged(path)
    for key, array in arrays.items():
        if not isinstance(array, np.ndarray) or array.dtype.str[1:] not in ("f2", "f4"):
            kind = array.dtype.name if isinstance(array, np.ndarray) else type(array).__name__
            raise InputError(
                f'"{path.name}" holds {quoted(key)} as {kind}; weights are float32 or float16'
            )
    return {key.removesuffix(":0"): array for key, array in arrays.items()}


def _read(path: Path, limits: Limits) -> object:
    try:
        with path.open("rb") as file:
            return dfl_pickle.read_from(file, path.name, limits)
    except OSError as problem:
        raise InputError(f'cannot read "{path}": {problem.strerror}') from None


def _size(path: Path) -> int:
    if not path.is_file():
        raise InputError(f'"{path.name}" is missing in "{path.parent}"; {REMEDY}')
    size = path.stat().st_size
    if size > LARGEST_DATA and path.name.endswith(DATA):
        raise InputError(f'"{path.name}" is too large for the options of a model: {size:,} bytes')
    return size


def _damaged(path: Path) -> InputError:
    return InputError(f'"{path.name}" is damaged, or not what DeepFaceLab 2 saves; {REMEDY}')

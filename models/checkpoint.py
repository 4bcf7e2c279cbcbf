"""A model folder: complete generations of weights, optimizer, options and history, newest first.

    model/
      generations/
        000012000/            appears in one rename, when all its files are on disk
          weights.npz         "encoder/0", "encoder/1", ... float32, in Keras's order
          optimizer.npz       the optimizer state, so that training continues without a jump, and
                              "raw/encoder/0", ... where weights.npz holds averaged weights, and
                              "critics/..." where a critic takes part in the training
          history.npy         (iterations, losses) float32
          options.json        the training options
          state.json          {"version": 1, "model": "H64", "iteration": 12000, ...}
          checksums.json      SHA-256 of the others
        000011400/
      backups/                generations that are kept permanently; moved back by hand

A damaged generation is skipped with a warning and the previous one is used. No pickles: arrays are
read with `allow_pickle=False`.
"""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from models import MODELS, retention
from models.base import ModelBase
from models.model_folder import GENERATIONS, check_name, generations, generations_in
from utils import console, options
from utils.errors import InputError, ModelError, UsageError
from utils.files import TEMPORARY, no_link, sync, sync_folder
from utils.records import DAMAGE, read_arrays, read_record, reading

VERSION = 1
BACKUPS = "backups"
FILES = ("weights.npz", "optimizer.npz", "history.npy", "options.json", "state.json")
LEFTOVER = re.compile(rf"({re.escape(TEMPORARY)}|\.saving-)[0-9a-f]{{8}}")  # the earlier name, too
SAVED, MOVE_AWAY = "saved weights", "move its generation away to use the one before it"
RAW = "raw/"  # begins the names of the weights in training, in the optimizer's file
CRITICS = "critics/"  # begins the names of all that belongs to critics, there as well
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Generation:
    """One saved state of a model; arrays are read on request."""

    path: Path
    state: dict[str, Any]
    options: dict[str, Any]

    @property
    def model(self) -> str:
        """The model's name in the registry."""
        return str(self.state["model"])

    @property
    def iteration(self) -> int:
        """Number of training steps."""
        return int(self.state["iteration"])

    def weights(self) -> dict[str, list[np.ndarray]]:
        """Return the arrays of each network, in Keras's order."""
        return self._networks("weights.npz")

    def trained_weights(self) -> dict[str, list[np.ndarray]]:
        """Return the weights from which training continues: not averaged ones."""
        return self._networks("optimizer.npz", RAW) or self.weights()

    def optimizer(self) -> Arrays:
        """Return the optimizer state."""
        path = self.path / "optimizer.npz"
        return read_arrays(
            path, SAVED, lambda name: not name.startswith((RAW, CRITICS)), remedy=MOVE_AWAY
        )

    def critics(self) -> Arrays:
        """Return the weights of the critics and the states of their optimizers."""
        path = self.path / "optimizer.npz"
        arrays = read_arrays(path, SAVED, lambda name: name.startswith(CRITICS), remedy=MOVE_AWAY)
        return {name.removeprefix(CRITICS): array for name, array in arrays.items()}

    def history(self) -> np.ndarray:
        """Return the losses, (iterations, losses) float32."""
        path = self.path / "history.npy"
        with reading(path, "list of losses", remedy=MOVE_AWAY), path.open("rb") as file:
            return np.asarray(np.load(file, allow_pickle=False)).astype(np.float32, casting="safe")

    def _networks(self, name: str, prefix: str = "") -> dict[str, list[np.ndarray]]:
        """Read the arrays of a file that begin with `prefix`, by network."""
        path = self.path / name
        arrays = read_arrays(path, SAVED, lambda name: name.startswith(prefix), remedy=MOVE_AWAY)
        with reading(path, SAVED, remedy=MOVE_AWAY):
            return _by_network({key.removeprefix(prefix): a for key, a in arrays.items()})


def save_generation(
    model_dir: Path,
    *,
    state: Mapping[str, Any],
    options: Mapping[str, Any],
    weights: Mapping[str, list[np.ndarray]],
    optimizer: Mapping[str, np.ndarray],
    history: np.ndarray,
    keep: int | None,
) -> Path:
    """Write a generation and make it the newest in one rename.

    All but the newest `keep` are removed; None leaves that to `remove_old`. `state` must contain
    "model" and "iteration". After an OSError (a full disk) the older generations are intact.
    """
    folder = no_link(model_dir / GENERATIONS)
    folder.mkdir(parents=True, exist_ok=True)
    for each in (folder, no_link(model_dir / BACKUPS)):
        _remove_leftovers(each)
    temporary = _temporary(folder)
    temporary.mkdir()
    try:
        np.savez(temporary / "weights.npz", allow_pickle=False, **flat_names(weights))
        np.savez(temporary / "optimizer.npz", allow_pickle=False, **optimizer)
        np.save(temporary / "history.npy", history.astype(np.float32), allow_pickle=False)
        _write_json(temporary / "options.json", options)
        _write_json(temporary / "state.json", {"version": VERSION, **state})
        sums = {path.name: _checksum(path) for path in sorted(temporary.iterdir())}
        _write_json(temporary / "checksums.json", sums)
        for path in temporary.iterdir():
            sync(path)
        final = _place(temporary, folder, int(state["iteration"]))
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    if keep is not None:
        _remove_all_but(model_dir, _iterations(model_dir)[: max(keep, 1)])
    return final


def _place(temporary: Path, folder: Path, iteration: int) -> Path:
    """Name a complete generation; at no moment is there none of its iteration."""
    replaced = [path for path in generations_in(folder) if int(path.name) == iteration]
    name = f"{iteration:09d}"
    final = folder / name
    while final.exists():  # the same iteration again: one more zero makes it the newer one
        final = final.with_name(f"0{final.name}")
    temporary.rename(final)
    sync_folder(folder)
    for path in replaced:
        shutil.rmtree(path, ignore_errors=True)
    if not (folder / name).exists():
        final = final.rename(folder / name)
    return final


def load_newest(model_dir: Path, at_most: int | None = None) -> Generation | None:
    """Return the newest intact generation, or None when there is no generation at all.

    Parameters
    ----------
    at_most : int or None
        Ignore generations with more iterations.

    Raises
    ------
    ModelError
        If all generations are damaged, or one was made by a newer version.
    """
    found = [
        path for path in generations(model_dir) if at_most is None or int(path.name) <= at_most
    ]
    for path in found:
        try:
            return _open(path)
        except InputError as problem:
            console.warn(f'"{path}" is damaged ({problem}); trying the previous generation')
    if found:
        raise ModelError(
            f'no generation in "{model_dir / GENERATIONS}" can be read; put a copy there (perhaps '
            f'from "{model_dir / BACKUPS}"), or use another --model-dir'
        )
    return None


def remove_newer(model_dir: Path, iteration: int) -> None:
    """Remove the generations after an iteration."""
    _remove_all_but(model_dir, [found for found in _iterations(model_dir) if found <= iteration])


def remove_old(model_dir: Path, keep: int, healthy: int, *, ended: bool = False) -> None:
    """Remove what need not be kept, while a model is trained or when that has ended."""
    kept = retention.kept_at_the_end if ended else retention.kept_while_training
    _remove_all_but(model_dir, kept(_iterations(model_dir), keep, healthy))


def remove_oldest(model_dir: Path, healthy: int) -> int | None:
    """Remove the generation that is dispensable and return its iteration; None when none is."""
    found = _iterations(model_dir)
    oldest = retention.dispensable(found, healthy)
    if oldest is not None:
        _remove_all_but(model_dir, set(found) - {oldest})
    return oldest


def _iterations(model_dir: Path) -> list[int]:
    return [int(path.name) for path in generations(model_dir)]


def _remove_all_but(model_dir: Path, kept: Collection[int]) -> None:
    for path in generations(model_dir):
        if int(path.name) not in kept:
            shutil.rmtree(path, ignore_errors=True)


def back_up(model_dir: Path) -> Path:
    """Keep the newest generation permanently and return the folder of the backup.

    Its files never change, so they are hard links where the disk supports that.
    """
    newest = generations(model_dir)[0]
    backup = no_link(model_dir / BACKUPS) / newest.name
    if not backup.exists():
        backup.parent.mkdir(exist_ok=True)
        temporary = _temporary(backup.parent)
        try:
            shutil.copytree(newest, temporary, copy_function=_link)
            temporary.rename(backup)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    return backup


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another disk, or one without hard links
        shutil.copy2(source, target)


def trained_generation(model_dir: Path, name: str | None = None) -> Generation:
    """Return the newest undamaged generation of a trained model.

    Raises
    ------
    ModelError
        If the folder holds no model, only damaged ones, or another model than `name`.
    """
    generation = load_newest(model_dir)
    if generation is None:
        raise ModelError(f'there is no trained model in "{model_dir}"; run train first')
    check_name(generation.model, model_dir, name)
    return generation


def model_of(generation: Generation) -> ModelBase:
    """Build a generation's model and load its weights, for prediction."""
    model = build_model(generation.model, generation.options)
    set_weights(model, generation)
    return model


def load_model(model_dir: Path, name: str | None = None) -> ModelBase:
    """Build the newest model saved in a folder and load its weights, for prediction."""
    return model_of(trained_generation(model_dir, name))


def build_model(name: str, values: Mapping[str, Any]) -> ModelBase:
    """Build a model; those of `values` that are not its own options are ignored."""
    cls = MODELS.load(name)
    own = {option.name for option in options.options_of(cls.Options)}
    try:
        chosen = options.from_json(cls.Options, {k: v for k, v in values.items() if k in own})
    except UsageError as problem:
        raise ModelError(f"the saved options of the {name} model are damaged: {problem}") from None
    model: ModelBase = cls(chosen)
    return model


def set_weights(model: ModelBase, generation: Generation, *, to_train: bool = False) -> None:
    """Load a generation's weights into a model, averaged or to train it further.

    Raises
    ------
    ModelError
        If they do not fit the networks.
    """
    saved = generation.trained_weights() if to_train else generation.weights()
    if set(saved) != set(model.networks):
        names, needed = ", ".join(sorted(saved)), ", ".join(sorted(model.networks))
        raise ModelError(f'"{generation.path}" holds the networks {names}; the model has {needed}')
    for name, network in model.networks.items():
        try:
            network.set_weights(saved[name])
        except DAMAGE as problem:
            raise ModelError(f'the weights in "{generation.path}" do not fit: {problem}') from None


def _open(path: Path) -> Generation:
    """Check and open a generation; InputError when it is damaged."""
    state = read_record(path / "state.json", "training state", None)
    with reading(path, "generation", damaged="its state.json is incomplete"):
        if int(state["version"]) > VERSION:
            raise ModelError(
                f'"{path}" was made by a newer version of this program; update it. '
                f"Expected: format {VERSION}. Received: {console.one_line(str(state['version']))}"
            )
    sums = read_record(path / "checksums.json", "list of checksums", None)
    for name in FILES:
        with reading(path / name, "file"):
            found = _checksum(path / name)
            if sums.get(name, found) != found:
                raise InputError(f"{name} has changed since it was saved")
    values = read_record(path / "options.json", "training options", None)
    generation = Generation(path, state, values)
    with reading(path, "generation", damaged="its state.json is incomplete"):
        _ = generation.model, generation.iteration
    return generation


def flat_names(networks: Mapping[str, list[np.ndarray]], prefix: str = "") -> Arrays:
    """Name the arrays of networks "encoder/0", "encoder/1", ..."""
    return {f"{prefix}{n}/{i}": a for n, arrays in networks.items() for i, a in enumerate(arrays)}


def _by_network(arrays: Arrays) -> dict[str, list[np.ndarray]]:
    networks: dict[str, list[np.ndarray]] = {}
    for key in sorted(arrays, key=_network_and_number):
        networks.setdefault(_network_and_number(key)[0], []).append(arrays[key])
    return networks


def _network_and_number(key: str) -> tuple[str, int]:
    name, _, number = key.rpartition("/")
    return name, int(number)


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False), encoding="utf-8")


def _temporary(folder: Path) -> Path:
    """Return the name of a generation that is not complete yet."""
    return folder / f"{TEMPORARY}{secrets.token_hex(4)}"


def _remove_leftovers(folder: Path) -> None:
    """Remove what a killed save left in a folder; only one trainer writes here at a time."""
    if folder.is_dir():
        for left in folder.iterdir():
            if LEFTOVER.fullmatch(left.name):
                shutil.rmtree(left, ignore_errors=True)

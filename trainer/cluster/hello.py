"""What members must have in common: the program, the engine, the options and the faces."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

from facelib.faceset import FaceFiles, Faceset
from facelib.held_out import SIDES
from models.critics import is_power
from trainer.cluster.addresses import parse
from trainer.cluster.group import Group
from trainer.options import TrainOptions, flag_of, to_save
from trainer.sample_options import OutputOptions
from utils import engines, program
from utils.errors import InputError
from utils.options import options_of, to_json, to_text

OF_RANK_0 = frozenset({"batch_size", "grow_batch", "seed"})
"""Options that rank 0 tells the others, besides those that may change while it trains."""
OF_ALL = frozenset({"mixed_precision"})
"""Options that no model remembers and that must be the same."""


def about(options: TrainOptions) -> dict[str, Any]:
    """Return what a member says of itself."""
    return {
        "program": program.version(),
        "engine": engines.current(),
        "cluster": [str(address) for address in parse(options.cluster or "")],
        "options": _compared(options),
    }


def _compared(options: TrainOptions) -> dict[str, Any]:
    """Return the options that shape the network, a step or the samples, as JSON values."""
    output = {option.name for option in options_of(OutputOptions)}
    of_rank_0 = (
        OF_RANK_0
        | output
        | {
            option.name
            for option in options_of(type(options))
            if option.meta["live"] and not is_power(option.name)
        }
    )
    values = {name: to_json(options)[name] for name in OF_ALL}
    values |= {name: value for name, value in to_save(options).items() if name not in of_rank_0}
    return values | {"pretrain": options.pretrain is not None}


def fault(own: Mapping[str, Any], said: Mapping[str, Any], name: str) -> str:
    """Return why another member does not belong to rank 0; empty if it does.

    Parameters
    ----------
    name : str
        Who that is.
    """
    for what, remedy in (
        ("program", "install the same version of this program on all machines"),
        ("engine", "choose the same --engine for all members"),
        ("cluster", "give all members the same --cluster"),
    ):
        if said.get(what) != own[what]:
            return (
                f"{name} has another {what}: {_shown(said.get(what))} instead of "
                f"{_shown(own[what])}; {remedy}"
            )
    theirs = said.get("options")
    theirs = theirs if isinstance(theirs, dict) else {}
    different = [name for name, value in own["options"].items() if theirs.get(name) != value]
    if "model" in different:  # which has other defaults
        different = ["model"]
    others = [
        f"{flag_of(name)} {_shown(theirs.get(name))} instead of {_shown(own['options'][name])}"
        for name in different
    ]
    if others or theirs.keys() != own["options"].keys():
        return (
            f"{name} has other options: {', '.join(others) or 'of another model'}; start all "
            "members with the same flags, and with those that the model of rank 0 remembers"
        )
    return ""


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ",".join(map(str, value))
    return to_text(value) if isinstance(value, bool | int | float | str) else "none"


def compare_faces(group: Group, sides: Sequence[Faceset]) -> None:
    """See that all members have the faces of rank 0.

    Raises
    ------
    InputError
        On rank 0, if one has not.
    Ended
        On the others.
    """
    own = {name: _fingerprint(faces) for name, faces in zip(SIDES, sides, strict=True)}
    if group.rank:
        group.peers[0].send({"faces": own})
        group.hear()
        return
    for peer in group.peers:
        theirs = peer.receive().get("faces", {})
        for side, faces in zip(SIDES, sides, strict=True):
            if theirs.get(side) != own[side]:
                count = theirs.get(side, [0])[0]
                reason = (
                    f"{peer.name} has other faces of {side}: {count} instead of {own[side][0]}"
                    if count != own[side][0]
                    else f"{peer.name} has other versions of the {count} faces of {side}"
                )
                raise InputError(f'{reason}; copy all of "{faces.folder}" to it')
    group.tell({"faces": "equal"})


def _fingerprint(faces: FaceFiles) -> list[Any]:
    """Return how many faces there are, and a hash of their names, sizes and landmarks."""
    digest = blake2b(digest_size=16)
    for path, info in faces:
        size = path.stat().st_size
        digest.update(f"{path.name}\0{size}\0{info.source}\0{info.frame_index}\0".encode())
        digest.update(info.landmarks.tobytes())
    return [len(faces), digest.hexdigest()]

"""Stops a training whose faces are not those of the people that the model knows."""

from pathlib import Path

from facelib.faceset import Faceset
from facelib.held_out import SIDES
from facelib.people import (
    People,
    Person,
    distance,
    read_people,
    recognize,
    same_below,
)
from models import model_folder
from utils import console
from utils.errors import InputError, WeightsError
from utils.wording import counted

CHECK = "check --training-data-src-dir and --training-data-dst-dir"


def check_people(model_dir: Path, src: Faceset, dst: Faceset, *, new_faces: bool) -> People | None:
    """Compare both facesets with the people that a model knows.

    A model that knows none, new or of an earlier build, takes any.

    Parameters
    ----------
    new_faces : bool
        Whether the model goes on with these people, whomever it knows.

    Returns
    -------
    people : People or None
        Whom the model is to know from now on; None if nothing changes, or it cannot be told.

    Raises
    ------
    InputError
        If src and dst are exchanged, or one of them is another person.
    """
    shared = _warn_of_same_faces(src, dst)
    known = read_people(model_dir) if _is_trained(model_dir) else None
    if known is None:
        console.announce("recognizing src and dst")
    try:
        found = People(*(recognize(faces, known or ()) for faces in (src, dst)))
    except (WeightsError, InputError) as reason:
        console.warn(f"it is not checked whose faces these are: {reason}")
        return None
    if known is not None and not new_faces:
        if problem := _mismatch(known, found, f'"{src.folder}"', f'"{dst.folder}"'):
            raise InputError(problem)
        found = People(*map(_updated, known, found))
    if not shared and _alike(found.src, found.dst):
        console.warn(f"src and dst look like one person: there is little to swap; {CHECK}")
    return None if found == known else found


def _is_trained(model_dir: Path) -> bool:
    """Whether a folder holds more than a model that has not begun, which may change its people."""
    newest = model_folder.generations(model_dir)[:1]
    return any(int(path.name) > 0 for path in newest)


def _alike(one: Person, other: Person) -> bool:
    return distance(one, other) < same_below()


def _updated(known: Person, found: Person) -> Person:
    return known if found is known else known.joined(found)


def _mismatch(known: People, found: People, src: str, dst: str) -> str:
    """Return what is wrong and what to do, a sentence; empty if these are the people."""
    strangers = [not _alike(*persons) for persons in zip(known, found, strict=True)]
    if not any(strangers):
        return ""
    crossed = _alike(found.src, known.dst), _alike(found.dst, known.src)
    if all(crossed):
        return (
            f"src and dst are exchanged: {src} shows the person that this model knows as dst, and "
            f"{dst} its src; exchange the two folders, use another --model-dir, or --new-faces to "
            "go on like this (--swap-sides exchanges them for a while, to help a stuck model)"
        )
    parts = [
        f"{folder} does not show the {side} that this model was trained on"
        + (f" but its {other}" if as_other else "")
        for folder, side, other, stranger, as_other in zip(
            (src, dst), SIDES, reversed(SIDES), strangers, crossed, strict=True
        )
        if stranger
    ]
    return (
        f"{', and '.join(parts)}; use faces of that person, another --model-dir, or --new-faces "
        "to go on with these"
    )


def _warn_of_same_faces(src: Faceset, dst: Faceset) -> bool:
    """Say it when faces are both src and dst, so that there is nothing to swap, and return it."""
    origins = [
        {(info.source, info.source_name, info.source_landmarks.tobytes()) for _, info in faces}
        for faces in (src, dst)
    ]
    same = origins[0] & origins[1]
    if not same:
        return False
    what = f"{counted(len(same), 'faces')} {'is' if len(same) == 1 else 'are'} both src and dst"
    if src.folder.samefile(dst.folder):
        what = f'src and dst are the same folder, "{src.folder}"'
    console.warn(f"{what}: a face that is swapped for itself does not change; {CHECK}")
    return True

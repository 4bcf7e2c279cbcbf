"""Whether a path is a folder of faces, told before anything that reads faces is imported."""

from itertools import islice
from pathlib import Path

from facelib.png import CHUNK, chunks
from utils import program, workspace
from utils.errors import InputError
from utils.files import VIDEO_SUFFIXES, is_image

LOOKED_AT = 200
"""Images; of a folder that holds more, `Faceset.open` tells later, which reads them all."""


def check(folder: Path, flag: str) -> None:
    """Refuse a path that is no folder of faces.

    Parameters
    ----------
    flag : str
        The option that names it, for the message.

    Raises
    ------
    InputError
    """
    if folder.is_file():
        raise InputError(_for_file(folder, flag))
    if not folder.is_dir():
        raise InputError(f'there is no folder "{folder}"; {_remedy(folder, flag)}')
    if (folder / workspace.SORTED).is_dir() or _holds_face(folder):  # sorted ones may be in groups
        return
    inside = folder / "aligned"
    if inside.is_dir() and _holds_face(inside):
        raise InputError(f'"{folder}" holds no faces, but a folder of them: {flag} {inside}')
    if workspace.has_images(folder):
        raise InputError(
            f'"{folder}" holds no face: its images are frames, or another program\'s; run extract, '
            "or for DeepFaceLab's faces util import-dfl, and use what that makes"
        )
    raise InputError(f'"{folder}" holds no image; {_remedy(folder, flag)}')


def _for_file(path: Path, flag: str) -> str:
    if path.suffix.lower() in VIDEO_SUFFIXES:
        return (
            f'"{path}" is a video, and {flag} needs the faces in it: run '
            f'"{program.command(f"extract --input-dir {path} --output-dir FOLDER")}" first'
        )
    return f'"{path}" is a file; {flag} needs the folder of faces that extract made'


def _remedy(folder: Path, flag: str) -> str:
    home = workspace.holding(folder)
    for side in workspace.SIDES:
        if home is not None and folder == home.faces(side):
            return f'run "{home.typed(f"extract {side}")}" first'
    return f"check the path after {flag}, or extract faces into it first"


def _holds_face(folder: Path) -> bool:
    images = list(islice(filter(is_image, folder.iterdir()), LOOKED_AT + 1))
    return len(images) > LOOKED_AT or any(map(holds_face, images))


def holds_face(path: Path) -> bool:
    """Whether a file is a face that extract made."""
    if not path.is_file():
        return False
    try:
        with path.open("rb", buffering=0) as file:
            return any(kind == CHUNK for kind, _, _ in chunks(file, path.name))
    except (OSError, InputError):
        return False

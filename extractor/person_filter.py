"""Whose face it is: keeping one person and leaving out others, by pictures of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from facelib.faceset import read_face
from facelib.recognizers import RECOGNIZERS
from facelib.types import Face
from utils.errors import InputError
from utils.images import read_image

RECOGNIZER = "sface"

Find = Callable[[np.ndarray], list[Face]]


class PersonFilter:
    """Keeps faces that look like `wanted` people and not like `unwanted` ones.

    A face is the wanted person when it is near enough to one of the pictures of that person, and
    nearer than to any picture of somebody unwanted. Without pictures of wanted people everybody is
    wanted who is not near to an unwanted one.

    Parameters
    ----------
    wanted, unwanted : pictures with one face each, or face files of an earlier extraction
    find : gives the faces of a picture

    Raises
    ------
    InputError
        If a picture cannot be read, or has no face or several.
    """

    def __init__(self, wanted: Sequence[Path], unwanted: Sequence[Path], find: Find) -> None:
        self._net = RECOGNIZERS.load(RECOGNIZER)()
        self._wanted = [self._reference(path, find) for path in wanted]
        self._unwanted = [self._reference(path, find) for path in unwanted]

    def keeps(self, image: np.ndarray, face: Face) -> bool:
        """Whether a face in a picture (H, W, 3) uint8 BGR stays."""
        vector = self._net.embed(image, face.landmarks)
        wanted, unwanted = (
            self._nearest(vector, self._wanted),
            self._nearest(vector, self._unwanted),
        )
        if self._wanted:
            return wanted < min(self._net.same_below, unwanted)
        return unwanted >= self._net.same_below

    def _nearest(self, vector: np.ndarray, references: list[np.ndarray]) -> float:
        return min((self._net.distance(vector, other) for other in references), default=np.inf)

    def _reference(self, path: Path, find: Find) -> np.ndarray:
        try:
            image, info = read_face(path)
            return self._net.embed(image, info.landmarks)
        except InputError:  # an ordinary picture, or none at all: reading it will tell
            image = read_image(path)
        faces = find(image)
        if len(faces) != 1:
            count = f"{len(faces)} faces were" if faces else "no face was"
            raise InputError(
                f'{count} found in "{path}"; a picture that shows a person for --person or '
                "--not-person must have exactly one: cut the picture, or take a face file of an "
                "earlier extraction"
            )
        return self._net.embed(image, faces[0].landmarks)

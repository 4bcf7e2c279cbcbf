"""Keeps the faces of some people and leaves out those of others, by reference images."""

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

    A face is kept when its embedding is close enough to one of the wanted references, and closer
    than to any unwanted one. Without wanted references every face is kept that is not close to an
    unwanted one.

    Parameters
    ----------
    wanted, unwanted : sequence of Path
        Images with one face each, or face files of an earlier extraction.
    find : callable
        Returns the faces of an image.

    Raises
    ------
    InputError
        If an image cannot be read, or has no face or several.
    """

    def __init__(self, wanted: Sequence[Path], unwanted: Sequence[Path], find: Find) -> None:
        self._recognizer = RECOGNIZERS.load(RECOGNIZER)()
        self._wanted = [self._reference(path, find) for path in wanted]
        self._unwanted = [self._reference(path, find) for path in unwanted]

    def keeps(self, image: np.ndarray, face: Face) -> bool:
        """Whether a face in an image (H, W, 3) uint8 BGR is kept."""
        vector = self._recognizer.embed(image, face.landmarks)
        wanted = self._nearest(vector, self._wanted)
        unwanted = self._nearest(vector, self._unwanted)
        if self._wanted:
            return wanted < min(self._recognizer.same_below, unwanted)
        return unwanted >= self._recognizer.same_below

    def _nearest(self, vector: np.ndarray, references: list[np.ndarray]) -> float:
        return min(
            (self._recognizer.distance(vector, other) for other in references), default=np.inf
        )

    def _reference(self, path: Path, find: Find) -> np.ndarray:
        try:
            image, info = read_face(path)
            return self._recognizer.embed(image, info.landmarks)
        except InputError:  # an ordinary image, or none at all: reading it will tell
            image = read_image(path)
        faces = find(image)
        if len(faces) != 1:
            count = f"{len(faces)} faces were" if faces else "no face was"
            raise InputError(
                f'{count} found in "{path}"; an image for --person or --not-person must show '
                "exactly one face: crop it, or use a face file of an earlier extraction"
            )
        return self._recognizer.embed(image, faces[0].landmarks)

"""Occlusion masks: what hides part of a face and must stay visible."""

from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import images_and_others
from utils.images import read_image
from utils.video.frame import Frame


class OcclusionMasks:
    """A folder of masks named like the frames: black where an object occludes the face.

    Raises
    ------
    InputError
        The folder is missing or has no images.

    Attributes
    ----------
    notes : list of str
        What is to be said of its other files.
    """

    def __init__(self, folder: Path) -> None:
        files, self.notes = images_and_others(folder)
        self._files = {path.stem: path for path in files}

    def __call__(self, frame: Frame) -> np.ndarray | None:
        """Return a frame's mask, (H, W) uint8, 255 where the face is visible; None without one.

        Raises
        ------
        InputError
            The mask cannot be read or differs in size from the frame.
        """
        path = self._files.get(Path(frame.name).stem)
        if path is None:
            return None
        mask = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2GRAY)
        if frame.own is not None and mask.shape == frame.own.shape[:2]:
            mask = cv2.resize(mask, frame.image.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        if mask.shape != frame.image.shape[:2]:
            sizes = ("{1} x {0}".format(*image.shape[:2]) for image in (frame.image, mask))
            raise InputError("the mask {}: Expected {}. Received: {}".format(path.name, *sizes))
        return mask

    def digest(self) -> str:
        """Return a fingerprint of these masks: names, sizes and times of the files."""
        fingerprint = blake2b(digest_size=8)
        for path in self._files.values():
            stat = path.stat()
            text = f"{path.name}\0{stat.st_size}\0{stat.st_mtime_ns}\0"
            fingerprint.update(text.encode("utf-8", "surrogatepass"))
        return fingerprint.hexdigest()

"""What is before the faces: pictures beside the frames that say where the footage is to be kept."""

from hashlib import blake2b
from pathlib import Path

import cv2
import numpy as np

from utils.errors import InputError
from utils.files import list_images
from utils.images import read_image
from utils.video.frame import Frame


class OcclusionMasks:
    """A folder of masks, named like the frames: black where something is before the face.

    Raises
    ------
    InputError
        If the folder is missing or holds no picture.
    """

    def __init__(self, folder: Path) -> None:
        self._files = {path.stem: path for path in list_images(folder)}

    def __call__(self, frame: Frame) -> np.ndarray | None:
        """Return a frame's mask, (H, W) uint8, 255 where the face may be seen; None without one.

        Raises
        ------
        InputError
            If the picture cannot be read or has another size than the frame.
        """
        path = self._files.get(Path(frame.name).stem)
        if path is None:
            return None
        mask = cv2.cvtColor(read_image(path), cv2.COLOR_BGR2GRAY)
        if mask.shape != frame.image.shape[:2]:
            sizes = ("{1} x {0}".format(*image.shape[:2]) for image in (frame.image, mask))
            raise InputError("the mask {}: Expected {}. Received: {}".format(path.name, *sizes))
        return mask

    def digest(self) -> str:
        """Return what tells these masks from others: names, sizes and dates of the files."""
        seen = blake2b(digest_size=8)
        for path in self._files.values():
            facts = path.stat()
            text = f"{path.name}\0{facts.st_size}\0{facts.st_mtime_ns}\0"
            seen.update(text.encode("utf-8", "surrogatepass"))
        return seen.hexdigest()

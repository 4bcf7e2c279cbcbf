"""`util show-frame`: a frame, or the one that a face was found in, with its landmarks and its crop.

With --remote, any frames that another program asks for: see `tools.util.frame_server`.
"""

from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from facelib import geometry, landmarks
from facelib.faceset import FaceInfo, read_info
from facelib.footage_match import frame_numbers
from facelib.frame_reader import open_reader
from facelib.frame_scale import scaled, scales_of, stem_of
from facelib.types import FaceType
from tools.util import frame_server
from tools.util.options import ShowFrameOptions
from utils.console import Report
from utils.errors import InputError
from utils.images import Image, fitted, write_image
from utils.video.io import open_source
from utils.video.seekable import open_random
from utils.video.timecode import position

COLOR = (0, 200, 255)  # BGR
QUALITY = 88  # JPEG: to look at, not to work with


def run(options: ShowFrameOptions) -> Report:
    """Write a frame as an image, or show frames to another program.

    Raises
    ------
    InputError
        If there is no such face or frame, or the face is not of this footage.
    """
    if options.remote:
        frame_server.serve(options.footage)
        return Report({})
    assert options.output is not None  # see `frame_checks`
    write_image(options.output, _image(options), QUALITY)
    return Report({"frames": 1})


def _image(options: ShowFrameOptions) -> Image:
    if options.frame is not None:
        image = _frame_at(options.footage, position(options.frame, "--frame"))
        return fitted(image, options.largest_side, options.largest_side)
    assert options.input_dir is not None  # see `frame_checks`
    assert options.face is not None
    image, info = _frame(options.footage, read_info(_face(options.input_dir, options.face)))
    shrink = min(1.0, options.largest_side / max(image.shape[:2]))
    if shrink < 1:
        image = cv2.resize(image, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        info = scaled(info, (shrink, shrink))
    return _drawn(image, info)


def _frame_at(footage: Path, where: int | Fraction) -> Image:
    """Return the frame of a number, or the one that is shown at a time."""
    with open_random(open_source(footage, square_pixels=True)) as frames:
        number = where if isinstance(where, int) else frame_server.shown_at(frames.times, where)
        if number is None or number >= len(frames):
            last = len(frames) - 1
            raise InputError(f'"{footage}" has no frame at {where}; its last frame is {last}')
        return frames[number].image


def _face(folder: Path, name: str) -> Path:
    path = folder / name
    if len(Path(name).parts) > 2 or ".." in Path(name).parts or path.parent.is_symlink():
        raise InputError(f'"{name}" is not the name of a face in "{folder}"')
    return path


def _frame(footage: Path, info: FaceInfo) -> tuple[Image, FaceInfo]:
    """Return the frame of a face, and the face as it is in it."""
    with ExitStack() as stack:
        source = open_source(footage, square_pixels=True)
        number = frame_numbers(source)(stem_of(info))
        reader = open_reader(source, stack)
        image = reader.read(number) if number is not None and number < reader.length else None
        if image is None:
            raise InputError(
                f'"{footage}" has no frame "{info.source_name}" that can be read; '
                f'the face is from "{info.source}"'
            )
        return image, scaled(info, scales_of(source)(info))


def _drawn(image: Image, info: FaceInfo) -> Image:
    drawn = landmarks.draw(image, info.source_landmarks, COLOR)
    if info.face_type is not FaceType.MARK_ONLY:
        corners = np.rint(geometry.crop_corners(info.matrix, info.size)).astype(np.int32)
        cv2.polylines(drawn, [corners], isClosed=True, color=COLOR, thickness=2)
    return drawn

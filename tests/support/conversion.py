"""Footage, faces and predictors that the tests of conversion share."""

import numpy as np
from support.synthetic import make_frames, make_info, make_landmarks, make_video

from converters.options import ConvertOptions
from converters.predictor import Predictor
from facelib import geometry, landmarks
from facelib.faceset import write_face
from facelib.types import FaceType
from utils.files import list_images
from utils.images import read_image, write_image

SIZE = 64


def mean_hull(size=SIZE, face_type=FaceType.FULL):
    """The mask of a frontal face: near enough to that of any face in its crop."""
    frontal = make_landmarks()
    points = geometry.apply(geometry.crop_matrix(frontal, size, face_type), frontal)
    return landmarks.hull_mask(points, (size, size))


def make_predictor(change=lambda crops: crops, name="identity"):
    mask = mean_hull()

    def swap(crops):
        return change(crops), np.repeat(mask[None], len(crops), axis=0)

    return Predictor(swap, SIZE, FaceType.FULL, 10, 10, name)


IDENTITY = make_predictor()


INVERT = make_predictor(lambda crops: 1 - crops, "negative")


def fading_predictor(calls=None):
    """Fades from dst's face, at a morph factor of 0, to its negative; `calls` takes the factors."""
    mask = mean_hull()

    def swap(crops, factor):
        if calls is not None:
            calls.append(factor)
        return crops + (1 - 2 * crops) * np.float32(factor), np.repeat(mask[None], len(crops), 0)

    return Predictor(swap, SIZE, FaceType.FULL, 10, 10, "fading", morphs=True)


def write_footage(folder, count=6, faceless=(), video=None):
    """Frames of a moving head as PNGs or a video, and its aligned faces; the frames' pictures."""
    frames = make_frames(count)
    (folder / "aligned").mkdir(parents=True, exist_ok=True)
    for index, (image, points) in enumerate(frames):
        name = f"{index:06d}.png"
        if video is None:
            write_image(folder / "frames" / name, image)
        if index in faceless:
            continue
        source = "frames" if video is None else video
        info = make_info(points, 64, source_name=name, frame_index=index, source=source)
        face = geometry.warp_face(image, info.matrix, 64)
        write_face(folder / "aligned" / f"{index:06d}_0.png", face, info)
    if video is not None:
        make_video(folder / video, [image for image, _ in frames])
    return [image for image, _ in frames]


def options(folder, output="result", **changes):
    values = {
        "input_dir": folder / "frames",
        "aligned_dir": folder / "aligned",
        "model_dir": folder / "model",
        "output_dir": folder / output,
        "ask": False,
    }
    return ConvertOptions(**(values | changes))


def read_folder(folder):
    return [read_image(path) for path in list_images(folder)]


class StopsAt:
    """Inverts until the face of that number, then Ctrl-C is pressed."""

    def __init__(self, limit):
        self.left = limit

    def __call__(self, crops):
        self.left -= len(crops)
        if self.left < 0:
            raise KeyboardInterrupt
        return 1 - crops

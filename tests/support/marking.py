"""An extraction whose faces are known: a folder of frames, and a face at each place in them."""

import cv2
import numpy as np
from support.synthetic import make_landmarks

from extractor import journal
from extractor.extract import face_writer
from extractor.frames import SampledSource
from extractor.in_flight import InFlight
from extractor.options import ExtractOptions
from facelib.types import Face, Rect
from utils.video.io import open_source

SIZE = (240, 180)


def face_at(x, y, width=60.0, score=0.9):
    points = make_landmarks(center=(x, y), width=width).astype(np.float32)
    half = width * 0.6
    return Face(Rect(x - half, y - half, x + half, y + half), points, score, 8.0)


def make_frames(folder, count):
    """Write frames of a smooth random pattern."""
    folder.mkdir(parents=True)
    for index in range(count):
        pattern = np.random.default_rng(index).integers(40, 216, (6, 8, 3), np.uint8)
        frame = cv2.resize(pattern, SIZE, interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{index:03d}.png"), frame)


def extract(frames, out, faces, **options):
    """Extract a folder of frames: `faces` has the faces of each frame, in order."""
    chosen = ExtractOptions(input_dir=frames, output_dir=out, image_size=64, **options)
    footage = SampledSource(open_source(frames, square_pixels=True))
    writer = face_writer(chosen, frames.name)
    header = journal.header(chosen, footage.source)
    with journal.opened(out, header, frames, overwrite=False) as manifest:
        pending = footage.pending((), [], InFlight())
        for frame, found in zip(pending, faces, strict=True):
            writer.write(frame, frame.image(), found)
            journal.record(manifest, frame.name, journal.summaries(found))

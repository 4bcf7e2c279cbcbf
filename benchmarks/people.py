"""How well `extract --person` and `--not-person` distinguish the people of the two demo clips.

    python -m benchmarks.people [--workspace workspace] [--every 1]

Each clip shows one person. Reference images are cropped from frames that are spread over that
person's clip (those frames are not counted); then the faces of every frame of both clips are
filtered. `right`: faces of the wanted person that are kept, or of the unwanted one left out.
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import cv2
import numpy as np

from benchmarks.detectors import CLIPS, options
from extractor.extract import face_search
from extractor.face_finder import FaceFinder
from extractor.person_filter import PersonFilter
from facelib.types import Face
from utils.images import Image, write_image
from utils.video.io import open_source

Found = list[tuple[Image, list[Face]]]


def portrait(path: Path, image: Image, face: Face) -> Path:
    """Write the part of a frame around a face, with a margin."""
    (x, y), side = face.rect.center, max(face.rect.width, face.rect.height)
    left, top = max(0, round(x - side)), max(0, round(y - side))
    write_image(
        path, np.ascontiguousarray(image[top:, left:][: round(2 * side), : round(2 * side)])
    )
    return path


def compare(clips: list[Found], person: int, count: int, finder: FaceFinder) -> None:
    """Print how many faces each option keeps, with so many references of one person."""
    chosen = np.linspace(0, len(clips[person]) - 1, count + 2).astype(int)[1:-1].tolist()
    with tempfile.TemporaryDirectory() as folder:
        references = [
            portrait(
                Path(folder) / f"{index}.png", clips[person][index][0], clips[person][index][1][0]
            )
            for index in chosen
        ]
        keep = PersonFilter(references, [], finder.find)
        drop = PersonFilter([], references, finder.find)
    for name, person_filter in (("--person", keep), ("--not-person", drop)):
        kept = []
        for number, frames in enumerate(clips):
            left_out = chosen if number == person else []
            asked = [frame for index, frame in enumerate(frames) if index not in left_out]
            answers = [person_filter.keeps(image, face) for image, faces in asked for face in faces]
            kept.append((sum(answers), len(answers)))
        (own, all_own), (other, all_other) = kept[person], kept[1 - person]
        right = (own, all_other - other) if name == "--person" else (all_own - own, other)
        print(
            f"{name:13} {count} image(s) of the person of {CLIPS[person]}: right "
            f"{right[0]} of {all_own} faces of that person, {right[1]} of {all_other} of the other"
        )


def main() -> None:
    """Filter the faces of both clips by one and by three references of each person."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workspace", type=Path, default=Path("workspace"))
    parser.add_argument("--every", type=int, default=1, help="use every Nth frame")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    finder = FaceFinder(face_search(options("yunet")))
    clips: list[Found] = []
    for name in CLIPS:
        frames = list(open_source(arguments.workspace / name))[:: arguments.every]
        clips.append([(frame.image, finder.find(frame.image)) for frame in frames])
    for person in (0, 1):
        for count in (1, 3):
            compare(clips, person, count, finder)


if __name__ == "__main__":
    main()

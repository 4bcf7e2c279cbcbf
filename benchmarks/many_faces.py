"""A faceset of any size, made fast: a few drawn faces, each with metadata of its own.

    python benchmarks/many_faces.py FOLDER 100000

Only for measuring how programs deal with many files; landmarks and images do not fit each other.
"""

import json
import sys
from pathlib import Path

import numpy as np

sys.path[:0] = [str(Path(__file__).parent.parent), str(Path(__file__).parent.parent / "tests")]

from support.synthetic import draw_face, make_info, make_landmarks

from facelib import geometry
from facelib.faceinfo import to_json
from facelib.png import CHUNK, SIGNATURE, chunk
from utils.images import encode_image

POSES = 400
SIZE = 48  # pixels
HEADER = len(SIGNATURE) + 25  # the PNG's first chunk ends here


def make(folder: Path, count: int) -> None:
    """Write `count` faces that differ in pose, scores, sharpness and frame."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    variants = [_variant(rng, number) for number in range(POSES)]
    for number in range(count):
        png, record = variants[int(rng.integers(POSES))]
        record |= {
            "score": round(float(rng.beta(12, 1.2)), 3),
            "quality": round(float(rng.normal(4, 2)), 2),
            "source_name": f"{number:06d}.png",
            "frame_index": number,
            "time": number / 25,
        }
        data = json.dumps(record, separators=(",", ":")).encode()
        (folder / f"{number:06d}_0.png").write_bytes(
            png[:HEADER] + chunk(CHUNK, data) + png[HEADER:]
        )


def _variant(rng: np.random.Generator, number: int) -> tuple[bytes, dict[str, object]]:
    """Return the image and the metadata of a pose."""
    points = make_landmarks(rng.normal(0, 22), rng.normal(0, 9), rng.normal(0, 6))
    frame = draw_face(points, (256, 256), number, number % 3, blur=rng.uniform(0, 2.5))
    info = make_info(points, SIZE)
    png = encode_image(geometry.warp_face(frame, info.matrix, SIZE), ".png")
    return png, json.loads(to_json(info, "face"))


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]))

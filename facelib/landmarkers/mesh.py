"""FaceMesh v2, a network that places 478 points on a leveled face, run by LiteRT.

The landmarks are single points of the mesh, and for the jaw points between two (`MESH_68`). A
blend fitted to dlib's output would lie closer to dlib's landmarks, 2.3 % of the eye distance
instead of 3.6 %, but it would carry over what dlib learned from a data set that excludes commercial
use; and what a swap needs is that landmarks are stable and mean the same on src and dst.

LiteRT is the fastest runtime for this file: 3.5 ms per pass on one core, 10 ms with OpenCV (which
agrees within 0.001 pixel); TensorFlow's own interpreter is the same code, deprecated and 4 s slower
to import.
"""

import zipfile
from collections.abc import Sequence

import cv2
import numpy as np
from ai_edge_litert.interpreter import Interpreter

from facelib.geometry import apply, invert, warp_face
from facelib.landmarkers.region import FaceTrace, Offset, Region, region_of, roll_of, turned
from facelib.types import Detection, LocatedFace
from facelib.weights import weight_file

MEMBER = "face_landmarks_detector.tflite"  # in the .task file, which is a zip archive
SIZE = 256  # side of the network's input
SCALE = 1.5  # side of the region, in sides of the face's bounding box
PASSES = 2  # the first locates the region, the second measures
MOST_PASSES = 4
LEVEL = np.radians(10)  # a region that rotated more than this is measured once more

# A face lying sideways or upside down: there a detector's key points are useless and the mesh is
# fitted upside down, mostly (not always) with a low quality. Of 266 faces rotated by 30 to 330
# degrees these three numbers leave 8 wrong (38 with SURE 5); of 182 upright ones, many half hidden
# by hands, they rotate none.
SURE = 10.0  # below this quality, other directions are tried
BETTER = 4.0  # by so much another direction's quality must be higher
FACE = 5.0  # and above this
TURNS = np.radians((90, 180, -90))
STILL = (0.003, 0.006, np.radians(0.5))
"""A followed face that is farther (sides, ratio, radians) from where it was expected is measured
again where it is."""
MOST_FOLLOWING = 3

# fmt: off
_JAW_RIGHT = (  # 0..7: from the ear down, on the image's left
    (127, 127, 0.0), (234, 93, 0.24), (93, 132, 0.44), (132, 58, 0.53),
    (58, 172, 0.69), (136, 150, 0.14), (150, 149, 0.76), (176, 148, 0.52),
)
_JAW_LEFT = (  # 9..16: from the chin up; the mirror image
    (400, 377, 0.52), (379, 378, 0.76), (365, 379, 0.14), (288, 397, 0.69),
    (361, 288, 0.53), (323, 361, 0.44), (454, 323, 0.24), (356, 356, 0.0),
)
_INNER = (
    70, 63, 105, 66, 107, 336, 296, 334, 293, 300,  # 17..26 brows
    168, 197, 5, 4, 75, 97, 2, 326, 305,  # 27..35 nose
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,  # 36..47 eyes
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181,  # 48..59 outer lips
    78, 82, 13, 312, 308, 317, 14, 87,  # 60..67 inner lips
)
# fmt: on
MESH_68 = (
    *_JAW_RIGHT,
    (152, 152, 0.0),
    *_JAW_LEFT,
    *((index, index, 0.0) for index in _INNER),
)
"""For each landmark: a mesh point, a second one, and the second one's share.

The jaw's landmarks are equidistant by definition, the mesh's points along the jaw are not; the
shares make them so (mean of 48 jaws). All others are single mesh points.
"""
EYE_CORNERS = (33, 263)
"""The outer corners of the image-left and the image-right eye."""
IRIS_CENTERS = (468, 473)
"""The centers of the image-left and the image-right iris.

The four points on the edge of each (469..472, 474..477) add nothing: their mean is the center
within 0.1 pixel on a face 60 pixels from eye to eye, and no steadier.
"""

_FIRST, _SECOND, _SHARE = (np.array(column) for column in zip(*MESH_68, strict=True))
_SHARE = _SHARE[:, None].astype(np.float32)


class Mesh:
    """Places landmarks with FaceMesh v2.

    The quality is the logit of "this is a face": above 7 for a clear one, below 0 for none.

    Parameters
    ----------
    upright : bool
        Whether faces are known to be upright, so that no other directions are tried.
    """

    noise = 0.0012
    follow_above = 12.0

    def __init__(self, *, upright: bool = False) -> None:
        self._upright = upright
        with zipfile.ZipFile(weight_file("mesh")) as archive:
            network = archive.read(MEMBER)
        self._net = Interpreter(model_content=network, num_threads=1)
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        outputs = {each["name"]: each["index"] for each in self._net.get_output_details()}
        self._points, self._logit = outputs["Identity"], outputs["Identity_1"]

    def locate(self, image: np.ndarray, detections: Sequence[Detection]) -> list[LocatedFace]:
        """Return the landmarks, the quality and the irises of each detection in a BGR image."""
        return [self._locate(image, region_of(detection, SCALE)) for detection in detections]

    def follow(self, image: np.ndarray, region: Region, offset: Offset) -> LocatedFace:
        """Return a face that is in a region; in one pass if it lies there as expected.

        Parameters
        ----------
        image : (H, W, 3) uint8 BGR
            The frame.
        region : Region
            Where the face should be.
        offset : Offset
            Where a region is to lie, seen from the one around the points found in it.
        """
        for _ in range(MOST_FOLLOWING):
            points, quality, trace = self._trace(image, region)
            better = trace.around.moved(offset)
            if better.seen_from(region).is_within(*STILL):
                break
            region = better
        return _located(points, quality, trace)

    def _locate(self, image: np.ndarray, region: Region) -> LocatedFace:
        found = self._converge(image, region)
        if self._upright or found.quality >= SURE:
            return found
        others = [self._converge(image, region._replace(roll=region.roll + turn)) for turn in TURNS]
        best = max(others, key=lambda other: other.quality)
        return best if best.quality > max(FACE, found.quality + BETTER) else found

    def _converge(self, image: np.ndarray, region: Region) -> LocatedFace:
        """Measure, move the region to the result, and measure again, until it is level."""
        for done in range(1, MOST_PASSES + 1):
            points, quality, trace = self._trace(image, region)
            if done >= PASSES and turned(trace.around, region) < LEVEL:
                break
            region = trace.around
        return _located(points, quality, trace)

    def _trace(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float, FaceTrace]:
        points, quality = self._measure(image, region)
        return points, quality, FaceTrace(region, _region_around(points, region))

    def _measure(self, image: np.ndarray, region: Region) -> tuple[np.ndarray, float]:
        """Return all (478, 2) points in frame pixels, and the logit."""
        matrix = region.matrix(SIZE)
        face = cv2.cvtColor(warp_face(image, matrix, SIZE), cv2.COLOR_BGR2RGB)
        self._net.set_tensor(self._input, face[None].astype(np.float32) / np.float32(255))
        self._net.invoke()
        points = self._net.get_tensor(self._points).reshape(-1, 3)[:, :2]
        # the network's origin is the edge of the first pixel, not its center: a mirrored image
        # gives points that add up to 256, where centers would add up to 255
        found = apply(invert(matrix), points - 0.5)
        return found, float(self._net.get_tensor(self._logit).item())


def _located(points: np.ndarray, quality: float, trace: FaceTrace) -> LocatedFace:
    """Return a face by all its points, (478, 2)."""
    landmarks = points[_FIRST] * (1 - _SHARE) + points[_SECOND] * _SHARE
    return LocatedFace(landmarks, quality, points[list(IRIS_CENTERS)], trace)


def _region_around(points: np.ndarray, region: Region) -> Region:
    """Return the level region around the bounding box of the mesh's own points."""
    roll = roll_of(*points[list(EYE_CORNERS)])
    level = region._replace(roll=roll).matrix(SIZE)
    flat = apply(level, points)
    low, high = flat.min(axis=0), flat.max(axis=0)
    x, y = apply(invert(level), (low + high)[None] / 2)[0]
    side = float((high - low).max()) * region.side / SIZE
    return Region(float(x), float(y), max(1.0, SCALE * side), roll)

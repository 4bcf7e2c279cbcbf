"""Landmarkers, by name: they place the 68 points of a face.

A landmarker is created without arguments and has:

    locate(image, detections) -> list[LocatedFace]
    noise: standard deviation of a coordinate on a still face, in outer eye corner distances
    follow_above: the quality from which a face may be followed; None: it follows none
    follow(image, region, offset) -> LocatedFace, unless `follow_above` is None

`image` is (H, W, 3) uint8 BGR; there is one result for each Detection. `follow` measures a face
that is in a region by the frame before; `offset` is where its region lies, seen from the one around
its points (`region.py`). An instance is used by one
thread at a time; every thread creates its own.
"""

from utils.registry import Registry

LANDMARKERS = Registry(
    "landmarker",
    {
        "mesh": (
            "facelib.landmarkers.mesh:Mesh",
            "FaceMesh v2: stable, copes with tilt, darkness and occlusion; 9 ms per face",
        ),
        "dlib68": (
            "facelib.landmarkers.dlib68:Dlib68",
            "dlib's regression trees: better in blur, more jitter; not for commercial use",
        ),
    },
)

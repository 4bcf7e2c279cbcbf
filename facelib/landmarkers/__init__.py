"""Landmarkers, by name: they place the 68 points of a face.

A landmarker is created without arguments and has:

    locate(image, detections) -> list[tuple[landmarks, quality]]
    noise: standard deviation of a coordinate on a still face, in outer eye corner distances

`image` is (H, W, 3) uint8 BGR; for each Detection it returns (68, 2) float32 landmarks in frame
pixels (iBUG order, image-left first), which are not rounded and may lie outside the frame, and the
landmarker's confidence: below 0 the landmarks are uncertain. An instance is used by one thread at a
time; every thread creates its own.
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

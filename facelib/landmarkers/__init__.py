"""Landmarkers, by name: they place the 68 points of a face.

A landmarker is made without arguments and has:

    locate(image, detections) -> list[tuple[landmarks, quality]]
    noise: standard deviation of a coordinate on a still face, in distances of the eye corners

`image` is (H, W, 3) uint8 BGR; for each Detection comes (68, 2) float32 landmarks in frame pixels
(iBUG order, image-left first), not rounded and free to leave the frame, and a float that says how
sure the landmarker is: below 0 it is doubtful. One instance is used by one thread at a time; every
thread makes its own.
"""

from utils.registry import Registry

LANDMARKERS = Registry(
    "landmarker",
    {
        "mesh": (
            "facelib.landmarkers.mesh:Mesh",
            "FaceMesh v2: steady, bears tilt, darkness and hands before the face; 9 ms a face",
        ),
        "dlib68": (
            "facelib.landmarkers.dlib68:Dlib68",
            "dlib's regression trees: better when blurred, trembles more; not for commercial use",
        ),
    },
)

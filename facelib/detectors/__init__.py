"""Face detectors, by name.

A detector is created with `min_score` (None: its own default), `min_size` (the smallest face that
matters in pixels; 0: what its usual resolution finds), `cpu_only` and `device` (where TensorFlow
runs it, such as "GPU:1"; None: its own choice), and has one method:

    detect(images) -> list[list[Detection]]

`images` are (H, W, 3) uint8 BGR arrays of any sizes; the result holds the faces of each, largest
first. A rectangle reaches from the hairline to the chin and may leave the frame, whichever detector
returns it, so landmarkers need not know where it came from. An instance is used by one thread at a
time; every thread creates its own.
"""

from utils.registry import Registry

DETECTORS = Registry(
    "detector",
    {
        "yunet": (
            "facelib.detectors.yunet:YuNet",
            "fast and reliable, also for tilted and small faces; 12 ms per frame on a CPU",
        ),
        "mt": (
            "facelib.detectors.mtcnn:Mtcnn",
            "MTCNN on TensorFlow: finds the smallest faces; ten times slower, 5 s to start",
        ),
        "dlib": (
            "facelib.detectors.dlib_mmod:DlibMmod",
            "dlib's CNN: very slow on a CPU (over 1 s per frame), misses small faces",
        ),
    },
)

"""Face detectors, by name.

A detector is made with `min_score` (None: its own default), `min_size` (the smallest face that
matters, pixels of the picture; 0: what comes with its usual look), `cpu_only` and `device` (where
TensorFlow shall run it: "GPU:1"; None: its own choice), and has one method:

    detect(images) -> list[list[Detection]]

`images` are (H, W, 3) uint8 BGR arrays of any sizes; for each comes its faces, largest first, none
being an empty list. A rectangle reaches from the hairline to the chin and may leave the frame,
whichever detector gives it, so landmarkers need not ask where it came from. One instance is used
by one thread at a time; every thread makes its own.
"""

from utils.registry import Registry

DETECTORS = Registry(
    "detector",
    {
        "yunet": (
            "facelib.detectors.yunet:YuNet",
            "quick and thorough: finds tilted and small faces; 12 ms a frame on a CPU",
        ),
        "mt": (
            "facelib.detectors.mtcnn:Mtcnn",
            "MTCNN on TensorFlow: finds the smallest faces; ten times slower, starts in 5 s",
        ),
        "dlib": (
            "facelib.detectors.dlib_mmod:DlibMmod",
            "dlib's CNN: very slow on a CPU (over 1 s a frame), finds no small faces",
        ),
    },
)

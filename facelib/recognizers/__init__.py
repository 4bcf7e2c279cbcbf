"""Face recognizers, by name: they embed a face as a vector, similar for images of one person.

A recognizer is created without arguments and has:

    embed(image, landmarks) -> (D,) float32
    distance(a, b) -> float, 0 for equal vectors
    same_below: the distance below which two images most likely show one person

`image` is (H, W, 3) uint8 BGR, a frame or a face image; `landmarks` are its (68, 2) landmarks.
An instance is used by one thread at a time; every thread creates its own.
"""

from utils.registry import Registry

RECOGNIZERS = Registry(
    "recognizer",
    {
        "sface": (
            "facelib.recognizers.sface:SFace",
            "SFace: distinguishes people best; 15 ms per face",
        ),
        "dlib": (
            "facelib.recognizers.dlib_resnet:DlibResnet",
            "dlib's residual network: a second opinion; 70 ms per face",
        ),
    },
)

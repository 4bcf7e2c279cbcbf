"""Face recognizers, by name: a face becomes a vector, similar for pictures of one person.

A recognizer is made without arguments and has:

    embed(image, landmarks) -> (D,) float32
    distance(a, b) -> float, 0 for equal vectors
    same_below: the distance under which two pictures most likely show one person

`image` is (H, W, 3) uint8 BGR, a frame or a face picture; `landmarks` are its (68, 2) landmarks.
One instance is used by one thread at a time; every thread makes its own.
"""

from utils.registry import Registry

RECOGNIZERS = Registry(
    "recognizer",
    {
        "sface": (
            "facelib.recognizers.sface:SFace",
            "SFace: tells people apart best; 15 ms a face",
        ),
        "dlib": (
            "facelib.recognizers.dlib_resnet:DlibResnet",
            "dlib's residual network: a second opinion; 70 ms a face",
        ),
    },
)

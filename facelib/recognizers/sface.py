"""SFace (Zhong et al. 2021), an identity embedding that OpenCV runs."""

import cv2
import numpy as np

from facelib.geometry import fit_similarity, warp_face
from facelib.weights import weight_file

SIZE = 112  # side of the network's input
TEMPLATE = np.array([
    (38.2946, 51.6963),
    (73.5318, 51.5014),
    (56.0252, 71.7366),
    (41.5493, 92.3655),
    (70.7299, 92.2041),
])
"""(5, 2): where eyes, nose tip and mouth corners lie in its training images."""


class SFace:
    """Embeds identities with SFace (int8 weights): 128 numbers, cosine distance 0..2."""

    same_below = 0.637
    """The network's published threshold, cosine 0.363: measured on 312 faces of 25 people, 0.05 %
    of the pairs of two people and 99.9 % of the pairs of one lie below."""

    def __init__(self) -> None:
        # not cv2.FaceRecognizerSF, which in OpenCV 5.0.0 fails on this file
        # and not by its path, of which OpenCV on Windows reads only the letters of one code page
        self._net = cv2.dnn.readNetFromONNX(np.fromfile(weight_file("sface"), np.uint8))

    def embed(self, image: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return the (128,) float32 embedding, of length 1, of the face at (68, 2) landmarks."""
        face = warp_face(image, fit_similarity(five_points(landmarks), TEMPLATE), SIZE)
        # the network wants RGB in 0..255
        self._net.setInput(cv2.dnn.blobFromImage(face, swapRB=True), "data")
        vector = self._net.forward().ravel()
        return vector / max(float(np.linalg.norm(vector)), 1e-12)

    def distance(self, a: np.ndarray, b: np.ndarray) -> float:
        """Return 1 - cosine of the angle between two embeddings: about 1 for two people."""
        return 1.0 - float(np.dot(a, b))


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Return (5, 2): eye centers, nose tip and mouth corners, image-left first."""
    eyes = landmarks[36:42].mean(axis=0), landmarks[42:48].mean(axis=0)
    return np.array([*eyes, landmarks[30], landmarks[48], landmarks[54]])

"""From landmarks to the aligned image and back: mean face, similarity fit, crops, warping.

A crop is a (2, 3) matrix from frame pixels to the pixels of a square image. Whatever its size, it
maps the mean face's unit square to the same part of the image, so the crop at another size is the
matrix times a number. Pixel centers are at integer coordinates.
"""

from typing import NamedTuple

import cv2
import numpy as np
from skimage.transform import SimilarityTransform

from facelib.pose import Pose as Pose
from facelib.pose import pose as pose
from facelib.types import FaceType
from utils.errors import InputError

# fmt: off
MEAN_FACE = np.array([
    (0.000213256, 0.106454), (0.0752622, 0.038915), (0.18113, 0.0187482), (0.29077, 0.0344891),
    (0.393397, 0.0773906), (0.586856, 0.0773906), (0.689483, 0.0344891), (0.799124, 0.0187482),
    (0.904991, 0.038915), (0.98004, 0.106454), (0.490127, 0.203352), (0.490127, 0.307009),
    (0.490127, 0.409805), (0.490127, 0.515625), (0.36688, 0.587326), (0.426036, 0.609345),
    (0.490127, 0.628106), (0.554217, 0.609345), (0.613373, 0.587326), (0.121737, 0.216423),
    (0.187122, 0.178758), (0.265825, 0.179852), (0.334606, 0.231733), (0.260918, 0.245099),
    (0.182743, 0.244077), (0.645647, 0.231733), (0.714428, 0.179852), (0.793132, 0.178758),
    (0.858516, 0.216423), (0.79751, 0.244077), (0.719335, 0.245099), (0.254149, 0.780233),
    (0.340985, 0.745405), (0.428858, 0.727388), (0.490127, 0.742578), (0.551395, 0.727388),
    (0.639268, 0.745405), (0.726104, 0.780233), (0.642159, 0.864805), (0.556721, 0.902192),
    (0.490127, 0.909281), (0.423532, 0.902192), (0.338094, 0.864805), (0.290379, 0.784792),
    (0.428096, 0.778746), (0.490127, 0.785343), (0.552157, 0.778746), (0.689874, 0.784792),
    (0.553364, 0.824182), (0.490127, 0.831803), (0.42689, 0.824182),
])
# fmt: on
"""(51, 2) float64: landmarks 17..67 (all but the jaw) of the mean face, in the unit square.

The mean of the faces dlib's landmarker was trained on.
"""

JAW_POINTS = 17
BELOW_JAW = np.arange(JAW_POINTS, 68)
STEADY = np.r_[JAW_POINTS:49, 54]
"""What hardly moves when the mouth does: brows, nose, eyes and the corners of the mouth."""


class CropShape(NamedTuple):
    """The square that a face type shows, relative to the mean face's unit square.

    Attributes
    ----------
    border : float
        The border around the unit square, as a fraction of the image's side.
    up : float
        How far the crop's center lies above the unit square's, in sides of that square.
    points : (n,) int
        The landmarks that are fitted to the mean face.
    follows_yaw : bool
        Whether the crop moves to where the back of the head is when the head turns.
    """

    border: float
    up: float = 0.0
    points: np.ndarray = BELOW_JAW
    follows_yaw: bool = False

    @property
    def side(self) -> float:
        """The side of the crop, in sides of the unit square."""
        return 1 / (1 - 2 * self.border)

    @classmethod
    def padded(cls, padding: float, up: float = 0.0, *, follows_yaw: bool = False) -> "CropShape":
        """Return a crop as DeepFaceLab has defined them since 2020.

        Its half diagonal is `padding` times the square root of 2, plus 1/2, diagonals of the unit
        square.
        """
        return cls(0.5 - 0.5 / (1 + 2 * np.sqrt(2) * padding), up, STEADY, follows_yaw)

    def matrix(self, landmarks: np.ndarray, size: int) -> np.ndarray:
        """Return the (2, 3) float64 matrix to an image of `size` pixels a side, `crop_matrix`."""
        border = size * self.border
        unit = size - 2 * border
        fit = fit_similarity(landmarks[self.points], MEAN_FACE[self.points - JAW_POINTS])
        matrix = fit * unit
        aside = _behind(apply(fit, landmarks)) if self.follows_yaw else 0.0
        matrix[:, 2] += (border - aside * unit, border + self.up * unit)
        return matrix


SHAPES = {
    FaceType.HALF: CropShape(0.0),
    FaceType.HALF_2020: CropShape.padded(0.0),
    FaceType.MID_FULL: CropShape.padded(0.0675),
    FaceType.FULL: CropShape(12 / 64),
    FaceType.FULL_2020: CropShape.padded(0.2109375),
    FaceType.WHOLE: CropShape.padded(0.40, up=0.07),
    FaceType.HEAD: CropShape.padded(0.70, up=0.50, follows_yaw=True),
}
"""All face types but MARK_ONLY, which has no crop."""
HEAD_2019 = CropShape(24 / 64)
"""What files of type `head` show that were made in 2019, or by version 0.1.0 of this program."""
# Pixels. Reached where 90 become one; it only keeps a degenerate matrix from costing minutes.
WIDEST_BLUR = 32.0
# Pixels, of a halved image: with less, the cubic kernel shows, which is not flat.
LEAST_BLUR = 0.9


def fit_similarity(points: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Fit rotation, uniform scale and translation by least squares (Umeyama 1991); never mirrors.

    Parameters
    ----------
    points, reference : (n, 2) float
        Corresponding points.

    Returns
    -------
    matrix : (2, 3) float64
        From points to reference.

    Raises
    ------
    InputError
        If all points coincide or are not finite.
    """
    points = np.asarray(points, np.float64)
    if not np.isfinite(points).all() or np.ptp(points, axis=0).max() < 1e-6:
        raise InputError("the landmarks of this face lie in one point, so it cannot be aligned")
    fit = SimilarityTransform.from_estimate(points, np.asarray(reference, np.float64))
    if not fit:
        raise InputError("the landmarks of this face are no face, so it cannot be aligned")
    return np.asarray(fit.params[:2], np.float64)


def crop_matrix(
    landmarks: np.ndarray, size: int, face_type: FaceType, scale: float = 1.0
) -> np.ndarray:
    """Return the matrix from the image that `landmarks` belong to, to an aligned image.

    With the landmarks of an aligned image it maps from there to another face type or size.

    Parameters
    ----------
    landmarks : (68, 2) float
        Pixels.
    size : int
        Side of the aligned image in pixels.
    face_type : FaceType
        How much it shows; MARK_ONLY is the whole frame: the identity, whatever `size`.
    scale : float
        Above 1 the crop covers more of the frame, about its own center.

    Returns
    -------
    matrix : (2, 3) float64
        From that image to the aligned image.
    """
    if face_type is FaceType.MARK_ONLY:
        return np.eye(2, 3)
    matrix = SHAPES[face_type].matrix(landmarks, size) / scale
    matrix[:, 2] += size * (1 - 1 / scale) / 2
    return matrix


def _behind(points: np.ndarray) -> float:
    """Return how far the middle of a turned head lies beside its face, in sides of the unit square.

    Parameters
    ----------
    points : (68, 2) float
        Landmarks in the unit square.
    """
    x = points[:, 0]
    nose = x[27:30]
    yaw = float(((x[[16, 15, 14]] - nose) - (nose - x[:3])).mean())
    return yaw * abs(np.tanh(2 * yaw)) / 2


def apply(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points (n, 2) through a (2, 3) matrix; (n, 2) float32."""
    mapped = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return mapped.astype(np.float32)


def invert(matrix: np.ndarray) -> np.ndarray:
    """Return the inverse (2, 3) float64 matrix."""
    return cv2.invertAffineTransform(np.asarray(matrix, np.float64))


def resize_matrix(matrix: np.ndarray, old_size: int, new_size: int) -> np.ndarray:
    """Return the matrix of the same crop at another size, as `crop_matrix` gives it there."""
    return np.asarray(matrix, np.float64) * (new_size / old_size)


def crop_side(matrix: np.ndarray, size: int) -> float:
    """Return the side of the crop square in frame pixels."""
    return size / _scale_of(matrix)


def crop_corners(matrix: np.ndarray, size: int) -> np.ndarray:
    """Return the crop's outer corners in the frame, (4, 2) float32, clockwise from the top left."""
    low, high = -0.5, size - 0.5  # the edge of a pixel lies half a pixel from its center
    return apply(invert(matrix), np.array([(low, low), (high, low), (high, high), (low, high)]))


def _scale_of(matrix: np.ndarray) -> float:
    """Return the number of crop pixels per frame pixel."""
    return float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))


def warp_face(image: np.ndarray, matrix: np.ndarray, size: int) -> np.ndarray:
    """Crop the aligned image out of a frame: bicubic, black outside the frame.

    When it shrinks, the frame is first blurred by as much as an area average would, against
    aliasing. When it shrinks much, most of that is done by halving the frame.

    Parameters
    ----------
    image : (H, W, C) uint8 or float32 in 0..1
        C is 1 to 4.
    matrix : (2, 3) float64
        From the frame to the aligned image.
    size : int
        Side of the result.

    Returns
    -------
    face : (size, size, C)
        Of the image's dtype and within its range.
    """
    zoom = _scale_of(matrix)
    # Deviation of a Gaussian that passes as much of the finest detail kept as the area average does
    # (sinc(1/2) = 0.64); it fades out toward zoom 1, so sharpness does not jump there.
    sigma = min(0.35 * np.sqrt(max(0.0, 1 / zoom**2 - 1)), WIDEST_BLUR)
    halvings = int(np.log2(max(sigma / LEAST_BLUR, 1)))
    window, matrix = _window(image, matrix, size, margin=int(4 * sigma) + 4 * 2**halvings)
    if window.size == 0:
        return np.zeros((size, size, image.shape[2]), image.dtype)
    if halvings:
        face = _warp_halved(window, matrix, size, sigma, halvings)
    else:
        face = _warp(window, matrix, size, sigma)
    if face.dtype != np.uint8:
        face = np.clip(face, 0, 1)  # the cubic kernel overshoots at edges
    return face.reshape(size, size, image.shape[2])


def _warp(
    image: np.ndarray, matrix: np.ndarray, size: int, sigma: float = 0, border: int = 0
) -> np.ndarray:
    if sigma > 0:
        image = cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE)
    return cv2.warpAffine(image, matrix, (size, size), flags=cv2.INTER_CUBIC, borderMode=border)


def _warp_halved(
    window: np.ndarray, matrix: np.ndarray, size: int, sigma: float, halvings: int
) -> np.ndarray:
    """Blur and warp as `_warp` does, but most of it on an image of half the size, or less."""
    half, to_face = window, matrix.copy()
    for _ in range(halvings):
        height, width = half.shape[:2]
        half_size = (width // 2 + 1, height // 2 + 1)  # no pixel at the edge gets lost
        half = cv2.pyrDown(half, dstsize=half_size, borderType=cv2.BORDER_REPLICATE)
        to_face[:, :2] *= 2
    # a halving blurs by 1 4 6 4 1, which is about a Gaussian: variances of 1, 4, 16 ... add up
    rest = np.sqrt(sigma**2 - (4**halvings - 1) / 3) / 2**halvings
    face = _warp(half, to_face, size, rest, cv2.BORDER_REPLICATE)
    corners, last = crop_corners(matrix, size), np.array(window.shape[1::-1]) - 1
    if (corners < 0).any() or (corners > last).any():
        # the frame ends where, and as sharply as, it does in the whole image
        inside = _warp(np.ones(window.shape[:2], np.float32), matrix, size)
        inside = cv2.merge([inside] * window.shape[2])
        face = cv2.multiply(face, inside, dtype=cv2.CV_8U if face.dtype == np.uint8 else cv2.CV_32F)
    return face


def _window(
    image: np.ndarray, matrix: np.ndarray, size: int, margin: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the part of the image that a crop needs, and the matrix for that part."""
    corners = crop_corners(matrix, size).astype(np.float64)
    height, width = image.shape[:2]
    limit = np.array([width, height])
    low = np.clip(np.floor(corners.min(axis=0)) - margin, 0, limit).astype(int)
    high = np.clip(np.ceil(corners.max(axis=0)) + margin, 0, limit).astype(int)
    moved = np.asarray(matrix, np.float64).copy()
    moved[:, 2] += matrix[:, :2] @ low
    return image[low[1] : high[1], low[0] : high[0]], moved

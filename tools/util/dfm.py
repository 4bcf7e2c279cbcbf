"""A model as a `.dfm` file: the graph that players of trained models run on every frame.

A player cuts a whole-face crop out of the frame by a template of its own, runs the graph and blends
the result. The model's square is another, mostly a smaller one, so the graph takes it out of the
crop, swaps the face in it and lays it back. Beyond the crop's edge it shows the model the crop's
mirror image, as training and conversion do beyond the frame's.

    in_face:0              (N, S, S, 3)  the crop
    morph_value:0          (1,)          how much of the face is src's; of models that morph alone
    out_face_mask:0        (N, S, S, 1)  where dst's face is
    out_celeb_face:0       (N, S, S, 3)  the crop with src's face
    out_celeb_face_mask:0  (N, S, S, 1)  where src's face is

BGR, float32, 0..1, outputs in this order.
"""

from dataclasses import dataclass

import numpy as np

from facelib.geometry import JAW_POINTS, MEAN_FACE, apply, crop_matrix, fit_similarity, invert
from facelib.landmarks import hull_mask
from facelib.pose import HEAD
from facelib.types import FaceType
from models.backend import Tensor, keras
from models.base import ModelBase

INPUT, MORPH = "in_face:0", "morph_value:0"
OUTPUTS = ("out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")
MULTIPLE = 16  # of the crop's side
FEATHER = 1 / 16  # of the square's side: so wide is the seam


@dataclass(frozen=True)
class WholeFaceCrop:
    """How a player frames a face.

    Attributes
    ----------
    template : str
        What the player calls it.
    scale : float
        Side of the mean face's unit square, as a fraction of the crop's.
    origin : (float, float)
        The unit square's top left corner, as fractions of the crop's side.
    ignores_masks : bool
        Whether the player shows the whole output, so that the graph must blend the face by itself.
    """

    template: str
    scale: float
    origin: tuple[float, float]
    ignores_masks: bool = False


@dataclass(frozen=True)
class FaceSquare:
    """A model's image inside a crop.

    Attributes
    ----------
    side : float
        Fraction of the crop's side; above 1 the square is larger than the crop.
    origin : (float, float)
        The top left corner, likewise.
    resolution, crop_side : int
        Sides of both in pixels.
    """

    side: float
    origin: tuple[float, float]
    resolution: int
    crop_side: int

    @property
    def seen(self) -> float:
        """Share of it that lies in the crop."""
        overlaps = [min(low + self.side, 1) - max(low, 0) for low in self.origin]
        return overlaps[0] * overlaps[1] / self.side**2

    def to_crop(self, axis: int) -> np.ndarray:
        """Return which of the crop's pixels the image shows: (resolution,) float64, mirrored."""
        fractions = np.arange(self.resolution) / self.resolution
        places = (self.origin[axis] + fractions * self.side) * self.crop_side
        last = self.crop_side - 1
        return last - np.abs(last - np.abs(places))

    def to_image(self, axis: int) -> np.ndarray:
        """Return where the crop's pixels lie in the image: (crop_side,) float64, in its pixels."""
        fractions = np.arange(self.crop_side) / self.crop_side
        return (fractions - self.origin[axis]) / self.side * self.resolution


def _by_five_points(template: str, points: np.ndarray, *, ignores_masks: bool) -> WholeFaceCrop:
    """Return the crop that is fitted to eyes, nose and corners of the mouth.

    The templates turn the mean face by 0.3 degrees (their noses are off-center). That is a third of
    a pixel of 128 and left out, so that crop and paste-back are products with two matrices.
    """
    eyes = [MEAN_FACE[19:25].mean(axis=0), MEAN_FACE[25:31].mean(axis=0)]
    fitted = fit_similarity(np.array([*eyes, *MEAN_FACE[[13, 31, 37]]]), points)
    scale = float(np.hypot(*fitted[:, 0]))
    x, y = fitted @ [0.5, 0.5, 1] - scale / 2
    return WholeFaceCrop(template, scale, (float(x), float(y)), ignores_masks)


def _by_coverage(template: str, coverage: float, lift: float) -> WholeFaceCrop:
    """Return the crop whose side is `coverage` unit squares, moved up by `lift` of one."""
    scale = 1 / coverage
    return WholeFaceCrop(template, scale, (0.5 - 0.5 * scale, 0.5 - (0.5 - lift) * scale))


# fmt: off
CROPS = {
    "facefusion": _by_five_points("dfl_whole_face", np.array([
        (0.35342266, 0.39285716), (0.62797622, 0.39285716), (0.48660713, 0.54017860),
        (0.38839287, 0.68750011), (0.59821427, 0.68750011),
    ]), ignores_masks=False),
    "deepfacelive": _by_coverage("coverage 2.2, y offset -0.08", 2.2, 0.08),
    "visomaster": _by_five_points("arcface128", np.array([
        (46.2946, 51.6963), (81.5318, 51.5014), (64.0252, 71.7366),
        (49.5493, 92.3655), (78.7299, 92.2041),
    ]) / 128, ignores_masks=True),
}
# fmt: on
"""How each player frames the face, as it does unless its user changes that."""


def face_square(model: ModelBase, crop: WholeFaceCrop) -> FaceSquare:
    """Return where a model's image lies in a crop, and the crop's size that loses no pixels."""
    square = invert(crop_matrix(mean_landmarks(), 1, model.face_type))
    side = float(np.hypot(*square[:, 0])) * crop.scale
    x, y = square[:, 2] * crop.scale + crop.origin
    crop_side = int(np.ceil(model.resolution / side / MULTIPLE)) * MULTIPLE
    return FaceSquare(side, (float(x), float(y)), model.resolution, crop_side)


def placement(model: ModelBase, player: str) -> dict[str, str]:
    """Return metadata: for which player, and where in its crop the model's image lies."""
    square = face_square(model, CROPS[player])
    left, top = square.origin
    corners = (left, top, left + square.side, top + square.side)
    return {
        "player": player,
        "template": CROPS[player].template,
        "square": " ".join(f"{corner:.4f}" for corner in corners),
    }


def mean_landmarks() -> np.ndarray:
    """Return (68, 2) float64: the mean face with the jaw of an average head."""
    frontal = HEAD[:, :2]
    jaw = apply(fit_similarity(frontal[JAW_POINTS:], MEAN_FACE), frontal[:JAW_POINTS])
    return np.concatenate([jaw, MEAN_FACE])


def swap_network(model: ModelBase, crop: WholeFaceCrop) -> "keras.Model":
    """Return the graph of a `.dfm` file as one plain Keras network; its outputs are in order."""
    square = face_square(model, crop)
    side, window = square.crop_side, _window(square)
    whole = keras.Input((side, side, 3), name="in_face")
    face = _resample(whole, *(cubic(square.to_crop(axis), side) for axis in (1, 0)))
    back = [cubic(square.to_image(axis), square.resolution) for axis in (1, 0)]

    inputs, more = [whole], []
    if model.morphs:
        inputs.append(keras.Input(batch_shape=(1,), name="morph_value"))
        more.append(inputs[1][0])
    image, mask = model.swap(face, *more)
    dst_mask = model.reconstruct(face, face)[1].mask
    if mask is None:
        mask = dst_mask = image[..., :1] * 0 + _mean_hull(model.resolution, model.face_type)
    swapped, src_alpha = _resample(image, *back), _resample(mask, *back) * window
    alpha = src_alpha if crop.ignores_masks else window
    outputs = {
        "out_face_mask": _resample(dst_mask, *back) * window,
        "out_celeb_face": whole + (swapped - whole) * alpha,
        "out_celeb_face_mask": src_alpha,
    }
    named = [keras.layers.Identity(name=name)(made) for name, made in outputs.items()]
    return keras.Model(inputs if more else whole, named, name="dfm")


def _window(square: FaceSquare) -> np.ndarray:
    """Return (S, S, 1) float32: 1 inside the square, falling to 0 at its edge."""
    ramps = []
    for axis in (1, 0):
        inside = square.to_image(axis) + 0.5  # the edge is half a pixel from the first center
        nearest = np.minimum(inside, square.resolution - inside)
        ramps.append(np.clip(nearest / (square.resolution * FEATHER), 0, 1))
    return np.outer(*ramps)[..., None].astype(np.float32)


def _mean_hull(resolution: int, face_type: FaceType) -> np.ndarray:
    """Return the hull of the mean face in a model's image, (R, R, 1) float32."""
    points = mean_landmarks()
    return hull_mask(
        apply(crop_matrix(points, resolution, face_type), points), (resolution, resolution)
    )


def cubic(positions: np.ndarray, length: int) -> np.ndarray:
    """Return the matrix that samples a row of pixels: bicubic (Keys 1981), its ends repeated.

    Parameters
    ----------
    positions : (n,) float
        Where to sample, in pixels.
    length : int
        Number of the row's pixels.

    Returns
    -------
    weights : (n, length) float32
        Each row adds up to 1.
    """
    weights = np.zeros((len(positions), length))
    for tap in range(-1, 3):
        pixel = np.floor(positions) + tap
        away = np.abs(positions - pixel)
        near = (1.5 * away - 2.5) * away**2 + 1
        far = ((-0.5 * away + 2.5) * away - 4) * away + 2
        columns = np.clip(pixel, 0, length - 1).astype(int)
        np.add.at(weights, (range(len(positions)), columns), np.where(away <= 1, near, far))
    return weights.astype(np.float32)


def _resample(x: Tensor, rows: np.ndarray, columns: np.ndarray) -> Tensor:
    """(N, H, W, C) -> (N, len(rows), len(columns), C), within 0..1."""
    _, height, width, channels = x.shape
    x = keras.ops.reshape(x, (-1, height, width * channels))
    x = keras.ops.reshape(keras.ops.matmul(rows, x), (-1, len(rows), width, channels))
    return keras.ops.clip(keras.ops.matmul(columns, x), 0, 1)  # the cubic kernel overshoots

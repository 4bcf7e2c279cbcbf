"""What programs that play `.dfm` files do: how they frame a face, load a file and run it.

Written after the programs' behavior in 2024-2026; nothing here comes from the code under test.
"""

import cv2
import numpy as np
import onnxruntime

from facelib.geometry import MEAN_FACE

FIVE = np.array([
    (0.35342266, 0.39285716), (0.62797622, 0.39285716), (0.48660713, 0.54017860),
    (0.38839287, 0.68750011), (0.59821427, 0.68750011),
])  # fmt: skip
ARCFACE = np.array([
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366),
    (41.5493, 92.3655), (70.7299, 92.2041),
])  # fmt: skip
STEADY = np.r_[17:36, 36, 39, 42, 45, 48, 54]


def fit(points, reference):
    """The similarity from points to reference, least squares in float64; (2, 3)."""
    x, y = np.asarray(points, np.float64).T
    one, none = np.ones_like(x), np.zeros_like(x)
    rows = np.r_[np.c_[x, -y, one, none], np.c_[y, x, none, one]]
    a, b, left, top = np.linalg.lstsq(rows, np.asarray(reference, np.float64).T.ravel())[0]
    return np.array([(a, -b, left), (b, a, top)])


def five(landmarks):
    """Eyes, nose and corners of the mouth."""
    points = np.asarray(landmarks, np.float64)
    eyes = [points[36:42].mean(axis=0), points[42:48].mean(axis=0)]
    return np.array([*eyes, *points[[30, 48, 54]]])


def frame_to_crop(player, landmarks, side):
    """The matrix with which a player cuts its whole-face crop of `side` pixels out of a frame."""
    if player == "facefusion":
        return fit(five(landmarks), FIVE * side)
    if player == "visomaster":
        return fit(five(landmarks), (ARCFACE + np.array([8, 0])) * side / 128)
    unit = fit(np.asarray(landmarks)[STEADY], MEAN_FACE[STEADY - 17])
    shifted = unit - [(0, 0, 0.5), (0, 0, 0.5 - 0.08)]
    return (shifted / 2.2 + [(0, 0, 0.5), (0, 0, 0.5)]) * side


def input_side(path):
    """The side of the crop that a file asks for."""
    first, *_ = onnxruntime.InferenceSession(path).get_inputs()
    return first.shape[1]


def facefusion(path, crop, morph=1.0):
    """Inputs by their names, outputs by their order; the crop is (S, S, 3) float, S the file's."""
    session = onnxruntime.InferenceSession(path)
    named = {port.name: port.shape[1:3] for port in session.get_inputs()}
    assert named["in_face:0"] == list(crop.shape[:2])
    feed = {"in_face:0": np.expand_dims(crop, 0).astype(np.float32)}
    if "morph_value:0" in named:
        feed["morph_value:0"] = np.array([morph]).astype(np.float32)
    dst_mask, face, src_mask = session.run(None, feed)
    return face[0], *(mask[0].reshape(crop.shape[:2]) for mask in (src_mask, dst_mask))


def deepfacelive(path, crop, morph=0.75):
    """The first input's name contains in_face, that of a second one morph_value; any crop size."""
    session = onnxruntime.InferenceSession(path)
    first, *others = session.get_inputs()
    assert "in_face" in first.name
    height, width = first.shape[1:3]
    feed = {"in_face:0": cv2.resize(np.float32(crop), (width, height))[None]}
    if others:
        (second,) = others
        assert "morph_value" in second.name
        feed["morph_value:0"] = np.float32([morph])
    dst_mask, face, src_mask = session.run(None, feed)
    back = [cv2.resize(each[0], crop.shape[1::-1]) for each in (face, src_mask, dst_mask)]
    return tuple(back)


def visomaster(path, crop, morph=0.5):
    """Bind outputs of the file's static shapes, with 1 for every size that is a name."""
    session = onnxruntime.InferenceSession(path)
    first, *others = session.get_inputs()
    assert "in_face" in first.name
    height, width = first.shape[1:3]
    resized = np.ascontiguousarray(cv2.resize(np.float32(crop), (width, height))[None])
    binding, bound = session.io_binding(), []
    binding.bind_cpu_input("in_face:0", resized)
    if others:
        assert "morph_value" in others[0].name
        binding.bind_cpu_input("morph_value:0", np.float32([morph]))
    for port in session.get_outputs():
        shape = [size if isinstance(size, int) else 1 for size in port.shape]
        assert port.type == "tensor(float)"
        bound.append(np.full(shape, np.nan, np.float32))
        where = (port.name, "cpu", 0, np.float32, shape, bound[-1].ctypes.data)
        binding.bind_output(*where)
    session.run_with_iobinding(binding)
    dst_mask, face, src_mask = bound
    back = [cv2.resize(each[0], crop.shape[1::-1]) for each in (face, src_mask, dst_mask)]
    return tuple(back)


PLAYERS = {"facefusion": facefusion, "deepfacelive": deepfacelive, "visomaster": visomaster}

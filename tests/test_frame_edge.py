"""Faces that the frame cuts off: training sees what conversion sees, and learns nothing there."""

from dataclasses import replace

import cv2
import numpy as np
import pytest
import skimage.data
import tensorflow as tf
from support.synthetic import make_info, make_landmarks

from converters.blending.crop import Crop
from facelib.faceset import Faceset, write_face
from facelib.frame_edge import mirror_beyond_frame
from facelib.geometry import apply, warp_face
from facelib.types import FaceType
from models import MODELS, losses, sharing
from models.base import Batch
from trainer.data.sampler import Sampler, SamplerSettings

ASTRONAUT = np.ascontiguousarray(skimage.data.astronaut()[..., ::-1])
CENTER = np.array([222, 125])


def cut_off(side, size=256):
    """A frame that ends in the face, its landmarks and the aligned image."""
    frame = {
        "right": ASTRONAUT[:, :245],
        "left": ASTRONAUT[:, 195:],
        "bottom": ASTRONAUT[:150],
        "top": ASTRONAUT[100:],
        "corner": ASTRONAUT[100:, :245],
    }[side]
    frame = np.ascontiguousarray(frame)
    moved = CENTER - [195 * (side == "left"), 100 * (side in ("top", "corner"))]
    landmarks = make_landmarks(center=tuple(map(float, moved)), width=120, roll=7)
    info = make_info(landmarks, size, FaceType.FULL)
    return frame, info, warp_face(frame, info.matrix, size)


SIDES = pytest.mark.parametrize("side", ["right", "left", "bottom", "top", "corner"])
KNOWN = pytest.mark.parametrize("known", [True, False], ids=["size known", "older face"])


@SIDES
@KNOWN
def test_training_sees_what_conversion_cuts(side, known):
    """Where a mirrored point lies outside the aligned image, training cannot know it."""
    frame, info, aligned = cut_off(side)
    frame_size = frame.shape[1::-1] if known else None
    filled, in_frame = mirror_beyond_frame(aligned, info.matrix, frame_size)
    expected = Crop.of(info.source_landmarks, 256, FaceType.FULL).cut(frame, 256)
    rows, columns = np.indices((256, 256))
    places = apply(cv2.invertAffineTransform(info.matrix), np.c_[columns.ravel(), rows.ravel()])
    last = np.array(frame.shape[1::-1]) - 1
    mirrored = last - np.abs(last - np.abs(places))
    known_there = apply(info.matrix, mirrored)
    seen = ((known_there > 1) & (known_there < 254)).all(axis=1).reshape(256, 256)
    inside = ((places >= 0) & (places <= last)).all(axis=1).reshape(256, 256)
    assert 0.05 < (~inside).mean() < 0.8
    difference = np.abs(filled.astype(int) - expected).max(axis=2)
    assert np.percentile(difference[seen], 99) <= 12
    assert np.abs(aligned.astype(int) - expected).max(axis=2)[seen & ~inside].mean() > 50
    # of an older face the edge is known to a pixel of the frame
    disagree = in_frame != inside
    assert disagree.mean() < (1e-4 if known else 0.02)


@pytest.mark.parametrize("frame_size", [(512, 512), None])
def test_a_whole_face_stays_as_it_is(frame_size):
    info = make_info(make_landmarks(center=(222, 125), width=120), 128, FaceType.FULL)
    aligned = warp_face(ASTRONAUT, info.matrix, 128)
    filled, in_frame = mirror_beyond_frame(aligned, info.matrix, frame_size)
    assert filled is aligned
    assert in_frame is None


@pytest.mark.parametrize("level", [0, 255])
def test_an_image_without_a_frame_is_left_alone(level):
    """Black all over, or painted where its matrix sees no frame: nothing tells where it ends."""
    info = make_info(make_landmarks(center=(-500, -500), width=120), 64, FaceType.FULL)
    image = np.full((64, 64, 3), level, np.uint8)
    assert mirror_beyond_frame(image, info.matrix, None)[1] is None


def test_samples_say_where_the_frame_is(tmp_path):
    _, info, aligned = cut_off("right")
    write_face(tmp_path / "0.png", aligned, info)
    sampler = Sampler(Faceset.open(tmp_path), SamplerSettings(FaceType.FULL, 64), (1,))
    batch = sampler.batch(0, 12)
    for target, inside in zip(batch.target, batch.in_frame[..., 0], strict=True):
        assert 0.1 < (inside < 128).mean() < 0.6
        assert (target.max(axis=2) < 8).mean() < 0.1  # 0.3 or so with black
    assert set(np.unique(batch.in_frame)) >= {0, 255}
    whole = replace(info, source_name="whole.png")
    write_face(tmp_path / "0.png", np.maximum(aligned, 9), whole)
    sampler = Sampler(Faceset.open(tmp_path), SamplerSettings(FaceType.FULL, 64), (1,))
    assert (sampler.batch(0, 2).in_frame == 255).all()


LOSSES = [
    ("H64", {}),
    ("H64", {"pixel_loss": True}),
    ("SAE", {"face_style_power": 10.0, "bg_style_power": 10.0}),
    ("SAEHD", {"face_style_power": 10.0, "bg_style_power": 10.0, "resolution": 64}),
    ("SAE", {"pixel_loss": True, "bg_style_power": 10.0, "multiscale_decoder": False}),
]


@pytest.mark.parametrize(("name", "chosen"), LOSSES)
def test_no_loss_depends_on_what_is_beyond_the_frame(name, chosen, monkeypatch):
    """Whatever stands there in target and prediction; fixed outputs stand in for the networks."""
    cls = MODELS.load(name)
    monkeypatch.setattr(cls, "build", lambda _: {})
    monkeypatch.setattr(sharing, "encode", lambda *_, **__: sharing.Codes(0.0, 0.0, 0.0))
    model = cls(cls.Options(**chosen))
    rng, side = np.random.default_rng(3), model.resolution
    in_frame = np.ones((2, side, side, 1), np.float32)
    in_frame[:, :, side // 2 :] = 0
    parts = [rng.random((2, side, side, c), np.float32) for c in (3, 3, 1, 3, 1)]

    def loss_values(beyond):
        warped, target, _, out, out_mask = (
            tf.constant(part * in_frame + beyond * (1 - in_frame)) for part in parts
        )
        batch = Batch(warped, target, tf.constant(parts[2]), tf.constant(in_frame))

        def decode(*codes, kind=""):
            if name != "SAE":
                return [[out, out_mask]] * len(codes[1:])
            heads = losses.pyramid(out_mask if kind else out, model.scales)
            return [heads] * (len(codes) - 1)

        monkeypatch.setattr(sharing, "decode", decode)
        return [float(value) for value in model.losses(batch, batch).values()]

    first = loss_values(0.2)
    assert all(value > 0.001 for value in first)
    assert first == pytest.approx(loss_values(0.9), rel=1e-5)

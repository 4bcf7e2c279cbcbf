"""Blending: the steps common to all modes, and the plainest mode.

A mode is a `Blend`: it may change the predicted face's colors, say what picture is to be seen
where the mask is 1, and where that mask is. `Blender` does the rest, face by face, each from the
untouched frame.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from converters import BLENDS, COLORS, MASKS
from converters.blending.crop import Box, Crop, enlarge
from converters.blending.detail import degrade, denoise, sharpen, smear
from converters.blending.mask import (
    MASK_SIDE,
    Swap,
    blur,
    blur_size,
    erode,
    erode_size,
    face_length,
    fade,
)
from converters.blending.mask_history import average
from converters.color_transfer.statistics import Colors, Match, measure
from converters.look import Look
from utils.errors import InputError, ModelError, UserError

Trace = Callable[[int, str, np.ndarray], None]
"""Is given intermediate pictures: number of the face, what it is, the picture."""

Transfer = Callable[[np.ndarray, Colors, Colors], np.ndarray]
"""Gives a face, whose colors are the former, the latter: `converters.color_transfer`."""

LEAST_ALPHA = np.float32(0.5 / 255)

FACE_ERRORS = (UserError, cv2.error, ArithmeticError, ValueError)
"""What a single face may fail with; the rest of its frame is done."""


@dataclass(frozen=True, eq=False)
class FaceBlend:
    """A face on its way into the frame. Masks are (MASK_SIDE, MASK_SIDE) float32 in the crop.

    Attributes
    ----------
    frame : (H, W, 3) uint8, untouched; never written to
    swap : what went into the model and came out
    face : (n, n, 3) float32 0..1, the prediction in its final colors and detail, enlarged
    crop : where in the frame it goes (face scale included)
    length : size of the face in frame pixels
    soft : the mask as it came, but fading out before the crop's border
    visible_masks : the same without what something before the face hides; the last one is its own,
        those before it are of the frames before
    mask : eroded and blurred: what the face is blended with
    visibility : (H, W) uint8, 255 where nothing is before the face; None: nowhere is anything
    look : the settings
    """

    frame: np.ndarray
    swap: Swap
    face: np.ndarray
    crop: Crop
    length: float
    soft: np.ndarray
    visible_masks: Sequence[np.ndarray]
    mask: np.ndarray
    visibility: np.ndarray | None
    look: Look

    @property
    def counted(self) -> np.ndarray:
        """Where colors are measured: (MASK_SIDE, MASK_SIDE) float32."""
        return average(self.visible_masks)

    def in_mask(self, pixels: float) -> float:
        """Turn a length in frame pixels into mask pixels."""
        return pixels * MASK_SIDE / self.crop.side

    def show_mask(self, mask: np.ndarray, box: Box) -> np.ndarray:
        """Show a mask of the crop in a box of the frame, without what is before the face."""
        shown = self.crop.place_mask(mask, box)
        return (
            shown
            if self.visibility is None
            else shown * (self.visibility[box.area] / np.float32(255))
        )


class Blend:
    """Mode overlay, and the base of all others: the predicted face is laid over the frame.

    Attributes
    ----------
    matches : whether `recolor` makes use of the colors inside the mask
    """

    matches = False

    def recolor(self, face: np.ndarray, dst: np.ndarray, match: Match, look: Look) -> np.ndarray:
        """Return the predicted face (R, R, 3) in its final colors.

        `dst` is the face that was there, and `match` the colors of both inside the mask.
        """
        return face

    def canvas(self, frame: np.ndarray, look: Look) -> np.ndarray:
        """Return the picture the faces are put on: a new array (H, W, C) uint8."""
        if look.alpha:
            return np.dstack([frame, np.zeros(frame.shape[:2], np.uint8)])
        return frame.copy()

    def coverage(self, work: FaceBlend) -> np.ndarray:
        """Return the mask the picture is put on the canvas with."""
        return work.mask

    def picture(self, work: FaceBlend, box: Box) -> np.ndarray:
        """Return what is to be seen in a box where the coverage is 1.

        (box height, box width, C) float32 0..1, with as many channels as the canvas; or three on
        one of four, which makes the picture a layer with the coverage as its alpha channel.
        """
        return work.crop.place(work.face, box)

    def steps(self, work: FaceBlend, box: Box) -> dict[str, np.ndarray]:
        """Return the mode's own intermediate pictures in a box, in order, by name; 0..1."""
        return {}


class Blended(NamedTuple):
    """A converted frame (H, W, C) uint8, how many faces it has, and what failed, in words."""

    image: np.ndarray
    faces: int
    failures: list[str]


class Blender:
    """Puts faces into frames: a pure function of the frame, its faces and the look.

    Parameters
    ----------
    look : the settings
    base_erode, base_blur : what suits the model, in percent; the look's modifiers are added
    """

    def __init__(self, look: Look, base_erode: float = 0, base_blur: float = 0) -> None:
        self.look = look
        self.mode: Blend = BLENDS.load(look.mode)()
        self.find_mask: Callable[[Swap], np.ndarray] = MASKS.load(look.mask_type)
        self.transfer: Transfer | None = None
        if look.color_transfer != "none":
            self.transfer = COLORS.load(look.color_transfer)
        self.erode = base_erode + look.erode_modifier
        self.blur = base_blur + look.blur_modifier
        self.fade = fade()

    def __call__(
        self,
        frame: np.ndarray,
        swaps: Iterable[Swap],
        trace: Trace | None = None,
        face_alpha: np.ndarray | None = None,
        visibility: np.ndarray | None = None,
    ) -> Blended:
        """Convert a frame.

        Each face is made from the untouched frame. Where faces overlap, they are laid over one
        another by their masks, the largest one last: it is the nearest to the camera.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR; not changed
        swaps : its faces
        trace : is given the intermediate pictures
        cover : (H, W) uint8, all 0; is filled with how much of each pixel is face, 255 all of it
        free : (H, W) uint8, 0 where something is before the faces, 255 where nothing is
        """
        canvas = self.mode.canvas(frame, self.look)
        works, failures = [], []
        for swap in swaps:
            try:
                works.append(self._prepare(frame, swap, visibility))
            except FACE_ERRORS as problem:
                failures.append(f"face {swap.index}: {problem}")
        done = 0
        for work in sorted(works, key=lambda work: work.crop.side):
            try:
                box = self._put(canvas, work, face_alpha)
            except FACE_ERRORS as problem:
                failures.append(f"face {work.swap.index}: {problem}")
                continue
            done += 1
            if trace is not None:
                _show(trace, work, self.mode.steps(work, box), canvas[box.area])
        return Blended(canvas, done, failures)

    def soft_mask(self, swap: Swap) -> np.ndarray:
        """Return a face's mask, neither eroded nor blurred: (MASK_SIDE, MASK_SIDE) float32."""
        return self.find_mask(swap) * self.fade

    def _prepare(self, frame: np.ndarray, swap: Swap, visibility: np.ndarray | None) -> FaceBlend:
        size = swap.face.shape[0]
        scale = 1 + self.look.face_scale / 100
        crop = Crop.of(swap.landmarks, size, swap.face_type, scale)
        crop.check(frame)
        made = [swap.face] if swap.mask is None else [swap.face, swap.mask]
        if not all(np.isfinite(picture).all() for picture in made):
            raise ModelError("the model predicts no numbers for it; its training has diverged")
        length = face_length(crop.side, swap.face_type)
        masks = swap.masks or (self.soft_mask(swap),)
        soft = masks[-1]
        per_pixel = MASK_SIDE / crop.side
        mask = erode(soft, erode_size(length, self.erode) * per_pixel)
        mask = blur(mask, blur_size(length, self.blur) * per_pixel) * self.fade
        visible_masks = _bare(masks, crop, visibility)
        face = self._detail(self._recolor(swap, visible_masks), swap, crop)
        return FaceBlend(
            frame, swap, face, crop, length, soft, visible_masks, mask, visibility, self.look
        )

    def _recolor(self, swap: Swap, visible_masks: Sequence[np.ndarray]) -> np.ndarray:
        """Return the predicted face in its final colors."""
        if self.transfer is None and not self.mode.matches:
            return swap.face
        match = measure(swap.face, swap.crop, average(visible_masks))
        if not match.seen.usable:
            return swap.face
        face, (seen, wanted) = swap.face, match
        if self.transfer is not None:
            face = self.transfer(swap.face, seen, wanted)
        if self.transfer is not None and self.mode.matches:
            changed = self.transfer(seen.values[None], seen, wanted)[0]
            match = Match(Colors(changed, seen.weights), wanted)
        return self.mode.recolor(face, swap.crop, match, self.look)

    def _detail(self, face: np.ndarray, swap: Swap, crop: Crop) -> np.ndarray:
        """Return a face (R, R, 3) enlarged and with the wanted detail."""
        look = self.look
        face = enlarge(denoise(face, look.denoise), crop.side)
        face = sharpen(face, look.sharpen)
        if look.motion_blur:
            way = crop.unit[:, :2] @ swap.motion * face.shape[0]
            face = smear(face, way * look.motion_blur / 100)
        return degrade(face, look.color_degrade)

    def _put(self, canvas: np.ndarray, work: FaceBlend, face_alpha: np.ndarray | None) -> Box:
        """Blend one face onto the canvas, which is changed in one box only; return that box."""
        coverage = self.mode.coverage(work)
        if not coverage.any():
            raise InputError("its mask is empty; try another mask type or a smaller erode modifier")
        box = work.crop.support(coverage).within(canvas)
        if box.empty:  # only the empty rim of the crop lies in the picture
            return box
        picture = self.mode.picture(work, box) * np.float32(255)
        mask = work.show_mask(coverage, box)[..., None]
        if face_alpha is not None:
            face_alpha[box.area] = np.maximum(face_alpha[box.area], np.rint(mask[..., 0] * 255))
        below = canvas[box.area].astype(np.float32)
        if below.shape[2] > picture.shape[2]:
            canvas[box.area] = np.rint(_layer(below, picture, mask))
        else:
            canvas[box.area] = np.rint(below + (picture - below) * mask)
        return box


def _bare(
    masks: Sequence[np.ndarray], crop: Crop, visibility: np.ndarray | None
) -> Sequence[np.ndarray]:
    """Return masks of a crop without what the frame's `visibility` says is hidden."""
    if visibility is None:
        return masks
    shown = crop.cut(visibility[..., None], MASK_SIDE)[..., 0] / np.float32(255)
    return [mask * shown for mask in masks]


def _layer(below: np.ndarray, picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Put a picture with its mask over a layer (h, w, 4), colors not multiplied by alpha, 0..255.

    Where nothing to speak of covers a pixel its color stays: that of the frame.
    """
    share = below[..., 3:] / np.float32(255) * (1 - mask)
    alpha = mask + share
    mixed = (picture * mask + below[..., :3] * share) / np.maximum(alpha, LEAST_ALPHA)
    return np.concatenate(
        [np.where(alpha > LEAST_ALPHA, mixed, below[..., :3]), alpha * 255], axis=2
    )


def _show(
    trace: Trace, work: FaceBlend, steps: Mapping[str, np.ndarray], blended: np.ndarray
) -> None:
    pictures = {
        "crop": work.swap.crop,
        "prediction": work.swap.face,
        "prediction_mask": work.swap.mask,
        "recolored": work.face,
        "mask": work.soft,
        "bare_mask": work.visible_masks[-1],
        "blend_mask": work.mask,
        **steps,
        "blended": blended,
    }
    for number, (what, picture) in enumerate(pictures.items()):
        if picture is not None and picture.size:
            trace(work.swap.index, f"{number}_{what}", picture)

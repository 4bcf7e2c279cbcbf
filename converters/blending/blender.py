"""Blending: the steps that all modes share, from a frame and its predicted faces to the result."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import cv2
import numpy as np

from converters import BLENDS, MASKS, TRAINED_MASKS
from converters.blending.compositing import MIN_ALPHA, composite
from converters.blending.crop import Box, Crop, enlarge
from converters.blending.detail import degrade, denoise, motion_blur, sharpen
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
from converters.blending.overlay import Blend, FaceBlend
from converters.blending.trained_mask import into_crop, unoccluded
from converters.look import Look
from facelib.color_transfer import COLORS
from facelib.color_transfer.statistics import Colors, Match, measure
from utils.errors import InputError, ModelError, UserError
from utils.images import to_uint8

Trace = Callable[[int, str, np.ndarray], None]
"""Receives intermediate images: number of the face, name of the image, the image."""

Transfer = Callable[[np.ndarray, Colors, Colors], np.ndarray]
"""A color transfer, `facelib.color_transfer`: (face, source, reference) -> face."""

FACE_ERRORS = (UserError, cv2.error, ArithmeticError, ValueError)
"""Errors that skip one face; the rest of its frame is converted."""


class Blended(NamedTuple):
    """A converted frame (H, W, C) uint8, the number of faces in it, and what went wrong."""

    image: np.ndarray
    faces: int
    failures: list[str]


class Blender:
    """Blends faces into frames: a pure function of the frame, its faces and the look.

    Parameters
    ----------
    look : Look
        The settings.
    base_erode, base_blur : float
        Mask settings that suit the model, in percent; the look's modifiers are added.
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
        self.trained = look.mask_type in TRAINED_MASKS
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

        Each face is made from the original frame. Where faces overlap they are composited by their
        masks, the largest last because it is nearest to the camera.

        Parameters
        ----------
        frame : (H, W, 3) uint8 BGR
            The original frame; not changed.
        swaps : iterable of Swap
            Its faces.
        trace : Trace or None
            Receives the intermediate images.
        face_alpha : (H, W) uint8 or None
            All 0; receives the share of each pixel that is face, 255 for all of it.
        visibility : (H, W) uint8 or None
            0 where an object occludes the faces, 255 elsewhere; None when nothing does.
        """
        canvas = self.mode.canvas(frame, self.look)
        faces, failures = [], []
        for swap in swaps:
            try:
                faces.append(self._prepare(frame, swap, visibility))
            except FACE_ERRORS as problem:
                failures.append(f"face {swap.index}: {problem}")
        done = 0
        for face in sorted(faces, key=lambda face: face.crop.side):
            try:
                box = self._composite(canvas, face, face_alpha)
            except FACE_ERRORS as problem:
                failures.append(f"face {face.swap.index}: {problem}")
                continue
            if box is None:
                continue
            done += 1
            if trace is not None:
                try:
                    _trace(trace, face, self.mode.debug_images(face, box), canvas[box.area])
                except InputError as problem:  # the file system cannot hold the name
                    failures.append(f"face {face.swap.index}: {problem}")
        return Blended(canvas, done, failures)

    def face_mask(self, swap: Swap) -> np.ndarray:
        """Return a face's mask, neither eroded nor blurred: (MASK_SIDE, MASK_SIDE) float32."""
        outline, visible = self._parts(swap)
        return outline if visible is None else outline * visible

    def _parts(self, swap: Swap) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the outline of a face's mask, and what lies before the face.

        Returns
        -------
        outline : (MASK_SIDE, MASK_SIDE) float32
            The mask, occlusions filled.
        visible : (MASK_SIDE, MASK_SIDE) float32 or None
            0 where something lies before the face; None if the mask is not trained.
        """
        return self.find_mask(swap) * self.fade, self._unoccluded(swap) if self.trained else None

    def _unoccluded(self, swap: Swap) -> np.ndarray:
        """Return 0 where a trained mask says that something lies before the face, else 1.

        A face that is enlarged or shrunk leaves what lies before it as large as it is.
        """
        visible = unoccluded(swap)
        if not self.look.face_scale:
            return visible
        scaled, own = self._crop(swap), self._crop(swap, 1)
        return 1 - into_crop(1 - visible, own, scaled)

    def _crop(self, swap: Swap, scale: float | None = None) -> Crop:
        scale = 1 + self.look.face_scale / 100 if scale is None else scale
        return Crop.of(swap.landmarks, swap.face.shape[0], swap.face_type, scale)

    def _prepare(self, frame: np.ndarray, swap: Swap, visibility: np.ndarray | None) -> FaceBlend:
        crop = self._crop(swap)
        crop.check(frame)
        outputs = [swap.face] if swap.mask is None else [swap.face, swap.mask]
        if not all(np.isfinite(image).all() for image in outputs):
            raise ModelError("the model predicts NaN or infinity; its training has diverged")
        length = face_length(crop.side, swap.face_type)
        if self.trained:
            outline, visible = self._parts(swap)
            masks = swap.masks or (outline * visible,)
        else:
            masks = swap.masks or (self.face_mask(swap),)
            outline, visible = masks[-1], None
        scale_to_mask = MASK_SIDE / crop.side
        mask = erode(outline, erode_size(length, self.erode) * scale_to_mask)
        mask = blur(mask, blur_size(length, self.blur) * scale_to_mask) * self.fade
        if visible is not None:
            mask *= visible
        visible_masks = _visible(masks, crop, visibility)
        pixels = self._detail(self._recolor(swap, visible_masks), swap, crop)
        return FaceBlend(
            frame=frame,
            swap=swap,
            pixels=pixels,
            crop=crop,
            length=length,
            face_mask=masks[-1],
            visible_masks=visible_masks,
            blend_mask=mask,
            visibility=visibility,
            look=self.look,
        )

    def _recolor(self, swap: Swap, visible_masks: Sequence[np.ndarray]) -> np.ndarray:
        """Return the predicted face in its final colors."""
        if self.transfer is None and not self.mode.matches_colors:
            return swap.face
        match = measure(swap.face, swap.crop, average(visible_masks))
        if not match.source.usable:
            return swap.face
        face, (source, reference) = swap.face, match
        if self.transfer is not None:
            face = self.transfer(swap.face, source, reference)
        if self.transfer is not None and self.mode.matches_colors:
            transferred = self.transfer(source.values[None], source, reference)[0]
            match = Match(Colors(transferred, source.weights), reference)
        return self.mode.recolor(face, swap.crop, match, self.look)

    def _detail(self, face: np.ndarray, swap: Swap, crop: Crop) -> np.ndarray:
        """Return a face (R, R, 3) enlarged, with the detail that the look asks for."""
        look = self.look
        face = enlarge(denoise(face, look.denoise), crop.side)
        face = sharpen(face, look.sharpen)
        if look.motion_blur:
            motion = crop.unit[:, :2] @ swap.motion * face.shape[0]
            face = motion_blur(face, motion * look.motion_blur / 100)
        return degrade(face, look.color_degrade)

    def _composite(
        self, canvas: np.ndarray, face: FaceBlend, face_alpha: np.ndarray | None
    ) -> Box | None:
        """Blend one face into the canvas.

        Returns
        -------
        box : Box or None
            Where the canvas has changed; None if the face is occluded or out of the frame.

        Raises
        ------
        InputError
            If nothing changes although the face is visible.
        """
        coverage = self.mode.coverage(face)
        if coverage.max() < MIN_ALPHA:
            raise InputError("its mask is empty; try another mask type or a smaller erode modifier")
        box = face.crop.support(coverage).within(canvas)
        if box.empty:  # only the empty rim of the crop lies in the frame
            return None
        mask = face.place_mask(coverage, box)
        if mask.max() < MIN_ALPHA:
            return None
        before = canvas[box.area]
        after = composite(before, self.mode.foreground(face, box), mask)
        if np.array_equal(before, after):
            if mask.max() < coverage.max() / 2:  # only the faint rim of the mask is visible
                return None
            raise InputError(
                "it changes no pixel, because the model predicts what the frame shows there; train "
                "further, or check that src and dst are different people"
            )
        canvas[box.area] = after
        if face_alpha is not None:
            face_alpha[box.area] = np.maximum(face_alpha[box.area], to_uint8(mask))
        return box


def _visible(
    masks: Sequence[np.ndarray], crop: Crop, visibility: np.ndarray | None
) -> Sequence[np.ndarray]:
    """Return masks of a crop without what the frame's `visibility` says is occluded."""
    if visibility is None:
        return masks
    visible = crop.cut(visibility[..., None], MASK_SIDE)[..., 0] / np.float32(255)
    return [mask * visible for mask in masks]


def _trace(
    trace: Trace, face: FaceBlend, mode_images: Mapping[str, np.ndarray], blended: np.ndarray
) -> None:
    images = {
        "crop": face.swap.crop,
        "prediction": face.swap.face,
        "prediction_mask": face.swap.mask,
        "recolored": face.pixels,
        "mask": face.face_mask,
        "bare_mask": face.visible_masks[-1],
        "blend_mask": face.blend_mask,
        **mode_images,
        "blended": blended,
    }
    for number, (name, image) in enumerate(images.items()):
        if image is not None and image.size:
            trace(face.swap.index, f"{number}_{name}", image)

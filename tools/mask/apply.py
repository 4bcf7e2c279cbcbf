"""`mask apply` and `mask remove`: the masks that a trained mask model gives faces.

A mask is written into the face's metadata, and no pixel of its image changes. Training takes it for
the area of the face in place of the hull; a label that was drawn by hand counts before it.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import cv2
import numpy as np

from facelib import geometry, mask_png
from facelib.faceset import FaceFiles, FaceInfo, Faceset, change_info, read_pixels
from facelib.frame_edge import mirror_beyond_frame
from facelib.mask_label import matrix_to
from facelib.types import FaceType
from models.mask_predictor import MaskPredictor
from tools.mask.options import ApplyMasksOptions, RemoveMasksOptions
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import remove_leftovers
from utils.images import Image
from utils.parallel import Failure, ordered_map


def apply(options: ApplyMasksOptions, predict: MaskPredictor | None = None) -> Report:
    """Write a mask into each face of a folder; `predict` replaces the model in its folder.

    Raises
    ------
    InputError
        If there is no such folder or no face in it.
    ModelError
        If the model folder holds no usable mask model.
    """
    faces = Faceset.open(options.input_dir)
    predict = predict or MaskPredictor(options.model_dir)
    remove_leftovers(options.input_dir)
    report = Report({"masks written": 0}, failures=faces.skipped, made=[options.input_dir])
    crops = _crops(faces, predict, report)
    while group := list(islice(crops, options.batch_size)):
        masks = predict(np.stack([crop for _, _, crop in group]))
        for (path, info, _), mask in zip(group, masks, strict=True):
            png = mask_png.encode(to_aligned(mask, info, predict.face_type))
            report.counts["masks written"] += _rewrite(path, info, report, mask=png)
    return report


def remove(options: RemoveMasksOptions) -> Report:
    """Remove the masks from the faces of a folder, and on request the labels.

    Raises
    ------
    InputError
        If there is no such folder or no face in it.
    """
    faces = Faceset.open(options.input_dir)
    remove_leftovers(options.input_dir)
    report = Report({"masks removed": 0}, failures=faces.skipped, made=[options.input_dir])
    for path, info in console.progress(faces, len(faces), "Removing", "face"):
        if info.mask is None and not (options.labels and info.mask_label is not None):
            continue
        labels = {"mask_label": None} if options.labels else {}
        report.counts["masks removed"] += _rewrite(path, info, report, mask=None, **labels)
    return report


def _rewrite(path: Path, info: FaceInfo, report: Report, **changes: object) -> bool:
    """Change the metadata of a face; return whether that went well."""
    try:
        change_info(path, info, **changes)
    except InputError as problem:
        report.failures.append(str(problem))
        return False
    return True


def _crops(
    faces: FaceFiles, predict: MaskPredictor, report: Report
) -> Iterator[tuple[Path, FaceInfo, Image]]:
    """Yield the faces as the network wants them; one that cannot be cut becomes a failure."""

    def cut(face: tuple[Path, FaceInfo]) -> Image:
        path, info = face
        return to_crop(read_pixels(path), info, predict.side, predict.face_type)

    results = ordered_map(cut, faces, workers=2, ahead=32, catch=(InputError,))
    shown = console.progress(zip(faces, results, strict=True), len(faces), "Masking", "face")
    for (path, info), crop in shown:
        if isinstance(crop, Failure):
            report.failures.append(str(crop.error))
        else:
            yield path, info, crop


def to_crop(image: Image, info: FaceInfo, side: int, face_type: FaceType) -> Image:
    """Cut what a network wants to see out of an aligned image.

    Parameters
    ----------
    image : (n, n, 3) uint8 BGR
        The aligned image.
    info : FaceInfo
        Its metadata.
    side : int
        Of the result, pixels.
    face_type : FaceType
        How much of the head it shows; beyond the aligned image it is its mirror image.

    Returns
    -------
    crop : (side, side, 3) uint8 BGR
        The same face.

    Raises
    ------
    InputError
        If the image is a whole frame.
    """
    if info.face_type is FaceType.MARK_ONLY:
        raise InputError(
            f'"{info.source_name}" is a whole frame, which has no mask; extract faces of a type'
        )
    image, _ = mirror_beyond_frame(image, info.matrix, info.frame_size)
    margin = len(image) // 2 if face_type.extent > info.face_type.extent else 0
    if margin:
        mirror = cv2.BORDER_REFLECT_101
        image = cv2.copyMakeBorder(image, margin, margin, margin, margin, mirror)
    matrix = geometry.crop_matrix(info.landmarks + np.float32(margin), side, face_type)
    return geometry.warp_face(image, matrix, side)


def to_aligned(mask: np.ndarray, info: FaceInfo, face_type: FaceType) -> np.ndarray:
    """Return a mask of a crop as a mask of the aligned image.

    Parameters
    ----------
    mask : (side, side) float32
        Of what `to_crop` gave.

    Returns
    -------
    aligned : (mask_png.SIDE, mask_png.SIDE) float32
        It covers the aligned image; 0 where the crop does not reach.
    """
    crop = geometry.crop_matrix(info.source_landmarks, len(mask), face_type)
    to_mask = np.vstack([matrix_to(info, mask_png.SIDE), (0, 0, 1)])
    matrix = crop @ np.linalg.inv(to_mask)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpAffine(mask, matrix, (mask_png.SIDE, mask_png.SIDE), flags=flags)

"""`util export-masks` and `util import-masks`: the masks of faces as images, and back.

An exported mask has its face's name and size: white where the face is visible, gray along edges.
Imported ones go into the faces as if a network had computed them.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from facelib import face_mask, mask_png
from facelib.faceset import FaceInfo, Faceset, embed, read_info
from facelib.types import FaceType
from tools.util.options import ExportMasksOptions, ImportMasksOptions, MaskChoice
from utils import console, parallel
from utils.console import Report
from utils.errors import InputError
from utils.files import images_and_others, remove_leftovers, write_bytes
from utils.image_guard import PNG_START
from utils.images import decode_image, encode_image, read_file, size_of, to_8_bits, to_uint8

OPAQUE = 255


def export_masks(options: ExportMasksOptions) -> Report:
    """Write the mask of every face of a folder as an image; images that are there are replaced.

    Raises
    ------
    InputError
        If there is no such folder or no face in it, or the output folder is the same.
    """
    folder = options.input_dir
    target = _masks_beside(options.output_dir, folder)
    remove_leftovers(target)
    faces = Faceset.open(folder)
    report = Report({"masks exported": 0}, failures=list(faces.skipped), made=[target])
    wanted = [face for face in faces if _has(face[1], options.which)]
    if len(wanted) < len(faces):
        report.counts["faces without one"] = len(faces) - len(wanted)
    write = partial(_export_one, options.which, target)
    results = parallel.ordered_map(write, wanted, workers=parallel.cores())
    for result in console.progress(results, len(wanted), "Exporting", "mask"):
        if isinstance(result, parallel.Failure):
            report.failures.append(str(result.error))
        else:
            report.counts["masks exported"] += 1
    return report


def _masks_beside(given: Path | None, folder: Path) -> Path:
    """Return the folder of masks, which must not be that of the faces."""
    masks = given or folder.with_name(folder.name + "_masks")
    if masks.resolve() == folder.resolve():
        raise InputError(f'"{masks}" is the folder of faces; choose another folder for the masks')
    return masks


def _has(info: FaceInfo, which: MaskChoice) -> bool:
    if which is MaskChoice.LABEL:
        return info.mask_label is not None
    return which is not MaskChoice.APPLIED or info.mask is not None


def _export_one(which: MaskChoice, target: Path, face: tuple[Path, FaceInfo]) -> None:
    path, info = face
    source = face_mask.source_of(info) if which is MaskChoice.ANY else which.value
    mask = face_mask.mask_from(source, info, info.size, path.name)
    width, height = size_of(path) or mask.shape[::-1]  # a whole frame is not square
    image = to_uint8(mask[:height, :width])
    write_bytes(target / f"{path.stem}.png", encode_image(image))


def import_masks(options: ImportMasksOptions) -> Report:
    """Put masks into the faces of the same names, in place of those that they have.

    Raises
    ------
    InputError
        If there is no folder of faces or of masks, or nothing in one.
    """
    masks = _masks_beside(options.mask_dir, options.input_dir)
    images, others = images_and_others(masks)
    remove_leftovers(options.input_dir)
    faces = Faceset.open(options.input_dir)
    by_stem = {path.stem: path for path, _ in faces}
    report = Report({"masks imported": 0}, failures=list(faces.skipped), made=[options.input_dir])
    report.notes["other files"] = others
    done: set[str] = set()
    for image in console.progress(images, len(images), "Importing", "mask"):
        face = by_stem.get(image.stem)
        if face is None:
            report.failures.append(f'"{image.name}" has the name of no face')
        elif image.stem in done:
            report.failures.append(f'"{image.name}": another mask has the same name; remove one')
        else:
            done.add(image.stem)
            _import_one(face, image, report)
    report.notes["faces without a mask"] = [path.name for path, _ in faces if path.stem not in done]
    return report


def _import_one(path: Path, image: Path, report: Report) -> None:
    """Put a mask into a face; what is wrong with it goes into the report."""
    try:
        info = read_info(path)
        png = mask_png.encode(_fitting(_gray(image), info, image.name))
        write_bytes(path, embed(read_file(path), replace(info, mask=png), path.name))
    except InputError as problem:
        report.failures.append(str(problem))
        return
    report.counts["masks imported"] += 1
    if info.mask_label is not None:
        title = "faces whose outlines, drawn by a person, count before the mask"
        report.notes.setdefault(title, []).append(path.name)


def _gray(path: Path) -> np.ndarray:
    """Return the transparency of an image, or its brightness if it has none: (H, W) uint8."""
    data = read_file(path)
    gray = cv2.cvtColor(decode_image(data, path.name), cv2.COLOR_BGR2GRAY)
    if not data.startswith(PNG_START):
        return gray
    whole = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if whole is None or whole.ndim < 3 or whole.shape[2] < 4:
        return gray
    alpha = np.ascontiguousarray(to_8_bits(whole)[..., 3])
    return gray if alpha.min() == OPAQUE else alpha


def _fitting(mask: np.ndarray, info: FaceInfo, name: str) -> np.ndarray:
    """Return the mask of a face, reduced if it has more pixels than faces keep."""
    if info.face_type is FaceType.MARK_ONLY:
        raise InputError(f'"{name}" is the mask of a whole frame, which cannot have one')
    if mask.shape != (info.size, info.size):
        raise InputError(
            f'"{name}" is {mask.shape[1]}x{mask.shape[0]} pixels, but its face has {info.size}; '
            "scale it to that"
        )
    return mask_png.reduced(mask)

"""`util save-metadata` and `util restore-metadata`: keep face metadata across image editing.

Image editors and upscalers drop chunks that they do not know. So the metadata is saved beside the
folder, as one line of JSON per face, and restored into images of the same names: also in other
formats and sizes, as long as nothing was cropped.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from facelib import geometry
from facelib.faceinfo import FaceInfo, from_json, to_json
from facelib.faceset import MAX_PAYLOAD, Faceset, embed, write_face
from facelib.types import FaceType
from tools.util.options import RestoreMetadataOptions, SaveMetadataOptions
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import list_images, move_to_trash, remove_leftovers, write_bytes, write_result
from utils.images import decode_image, read_file
from utils.records import reading

SUFFIX = ".faces.jsonl"


def save(options: SaveMetadataOptions) -> Report:
    """Write the metadata of all faces of a folder into one file.

    Raises
    ------
    InputError
        If there is no such folder or no face in it.
    """
    faces = Faceset.open(options.input_dir)
    target = options.metadata or _beside(options.input_dir)
    with write_result(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        for path, info in faces:
            record = json.loads(to_json(info, path.name))
            file.write(json.dumps({"stem": path.stem, "face": record}) + "\n")
    return Report({"faces saved": len(faces)}, failures=faces.skipped, made=[target])


def restore(options: RestoreMetadataOptions) -> Report:
    """Restore saved metadata into the images of the same names.

    Raises
    ------
    InputError
        If there is no such folder, no image in it, or the saved metadata cannot be read.
    """
    source = options.metadata or _beside(options.input_dir)
    infos = dict(_read(source))
    remove_leftovers(options.input_dir)
    report = Report({"faces restored": 0})
    done: set[str] = set()
    paths = list_images(options.input_dir)
    for path in console.progress(paths, len(paths), "Restoring", "face"):
        info = infos.get(path.stem)
        if info is None:
            report.failures.append(f'"{path.name}" has no metadata in "{source.name}"')
        elif path.stem in done:
            report.failures.append(f'"{path.name}": another image has the same name; remove one')
        else:
            done.add(path.stem)
            try:
                _restore_one(path, info)
                report.counts["faces restored"] += 1
            except InputError as problem:
                report.failures.append(str(problem))
    report.notes["saved faces without a picture"] = [stem for stem in infos if stem not in done]
    return report


def _beside(folder: Path) -> Path:
    return folder.with_name(folder.name + SUFFIX)


def _read(source: Path) -> Iterator[tuple[str, FaceInfo]]:
    damaged = f'"{source}" was not written by `util save-metadata`, or it is damaged'
    with (
        reading(source, "saved metadata", damaged=damaged),
        source.open(encoding="utf-8") as file,
    ):
        while line := file.readline(2 * MAX_PAYLOAD):
            row = json.loads(line)
            yield str(row["stem"]), from_json(json.dumps(row["face"]).encode(), source.name)


def _restore_one(path: Path, info: FaceInfo) -> None:
    """Embed metadata into an image; another format is replaced by a PNG and goes to the trash."""
    data = read_file(path)
    image = decode_image(data, path.name)
    info = _scaled(info, image, path.name)
    if path.suffix.lower() == ".png":
        write_bytes(path, embed(data, info, path.name))
        return
    write_face(path.with_suffix(".png"), image, info)
    move_to_trash(path)


def _scaled(info: FaceInfo, image: np.ndarray, name: str) -> FaceInfo:
    """Return the metadata for an image that may have been scaled."""
    height, width = image.shape[:2]
    size = max(height, width)
    if size == info.size:
        return info
    if height != width or info.face_type is FaceType.MARK_ONLY:
        raise InputError(
            f'"{name}" is {width}x{height} pixels now, but its face metadata is for {info.size}; '
            "scale it without changing its aspect ratio"
        )
    matrix = geometry.resize_matrix(info.matrix, info.size, size)
    points = geometry.apply(matrix, info.source_landmarks)
    return replace(info, size=size, matrix=matrix, landmarks=points)

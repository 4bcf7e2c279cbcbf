"""`util import-dfl`: converts DeepFaceLab's face files to this program's.

Pixels do not change, except where a face type unknown to this program is cut down to one of ours:
a PNG is encoded again, a JPEG is decoded and stored without further loss.
"""

from collections import defaultdict
from pathlib import Path, PurePosixPath

from facelib.faceset import write_face
from facelib.types import FaceType
from tools.util.dfl_face import DflFace, cut_down, read_dfl, to_info
from tools.util.options import ImportOptions
from utils import console, parallel
from utils.console import Report
from utils.errors import InputError
from utils.files import images_and_others, natural_key, remove_leftovers
from utils.images import read_image


def run(options: ImportOptions) -> Report:
    """Import a folder of faces; those imported by an earlier run are left as they are.

    Raises
    ------
    InputError
        If there is no such folder, it holds no image, or it is the output folder too.
    """
    folder = options.input_dir
    target = options.output_dir or folder.with_name(folder.name + "_imported")
    if target.resolve() == folder.resolve():
        raise InputError(f'"{target}" holds the faces to import; choose another --output-dir')
    remove_leftovers(target)
    report = Report({"faces imported": 0}, made=[target])
    faces = _read(folder, report)
    existing = {path for path in faces if _target(target, path).exists()}
    if existing:
        report.counts["faces there already"] = len(existing)
    indices = _indices(faces)

    def convert(path: Path) -> FaceType:
        image = read_image(path)
        frame_index, face_index = indices[path]
        info = to_info(
            faces[path],
            max(image.shape[:2]),
            path.name,
            folder.parent.name,
            frame_index=frame_index,
            face_index=face_index,
        )
        if info.face_type.value != faces[path].face_type:
            image, info = cut_down(image, info)
        write_face(_target(target, path), image, info)
        return info.face_type

    wanted = [path for path in faces if path not in existing]
    results = parallel.ordered_map(convert, wanted, workers=parallel.cores())
    progress = console.progress(results, len(wanted), "Importing", "face")
    for path, result in zip(wanted, progress, strict=True):
        if isinstance(result, parallel.Failure):
            report.failures.append(str(result.error))
            continue
        report.counts["faces imported"] += 1
        theirs = faces[path].face_type
        if result.value != theirs:
            title = f"{theirs} of DeepFaceLab, cut down to {result.value}"
            report.notes.setdefault(title, []).append(path.name)
    return report


def _target(folder: Path, path: Path) -> Path:
    return folder / f"{path.stem}.png"


def _read(folder: Path, report: Report) -> dict[Path, DflFace]:
    """Return the metadata of every face; what cannot be read goes into the report."""
    faces: dict[Path, DflFace] = {}
    stems: dict[str, str] = {}
    paths, others = images_and_others(folder)
    if others:
        report.notes["other files"] = others
    for path in console.progress(paths, len(paths), "Reading", "face"):
        first = stems.setdefault(path.stem, path.name)
        if first != path.name:
            report.failures.append(f'"{path.name}": "{first}" would get the same name; rename it')
            continue
        try:
            faces[path] = read_dfl(path)
        except InputError as problem:
            report.failures.append(str(problem))
    report.notes["masks that were not taken over"] = [
        path.name for path, face in faces.items() if face.masked
    ]
    return faces


def _indices(faces: dict[Path, DflFace]) -> dict[Path, tuple[int, int]]:
    """Return each face's frame index and its face index in the frame, where 0 is the largest.

    The frame index is the number in the frame's name if all have one, else the natural order's.
    """
    frames: dict[str, list[Path]] = defaultdict(list)
    for path, face in faces.items():
        frames[face.source_name].append(path)
    stems = [PurePosixPath(name).stem for name in frames]
    numbered = all(stem.isascii() and stem.isdigit() and len(stem) < 12 for stem in stems)
    indices: dict[Path, tuple[int, int]] = {}
    for rank, name in enumerate(sorted(frames, key=natural_key)):
        index = int(PurePosixPath(name).stem) if numbered else rank
        largest_first = sorted(frames[name], key=lambda path: -faces[path].source_rect.area)
        indices |= {path: (index, number) for number, path in enumerate(largest_first)}
    return indices

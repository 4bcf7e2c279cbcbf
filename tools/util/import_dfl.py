"""`util import-dfl`: converts DeepFaceLab's face files to this program's.

Pixels do not change, except where a face type unknown to this program is cut down to one of ours:
a PNG is encoded again, a JPEG is decoded and stored without further loss.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePath, PurePosixPath

from facelib.faceset import write_face
from facelib.mask_label import MOST_POINTS
from tools.util import dfl_pack
from tools.util.dfl_face import DflFace, cut_down, read_dfl, to_info
from tools.util.dfl_mask import Masked, with_masks
from tools.util.options import ImportOptions
from utils import console, parallel
from utils.console import Report, quoted
from utils.errors import InputError
from utils.files import images_and_others, is_image, name_fault, natural_key, remove_leftovers
from utils.images import decode_image, read_file


@dataclass(frozen=True, eq=False)
class Item:
    """An image to import: a file, or a part of a packed faceset.

    Attributes
    ----------
    name : str
        The image's.
    read : callable
        Returns its bytes.
    """

    name: str
    read: Callable[[], bytes]


def run(options: ImportOptions) -> Report:
    """Import a folder of faces; those imported by an earlier run are left as they are.

    Raises
    ------
    InputError
        If there is no such folder, it holds no face, or it is the output folder too.
    """
    given = options.input_dir
    folder = given.parent if given.is_file() else given
    target = options.output_dir or folder.with_name(folder.name + "_imported")
    if target.resolve() == folder.resolve():
        raise InputError(f'"{target}" holds the faces to import; choose another --output-dir')
    remove_leftovers(target)
    report = Report({"faces imported": 0}, made=[target])
    faces = _read(_items(given, report), report)
    existing = {item for item in faces if _target(target, item).exists()}
    if existing:
        report.counts["faces there already"] = len(existing)
    indices = _indices(faces)

    def convert(item: Item) -> Masked:
        image = decode_image(item.read(), item.name)
        frame_index, face_index = indices[item]
        info = to_info(
            faces[item],
            max(image.shape[:2]),
            item.name,
            folder.parent.name,
            frame_index=frame_index,
            face_index=face_index,
        )
        masked = with_masks(info, faces[item].masks, item.name)
        info = masked.info
        if info.face_type.value != faces[item].face_type:
            image, info = cut_down(image, info)
        write_face(_target(target, item), image, info)
        return masked._replace(info=info)

    wanted = [item for item in faces if item not in existing]
    results = parallel.ordered_map(convert, wanted, workers=parallel.cores())
    progress = console.progress(results, len(wanted), "Importing", "face")
    for item, result in zip(wanted, progress, strict=True):
        if isinstance(result, parallel.Failure):
            report.failures.append(str(result.error))
        else:
            _count(report, item, faces[item].face_type, result)
    return report


def _count(report: Report, item: Item, theirs: str, masked: Masked) -> None:
    """Add a face that was imported to the report."""
    info = masked.info
    report.counts["faces imported"] += 1
    report.failures += masked.problems
    for kind, value in (("labels of masks", info.mask_label), ("masks", info.mask)):
        if value is not None:
            report.counts[kind] = report.counts.get(kind, 0) + 1
    if info.face_type.value != theirs:
        title = f"{theirs} of DeepFaceLab, cut down to {info.face_type.value}"
        report.notes.setdefault(title, []).append(item.name)
    if masked.simplified:
        title = f"outlines of more than {MOST_POINTS:,} points, simplified"
        report.notes.setdefault(title, []).append(item.name)


def _target(folder: Path, item: Item) -> Path:
    return folder / f"{PurePath(item.name).stem}.png"


def _items(given: Path, report: Report) -> Iterator[Item]:
    """Yield the images of a folder, and those of the packed faceset that is in it, or is given."""
    if given.is_file():
        yield from _packed(given, report)
        return
    packed = given / dfl_pack.NAME
    try:
        paths, others = images_and_others(given)
    except InputError:
        if not packed.is_file():
            raise
        paths, others = [], []
    if others := [name for name in others if dfl_pack.NAME not in name]:
        report.notes["other files"] = others
    for path in paths:
        yield Item(path.name, partial(read_file, path))
    if packed.is_file():
        yield from _packed(packed, report)


def _packed(path: Path, report: Report) -> Iterator[Item]:
    console.announce(f'reading "{path}"')
    for face in dfl_pack.faces_in(path):
        if name_fault(face.name) or not is_image(Path(face.name)):
            report.failures.append(
                f"{quoted(face.name)} was left out: it is not the name of a face file"
            )
        else:
            yield Item(face.name, face.read)


def _read(items: Iterator[Item], report: Report) -> dict[Item, DflFace]:
    """Return the metadata of every face; what cannot be read goes into the report."""
    faces: dict[Item, DflFace] = {}
    stems: dict[str, str] = {}
    listed = list(items)
    for item in console.progress(listed, len(listed), "Reading", "face"):
        first = stems.setdefault(PurePath(item.name).stem, item.name)
        if first != item.name:
            report.failures.append(f'"{item.name}": "{first}" would get the same name; rename it')
            continue
        try:
            faces[item] = read_dfl(item.read(), item.name)
        except InputError as problem:
            report.failures.append(str(problem))
    report.notes["masks that were not taken over"] = [
        item.name for item, face in faces.items() if face.old_mask
    ]
    return faces


def _indices(faces: dict[Item, DflFace]) -> dict[Item, tuple[int, int]]:
    """Return each face's frame index and its face index in the frame, where 0 is the largest.

    The frame index is the number in the frame's name if all have one, else the natural order's.
    """
    frames: dict[str, list[Item]] = defaultdict(list)
    for item, face in faces.items():
        frames[face.source_name].append(item)
    stems = [PurePosixPath(name).stem for name in frames]
    numbered = all(stem.isascii() and stem.isdigit() and len(stem) < 12 for stem in stems)
    indices: dict[Item, tuple[int, int]] = {}
    for rank, name in enumerate(sorted(frames, key=natural_key)):
        index = int(PurePosixPath(name).stem) if numbered else rank
        largest_first = sorted(frames[name], key=lambda item: -faces[item].source_rect.area)
        indices |= {item: (index, number) for number, item in enumerate(largest_first)}
    return indices

"""`util refit`: cuts the faces of a folder out of their footage again, as another type or size.

Nothing is searched: the landmarks in the files say where each face is. The result is what `extract`
would have written, and the names stay, so a sorted folder stays sorted.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelib import geometry
from facelib.cutting import FaceCut, cut_out
from facelib.faceset import FaceFiles, FaceInfo, Faceset, write_face
from facelib.fingerprint import around, fingerprint, to_bytes
from facelib.footage_match import find_mismatch, frame_numbers
from facelib.frame_scale import fit_to_frames, stem_of
from facelib.types import FaceType
from tools.util.dfl_mask import cut_mask
from tools.util.options import RefitOptions
from utils import console, parallel
from utils.console import Report
from utils.errors import InputError
from utils.files import is_image, remove_leftovers
from utils.images import Image, read_image
from utils.video.aspect import to_square
from utils.video.decoder import VideoSource
from utils.video.io import open_source
from utils.video.seekable import RandomFrames, open_sought
from utils.video.source import FrameSource

SAME_PLACE = 0.01  # pixels
OVERHANG = 0.25  # pixels by which a crop may leave the one that its mask is cut from
NO_FRAME = "its frame is not in the footage"


class WantedFrame(NamedTuple):
    """A frame with faces to cut.

    Attributes
    ----------
    content : Path, (H, W, 3) uint8 BGR, or str
        The image file, which a worker will read, the decoded frame of a video, or why there is
        none.
    faces : sequence of (Path, FaceInfo)
        Its faces, in the pixels that the frame has.
    """

    content: Path | Image | str
    faces: FaceFiles


class Recut(NamedTuple):
    """What became of a face: it is cut, without its mask perhaps, or there is a problem."""

    name: str
    problem: str = ""
    mask_lost: bool = False


@dataclass(frozen=True)
class Refitting:
    """Cuts faces; may be used by several threads at once.

    Attributes
    ----------
    target : Path
        Where the new files go.
    face_type, image_size
        What they show, and their largest side in pixels.
    stretch : Fraction or None
        The pixel aspect ratio by which frames are enlarged; None if they are not.
    """

    target: Path
    face_type: FaceType
    image_size: int
    stretch: Fraction | None

    def write(self, frame: WantedFrame) -> list[Recut]:
        """Cut the faces of a frame."""
        image = frame.content
        try:
            if isinstance(image, Path):
                image = to_square(read_image(image), self.stretch)
        except InputError as problem:
            image = str(problem)
        if isinstance(image, str):
            return [Recut(path.name, image) for path, _ in frame.faces]
        return [self._write_one(path, info, image) for path, info in frame.faces]

    def _write_one(self, path: Path, old: FaceInfo, image: Image) -> Recut:
        try:
            new = self._info(old, image)
            write_face(self.target / path.name, cut_out(image, new), new)
        except InputError as problem:
            return Recut(path.name, str(problem))
        return Recut(path.name, mask_lost=old.mask is not None and new.mask is None)

    def _info(self, old: FaceInfo, image: Image) -> FaceInfo:
        """Return the metadata of a face as it is cut now; a mask of a wider cut is cut, too."""
        cut = FaceCut.of(old.source_landmarks, image.shape[:2], self.face_type, self.image_size)
        seen = old.fingerprint
        if seen is None:
            seen = to_bytes(fingerprint(image, around(cut.source_landmarks)))
        height, width = image.shape[:2]
        new = replace(
            old,
            **cut._asdict(),
            face_type=self.face_type,
            frame_size=(width, height),
            fingerprint=seen,
            mask=None,
        )
        if old.mask is None or not _contains(old, new):
            return new
        return replace(new, mask=cut_mask(old.mask, old, new))

    def makes(self, there: FaceInfo, face: FaceInfo) -> bool:
        """Whether what is there is what this makes of a face."""
        cut = FaceCut.of(there.source_landmarks, (there.size, 1), self.face_type, self.image_size)
        frames = [(each.source, each.source_name, each.face_index) for each in (there, face)]
        return (
            frames[0] == frames[1]
            and (there.face_type, there.size) == (self.face_type, cut.size)
            and np.allclose(there.matrix, cut.matrix, rtol=0, atol=SAME_PLACE)
            and np.allclose(there.source_landmarks, face.source_landmarks, atol=SAME_PLACE)
        )


def run(options: RefitOptions) -> Report:
    """Cut the faces of a folder again; those that an earlier run has cut are left as they are.

    Raises
    ------
    InputError
        If there is no such folder or footage, they do not belong together, or the output folder
        holds other faces.
    """
    folder = options.input_dir
    target = options.output_dir or folder.with_name(f"{folder.name}_{options.face_type.value}")
    if target.resolve() in (folder.resolve(), options.footage.resolve()):
        raise InputError(f'"{target}" is what is to be read; choose another --output-dir')
    found = Faceset.open(folder)
    source = open_source(options.footage, square_pixels=True)
    faces, others = _of_footage(found, source)
    if problem := find_mismatch(faces, source):
        raise InputError(
            f'the faces in "{folder}" do not fit "{source.path}": {problem}; give the footage that '
            "they were extracted from"
        )
    fitted = fit_to_frames(faces, source)
    refitting = Refitting(target, options.face_type, options.image_size, source.stretch)
    there = _made_before(refitting, [*fitted, *others])
    remove_leftovers(target)
    report = Report({"faces cut": 0}, failures=found.skipped, made=[target])
    if there:
        report.counts["faces there already"] = len(there)
    report.notes["faces of other footage"] = [path.name for path, _ in others]
    wanted = _by_frame([face for face in fitted if face[0].name not in there], source)
    results = parallel.ordered_map(
        refitting.write, _frames(source, wanted), workers=parallel.cores()
    )
    for outcomes in console.progress(results, len(wanted), "Cutting"):
        if isinstance(outcomes, parallel.Failure):
            report.failures.append(str(outcomes.error))
            continue
        for outcome in outcomes:
            _count(report, outcome)
    report.failures += source.failures
    return report


def _count(report: Report, outcome: Recut) -> None:
    if outcome.problem:
        report.failures.append(f'"{outcome.name}": {outcome.problem}')
        return
    report.counts["faces cut"] += 1
    if outcome.mask_lost:
        title = "masks left out, because the face is cut wider; apply or import them again"
        report.notes.setdefault(title, []).append(outcome.name)


def _of_footage(faces: Faceset, source: FrameSource) -> tuple[Faceset, FaceFiles]:
    """Return the faces that may be of this footage, and those that by its name are of another."""
    if source.path.name not in {info.source for _, info in faces}:
        return faces, []  # renamed or imported; whether they fit is seen in the frames
    own = [face for face in faces if face[1].source == source.path.name]
    others = [face for face in faces if face[1].source != source.path.name]
    return Faceset(faces.folder, own), others


def _made_before(refitting: Refitting, faces: FaceFiles) -> set[str]:
    """Return the names of the faces that an earlier run has cut.

    Raises
    ------
    InputError
        If the output folder holds anything else.
    """
    target = refitting.target
    if not target.is_dir() or not any(map(is_image, target.iterdir())):
        return set()
    known = {path.name: info for path, info in faces}
    there = Faceset.open(target)
    for path, info in there:
        face = known.get(path.name)
        if face is None or not refitting.makes(info, face):
            raise InputError(
                f'"{target}" holds faces already, and "{path.name}" is not what this makes; choose '
                "another --output-dir"
            )
    return {path.name for path, _ in there}


def _by_frame(faces: FaceFiles, source: FrameSource) -> dict[int, list[tuple[Path, FaceInfo]]]:
    """Return the faces by the number of their frame; -1 if it cannot be in the footage."""
    number_of = frame_numbers(source)
    frames: dict[int, list[tuple[Path, FaceInfo]]] = defaultdict(list)
    for path, info in faces:
        number = number_of(stem_of(info))
        frames[-1 if number is None else number].append((path, info))
    return dict(sorted(frames.items()))


def _frames(source: FrameSource, wanted: Mapping[int, FaceFiles]) -> Iterator[WantedFrame]:
    """Yield the frames that have faces, in order."""
    for number, faces in wanted.items():
        if number < 0:
            yield WantedFrame(NO_FRAME, faces)
        elif not isinstance(source, VideoSource):
            yield WantedFrame(source.files[number], faces)
    if isinstance(source, VideoSource):
        yield from _of_video(source, {n: faces for n, faces in wanted.items() if n >= 0})


def _of_video(source: VideoSource, wanted: Mapping[int, FaceFiles]) -> Iterator[WantedFrame]:
    """Yield frames of a video: sought where its packets tell the numbers, else as they come."""
    times = {number: faces[0][1].time for number, faces in wanted.items()}
    known = {number: Fraction(time) for number, time in times.items() if time is not None}
    sought = open_sought(source, known, kept_before=0)
    if sought is not None:
        with closing(sought):
            for number, faces in wanted.items():
                yield WantedFrame(_content(sought, number), faces)
        return
    left = dict(wanted)
    for frame in source:
        if frame.index in left:
            yield WantedFrame(frame.image, left.pop(frame.index))
        if not left:
            return
    for faces in left.values():
        yield WantedFrame(NO_FRAME, faces)


def _content(frames: RandomFrames, number: int) -> Image | str:
    try:
        return frames[number].image
    except IndexError:
        return NO_FRAME
    except InputError as problem:
        return str(problem)


def _contains(old: FaceInfo, new: FaceInfo) -> bool:
    """Whether an aligned image shows all that another cut of the face shows."""
    if new.face_type is FaceType.MARK_ONLY:
        return False
    corners = geometry.apply(old.matrix, geometry.crop_corners(new.matrix, new.size))
    low, high = -0.5 - OVERHANG, old.size - 0.5 + OVERHANG
    return bool(((corners >= low) & (corners <= high)).all())

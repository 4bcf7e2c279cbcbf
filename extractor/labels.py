"""What people drew on faces stays with them when their frames are extracted again.

Labels are in pixels of the frame, so they fit whatever detector, face type or size comes next. When
`--overwrite` discards faces, their labels wait in `.extract.labels.jsonl` beside the new ones until
a face is found there. A face that a person corrects gives its label to the corrected one.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path, PurePosixPath

import numpy as np

from facelib import geometry
from facelib.faceinfo import FaceInfo, from_json, to_json
from facelib.fingerprint import around, compare, fingerprint
from facelib.frame_scale import scaled, stem_of
from facelib.mask_label import MaskLabel
from facelib.squaring import in_square_pixels
from facelib.types import FaceType, Rect, overlap
from utils.errors import InputError
from utils.files import no_link, write_bytes
from utils.records import read_lines

FILE = ".extract.labels.jsonl"
LEAST_OVERLAP = 0.1  # of the landmarks' bounding boxes; detectors differ, people correct
NOTICEABLE = 0.03  # mean distance of the landmarks, in sizes of the face
SAME_CUT = 0.25  # pixels of the aligned image


class Labels:
    """The labels of faces that an extraction replaces; several threads may ask.

    Attributes
    ----------
    carried : list of str
        The frame's stem for each face that got its label back.
    problems : list of str
        A sentence for each label that could not be read.
    """

    def __init__(self, faces: Iterable[FaceInfo] = (), problems: Sequence[str] = ()) -> None:
        self.carried: list[str] = []
        self.problems = list(problems)
        self._by_frame = _by_frame(faces)

    @classmethod
    def kept_in(cls, folder: Path) -> "Labels":
        """Return the labels of the faces that were discarded from a folder."""
        problems: list[str] = []
        return cls(list(_read(folder, problems)), problems)

    @classmethod
    def to_be_kept_in(cls, folder: Path, faces: Sequence[FaceInfo]) -> "Labels":
        """Return the labels that there will be in a folder once its faces are discarded."""
        problems: list[str] = []
        return cls(_kept(folder, faces, problems), problems)

    def carry_over(
        self, infos: Sequence[FaceInfo], image: np.ndarray, existing: Sequence[FaceInfo] = ()
    ) -> list[FaceInfo]:
        """Return the faces of a frame with the labels of those that they replace.

        Parameters
        ----------
        infos : sequence of FaceInfo
            All faces of the frame as they are found now.
        image : (H, W, 3) uint8 BGR
            The frame.
        existing : sequence of FaceInfo
            Its faces on disk, whose masks are kept too where the face is cut as it was.
        """
        found = list(infos)
        there = [_in_frame(old, image, infos) for old in existing]
        for new, old in _pairs(found, there):
            mask = old.mask if _same_cut(old, found[new]) else None
            found[new] = replace(found[new], mask=mask, mask_label=_label(old, found[new]))
        for new, old in _pairs(found, self._waiting(infos, image, there)):
            found[new] = replace(found[new], mask_label=_label(old, found[new]))
            self.carried.append(stem_of(old))
        return found

    def _waiting(
        self, infos: Sequence[FaceInfo], image: np.ndarray, there: Sequence[FaceInfo]
    ) -> list[FaceInfo]:
        """Return discarded faces of a frame that no face on disk has replaced yet."""
        if not infos:
            return []
        kept = self._by_frame.get(stem_of(infos[0]), ())
        old = [_in_frame(face, image, infos) for face in kept if _shows(image, face, infos)]
        return _not_among(there, old)

    def without_face(self, frames: Iterable[str]) -> list[str]:
        """Return those of the frames, by name, in which a label was given to no face."""
        given = Counter(self.carried)
        stems = {name: PurePosixPath(name).stem for name in frames}
        return [
            name for name, stem in stems.items() if len(self._by_frame.get(stem, ())) > given[stem]
        ]


def keep(folder: Path, faces: Sequence[FaceInfo]) -> None:
    """Keep the labels of faces that are about to be discarded from a folder.

    Those kept before, whose frame was not extracted since or whose face was not found, stay.
    """
    kept = _kept(folder, faces, [])
    path = no_link(folder / FILE)
    if kept:
        write_bytes(path, b"".join(to_json(face, path.name) + b"\n" for face in kept))
    else:
        path.unlink(missing_ok=True)


def _kept(folder: Path, faces: Sequence[FaceInfo], problems: list[str]) -> list[FaceInfo]:
    frames = _by_frame(faces)
    kept = []
    for old in _read(folder, problems):
        kept += _not_among(frames.get(stem_of(old), ()), [old])
    return kept + [replace(face, mask=None) for face in faces if face.mask_label is not None]


def _read(folder: Path, problems: list[str]) -> Iterator[FaceInfo]:
    path = no_link(folder / FILE)
    if not path.is_file():
        return
    for record in read_lines(path):
        try:
            yield from_json(json.dumps(record).encode(), path.name)
        except InputError as problem:
            problems.append(f"a label was left out: {problem}")


def _by_frame(faces: Iterable[FaceInfo]) -> dict[str, list[FaceInfo]]:
    frames: dict[str, list[FaceInfo]] = defaultdict(list)
    for face in faces:
        frames[stem_of(face)].append(face)
    return dict(frames)


def _not_among(there: Sequence[FaceInfo], faces: Iterable[FaceInfo]) -> list[FaceInfo]:
    """Return the faces of a frame that are in none of the places of others."""
    return [old for old in faces if all(_overlap(old, face) < LEAST_OVERLAP for face in there)]


def _pairs(new: Sequence[FaceInfo], old: Sequence[FaceInfo]) -> list[tuple[int, FaceInfo]]:
    """Return index and old face of each new face that replaces one, most alike first."""
    overlaps = [(_overlap(a, b), i, j) for i, a in enumerate(new) for j, b in enumerate(old)]
    pairs: dict[int, int] = {}
    for shared, i, j in sorted(overlaps, reverse=True):
        if shared >= LEAST_OVERLAP and i not in pairs and j not in pairs.values():
            pairs[i] = j
    return [(i, old[j]) for i, j in pairs.items()]


def _overlap(one: FaceInfo, other: FaceInfo) -> float:
    return overlap(_box(one), _box(other))


def _box(face: FaceInfo) -> Rect:
    points = face.source_landmarks
    return Rect(*points.min(axis=0).tolist(), *points.max(axis=0).tolist())


def _in_frame(old: FaceInfo, image: np.ndarray, new: Sequence[FaceInfo]) -> FaceInfo:
    """Return a face as it is in its frame, which may have another size, or square pixels, now."""
    if old.frame_size is None:
        aspect = new[0].pixel_aspect if new else None
        return in_square_pixels(old, None if aspect is None else Fraction(aspect))
    height, width = image.shape[:2]
    return scaled(old, (width / old.frame_size[0], height / old.frame_size[1]))


def _shows(image: np.ndarray, old: FaceInfo, new: Sequence[FaceInfo]) -> bool:
    """Whether a frame shows what it did when the old face was found."""
    same_source = old.source == new[0].source
    if old.fingerprint is None:
        return same_source
    points = _in_frame(old, image, new).source_landmarks
    likeness = compare(old.fingerprint, fingerprint(image, around(points)))
    return same_source if likeness is None else likeness.fits


def _label(old: FaceInfo, new: FaceInfo) -> MaskLabel | None:
    """Return the label of an old face for the new one; it is marked if their landmarks differ."""
    if old.mask_label is None:
        return None
    apart = np.hypot(*(old.source_landmarks - new.source_landmarks).T).mean()
    size = np.ptp(new.source_landmarks, axis=0).max()
    return replace(old.mask_label, moved=old.mask_label.moved or bool(apart > NOTICEABLE * size))


def _same_cut(old: FaceInfo, new: FaceInfo) -> bool:
    """Whether both aligned images show the same part of the frame."""
    if FaceType.MARK_ONLY in (old.face_type, new.face_type):
        return False
    one, other = (geometry.crop_corners(face.matrix, face.size) for face in (old, new))
    tolerance = SAME_CUT * geometry.crop_side(new.matrix, new.size) / new.size
    return bool(np.abs(one - other).max() < tolerance)

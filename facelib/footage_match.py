"""Whether faces were found in this footage: a few are compared with what its frames show.

Names prove nothing: footage is replaced, cut, renumbered and converted to another frame rate. So a
few faces of each source are compared with their frames. Where they are not exactly alike, as in a
proxy, the frames near them are searched for a better match.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from facelib import geometry
from facelib.faceset import FaceInfo, Faceset, read_pixels
from facelib.fingerprint import Likeness, around, compare, fingerprint
from facelib.frame_reader import FrameReader, open_reader
from facelib.frame_scale import Scale, scaled, scaled_rect, scales_of, stem_of
from facelib.types import FaceType, Rect
from utils.errors import InputError
from utils.images import Image
from utils.video.source import FrameSource

LEAST_SAMPLES, SAMPLES = 3, 8
"""Faces of each source that are compared, by the length of the footage."""
FRAMES_FOR_SAMPLE = 60  # of the footage, for each face: so that the check costs 1 % of a conversion
MOST_IN_FRAME = 8  # faces
CHEAP = 24  # frames decoded from a key frame on
EXACT = 0.9998  # correlation from which nothing better is looked for
BETTER = 3.0  # so much farther from 1 is the correlation where the face does not belong
ROUNDING = 5e-5  # what 8 bits cost the correlation of a fingerprint with its own frame
MOST = 0.75  # of those must agree
SEARCHED = 5  # faces with which a shift is looked for
NEAR = 8  # frames on each side that are searched first
BEFORE, AFTER, SPAN = 150, 500, 250
"""Frames: how far is searched for a shift or another rate, and where the faces for that lie."""
VIDEO_FRAME = re.compile(r"[0-9]{6,}")
"""The stems of the names that frames of a video have."""

Comparison = Callable[[Image], Likeness | None]
"""Compares a face with a frame; None if they show too little."""


@dataclass(frozen=True, eq=False)
class Sample:
    """A face that is looked for in the footage.

    Attributes
    ----------
    number : int
        Of its frame in the footage, from 0.
    scale : (float, float)
        From the frame in which it was found to the footage's.
    """

    path: Path
    info: FaceInfo
    number: int
    scale: Scale

    def comparison(self) -> Comparison:
        """Return what compares the face with a frame; of older faces the aligned image is used."""
        info = self.info
        if info.fingerprint is not None:
            rect, expected = (
                scaled_rect(around(info.source_landmarks), self.scale),
                info.fingerprint,
            )
            return lambda frame: compare(expected, fingerprint(frame, rect))
        aligned = read_pixels(self.path)
        if info.face_type is FaceType.MARK_ONLY:
            rect = around(info.source_landmarks)
            whole_frame = fingerprint(aligned, rect)
            return lambda frame: compare(np.nan_to_num(whole_frame), fingerprint(frame, rect))
        crop = Rect(-0.5, -0.5, info.size - 0.5, info.size - 0.5)
        face = fingerprint(aligned, crop)
        matrix, size = scaled(info, self.scale).matrix, info.size
        return lambda frame: compare(
            face, fingerprint(geometry.warp_face(frame, matrix, size), crop)
        )


class Shift(NamedTuple):
    """Where faces belong instead: frame `before` of theirs is frame `now` of the footage.

    Attributes
    ----------
    pairs : sequence of (int, int)
        The number that the name of a face's frame gives, and the one of the frame that shows it.
    rate : float
        Frames of the footage for one of theirs.
    """

    pairs: Sequence[tuple[int, int]]
    rate: float

    def __str__(self) -> str:
        before, now = self.pairs[0]
        if self.rate == 1:
            step = now - before
            plural = "frame" if abs(step) == 1 else "frames"
            where = f"{abs(step)} {plural} {'later' if step > 0 else 'earlier'}"
            return f"they belong {where}: what they call frame {before} is frame {now} here"
        other, then = self.pairs[-1]
        return (
            f"the frame rate differs: what they call frames {before} and {other} are frames {now} "
            f"and {then} here"
        )


def find_mismatch(faces: Faceset, source: FrameSource) -> str | None:
    """Return why faces do not belong to footage; None if they do, as far as can be seen.

    Parameters
    ----------
    faces : Faceset
        As they were extracted, not scaled.
    source : FrameSource
        The footage.
    """
    numbers = frame_numbers(source)
    scale_of = scales_of(source)
    groups: dict[tuple[str, Scale], list[Sample]] = defaultdict(list)
    for path, info in faces:
        number = numbers(stem_of(info))
        if number is not None:
            scale = scale_of(info)
            groups[info.source, scale].append(Sample(path, info, number, scale))
    sources = {info.source for _, info in faces}
    with ExitStack() as stack:
        frames = open_reader(source, stack)
        for (name, scale), samples in groups.items():
            problem = _mismatch(samples, frames)
            if problem:
                return _reason(problem, name if len(sources) > 1 else None, scale, samples)
    return None


def _reason(
    problem: "Shift | Likeness", name: str | None, scale: Scale, samples: Sequence[Sample]
) -> str:
    which = "the faces" if name is None else f'the faces from "{name}"'
    size = samples[0].info.frame_size
    if isinstance(problem, Shift):
        return f"{which} are from other frames than the footage's of the same names: {problem}"
    sizes = ""
    if size is not None and scale != (1.0, 1.0):
        now = [round(side * share) for side, share in zip(size, scale, strict=True)]
        sizes = f" (they are from frames of {size[0]} x {size[1]}, these have {now[0]} x {now[1]})"
    return f"{which} are from other footage: its frames show something else there{sizes}"


def frame_numbers(source: FrameSource) -> Callable[[str], int | None]:
    """Return what gives the number of the frame with a stem; None if there is none."""
    if source.is_video:
        return lambda stem: int(stem) if VIDEO_FRAME.fullmatch(stem) else None
    numbers: dict[str, int] = {}
    for number, file in enumerate(source.files):
        numbers.setdefault(file.stem, number)  # of two with one stem, the first is converted
    return numbers.get


def _mismatch(samples: Sequence[Sample], frames: FrameReader) -> "Shift | Likeness | None":
    """Return what is wrong with the faces of one source; None if they fit."""
    usable = [sample for sample in samples if sample.number < frames.length]
    found: list[tuple[Sample, Likeness]] = []
    for sample in _chosen(usable, frames):
        likeness = _at(sample, frames, [sample.number]).get(sample.number)
        if likeness is not None:
            found.append((sample, likeness))
    if all(likeness.correlation >= EXACT for _, likeness in found):
        return None
    wrong = [likeness for _, likeness in found if not likeness.fits]
    refused = 4 * len(wrong) >= len(found)
    shift = _shift(usable, [sample for sample, _ in found], frames, wide=refused)
    return shift or (wrong[0] if wrong and refused else None)


def _chosen(samples: Sequence[Sample], frames: FrameReader) -> list[Sample]:
    """Return the faces of a few frames, spread over the footage, that are soon decoded."""
    count = int(np.clip(frames.length // FRAMES_FOR_SAMPLE, LEAST_SAMPLES, SAMPLES))
    cheap = [sample for sample in samples if frames.cost(sample.number) <= CHEAP]
    # best with some frames before it that can be searched without an earlier key frame
    chosen = _spread(
        cheap if len(cheap) >= count else samples,
        count,
        lambda sample: abs(frames.cost(sample.number) - NEAR),
    )
    numbers = {sample.number for sample in chosen}
    by_frame: dict[int, list[Sample]] = {number: [] for number in sorted(numbers)}
    for sample in samples:
        if sample.number in numbers:
            by_frame[sample.number].append(sample)
    # all, because faces of two clips of one name would lie in the same frames
    return [sample for faces in by_frame.values() for sample in faces[:MOST_IN_FRAME]]


def _spread(samples: Sequence[Sample], count: int, cost: Callable[[Sample], int]) -> list[Sample]:
    """Return the cheapest face of each of `count` parts of the footage."""
    ordered = sorted(samples, key=lambda sample: sample.number)
    parts = np.array_split(np.arange(len(ordered)), min(count, len(ordered)) or 1)
    return [min((ordered[i] for i in part), key=cost) for part in parts if len(part)]


def _at(sample: Sample, frames: FrameReader, numbers: Iterable[int]) -> dict[int, Likeness]:
    """Compare a face with some frames, those that can be read and show enough."""
    try:
        comparison = sample.comparison()
    except InputError:  # a damaged face file
        return {}
    found = {}
    for number in numbers:
        image = frames.read(number) if 0 <= number < frames.length else None
        likeness = None if image is None else comparison(image)
        if likeness is not None:
            found[number] = likeness
    return found


def _shift(
    all_samples: Sequence[Sample], samples: Sequence[Sample], frames: FrameReader, *, wide: bool
) -> Shift | None:
    """Return where the faces fit clearly better, if they all agree on it."""
    if not wide and not any(
        _fits_better_near(sample, frames)
        for sample in samples[:: max(1, len(samples) // LEAST_SAMPLES)]
    ):
        return None
    start = min(sample.number for sample in all_samples)
    here = [sample for sample in all_samples if sample.number < start + SPAN]
    pairs = []
    nearby = range(max(0, start - BEFORE), start + AFTER)
    images = ((number, frames.read(number)) for number in nearby if number < frames.length)
    chosen = _spread(here, SEARCHED, lambda sample: -sample.number)
    found = _search(chosen, images)
    for sample, likenesses in zip(chosen, found, strict=True):
        number = _best(sample, likenesses)
        if number is not None:
            pairs.append((sample.number, number))
    # of footage that was cut, not every frame is there
    if len(pairs) < max(2, 0 if wide else MOST * len(chosen)):
        return None
    return _agreed(pairs)


def _fits_better_near(sample: Sample, frames: FrameReader) -> bool:
    number = sample.number
    before = min(NEAR, frames.cost(number)) if frames.cost(number) else NEAR
    found = _at(sample, frames, range(number - before, number + NEAR + 1))
    return _best(sample, found) is not None


def _search(
    samples: Sequence[Sample], images: Iterable[tuple[int, Image | None]]
) -> list[dict[int, Likeness]]:
    """Compare some faces with many frames, each decoded once."""
    comparisons: list[Comparison] = []
    for sample in samples:
        try:
            comparisons.append(sample.comparison())
        except InputError:  # a damaged face file
            comparisons.append(lambda _: None)
    found: list[dict[int, Likeness]] = [{} for _ in samples]
    for number, image in images:
        for likenesses, comparison in zip(found, comparisons, strict=True):
            likeness = None if image is None else comparison(image)
            if likeness is not None:
                likenesses[number] = likeness
    return found


def _best(sample: Sample, found: dict[int, Likeness]) -> int | None:
    """Return the frame that shows a face clearly better than its own one does."""
    if not found:
        return None
    number = max(found, key=lambda each: found[each].correlation)
    own = found.get(sample.number)
    far = 2.0 if own is None else 1 - own.correlation
    best = found[number]
    return number if best.fits and far > BETTER * max(1 - best.correlation, ROUNDING) else None


def _agreed(pairs: Sequence[tuple[int, int]]) -> Shift | None:
    """Return the shift or the rate that pairs of frame numbers share."""
    before, now = np.array(sorted(pairs), float).T
    steps = now - before
    agreeing = [np.abs(steps - step) <= 1 for step in steps]
    most = max(agreeing, key=np.count_nonzero)
    if np.count_nonzero(most) >= max(2, MOST * len(pairs)):
        step = int(np.median(steps[most]))
        same = [(int(each), int(each) + step) for each in before[most]]
        return Shift(same, 1.0) if step else None
    rate, first = np.polyfit(before, now, 1)
    if len(pairs) > 2 and rate > 0 and np.abs(before * rate + first - now).max() <= 2:
        return Shift([(int(a), int(b)) for a, b in zip(before, now, strict=True)], float(rate))
    return None

"""Which faces are held out of training to measure with: blocks of frames between two gaps.

Neighboring frames show nearly the same face, so a face whose neighbor is trained on measures what
the model has memorized. The frames of a gap are neither trained on nor measured. A model remembers
its blocks, so what it has not seen stays unseen when faces are added.
"""

from bisect import bisect_left
from collections.abc import Sequence
from hashlib import blake2b
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from facelib.faceset import FaceFiles, FaceInfo
from facelib.geometry import JAW_POINTS
from utils.files import write_json
from utils.records import read_record, reading

FILE, KIND, VERSION = "held_out.json", "list of held-out frames", 1
SIDES = ("src", "dst")
MIN_FRAMES = 20  # with fewer, all faces are trained on
SHARE, MOST = 0.05, 256  # of the frames, and frames
BLOCK = 16  # frames
GUARD, GUARD_SHARE = 8, 1 / 40  # frames on each side of a block, but at most this share of all
MIN_LABELS, LABEL_SHARE = 8, 1 / 8  # with fewer labeled faces all are trained on; their share
REFERENCES = 1000  # faces in which the counterpart of an expression is looked for


class Block(NamedTuple):
    """Frames `first`..`last` of a source are held out; `before`..`after` are not trained on."""

    source: str
    first: int
    last: int
    before: int
    after: int


class HeldOut(NamedTuple):
    """What is held out of one side.

    Attributes
    ----------
    blocks : tuple of Block or None
        None: a hash of each face's name decides, as in models of version 0.1.0.
    """

    blocks: tuple[Block, ...] | None

    def split(self, faces: FaceFiles) -> tuple[FaceFiles, FaceFiles]:
        """Return the faces to train on, and the held-out ones."""
        if self.blocks is None:
            if len(faces) < MIN_FRAMES:
                return faces, []
            rest = [face for face in faces if chosen_by_name(face[1])]
            return [face for face in faces if not chosen_by_name(face[1])], rest
        trained = [face for face in faces if not self._covers(face[1], guard=True)]
        return trained, [face for face in faces if self._covers(face[1])]

    def _covers(self, info: FaceInfo, *, guard: bool = False) -> bool:
        for source, first, last, before, after in self.blocks or ():
            low, high = (before, after) if guard else (first, last)
            if source == info.source and low <= info.frame_index <= high:
                return True
        return False


class _Frames:
    """The frames of a faceset in order, and the expressions that they show."""

    def __init__(self, faces: FaceFiles) -> None:
        self.places = sorted({(info.source, info.frame_index) for _, info in faces})
        self._where = np.array([
            bisect_left(self.places, (info.source, info.frame_index)) for _, info in faces
        ])
        # aligned landmarks: pose and expression without position and size
        self._points = np.array(
            [info.landmarks[JAW_POINTS:].ravel() / info.size for _, info in faces], np.float32
        )
        every = max(1, len(faces) // REFERENCES)
        self._reference_points, self._reference_where = self._points[::every], self._where[::every]

    def block(self, start: int, length: int, guard: int) -> Block | None:
        """Return the block that begins at a frame; None where another source follows."""
        (source, first), (other, last) = self.places[start], self.places[start + length - 1]
        if source != other:
            return None
        around = self.places[max(0, start - guard) : start + length + guard]
        numbers = [number for name, number in around if name == source]
        return Block(source, first, last, numbers[0], numbers[-1])

    def strangeness(self, start: int, length: int, guard: int) -> float:
        """Return how far the most unusual face of a block and its gaps is from all others."""
        low, high = start - guard, start + length + guard
        lost = self._points[(self._where >= low) & (self._where < high)]
        others = (self._reference_where < low) | (self._reference_where >= high)
        return float(cdist(lost, self._reference_points[others]).min(axis=1).max())


def choose(faces: FaceFiles, *, expressive: bool = False) -> HeldOut:
    """Choose the blocks of a new model, spread over the faceset.

    Parameters
    ----------
    expressive : bool
        Hold out what the rest shows, too: of every stretch the block whose expressions have the
        nearest counterparts elsewhere, instead of the middle one.
    """
    if len(faces) < MIN_FRAMES:
        return HeldOut(())
    frames = _Frames(faces)
    total = len(frames.places)
    if total < MIN_FRAMES:
        return HeldOut(())
    held = min(MOST, round(total * SHARE))
    count = max(1, round(held / BLOCK))
    length, guard = round(held / count), min(GUARD, max(1, int(total * GUARD_SHARE)))
    edges = np.linspace(0, total, count + 1).astype(int).tolist()
    blocks = []
    for low, high in pairwise(edges):
        starts = range(low + guard, high - length - guard + 1, length)
        found = {start: frames.block(start, length, guard) for start in starts}
        whole = [start for start, block in found.items() if block is not None]
        if whole and expressive:
            blocks.append(found[min(whole, key=lambda at: frames.strangeness(at, length, guard))])
        elif whole:
            blocks.append(found[whole[len(whole) // 2]])
    return HeldOut(tuple(block for block in blocks if block is not None))


def of_training(model_dir: Path, src: FaceFiles, dst: FaceFiles, *, new: bool) -> list[HeldOut]:
    """Return what a training holds out of src and of dst, and record it for a new model.

    A model without a record is one of version 0.1.0 and keeps the rule it was trained with. Where
    none of the recorded sources is left, the faces were replaced, and blocks of the new ones are
    added.

    Raises
    ------
    InputError
        If the record is damaged or cannot be read.
    """
    recorded = [HeldOut(())] * 2 if new else of_model(model_dir)
    sides = [
        _updated(known, faces, new=new, expressive=name == "dst")
        for name, known, faces in zip(SIDES, recorded, (src, dst), strict=True)
    ]
    if sides != recorded or new:
        _write(model_dir / FILE, sides)
    return sides


def of_pretraining(model_dir: Path, faces: FaceFiles, *, new: bool) -> HeldOut:
    """Return what a training on one faceset of many people holds out, and record it.

    Whole sources are: a base model is to serve people whom it has not seen.

    Raises
    ------
    InputError
        If the record is damaged or cannot be read.
    """
    known = HeldOut(()) if new else of_model(model_dir)[0]
    sources = {info.source for _, info in faces}
    if new or (known.blocks and not any(block.source in sources for block in known.blocks)):
        chosen = choose_sources(faces)
        known = HeldOut((*(known.blocks or ()), *(chosen.blocks or ())))
        _write(model_dir / FILE, [known, known])
    return known


def choose_sources(faces: FaceFiles) -> HeldOut:
    """Choose whole sources with about SHARE of the frames; blocks of frames where all are longer.

    The order is that of a hash of their names, which has nothing to do with what they show.
    """
    frames: dict[str, set[int]] = {}
    for _, info in faces:
        frames.setdefault(info.source, set()).add(info.frame_index)
    total = sum(map(len, frames.values()))
    room, blocks = min(MOST, round(total * SHARE)), []
    for source in sorted(frames, key=lambda name: blake2b(name.encode()).digest()):
        if len(frames[source]) <= room and total >= MIN_FRAMES:
            room -= len(frames[source])
            first, last = min(frames[source]), max(frames[source])
            blocks.append(Block(source, first, last, first, last))
    return HeldOut(tuple(blocks)) if blocks else choose(faces)


def of_labels(model_dir: Path, src: FaceFiles, dst: FaceFiles, *, new: bool) -> list[HeldOut]:
    """Return which labeled faces a training of masks holds out, and record it.

    Frames around them are not trained on either, unless those are labeled: labels are few. Where
    there were too few of them, blocks are chosen as soon as there are enough.

    Parameters
    ----------
    src, dst : FaceFiles
        The labeled faces.

    Raises
    ------
    InputError
        If the record is damaged or cannot be read.
    """
    recorded = [HeldOut(())] * 2 if new else of_model(model_dir)
    sides = [
        known if known.blocks else choose_labeled(faces)
        for known, faces in zip(recorded, (src, dst), strict=True)
    ]
    if sides != recorded or new:
        _write(model_dir / FILE, sides)
    return sides


def choose_labeled(faces: FaceFiles) -> HeldOut:
    """Choose a block of one frame for every eighth labeled face, spread over them."""
    places = sorted({(info.source, info.frame_index) for _, info in faces})
    if len(places) < MIN_LABELS:
        return HeldOut(())
    count = max(1, round(len(places) * LABEL_SHARE))
    chosen = np.linspace(0, len(places), 2 * count + 1)[1::2].astype(int).tolist()
    return HeldOut(tuple(_label_block(places, at) for at in chosen))


def _label_block(places: Sequence[tuple[str, int]], at: int) -> Block:
    """Return a block of one frame, whose gaps end before the nearest labeled frames."""
    source, frame = places[at]
    near = [abs(other - frame) for name, other in places if name == source and other != frame]
    guard = min(GUARD, min(near, default=GUARD + 1) - 1)
    return Block(source, frame, frame, frame - guard, frame + guard)


def _updated(known: HeldOut, faces: FaceFiles, *, new: bool, expressive: bool) -> HeldOut:
    sources = {info.source for _, info in faces}
    replaced = known.blocks and not any(block.source in sources for block in known.blocks)
    if not (new or replaced):
        return known
    return HeldOut((*(known.blocks or ()), *(choose(faces, expressive=expressive).blocks or ())))


def of_model(model_dir: Path) -> list[HeldOut]:
    """Return what a model has held out of src and of dst.

    Raises
    ------
    InputError
        If the record is damaged or cannot be read.
    """
    path = model_dir / FILE
    if not path.exists():
        return [HeldOut(None), HeldOut(None)]
    record = read_record(path, KIND, VERSION)
    with reading(path, KIND):
        return [HeldOut(tuple(_block(part) for part in record.get(side, []))) for side in SIDES]


def _block(part: Any) -> Block:  # noqa: ANN401 - JSON of any kind
    values: list[Any] = [part[name] for name in Block._fields]
    if [type(value) for value in values] != [str, int, int, int, int]:
        raise TypeError(part)
    return Block(*values)


def _write(path: Path, sides: Sequence[HeldOut]) -> None:
    record: dict[str, Any] = {"version": VERSION}
    for name, side in zip(SIDES, sides, strict=True):
        if side.blocks is not None:
            record[name] = [block._asdict() for block in side.blocks]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)


def chosen_by_name(info: FaceInfo) -> bool:
    """Whether version 0.1.0 holds a face out: always the same 5 % or so, whatever the faceset."""
    name = f"{info.source_name}\0{info.face_index}".encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(name, digest_size=8).digest()) < SHARE * 2**64

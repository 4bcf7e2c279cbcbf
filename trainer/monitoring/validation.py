"""Objective progress: faces that are never trained on are rebuilt, swapped, and measured.

The loss falls as long as the training faces are learned by heart; these figures stop improving when
nothing more is learned about faces in general. A few faces are predicted after each training step;
measuring happens in the background.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from facelib.geometry import apply, crop_matrix
from facelib.recognizers import RECOGNIZERS
from facelib.similarity import mask_overlap, masked_ssim, medoid, spread_out
from trainer.data.sampler import Sampler
from trainer.monitoring.predict import CHUNK, FacePredictor, Predicted
from utils import console
from utils.errors import InputError, UserError
from utils.images import to_float, to_uint8

FACES = 32  # measured at most, of each side
COLUMNS = ("iteration", "seconds", "ssim_src", "ssim_dst", "mask_overlap", "to_src", "to_dst")
Measures = Mapping[str, float]


class Validation:
    """Measures a model on faces it has not seen.

    Parameters
    ----------
    src, dst : samplers of the faces that are kept out of training; src may have none
    known_src, known_dst : those that are trained on, to know the two people by
    """

    def __init__(
        self, src: Sampler | None, dst: Sampler, known_src: Sampler, known_dst: Sampler
    ) -> None:
        self._known = known_src, known_dst
        self._src_sampler, self._dst_sampler = src, dst
        self._picks = spread_out(len(dst.faces), FACES)
        self._dst = to_float(np.stack([dst.plain(int(pick)) for pick in self._picks]))
        self._src = self._dst  # put through src's path, but not measured
        if src is not None:
            chosen = np.resize(spread_out(len(src.faces), FACES), len(self._dst))
            self._src = to_float(np.stack([src.plain(int(pick)) for pick in chosen]))
        self._identity: _Identity | None = None
        self._identity_unknown = False

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions made so far, a few more each time; the last ones are complete."""
        made: list[Predicted] = []
        for start in range(0, len(self._dst), CHUNK):
            part = slice(start, start + CHUNK)
            made.append(predictor(self._src[part, ..., :3], self._dst[part, ..., :3]))
            yield made

    def measure(self, made: Sequence[Predicted]) -> dict[str, float]:
        """Return the medians of all measures; "to_src" and "to_dst" are distances of identity."""
        src = [face for chunk in made for face in chunk.src.image]
        dst = [face for chunk in made for face in chunk.dst.image]
        swaps = [face for chunk in made for face in chunk.swap.image]
        masks = [mask for chunk in made if chunk.dst.mask is not None for mask in chunk.dst.mask]
        own_src = _ssim(self._src, src) if self._src_sampler is not None else np.nan
        overlaps = [mask_overlap(a, b) for a, b in zip(masks, self._dst[..., 3:], strict=False)]
        to_src, to_dst = self._distances(swaps)
        return {
            "ssim_src": own_src,
            "ssim_dst": _ssim(self._dst, dst),
            "mask_overlap": float(np.median(overlaps)) if overlaps else np.nan,
            "to_src": to_src,
            "to_dst": to_dst,
        }

    def _distances(self, swaps: Sequence[np.ndarray]) -> tuple[float, float]:
        """Return how far the swapped faces are from src and from dst, as a recognizer sees it."""
        if self._identity is None and not self._identity_unknown:
            try:
                self._identity = _Identity(*self._known)
            except UserError as problem:
                console.warn(f"identity is not measured: {problem}")
                self._identity_unknown = True
        if self._identity is None:
            return np.nan, np.nan
        landmarks = [_in_crop(self._dst_sampler, int(pick)) for pick in self._picks]
        return self._identity.distances(swaps, landmarks)


class _Identity:
    """Knows src and dst by their most typical faces, at the model's own resolution."""

    def __init__(self, src: Sampler, dst: Sampler) -> None:
        self._recognizer: Any = RECOGNIZERS.load(RECOGNIZERS.names[0])()
        self._people = [self._typical(sampler) for sampler in (src, dst)]

    def _typical(self, sampler: Sampler) -> np.ndarray:
        picks = [int(pick) for pick in spread_out(len(sampler.faces), FACES)]
        pictures = [(sampler.plain(pick)[..., :3], _in_crop(sampler, pick)) for pick in picks]
        found = [self._recognizer.embed(*picture) for picture in pictures]
        return medoid(np.stack(found), self._recognizer.distance)

    def distances(
        self, faces: Sequence[np.ndarray], landmarks: Sequence[np.ndarray]
    ) -> tuple[float, float]:
        """Return the median distance to src and to dst."""
        found = [
            self._recognizer.embed(to_uint8(face), points)
            for face, points in zip(faces, landmarks, strict=True)
        ]
        src, dst = (
            float(np.median([self._recognizer.distance(face, person) for face in found]))
            for person in self._people
        )
        return src, dst


def _in_crop(sampler: Sampler, index: int) -> np.ndarray:
    """Return the landmarks of a face in the picture that the model sees."""
    points, settings = sampler.faces[index][1].landmarks, sampler.settings
    return apply(crop_matrix(points, settings.resolution, settings.face_type), points)


def _ssim(faces: np.ndarray, rebuilt: Sequence[np.ndarray]) -> float:
    """Return the median SSIM inside the masks of (N, R, R, 4) faces."""
    values = [
        masked_ssim(face[..., :3], other, face[..., 3] >= 0.5)
        for face, other in zip(faces, rebuilt, strict=True)
    ]
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


class ProgressFile:
    """What was measured so far: a CSV file, one line for each time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Measures] = _read(path)

    def until(self, iteration: int) -> list[Measures]:
        """Return the rows up to an iteration, without those of a course that was given up."""
        kept: list[Measures] = []
        for row in reversed(self.rows):
            if row["iteration"] < (kept[-1]["iteration"] if kept else iteration + 1):
                kept.append(row)
        return kept[::-1]

    def add(self, row: Measures) -> None:
        """Append a row; a full disk costs the line, not the training."""
        self.rows.append(row)
        try:
            new = not self.path.exists()
            with self.path.open("a", encoding="utf-8", newline="") as file:
                writer = csv.writer(file)
                writer.writerows([COLUMNS] if new else [])
                writer.writerow([f"{row[name]:.9g}" for name in COLUMNS])
        except OSError as problem:
            console.warn(f'cannot write "{self.path}": {problem.strerror}')


def _read(path: Path) -> list[Measures]:
    """Read the rows that are whole."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InputError(f'cannot read "{path}": {problem}; move it away') from None
    rows: list[Measures] = []
    for line in lines:
        try:
            rows.append(dict(zip(COLUMNS, map(float, line), strict=True)))
        except ValueError:  # the header, or a line that a crash left half-written
            continue
    return rows

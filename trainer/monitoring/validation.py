"""Validation: held-out faces are reconstructed and swapped, and the results are measured.

The training loss falls even while the training faces are memorized; these metrics stop improving
when the model no longer learns about faces in general. A few faces are predicted after each
training step; the metrics are computed in the background.
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
from utils.images import Image, to_float, to_uint8

FACES = 32  # of each side, at most
COLUMNS = ("iteration", "seconds", "ssim_src", "ssim_dst", "mask_overlap", "to_src", "to_dst")


class Validation:
    """Measures a model on held-out faces.

    Parameters
    ----------
    src : Sampler or None
        Held-out faces of src, if there are any.
    dst : Sampler
        Held-out faces of dst.
    train_src, train_dst : Sampler
        The training faces, from which the two identities are known.
    """

    def __init__(
        self, src: Sampler | None, dst: Sampler, train_src: Sampler, train_dst: Sampler
    ) -> None:
        self._train = train_src, train_dst
        self._src_sampler, self._dst_sampler = src, dst
        self._picks = spread_out(len(dst.faces), FACES)
        self._dst = _plain(dst, self._picks)
        self._src = self._dst  # goes through src's path, but is not measured
        if src is not None:
            self._src = _plain(src, spread_out(len(src.faces), FACES))
        self._identities: _Identities | None = None
        self._without_recognizer = False

    def predict(self, predictor: FacePredictor) -> Iterator[list[Predicted]]:
        """Yield all predictions so far, a few more each time; the last list is complete."""
        predicted: list[Predicted] = []
        count = max(len(self._src), len(self._dst))
        for start in range(0, count, CHUNK):
            part = np.arange(start, min(start + CHUNK, count))
            src, dst = (side[part % len(side), ..., :3] for side in (self._src, self._dst))
            predicted.append(predictor(src, dst))
            yield predicted

    def metrics(self, predicted: Sequence[Predicted]) -> dict[str, float]:
        """Return the median of each metric; "to_src" and "to_dst" are identity distances."""
        # the side with fewer faces was predicted in rounds, of which the first counts
        src = [face for chunk in predicted for face in chunk.src.image][: len(self._src)]
        dst = [face for chunk in predicted for face in chunk.dst.image][: len(self._dst)]
        swaps = [face for chunk in predicted for face in chunk.swap.image][: len(self._dst)]
        masks = [
            mask for chunk in predicted if chunk.dst.mask is not None for mask in chunk.dst.mask
        ]
        overlaps = [mask_overlap(a, b) for a, b in zip(masks, self._dst[..., 3:], strict=False)]
        to_src, to_dst = self._distances(swaps)
        return {
            "ssim_src": _ssim(self._src, src) if self._src_sampler is not None else np.nan,
            "ssim_dst": _ssim(self._dst, dst),
            "mask_overlap": float(np.median(overlaps)) if overlaps else np.nan,
            "to_src": to_src,
            "to_dst": to_dst,
        }

    def _distances(self, swaps: Sequence[Image]) -> tuple[float, float]:
        """Return the identity distances of the swapped faces to src and to dst."""
        if self._identities is None and not self._without_recognizer:
            try:
                self._identities = _Identities(*self._train)
            except UserError as problem:
                console.warn(f"identity is not measured: {problem}")
                self._without_recognizer = True
        if self._identities is None:
            return np.nan, np.nan
        landmarks = [_landmarks_in_crop(self._dst_sampler, int(pick)) for pick in self._picks]
        return self._identities.distances(swaps, landmarks)


class _Identities:
    """The most typical embedding of src and of dst, at the model's own resolution."""

    def __init__(self, src: Sampler, dst: Sampler) -> None:
        self._recognizer: Any = RECOGNIZERS.load(RECOGNIZERS.names[0])()
        self._typical = [self._medoid(sampler) for sampler in (src, dst)]

    def _medoid(self, sampler: Sampler) -> np.ndarray:
        picks = [int(pick) for pick in spread_out(len(sampler.faces), FACES)]
        faces = [
            (sampler.plain(pick)[..., :3], _landmarks_in_crop(sampler, pick)) for pick in picks
        ]
        embeddings = [self._recognizer.embed(*face) for face in faces]
        return medoid(np.stack(embeddings), self._recognizer.distance)

    def distances(
        self, faces: Sequence[Image], landmarks: Sequence[np.ndarray]
    ) -> tuple[float, float]:
        """Return the median distance to src and to dst."""
        embeddings = [
            self._recognizer.embed(to_uint8(face), points)
            for face, points in zip(faces, landmarks, strict=True)
        ]
        src, dst = (
            float(np.median([self._recognizer.distance(face, typical) for face in embeddings]))
            for typical in self._typical
        )
        return src, dst


def _plain(sampler: Sampler, picks: np.ndarray) -> Image:
    """Return faces as the model sees them, with their masks, (N, R, R, 4) float32."""
    return to_float(np.stack([sampler.plain(int(pick)) for pick in picks]))


def _landmarks_in_crop(sampler: Sampler, index: int) -> np.ndarray:
    """Return the landmarks of a face in the image that the model sees."""
    points, settings = sampler.faces[index][1].landmarks, sampler.settings
    return apply(crop_matrix(points, settings.resolution, settings.face_type), points)


def _ssim(faces: Image, reconstructed: Sequence[Image]) -> float:
    """Return the median SSIM inside the masks of (N, R, R, 4) faces."""
    values = [
        masked_ssim(face[..., :3], other, face[..., 3] >= 0.5)
        for face, other in zip(faces, reconstructed, strict=True)
    ]
    return float(np.nanmedian(values)) if np.isfinite(values).any() else np.nan


class ValidationLog:
    """The metrics so far: a CSV file with one line per validation."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: list[Mapping[str, float]] = _read(path)

    def until(self, iteration: int) -> list[Mapping[str, float]]:
        """Return the rows up to an iteration, without those that a rollback has superseded."""
        valid: list[Mapping[str, float]] = []
        for row in reversed(self.rows):
            if row["iteration"] < (valid[-1]["iteration"] if valid else iteration + 1):
                valid.append(row)
        return valid[::-1]

    def add(self, row: Mapping[str, float]) -> None:
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


def _read(path: Path) -> list[Mapping[str, float]]:
    """Read the complete rows."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            lines = list(csv.reader(file))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise InputError(f'cannot read "{path}": {problem}; move it away') from None
    rows: list[Mapping[str, float]] = []
    for line in lines:
        try:
            rows.append(dict(zip(COLUMNS, map(float, line), strict=True)))
        except ValueError:  # the header, or a line that a crash left incomplete
            continue
    return rows

"""Sort methods that compare faces with each other: chains of similar ones, and outliers."""

from itertools import pairwise

import numpy as np

from facelib.faceset import FaceFiles
from sorter.chain import Chain, chain, quality
from sorter.features import IMAGE_STATS
from sorter.job import Placed, SortJob
from sorter.keys import in_order
from sorter.metrics import (
    Bhattacharyya,
    CityBlock,
    Metric,
    bhattacharyya_sums,
    city_block_sums,
    shape_of,
)
from utils import console

MANY = 3_000
"""Faces that take more than a second to order."""
LEAP = 4.0
"""A step so many times the median step starts another group."""


def hist(job: SortJob) -> list[Placed]:
    """Chain by color, from the first face on; the key is the distance to the face before.

    The distance is the sum of the Bhattacharyya distances of the blue, green and red histograms
    (256 bins, whole image); the order is the one that a loop over `cv2.compareHist` finds.
    """
    faces, table = job.measure(IMAGE_STATS)
    if not faces:
        return []
    return _placed(faces, _chain(job, Bhattacharyya(table["colour"])), "colors")


def hist_blur(job: SortJob) -> list[Placed]:
    """Order by sharpness within the groups of `hist`; the groups stay in its order."""
    faces, table = job.measure(IMAGE_STATS)
    if not faces:
        return []
    result = _chain(job, Bhattacharyya(table["colour"]))
    rank = np.empty(len(faces), int)
    rank[result.order] = group_numbers(result.steps)
    sharpness = table["sharpness"]
    order = np.lexsort((-sharpness, rank))  # stable: equal ones keep their order
    return [Placed(faces[i][0], int(sharpness[i]), _label("colors", rank[i])) for i in order]


def hist_dissim(job: SortJob) -> list[Placed]:
    """Order by the sum of the distances to all others, most unusual first.

    The Bhattacharyya distance of the gray histograms (256 bins) within the face hull is used.
    """
    faces, table = job.measure(IMAGE_STATS)
    sums = bhattacharyya_sums(table["face_grey"]).round(6)  # equal faces have equal sums
    return in_order(faces, sums.tolist(), -sums)


def face(job: SortJob) -> list[Placed]:
    """Chain by landmarks; the key is the distance to the face before.

    The distance is the sum of the absolute differences of all coordinates in the aligned face.
    """
    shapes = np.stack([shape_of(info) for _, info in job.faces])
    return _placed(job.faces, _chain(job, CityBlock(shapes)), "shapes")


def face_dissim(job: SortJob) -> list[Placed]:
    """Order by the sum of the landmark distances of `face` to all others, most unusual first."""
    sums = city_block_sums(np.stack([shape_of(info) for _, info in job.faces])).round(9)
    return in_order(job.faces, sums.tolist(), -sums)


def _chain(job: SortJob, metric: Metric) -> Chain:
    """Chain the items and note in the report how good the chain is."""
    if len(metric) > MANY:
        console.announce(f"ordering {len(metric):,} faces")
    result = chain(metric)
    note = f"{result.mean_step:.4f}"
    if not result.exact:
        exact, cells = quality(metric)
        note = (
            f"{result.mean_step:.4f}, by the fast method (on a sample {cells:.4f}, by the "
            f"exact one {exact:.4f})"
        )
    job.report.notes["mean distance of neighbors"] = [note]
    return result


def _placed(faces: FaceFiles, result: Chain, what: str) -> list[Placed]:
    numbers = group_numbers(result.steps)
    return [
        Placed(faces[i][0], step, _label(what, number))
        for i, step, number in zip(result.order, result.steps.tolist(), numbers, strict=True)
    ]


def _label(what: str, number: int) -> str:
    return f"{what} {number + 1:03d}"


def group_numbers(steps: np.ndarray) -> np.ndarray:
    """Cut a chain where a step is far longer than usual; return the groups, (n,) int from 0."""
    if len(steps) < 3:
        return np.zeros(len(steps), int)
    usual = float(np.median(steps[1:]))
    return np.cumsum([0, *(step > LEAP * usual > 0 for _, step in pairwise(steps))])

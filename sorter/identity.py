"""The sort method `identity`: person by person."""

import numpy as np

from facelib.recognizers import RECOGNIZERS
from sorter.features import IDENTITY, RECOGNIZER
from sorter.job import Placed, SortJob

ROUNDS = 5
STRANGERS = "strangers"


def identity(job: SortJob) -> list[Placed]:
    """Put the pictures of one person together: largest group first, people seen once last.

    Within a person the most typical face comes first; the key is the distance to the mean of the
    person's vectors.
    """
    faces, table = job.measure(IDENTITY)
    if not faces:
        return []
    people, distances = cluster(table["vector"], RECOGNIZERS.load(RECOGNIZER).same_below)
    sizes = np.bincount(people, minlength=1)
    once = sizes[people] == 1
    rank = np.where(once, len(sizes), people)
    order = np.lexsort((np.where(once, 0, distances), rank))
    names = [STRANGERS if once[i] else f"person {people[i] + 1:03d}" for i in range(len(faces))]
    return [Placed(faces[i][0], float(distances[i]), names[i]) for i in order]


def cluster(vectors: np.ndarray, same_below: float) -> tuple[np.ndarray, np.ndarray]:
    """Divide unit vectors into people, whose number is not known.

    Each vector joins the person whose mean is nearest, or begins a new one when none is nearer than
    `same_below` (leader clustering, Hartigan 1975); people whose means are that near are joined;
    then every vector moves to the nearest mean until nothing changes.

    Parameters
    ----------
    vectors : (n, d) float32, of length 1
    same_below : cosine distance under which two vectors are one person's

    Returns
    -------
    people : (n,) int, 0 for the largest group on; equally large ones by their first member
    distances : (n,) float32, cosine distance to the mean of the own group
    """
    people = _leaders(vectors, same_below)
    for _ in range(ROUNDS):
        means = _joined(_means(vectors, people), np.bincount(people), same_below)
        moved = _nearest(vectors, means, same_below)
        if np.array_equal(moved, people):
            break
        people = moved
    people = _largest_first(people)
    similarity = np.einsum("ij,ij->i", vectors, _means(vectors, people)[people])
    return people, np.maximum(1 - similarity, 0)


def _leaders(vectors: np.ndarray, same_below: float) -> np.ndarray:
    sums = np.zeros((16, vectors.shape[1]), np.float32)
    means = np.zeros_like(sums)
    people = np.zeros(len(vectors), int)
    count = 0
    for index, vector in enumerate(vectors):
        similarity = means[:count] @ vector
        person = int(np.argmax(similarity)) if count else 0
        if not count or 1 - similarity[person] >= same_below:
            person, count = count, count + 1
            if count > len(sums):
                sums, means = (
                    np.concatenate([rows, np.zeros_like(rows)]) for rows in (sums, means)
                )
        sums[person] += vector
        means[person] = sums[person] / max(float(np.linalg.norm(sums[person])), 1e-12)
        people[index] = person
    return people


def _means(vectors: np.ndarray, people: np.ndarray) -> np.ndarray:
    """Return the mean direction of each group, (k, d), of length 1."""
    sums = np.zeros((people.max(initial=-1) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, people, vectors)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def _joined(means: np.ndarray, sizes: np.ndarray, same_below: float) -> np.ndarray:
    """Return the means of which none is nearer than `same_below` to a larger group's."""
    kept: list[int] = []
    for person in np.argsort(-sizes, kind="stable"):
        if sizes[person] and (not kept or 1 - (means[kept] @ means[person]).max() >= same_below):
            kept.append(int(person))
    return means[kept]


def _nearest(vectors: np.ndarray, means: np.ndarray, same_below: float) -> np.ndarray:
    """Return each vector's nearest mean; one that has none near becomes a person of its own."""
    similarity = vectors @ means.T
    people = similarity.argmax(axis=1)
    alone = np.flatnonzero(1 - similarity.max(axis=1, initial=-1) >= same_below)
    people[alone] = len(means) + np.arange(len(alone))
    return _largest_first(people)


def _largest_first(people: np.ndarray) -> np.ndarray:
    """Number groups anew: larger ones first, equally large ones by their first member."""
    _, first, member, sizes = np.unique(
        people, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(sizes), int)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[member]

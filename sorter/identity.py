"""The sort method `identity`: clusters faces by person."""

import numpy as np

from facelib.recognizers import RECOGNIZERS
from sorter.features import IDENTITY, RECOGNIZER
from sorter.job import Placed, SortJob

ROUNDS = 5
STRANGERS = "strangers"


def identity(job: SortJob) -> list[Placed]:
    """Group the faces of each person: largest group first, people seen once last.

    Within a person the most typical face comes first; the key is the distance to the mean of the
    person's embeddings.
    """
    faces, table = job.measure(IDENTITY)
    if not faces:
        return []
    labels, distances = cluster(table["vector"], RECOGNIZERS.load(RECOGNIZER).same_below)
    sizes = np.bincount(labels, minlength=1)
    once = sizes[labels] == 1
    rank = np.where(once, len(sizes), labels)
    order = np.lexsort((np.where(once, 0, distances), rank))
    names = [STRANGERS if once[i] else f"person {labels[i] + 1:03d}" for i in range(len(faces))]
    return [Placed(faces[i][0], float(distances[i]), names[i]) for i in order]


def cluster(vectors: np.ndarray, same_below: float) -> tuple[np.ndarray, np.ndarray]:
    """Cluster unit vectors by person, without knowing how many people there are.

    Each vector joins the cluster whose mean is nearest, or starts a new one when none is nearer
    than `same_below` (leader clustering, Hartigan 1975); clusters whose means are that near are
    merged; then every vector moves to the nearest mean until nothing changes.

    Parameters
    ----------
    vectors : (n, d) float32
        Embeddings of length 1.
    same_below : float
        Cosine distance below which two vectors belong to one person.

    Returns
    -------
    labels : (n,) int
        0 is the largest cluster; equally large ones are ordered by their first member.
    distances : (n,) float32
        Cosine distance to the mean of the own cluster.
    """
    labels = _leaders(vectors, same_below)
    for _ in range(ROUNDS):
        means = _merged(_means(vectors, labels), np.bincount(labels), same_below)
        moved = _nearest(vectors, means, same_below)
        if np.array_equal(moved, labels):
            break
        labels = moved
    labels = _largest_first(labels)
    similarity = np.einsum("ij,ij->i", vectors, _means(vectors, labels)[labels])
    return labels, np.maximum(1 - similarity, 0)


def _leaders(vectors: np.ndarray, same_below: float) -> np.ndarray:
    sums = np.zeros((16, vectors.shape[1]), np.float32)
    means = np.zeros_like(sums)
    labels = np.zeros(len(vectors), int)
    count = 0
    for index, vector in enumerate(vectors):
        similarity = means[:count] @ vector
        label = int(np.argmax(similarity)) if count else 0
        if not count or 1 - similarity[label] >= same_below:
            label, count = count, count + 1
            if count > len(sums):
                sums, means = (
                    np.concatenate([rows, np.zeros_like(rows)]) for rows in (sums, means)
                )
        sums[label] += vector
        means[label] = sums[label] / max(float(np.linalg.norm(sums[label])), 1e-12)
        labels[index] = label
    return labels


def _means(vectors: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the mean direction of each cluster, (k, d), of length 1."""
    sums = np.zeros((labels.max(initial=-1) + 1, vectors.shape[1]), np.float32)
    np.add.at(sums, labels, vectors)
    return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)


def _merged(means: np.ndarray, sizes: np.ndarray, same_below: float) -> np.ndarray:
    """Return the means that are not nearer than `same_below` to a larger cluster's."""
    kept: list[int] = []
    for label in np.argsort(-sizes, kind="stable"):
        if sizes[label] and (not kept or 1 - (means[kept] @ means[label]).max() >= same_below):
            kept.append(int(label))
    return means[kept]


def _nearest(vectors: np.ndarray, means: np.ndarray, same_below: float) -> np.ndarray:
    """Return each vector's nearest mean; one without a near mean becomes a cluster of its own."""
    similarity = vectors @ means.T
    labels = similarity.argmax(axis=1)
    single = np.flatnonzero(1 - similarity.max(axis=1, initial=-1) >= same_below)
    labels[single] = len(means) + np.arange(len(single))
    return _largest_first(labels)


def _largest_first(labels: np.ndarray) -> np.ndarray:
    """Renumber clusters: larger ones first, equally large ones by their first member."""
    _, first, member, sizes = np.unique(
        labels, return_index=True, return_inverse=True, return_counts=True
    )
    rank = np.empty(len(sizes), int)
    rank[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return rank[member]

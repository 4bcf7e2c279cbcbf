"""Whose faces a model was trained on: a mean recognition vector of each person.

It lies as `people.json` in the model's folder, so that exchanged or foreign faces are noticed
before they are trained on. A sample of the faces is recognized, and only when its files are new.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from facelib.faceset import FaceFiles, fingerprint, read_face, try_each
from facelib.held_out import SIDES
from facelib.recognizers import RECOGNIZERS
from facelib.similarity import spread_out
from utils.errors import InputError
from utils.files import write_json
from utils.records import read_record, reading

FILE, KIND, VERSION = "people.json", "record of the people", 1
RECOGNIZER = "sface"  # its vectors have length 1, and their distance is 1 - cosine
LENGTH = 128  # of a vector
SAMPLE = 24  # faces of each side; 30 ms each
ALIKE = 0.9  # share of the pairs of faces that look alike, where there is one person


@dataclass(frozen=True, eq=False)
class Person:
    """The person that a faceset shows.

    Attributes
    ----------
    vector : (D,) float32
        Mean recognition vector of the sample, of length 1.
    faces : int
        Number of faces in the folder.
    checksums : frozenset of str
        Of the sampled files; names and dates do not matter.
    """

    vector: np.ndarray
    faces: int
    checksums: frozenset[str]

    def joined(self, newer: "Person") -> "Person":
        """Return the same person known from other faces, too."""
        return Person(_unit(self.vector + newer.vector), newer.faces, newer.checksums)


class People(NamedTuple):
    """Both persons of a training."""

    src: Person
    dst: Person


def distance(one: Person, other: Person) -> float:
    """Return how unlike two persons are: 0 for the same vector, about 0.9 for two people."""
    return 1.0 - float(one.vector @ other.vector)


def same_below() -> float:
    """Return the distance below which two persons most likely are one.

    It is the recognizer's published one. Means of faces of one person lie below 0.1 in the demo's
    clips, and at 0.46 where one set has a twelfth of the resolution; those of its two people at
    0.84. docs/training.md has more.
    """
    return float(RECOGNIZERS.load(RECOGNIZER).same_below)


def recognize(faces: FaceFiles, known: Iterable[Person] = ()) -> Person:
    """Return whom a faceset shows; one of `known` without recognition if its files are the same.

    Raises
    ------
    InputError
        If none of the sampled faces can be read.
    WeightsError
        If the recognizer's weights are missing or damaged.
    """
    paths = [faces[index][0] for index in spread_out(len(faces), SAMPLE)]
    found = try_each(fingerprint, paths)
    checksums = frozenset(sum_.hex() for sum_ in found if isinstance(sum_, bytes))
    for person in known:
        if person.checksums == checksums and person.faces == len(faces):
            return person
    return Person(_mean_vector(paths), len(faces), checksums)


def _recognizer() -> Any:  # noqa: ANN401 - of the registry
    return RECOGNIZERS.load(RECOGNIZER)()


def show_one_person(faces: FaceFiles) -> bool:
    """Tell whether nearly any two faces of a sample look alike; raises what `recognize` does."""
    vectors = _vectors(faces[index][0] for index in spread_out(len(faces), SAMPLE))
    units = np.stack([_unit(vector) for vector in vectors])
    distances = 1.0 - units @ units.T
    return bool(np.quantile(distances, ALIKE) < same_below())


def _mean_vector(paths: Iterable[Path]) -> np.ndarray:
    return _unit(np.mean(_vectors(paths), axis=0))


def _vectors(paths: Iterable[Path]) -> list[np.ndarray]:
    """Return the recognition vectors of the faces that can be read."""
    recognizer = _recognizer()
    vectors, problem = [], InputError("there is no face to recognize; extract faces first")
    for path in paths:
        try:
            image, info = read_face(path)
        except InputError as error:
            problem = error
            continue
        vectors.append(recognizer.embed(image, info.landmarks))
    if not vectors:
        raise problem
    return vectors


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-12), np.float32)


def read_people(model_dir: Path) -> People | None:
    """Return whose faces a model was trained on; None if it does not know.

    Raises
    ------
    InputError
        If the record is damaged or cannot be read.
    """
    path = model_dir / FILE
    if not path.exists():
        return None
    record = read_record(path, KIND, VERSION)
    if record.get("recognizer") != RECOGNIZER:
        return None  # vectors of different networks cannot be compared
    with reading(path, KIND):
        return People(*(_person(record[side]) for side in SIDES))


def _person(values: Any) -> Person:  # noqa: ANN401 - JSON of any kind
    vector = np.array([float(number) for number in values["vector"]])
    if vector.shape != (LENGTH,) or not np.isfinite(vector).all():
        raise ValueError(values)
    return Person(_unit(vector), int(values["faces"]), frozenset(map(str, values["checksums"])))


def write_people(model_dir: Path, people: People) -> None:
    """Record whose faces a model is trained on."""
    record: dict[str, Any] = {"version": VERSION, "recognizer": RECOGNIZER}
    for side, person in zip(SIDES, people, strict=True):
        record[side] = {
            "vector": [round(float(number), 4) for number in person.vector],
            "faces": person.faces,
            "checksums": sorted(person.checksums),
        }
    write_json(model_dir / FILE, record)

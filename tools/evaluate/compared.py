"""The frames of one version of the footage beside dst's, as arrays over time."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from facelib.following import open_eyes_gaze, standing_still
from facelib.geometry import pose
from facelib.landmarks import eye_opening, mouth_opening
from tools.evaluate import metrics
from tools.evaluate.observe import Observation, SeenFace


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """The followed face over some frames, as arrays with one row per frame.

    Attributes
    ----------
    gazes : (n, 2) float64
        As `facelib.landmarks.gaze` returns them; NaN where the eyes are nearly shut, and everywhere
        if the landmarker does not measure irises.
    """

    landmarks: np.ndarray
    embeddings: np.ndarray
    gazes: np.ndarray

    @classmethod
    def of(cls, faces: Sequence[SeenFace]) -> "FaceTrack":
        """Stack the faces that were found."""
        found = [face.face for face in faces if face.face is not None]
        return cls(
            landmarks=np.stack([face.landmarks for face in found]).astype(float),
            embeddings=np.stack([face.embedding for face in found]),
            gazes=np.stack([open_eyes_gaze(face.landmarks, face.iris) for face in found]),
        )

    def openings(self) -> tuple[np.ndarray, np.ndarray]:
        """Return how far mouth and eyes are open, each (n,)."""
        mouth = [mouth_opening(face) for face in self.landmarks]
        return np.array(mouth), np.array([eye_opening(face) for face in self.landmarks])

    def poses(self) -> np.ndarray:
        """Return pitch, yaw, roll of each face, (n, 3) degrees."""
        return np.array([pose(face) for face in self.landmarks])


@dataclass(frozen=True, eq=False)
class ComparedFrames:
    """The frames of one version that have a face in dst.

    Attributes
    ----------
    seen, dst : sequence of SeenFace
        What the version and dst show there.
    found : (n,) bool
        Where the version shows a face.
    shots, runs : (n,) int
        As in `metrics`.
    result_faces, dst_faces : FaceTrack
        The faces of the frames in which both have one.
    """

    seen: Sequence[SeenFace]
    dst: Sequence[SeenFace]
    found: np.ndarray
    indices: np.ndarray
    shots: np.ndarray
    result_faces: FaceTrack
    dst_faces: FaceTrack

    @classmethod
    def of(cls, observations: Sequence[Observation], version: str) -> "ComparedFrames | None":
        """Return what a version shows; None if it shows no face at all."""
        pairs = [(o, o.dst if version == "dst" else o.compared.get(version)) for o in observations]
        kept = [(o, o.dst, face) for o, face in pairs if o.dst is not None and face is not None]
        both = [(dst, face) for _, dst, face in kept if face.face]
        if not both:
            return None
        all_dst = [dst for _, dst, _ in kept]
        thumbnails = np.stack([o.thumbnail for o, _, _ in kept])
        return cls(
            seen=[face for _, _, face in kept],
            dst=all_dst,
            found=np.array([face.face is not None for _, _, face in kept]),
            indices=np.array([o.index for o, _, _ in kept]),
            shots=metrics.label_shots(thumbnails, FaceTrack.of(all_dst).landmarks),
            result_faces=FaceTrack.of([face for _, face in both]),
            dst_faces=FaceTrack.of([dst for dst, _ in both]),
        )

    def with_failures(self, values: np.ndarray, failed: float) -> np.ndarray:
        """Return values of the frames with a face, and for the others what a failure scores."""
        scores = np.full((len(self.found), *values.shape[1:]), failed)
        scores[self.found] = values
        return scores

    def standing_still(self, values: np.ndarray) -> np.ndarray:
        """Return values of the frames with a face, or the mean of their shot where there is none.

        NaN is no value either.
        """
        return standing_still(self.with_failures(values, math.nan), self.shots)

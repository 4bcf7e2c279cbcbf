"""From a frame and its faces to files: aligned images with their metadata, and debug images."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from extractor.frames import Pending
from extractor.journal import debug_dir
from extractor.labels import Labels
from facelib import geometry, landmarks
from facelib.cutting import FaceCut, cut_out
from facelib.faceset import FaceInfo, read_info, write_face
from facelib.fingerprint import around, fingerprint, to_bytes
from facelib.types import Face, FaceType
from utils.errors import InputError
from utils.files import naming
from utils.images import write_image

BLUE, GREEN, RED = (255, 0, 0), (0, 255, 0), (0, 0, 255)
DEBUG_QUALITY = 75  # JPEG: to look at, not to work with


@dataclass(frozen=True)
class FaceWriter:
    """Writes the faces found in the frames of one source; may be used by several threads at once.

    Attributes
    ----------
    folder : Path
        Where the face files go.
    source : str
        Name of the folder of frames or the video.
    face_type, image_size
        What the aligned images show, and their largest side in pixels.
    detector, landmarker : str
        Where the faces come from, for their metadata.
    debug : bool
        Whether annotated frames are written too.
    labels : Labels
        What people drew on the faces that are replaced.
    smaller : list of str
        The frames in which a face has fewer pixels than `image_size`, and was stored with those.
    """

    folder: Path
    source: str
    face_type: FaceType
    image_size: int
    detector: str
    landmarker: str
    debug: bool
    labels: Labels = field(default_factory=Labels)
    smaller: list[str] = field(default_factory=list)

    def write(
        self,
        frame: Pending,
        image: np.ndarray,
        faces: Sequence[Face],
        existing: Sequence[FaceInfo] = (),
    ) -> list[Path]:
        """Write the faces of a frame, and the annotated frame if `debug`.

        Parameters
        ----------
        existing : sequence of FaceInfo
            Faces of the frame that are replaced.

        Returns
        -------
        paths : list of Path
            The face files.
        """
        infos = [self._info(frame, image, face, index) for index, face in enumerate(faces)]
        paths = [path_for(self.folder, info) for info in infos]
        existing = existing or [read_info(path) for path in paths if path.exists()]
        infos = self.labels.carry_over(infos, image, existing)
        for path, info in zip(paths, infos, strict=True):
            write_face(path, cut_out(image, info), info)
            if info.size < self.image_size and info.face_type is not FaceType.MARK_ONLY:
                self.smaller.append(info.source_name)
        if self.debug:
            path = debug_dir(self.folder) / f"{Path(frame.name).stem}.jpg"
            write_image(path, annotate(image, infos), DEBUG_QUALITY)
        return paths

    def _info(self, frame: Pending, image: np.ndarray, face: Face, index: int) -> FaceInfo:
        cut = FaceCut.of(face.landmarks, image.shape[:2], self.face_type, self.image_size)
        return FaceInfo(
            face_type=self.face_type,
            size=cut.size,
            landmarks=cut.landmarks,
            source_landmarks=cut.source_landmarks,
            source_iris=face.iris,
            source_rect=face.rect,
            source_name=frame.name,
            source=self.source,
            frame_index=frame.index,
            time=None if frame.time is None else float(frame.time),
            face_index=index,
            detector=self.detector,
            landmarker=self.landmarker,
            score=face.score,
            quality=face.quality,
            matrix=cut.matrix,
            smoothed=face.smoothed,
            frame_size=(image.shape[1], image.shape[0]),
            fingerprint=to_bytes(fingerprint(image, around(face.landmarks))),
            pixel_aspect=None if frame.aspect is None else float(frame.aspect),
        )


def path_for(folder: Path, info: FaceInfo) -> Path:
    """Return where in a folder a face goes: never over a file that is not this very face."""
    stem = f"{Path(info.source_name).stem}_{info.face_index}"
    path = folder / f"{stem}.png"
    number = 0
    with naming(path):
        while path.exists() and not _same_face(path, info):
            number += 1
            path = path.with_name(f"{stem}_{number}.png")
    return path


def _same_face(path: Path, info: FaceInfo) -> bool:
    """Whether a file holds this face already, from a run that was stopped within the frame."""
    try:
        old = read_info(path)
    except InputError:
        return False
    one, other = ((face.source, face.source_name, face.face_index) for face in (old, info))
    return one == other


def annotate(image: np.ndarray, infos: list[FaceInfo]) -> np.ndarray:
    """Draw faces on a copy of a frame: rectangle blue, landmarks green, crop red."""
    drawn = image.copy()
    for info in infos:
        left, top, right, bottom = (round(value) for value in info.source_rect)
        cv2.rectangle(drawn, (left, top), (right, bottom), BLUE, 2)
        drawn = landmarks.draw(drawn, info.source_landmarks, GREEN)
        if info.face_type is not FaceType.MARK_ONLY:
            square = np.rint(geometry.crop_corners(info.matrix, info.size)).astype(np.int32)
            cv2.polylines(drawn, [square], isClosed=True, color=RED, thickness=2)
    return drawn

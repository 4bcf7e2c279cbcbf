"""Options of `extract`; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.types import FaceType
from utils.options import DEVICE, GENERAL, DeviceOptions, opt

SEARCH, FILTER = "What is looked for", "Which faces are kept"
BY_HAND = "Faces placed by hand"
MANUAL = "manual"


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(DeviceOptions):
    """Where frames come from, what is looked for, and what a face file looks like."""

    input_dir: Path = opt(help="folder of frames, or a video file")
    output_dir: Path = opt(help="folder the faces go to; a finished part is kept and continued")
    overwrite: bool = opt(False, help="start anew: what this run wrote before goes to the trash")
    face_type: FaceType = opt(FaceType.FULL, help="how much of the head a face picture shows")
    image_size: int = opt(256, help="side of a face picture in pixels", low=64, high=2048)
    every: int = opt(1, help="look at every Nth frame only", low=1)

    detector: str = opt(
        "yunet",
        help="what finds faces; manual: you do",
        choices=(*DETECTORS.names, MANUAL),
        group=SEARCH,
    )
    landmarker: str = opt(
        LANDMARKERS.names[0],
        help="what finds the 68 landmarks",
        choices=LANDMARKERS.names,
        group=SEARCH,
    )
    smooth: bool = opt(
        True,
        help="smooth landmarks over neighboring frames where the face moves evenly",
        group=SEARCH,
    )
    min_score: float | None = opt(
        None,
        help="least score of a face; lower finds more faces and more that are none; none: what "
        "suits the detector",
        low=0,
        high=1,
        group=SEARCH,
    )
    rotated_search: bool = opt(
        True,
        help="turn a frame in which nothing is found by 90, 180 and 270 degrees and look again",
        group=SEARCH,
    )

    min_face_size: int = opt(
        0,
        help="leave out faces smaller than this, pixels from hairline to chin, and look closely "
        "enough to find that small ones; 0 takes what is found",
        low=0,
        group=FILTER,
    )
    max_faces: int = opt(
        0, help="largest faces to take from a frame; 0 takes all", low=0, group=FILTER
    )
    person: tuple[Path, ...] = opt(
        (), help="pictures of a person, one face each: take only faces of that person", group=FILTER
    )
    not_person: tuple[Path, ...] = opt(
        (), help="pictures of people, one face each: leave out their faces", group=FILTER
    )

    manual_fix: bool = opt(
        False, help="then place faces by hand in the frames in which none was found", group=BY_HAND
    )
    manual_output_debug_fix: bool = opt(
        False,
        help="place faces by hand in the frames whose debug picture you deleted, instead of those "
        "they have; needs an extraction with --debug",
        group=BY_HAND,
    )
    manual_window_size: int = opt(
        1368,
        help="longer side of the window's picture in pixels; 0: that of the frame",
        low=0,
        high=8192,
        group=BY_HAND,
    )

    patience: int = opt(
        300,
        help="seconds without any progress after which the process that does the work is taken for "
        "hung and replaced; 0: never",
        low=0,
        group=GENERAL,
    )
    multi_gpu: bool = opt(
        False, help="share the detection out among all GPUs (detector mt)", group=DEVICE
    )

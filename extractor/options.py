"""Options of `extract`; imports nothing heavy."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.types import EXTRACTED, FaceType
from utils.files import no_link
from utils.options import DEVICE, GENERAL, opt
from utils.stage_options import DeviceOptions, ShareOptions, SideOptions

SEARCH, FILTER, MANUAL_GROUP = "Face search", "Face filter", "Manual extraction"
MANUAL = "manual"


class ManualMode(Enum):
    """Which frames a person is shown."""

    ALL = "all frames"
    FACELESS = "frames in which no face was found"
    DEBUG_DELETED = "frames whose debug image was deleted"


def debug_dir(output_dir: Path) -> Path:
    """Where annotated frames go: beside the faces, so that the folder of faces holds only faces."""
    return no_link(output_dir.with_name(output_dir.name + "_debug"))


class FrameFilter(Enum):
    """Which frames of an extraction are shown for correction."""

    ALL = "all"
    FACELESS = "faceless"
    DOUBTFUL = "doubtful"
    MULTI = "multi"


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(DeviceOptions, ShareOptions, SideOptions):
    """Where frames come from, which faces are wanted, and what a face file looks like."""

    input_dir: Path = opt(
        help="folder of frames, or a video file", kind="footage", place="data_{side}.*"
    )
    output_dir: Path = opt(
        help="folder for the faces; an interrupted run is continued", place="data_{side}/aligned"
    )
    overwrite: bool = opt(False, help="start over; the output of an earlier run goes to the trash")
    face_type: FaceType = opt(
        FaceType.FULL,
        help="how much of the head a face image shows",
        choices=[kind.value for kind in EXTRACTED],
    )
    image_size: int = opt(
        256,
        help="largest side of a face image in pixels; above 256 no more than the face has",
        low=64,
        high=2048,
    )
    every: int = opt(1, help="process every Nth frame only", low=1)

    detector: str = opt(
        "yunet",
        help="face detector (see main.py help detectors); manual: you mark the faces yourself",
        choices=(*DETECTORS.names, MANUAL),
        kind="network",
        group=SEARCH,
    )
    landmarker: str = opt(
        LANDMARKERS.names[0],
        help="network that places the 68 landmarks, see main.py help landmarkers",
        choices=LANDMARKERS.about,
        kind="network",
        group=SEARCH,
    )
    smooth: bool = opt(True, help="smooth landmarks over neighboring frames", group=SEARCH)
    track: bool = opt(
        True,
        help="search every 8th frame of a video, and follow the faces in between",
        group=SEARCH,
    )
    min_score: float | None = opt(
        None,
        help="lowest detection score to accept; none: the detector's own threshold",
        low=0,
        high=1,
        group=SEARCH,
    )
    rotated_search: bool = opt(
        True,
        help="search frames without a face again, rotated by 90, 180 and 270 degrees",
        group=SEARCH,
    )

    min_face_size: int = opt(
        0,
        help="find faces down to this size in pixels and ignore smaller ones; 0: keep all",
        low=0,
        group=FILTER,
        zero="any",
    )
    max_faces: int = opt(
        0,
        help="keep at most this many faces per frame, largest first; 0: all",
        low=0,
        group=FILTER,
        zero="all",
    )
    person: tuple[Path, ...] = opt(
        (), help="images of a person, one face each: keep only that person", group=FILTER
    )
    not_person: tuple[Path, ...] = opt(
        (), help="images of people, one face each: leave them out", group=FILTER
    )

    manual_fix: bool = opt(
        False, help="then mark faces manually in frames where none was found", group=MANUAL_GROUP
    )
    manual_output_debug_fix: bool = opt(
        False,
        help="mark faces manually in frames whose debug image you deleted",
        group=MANUAL_GROUP,
    )
    manual_window_size: int = opt(
        1368,
        help="longer side of the window in pixels; 0: the frame's own size",
        low=0,
        high=8192,
        group=MANUAL_GROUP,
        zero="the frame's",
    )

    patience: int = opt(
        300,
        help="seconds without progress before a hung worker is replaced; 0: never",
        low=0,
        group=GENERAL,
        zero="never",
    )
    multi_gpu: bool = opt(
        False, help="distribute detection over all GPUs (detector mt)", group=DEVICE
    )

    @property
    def manual_mode(self) -> ManualMode | None:
        """Which frames a person is shown; None when detection is fully automatic."""
        if self.manual_output_debug_fix:
            return ManualMode.DEBUG_DELETED
        if self.detector == MANUAL:
            return ManualMode.ALL
        return ManualMode.FACELESS if self.manual_fix else None


@dataclass(frozen=True, kw_only=True)
class EditFacesOptions(SideOptions):
    """Which frames of an extraction a person corrects, and where."""

    input_dir: Path = opt(
        help="the footage that was extracted", kind="footage", place="data_{side}.*"
    )
    output_dir: Path = opt(help="folder of its faces", place="data_{side}/aligned")
    frames: FrameFilter = opt(
        FrameFilter.ALL, help="all, faceless, doubtful, or multi: with several faces"
    )
    window_size: int = opt(
        1368,
        help="longer side of the window in pixels; 0: the frame's own size",
        low=0,
        high=8192,
        zero="the frame's",
    )
    remote: bool = opt(False, help="events on stdin, JSON lines on stdout, and no window")

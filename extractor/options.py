"""Options of `extract`; imports nothing heavy."""

from dataclasses import dataclass
from pathlib import Path

from facelib.detectors import DETECTORS
from facelib.landmarkers import LANDMARKERS
from facelib.types import FaceType
from utils.options import DeviceOptions, opt


@dataclass(frozen=True, kw_only=True)
class ExtractOptions(DeviceOptions):
    """Where frames come from, what is looked for, and what a face file looks like."""

    input_dir: Path = opt(help="folder of frames, or a video file")
    output_dir: Path = opt(help="folder the faces go to; a finished part is kept and continued")
    overwrite: bool = opt(False, help="start anew: what this run wrote before goes to the trash")
    face_type: FaceType = opt(FaceType.FULL, help="how much of the head a face picture shows")
    image_size: int = opt(256, help="side of a face picture in pixels", low=64, high=2048)
    max_faces: int = opt(0, help="largest faces to take from a frame; 0 takes all", low=0)
    detector: str = opt("yunet", help="what finds faces", choices=DETECTORS.names)
    landmarker: str = opt(
        LANDMARKERS.names[0], help="what finds the 68 landmarks", choices=LANDMARKERS.names
    )

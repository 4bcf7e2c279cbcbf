"""Options of the tools for folders of faces; imports nothing heavy."""

from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from facelib.types import EXTRACTED, FaceType
from utils.options import opt
from utils.stage_options import EngineOptions, SideOptions, StageOptions, WorkspaceOptions


@dataclass(frozen=True, kw_only=True)
class DebugPicturesOptions(SideOptions):
    """Options of `util debug-pictures`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    output_dir: Path | None = opt(
        None, help="folder for the images (default: the input's name with _landmarks)"
    )


@dataclass(frozen=True, kw_only=True)
class PackOptions(SideOptions):
    """Options of `util pack`."""

    input_dir: Path = opt(
        help="folder of faces; it does not change", kind="faces", place="data_{side}/aligned"
    )
    output: Path | None = opt(None, help="file to write (default: the folder's name with .zip)")
    overwrite: bool = opt(False, help="replace the file if it exists")


@dataclass(frozen=True, kw_only=True)
class UnpackOptions(StageOptions):
    """Options of `util unpack`."""

    input: Path = opt(help="file written by `util pack`")
    output_dir: Path | None = opt(
        None, help="folder for the faces (default: the file's name without .zip)"
    )


@dataclass(frozen=True, kw_only=True)
class SaveMetadataOptions(SideOptions):
    """Options of `util save-metadata`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    metadata: Path | None = opt(
        None, help="file to write (default: the folder's name with .faces.jsonl)"
    )


@dataclass(frozen=True, kw_only=True)
class RestoreMetadataOptions(SideOptions):
    """Options of `util restore-metadata`."""

    input_dir: Path = opt(
        help="folder of images written by another program", place="data_{side}/aligned"
    )
    metadata: Path | None = opt(
        None, help="saved metadata (default: the folder's name with .faces.jsonl)"
    )


class MaskChoice(Enum):
    """Which mask of a face is exported."""

    ANY = "any"
    LABEL = "label"
    APPLIED = "applied"
    HULL = "hull"


@dataclass(frozen=True, kw_only=True)
class ExportMasksOptions(SideOptions):
    """Options of `util export-masks`."""

    input_dir: Path = opt(
        help="folder of faces; it does not change", kind="faces", place="data_{side}/aligned"
    )
    output_dir: Path | None = opt(
        None, help="folder for the masks (default: the input's name with _masks)"
    )
    which: MaskChoice = opt(
        MaskChoice.ANY, help="drawn label, applied mask, hull, or any: the first that a face has"
    )


@dataclass(frozen=True, kw_only=True)
class ImportMasksOptions(SideOptions):
    """Options of `util import-masks`."""

    input_dir: Path = opt(help="folder of faces", kind="faces", place="data_{side}/aligned")
    mask_dir: Path | None = opt(
        None, help="folder of masks named like the faces (default: the input's name with _masks)"
    )


@dataclass(frozen=True, kw_only=True)
class ExportOptions(EngineOptions, WorkspaceOptions):
    """Options of `util export`."""

    model_dir: Path = opt(help="folder of the trained model", kind="model", place="model")
    output: Path = opt(help="file to write; its suffix chooses the format: .dfm, .keras or .onnx")
    player: str = opt(
        "facefusion",
        help="program that a .dfm file is made for; each frames faces by a template of its own",
        choices=("facefusion", "deepfacelive", "visomaster"),
    )
    overwrite: bool = opt(False, help="replace the file if it exists")


@dataclass(frozen=True, kw_only=True)
class ImportOptions(StageOptions):
    """Options of `util import-dfl`."""

    input_dir: Path = opt(
        help="folder of faces that DeepFaceLab extracted, PNG or JPEG, or its faceset.pak"
    )
    output_dir: Path | None = opt(
        None, help="folder for the faces (default: the input's name with _imported)"
    )


@dataclass(frozen=True, kw_only=True)
class RefitOptions(SideOptions):
    """Options of `util refit`."""

    input_dir: Path = opt(
        help="folder of faces; it does not change", kind="faces", place="data_{side}/aligned"
    )
    footage: Path = opt(
        help="video or folder of frames that they were found in, or the same in another size",
        kind="footage",
        place="data_{side}.*",
        aliases=("--source",),
    )
    face_type: FaceType = opt(
        FaceType.WHOLE,
        help="how much of the head the new images show",
        choices=[kind.value for kind in EXTRACTED],
    )
    image_size: int = opt(
        512,
        help="largest side of a face image in pixels; above 256 no more than the face has",
        low=64,
        high=2048,
    )
    output_dir: Path | None = opt(
        None, help="folder for the new faces (default: the input's name with _ and the face type)"
    )


@dataclass(frozen=True, kw_only=True)
class ImportModelOptions(EngineOptions, WorkspaceOptions):
    """Options of `util import-dfl-model`."""

    input_dir: Path = opt(help="folder with a SAEHD or AMP model of DeepFaceLab 2; not changed")
    name: str | None = opt(
        None, help="which model of several: what its file names begin with, as new_SAEHD"
    )
    model_dir: Path = opt(help="folder for the model, new or empty", place="model")


@dataclass(frozen=True, kw_only=True)
class ShowFrameOptions(SideOptions):
    """Options of `util show-frame`."""

    input_dir: Path | None = opt(
        None, help="folder of faces", kind="faces", place="data_{side}/aligned"
    )
    footage: Path = opt(help="video or folder of frames", kind="footage", place="data_{side}.*")
    face: str | None = opt(
        None, help="file name of the face whose frame is shown; of a group's faces group/name"
    )
    frame: str | None = opt(
        None, help="the frame itself: a number counted from 0, or a time such as 12.5s"
    )
    output: Path | None = opt(None, help="image to write, .jpg or .png")
    largest_side: int = opt(1600, help="pixels; a larger frame is scaled down", low=64)
    remote: bool = opt(
        False, help="any frames for another program: events on stdin, JSON lines on stdout"
    )

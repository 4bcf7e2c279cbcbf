"""Options of the tools for folders of faces. Light: `--help` imports nothing else."""

from dataclasses import dataclass
from pathlib import Path

from utils.options import StageOptions, opt


@dataclass(frozen=True, kw_only=True)
class DebugPicturesOptions(StageOptions):
    """Whose landmarks are drawn."""

    input_dir: Path = opt(help="folder of faces")
    output_dir: Path | None = opt(
        None, help="folder the pictures go to (default: the input's name with _landmarks)"
    )


@dataclass(frozen=True, kw_only=True)
class PackOptions(StageOptions):
    """What is packed into one file."""

    input_dir: Path = opt(help="folder of faces; it stays as it is")
    output: Path | None = opt(None, help="the file (default: the folder's name with .zip)")
    overwrite: bool = opt(False, help="replace a file that exists")


@dataclass(frozen=True, kw_only=True)
class UnpackOptions(StageOptions):
    """What is unpacked."""

    input: Path = opt(help="the file that `util pack` wrote")
    output_dir: Path | None = opt(
        None, help="folder the faces go to (default: the file's name without .zip)"
    )


@dataclass(frozen=True, kw_only=True)
class SaveMetadataOptions(StageOptions):
    """Whose face data are saved."""

    input_dir: Path = opt(help="folder of faces")
    metadata: Path | None = opt(
        None, help="the file they go to (default: the folder's name with .faces.jsonl)"
    )


@dataclass(frozen=True, kw_only=True)
class RestoreMetadataOptions(StageOptions):
    """What face data go back into which pictures."""

    input_dir: Path = opt(help="folder of pictures that another program wrote")
    metadata: Path | None = opt(
        None, help="what `util save-metadata` wrote (default: the folder's name with .faces.jsonl)"
    )


@dataclass(frozen=True, kw_only=True)
class ExportOptions(StageOptions):
    """What `util export` writes."""

    model_dir: Path = opt(help="folder of the trained model")
    output: Path = opt(help="file to write; its suffix chooses the format: .keras or .onnx")
    overwrite: bool = opt(False, help="replace the file if it exists")


@dataclass(frozen=True, kw_only=True)
class ImportOptions(StageOptions):
    """Where the ancestor's faces are."""

    input_dir: Path = opt(help="folder of faces that DeepFaceLab extracted, PNG or JPEG")
    output_dir: Path | None = opt(
        None, help="folder the faces go to (default: the input's name with _imported)"
    )

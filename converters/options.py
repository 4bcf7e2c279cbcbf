"""Options of `convert`. Imports nothing heavy, so that `--help` answers at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.look import Look, load_look, session_path, settings_file
from models import MODELS
from utils.options import opt
from utils.stage_options import EngineOptions, ShareOptions, WorkspaceOptions
from utils.video.options import EncoderOptions


@dataclass(frozen=True, kw_only=True)
class FileOptions(EngineOptions, ShareOptions, WorkspaceOptions):
    """What `convert` reads and writes."""

    input_dir: Path = opt(
        help="dst footage: a folder of frames or a video",
        kind="footage",
        place="data_dst.*",
        group="Files",
    )
    output_dir: Path = opt(
        help="the result: a folder, or a video such as x.mp4", place="result.mp4", group="Files"
    )
    aligned_dir: Path = opt(
        help="faces extracted from that footage; delete a face file to leave that face unchanged",
        kind="faces",
        place="data_dst/aligned",
        group="Files",
    )
    check_faces: bool = opt(
        True, help="compare a few faces with their frames first, and refuse others", group="Files"
    )
    model_dir: Path = opt(
        help="folder of the trained model", kind="model", place="model", group="Files"
    )
    settings: Path | None = opt(
        None,
        help="start with the look of another result: its <result>_convert.json",
        group="Files",
    )
    mask_dir: Path | None = opt(
        None,
        help="occlusion masks, named like the frames; black pixels keep the original footage",
        group="Files",
    )
    mask_model_dir: Path | None = opt(
        None,
        help="folder of a trained mask model, for the mask types that need one (docs/masks.md)",
        kind="mask model",
        place="mask_model",
        group="Files",
    )
    model: str | None = opt(
        None,
        help="refuse a model folder that holds another model",
        choices=MODELS.about,
        group="Files",
    )
    expression_gain: float = opt(
        0.0,
        help="movement of mouth and lids, with an expression head (1: as trained, 0: automatic)",
        low=0,
        high=2,
        seldom=True,
        group="Files",
        zero="automatic",
    )
    overwrite: bool = opt(
        False,
        help="start over: replace a video, move a folder's images to <folder>_trash",
        group="Files",
    )
    from_: str | None = opt(
        None,
        help="first frame: a number counted from 0, or a time such as 12.5s or 1:02:03.5",
        group="Output",
    )
    to: str | None = opt(
        None, help="last frame number (inclusive), or end time (exclusive)", group="Output"
    )
    rate: float = opt(
        25.0,
        help="frames per second of a video made from a folder; 29.97 means 30000/1001",
        low=1,
        high=1000,
        group="Output",
    )
    image_format: str = opt(
        "png",
        help="format of the images in a folder; png is lossless",
        choices=("png", "jpg"),
        group="Output",
    )
    provenance: bool = opt(
        True,
        help="mark the result as synthetic and sign it (docs/provenance.md)",
        group="Output",
    )
    mask_output: Path | None = opt(
        None,
        help="also write the blending masks: to a folder, or a video if the result is one",
        group="Output",
    )
    interactive: bool = opt(
        False,
        help="choose the look in a window, per frame if needed (docs/interactive.md)",
        group="Session",
    )
    remote: bool = opt(
        False,
        help="--interactive for other programs: JSON lines in place of a window",
        group="Session",
    )
    session: Path | None = opt(
        None,
        help="session file of --interactive (default: <output>.session.json, if it exists)",
        group="Session",
    )
    use_session: bool = opt(
        True, help="use the session file if there is one, instead of the look", group="Session"
    )
    batch_size: int = opt(
        8, help="faces the model predicts at once", low=1, high=256, group="Device"
    )


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(Look, EncoderOptions, FileOptions):
    """Options of `convert`."""

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the look of `--settings`, or of an earlier run into `--output-dir`, or None."""
        path = given.get("settings")
        if path is None and "output_dir" in given:
            path = settings_file(given["output_dir"])
            path = path if path.exists() else None
        return None if path is None else load_look(path)

    @classmethod
    def asks_nothing(cls, given: Mapping[str, Any]) -> bool:
        """Whether there is nothing to ask: a window or session has the looks, or it is a part."""
        if given.get("interactive") or given.get("part") or given.get("ray"):
            return True
        session = given.get("session")
        if session is None and "output_dir" in given:
            session = session_path(given["output_dir"])
        return bool(given.get("use_session", True) and session and session.exists())

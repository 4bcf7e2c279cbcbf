"""Options of `convert`. Light: `--help` imports nothing else."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.look import Look, load_look, settings_file
from models import MODELS
from utils.options import DeviceOptions, opt
from utils.video import timecode
from utils.video.options import EncoderOptions


@dataclass(frozen=True, kw_only=True)
class Footage(DeviceOptions):
    """What `convert` reads and writes."""

    input_dir: Path = opt(help="the footage of dst: a folder of frames or a video", group="Files")
    output_dir: Path = opt(
        help="where the result goes: a folder, or a video such as result.mp4", group="Files"
    )
    aligned_dir: Path = opt(
        help="the faces extracted from that footage; a face that is missing there is left as it is",
        group="Files",
    )
    model_dir: Path = opt(help="the trained model", group="Files")
    settings: Path | None = opt(
        None, help="begin with the look of another result, its <result>_convert.json (default: "
        "that of an earlier run into this place)", group="Files",
    )  # fmt: skip
    mask_dir: Path | None = opt(
        None, help="pictures of the frames' size and names: where they are black, something is "
        "before the face and the footage is kept; a frame without one is all white",
        group="Files",
    )  # fmt: skip
    model: str | None = opt(
        None, help="refuse a model folder that holds another model", choices=MODELS.names,
        group="Files",
    )  # fmt: skip
    overwrite: bool = opt(
        False,
        help="start anew: replace an existing video; move what is in an existing folder to "
        "<folder>_trash. Without it a folder is continued. An unfinished video is always continued "
        "if it is the same run",
        group="Files",
    )
    from_: str | None = opt(
        None, help=f"where to begin: {timecode.HELP}", group="Output",
    )  # fmt: skip
    to: str | None = opt(
        None, help="where to end: the last frame's number, or the time that is not shown any more",
        group="Output",
    )  # fmt: skip
    rate: float = opt(
        25.0, help="frames per second when a folder of frames becomes a video; 29.97 and the like "
        "mean 30000/1001", low=1, high=1000, group="Output",
    )  # fmt: skip
    image_format: str = opt(
        "png", help="what pictures in a folder are written as; png loses nothing",
        choices=("png", "jpg"), group="Output",
    )  # fmt: skip
    provenance: bool = opt(
        True, help="mark the result as synthetic and sign it (docs/provenance.md); the log of the "
        "run says if this was switched off", group="Output",
    )  # fmt: skip
    mask_output: Path | None = opt(
        None, help="write the masks the faces were blended with as well: a folder, or a video if "
        "the result is one", group="Output",
    )  # fmt: skip
    interactive: bool = opt(
        False, help="choose the look in a window, frame by frame if need be, before everything is "
        "rendered (docs/interactive.md)", group="SavedSession",
    )  # fmt: skip
    session: Path | None = opt(
        None, help="render with the settings per frame that --interactive has kept in this file; "
        "default: <output>.session.json, if it exists", group="SavedSession",
    )  # fmt: skip
    use_session: bool = opt(
        True, help="use a session if there is one; without it the look's flags count",
        group="SavedSession",
    )  # fmt: skip
    batch_size: int = opt(
        8, help="faces the model predicts at once", low=1, high=256, group="Device"
    )


@dataclass(frozen=True, kw_only=True)
class ConvertOptions(Look, EncoderOptions, Footage):
    """Options of `convert`."""

    @classmethod
    def saved(cls, given: Mapping[str, Any]) -> Mapping[str, Any] | None:
        """Return the look of `--settings`, or of an earlier run into `--output-dir`, or None."""
        path = given.get("settings")
        if path is None and "output_dir" in given:
            path = settings_file(given["output_dir"])
            path = path if path.exists() else None
        return None if path is None else load_look(path)

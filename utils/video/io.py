"""Reading and writing footage: folders of images, and videos with exact timestamps.

with open_sink(Path("result.mp4"), source := open_source(Path("clip.mov"))) as sink:
    for frame in source:
        sink.write(frame)
"""

from dataclasses import replace
from pathlib import Path

from utils.errors import InputError
from utils.video.codecs import EncoderSettings
from utils.video.decoder import VideoSource
from utils.video.frame import WHOLE, Frame, Span
from utils.video.sink import FolderSink, FrameSink, VideoSink, open_sink
from utils.video.source import FolderSource, FrameSource
from utils.video.timestamps import aspect_beside

__all__ = [
    "WHOLE",
    "EncoderSettings",
    "FolderSink",
    "FolderSource",
    "Frame",
    "FrameSink",
    "FrameSource",
    "Span",
    "VideoSink",
    "VideoSource",
    "open_sink",
    "open_source",
]


def open_source(path: Path, *, square_pixels: bool = False) -> FrameSource:
    """Open a folder of images or a video file.

    With `square_pixels`, images of anamorphic footage are enlarged. A folder is anamorphic if the
    `timestamps.json` in it says so.

    Raises
    ------
    InputError
        If `path` does not exist, or no image can be read from it.
    """
    if not path.exists():
        raise InputError(f'there is no file or folder "{path}"')
    source: FrameSource
    if path.is_dir():
        source = FolderSource(path)
        source.video_format = replace(source.video_format, aspect=aspect_beside(path))
    else:
        source = VideoSource(path)
    source.square_pixels = square_pixels
    return source

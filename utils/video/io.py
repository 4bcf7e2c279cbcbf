"""Reading and writing footage: folders of images, and videos with exact timestamps.

with open_sink(Path("result.mp4"), source := open_source(Path("clip.mov"))) as sink:
    for frame in source:
        sink.write(frame)
"""

from pathlib import Path

from utils.errors import InputError
from utils.video.codecs import EncoderSettings
from utils.video.decoder import VideoSource
from utils.video.frame import WHOLE, Frame, Span
from utils.video.sink import FolderSink, FrameSink, VideoSink, open_sink
from utils.video.source import FolderSource, FrameSource

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


def open_source(path: Path) -> FrameSource:
    """Open a folder of images or a video file.

    Raises
    ------
    InputError
        If `path` does not exist, or no image can be read from it.
    """
    if not path.exists():
        raise InputError(f'there is no file or folder "{path}"')
    return FolderSource(path) if path.is_dir() else VideoSource(path)

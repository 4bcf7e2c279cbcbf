"""Writing footage: a folder of images, or a video with the source's timestamps and sound."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

from av.codec.context import Flags
from av.video.reformatter import ColorRange

from utils.errors import InputError, UsageError
from utils.files import VIDEO_SUFFIXES, write_bytes, write_result
from utils.images import Image, encode_image
from utils.video.audio import AudioCopy, Sound
from utils.video.av_types import Packet
from utils.video.codecs import AUDIO_CODECS, MATROSKA, EncoderSettings, container_of
from utils.video.color import FromBgr, usual_color
from utils.video.container import (
    DEFAULT_RATE,
    Finish,
    aspect_notes,
    completing,
    finishing,
    open_container,
    time_base_of,
    writing,
)
from utils.video.fields import FrameMarks
from utils.video.frame import Frame
from utils.video.matrices import RGB
from utils.video.source import FrameSource


class FrameSink(AbstractContextManager["FrameSink", None]):
    """Takes frames in order; a file gets its final name only once it is complete.

        with open_sink(path, source) as sink:
            sink.write(frame)

    Attributes
    ----------
    path : Path
        The folder or file.
    notes : list of str
        Sentences about what could not be preserved, such as a sound track.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: list[str] = []

    @abstractmethod
    def write(self, frame: Frame) -> None:
        """Write one frame; after an InputError others can follow, after other errors none."""


def open_sink(
    path: Path,
    source: FrameSource,
    *,
    tags: Mapping[str, str] | None = None,
    mark: Callable[[bytes], bytes] | None = None,
    encoder: EncoderSettings | None = None,
    rate: Fraction | None = None,
) -> FrameSink:
    """Return a sink: a video if `path` has the suffix of one, else a folder.

    Parameters
    ----------
    source : FrameSource
        Source of the frames; a video provides time base, colors and sound.
    tags : mapping of str to str
        Container tags of a video.
    mark : callable
        Applied to the bytes of each image file.
    encoder : EncoderSettings
        Default: H.264.
    rate : Fraction
        Frames per second where frames have no timestamp (default: the source's, else 25).

    Raises
    ------
    UserError
        If the container cannot hold the codec, or `path` is the source.
    """
    if path.resolve() == source.path.resolve():
        raise UsageError(f'"{path}" is also the input; name another output')
    if path.suffix.lower() not in VIDEO_SUFFIXES:
        return FolderSink(path, mark)
    sound = Sound.of(source, codec=encoder.audio_codec if encoder else AUDIO_CODECS[0])
    return VideoSink(path, source, tags=tags, encoder=encoder, rate=rate, sound=sound)


class FolderSink(FrameSink):
    """Writes `<stem of the frame's name>.png` (or .jpg); thread-safe."""

    def __init__(
        self,
        path: Path,
        mark: Callable[[bytes], bytes] | None = None,
        suffix: str = ".png",
        quality: int = 95,
    ) -> None:
        super().__init__(path)
        self._mark, self._suffix, self._quality = mark, suffix, quality

    def __enter__(self) -> Self:
        with writing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        return self

    def write(self, frame: Frame) -> None:
        """Write one image, (H, W, 3 or 4) uint8 or uint16, and flush it to the disk."""
        image = frame.image
        if frame.image16 is not None and self._suffix == ".png":
            image = frame.image16
        data = encode_image(image, self._suffix, self._quality)
        file = self.file_of(frame.name)
        with writing(file):
            write_bytes(file, self._mark(data) if self._mark else data)

    def file_of(self, name: str) -> Path:
        """Return the path of a frame's file."""
        return self.path / f"{Path(name).stem}{self._suffix}"

    def __exit__(self, *_: object) -> None:
        pass


class VideoSink(FrameSink):
    """Writes a video with the frames' timestamps, interleaved with sound.

    The first frame determines size and alpha. Frames come in order, from one thread at a time.
    Sound is copied (see `AudioCopy`); subtitles, data streams and the source's tags, which may name
    a place or a person, are not. `finish` gets the complete file before it is renamed, and returns
    notes.
    """

    def __init__(
        self,
        path: Path,
        source: FrameSource,
        *,
        tags: Mapping[str, str] | None = None,
        encoder: EncoderSettings | None = None,
        rate: Fraction | None = None,
        sound: Sound | None = None,
        finish: Finish | None = None,
    ) -> None:
        super().__init__(path)
        self._source, self._tags, self._encoder = source, tags or {}, encoder or EncoderSettings()
        self._container = container_of(path.suffix, self._encoder, path.name)
        self._rate = Fraction(rate or source.rate or DEFAULT_RATE)
        self._time_base = time_base_of(source, self._rate)
        self._sound, self._finish = sound, finish
        self._size: tuple[int, int] | None = None
        self._last: int | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack, writing(self.path):
            temporary = stack.enter_context(write_result(self.path))
            stack.push(finishing(self._finish, temporary, self.notes))
            self._output = open_container(temporary, self._container, self._time_base)
            self._audio = AudioCopy(self._output)
            stack.push(completing(self._output, self.path, self._audio.names))
            self._output.metadata.update(self._tags)
            kind = self._encoder.kind
            self._video = self._output.add_stream(
                kind.encoder, rate=self._rate, options=self._encoder.options
            )
            if kind.tag and self._container != MATROSKA:
                self._video.codec_context.codec_tag = kind.tag
            if self._sound:
                heard = stack.enter_context(self._sound.open())
                self._audio.take(heard, self._sound, self.notes)
            self._stack = stack.pop_all()
        return self

    def write(self, frame: Frame) -> None:
        """Write one frame, with 16 bits and alpha if both the frame and the codec have them.

        Raises
        ------
        InputError
            If its size differs from the first frame's; others can still be written.
        UserError
            If nothing more can be written.
        """
        image = self._image(frame)
        height, width = image.shape[:2]
        with writing(self.path):
            if self._size is None:
                self._start(width, height, image.shape[2] == 4)
            elif (width, height) != self._size:
                was = "{} x {}".format(*self._size)
                raise InputError(f'"{frame.name}" is {width} x {height}, but the video is {was}')
            av_frame = self._from_bgr(image)
            av_frame.pts, av_frame.time_base = self._pts(frame), self._time_base
            if frame.duration is not None:
                av_frame.duration = round(frame.duration / self._time_base)
            self._mux(self._video.encode(self._marked(av_frame)))

    def _image(self, frame: Frame) -> Image:
        image = frame.image
        if self._encoder.high_bit_depth and frame.image16 is not None:
            image = frame.image16
        return image if self._encoder.kind.has_alpha else image[..., :3]

    def _start(self, width: int, height: int, alpha: bool) -> None:
        video_format, context = self._source.video_format, self._video.codec_context
        matrix, primaries, transfer = video_format.color or usual_color(width, height)
        pixels = self._encoder.kind.pixels(self._encoder.high_bit_depth, alpha)
        self._size = width, height
        self._from_bgr = FromBgr(matrix, pixels)
        context.width, context.height = self._from_bgr.size(width, height)
        context.pix_fmt = pixels
        context.time_base = self._video.time_base = self._time_base
        context.flags |= Flags.frame_duration.value  # or the last frame gets no duration
        context.color_primaries, context.color_trc = primaries, transfer
        if self._from_bgr.is_rgb:
            context.color_range, context.colorspace = ColorRange.JPEG, RGB
        else:
            context.color_range, context.colorspace = ColorRange.MPEG, matrix
        if video_format.aspect:
            context.sample_aspect_ratio = video_format.aspect
        fields = self._encoder.kind.fields
        self._marked = FrameMarks(context, video_format.top_field_first, fields)
        self.notes += self._marked.notes
        self.notes += aspect_notes(self._container, context.name, video_format.aspect)

    def _pts(self, frame: Frame) -> int:
        time = frame.time
        if time is None:
            time = self._source.place(frame.index) / self._rate
        pts = round(time / self._time_base)
        self._last = pts if self._last is None else max(pts, self._last + 1)
        return self._last

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            self._audio.until(packet.dts * packet.time_base)
            self._output.mux(packet)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with writing(self.path), self._stack:
            if self._size is None:
                raise InputError(f'"{self.path}" was not written: there was no frame to write')
            self._mux(self._video.encode(None))
            self._audio.rest()

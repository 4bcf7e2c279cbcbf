"""The ways of coding a video that results can be written in. Light: options read it."""

from dataclasses import dataclass, field

from utils.errors import UsageError

MP4, MOV, MATROSKA = "mp4", "mov", "matroska"
CONTAINERS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MATROSKA}
"""Where videos with free timestamps can go, as FFmpeg names it."""


@dataclass(frozen=True)
class Codec:
    """One way of coding pictures.

    Attributes
    ----------
    encoder : FFmpeg's name of it
    containers : what can hold it; the first one also holds unfinished parts
    plain, deep : pixel formats for 8 and for more bits a channel; None if there is none
    plain_alpha, deep_alpha : the same with an alpha channel
    lossy : whether `crf` and `preset` mean something
    options : FFmpeg's, always given
    tag : four letters by which players of MP4 and MOV know it, where FFmpeg's own choice is poor
    """

    encoder: str
    containers: tuple[str, ...]
    plain: str | None
    deep: str | None
    plain_alpha: str | None = None
    deep_alpha: str | None = None
    lossy: bool = False
    options: dict[str, str] = field(default_factory=dict)
    tag: str | None = None

    @property
    def has_alpha(self) -> bool:
        """Whether it can hold an alpha channel."""
        return bool(self.plain_alpha or self.deep_alpha)

    def pixels(self, deep: bool, alpha: bool) -> str:
        """Return the pixel format, the other depth's if there is no such one."""
        few, many = (self.plain_alpha, self.deep_alpha) if alpha else (self.plain, self.deep)
        found = (many or few) if deep else (few or many)
        if found is None:
            raise ValueError(f"{self.encoder} has no alpha channel")
        return found


CODECS = {
    "h264": Codec("libx264", (MP4, MOV, MATROSKA), "yuv420p", "yuv420p10le", lossy=True),
    "h265": Codec(
        "libx265", (MP4, MOV, MATROSKA), "yuv420p", "yuv420p10le", lossy=True,
        options={"x265-params": "log-level=none"}, tag="hvc1",
    ),
    "prores": Codec(
        "prores_ks", (MOV, MATROSKA), None, "yuv444p10le", None, "yuva444p10le",
        options={"profile": "4444", "vendor": "apl0"},
    ),
    "ffv1": Codec(
        "ffv1", (MP4, MATROSKA), "bgr0", "rgb48le", "bgra", "rgba64le",
        options={"level": "3", "slices": "12", "slicecrc": "1", "g": "1"},
    ),
    "png": Codec("png", (MOV,), "rgb24", "rgb48be", "rgba", "rgba64be"),
}  # fmt: skip
PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
           "veryslow")  # fmt: skip
DEPTHS = ("auto", "8", "10")


@dataclass(frozen=True)
class EncoderSettings:
    """How a video is coded.

    Attributes
    ----------
    codec : a key of `CODECS`
    crf : quality where it is lossy, 0 lossless .. 51 bad; 18 looks like the original
    preset : one of `PRESETS`: slower ones make smaller files
    deep : whether there are more than 8 bits a channel
    """

    codec: str = "h264"
    crf: int = 18
    preset: str = "faster"
    deep: bool = False

    @property
    def kind(self) -> Codec:
        """The entry of `CODECS`."""
        return CODECS[self.codec]

    @property
    def options(self) -> dict[str, str]:
        """FFmpeg's options."""
        chosen = {"crf": str(self.crf), "preset": self.preset} if self.kind.lossy else {}
        return self.kind.options | chosen


def container_of(suffix: str, encoder: EncoderSettings, name: str) -> str:
    """Return FFmpeg's name of the container for a suffix; `name` is the file's, for messages.

    Raises
    ------
    UsageError
        If it has no free timestamps, or cannot hold the codec.
    """
    container = CONTAINERS.get(suffix.lower())
    if container is None:
        raise UsageError(f"a video is written as one of: {', '.join(CONTAINERS)}. Received: {name}")
    if container not in encoder.kind.containers:
        fitting = [s for s, kind in CONTAINERS.items() if kind in encoder.kind.containers]
        raise UsageError(
            f"codec {encoder.codec} goes into one of: {', '.join(fitting)}. Received: {name}"
        )
    return container

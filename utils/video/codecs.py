"""The codecs that results can be written with. Imports nothing heavy: options need it."""

from dataclasses import dataclass, field

from utils.errors import UsageError

MP4, MOV, MATROSKA = "mp4", "mov", "matroska"
CONTAINERS = {".mp4": MP4, ".m4v": MP4, ".mov": MOV, ".mkv": MATROSKA}
"""Suffix -> FFmpeg's name of a container that can hold arbitrary timestamps."""


@dataclass(frozen=True)
class Codec:
    """One video codec.

    Attributes
    ----------
    encoder : str
        FFmpeg's name of the encoder.
    containers : tuple of str
        Containers that can hold it; the first is used for unfinished parts.
    standard, high : str or None
        Pixel formats for 8 and for more bits per channel.
    standard_alpha, high_alpha : str or None
        The same with an alpha channel.
    lossy : bool
        Whether `crf` and `preset` apply.
    options : dict of str to str
        FFmpeg options, always passed.
    tag : str or None
        FourCC for MP4 and MOV where players need another than FFmpeg's default.
    fields : str or None
        How interlaced frames are kept: "coded" as fields, or "marked" only; None: not at all.
    """

    encoder: str
    containers: tuple[str, ...]
    standard: str | None
    high: str | None
    standard_alpha: str | None = None
    high_alpha: str | None = None
    lossy: bool = False
    options: dict[str, str] = field(default_factory=dict)
    tag: str | None = None
    fields: str | None = "marked"

    @property
    def has_alpha(self) -> bool:
        """Whether it can hold an alpha channel."""
        return bool(self.standard_alpha or self.high_alpha)

    def pixels(self, high_bit_depth: bool, alpha: bool) -> str:
        """Return the pixel format, of the other depth if this one is not supported."""
        few, many = (self.standard_alpha, self.high_alpha) if alpha else (self.standard, self.high)
        found = (many or few) if high_bit_depth else (few or many)
        if found is None:
            raise ValueError(f"{self.encoder} has no alpha channel")
        return found


CODECS = {
    "h264": Codec(
        "libx264", (MP4, MOV, MATROSKA), "yuv420p", "yuv420p10le", lossy=True, fields="coded"
    ),
    "h265": Codec(
        "libx265",
        (MP4, MOV, MATROSKA),
        "yuv420p",
        "yuv420p10le",
        lossy=True,
        options={"x265-params": "log-level=none"},
        tag="hvc1",
        fields=None,
    ),
    "prores": Codec(
        "prores_ks",
        (MOV, MATROSKA),
        standard=None,
        high="yuv444p10le",
        high_alpha="yuva444p10le",
        options={"profile": "4444", "vendor": "apl0"},
        fields="coded",
    ),
    "ffv1": Codec(
        "ffv1",
        (MP4, MATROSKA),
        "bgr0",
        "rgb48le",
        "bgra",
        "rgba64le",
        options={"level": "3", "slices": "12", "slicecrc": "1", "g": "1"},
    ),
    "png": Codec("png", (MOV,), "rgb24", "rgb48be", "rgba", "rgba64be"),
}
FASTER_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast")
PRESETS = (*FASTER_PRESETS, "medium", "slow", "slower", "veryslow")
DEPTHS = ("auto", "8", "10")
AUDIO_CODECS = ("aac", "alac")
"""Encoders for sound that the container cannot hold, the default first."""


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of the video encoder.

    Attributes
    ----------
    codec : str
        A key of `CODECS`.
    crf : int
        Quality of lossy codecs: 0 lossless .. 51 worst; 18 is visually lossless.
    preset : str
        One of `PRESETS`; slower ones make smaller files.
    high_bit_depth : bool
        Whether to write more than 8 bits per channel.
    audio_codec : str
        One of `AUDIO_CODECS`.
    """

    codec: str = "h264"
    crf: int = 18
    preset: str = "faster"
    high_bit_depth: bool = False
    audio_codec: str = AUDIO_CODECS[0]

    @property
    def kind(self) -> Codec:
        """The entry of `CODECS`."""
        return CODECS[self.codec]

    @property
    def options(self) -> dict[str, str]:
        """The FFmpeg options."""
        chosen = {"crf": str(self.crf), "preset": self.preset} if self.kind.lossy else {}
        return self.kind.options | chosen


def container_of(suffix: str, encoder: EncoderSettings, name: str) -> str:
    """Return FFmpeg's name of the container for a suffix; `name` is the file's, for messages.

    Raises
    ------
    UsageError
        If it cannot hold arbitrary timestamps, or the codec.
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

"""Options of every command that writes a video. Imports nothing heavy: `--help` needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from utils.options import opt
from utils.stage_options import StageOptions
from utils.video.codecs import AUDIO_CODECS, CODECS, DEPTHS, PRESETS, EncoderSettings

if TYPE_CHECKING:
    from utils.video.frame import VideoFormat
    from utils.video.source import FrameSource


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(StageOptions):
    """Options of the video encoder."""

    codec: str = opt(
        "h264",
        help="video codec; h264 plays everywhere, prores, ffv1 and png keep alpha",
        choices=tuple(CODECS),
        group="Output",
    )
    crf: int = opt(
        18,
        help="quality of h264 and h265: 0 is lossless, 18 visually lossless, 28 small",
        low=0,
        high=51,
        group="Output",
    )
    preset: str = opt(
        "faster",
        help="speed of h264 and h265: slower presets make smaller files",
        choices=PRESETS,
        group="Output",
    )
    bit_depth: str = opt(
        "auto",
        help="bits per channel; auto: 10 for footage of more than 8, unless the codec is h264",
        choices=DEPTHS,
        group="Output",
    )
    audio_codec: str = opt(
        AUDIO_CODECS[0],
        help="codec for sound that the container cannot hold; alac is lossless up to 24 bits",
        choices=AUDIO_CODECS,
        group="Output",
    )


def keeps_16_bit_images(options: EncoderOptions, source: FrameSource) -> bool:
    """Whether images have 16 bits: those of images as they had, a video's only if asked for."""
    wanted = options.bit_depth == "10" or (options.bit_depth == "auto" and not source.is_video)
    return wanted and source.video_format.depth > 8


def encoder_for(
    options: EncoderOptions, video_format: VideoFormat, notes: list[str]
) -> EncoderSettings:
    """Return the encoder settings; add notes about what they lose of the footage."""
    high = video_format.depth > 8 and options.codec != "h264"
    if options.bit_depth != "auto":
        high = options.bit_depth != "8"
    if video_format.depth > 8 and not high:
        notes.append(
            f"the footage has {video_format.depth} bits per channel, the result 8; "
            "--codec h265 keeps more"
        )
    if video_format.hdr:
        notes.append("the footage is HDR (PQ or HLG); the result is ordinary video (BT.709)")
    return EncoderSettings(options.codec, options.crf, options.preset, high, options.audio_codec)

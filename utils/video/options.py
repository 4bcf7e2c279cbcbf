"""The options of everything that writes a video. Light: `--help` imports nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from utils.options import StageOptions, opt
from utils.video.codecs import CODECS, DEPTHS, PRESETS, EncoderSettings

if TYPE_CHECKING:
    from utils.video.frame import VideoFormat


@dataclass(frozen=True, kw_only=True)
class EncoderOptions(StageOptions):
    """How a video is coded."""

    codec: str = opt(
        "h264", help="how a video is coded: h264 plays everywhere; h265 is smaller and keeps 10 "
        "bits; prores (.mov, 10 bits), ffv1 (.mkv, .mp4) and png (.mov) are for further work and "
        "keep an alpha channel; the last two lose nothing", choices=CODECS, group="Output",
    )  # fmt: skip
    crf: int = opt(
        18, help="quality of h264 and h265: 0 is the best, 18 looks like the source, 28 is small",
        low=0, high=51, group="Output",
    )  # fmt: skip
    preset: str = opt(
        "faster", help="effort of h264 and h265: slower makes smaller files",
        choices=PRESETS, group="Output",
    )  # fmt: skip
    bit_depth: str = opt(
        "auto", help="bits a channel of the result; auto: 10 if the footage has more than 8 and "
        "the codec is not h264, of which few players show 10", choices=DEPTHS, group="Output",
    )  # fmt: skip


def encoder_for(
    options: EncoderOptions, video_format: VideoFormat, notes: list[str]
) -> EncoderSettings:
    """Return how the video is to be coded; what that costs the footage is remarked on."""
    deep = video_format.depth > 8 and options.codec != "h264"
    if options.bit_depth != "auto":
        deep = options.bit_depth != "8"
    if video_format.depth > 8 and not deep:
        notes.append(
            f"the footage has {video_format.depth} bits a channel, the result 8; "
            "--codec h265 keeps more"
        )
    if video_format.hdr:
        notes.append("the footage is HDR (PQ or HLG); the result is ordinary video (BT.709)")
    return EncoderSettings(options.codec, options.crf, options.preset, deep)

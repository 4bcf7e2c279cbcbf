"""What the options of SAEHD and AMP have in common."""

from dataclasses import dataclass

from facelib.types import FaceType
from models.critics import GanOptions
from utils.options import opt

# face type, and the mask's erosion and blur in percent
FACE_TYPES = {
    "half": (FaceType.HALF_2020, 100, 100),
    "mid": (FaceType.MID_FULL, 70, 50),
    "full": (FaceType.FULL_2020, 40, 10),
    "whole": (FaceType.WHOLE, 40, 10),
    "head": (FaceType.HEAD, 40, 10),
}
LARGEST_SIDE = 640


def side_option(default: int, step: int) -> int:
    """Declare the option `resolution`."""
    return opt(
        default,
        help="side of the faces in pixels; larger needs more memory and time",
        low=64,
        high=LARGEST_SIDE,
        step=step,
        group="Model",
        ask=True,
        fixed=True,
    )


def face_option(default: str) -> str:
    """Declare the option `face_type`."""
    return opt(
        default,
        help="how much of the head is swapped",
        choices=tuple(FACE_TYPES),
        group="Model",
        ask=True,
        fixed=True,
    )


def channels_option(default: int, help: str) -> int:
    """Declare an option that says how many channels the layers of a network have."""
    return opt(default, help=help, low=16, high=256, step=2, group="Model", fixed=True, seldom=True)


@dataclass(frozen=True, kw_only=True)
class HdOptions(GanOptions):
    """Options of a model whose layers are those of 2020."""

    resolution: int = side_option(128, step=16)
    face_type: str = face_option("full")
    e_dims: int = channels_option(64, "channels of the encoder; more see more features")
    d_dims: int = channels_option(64, "channels of the decoders; more draw finer detail")
    d_mask_dims: int = channels_option(
        22, "channels of the decoders for the mask; a third of d-dims is enough for hulls"
    )

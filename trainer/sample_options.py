"""Options of `train` about samples, and about what is saved and shown."""

import dataclasses

from facelib.color_transfer import COLORS, FIRST_COLORS
from utils.options import opt

SAMPLES, OUTPUT = "Samples", "Saving and preview"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """What the network is shown."""

    random_flip: bool = opt(
        True,
        help="mirror faces at random; not needed if src looks in every direction of dst",
        group=SAMPLES,
        seldom=True,
    )
    sort_by_yaw: bool = opt(
        False, help="pair each dst face with a src face of similar yaw", group=SAMPLES, seldom=True
    )
    src_scale: int = opt(
        0,
        help="enlarge src faces by so many percent; negative if src's face is wider than dst's",
        low=-30,
        high=30,
        group=SAMPLES,
        seldom=True,
    )
    input_jitter: float = opt(
        0.0,
        help="vary color and sharpness of what goes in, not of the target; 0.15 is usual (0: off)",
        low=0,
        high=1,
        seldom=True,
        group=SAMPLES,
        zero="off",
    )
    train_color_transfer: str = opt(
        "none",
        help="show src in colors of random dst faces, by a random part of the way",
        choices={"none": "leave the colors as they are"} | COLORS.about,
        more=FIRST_COLORS,
        seldom=True,
        group=SAMPLES,
    )
    blur_out_mask: bool = opt(
        False,
        help="blur the target outside of the face, so that nothing of it has to be learned",
        seldom=True,
        group=SAMPLES,
    )
    uniform_pose: bool = opt(
        False,
        help="show faces in rare directions more often",
        seldom=True,
        group=SAMPLES,
    )
    uniform_expression: bool = opt(
        False,
        help="show rare expressions, such as shut eyes or an open mouth, more often",
        seldom=True,
        group=SAMPLES,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputOptions:
    """What is saved, drawn and measured, and how often."""

    save_minutes: float = opt(
        10.0, help="minutes between two saves", low=0.001, seldom=True, live=True, group=OUTPUT
    )
    keep: int = opt(
        3, help="number of saved generations to keep", low=1, seldom=True, live=True, group=OUTPUT
    )
    preview: bool = opt(
        True, help="show a window with faces and losses, if there is a display", group=OUTPUT
    )
    preview_minutes: float = opt(
        1.0,
        help="minutes between two previews, in the window and as preview.png (0: none)",
        low=0,
        live=True,
        group=OUTPUT,
        zero="never",
    )
    preview_history: bool = opt(
        False,
        help="keep every preview in <model dir>/preview_history",
        live=True,
        group=OUTPUT,
        seldom=True,
    )
    tensorboard: bool = opt(
        False,
        help="write losses, metrics and previews for TensorBoard into <model dir>/tensorboard",
        seldom=True,
        group=OUTPUT,
    )
    measure_minutes: float = opt(
        5.0,
        help="minutes between two validations on held-out faces, for progress.csv (0: none)",
        low=0,
        seldom=True,
        group=OUTPUT,
        zero="never",
    )

"""Which faces a run trains on, which it holds out, and the samplers of both."""

from collections.abc import Sequence
from typing import NamedTuple

from facelib.faceset import Faceset
from facelib.held_out import HeldOut
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.data.yaw_matching import YawMatcher

SRC, DST = 0, 1


class Samplers(NamedTuple):
    """The samplers of a run; those of held-out faces are None where there are no such faces."""

    src: Sampler
    dst: Sampler
    src_held_out: Sampler | None
    dst_held_out: Sampler | None


def make_samplers(
    src: Faceset,
    dst: Faceset,
    held_out: Sequence[HeldOut],
    settings: SamplerSettings,
    seed: int,
    *,
    src_scale: float = 0.0,
    sort_by_yaw: bool = False,
) -> Samplers:
    """Split both facesets into training and held-out faces and make their samplers.

    Parameters
    ----------
    held_out : sequence of HeldOut
        What is held out of src and of dst.
    src_scale : float
        Added to the scale of src samples, such as -0.05 for faces 5 % smaller.
    sort_by_yaw : bool
        Whether each dst sample gets a src face of similar yaw, however often dst shows that yaw.
    """
    (src_faces, src_held_out), (dst_faces, dst_held_out) = (
        rule.split(faces) for rule, faces in zip(held_out, (src, dst), strict=True)
    )
    src_settings = settings._replace(scale_shift=src_scale)
    src_seed, dst_seed = (seed, SRC), (seed, DST)
    dst_sampler = Sampler(dst_faces, settings, dst_seed)
    picks = YawMatcher(src_faces, dst_sampler, src_seed) if sort_by_yaw else None
    return Samplers(
        Sampler(src_faces, src_settings, src_seed, picks=picks, partners=dst_sampler),
        dst_sampler,
        Sampler(src_held_out, src_settings, src_seed) if src_held_out else None,
        Sampler(dst_held_out, settings, dst_seed) if dst_held_out else None,
    )

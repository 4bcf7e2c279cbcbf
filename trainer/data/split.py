"""Which faces a run trains on, which it keeps out, and how samples are made of them."""

from typing import NamedTuple

from facelib.faceset import FaceFiles, Faceset, held_out
from trainer.data.sampler import Sampler, Settings
from trainer.data.yaw_matching import YawMatcher
from trainer.session import TrainingSession

HOLD_OUT_FROM = 20  # faces; fewer are all trained on
SRC, DST = 0, 1


class Sides(NamedTuple):
    """The samplers of a run; those of the faces that are kept out are None where there are none."""

    src: Sampler
    dst: Sampler
    src_kept_out: Sampler | None
    dst_kept_out: Sampler | None


def sides_of(session: TrainingSession, src: Faceset, dst: Faceset) -> Sides:
    """Divide both facesets into what is trained on and what is kept out, and sample them."""
    (src_faces, src_rest), (dst_faces, dst_rest) = divide(src), divide(dst)
    src_seed, dst_seed = (session.seed, SRC), (session.seed, DST)
    dst_sampler = Sampler(dst_faces, settings(session, DST), dst_seed)
    picks = YawMatcher(src_faces, dst_sampler, src_seed) if session.options.sort_by_yaw else None
    return Sides(
        Sampler(src_faces, settings(session, SRC), src_seed, picks=picks),
        dst_sampler,
        Sampler(src_rest, settings(session, SRC), src_seed) if src_rest else None,
        Sampler(dst_rest, settings(session, DST), dst_seed) if dst_rest else None,
    )


def divide(faceset: Faceset) -> tuple[FaceFiles, FaceFiles]:
    """Return the faces that are trained on and those that are not: none when there are few."""
    if len(faceset) < HOLD_OUT_FROM:
        return faceset, []
    rest = [face for face in faceset if held_out(face[1])]
    return [face for face in faceset if not held_out(face[1])], rest


def settings(session: TrainingSession, side: int) -> Settings:
    """Return what samples the model wants of src or dst."""
    options, model = session.options, session.model
    return Settings(
        model.face_type,
        model.resolution,
        options.random_flip,
        options.src_scale / 100 if side == SRC else 0.0,
        options.debug,
    )

"""Which faces a run trains on, which it keeps out, and how samples are made of them."""

from facelib.faceset import Faceset, held_out
from trainer.pairing import LikeYaw
from trainer.sampler import Faces, Sampler, Settings
from trainer.session import Session

HOLD_OUT_FROM = 20  # faces; fewer are all trained on
SRC, DST = 0, 1


def samplers(session: Session, src: Faceset, dst: Faceset) -> tuple[Sampler, Sampler]:
    """Return the samplers of src and dst for training."""
    options = session.options
    dst_sampler = Sampler(trained_on(dst), settings(session, DST), (session.seed, DST))
    faces = trained_on(src)
    like_yaw = LikeYaw(faces, dst_sampler, (session.seed, SRC)) if options.sort_by_yaw else None
    seed = (session.seed, SRC)
    return Sampler(faces, settings(session, SRC), seed, picks=like_yaw), dst_sampler


def trained_on(faceset: Faceset) -> Faces:
    """Return the faces that are trained on: without the held-out ones, unless they are few."""
    if len(faceset) < HOLD_OUT_FROM:
        return faceset
    return [(path, info) for path, info in faceset if not held_out(info)]


def settings(session: Session, side: int) -> Settings:
    """Return what samples the model wants of src or dst."""
    options, model = session.options, session.model
    return Settings(
        model.face_type,
        model.resolution,
        options.random_flip,
        options.src_scale / 100 if side == SRC else 0.0,
        options.debug,
    )

"""The members of a cluster for as long as a training takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from models.engine import engine
from trainer.cluster import hello, local
from trainer.cluster.addresses import parse
from trainer.cluster.group import DONE, FAILED, STOPPED, Group
from trainer.cluster.joining import join
from trainer.options import TrainOptions
from utils.errors import Interrupted, sentence


@contextmanager
def joined(options: TrainOptions) -> Iterator[tuple[TrainOptions, Group | None]]:
    """Connect to the other members, and tell them at the end how it ended.

    Yields
    ------
    options : TrainOptions
        Those of this member.
    group : Group or None
        None when it trains alone.

    Raises
    ------
    UsageError
        If they do not belong together.
    UserError
        If one is missing.
    """
    if options.multi_gpu and not engine().mirrors:
        with local.started(options) as own, _together(own) as group:
            group.local = True
            yield own, group
    elif options.cluster is None:
        yield options, None
    else:
        with _together(options) as group:
            yield options, group


@contextmanager
def _together(options: TrainOptions) -> Iterator[Group]:
    own = hello.about(options)
    group = join(
        parse(options.cluster or ""),
        options.rank or 0,
        own,
        lambda said, name: hello.fault(own, said, name),
    )
    how, why = FAILED, "it was stopped at once"
    try:
        yield group
        how = DONE
    except Interrupted:
        how = STOPPED
        raise
    except Exception as problem:
        why = sentence(problem)
        raise
    finally:
        group.end(how, why)

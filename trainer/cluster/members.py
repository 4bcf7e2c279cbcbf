"""The members of a cluster for as long as a training takes."""

from collections.abc import Iterator
from contextlib import contextmanager

from trainer.cluster import hello
from trainer.cluster.addresses import parse
from trainer.cluster.group import DONE, FAILED, STOPPED, Group
from trainer.cluster.joining import join
from trainer.options import TrainOptions
from utils.errors import Interrupted, sentence


@contextmanager
def joined(options: TrainOptions) -> Iterator[Group | None]:
    """Connect to the other members, and tell them at the end how it ended; None without any.

    Raises
    ------
    UsageError
        If they do not belong together.
    UserError
        If one is missing.
    """
    if options.cluster is None:
        yield None
        return
    own = hello.about(options)
    group = join(
        parse(options.cluster),
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

"""Which generations of a model are kept, as iterations, newest first.

A model that is dying may be saved a few times before that is noticed. So the newest generation that
has proved to be healthy is never removed, however many are saved after it; and while a model is
trained, neither is the oldest of those that still have to prove it, which will take its place.
"""

from collections.abc import Sequence


def kept_while_training(found: Sequence[int], keep: int, healthy: int) -> set[int]:
    """Return what to keep: the newest `keep` and the two named above.

    Parameters
    ----------
    healthy : int
        Generations up to this iteration have proved to be healthy.
    """
    unproven = [iteration for iteration in found if iteration > healthy]
    return {*found[: max(keep, 1)], *_newest_proven(found, healthy), *unproven[-1:]}


def kept_at_the_end(found: Sequence[int], keep: int, healthy: int) -> set[int]:
    """Return what to keep, `keep` at most: the newest, and one that has proved to be healthy."""
    kept = list(found[: max(keep, 1)])
    proven = _newest_proven(found, healthy)
    if len(kept) > 1 and kept[-1] > healthy:
        kept[-1:] = proven or kept[-1:]
    return set(kept)


def dispensable(found: Sequence[int], healthy: int) -> int | None:
    """Return the oldest that may make room on a full disk, None when all are needed."""
    needed = {*found[:1], *_newest_proven(found, healthy)}
    return next((iteration for iteration in reversed(found) if iteration not in needed), None)


def _newest_proven(found: Sequence[int], healthy: int) -> list[int]:
    return [iteration for iteration in found if iteration <= healthy][:1]

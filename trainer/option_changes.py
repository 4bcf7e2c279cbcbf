"""Which options changed at which iteration: recorded in each generation's `state.json`."""

from collections.abc import Mapping
from typing import Any, TypedDict

from utils.options import Option, to_text

MOST = 100
"""Changes that a model remembers, the newest ones."""

Changes = Mapping[str, list[Any]]
"""By name of the option: the value before and the one after, as JSON values."""


class Change(TypedDict):
    """Options that took effect together, with the step after an iteration."""

    iteration: int
    options: dict[str, list[Any]]


def between(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what differs in two records of options; one that only the second has is not known."""
    return {
        name: [before[name], value]
        for name, value in after.items()
        if name in before and before[name] != value
    }


def sound(found: object) -> list[Change]:
    """Return the changes that a file states, without those that are damaged."""
    changes = found if isinstance(found, list) else []
    return [change for change in changes if _is_sound(change)][-MOST:]


def _is_sound(change: object) -> bool:
    if not isinstance(change, dict):
        return False
    iteration, options = change.get("iteration"), change.get("options")
    return (
        type(iteration) is int
        and isinstance(options, dict)
        and all(isinstance(pair, list) and len(pair) == 2 for pair in options.values())
    )


def in_words(changes: Changes, declared: Mapping[str, Option]) -> str:
    """Return what changed: "target iter 20000 (before: no limit)"."""
    return ", ".join(
        f"{name.replace('_', ' ')} {_shown(declared.get(name), after)} "
        f"(before: {_shown(declared.get(name), before)})"
        for name, (before, after) in changes.items()
    )


def _shown(option: Option | None, value: object) -> str:
    """Return a value as text; anyone may have edited the file that has it."""
    if option is None or not isinstance(value, bool | int | float | str | None):
        return to_text(value)
    return option.show(value)

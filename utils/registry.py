"""A registry: name -> where an object lives, and a line of help; it is imported when asked for."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

from utils.errors import UsageError


class Entry(NamedTuple):
    """One plug-in: `target` is "package.module:Object"."""

    target: str
    help: str


class Registry(Mapping[str, Entry]):
    """The plug-ins of one kind, in the order they are listed.

    Parameters
    ----------
    what : str
        What one entry is, for messages: "detector".
    entries : dict of str to (target, help)
        The first entry is the default where a default is needed.
    """

    def __init__(self, what: str, entries: Mapping[str, tuple[str, str]]) -> None:
        self.what = what
        self._entries = {name: Entry(*entry) for name, entry in entries.items()}

    def __getitem__(self, name: str) -> Entry:
        return self._entries[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in order."""
        return tuple(self._entries)

    def load(self, name: str) -> Any:  # noqa: ANN401 - each registry documents what it holds
        """Import the object called `name`; an unknown name is a UsageError that lists the names."""
        if name not in self._entries:
            close = get_close_matches(name, self.names, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise UsageError(
                f"unknown {self.what}{hint}. "
                f"Expected one of: {', '.join(self.names)}. Received: {name}"
            )
        module, _, attribute = self._entries[name].target.partition(":")
        return getattr(import_module(module), attribute)

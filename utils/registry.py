"""A registry of plug-ins: name -> import path and one line of help; imported on demand."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any, NamedTuple

from utils.errors import UsageError

PlugIn = Any
"""A class or function; each registry documents what it holds."""


class Entry(NamedTuple):
    """A plug-in; `target` is "package.module:Object"."""

    target: str
    help: str


class Registry(Mapping[str, Entry]):
    """The plug-ins of one kind, in order.

    Parameters
    ----------
    what : str
        What an entry is, for messages: "detector".
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

    @property
    def about(self) -> dict[str, str]:
        """The line of help of each name, in order."""
        return {name: entry.help for name, entry in self._entries.items()}

    def load(self, name: str) -> PlugIn:
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

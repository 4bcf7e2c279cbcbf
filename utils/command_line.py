"""Options on the command line and in the documentation: argparse flags and a Markdown list."""

import argparse
import textwrap
from pathlib import Path
from typing import Any

from utils.errors import UsageError
from utils.options import Option, options_of

WIDTH = 100  # columns of the Markdown


def add_options(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add the flags of an options class, in groups; those not given leave no trace."""
    groups: dict[str, Any] = {}
    for option in options_of(cls):
        title = option.meta["group"]
        group = groups.setdefault(title, parser.add_argument_group(title))
        names = [option.name] if option.positional else [option.flag, *option.meta["aliases"]]
        group.add_argument(*names, default=argparse.SUPPRESS, help=_help(option), **_shape(option))


def _shape(option: Option) -> dict[str, Any]:
    """Return the arguments of `add_argument` that depend on an option's type."""
    if option.type is bool:
        return {"action": argparse.BooleanOptionalAction, "dest": option.name}

    def read(text: str) -> object:
        try:
            return option.parse(text)
        except UsageError as error:
            raise argparse.ArgumentTypeError(str(error).partition(": ")[2]) from None

    shape: dict[str, Any] = {"type": read, "metavar": _metavar(option)}
    if option.many:
        shape["nargs"] = "+"
    if option.positional:
        shape["metavar"] = option.flag
        if not option.required:
            shape["nargs"] = "*" if option.many else "?"
    else:
        shape |= {"required": option.required, "dest": option.name}
    return shape


def _metavar(option: Option) -> str:
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    return {int: "N", float: "X", Path: "PATH", str: "TEXT"}.get(option.type, "VALUE")


def _help(option: Option) -> str:
    notes = [] if option.required else [f"default: {option.show(option.default)}"]
    low, high = option.meta["low"], option.meta["high"]
    if low is not None or high is not None:
        notes.append(f"range: {'' if low is None else low}..{'' if high is None else high}")
    text = option.meta["help"] + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def to_markdown(cls: type) -> str:
    """Return the options as a Markdown list: flag, default, allowed values, meaning."""
    return "\n".join(map(_list_item, options_of(cls)))


def _list_item(option: Option) -> str:
    negation = (option.flag.replace("--", "--no-"),) if option.type is bool else ()
    flag = f"{option.flag} ..." if option.positional and option.many else option.flag
    flags = ", ".join(f"`{f}`" for f in (flag, *negation, *option.meta["aliases"]))
    default = "required" if option.required else f"default `{option.show(option.default)}`"
    text = f"* {flags}: {option.meta['help']} ({option.describe()}; {default})"
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)

"""Options on the command line and in the documentation: argparse flags and a Markdown list."""

import argparse
import textwrap
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, NoReturn

from utils import program
from utils.errors import UsageError, did_you_mean
from utils.options import GROUP, Option, options_of

WIDTH = 100  # columns of the Markdown
HELP = {"-h", "--help"}


def parse(
    prog: str, about: str, cls: type, argv: Sequence[str], examples: Mapping[str, str]
) -> dict[str, Any]:
    """Read a command line; return the options that were given, by name.

    With `-h` or `--help` anywhere in it, help is printed and the program ends.

    Parameters
    ----------
    prog : str
        The command, as typed: "main.py extract".
    about : str
        What it does, in a line.
    cls : type
        The class of its options.
    argv : sequence of str
        What follows the command.
    examples : mapping of str to str
        Words that may follow, with their meaning.

    Raises
    ------
    UsageError
        If it makes no sense.
    """
    parser = _Parser(prog=prog, description=about, allow_abbrev=False, formatter_class=_Formatter)
    parser.deciding = _deciding(cls)
    add_options(parser, cls)
    parser.usage = _usage(prog, cls)
    parser.epilog = _epilog(prog, examples)
    if HELP & set(argv):
        parser.parse_args(["--help"])  # ends the program
    # Seen before argparse's own check, so that a misspelled required flag is called misspelled.
    flags = [flag for action in parser._actions for flag in action.option_strings]
    for word in takewhile(lambda word: word != "--", argv):
        flag = word.split("=")[0]
        if flag.startswith("--") and flag not in flags:
            hint = did_you_mean(flag, dict.fromkeys(flags, ""))
            parser.error(f"unknown option {flag}{hint}")
    given = vars(parser.parse_args(argv))
    return {name: value for name, value in given.items() if value is not None}


class _Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one sentence with a way out."""

    deciding = ""
    """Flags on which the options depend, for another help than the usual one."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print and exit with."""
        sentence = message.replace("argument ", "")
        command = f"{_typed(self.prog)}{self.deciding} --help"
        raise UsageError(f"{sentence}\nrun '{command}' for the options")


class _Formatter(argparse.RawDescriptionHelpFormatter):
    """Shows the two flags of a yes-or-no option as one: --[no-]smooth."""

    def _format_action_invocation(self, action: argparse.Action) -> str:
        if isinstance(action, argparse.BooleanOptionalAction):
            names = [flag for flag in action.option_strings if not flag.startswith("--no-")]
            return ", ".join(flag.replace("--", "--[no-]") for flag in names)
        return super()._format_action_invocation(action)


def _deciding(cls: type) -> str:
    """Return the flags to type before --help for these options, each after a blank."""
    deciding = [option for option in options_of(cls) if option.meta["decides"]]
    other = [o for o in deciding if o.choices is None or o.default != o.choices[0]]
    return "".join(f" {option.flag} {option.default}" for option in other)


def _typed(prog: str) -> str:
    """Return the command of a usage line as it is to be typed here."""
    return program.command(prog.removeprefix(program.prog()).strip())


def _usage(prog: str, cls: type) -> str:
    words = [prog]
    for option in options_of(cls):
        value = _metavar(option)
        if option.positional:
            words.append(f"{value} ..." if option.many else f"[{value}]")
        elif option.required and not option.place:
            words.append(f"{option.flag} {value}")
    return " ".join([*words, "[options]"]).replace("%", "%%")


def _epilog(prog: str, examples: Mapping[str, str]) -> str | None:
    if not examples:
        return None
    command = _typed(prog)
    lines = [f"  {text}:\n    {command} {words}".rstrip() for words, text in examples.items()]
    return "\n".join(["examples:", *lines])


def add_options(parser: argparse.ArgumentParser, cls: type) -> None:
    """Add the flags of an options class, in groups; those not given leave no trace."""
    groups: dict[str, Any] = {GROUP: parser._optionals}  # where argparse puts --help
    for option in options_of(cls):
        title = option.meta["group"]
        group = groups.get(title) or groups.setdefault(title, parser.add_argument_group(title))
        names = [option.name] if option.positional else [option.flag, *option.meta["aliases"]]
        # a word that is left out has its default read as if it were typed
        default = None if option.positional else argparse.SUPPRESS
        group.add_argument(*names, default=default, help=_help(option), **_shape(option))


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
        if not option.required:
            shape["nargs"] = "*" if option.many else "?"
    else:
        needed = option.required and not option.place
        shape |= {"required": needed, "dest": option.name}
        if option.meta["bare"] is not None:
            shape |= {"nargs": "?", "const": option.meta["bare"]}
    return shape


def _metavar(option: Option) -> str:
    if option.positional:
        return "|".join(option.choices) if option.choices else option.flag
    if option.choices:
        return "{" + ",".join(option.choices) + "}"
    return {int: "N", float: "X", Path: "PATH", str: "TEXT"}.get(option.type, "VALUE")


def _help(option: Option) -> str:
    default = option.describe_default()
    notes = [] if default is None or _says_default(option) else [f"default: {default}"]
    low, high = option.meta["low"], option.meta["high"]
    if low is not None or high is not None:
        notes.append(f"range: {'' if low is None else low}..{'' if high is None else high}")
    text = option.meta["help"] + (f" ({'; '.join(notes)})" if notes else "")
    return text.replace("%", "%%")


def _says_default(option: Option) -> bool:
    """Whether what an option is for says in words what comes without it."""
    return "(default: " in option.meta["help"]


def to_markdown(cls: type) -> str:
    """Return the options as a Markdown list: flag, default, allowed values, meaning."""
    return "\n".join(map(_list_item, options_of(cls)))


def _list_item(option: Option) -> str:
    negation = (option.flag.replace("--", "--no-"),) if option.type is bool else ()
    flag = f"{option.flag} ..." if option.positional and option.many else option.flag
    flags = ", ".join(f"`{f}`" for f in (flag, *negation, *option.meta["aliases"]))
    default = option.describe_default()
    default = "; required" if default is None else f"; default `{default}`"
    default = "" if _says_default(option) else default
    text = f"* {flags}: {option.meta['help']} ({option.describe()}{default})"
    return textwrap.fill(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)

"""Forms: the options of a command as data for the page, and its values as a command line."""

from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache, partial
from importlib import import_module
from pathlib import Path
from typing import Any

from utils import command_line, options, program, workspace
from utils.errors import UsageError, UserError
from utils.options import Option, options_of
from utils.stage_options import StageOptions, WorkspaceOptions
from utils.stages import ALIASES, STAGES
from utils.workspace import Workspace
from workbench.paths import inside

OWN = ("workbench", "queue")
"""First words of the commands that are no jobs: they would run the page in itself."""

PathOf = Callable[[str], Path]

TAKES = {"load_weights": "model", "person": "image", "not_person": "image"}
"""What may be picked for an option, where its declaration does not say so; see `folders.TAKES`."""

HIDDEN = frozenset({
    "workspace",
    "ask",
    "debug",
    "progress",
    "remote",
    "part",
    "ray",
    "cluster",
    "rank",
})
"""What the page decides itself."""


def commands() -> dict[str, str]:
    """Return the commands that have a form, with their line of help."""
    return {name: stage.help for name, stage in STAGES.items() if name.split()[0] not in OWN}


def stage_of(words: Sequence[str]) -> str:
    """Return the command that a command line begins with.

    Raises
    ------
    UsageError
        If it is none that can be a job.
    """
    first = ALIASES.get(words[0], words[0]) if words else ""
    name = next((n for n in (first, " ".join([first, *words[1:2]])) if n in commands()), None)
    if name is None:
        received = " ".join(words[:2])
        raise UsageError(f"Expected one of {', '.join(commands())}. Received: {received}")
    return name


def options_class(name: str, argv: Sequence[str]) -> type[StageOptions]:
    """Return the options class of a command; that of `train` depends on the words."""
    module, _, attribute = STAGES[name].options.partition(":")
    found = getattr(import_module(module), attribute)
    cls: type[StageOptions] = found if isinstance(found, type) else found(argv)
    return cls


@cache
def takes_workspace(name: str) -> bool:
    """Whether a command has the option --workspace."""
    return issubclass(options_class(name, []), WorkspaceOptions)


def check(words: Sequence[str], home: Workspace) -> StageOptions:
    """Return the options that a command line comes to in a workspace.

    Raises
    ------
    UserError
        If it makes no sense, or the workspace lacks what it needs.
    """
    cls, given = _read(words, home)
    return options.resolve(cls, given, cls.saved(given))


def _read(words: Sequence[str], home: Workspace) -> tuple[type[StageOptions], dict[str, Any]]:
    cls, given = read_flags(in_workspace(words, home))
    return cls, workspace.fill(cls, given)


def read_flags(words: Sequence[str]) -> tuple[type[StageOptions], dict[str, Any]]:
    """Return the options class of a command line, and what its flags say.

    Raises
    ------
    UsageError
        If it makes no sense.
    """
    name = stage_of(words)
    argv = list(words[len(name.split()) :])
    if command_line.HELP & set(argv):
        raise UsageError(f'help is no job; run "{name} --help" in a terminal')
    cls = options_class(name, argv)
    return cls, command_line.parse(name, STAGES[name].help, cls, argv, {})


def in_workspace(words: Sequence[str], home: Workspace) -> list[str]:
    """Return a command line that works on this workspace, whatever the current folder is."""
    words = list(words)
    named = any(word.split("=")[0] == "--workspace" for word in words)
    if named or not takes_workspace(stage_of(words)):
        return words
    flags = ["--workspace", str(home.folder)]
    end = words.index("--") if "--" in words else len(words)
    return [*words[:end], *flags, *words[end:]]


def from_words(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the command and the values of its form that a command line means."""
    cls, given = read_flags(words)
    named = {option.name: option for option in options_of(cls) if option.name in given}
    values = {name: _plain(given[name]) for name in named if given[name] != named[name].default}
    return stage_of(words), values


def typed(words: Sequence[str], home: Workspace) -> str:
    """Return a command line as it is typed in the folder where the program was started."""
    line = " ".join(map(program.quoted, words))
    return home.typed(line) if takes_workspace(stage_of(words)) else program.command(line)


def with_footage(words: Sequence[str], home: Workspace) -> list[str]:
    """Return a command line that names the footage that lies outside of the workspace."""
    cls, given = read_flags(words)
    found = _footage(cls, given, home)
    return [*words, *(word for name in found for word in (_flag(cls, name), found[name]))]


def _footage(cls: type, given: Mapping[str, Any], home: Workspace) -> dict[str, str]:
    """Return the paths of footage outside of the workspace, of the options that have no value."""
    found = {}
    for option in options_of(cls):
        place = str(option.place or "")
        if place.endswith(".*") and option.name not in given:
            side = place.format(side=given.get("side")).removeprefix("data_").removesuffix(".*")
            if side in home.elsewhere:
                found[option.name] = str(home.elsewhere[side])
    return found


def _flag(cls: type, name: str) -> str:
    return next(option.flag for option in options_of(cls) if option.name == name)


def form(
    name: str, values: Mapping[str, Any], home: Workspace, picked: Collection[Path] = ()
) -> dict[str, Any]:
    """Return the form of a command for the page, with the values filled in so far.

    Parameters
    ----------
    values : mapping of str to JSON value
        By name of the option; those of options that the command lacks are left out.
    picked : collection of Path
        What may be named although it is outside of the workspace.

    Returns
    -------
    form : dict
        `groups` of fields, `words` of the command line, the `command` as it is typed, `errors` by
        field, and the `problem` with the whole, "" for none.
    """
    path_of = partial(inside, home, picked=picked)
    cls = _class_for(name, values, home, path_of)
    footage = _footage(cls, values, home)
    words, errors = to_words(name, cls, {**footage, **values}, path_of)
    problem, saved = "", None
    try:
        cls, given = _read(words, home)
        saved = cls.saved(given)
        options.resolve(cls, given, saved)
    except UserError as error:
        problem = str(error)
    stage = STAGES[name]
    return {
        "stage": name,
        "help": stage.help,
        "examples": [
            {"words": f"{name} {words}".strip(), "about": text}
            for words, text in stage.examples.items()
        ],
        "groups": _groups(cls, {**(saved or {}), **footage}),
        "words": words,
        "command": typed(words, home),
        "errors": errors,
        "problem": problem,
    }


def to_words(
    name: str, cls: type, values: Mapping[str, Any], path_of: PathOf
) -> tuple[list[str], dict[str, str]]:
    """Return the command line that a form's values come to, and what is wrong with which value.

    Parameters
    ----------
    path_of : callable
        Returns the path that a text means, or raises UserError if the page may not use it.
    """
    positionals: list[str] = []
    flags: list[str] = []
    errors: dict[str, str] = {}
    for option in options_of(cls):
        if option.name in HIDDEN or option.name not in values:
            continue
        try:
            found = _words_of(option, values[option.name], path_of)
        except UserError as error:
            errors[option.name] = str(error)
        else:
            (positionals if option.positional else flags).extend(found)
    return [*name.split(), *positionals, *flags], errors


def _words_of(option: Option, value: Any, path_of: PathOf) -> list[str]:  # noqa: ANN401 - JSON
    items = value if isinstance(value, list) else [value]
    texts = [text for item in items if item is not None and (text := options.to_text(item).strip())]
    if not texts:
        return []
    if len(texts) > 1 and not option.many:
        raise UsageError(f"{option.flag}: Expected {option.describe()}. Received: a list")
    words = [_word(option, text, path_of) for text in texts]
    if option.type is bool:
        return [option.flag if words == ["yes"] else option.flag.replace("--", "--no-", 1)]
    if option.positional:
        return words
    if any(word.startswith("-") for word in words):
        if len(words) > 1:
            raise UsageError(f"{option.flag}: a value in a list cannot begin with -")
        return [f"{option.flag}={words[0]}"]
    return [option.flag, *words]


def _word(option: Option, text: str, path_of: PathOf) -> str:
    """Return a value as it is typed; it means the same when it is read again."""
    value = path_of(text) if option.type is Path else option.parse(text)
    word = options.to_text(value)
    if "\0" in word or not word.isprintable() or option.parse(word) != value:
        raise UsageError(f"{option.flag}: Expected {option.describe()} that can be typed")
    return word


def _class_for(
    name: str, values: Mapping[str, Any], home: Workspace, path_of: PathOf
) -> type[StageOptions]:
    """Return the options class that the values lead to, where it depends on them."""
    basis = options_class(name, in_workspace(name.split(), home))
    if isinstance(basis, type) and not any(o.meta["decides"] for o in options_of(basis)):
        return basis
    words, _ = to_words(name, basis, values, path_of)
    try:
        return options_class(name, in_workspace(words, home))
    except UserError:  # values that exclude each other; reading the words says which
        return basis


def _groups(cls: type, saved: Mapping[str, Any]) -> list[dict[str, Any]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for option in options_of(cls):
        if option.name not in HIDDEN:
            groups.setdefault(option.meta["group"], []).append(_field(option, saved))
    return [{"title": title, "fields": fields} for title, fields in groups.items()]


def _field(option: Option, saved: Mapping[str, Any]) -> dict[str, Any]:
    meta = option.meta
    default = None if option.required else _plain(option.default)
    return {
        "name": option.name,
        "flag": option.flag,
        "kind": _kind(option),
        "takes": _takes(option),
        "help": meta["help"],
        "allowed": option.describe(),
        "required": option.required and not option.place,
        "default": saved.get(option.name, default),
        "placeholder": "" if option.name in saved else option.describe_default() or "",
        "choices": [
            {"value": choice, "about": meta["about"].get(choice, "")}
            for choice in option.choices or ()
        ],
        "low": meta["low"],
        "high": meta["high"],
        "step": meta["step"],
        "zero": meta["zero"],
        "when": meta["when"],
        "seldom": meta["seldom"],
        "decides": meta["decides"],
        "live": meta["live"],
        "fixed": meta["fixed"] and option.name in saved,
    }


def _kind(option: Option) -> str:
    if option.many:
        return "list"
    if option.choices:
        return "choice"
    return {bool: "bool", int: "int", float: "float", Path: "path"}.get(option.type, "text")


def _takes(option: Option) -> str:
    """Return what the file picker offers for an option, "" if it is no path."""
    if option.type is not Path:
        return ""
    usual = "folder" if option.name.endswith("_dir") else "any"
    return str(option.meta["kind"] or TAKES.get(option.name, usual))


def _plain(value: options.Value) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return (
        value if value is None or isinstance(value, bool | int | float) else options.to_text(value)
    )

"""Options asked for at a terminal."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from utils import console
from utils.errors import UsageError
from utils.options import FALSE, TRUE, Option, options_of, to_text

T = TypeVar("T")


def ask(options: T, given: Mapping[str, Any], existing: bool = False) -> T:
    """Ask for every `ask` option that no flag has set; Enter keeps the value shown, `?` explains.

    Left out are options without effect given the answers so far (`when`), advanced ones (`seldom`)
    unless requested, and, when the model is `existing`, those that are fixed.
    """
    answers: dict[str, Any] = {}
    asked = [
        option
        for option in options_of(type(options))
        if option.meta["ask"]
        and option.name not in given
        and not (existing and option.meta["fixed"])
    ]
    often = [option for option in asked if not option.meta["seldom"]]
    seldom = [option for option in asked if option.meta["seldom"]]
    for option in often:
        _ask(option, options, answers)
    if seldom and confirm("show advanced settings", _listed(seldom)):
        for option in seldom:
            _ask(option, options, answers)
    return dataclasses.replace(options, **answers)  # type: ignore[type-var]


def _ask(option: Option, options: object, answers: dict[str, Any]) -> None:
    chosen = {name: answers.get(name, getattr(options, name)) for name in option.meta["when"]}
    if any(chosen[name] not in values for name, values in option.meta["when"].items()):
        return
    current = getattr(options, option.name)
    explain = f"{option.meta['help']}; {option.describe()}"
    answers[option.name] = console.prompt(
        option.name.replace("_", " "), option.parse, current, to_text(current), explain
    )


def _listed(options: Iterable[Option]) -> str:
    return "they are: " + ", ".join(option.name.replace("_", " ") for option in options)


def confirm(question: str, explain: str) -> bool:
    """Ask a yes-or-no question; Enter means no."""

    def read(text: str) -> bool:
        if text.lower() not in TRUE | FALSE:
            raise UsageError(f"Expected yes or no. Received: {text}")
        return text.lower() in TRUE

    return console.prompt(question, read, False, "no", explain)

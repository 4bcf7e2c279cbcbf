"""Durations, counts, and many names in few words: "0060-0075, 0131" instead of all seventeen."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

RANGES_SHOWN = 12
"""Of many names, consecutive ones in one range."""
DIGITS = re.compile(r"(\d{1,18})")
FRAME = re.compile(r"^(\d+(?:-\d+)?)\.(?:png|jpe?g)(?= \(|$)")
"""Frames, which their numbers tell."""
NAMED = (re.compile(r'"([^"]+)"(: .+)', re.DOTALL), re.compile(r"(\S+\.\w+)(: .+)", re.DOTALL))
"""Sentences about a file: its name, and what is true of it."""
PLURAL = re.compile(r"(?<=[a-rt-z])s\b")
"""The end of the first noun: frames, faces, minutes."""


class NameRange(NamedTuple):
    """Names that follow each other by a number, in one text; and how many they are."""

    text: str
    size: int


def in_ranges(names: Iterable[str]) -> list[NameRange]:
    """Join the neighbors among names that differ only in a number, and there by 1."""
    runs: list[list[list[str]]] = []  # of names, each cut before and after its numbers
    for words in map(DIGITS.split, names):
        step = _step(runs[-1][-1], words) if runs else None
        if step is not None and (len(runs[-1]) == 1 or step == _step(*runs[-1][:2])):
            runs[-1].append(words)
        else:
            runs.append([words])
    return [NameRange(_text(run), len(run)) for run in runs]


def listed(names: Sequence[str]) -> str:
    """Return names in ranges, and of very many only the first."""
    ranges = in_ranges(names)
    left = sum(each.size for each in ranges[RANGES_SHOWN:])
    shown = ", ".join(each.text for each in ranges[:RANGES_SHOWN])
    return f"{shown} and {left} more" if left else shown


def joined(sentences: Iterable[str]) -> Iterator[str]:
    """Yield sentences; of those that say the same of several files, one that lists them."""
    alike: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for sentence in sentences:
        found = next(filter(None, (form.fullmatch(sentence) for form in NAMED)), None)
        names[sentence], problem = found.groups() if found else ("", sentence)
        alike.setdefault(problem, []).append(sentence)
    for problem, said in alike.items():
        whose = [names[sentence] for sentence in said]
        yield from [listed(whose) + problem] if len(said) > 1 and all(whose) else said


def counted(count: int, things: str) -> str:
    """Return "12 faces sorted" as it is, and of one "1 face sorted"."""
    return f"{count} {PLURAL.sub('', things, count=1) if count == 1 else things}"


def took(word: str, seconds: float) -> str:
    """Return " in 12 min" for the word "in"; nothing if it took no time to speak of."""
    return f" {word} {duration(seconds)}" if seconds >= 1 else ""


def duration(seconds: float) -> str:
    """Format a duration: "45 s", "12 min", "3 h 05 min"."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02d} min"


def targets(target_iter: int, target_minutes: float) -> list[str]:
    """Return the targets of a training that are not 0: "4 minutes", "1,000 iterations"."""
    counts = {"minute": f"{target_minutes:g}", "iteration": f"{target_iter:,}"}
    return [f"{n} {unit}{'' if n == '1' else 's'}" for unit, n in counts.items() if n != "0"]


def _step(before: Sequence[str], after: Sequence[str]) -> int | None:
    """Return which word of a name the next one counts up by 1; None if it is not the next one."""
    if len(before) != len(after):
        return None
    changed = [place for place, word in enumerate(after) if word != before[place]]
    if len(changed) != 1 or not changed[0] % 2:  # numbers have the odd places
        return None
    return changed[0] if int(after[changed[0]]) == int(before[changed[0]]) + 1 else None


def _text(run: Sequence[Sequence[str]]) -> str:
    words = list(run[0])
    place = _step(*run[:2]) if len(run) > 1 else None
    if place is not None:
        words[place] += f"-{run[-1][place]}"
    return FRAME.sub(r"\1", "".join(words))

"""`verify`: say in words what files state about where their pictures come from."""

from collections.abc import Iterator
from pathlib import Path

from tools.options import VerifyOptions
from utils import console
from utils.console import Report
from utils.errors import InputError
from utils.files import IMAGE_SUFFIXES, VIDEO_SUFFIXES, natural_key
from utils.provenance.c2pa import Credential, read_credential
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark
from utils.provenance.sidecar import read_sidecar, sidecar_of

MEANINGS = {
    DIGITAL_SOURCE_TYPE.rpartition("/")[
        2
    ]: "real pictures into which a trained model put something",
    "trainedAlgorithmicMedia": "wholly made by a trained model",
    "digitalCapture": "taken with a camera",
    "compositeSynthetic": "a composite with synthetic parts",
}
"""IPTC terms in words."""


def run(options: VerifyOptions) -> Report:
    """Look at every file; those not marked, not signed or changed since are failures."""
    report = Report({"files": 0, "marked and unchanged": 0})
    for path in _files(options.files):
        report.counts["files"] += 1
        try:
            lines, problem = examine(path)
        except InputError as unreadable:
            lines, problem = [], str(unreadable)
        console.say("\n".join([f"{path}:", *(f"  {line}" for line in lines)]))
        if problem:
            report.failures.append(f"{path}: {problem}")
        else:
            report.counts["marked and unchanged"] += 1
    return report


def examine(path: Path) -> tuple[list[str], str]:
    """Return what a file states, in words, and what is wrong with that, or an empty text.

    Raises
    ------
    InputError
        If the file is missing or of an unknown kind.
    """
    inside = read_credential(path)
    credential = inside or read_sidecar(path)
    stated = read_mark(path) if inside is None or inside.intact else _mark_if_readable(path)
    where = "" if inside or credential is None else f' in "{sidecar_of(path).name}"'
    lines = [f"its tags state: {_in_words(stated)}" if stated else "its tags state nothing"]
    if credential is None:
        lines.append("it is not signed: whether it was changed cannot be told")
        if stated is None:
            return lines, "says nothing about where its pictures come from"
        return lines, "marked, but not signed (or the signature was removed)"
    lines.append(f"it is signed{where} by {_signer(credential)}")
    if credential.source_type:
        lines.append(f"what was signed states: {_in_words(credential.source_type)}")
    if not credential.intact:
        lines.append(f"INVALID: {', '.join(credential.problems) or 'the signature is not good'}")
        return (
            lines,
            "invalid: the file was changed after it was signed, or the signature is broken",
        )
    lines.append("it was not changed since")
    if stated is None and credential.source_type is None:
        return lines, "signed, but says nothing about where its pictures come from"
    return lines, ""


def _mark_if_readable(path: Path) -> str | None:
    """What is left of the tags of a file that was changed; it may be no picture any more."""
    try:
        return read_mark(path)
    except InputError:
        return None


def _signer(credential: Credential) -> str:
    if not credential.intact:
        return f'"{credential.signer}", so it says'
    if credential.own:
        return f"this machine ({credential.signer})"
    return f'"{credential.signer}", a certificate that is not this machine\'s and proves no person'


def _in_words(term: str) -> str:
    word = term.rstrip("/").rpartition("/")[2]
    return f"{MEANINGS[word]} ({word})" if word in MEANINGS else term


def _files(paths: tuple[Path, ...]) -> Iterator[Path]:
    """Yield files, and the pictures and videos of folders in natural order."""
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        found = [
            file
            for file in path.iterdir()
            if file.suffix.lower() in IMAGE_SUFFIXES | VIDEO_SUFFIXES
            and not file.name.startswith(".")
        ]
        if not found:
            raise InputError(f'"{path}" holds no picture and no video')
        yield from sorted(found, key=lambda file: natural_key(file.name))

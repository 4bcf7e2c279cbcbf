"""Checks the folder that it was shipped in: `python app/check_bundle.py [--all]`.

The scripts call it before each step. Then it looks whether the processor will do, whether files
are missing, incomplete or left by another version, which takes a moment; `--all` reads every
file. It needs nothing but Python's library, as anything else may be what is missing.
"""

import ctypes
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

BUNDLE = Path(__file__).resolve().parent.parent
MANIFEST = "MANIFEST.json"
LARGE = 64 * 1024
"""Files of this size and more are looked at before each step."""
NAMED = 5
AVX_ON_WINDOWS = 39
"""PF_AVX_INSTRUCTIONS_AVAILABLE"""
IN_THE_CLOUD = 0x1000 | 0x400000
"""FILE_ATTRIBUTE_OFFLINE and FILE_ATTRIBUTE_RECALL_ON_DATA_ACCESS: OneDrive's placeholders."""
AGAIN = "Unpack the whole archive once more, into a new folder."


def problems(bundle: Path, everything: bool = False) -> list[str]:
    """Return what is wrong with an unpacked bundle, one sentence each.

    Parameters
    ----------
    bundle : Path
        The folder that has the manifest.
    everything : bool
        Whether to read every file, rather than to look at the sizes of the large ones.
    """
    try:
        manifest = json.loads((bundle / MANIFEST).read_text(encoding="utf-8"))
        files: dict[str, list[Any]] = manifest["files"]
    except FileNotFoundError:
        return [f'"{bundle}" has no {MANIFEST}, so it was not unpacked completely. {AGAIN}']
    except (OSError, ValueError, KeyError) as problem:
        return [f'"{bundle / MANIFEST}" cannot be read ({problem}). {AGAIN}']
    missing, damaged, away = _compare(bundle, files, everything)
    found = []
    if missing:
        found.append(f'{_listed(missing)} missing from the bundle in "{bundle}". {AGAIN}')
    if damaged:
        found.append(
            f'{_listed(damaged)} not as shipped in "{bundle}": the disk was full, or a program '
            f"changed it. {AGAIN}"
        )
    if away:
        found.append(
            f'{_listed(away)} only in OneDrive: choose "Always keep on this device" for '
            f'"{bundle}", or move it out of OneDrive.'
        )
    if strangers := _strangers(bundle, manifest, everything):
        found.append(
            f'{_listed(strangers)} left in "{bundle}" by another version. Unpack into a new '
            "folder, and move your workspace there."
        )
    return found


def _compare(
    bundle: Path, files: dict[str, list[Any]], everything: bool
) -> tuple[list[str], list[str], list[str]]:
    """Return the files that are missing, damaged, and not on this disk."""
    missing, damaged, away = [], [], []
    for name, (size, digest) in files.items():
        if not everything and size < LARGE:
            continue
        path = bundle / name
        try:
            facts = path.stat()
        except OSError:
            missing.append(name)
            continue
        if facts.st_size != size:
            damaged.append(name)
        elif getattr(facts, "st_file_attributes", 0) & IN_THE_CLOUD:
            away.append(name)
        elif everything and _sha256(path) != digest:
            damaged.append(name)
    return missing, damaged, away


def _strangers(bundle: Path, manifest: dict[str, Any], everything: bool) -> list[str]:
    """Return what lies among the program and the packages and is not of this version."""
    files, site = manifest["files"], manifest["site"]
    known = {name[len(site) + 1 :].partition("/")[0] for name in files if name.startswith(site)}
    found = [
        path.relative_to(bundle).as_posix()
        for path in sorted((bundle / site).glob("*"))
        if path.name not in known and path.name.endswith((".dist-info", ".py"))
    ]
    places = ["app", *(["python"] if everything else [])]
    for place in places:
        for path in sorted((bundle / place).rglob("*.py")):
            if (name := path.relative_to(bundle).as_posix()) not in files:
                found.append(name)
    return list(dict.fromkeys(found))


def _listed(names: list[str]) -> str:
    more = len(names) - NAMED
    shown = ", ".join(names[:NAMED]) + (f" and {more} more" if more > 0 else "")
    return f"{shown} {'is' if len(names) == 1 else 'are'}"


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def processor_problem() -> str:
    """Return what is wrong with this machine's processor: nothing, or that it lacks AVX."""
    if has_avx():
        return ""
    return (
        "This processor, or the program that imitates one, has no AVX instructions, which "
        "TensorFlow needs. Use a 64-bit computer by Intel or AMD made since 2011 (ARM will not do)."
    )


def has_avx(cpuinfo: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether the processor has AVX, as far as the system says."""
    if sys.platform == "win32":
        return bool(ctypes.windll.kernel32.IsProcessorFeaturePresent(AVX_ON_WINDOWS))
    try:
        text = cpuinfo.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return True
    return "avx" in text.split()


def main(words: list[str]) -> int:
    """Print what is wrong, and return 1 if anything is."""
    found = [*filter(None, [processor_problem()]), *problems(BUNDLE, "--all" in words)]
    for sentence in found:
        sys.stderr.write(f"error: {sentence}\n")
    if "--all" in words and not found:
        sys.stdout.write("Every file of the bundle is as it was shipped.\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

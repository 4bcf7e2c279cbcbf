"""The program as a whole: how it was started, which version it is, where its files are."""

import os
import shlex
import shutil
import sys
from pathlib import Path

NAME = "faceswap-toolkit"
MODULE = "faceswap_toolkit"
ROOT = Path(__file__).resolve().parent.parent
"""The folder of main.py: a checkout, or the folder `app` of an installed package."""


def prog() -> str:
    """Return the program's name in usage lines, which is how it was started."""
    started = Path(sys.argv[0])
    if started.parts[-2:] == (MODULE, "__main__.py"):
        return f"python -m {MODULE}"
    return NAME if started.stem == NAME else "main.py"  # the stem, for faceswap-toolkit.exe


def command(words: str) -> str:
    """Return a command of this program, as it is to be typed here: "python main.py weights".

    It begins as the present one did, so it works in the same folder.
    """
    return f"{_typed()} {words}"


def _typed() -> str:
    name, started = prog(), sys.argv[0]
    if name == NAME:
        found = shutil.which(NAME) or not Path(started).is_file()
        return NAME if found else quoted(started)  # of an environment that is not active
    if name != "main.py":
        return name.replace("python", _python(), 1)
    return f"{_python()} {quoted(started) if Path(started).name == name else name}"


def _python() -> str:
    """Return Python as it was typed: python3, or a path to that of an environment."""
    ours = Path(sys.argv[0]).name == "main.py" and sys.argv[0] in sys.orig_argv
    return quoted(sys.orig_argv[0]) if ours else "python"


def quoted(word: str) -> str:
    """Return a word of a command as a shell takes it for one."""
    if os.name != "nt":
        return shlex.quote(word)
    from subprocess import list2cmdline  # not at the top: slows `--help`

    return list2cmdline([word])


def start() -> list[str]:
    """Return the words that start the program in another process."""
    return [sys.executable, *([str(ROOT / "main.py")] if is_checkout() else ["-m", MODULE])]


def is_checkout() -> bool:
    """Whether the program runs from a checkout rather than from an installed package."""
    return (ROOT / "pyproject.toml").is_file()


def version() -> str:
    """Return the version: the checkout's, or that of the installed package."""
    if is_checkout():
        import tomllib

        text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
        return str(tomllib.loads(text)["project"]["version"])
    from importlib import metadata

    return metadata.version(NAME)

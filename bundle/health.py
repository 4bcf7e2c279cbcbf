"""The health check of a container: whether the workbench answers, if the container runs it."""

import sys
import urllib.request
from pathlib import Path

PORT = 8710  # the published one; workbench/options.py has it, too, but imports more


def main(started: str, port: int = PORT) -> int:
    """Return 0 if the container is healthy.

    Parameters
    ----------
    started : str
        The words of the container's first process, separated by zero characters.
    port : int
        Where the workbench listens.
    """
    if "workbench" not in started.split("\0"):
        return 0  # a training has nothing to ask; it ends when it is ill
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/login", timeout=4) as answer:
            return int(answer.status != 200)
    except OSError:
        return 1


if __name__ == "__main__":
    sys.exit(main(Path("/proc/1/cmdline").read_text(encoding="utf-8")))

"""Small Debian systems in folders, in which a bundle is tried out."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

RELEASES = {"linux": ("bookworm", ""), "windows": ("trixie", "wine,wine64")}
"""By the bundle's system: the oldest release that it is for; the newest that has wine."""
BUNDLE = "bundle a & b % c ! d ^ e (ü) " + "long" * 30
"""Where a bundle lies in a system: a name of 150 characters that programs stumble over."""
PLACES = ("proc", "sys", "dev")
"""wine reads from /sys how many processors there are; without it OpenCV fails in it."""


class Done(NamedTuple):
    """How a command ended."""

    status: int
    said: str
    seconds: float


class Chroot:
    """A system in a folder, with a bundle at BUNDLE and a place for work at /work."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {"PATH": "/usr/bin:/bin", "HOME": "/root", **environment}

    def run(self, *words: str, cwd: str = "/work", limit: float = 1200) -> Done:
        """Run a command, with pipes for what it reads and prints, as wine 10 wants."""
        begun = time.monotonic()
        done = subprocess.run(
            ["chroot", self.folder, "/usr/bin/env", "-i", "-C", cwd,
             *(f"{name}={value}" for name, value in self.environment.items()), *words],
            input="", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
            errors="replace", timeout=limit, check=False,
        )  # fmt: skip
        return Done(done.returncode, done.stdout, time.monotonic() - begun)


def make(folder: Path, system: str) -> None:
    """Make the system in which a bundle for `system` is tried out, unless it is there."""
    release, packages = RELEASES[system]
    if (folder / "usr").is_dir():
        return
    subprocess.run(
        ["mmdebstrap", "--variant=minbase", *([f"--include={packages}"] if packages else []),
         release, folder, "http://deb.debian.org/debian"],
        check=True, capture_output=True,
    )  # fmt: skip


@contextmanager
def mounted(folder: Path, bundle: Path) -> Iterator[None]:
    """Mount a bundle into a system, read-only, with what the kernel shows of itself."""
    (folder / "work").mkdir(exist_ok=True)
    (folder / BUNDLE).mkdir(exist_ok=True)
    inside = [(f"/{place}", folder / place) for place in PLACES]
    points = []
    try:
        for source, target in [*inside, (str(bundle), folder / BUNDLE)]:
            subprocess.run(["mount", "--bind", source, target], check=True)
            points.append(target)
            # else unmounting here would unmount there
            subprocess.run(["mount", "--make-private", target], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", folder / BUNDLE], check=True)
        yield
    finally:
        for target in reversed(points):
            subprocess.run(["umount", "--lazy", target], check=False)

"""What is taken from Debian, through apt: Python for Linux, shared libraries, license texts.

apt runs with lists and a status of its own, so that neither what is installed here nor which
release this is changes the result. Each package is pinned by its version and SHA-256.
"""

import os
import re
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from bundle.archive import sha256
from bundle.systems import HERE
from bundle.tools import BuildError, run

RELEASE = "bookworm"
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
PACKAGES = {
    "common": ("base-files",),  # the texts of the GPL, LGPL, Apache and other licenses
    "linux": (
        # the interpreter
        "python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib",
        "zlib1g", "libexpat1", "libssl3", "libffi8", "libsqlite3-0", "libbz2-1.0", "liblzma5",
        "libuuid1", "libcrypt1",
        # what wheels expect of a system
        "libstdc++6", "libgcc-s1", "gcc-12-base",
        "libglib2.0-0", "libpcre2-8-0",
        "libgl1", "libglx0", "libglvnd0",
        "libx11-6", "libxext6", "libxcb1", "libxau6", "libxdmcp6", "libbsd0", "libmd0",
        "libsm6", "libice6",
    ),
}  # fmt: skip
SOURCE = ("python3.11", "python3.11_3.11.2.orig.tar.gz")
"""Python's library for Windows: that of the source, as Debian changes its own."""


class Deb(NamedTuple):
    """A file of Debian's archive.

    Attributes
    ----------
    package, version, file, sha256 : str
        A source has the name of its archive as `file`.
    """

    package: str
    version: str
    file: str
    sha256: str


def lock_file(group: str) -> Path:
    """Return the lock of a group of packages."""
    return HERE / f"debian-{group}.lock"


def read_lock(group: str) -> list[Deb]:
    """Return the files that a group consists of."""
    lines = lock_file(group).read_text(encoding="utf-8").splitlines()
    return [Deb(*line.split()) for line in lines if line and not line.startswith("#")]


class Apt:
    """apt with lists of its own, below a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "apt.conf"

    def update(self) -> None:
        """Fetch the lists of packages, unless that was done."""
        if self.config.is_file():
            return
        for name in ("lists/partial", "archives/partial"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "status").touch()
        where = f"[signed-by={KEYRING}] http://deb.debian.org/debian {RELEASE} main"
        (self.folder / "sources.list").write_text(f"deb {where}\ndeb-src {where}\n")
        self.config.write_text(
            "".join(
                f'{key} "{value}";\n'
                for key, value in {
                    "APT::Architecture": "amd64",
                    "APT::Architectures": "amd64",
                    "APT::Sandbox::User": "root",
                    "Dir::State": self.folder,
                    "Dir::State::status": self.folder / "status",
                    "Dir::State::lists": self.folder / "lists",
                    "Dir::Cache": self.folder,
                    "Dir::Etc::sourcelist": self.folder / "sources.list",
                    "Dir::Etc::sourceparts": "-",
                    "Dir::Etc::parts": "-",
                    "Dir::Etc::preferencesparts": "-",
                }.items()
            )
        )
        try:
            self.run("apt-get", "update", "-qq")
        except BuildError:
            self.config.unlink()
            raise

    def run(self, *words: str, cwd: Path | None = None) -> str:
        """Run a command of apt with this configuration."""
        return run(*words, env={**os.environ, "APT_CONFIG": str(self.config)}, cwd=cwd)

    def fetch(self, deb: Deb, folder: Path) -> Path:
        """Download a file, unless it is there, and check it.

        Raises
        ------
        BuildError
            If Debian no longer has it, or it is another one.
        """
        path = folder / deb.file
        if not path.is_file():
            self.update()
            words = ["download", f"{deb.package}={deb.version}"]
            if not deb.file.endswith(".deb"):
                words = ["source", "--download-only", *words[1:]]
            try:
                self.run("apt-get", "-qq", *words, cwd=folder)
            except BuildError as problem:
                raise BuildError(
                    f"Debian {RELEASE} no longer has {deb.package} {deb.version}; pin its present "
                    f"version with: python -m scripts.build_bundle --lock\n{problem}"
                ) from None
        if sha256(path) != deb.sha256:
            path.unlink()
            raise BuildError(f"{deb.file} from Debian is not the file that is pinned; try again")
        return path


URI = re.compile(r"^'\S+' (?P<file>\S+) \d+ SHA256:(?P<sha256>\w+)", re.M)


def lock_all(scratch: Path) -> list[Path]:
    """Make the locks of Debian's packages again and return them."""
    apt = Apt(scratch / "apt")
    apt.update()
    made = []
    for group, names in PACKAGES.items():
        out = apt.run("apt-get", "-qq", "download", "--print-uris", *names)
        debs = [_deb(found["file"], found["sha256"]) for found in URI.finditer(out)]
        made.append(_write(group, debs))
    out = apt.run("apt-get", "-qq", "source", "--download-only", "--print-uris", SOURCE[0])
    files = {found["file"]: found["sha256"] for found in URI.finditer(out)}
    [description] = [name for name in files if name.endswith(".dsc")]
    source = _deb(description.removesuffix(".dsc"), files[SOURCE[1]])
    made.append(_write("windows", [source._replace(file=SOURCE[1])]))
    return made


def _deb(file: str, digest: str) -> Deb:
    package, version = unquote(file).split("_")[:2]  # the file's name has an epoch's colon as %3a
    return Deb(package, version, file, digest)


def _write(group: str, debs: list[Deb]) -> Path:
    lock = lock_file(group)
    head = f"# Debian {RELEASE}, made by: python -m scripts.build_bundle --lock\n"
    lock.write_text(head + "".join(" ".join(deb) + "\n" for deb in sorted(debs)), encoding="utf-8")
    return lock

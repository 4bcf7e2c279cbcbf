"""The installed program: what a wheel holds, what it asks for, and that it works from anywhere."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from email.parser import Parser
from pathlib import Path

import cv2
import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from facelib.faceset import Faceset

ROOT = Path(__file__).resolve().parent.parent
NOT_THE_PROGRAM = {"bundle", "tests", "benchmarks", "scripts", "launcher"}
PACKAGES = {path.parent.name for path in ROOT.glob("*/__init__.py")} - NOT_THE_PROGRAM
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
OFFLINE = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation"]


def do(*command, **kwargs):
    """Run a command; what it prints."""
    result = subprocess.run(
        [*map(str, command)], capture_output=True, text=True, encoding="utf-8", **kwargs
    )
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


def copy_of_the_checkout(folder):
    left_out = ("tests", "weights", "workspace", "__pycache__", ".git", ".venv", ".*cache")
    return shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(*left_out))


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    return copy_of_the_checkout(tmp_path_factory.mktemp("front") / "checkout")


@pytest.fixture(scope="module")
def wheel(checkout):
    do(*PIP, "wheel", *OFFLINE, "--wheel-dir", checkout.parent, checkout)
    (path,) = checkout.parent.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def metadata(wheel):
    with zipfile.ZipFile(wheel) as archive:
        name = f"faceswap_toolkit-{VERSION}.dist-info/METADATA"
        return Parser().parsestr(archive.read(name).decode())


class Environment:
    """A virtual environment in which this one's libraries can be imported, but nothing else is."""

    def __init__(self, folder):
        venv.create(folder)
        paths = sysconfig.get_paths("venv", vars={"base": folder, "platbase": folder})
        self.programs, self.site = Path(paths["scripts"]), Path(paths["purelib"])
        (self.site / "libraries.pth").write_text(sysconfig.get_path("purelib"))
        self.python = self.programs / Path(sys.executable).name
        self.elsewhere = folder / "elsewhere"
        self.elsewhere.mkdir()

    def install(self, *what):
        where = ["--python", self.python]
        do(*PIP, *where, "install", *OFFLINE, "--ignore-installed", *what)

    def do(self, *command):
        """Run a command in a folder that has nothing to do with the program."""
        env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        return do(*command, cwd=self.elsewhere, env=env)


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    environment = Environment(tmp_path_factory.mktemp("installed"))
    environment.install(wheel)
    return environment


# ------------------------------------------------------------------------------ the wheel


def names_in(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_the_program_in_a_folder_of_its_own_and_nothing_else(wheel):
    assert {"converters", "extractor", "facelib", "models", "sorter", "trainer"} < PACKAGES
    files = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    } | {"main.py", "requirements-models.txt", "docs/weights.md", "docs/images/faces.jpg"}
    launcher = {"faceswap_toolkit/__init__.py", "faceswap_toolkit/__main__.py"}
    names = {name for name in names_in(wheel) if ".dist-info/" not in name}
    assert names == launcher | {f"faceswap_toolkit/app/{name}" for name in files}


def test_a_source_archive_makes_the_same_wheel(checkout, wheel, tmp_path):
    build = ["build", "--target", "sdist", "--directory", tmp_path]
    do(sys.executable, "-m", "hatchling", *build, cwd=checkout)
    (archive,) = tmp_path.glob("*.tar.gz")
    do(*PIP, "wheel", *OFFLINE, "--wheel-dir", tmp_path, archive)
    (made,) = tmp_path.glob("*.whl")
    assert names_in(made) == names_in(wheel)


# ------------------------------------------------------------------------------ the metadata


def key(requirement):
    extras = frozenset(requirement.extras)
    return canonicalize_name(requirement.name), extras, requirement.specifier


def requirements(name):
    """What pip would install from a requirements file on this machine."""
    found = set()
    for line in (ROOT / name).read_text(encoding="utf-8").splitlines():
        text = re.split(r"(?:^|\s)#", line)[0].strip()
        if included := re.fullmatch(r"-r\s+(\S+)", text):
            found |= requirements(included[1])
        elif text:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate():
                found.add(key(requirement))
    return found


@pytest.mark.parametrize(
    ("extra", "files"),
    [
        ("", ["requirements-cpu.txt"]),
        ("cuda", ["requirements-cpu.txt", "requirements-cuda.txt"]),
        ("cluster", ["requirements-cpu.txt", "requirements-cluster.txt"]),
        ("dev", ["requirements-cpu.txt", "requirements-dev.txt"]),
        ("torch", ["requirements-cpu.txt", "requirements-torch.txt"]),
    ],
)
def test_the_package_asks_for_what_the_requirements_files_say(extra, files, metadata):
    stated = map(Requirement, metadata.get_all("Requires-Dist"))
    asked = {key(r) for r in stated if r.marker is None or r.marker.evaluate({"extra": extra})}
    assert asked == set.union(*map(requirements, files))
    # tensorflow-cpu has the files of tensorflow: one would be laid over the other
    assert {name for name, *_ in asked if name.startswith("tensorflow")} == {"tensorflow"}


def test_the_package_says_which_python_it_needs_and_its_license(metadata):
    allowed = SpecifierSet(metadata["Requires-Python"])
    versions = ["3.10.9", "3.11.0", "3.12.4", "3.13.9", "3.14.0"]
    assert list(allowed.filter(versions)) == ["3.11.0", "3.12.4", "3.13.9"]
    assert metadata["License-Expression"] == "MIT"
    assert (ROOT / "LICENSE").read_text(encoding="utf-8").startswith("MIT License")


def test_the_workflow_tests_as_make_does_with_every_python_allowed(metadata):
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text(encoding="utf-8")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"python (-m pytest .*)", workflow)[1] in makefile
    minors = [f"3.{minor}" for minor in range(30)]
    allowed = list(SpecifierSet(metadata["Requires-Python"]).filter(minors))
    assert re.search(r"python: \[(.*)\]", workflow)[1] == ", ".join(f'"{v}"' for v in allowed)
    python = "Programming Language :: Python :: "
    stated = [c.removeprefix(python) for c in metadata.get_all("Classifier") if python in c]
    assert stated == allowed


# ------------------------------------------------------------------------------ installed


@pytest.fixture(params=["faceswap-toolkit", "python -m faceswap_toolkit"])
def program(request, installed):
    """The two ways to start the installed program: (what it calls itself, the command)."""
    if request.param == "faceswap-toolkit":
        return request.param, [installed.programs / request.param]
    return request.param, [installed.python, "-m", "faceswap_toolkit"]


def test_the_command_works_from_anywhere(program, installed):
    name, command = program
    assert installed.do(*command, "--version") == f"faceswap-toolkit {VERSION}\n"
    assert f"usage: {name} STAGE" in installed.do(*command, "--help")
    for stage in ("extract", "train", "weights", "util pack"):
        said = installed.do(*command, *stage.split(), "--help")
        assert f"usage: {name} {stage}" in " ".join(said.split())


def test_a_folder_of_the_same_name_where_it_is_started_does_no_harm(installed, program):
    (installed.elsewhere / "utils").mkdir(exist_ok=True)
    (installed.elsewhere / "utils" / "__init__.py").write_text("raise SystemExit('not mine')")
    assert VERSION in installed.do(*program[1], "--version")
    shutil.rmtree(installed.elsewhere / "utils")


def importable(environment):
    """Which of the program's modules another program of the environment could import."""
    names = {*PACKAGES, "main"} - {"tools"}  # one of the libraries brings a module of this name
    code = f"from importlib.util import find_spec; print(*filter(find_spec, {sorted(names)}))"
    return environment.do(environment.python, "-c", code).split()


def test_the_environment_gains_one_name(installed):
    gained = {path.name for path in installed.site.iterdir()} - {"libraries.pth"}
    assert gained == {"faceswap_toolkit", f"faceswap_toolkit-{VERSION}.dist-info"}
    assert importable(installed) == []


def test_extract_and_its_child_process_work_from_anywhere(installed, program, astronaut, tmp_path):
    (tmp_path / "frames").mkdir()
    cv2.imwrite(str(tmp_path / "frames" / "0.png"), astronaut)
    folders = ["--input-dir", tmp_path / "frames", "--output-dir", tmp_path / "aligned"]
    installed.do(*program[1], "extract", "--no-ask", *folders)
    assert len(Faceset.open(tmp_path / "aligned")) == 1


def test_weights_go_into_the_users_folder(installed):
    code = (
        "import sys; from faceswap_toolkit.__main__ import ROOT; sys.path.insert(0, str(ROOT)); "
        "import os; os.environ.pop('FACESWAP_WEIGHTS', None); "
        "from facelib.weights import weights_folder; print(weights_folder())"
    )
    folder = Path(installed.do(installed.python, "-c", code).strip())
    assert folder.parts[-2:] == ("faceswap-toolkit", "weights")
    assert not folder.is_relative_to(installed.site)
    assert not folder.is_relative_to(ROOT)


# ------------------------------------------------------------------------------ editable


def test_an_editable_install_shows_what_is_edited(tmp_path):
    checkout = copy_of_the_checkout(tmp_path / "checkout")
    environment = Environment(tmp_path / "environment")
    environment.install("--editable", checkout)
    command = environment.programs / "faceswap-toolkit"
    assert environment.do(command, "--version") == f"faceswap-toolkit {VERSION}\n"
    assert not (environment.site / "faceswap_toolkit").exists(), "a copy would hide what is edited"

    for file, old, new in [
        ("utils/stages.py", "find faces in footage", "an edited message"),
        ("pyproject.toml", f'version = "{VERSION}"', 'version = "99.1"'),
    ]:
        path = checkout / file
        text = path.read_text(encoding="utf-8")
        assert old in text
        path.write_text(text.replace(old, new), encoding="utf-8")
    assert "an edited message" in environment.do(command, "--help")
    assert environment.do(command, "--version") == "faceswap-toolkit 99.1\n"

    assert importable(environment) == []

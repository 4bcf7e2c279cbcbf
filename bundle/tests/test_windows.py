"""A Windows bundle: what its DLLs import, and what of it runs in wine."""

import pytest

from bundle import imports
from bundle.runtimes import exports, is_64_bit_windows
from bundle.systems import SYSTEMS
from bundle.tests.chroots import BUNDLE
from bundle.tests.conftest import make_clips

PLACE = f"Z:\\{BUNDLE}\\"
PYTHON, MAIN = PLACE + r"python\python.exe", PLACE + r"app\main.py"


def test_every_imported_dll_is_there_or_of_windows(windows_folder):
    assert not imports.unresolved(windows_folder)


def test_the_interpreter_is_for_64_bits(windows_folder):
    assert is_64_bit_windows(windows_folder / SYSTEMS["windows"].executable)


def test_the_stable_interface_is_complete(windows_folder):
    python = windows_folder / "python"
    names = {name for name in exports(python / "python311.dll") if "Py" in name[:3]}
    assert names == set(exports(python / "python3.dll"))
    assert {"PyModule_Create2", "PyType_FromSpec", "Py_DecRef"} <= names


def test_help(windows):
    windows.run("wine", PYTHON, MAIN, "--help")
    done = windows.run("wine", PYTHON, MAIN, "--help")
    print(f"--help in wine: {done.seconds:.1f} s")
    assert done.status == 0, done.said
    assert "extract" in done.said


def test_it_is_as_shipped(windows):
    done = windows.run("wine", PYTHON, PLACE + r"app\check_bundle.py")
    print(f"check in wine: {done.seconds:.1f} s")
    assert done.status == 0, done.said


def test_other_pythons_do_not_matter(windows):
    variables = ("env", "PYTHONPATH=Z:\\nowhere", "PYTHONHOME=Z:\\nowhere")
    program = "import sys; print(*map(ascii, sys.path), sep='\\n')"
    done = windows.run(*variables, "wine", PYTHON, "-c", program)
    assert done.status == 0
    assert all(line.startswith(ascii(PLACE)[:-1]) for line in done.said.splitlines())


@pytest.fixture(scope="module")
def way(windows):
    """What each step of the way said, in a workspace with two clips."""
    folder = windows.folder / "work" / "way"
    make_clips(folder)
    said = {}
    for command in (
        "extract src --no-ask --every 2",
        "extract dst --no-ask",
        "sort src --by hist --no-ask",
        "train --no-ask --no-preview --batch-size 2 --target-iter 2",
        "convert --no-ask",
        "verify result.mp4",
    ):
        done = windows.run("wine", PYTHON, MAIN, *command.split(), cwd="/work/way")
        print(f"{command}, in wine: {done.seconds:.0f} s, status {done.status}")
        said[command.split()[0]] = done
    return folder, said


@pytest.mark.parametrize("step", ["extract", "sort", "train", "convert"])
def test_a_step_runs_in_wine(way, step):
    done = way[1][step]
    assert done.status == 0, done.said


def test_the_result_is_there(way):
    folder, said = way
    assert len(list((folder / "data_dst" / "aligned").glob("*.png"))) == 8
    assert (folder / "result.mp4").stat().st_size > 1000
    assert "result.mp4" in said["verify"].said

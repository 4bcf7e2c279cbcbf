"""What a machine lacks is one sentence before heavy libraries load."""

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from utils import machine
from utils.errors import UserError, sentence

ROOT = Path(__file__).parent.parent
STAGES = ("extract", "train", "convert")


@pytest.fixture
def intel(monkeypatch):
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(sys, "platform", "linux")


def cpu(monkeypatch, tmp_path, flags):
    text = f"processor\t: 0\nmodel name\t: test\n{flags}\nprocessor\t: 1\n"
    (tmp_path / "cpuinfo").write_text(text, encoding="utf-8")
    monkeypatch.setattr(machine, "CPU_INFO", tmp_path / "cpuinfo")


@pytest.mark.usefixtures("intel")
@pytest.mark.parametrize(
    ("flags", "enough"),
    [
        ("flags\t\t: fpu sse4_2 avx avx2", True),
        ("flags\t\t: fpu sse4_2", False),
        ("flags\t\t: fpu avx512_none", False),
        ("", True),  # no word of it: do not refuse
    ],
)
def test_a_processor_without_avx_is_refused(monkeypatch, tmp_path, flags, enough):
    cpu(monkeypatch, tmp_path, flags)
    monkeypatch.setattr(machine, "load_opencv", lambda: None)
    if enough:
        machine.check()
    else:
        with pytest.raises(UserError, match="no AVX"):
            machine.check()


def test_other_processors_need_none(monkeypatch, tmp_path):
    cpu(monkeypatch, tmp_path, "flags\t\t: fpu")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    assert machine.has_avx()


@pytest.mark.parametrize(
    ("flags", "there"),
    [
        ("flags\t\t: fpu avx512_bf16 amx_bf16 amx_tile", True),
        ("flags\t\t: fpu avx2", False),
        ("", False),
    ],
)
def test_matrix_units_count_only_where_the_system_tells_of_them(
    monkeypatch, tmp_path, flags, there
):
    cpu(monkeypatch, tmp_path, flags)
    assert machine.has_amx() == there


@pytest.mark.skipif(sys.platform != "linux", reason="the dynamic linker of Linux")
def test_a_missing_library_of_opencv_is_named(monkeypatch, tmp_path):
    """A file that is no library stands for one whose libraries are missing."""
    (tmp_path / "cv2").mkdir()
    (tmp_path / "cv2" / "__init__.py").touch()
    (tmp_path / "cv2" / "cv2.abi3.so").write_bytes(b"nothing")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "cv2", raising=False)
    with pytest.raises(UserError, match=r"OpenCV cannot be loaded.*apt-get install libgl1"):
        machine.load_opencv()


def test_a_late_miss_is_no_defect_of_the_program():
    problem = ImportError("libGL.so.1: cannot open shared object file: No such file or directory")
    assert sentence(problem).startswith("the system library libGL.so.1 is not installed; on Debian")


@pytest.mark.parametrize("stage", STAGES)
def test_stages_check_first(tmp_path, stage):
    """The refusal comes before TensorFlow or OpenCV are loaded."""
    folders = {
        "train": ["--training-data-src-dir", "--training-data-dst-dir", "--model-dir"],
        "convert": ["--input-dir", "--output-dir", "--aligned-dir", "--model-dir"],
        "extract": ["--input-dir", "--output-dir"],
    }
    words = [word for flag in folders[stage] for word in (flag, str(tmp_path))]
    program = f"""
import sys
from utils import machine
machine.has_avx = lambda: False
import main
status = main.main({[stage, *words, "--no-ask"]!r})
assert not {{"tensorflow", "cv2"}} & set(sys.modules), "loaded"
sys.exit(status)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "no AVX" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1

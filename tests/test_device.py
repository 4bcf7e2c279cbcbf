"""Choosing a processor before TensorFlow is imported."""

import os
import subprocess
import sys

import pytest

from utils import device
from utils.errors import UsageError
from utils.stage_options import DeviceOptions


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    os.environ.pop("CUDA_VISIBLE_DEVICES", None)


def test_without_a_wish_the_users_choice_stands():
    os.environ["CUDA_VISIBLE_DEVICES"] = "1"
    device.select(DeviceOptions())
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"


def test_cpu_only_hides_every_gpu():
    device.select(DeviceOptions(cpu_only=True))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"


def test_a_forced_gpu_is_counted_among_those_the_user_shows():
    device.select(DeviceOptions(force_gpu_idx=2))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "2"
    os.environ["CUDA_VISIBLE_DEVICES"] = "4, 7"
    device.select(DeviceOptions(force_gpu_idx=1))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "7"
    os.environ["CUDA_VISIBLE_DEVICES"] = "4,7"
    with pytest.raises(UsageError, match=r"leaves 2 GPU.*Received: 2"):
        device.select(DeviceOptions(force_gpu_idx=2))


def test_choosing_imports_nothing_heavy():
    code = (
        "import sys; from utils import device; from utils.stage_options import DeviceOptions; "
        "device.select(DeviceOptions()); "
        "assert not {'numpy', 'tensorflow', 'keras', 'cv2'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.slow  # test_straight_way.py sees every stage
def test_loading_tensorflow_and_litert_prints_our_line_only():
    code = (
        "from utils import device, native_output; native_output.silence(); "
        "from utils.stage_options import DeviceOptions; "
        "from models.engine import engine; "
        "device.select(DeviceOptions(cpu_only=True)); engine().tune(); "
        "from facelib.landmarkers.mesh import Mesh; Mesh(); "
        "import sys; print('still here', file=sys.stderr)"
    )
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, env=environment
    )
    assert result.stderr.splitlines() == ["loading TensorFlow ...", "still here"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_the_allocator_accepts_its_settings():
    code = "from utils import allocator as a; assert a.keep_buffers() and a.keep_everything()"
    subprocess.run([sys.executable, "-c", code], check=True)

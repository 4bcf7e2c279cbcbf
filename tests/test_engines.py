"""Which engine runs the networks: the choice, what is said of it, and what is refused."""

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from trainer.options import for_arguments, to_save
from utils import console, device, engines, gpus, requirements
from utils.errors import UsageError, UserError, sentence
from utils.options import EngineOptions, resolve

ROOT = Path(__file__).parent.parent
CPU_TENSORFLOW = "build_info = OrderedDict([('is_cuda_build', False), ('is_rocm_build', False)])"
CUDA_TENSORFLOW = (
    "build_info = OrderedDict([('cpu_compiler', 'x'), ('cuda_version', '12.5.1'), "
    "('is_cuda_build', True), ('is_rocm_build', False)])"
)
TORCH = (
    "__version__ = 'x'\ncuda: Optional[str] = {}\nhip: Optional[str] = {}\nxpu: Optional[str] = {}"
)
CPU_TORCH = TORCH.format(None, None, None)
CUDA_TORCH = TORCH.format("'13.0'", None, None)
ROCM_TORCH = TORCH.format(None, "'7.2.53211'", None)
XPU_TORCH = TORCH.format(None, None, "'20250301'")


@pytest.fixture
def here(monkeypatch):
    """Make this another machine: its system, its GPUs, the texts that tell of its engines."""
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in (engines.VARIABLE, "KERAS_TORCH_DEVICE", *gpus.VISIBLE.values()):
        os.environ.pop(name, None)

    def become(system="linux", there=(), **installed):
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setattr(gpus, "_installed", lambda: frozenset(there))
        monkeypatch.setattr(requirements, "is_installed", installed.__contains__)
        monkeypatch.setattr(engines, "_text", lambda package, _: installed[package])

    return become


@pytest.fixture
def with_cuda(monkeypatch):
    """Install what `tensorflow[and-cuda]` brings."""
    found = metadata.distribution
    monkeypatch.setattr(
        metadata, "distribution", lambda name: name == "nvidia-cudnn-cu12" or found(name)
    )


def chosen(**options):
    return engines.choose(EngineOptions(**options)).name


BOTH = {"tensorflow": CPU_TENSORFLOW, "torch": CPU_TORCH}


def test_without_a_gpu_it_is_tensorflow_and_pytorch_where_that_is_alone(here):
    here(**BOTH)
    assert chosen() == "tensorflow"
    here(torch=CPU_TORCH)
    assert chosen() == "torch"


@pytest.mark.parametrize(
    ("system", "maker", "torch"),
    [
        ("linux", gpus.NVIDIA, CUDA_TORCH),
        ("win32", gpus.NVIDIA, CUDA_TORCH),
        ("linux", gpus.AMD, ROCM_TORCH),
        ("win32", gpus.AMD, ROCM_TORCH),
        ("linux", gpus.INTEL, XPU_TORCH),
        ("darwin", gpus.APPLE, CPU_TORCH),
    ],
)
def test_a_gpu_that_only_pytorch_can_use_decides(here, system, maker, torch):
    here(system, [maker], tensorflow=CUDA_TENSORFLOW, torch=torch)
    assert engines.usable_gpus("torch") == {maker}
    assert chosen() == "torch"
    assert chosen(cpu_only=True) == "tensorflow"
    here(system, [maker], **BOTH | ({"torch": ""} if system == "darwin" else {}))
    assert (chosen(), engines.has_gpu()) == ("torch", True) if system == "darwin" else (
        "tensorflow", False,
    )  # fmt: skip


@pytest.mark.usefixtures("with_cuda")
def test_on_nvidias_under_linux_tensorflow_stays_the_default(here):
    here(there=[gpus.NVIDIA], tensorflow=CUDA_TENSORFLOW, torch=CUDA_TORCH)
    assert chosen() == "tensorflow"
    here("win32", [gpus.NVIDIA], tensorflow=CUDA_TENSORFLOW, torch=CUDA_TORCH)
    assert chosen() == "torch"


def test_tensorflow_without_the_libraries_of_cuda_leaves_the_gpu_to_pytorch(here, monkeypatch):
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    here(there=[gpus.NVIDIA], tensorflow=CUDA_TENSORFLOW, torch=CUDA_TORCH)
    assert chosen() == "torch"
    monkeypatch.setattr("ctypes.util.find_library", {"cudnn": "libcudnn.so.9"}.get)
    assert chosen() == "tensorflow"


def test_a_gpu_that_is_hidden_does_not_decide(here):
    here(there=[gpus.NVIDIA], tensorflow=CPU_TENSORFLOW, torch=CUDA_TORCH)
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    assert (chosen(), engines.choose(EngineOptions()).note) == ("tensorflow", "")


def test_a_gpu_that_is_not_used_is_said(here, monkeypatch):
    here(there=[gpus.NVIDIA, gpus.INTEL], **BOTH)
    warned = []
    monkeypatch.setattr(console, "warn", warned.append)
    device.select(EngineOptions())
    device.select(EngineOptions(cpu_only=True))
    assert warned == [
        "the installed TensorFlow cannot use this machine's NVIDIA GPU; see docs/gpu.md"
    ]
    assert (ROOT / "docs" / "gpu.md").is_file()
    here(there=[gpus.INTEL], **BOTH)
    assert engines.choose(EngineOptions()).note == ""


def test_the_wish_of_the_user_stands(here):
    here(**BOTH)
    assert chosen(engine="torch") == "torch"
    os.environ["KERAS_BACKEND"] = "torch"
    assert chosen() == "torch"
    assert chosen(engine="tensorflow") == "tensorflow"
    os.environ["KERAS_BACKEND"] = "jax"
    with pytest.raises(UsageError, match=r"tensorflow or torch\. Received: jax"):
        chosen()


def test_an_engine_that_is_not_installed_is_refused_with_its_requirements(here):
    here(tensorflow=CPU_TENSORFLOW)
    with pytest.raises(UserError, match=r"PyTorch is not installed.*requirements-torch\.txt"):
        chosen(engine="torch")
    here(torch=CPU_TORCH)
    with pytest.raises(UserError, match=r"TensorFlow is not installed.*requirements-cpu\.txt"):
        chosen(engine="tensorflow")
    here()
    with pytest.raises(UserError, match="neither TensorFlow nor PyTorch is installed"):
        chosen()


@pytest.mark.parametrize(
    ("module", "how"),
    [
        ("torch", "requirements-torch.txt"),
        ("ray", "requirements-cluster.txt"),
        ("av", "requirements-torch.txt"),
    ],
)
def test_what_is_missing_is_named_with_the_file_that_brings_it(here, monkeypatch, module, how):
    here(torch=CPU_TORCH)
    problem = ModuleNotFoundError(f"No module named '{module}.x'", name=f"{module}.x")
    assert re.search(rf"^{module} is not installed; run: .*{how}", sentence(problem))
    assert (ROOT / how).is_file()
    monkeypatch.setattr(requirements.program, "is_checkout", lambda: False)
    assert "faceswap-toolkit" in sentence(problem)


def test_a_missing_module_of_ours_is_a_defect():
    problem = ModuleNotFoundError("No module named 'utils.x'", name="utils.x")
    assert "defect" in sentence(problem)


def test_devices_are_hidden_and_chosen_for_each_maker(here):
    here(there=[gpus.AMD], torch=ROCM_TORCH)
    device.select(EngineOptions(force_gpu_idx=1))
    assert os.environ["KERAS_BACKEND"] == "torch"
    assert os.environ["HIP_VISIBLE_DEVICES"] == "1"
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    device.select(EngineOptions(cpu_only=True))
    assert [os.environ[name] for name in ("HIP_VISIBLE_DEVICES", "KERAS_TORCH_DEVICE")] == [
        "-1", "cpu",
    ]  # fmt: skip
    here("darwin", [gpus.APPLE], torch=CPU_TORCH)
    device.select(EngineOptions(force_gpu_idx=0))
    with pytest.raises(UsageError, match="Expected 0, the only GPU"):
        device.select(EngineOptions(force_gpu_idx=1))


def test_drivers_are_told_by_their_files(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(gpus, "PCI_VENDORS", f"{tmp_path}/renderD*/device/vendor")
    patterns = {gpus.NVIDIA: (f"{tmp_path}/nvidia[0-9]*",), gpus.AMD: (f"{tmp_path}/kfd",)}
    monkeypatch.setattr(gpus, "DRIVERS", {"linux": patterns})
    found = gpus._installed.__wrapped__
    (tmp_path / "nvidiactl").touch()
    assert found() == frozenset()
    (tmp_path / "nvidia1").touch()
    assert found() == {gpus.NVIDIA}
    (tmp_path / "renderD128" / "device").mkdir(parents=True)
    (tmp_path / "renderD128" / "device" / "vendor").write_text("0x8086\n")
    assert found() == {gpus.NVIDIA, gpus.INTEL}


def test_the_engine_is_saved_with_nothing(tmp_path):
    words = ["--model-dir", str(tmp_path / "model")]
    cls = for_arguments(words)
    paths = dict.fromkeys(("training_data_src_dir", "training_data_dst_dir"), tmp_path)
    given = paths | {"model_dir": tmp_path / "model", "engine": "torch"}
    assert "engine" not in to_save(resolve(cls, given))


@pytest.mark.slow  # imports one
def test_the_installed_engines_tell_the_truth_of_themselves():
    """What their files say is what they say when they are imported."""
    said = "import sys; import {0}; print({1})"
    facts = {
        "tensorflow": "int(tensorflow.test.is_built_with_cuda())",
        "torch": "int(torch.version.cuda is not None)",
    }
    name = next(name for name in reversed(facts) if requirements.is_installed(name))
    done = subprocess.run(
        [sys.executable, "-c", said.format(name, facts[name])],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    builds = engines._tensorflow_builds if name == "tensorflow" else engines._torch_builds
    assert int(done.stdout) == (gpus.NVIDIA in builds())

"""Which engine `--engine auto` takes, from what is installed and whose GPU is there."""

import os
from importlib.machinery import ModuleSpec

import pytest

from utils import device, engines, gpus, requirements
from utils.errors import UsageError, UserError
from utils.stage_options import EngineOptions

FILES = {
    "tensorflow": "python/platform/build_info.py",
    "torch": "version.py",
}
CPU = {"tensorflow": "'is_cuda_build', False", "torch": "cuda: Optional[str] = None\nhip = None"}
CUDA = {
    "tensorflow": "'is_rocm_build', False), ('is_cuda_build', True), ('cuda_version', '12.9.1')",
    "torch": "cuda: str | None = '13.0'\nhip: str | None = None",
}
ROCM = {"tensorflow": "'is_rocm_build', True", "torch": "cuda = None\nhip: str | None = '7.2.1'"}


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setattr(os, "environ", os.environ.copy())
    for name in (*gpus.VISIBLE.values(), engines.VARIABLE, "KERAS_TORCH_DEVICE"):
        os.environ.pop(name, None)


@pytest.fixture
def machine(monkeypatch, tmp_path):
    """Sets whose GPUs there are and what is installed, built how."""

    def be(makers=(), **built):
        for name, text in built.items():
            path = tmp_path / name / FILES[name]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

        def find(name):
            origin = str(tmp_path / name / "__init__.py")
            return ModuleSpec(name, None, origin=origin) if name in built else None

        monkeypatch.setattr(engines, "find_spec", find)
        monkeypatch.setattr(requirements, "is_installed", built.__contains__)
        monkeypatch.setattr(engines, "_has_cuda", lambda built: True)
        monkeypatch.setattr("sys.platform", "linux")
        monkeypatch.setattr(gpus, "_installed", lambda: frozenset(makers))

    return be


def chosen(**options):
    return engines.choose(EngineOptions(**options))


@pytest.mark.parametrize(
    ("makers", "tensorflow", "torch", "expected"),
    [
        ([], CPU, CPU, "tensorflow"),
        ([], None, CPU, "torch"),
        ([gpus.NVIDIA], CUDA, CUDA, "tensorflow"),
        ([gpus.NVIDIA], CPU, CUDA, "torch"),
        ([gpus.AMD], CUDA, ROCM, "torch"),
        ([gpus.AMD], ROCM, CUDA, "tensorflow"),
        ([gpus.AMD, gpus.NVIDIA], CUDA, ROCM, "tensorflow"),
        ([gpus.INTEL], CPU, CPU, "tensorflow"),
    ],
)
def test_a_gpu_decides_then_what_is_installed(machine, makers, tensorflow, torch, expected):
    built = {"tensorflow": tensorflow, "torch": torch}
    machine(makers, **{name: texts[name] for name, texts in built.items() if texts})
    assert chosen() == (expected, "")


def test_a_gpu_that_is_not_used_is_named_unless_that_is_wanted(machine):
    machine([gpus.NVIDIA, gpus.INTEL], tensorflow=CPU["tensorflow"])
    assert "the installed TensorFlow cannot use this machine's NVIDIA GPU" in chosen().note
    assert chosen(cpu_only=True) == ("tensorflow", "")


@pytest.mark.parametrize("hides", ["-1", ""])
def test_a_gpu_that_the_user_hides_is_none(machine, hides):
    machine([gpus.NVIDIA], tensorflow=CPU["tensorflow"], torch=CUDA["torch"])
    assert chosen().name == "torch"
    os.environ["CUDA_VISIBLE_DEVICES"] = hides
    assert chosen() == ("tensorflow", "")
    if not hides:
        with pytest.raises(UsageError, match=r"leaves 0 GPU.*Received: 0"):
            device.select(EngineOptions(engine="torch", force_gpu_idx=0))


def test_what_the_user_names_is_taken_or_refused(machine):
    machine([gpus.NVIDIA], tensorflow=CPU["tensorflow"], torch=CUDA["torch"])
    assert chosen(engine="tensorflow").name == "tensorflow"
    os.environ["KERAS_BACKEND"] = "tensorflow"
    assert chosen().name == "tensorflow"
    assert chosen(engine="torch").name == "torch"
    os.environ["KERAS_BACKEND"] = "jax"
    with pytest.raises(UsageError, match=r"KERAS_BACKEND: Expected tensorflow or torch.*jax"):
        chosen()


def test_an_engine_that_is_not_installed_is_refused(machine):
    machine(tensorflow=CPU["tensorflow"])
    with pytest.raises(UserError, match=r"PyTorch is not installed; run: .*torch"):
        chosen(engine="torch")
    machine()
    with pytest.raises(UserError, match="neither TensorFlow nor PyTorch is installed"):
        chosen()


@pytest.mark.parametrize(
    ("maker", "variable"),
    [(gpus.NVIDIA, "CUDA_VISIBLE_DEVICES"), (gpus.AMD, "HIP_VISIBLE_DEVICES")],
)
def test_one_gpu_is_shown_by_the_variable_of_its_maker(machine, maker, variable):
    machine([maker], torch=(CUDA if maker == gpus.NVIDIA else ROCM)["torch"])
    device.select(EngineOptions(force_gpu_idx=1))
    assert os.environ[variable] == "1"
    device.select(EngineOptions(cpu_only=True))
    assert os.environ[variable] == "-1"
    assert os.environ["KERAS_TORCH_DEVICE"] == "cpu"

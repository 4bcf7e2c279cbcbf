"""A GPU that the installed PyTorch has no code for is refused in a sentence."""

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

import torch

from models.engine.torch import capability
from utils.errors import UserError

CUDA_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]
CUDA_12 = ["sm_50", "sm_60", "sm_70", "sm_75", "sm_80", "sm_86", "sm_90"]
ROCM = ["gfx90a", "gfx1100", "gfx1201"]


@pytest.mark.parametrize(
    ("gpu", "built", "word"),
    [
        ((7, 5), CUDA_13, None),
        ((8, 9), CUDA_13, None),  # binaries of 8.6 run on 8.9
        ((12, 1), CUDA_13, None),
        ((13, 0), CUDA_13, None),  # compiled by the driver from what is portable
        ((6, 1), CUDA_12, None),
        ((6, 1), CUDA_13, "too old .* knows 7.5 to 12.0; .*CUDA 12.6"),
        ((12, 0), CUDA_12, "too new .* knows 5.0 to 9.0; .*newest"),
        ((11, 0), CUDA_12, "too new"),
        ((9, 0), ["sm_90a"], None),
        ((6, 1), [], None),
    ],
)
def test_what_was_compiled_decides(monkeypatch, gpu, built, word):
    for name, found in {
        "is_available": True, "device_count": 1, "get_arch_list": built,
        "get_device_name": "GTX", "get_device_capability": gpu,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, lambda *_, found=found: found)
    if word is None:
        capability.check()
    else:
        with pytest.raises(UserError, match=f"the GTX, of .*{word}"):
            capability.check()


def test_amds_gpus_go_by_their_architecture():
    capability.check_amd("RX 7900", "gfx1100:sramecc-:xnack-", ROCM)
    with pytest.raises(UserError, match=r"RX 6600, gfx1032, .*gfx90a, gfx1100.*--cpu-only"):
        capability.check_amd("RX 6600", "gfx1032", ROCM)


def test_a_processor_is_no_gpu():
    capability.check()

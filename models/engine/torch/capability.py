"""Whether a GPU can run what the installed PyTorch was compiled for; else it dies in mid-step."""

import re
from collections.abc import Sequence

import torch

from utils.errors import UserError

Capability = tuple[int, int]


def check() -> None:
    """Refuse NVIDIA's and AMD's GPUs that the installed PyTorch has no code for.

    Raises
    ------
    UserError
        If there is one.
    """
    if not torch.cuda.is_available():
        return
    built = torch.cuda.get_arch_list()
    for number in range(torch.cuda.device_count()):
        name = torch.cuda.get_device_name(number)
        if torch.version.hip is not None:
            properties = torch.cuda.get_device_properties(number)
            check_amd(name, properties.gcnArchName, built)
        else:
            check_nvidia(name, torch.cuda.get_device_capability(number), built)


def check_nvidia(name: str, capability: Capability, built: Sequence[str]) -> None:
    """Refuse a GPU of NVIDIA's.

    Parameters
    ----------
    built : sequence of str
        What PyTorch was compiled for: "sm_86" runs on 8.6 up to 8.9, and "compute_90", which the
        driver compiles further, on 9.0 and everything newer.

    Raises
    ------
    UserError
        If nothing of that runs on it.
    """
    binaries, portable = _capabilities(built, "sm"), _capabilities(built, "compute")
    fits = any(each[0] == capability[0] and each <= capability for each in binaries)
    if fits or any(each <= capability for each in portable) or not built:
        return
    oldest, newest = min([*binaries, *portable]), max([*binaries, *portable])
    old = capability < oldest
    advice = "its wheel for CUDA 12.6 goes back to 5.0" if old else "take its newest wheel"
    raise UserError(
        f"the {name}, of compute capability {_text(capability)}, is too {'old' if old else 'new'} "
        f"for the installed PyTorch {torch.__version__}, which knows {_text(oldest)} to "
        f"{_text(newest)}; {advice} (docs/gpu.md), or use --cpu-only"
    )


def check_amd(name: str, architecture: str, built: Sequence[str]) -> None:
    """Refuse a GPU of AMD's whose architecture, "gfx1100:xnack-", is none of those in PyTorch.

    Raises
    ------
    UserError
        If it is not.
    """
    kind = architecture.partition(":")[0]
    if built and kind not in built:
        raise UserError(
            f"the {name}, {kind}, is none of the GPUs that the installed PyTorch "
            f"{torch.__version__} was made for: {', '.join(built)}; see docs/gpu.md, or use "
            "--cpu-only"
        )


def _capabilities(built: Sequence[str], kind: str) -> list[Capability]:
    """Return what is compiled as one kind: (12, 0) of "sm_120", (9, 0) of "sm_90a"."""
    found = [re.fullmatch(rf"{kind}_(\d+)(\d)[a-z]?", each) for each in built]
    return [(int(match[1]), int(match[2])) for match in found if match]


def _text(capability: Capability) -> str:
    return "{}.{}".format(*capability)

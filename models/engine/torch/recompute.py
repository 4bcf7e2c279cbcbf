"""Parts of networks that are computed twice, so that their tensors need not be kept."""

from collections.abc import Callable

import torch.utils.checkpoint

from models.backend import Tensor


def recomputed(
    function: Callable[[list[Tensor]], list[Tensor]], inputs: list[Tensor]
) -> list[Tensor]:
    """See `Engine.recomputed`."""

    def compute(*given: Tensor) -> tuple[Tensor, ...]:
        return tuple(function(list(given)))

    found = torch.utils.checkpoint.checkpoint(
        compute, *inputs, use_reentrant=False, preserve_rng_state=False
    )
    return list(found)

"""NumPy arrays to tensors on the device that computes, and back."""

import keras
import numpy as np
import torch

from models.backend import Tensor
from models.base import Batch


def to_tensors(batch: Batch) -> Batch:
    """Return a NumPy batch as tensors of the same type."""
    return batch.map(_to_device)


def to_float(array: np.ndarray | float) -> Tensor:
    """Return images of bytes as 0..1, other numbers as they are, as float32 tensors."""
    array = np.asarray(array)
    scale = 1 / 255 if array.dtype == np.uint8 else 1
    return _to_device(array).to(torch.float32) * scale


def to_array(tensor: Tensor | None) -> np.ndarray | None:
    """Return a tensor as a float32 array; None for None."""
    return None if tensor is None else tensor.detach().float().cpu().numpy()


def _to_device(array: np.ndarray) -> Tensor:
    """Move an array, on NVIDIA's GPUs while the program goes on."""
    device = keras.ops.zeros(()).device
    tensor = torch.from_numpy(np.ascontiguousarray(array))
    if device.type == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)

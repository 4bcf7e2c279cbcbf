"""Training, and what models can be trained for."""

from models.base import MASK, SWAP
from utils.registry import Registry

TASKS = Registry(
    "task",
    {
        SWAP: ("trainer.swap_task:SwapTask", "put one person's face into another's footage"),
        MASK: ("trainer.mask_task:MaskTask", "tell where a face is visible"),
    },
)

"""Training, and what models can be trained for."""

from models.base import MASK, SWAP
from utils.registry import Registry

PRETRAIN = "pretrain"
"""What a model of the task SWAP can be trained for before."""

TASKS = Registry(
    "task",
    {
        SWAP: ("trainer.swap_task:SwapTask", "put one person's face into another's footage"),
        PRETRAIN: (
            "trainer.pretrain_task:PretrainTask",
            "learn what faces are, from many people, as a base for pairs",
        ),
        MASK: ("trainer.mask_task:MaskTask", "tell where a face is visible"),
    },
)

"""The models, by name."""

from utils.registry import Registry

MODELS = Registry(
    "model",
    {
        "H64": ("models.h64:H64", "half face, 64 pixels: the lightest, trains on a CPU"),
    },
)

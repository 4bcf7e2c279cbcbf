"""The models, by name."""

from utils.registry import Registry

MODELS = Registry(
    "model",
    {
        "Quick96": (
            "models.quick96:Quick96",
            "full face, 96 pixels: for a CPU, a good swap in half an hour",
        ),
        "H64": ("models.h64:H64", "half face, 64 pixels: the lightest, trains on a CPU"),
        "H128": ("models.h128:H128", "half face, 128 pixels: H64 with more detail"),
        "DF": ("models.df:DF", "full face, 128 pixels: natural where the two heads are alike"),
        "LIAEF128": (
            "models.liaef128:LIAEF128",
            "full face, 128 pixels: compensates for heads of different shape",
        ),
        "SAE": ("models.sae:SAE", "full or half face, 64 to 256 pixels: configurable sizes"),
    },
)

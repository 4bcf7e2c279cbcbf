"""The models, by name."""

from utils.registry import Registry

MODELS = Registry(
    "model",
    {
        "Quick96": (
            "models.quick96:Quick96",
            "full face, 96 pixels: the lightest; on a CPU a soft swap in half an hour",
        ),
        "H64": ("models.h64:H64", "half face, 64 pixels: DeepFaceLab's smallest of 2019"),
        "H128": ("models.h128:H128", "half face, 128 pixels: H64 with more detail"),
        "DF": ("models.df:DF", "full face, 128 pixels: natural where the two heads are alike"),
        "LIAEF128": (
            "models.liaef128:LIAEF128",
            "full face, 128 pixels: compensates for heads of different shape",
        ),
        "SAE": ("models.sae:SAE", "half, full or whole face, 64 to 256 pixels: configurable sizes"),
        "SAEHD": (
            "models.saehd:SAEHD",
            "half face to head, 64 to 640 pixels: DeepFaceLab's of 2020, with its variants",
        ),
        "AMP": (
            "models.amp:AMP",
            "half face to head, 64 to 640 pixels: how much of src is seen, conversion chooses",
        ),
        "MASK": (
            "models.mask:Mask",
            "no swap: learns from drawn labels where hands, hair or glasses hide the face",
        ),
    },
)

COST = (
    "on two CPU cores, Quick96 gives a soft swap in 25 minutes, H64 needs a night and the others "
    "days; in memory, Quick96 takes about 1.2 GB, H64 and SAEHD 3.5 GB, the others 5 GB or more"
)
"""How long the models train and what memory they take: README.md has the table."""

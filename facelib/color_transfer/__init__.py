"""Color transfers, by name: they give a face the colors of another one.

For conversion (`--color-transfer`) and for the samples of a training (`--train-color-transfer`).
"""

from utils.registry import Registry

COLORS = Registry(
    "color transfer",
    {
        "rct": (
            "facelib.color_transfer.rct:transfer",
            "mean and standard deviation of each Lab channel (Reinhard)",
        ),
        "lct": (
            "facelib.color_transfer.lct:transfer",
            "mean and covariance, by whitening and coloring; can shift hues",
        ),
        "mkl": (
            "facelib.color_transfer.mkl:transfer",
            "try first: mean and covariance with the least change of colors (Monge-Kantorovich)",
        ),
        "idt": (
            "facelib.color_transfer.idt:transfer",
            "the whole distribution (iterative distribution transfer)",
        ),
        "sot": (
            "facelib.color_transfer.sot:transfer",
            "the whole distribution in many small steps (sliced optimal transport)",
        ),
    },
)
"""Each entry is a function (face, source, reference) -> face: `facelib.color_transfer`."""

FIRST_COLORS = (
    "mkl first, or lct where src's footage is almost gray; if colors still differ idt or sot, "
    "which are slower (idt can amplify grain)"
)
"""Which to try, as `?` at a question says it."""

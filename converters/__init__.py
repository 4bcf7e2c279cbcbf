"""The ways of blending a face into a frame, of finding its mask and its colors, by name."""

from utils.registry import Registry

BLENDS = Registry(
    "mode",
    {
        "overlay": ("converters.blending.blender:Blend", "lay the predicted face over the frame"),
        "hist-match": (
            "converters.blending.hist_match:HistMatch",
            "give the face the frame's distribution of colors, then lay it over",
        ),
        "hist-match-bw": (
            "converters.blending.hist_match:HistMatchBw",
            "the same from a gray picture of the face, so that only its light counts",
        ),
        "seamless": (
            "converters.blending.seamless:Seamless",
            "keep the face's detail but take the colors at its edge from the frame",
        ),
        "seamless-hist-match": (
            "converters.blending.seamless:SeamlessHistMatch",
            "seamless, and then the frame's distribution of colors",
        ),
        "raw": (
            "converters.blending.raw:Raw",
            "what the model made, for other programs; see --raw-mode",
        ),
    },
)
"""Each holds a `converters.blending.blender.Blend`."""

MASKS = Registry(
    "mask type",
    {
        "predicted": ("converters.blending.mask:predicted_mask", "what the model thinks is face"),
        "hull": (
            "converters.blending.mask:hull_mask",
            "the area within the landmarks, brows to chin",
        ),
        "product": ("converters.blending.mask:product_mask", "where both say face"),
        "union": ("converters.blending.mask:union_mask", "where either says face"),
    },
)
"""Each holds a function (Swap) -> mask, (MASK_SIDE, MASK_SIDE) float32 0..1 in the crop."""

COLORS = Registry(
    "color transfer",
    {
        "rct": (
            "converters.color_transfer.rct:transfer",
            "mean and spread of each channel in Lab (Reinhard): robust, gentle",
        ),
        "lct": (
            "converters.color_transfer.lct:transfer",
            "mean and covariance, by the roots of both covariances: also tints that mix channels",
        ),
        "mkl": (
            "converters.color_transfer.mkl:transfer",
            "mean and covariance with the least change of colors (Monge, Kantorovich)",
        ),
        "idt": (
            "converters.color_transfer.idt:transfer",
            "the whole distribution, turned again and again (iterative distribution transfer)",
        ),
        "sot": (
            "converters.color_transfer.sot:transfer",
            "the whole distribution in many small steps (sliced optimal transport)",
        ),
    },
)
"""Each holds a function (face, seen, wanted) -> face: `converters.color_transfer.statistics`."""

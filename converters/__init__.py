"""The ways of blending a face into a frame, of finding its mask and its colours, by name."""

from utils.registry import Registry

BLENDS = Registry(
    "mode",
    {
        "overlay": ("converters.blend:Blend", "lay the predicted face over the frame"),
        "hist-match": (
            "converters.hist_match:HistMatch",
            "give the face the frame's distribution of colours, then lay it over",
        ),
        "hist-match-bw": (
            "converters.hist_match_bw:HistMatchBw",
            "the same from a grey picture of the face, so that only its light counts",
        ),
        "seamless": (
            "converters.seamless:Seamless",
            "keep the face's detail but take the colours at its edge from the frame",
        ),
        "seamless-hist-match": (
            "converters.seamless_hist_match:SeamlessHistMatch",
            "seamless, and then the frame's distribution of colours",
        ),
        "raw": ("converters.raw:Raw", "what the model made, for other programs; see --raw-mode"),
    },
)
"""Each holds a `converters.blend.Blend`."""

MASKS = Registry(
    "mask type",
    {
        "predicted": ("converters.mask:predicted_mask", "what the model thinks is face"),
        "hull": ("converters.mask:hull_mask", "the area within the landmarks, brows to chin"),
        "product": ("converters.mask:product_mask", "where both say face"),
        "union": ("converters.mask:union_mask", "where either says face"),
    },
)
"""Each holds a function (Swap) -> mask, (MASK_SIDE, MASK_SIDE) float32 0..1 in the crop."""

COLORS = Registry(
    "colour transfer",
    {
        "rct": (
            "converters.color.rct:transfer",
            "mean and spread of each channel in Lab (Reinhard): robust, gentle",
        ),
        "lct": (
            "converters.color.lct:transfer",
            "mean and covariance, by the roots of both covariances: also tints that mix channels",
        ),
        "mkl": (
            "converters.color.mkl:transfer",
            "mean and covariance with the least change of colours (Monge, Kantorovich)",
        ),
        "idt": (
            "converters.color.idt:transfer",
            "the whole distribution, turned again and again (iterative distribution transfer)",
        ),
        "sot": (
            "converters.color.sot:transfer",
            "the whole distribution in many small steps (sliced optimal transport)",
        ),
    },
)
"""Each holds a function (face, seen, wanted) -> face; see `converters.color.statistics`."""

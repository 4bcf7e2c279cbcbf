"""The ways of blending a face into a frame, and of finding its mask, by name."""

from utils.registry import Registry

BLENDS = Registry(
    "mode",
    {
        "overlay": ("converters.blend:Blend", "lay the predicted face over the frame"),
        "seamless": (
            "converters.seamless:Seamless",
            "keep the face's detail but take the colours at its edge from the frame",
        ),
        "hist-match": (
            "converters.hist_match:HistMatch",
            "give the face the frame's distribution of colours, then lay it over",
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
    },
)
"""Each holds a function (Swap) -> mask, (MASK_SIDE, MASK_SIDE) float32 0..1 in the crop."""

"""Registries of the blend modes and mask types."""

from utils.registry import Registry

BLENDS = Registry(
    "mode",
    {
        "overlay": (
            "converters.blending.overlay:Blend",
            "paste the predicted face over the frame",
        ),
        "hist-match": (
            "converters.blending.hist_match:HistMatch",
            "match the face's color histograms to the frame, then paste it",
        ),
        "hist-match-bw": (
            "converters.blending.hist_match:HistMatchBw",
            "hist-match of the face in grayscale, so that only its shading counts",
        ),
        "seamless": (
            "converters.blending.seamless:Seamless",
            "Poisson blending: keep the face's detail, take colors at its edge from the frame",
        ),
        "seamless-hist-match": (
            "converters.blending.seamless:SeamlessHistMatch",
            "seamless, then histogram matching",
        ),
        "raw": (
            "converters.blending.raw:Raw",
            "the model's output for other programs; see --raw-mode",
        ),
    },
)
"""Each entry is a subclass of `converters.blending.overlay.Blend`."""

MASKS = Registry(
    "mask type",
    {
        "predicted": ("converters.blending.mask:predicted_mask", "the model's own mask"),
        "hull": (
            "converters.blending.mask:hull_mask",
            "hull of the landmarks, eyebrows to chin",
        ),
        "product": ("converters.blending.mask:product_mask", "predicted times hull"),
        "union": ("converters.blending.mask:union_mask", "predicted and hull together"),
        "trained": (
            "converters.blending.trained_mask:trained_mask",
            "what a trained mask model takes for face; hands and hair stay in front",
        ),
        "trained-predicted": (
            "converters.blending.trained_mask:trained_predicted_mask",
            "trained times predicted",
        ),
        "trained-hull": (
            "converters.blending.trained_mask:trained_hull_mask",
            "trained times hull",
        ),
    },
)
"""Each entry is a function (Swap) -> mask, (MASK_SIDE, MASK_SIDE) float32 0..1 in the crop."""

TRAINED_MASKS = tuple(name for name in MASKS if name.startswith("trained"))
"""Mask types that need a trained mask model; what it takes for an occlusion stays sharp."""

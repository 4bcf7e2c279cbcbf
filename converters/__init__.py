"""Registries of the blend modes, mask types and color transfers."""

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
    },
)
"""Each entry is a function (Swap) -> mask, (MASK_SIDE, MASK_SIDE) float32 0..1 in the crop."""

COLORS = Registry(
    "color transfer",
    {
        "rct": (
            "converters.color_transfer.rct:transfer",
            "mean and standard deviation of each Lab channel (Reinhard): robust, gentle",
        ),
        "lct": (
            "converters.color_transfer.lct:transfer",
            "mean and covariance, by whitening and coloring",
        ),
        "mkl": (
            "converters.color_transfer.mkl:transfer",
            "mean and covariance with the least change of colors (Monge-Kantorovich)",
        ),
        "idt": (
            "converters.color_transfer.idt:transfer",
            "the whole distribution (iterative distribution transfer)",
        ),
        "sot": (
            "converters.color_transfer.sot:transfer",
            "the whole distribution in many small steps (sliced optimal transport)",
        ),
    },
)
"""Each entry is a function (face, source, reference) -> face: `converters.color_transfer`."""

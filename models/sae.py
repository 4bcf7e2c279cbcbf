"""SAE: configurable sizes, resolution and sharing; multi-scale decoders and style losses.

The networks work on images in -1..1 (tanh), like DeepFaceLab's; everything around them uses 0..1.
The losses are DeepFaceLab's without these defects: its blur was off-center and gave weight to the
border of the image; its style loss grew with the batch size; it made small targets from every
second or fourth pixel, not from means.
"""

from dataclasses import dataclass

from facelib.types import FaceType
from models import recipe, sharing
from models.backend import Tensor, keras
from models.base import Batch, ModelBase, ModelOptions, Prediction
from models.blocks import (
    bottleneck,
    downscale,
    expression_head,
    intermediate,
    to_image,
    upscale,
)
from models.losses import dssim, gaussian_blur, mean_square, pyramid, style
from utils.options import opt

SCALES = 3  # output sizes of a multi-scale decoder
AE_DIMS = {"df": 512, "liae": 256}
LIGHT_STAGES = {"df": (2, 3, 4), "liae": (2, 4)}
STRUCTURE_WEIGHT = 100
# DeepFaceLab squares differences in -1..1, which are 2 x 2 times as large.
PIXEL_WEIGHT, MASK_WEIGHT = 400, 4
STYLE_WEIGHT = 4  # at a power of 100; DeepFaceLab's at a batch size of 5


@dataclass(frozen=True, kw_only=True)
class SAEOptions(ModelOptions):
    """Options of SAE."""

    resolution: int = opt(
        128,
        help="side of the faces in pixels; larger needs more memory and time",
        low=64,
        high=256,
        step=16,
        group="Model",
        ask=True,
        fixed=True,
    )
    face_type: str = opt(
        "full",
        help="how much of the head is swapped",
        choices=("half", "full"),
        group="Model",
        fixed=True,
        seldom=True,
    )
    archi: str = opt(
        "df",
        help="df looks more natural; liae compensates for faces of different shape",
        choices=("df", "liae"),
        group="Model",
        fixed=True,
        seldom=True,
    )
    ae_dims: int = opt(
        0,
        help="length of the bottleneck code (0: 512 for df, 256 for liae)",
        low=0,
        high=1024,
        group="Model",
        fixed=True,
        zero="automatic",
        seldom=True,
    )
    ed_ch_dims: int = opt(
        42,
        help="channels of encoder and decoders per color; more keep more detail",
        low=10,
        high=85,
        group="Model",
        fixed=True,
        seldom=True,
    )
    lighter_encoder: bool = opt(
        False,
        help="use an encoder that is a third faster, smaller and slightly worse",
        group="Model",
        fixed=True,
        seldom=True,
    )
    learn_mask: bool = opt(
        True,
        help="learn the face mask; otherwise conversion uses the hull of the landmarks",
        group="Model",
        fixed=True,
        seldom=True,
    )
    multiscale_decoder: bool = opt(
        True,
        help="also compute the loss at half and quarter size, which helps fine detail",
        group="Model",
        fixed=True,
        seldom=True,
    )
    pixel_loss: bool = opt(
        False,
        help="use pixel loss instead of DSSIM; for fine detail, after about 30,000 iterations",
        group="Model",
        seldom=True,
    )
    face_style_power: float = opt(
        0.0,
        help="match the swap's colors and contrast to dst; start with 0.1 after 10,000 iterations",
        low=0,
        high=100,
        group="Model",
        seldom=True,
    )
    bg_style_power: float = opt(
        0.0,
        help="keep the background around dst's face; 0.1 to 0.3, at the start of training 10",
        low=0,
        high=100,
        group="Model",
        seldom=True,
    )


class SAE(ModelBase):
    """The styled autoencoder; by default df has 116,648,760 parameters, liae 119,195,382."""

    Options = SAEOptions

    def __init__(self, options: SAEOptions) -> None:
        half = options.face_type == "half"
        self.resolution = options.resolution
        self.face_type = FaceType.HALF if half else FaceType.FULL
        self.base_erode, self.base_blur = (100, 100) if half else (40, 10)
        self.scales = SCALES if options.multiscale_decoder else 1
        super().__init__(options)

    def build(self) -> dict[str, "keras.Model"]:
        """Build encoder, intermediates (liae) and decoders; masks have their own decoders."""
        options = self.options
        code = options.ae_dims or AE_DIMS[options.archi]
        networks = {"encoder": self._encoder(code)}
        if options.archi == "liae":
            sides, channels = [""], 4 * code
            features, code_side = networks["encoder"].outputs[0].shape[1], self.resolution // 16
            for name in ("inter_B", "inter_AB"):
                networks[name] = intermediate(
                    *(name, features, code, code_side, 2 * code, 2 * code),
                    numbers=options.expression_head,
                )
        else:
            sides, channels = ["_src", "_dst"], code
        image, mask = 3 * (options.ed_ch_dims // 2), int(options.ed_ch_dims / 1.5)
        for side in sides:
            name = f"decoder{side}"
            networks[name] = self._decoder(name, channels, image, 3)
            if options.learn_mask:
                networks[f"{name}m"] = self._decoder(f"{name}m", channels, mask, 1)
        return networks

    def _encoder(self, code: int) -> "keras.Model":
        options, side = self.options, self.resolution
        light = LIGHT_STAGES[options.archi] if options.lighter_encoder else ()
        inputs = x = keras.Input((side, side, 3), name="face")
        for stage in (1, 2, 3, 4):
            channels = 3 * options.ed_ch_dims * 2 ** (stage - 1)
            x = downscale(x, channels, f"down{stage}", separable=stage in light)
        liae = options.archi == "liae"
        x = keras.layers.Flatten(name="flatten" if liae else "inter_flatten")(x)
        numbers = expression_head(x) if options.expression_head else None
        if not liae:
            x = bottleneck(x, code, side // 16, code, "inter", numbers)
            x = upscale(x, code, "inter_up")
        return keras.Model(inputs, x if numbers is None else [x, numbers], name="encoder")

    def _decoder(self, name: str, channels: int, base: int, colors: int) -> "keras.Model":
        """Build a decoder with one output per scale, the smallest first."""
        side = self.resolution // 8
        inputs = x = keras.Input((side, side, channels), name="code")
        heads = []
        for number in (1, 2, 3):
            x = upscale(x, base * 2 ** (4 - number), f"up{number}")
            if number > SCALES - self.scales:
                heads.append(to_image(x, colors, "tanh", f"head{number}"))
        return keras.Model(inputs, heads, name=name)

    def losses(self, src: Batch, dst: Batch) -> dict[str, Tensor]:
        """Return the image loss of each side, with styles, and the mask losses, at every scale."""
        options = self.options
        inputs = _to_network(src.warped), _to_network(dst.warped)
        codes = sharing.encode(self.networks, *inputs, training=True)
        styled = options.face_style_power > 0 or options.bg_style_power > 0
        swapped = [codes.swap] if styled else []
        outputs_src, outputs_dst, *outputs_swap = sharing.decode(
            self.networks, codes.src, codes.dst, *swapped
        )
        losses = {
            "src": self._image_loss(src, outputs_src),
            "dst": self._image_loss(dst, outputs_dst),
        }
        if styled:
            losses["src"] += self._style_loss(dst, _from_network(outputs_swap[0][-1]))
        if options.learn_mask:
            masks = sharing.decode(self.networks, codes.src, codes.dst, kind="m")
            losses["src_mask"] = self._mask_loss(src, masks[0])
            losses["dst_mask"] = self._mask_loss(dst, masks[1])
        if codes.expression is not None:
            losses["expression"] = recipe.expression_loss(src, dst, codes.expression)
        return losses

    def _image_loss(self, side: Batch, heads: list[Tensor]) -> Tensor:
        if self.options.eyes_mouth_priority:
            return self._priority_loss(side, heads)
        parts = (pyramid(part, self.scales) for part in (side.target, side.mask, side.in_frame))
        loss = 0.0
        for target, mask, in_frame, head in zip(*parts, heads, strict=True):
            soft = _soften(mask) * in_frame
            loss += self._difference(target * soft, _from_network(head) * soft)
        return loss

    def _priority_loss(self, side: Batch, heads: list[Tensor]) -> Tensor:
        wanted = (side.target, side.mask, side.in_frame, side.priority)
        loss = 0.0
        for *parts, head in zip(
            *(pyramid(part, self.scales) for part in wanted), heads, strict=True
        ):
            target, mask, in_frame, priority = parts
            small = Batch(target, target, mask, in_frame, priority)
            weight = self.options.eyes_mouth_priority
            loss += recipe.image_loss(small, _from_network(head), weight)
        return loss

    def _mask_loss(self, side: Batch, heads: list[Tensor]) -> Tensor:
        parts = (pyramid(part, self.scales) for part in (side.mask, side.in_frame))
        return sum(
            MASK_WEIGHT * mean_square(mask * in_frame, _from_network(head) * in_frame)
            for mask, in_frame, head in zip(*parts, heads, strict=True)
        )

    def _style_loss(self, dst: Batch, swapped: Tensor) -> Tensor:
        """Return the swap's distance to dst in style, inside and outside the face."""
        options, loss = self.options, 0.0
        soft = _soften(dst.mask) * dst.in_frame
        if options.face_style_power > 0:
            width = self.resolution / 8
            faces = (gaussian_blur(x * soft, width) for x in (swapped, dst.target))
            weight = STYLE_WEIGHT * options.face_style_power / 100
            loss += weight * keras.ops.mean(style(*faces))
        if options.bg_style_power > 0:
            around = (1 - soft) * dst.in_frame
            weight = options.bg_style_power / 100
            loss += weight * self._difference(dst.target * around, swapped * around)
        return loss

    def _difference(self, target: Tensor, predicted: Tensor) -> Tensor:
        if self.options.pixel_loss:
            return PIXEL_WEIGHT * mean_square(target, predicted)
        return STRUCTURE_WEIGHT * keras.ops.mean(keras.ops.square(dssim(target, predicted)))

    def reconstruct(self, src: Tensor, dst: Tensor) -> tuple[Prediction, Prediction]:
        """Run src faces through the src path and dst faces through the dst path."""
        codes = sharing.encode(self.networks, _to_network(src), _to_network(dst))
        images = sharing.decode(self.networks, codes.src, codes.dst)
        masks: list[list[Tensor] | None] = [None, None]
        if self.options.learn_mask:
            masks = list(sharing.decode(self.networks, codes.src, codes.dst, kind="m"))
        src_faces, dst_faces = map(_prediction, images, masks)
        return src_faces, dst_faces

    def swap(self, dst: Tensor) -> Prediction:
        """Run dst faces through the src path."""
        code = sharing.encode_swap(self.networks, _to_network(dst))
        masks = sharing.decode_swap(self.networks, code, "m") if self.options.learn_mask else None
        return _prediction(sharing.decode_swap(self.networks, code), masks)


def _to_network(x: Tensor) -> Tensor:
    return x * 2 - 1


def _from_network(x: Tensor) -> Tensor:
    return (x + 1) * 0.5


def _soften(mask: Tensor) -> Tensor:
    """Blur a mask by a 32nd of its side."""
    return gaussian_blur(mask, max(1, mask.shape[1] / 32))


def _prediction(image: list[Tensor], mask: list[Tensor] | None) -> Prediction:
    return Prediction(_from_network(image[-1]), None if mask is None else _from_network(mask[-1]))

"""The toy model with both critics, small ones."""

from dataclasses import dataclass

from support.toy_model import Toy, ToyOptions

from models import critics
from models.critics import GAN, TRUE_FACE, GanOptions
from utils.options import opt
from utils.registry import Entry

ENTRY = Entry("support.judged_toy:JudgedToy", "for tests")


@dataclass(frozen=True, kw_only=True)
class JudgedOptions(GanOptions, ToyOptions):
    gan_dims: int = opt(4, help="channels", low=2, group="Model")
    true_face_power: float = opt(0.0, help="power", low=0, group="Model", live=True)


class JudgedToy(Toy):
    """The toy model, whose images of src and codes are judged."""

    Options = JudgedOptions

    def build_critics(self):
        options, built = self.options, {}
        if options.gan_power:
            built[GAN] = critics.patch_critic(16, options.gan_patch_size, options.gan_dims)
        if options.true_face_power:
            built[TRUE_FACE] = critics.code_critic(4, options.width)
        return built

    def losses(self, src, dst):
        losses = super().losses(src, dst)
        encode = self.networks["encoder"]
        if GAN in self.critics:
            image, _ = self.networks["decoder_src"](encode(src.warped))
            sides = src.target * src.mask, image * src.mask
            losses |= critics.gan_losses(self.critics[GAN], self.powers[GAN], sides)
        if TRUE_FACE in self.critics:
            codes = encode(src.warped), encode(dst.warped)
            critic, power = self.critics[TRUE_FACE], self.powers[TRUE_FACE]
            losses |= critics.true_face_losses(critic, power, *codes)
        return losses

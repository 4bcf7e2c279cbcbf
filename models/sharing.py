"""Which networks a face goes through: the two ways to share networks between two people.

df    encoder -> code;  decoder_src and decoder_dst
liae  encoder -> inter_AB, inter_B -> two halves of a code;  one decoder
          src path: AB and AB;  dst path: B and AB

A swap is a dst face on the src path. The decoders whose name ends in "m" output masks. A network
is called once for all faces that go through it.
"""

from collections.abc import Mapping
from typing import NamedTuple

from models.backend import Tensor, keras

Networks = Mapping[str, "keras.Model"]


class Codes(NamedTuple):
    """Input of the decoders: src faces on the src path, dst faces on the dst and src paths.

    Attributes
    ----------
    expression : (N + M, 10) float32 or None
        What src's and dst's faces express, as the encoder sees it; None without such a head.
    """

    src: Tensor
    dst: Tensor
    swap: Tensor
    expression: Tensor | None = None


def encode(networks: Networks, src: Tensor, dst: Tensor, *, training: bool = False) -> Codes:
    """Return the codes of (N, R, R, 3) src faces and (M, R, R, 3) dst faces."""
    encoded_src, encoded_dst = through(networks["encoder"], src, dst, training=training)
    heads = [side[1] for side in (encoded_src, encoded_dst) if len(side) > 1]
    expression = keras.ops.concatenate(heads, axis=0) if heads else None
    if "inter_AB" not in networks:
        return Codes(encoded_src[0], encoded_dst[0], encoded_dst[0], expression)
    (ab_src,), (ab_dst,) = through(
        networks["inter_AB"], encoded_src, encoded_dst, training=training
    )
    ((b_dst,),) = through(networks["inter_B"], encoded_dst, training=training)
    return Codes(_join(ab_src, ab_src), _join(b_dst, ab_dst), _join(ab_dst, ab_dst), expression)


def encode_swap(networks: Networks, dst: Tensor) -> Tensor:
    """Return the code of dst faces on the src path."""
    (encoded,) = through(networks["encoder"], dst)
    if "inter_AB" not in networks:
        return encoded[0]
    ((ab,),) = through(networks["inter_AB"], encoded)
    return _join(ab, ab)


def decode(
    networks: Networks, src: Tensor, dst: Tensor, *swap: Tensor, kind: str = ""
) -> list[list[Tensor]]:
    """Return the decoder's outputs for each of the given codes.

    Parameters
    ----------
    src, dst, *swap : (N, H, W, C) float32
        As in `Codes`; swap may be left out.
    kind : str
        "" for images, "m" for masks.
    """
    if f"decoder{kind}" in networks:
        return through(networks[f"decoder{kind}"], src, dst, *swap)
    outputs_src, *outputs_swap = through(networks[f"decoder_src{kind}"], src, *swap)
    (outputs_dst,) = through(networks[f"decoder_dst{kind}"], dst)
    return [outputs_src, outputs_dst, *outputs_swap]


def decode_swap(networks: Networks, code: Tensor, kind: str = "") -> list[Tensor]:
    """Return the outputs of src's decoder."""
    shared = networks.get(f"decoder{kind}")
    (outputs,) = through(shared or networks[f"decoder_src{kind}"], code)
    return outputs


def through(
    network: "keras.Model", *inputs: Tensor | list[Tensor], training: bool = False
) -> list[list[Tensor]]:
    """Call a network once for several batches; return the list of its outputs for each.

    A network with several inputs gets them as a list. Without batch sizes, which a graph for export
    lacks, it is called for each batch.
    """
    batches = [each if isinstance(each, list) else [each] for each in inputs]
    sizes = [batch[0].shape[0] for batch in batches]
    if len(inputs) > 1 and None in sizes:
        return [through(network, each, training=training)[0] for each in inputs]
    joined = [
        parts[0] if len(parts) == 1 else keras.ops.concatenate(parts, axis=0)
        for parts in zip(*batches, strict=True)
    ]
    outputs = network(joined if len(joined) > 1 else joined[0], training=training)
    outputs = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    if len(inputs) == 1:
        return [list(outputs)]
    ends = [sum(sizes[:number]) for number in range(1, len(inputs))]
    return [list(part) for part in zip(*(keras.ops.split(y, ends) for y in outputs), strict=True)]


def _join(first: Tensor, second: Tensor) -> Tensor:
    return keras.ops.concatenate([first, second], axis=-1)

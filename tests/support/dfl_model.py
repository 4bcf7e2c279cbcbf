"""Models as DeepFaceLab 2 saves them: pickles of random weights, by its own names and shapes."""

import pickle
import zlib
from itertools import pairwise

import numpy as np

ARCHIS = [
    f"{kind}{letters}"
    for kind in ("df", "liae")
    for letters in ("", "-u", "-d", "-t", "-ud", "-ut", "-dt", "-udt")
]
TINY = {"resolution": 64, "ae_dims": 32, "e_dims": 16, "d_dims": 16, "d_mask_dims": 16}
USUAL = {
    "face_type": "f", "batch_size": 4, "masked_training": True, "eyes_mouth_prio": False,
    "uniform_yaw": False, "blur_out_mask": False, "lr_dropout": "n", "random_warp": True,
    "random_src_flip": False, "random_dst_flip": False, "ct_mode": "none", "clipgrad": False,
    "gan_power": 0.0, "gan_patch_size": 8, "gan_dims": 16, "autobackup_hour": 0, "target_iter": 0,
    "models_opt_on_gpu": True, "write_preview_history": False,
}  # fmt: skip
SAEHD = {
    "archi": "liae-ud", "adabelief": True, "true_face_power": 0.0, "face_style_power": 0.0,
    "bg_style_power": 0.0, "random_hsv_power": 0.0, "pretrain": False,
}  # fmt: skip


def options_of(archi, **changes):
    """The options in `data.dat` of a tiny model of an architecture, or of "amp"."""
    amp = {"inter_dims": 48, "morph_factor": 0.5}
    own = amp if archi == "amp" else SAEHD | {"archi": archi}
    return {**TINY, **USUAL, **own, **changes}


def kind_of(options):
    """The architecture's name in the names of the files."""
    return "AMP" if "inter_dims" in options else "SAEHD"


def conv(name, kernel, channels_in, channels):
    shape = (kernel, kernel, channels_in, channels)
    return {f"{name}/weight:0": shape, f"{name}/bias:0": (channels,)}


def dense(name, length_in, length):
    return {f"{name}/weight:0": (length_in, length), f"{name}/bias:0": (length,)}


def residual(name, channels):
    first = conv(f"{name}/conv1", 3, channels, channels)
    return first | conv(f"{name}/conv2", 3, channels, channels)


def steps(name, kernel, widths, factor=1):
    """Convolutions called name0, name1, ... from the first of some widths to the last."""
    pairs = enumerate(pairwise(widths))
    parts = [conv(f"{name(n)}/conv1", kernel, a, b * factor) for n, (a, b) in pairs]
    return {key: shape for part in parts for key, shape in part.items()}


def shapes_of(options):
    """The arrays of each file by name, and their shapes."""
    amp = "inter_dims" in options
    letters = "udt" if amp else options["archi"].partition("-")[2]
    side, ae, e = (options[name] for name in ("resolution", "ae_dims", "e_dims"))
    tall = "t" in letters
    if tall:
        encoder = steps(lambda n: f"down{n + 1}", 5, [3, e, 2 * e, 4 * e, 8 * e, 8 * e])
        encoder |= residual("res1", e) | residual("res5", 8 * e)
    else:
        encoder = steps(lambda n: f"down1/downs_{n}", 5, [3, e, 2 * e, 4 * e, 8 * e])
    features = 8 * e * (side // (32 if tall else 16)) ** 2
    low = side // (32 if "d" in letters else 16)
    if amp:
        code = options["inter_dims"]
        inter = dense("dense2", ae, low * low * code)
        return {
            "encoder": encoder | dense("dense1", features, ae),
            "inter_src": inter, "inter_dst": inter, "decoder": decoder(options, code, letters),
        }  # fmt: skip
    shared = options["archi"].startswith("liae")
    code = 2 * ae if shared else ae
    inter = dense("dense1", features, ae) | dense("dense2", ae, low * low * code)
    if not tall:
        inter |= conv("upscale1/conv1", 3, code, 4 * code)
    if shared:
        drawn = decoder(options, 2 * code, letters)
        return {"encoder": encoder, "inter_AB": inter, "inter_B": inter, "decoder": drawn}
    drawn = decoder(options, code, letters)
    return {"encoder": encoder, "inter": inter, "decoder_src": drawn, "decoder_dst": drawn}


def decoder(options, code, letters):
    d, m = options["d_dims"], options["d_mask_dims"]
    times = (8, 8, 4, 2) if "t" in letters else (8, 4, 2)
    widths = [code, *(each * d for each in times)]
    masks = [code, *(each * m for each in times), *([m] if "d" in letters else [])]
    made = steps(lambda n: f"upscale{n}", 3, widths, 4) | steps(
        lambda n: f"upscalem{n}", 3, masks, 4
    )
    for number, width in enumerate(widths[1:]):
        made |= residual(f"res{number}", width)
    made |= conv("out_conv", 1, 2 * d, 3) | conv("out_convm", 1, masks[-1], 1)
    if "d" in letters:
        for number in (1, 2, 3):
            made |= conv(f"out_conv{number}", 3, 2 * d, 3)
    return made


def numbers(key, shape):
    """Numbers in -1..1 that depend on the key alone, on every machine and version of NumPy."""
    raw = np.random.PCG64(zlib.crc32(key.encode())).random_raw(int(np.prod(shape)))
    return ((raw >> np.uint64(11)) * 2.0**-52 - 1).reshape(shape)


def weights_of(options):
    """The arrays of each file by name, so large that signals neither grow nor vanish."""

    def array(key, shape):
        fan_in = np.prod(shape[:-1])
        scale = 0.15 if len(shape) == 1 else np.sqrt(6 / fan_in)
        if "out_conv" in key and len(shape) > 1:
            scale *= 0.3
        return (numbers(key, shape) * scale).astype(np.float32)

    return {
        file: {name: array(f"{file}/{name}", shape) for name, shape in arrays.items()}
        for file, arrays in shapes_of(options).items()
    }


def face_of(side):
    """A picture that goes in, 0..1."""
    return (numbers("face", (side, side, 3)) / 2 + 0.5).astype(np.float32)


def data_of(options, iterations=1234, **more):
    """What `data.dat` holds."""
    losses = [[1 / (n + 1), 2 / (n + 1)] for n in range(iterations)]
    return {
        "iter": iterations, "options": options, "loss_history": losses,
        "sample_for_preview": [[np.zeros((2, 3, 8, 8), np.float32)] * 4] * 2,
        "choosed_gpu_indexes": [0], **more,
    }  # fmt: skip


def write(folder, options, weights=None, name="new", data=None):
    """Write a model as DeepFaceLab 2 does, and return the beginning of its files' names."""
    stem = f"{name}_{kind_of(options)}"
    folder.mkdir(parents=True, exist_ok=True)
    for file, arrays in (weights_of(options) if weights is None else weights).items():
        (folder / f"{stem}_{file}.npy").write_bytes(pickle.dumps(arrays, 4))
    record = data_of(options) if data is None else data
    (folder / f"{stem}_data.dat").write_bytes(pickle.dumps(record, 3))
    (folder / f"{stem}_summary.txt").write_text("== Model Summary ==\n")
    return stem

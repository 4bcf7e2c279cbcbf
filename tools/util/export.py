"""`util export`: the swap network of a model as one file for other programs.

The input "face" is a dst face as `extract` aligns it, (N, R, R, 3); the outputs are "swapped", the
src face of the same size, and "mask", (N, R, R, 1), if the model predicts masks. BGR, 0..1,
float32, any N.
"""

import warnings
from pathlib import Path

from models import checkpoint
from models.backend import keras
from models.base import ModelBase
from tools.util.options import ExportOptions
from utils import console, device
from utils.console import Report
from utils.errors import UsageError
from utils.files import require_new, write_result


def run(options: ExportOptions) -> Report:
    """Write the latest generation of a model in the format of the output's suffix.

    Raises
    ------
    UsageError
        If the suffix is unknown.
    InputError
        If the file exists already.
    ModelError
        If the folder holds no usable model.
    """
    path = options.output
    if path.suffix.lower() not in WRITERS:
        raise UsageError(
            f"--output: Expected a name ending in {' or '.join(WRITERS)}. Received: {path.name}"
        )
    require_new(path, options.overwrite)
    device.tune()
    network = swap_network(checkpoint.load_model(options.model_dir))
    path.parent.mkdir(parents=True, exist_ok=True)
    write(network, path)
    for kind, tensors in (("input", network.inputs), ("output", network.outputs)):
        for tensor in tensors:
            shape = " x ".join(str(size or "N") for size in tensor.shape)
            console.say(f"{kind:7}{tensor.name.partition('/')[0]:8}{shape}")
    return Report({"parameters": network.count_params()})


def swap_network(model: ModelBase) -> "keras.Model":
    """Return the swap path of a model as one plain Keras network."""
    face = keras.Input((model.resolution, model.resolution, 3), name="face")
    image, mask = model.swap(face)
    outputs = {"swapped": image} if mask is None else {"swapped": image, "mask": mask}
    named = {name: keras.layers.Identity(name=name)(made) for name, made in outputs.items()}
    return keras.Model(face, named, name="swap")


def write(network: "keras.Model", path: Path) -> None:
    """Write a network in the format of the path's suffix."""
    with write_result(path) as temporary, device.no_greeting(), warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # from NumPy, about deprecated calls in TensorFlow and tf2onnx
        WRITERS[path.suffix.lower()](network, temporary)


def _write_keras(network: "keras.Model", path: Path) -> None:
    """Write an archive that `keras.saving.load_model` reads without this program's code."""
    network.save(path)


def _write_onnx(network: "keras.Model", path: Path) -> None:
    """Write a graph for ONNX Runtime and the like."""
    network(
        keras.ops.zeros((1, *network.input_shape[1:]))
    )  # Keras exports only what has been called
    network.export(path, format="onnx", verbose=False)


WRITERS = {".keras": _write_keras, ".onnx": _write_onnx}

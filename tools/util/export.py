"""`util export`: the swap network of a model as one file for other programs.

The input "face" is a dst face as `extract` aligns it, (N, R, R, 3); the outputs are "swapped", the
src face of the same size, and "mask", (N, R, R, 1), if the model predicts masks. BGR, 0..1,
float32, any N. A model that morphs has a second input "morph", (1,): the factor, 0..1. A `.dfm`
file takes a whole-face crop instead (`tools/util/dfm.py`).
"""

import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

from models import checkpoint
from models.backend import keras
from models.base import ModelBase
from models.engine import engine
from tools.util import dfm, onnx_file
from tools.util.onnx_file import Port
from tools.util.options import ExportOptions
from utils import console
from utils.console import Report
from utils.errors import UsageError
from utils.files import require_new, write_result

ONNX = (".dfm", ".onnx")
MOSTLY = 0.7
"""Share of its image that a model of whole faces sees in each player's crop, at least."""


def run(options: ExportOptions) -> Report:
    """Write the latest generation of a model in the format of the output's suffix.

    Raises
    ------
    UsageError
        If the suffix is unknown.
    UserError
        If a package that the format needs is not installed.
    InputError
        If the file exists already.
    ModelError
        If the folder holds no usable model, or one too large for the format.
    """
    path = options.output
    check_suffix(path)
    require_new(path, options.overwrite)
    if path.suffix.lower() in ONNX:
        onnx_file.check(path.suffix.lower())
    engine().tune()
    generation = checkpoint.trained_generation(options.model_dir)
    model = checkpoint.model_of(generation)
    about = {
        "model": generation.model,
        "iteration": str(generation.iteration),
        "face_type": model.face_type.value,
        "resolution": str(model.resolution),
    }
    if path.suffix.lower() == ".dfm":
        network = dfm.swap_network(model, dfm.CROPS[options.player])
        about |= dfm.placement(model, options.player)
        _tell_beyond(model, options.player)
    else:
        network = swap_network(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    console.announce("writing the network")
    for kind, name, shape in write(network, path, about):
        console.say(f"{kind:7}{name:22}{' x '.join(str(size or 'N') for size in shape)}")
    return Report({"parameters": network.count_params()})


def _tell_beyond(model: ModelBase, player: str) -> None:
    seen = dfm.face_square(model, dfm.CROPS[player]).seen
    if seen < MOSTLY:
        console.warn(
            f"{player} shows the model {seen:.0%} of what it was trained on, and the rest is "
            f"mirrored; a model of whole or full faces fits better"
        )


def check_suffix(path: Path) -> None:
    """Raise a UsageError if no format has the path's suffix."""
    if path.suffix.lower() not in WRITERS:
        *others, last = WRITERS
        raise UsageError(
            f"--output: Expected a name ending in {', '.join(others)} or {last}. "
            f"Received: {path.name}"
        )


def swap_network(model: ModelBase) -> "keras.Model":
    """Return the swap path of a model as one plain Keras network."""
    face = keras.Input((model.resolution, model.resolution, 3), name="face")
    inputs = [face]
    if model.morphs:
        inputs.append(keras.Input(batch_shape=(1,), name="morph"))
    image, mask = model.swap(face, *(factor[0] for factor in inputs[1:]))
    outputs = {"swapped": image} if mask is None else {"swapped": image, "mask": mask}
    named = {name: keras.layers.Identity(name=name)(made) for name, made in outputs.items()}
    return keras.Model(inputs if model.morphs else face, named, name="swap")


def write(network: "keras.Model", path: Path, about: Mapping[str, str] | None = None) -> list[Port]:
    """Write a network in the format of the path's suffix; return the file's inputs and outputs."""
    with write_result(path) as temporary, warnings.catch_warnings():
        # from NumPy, about deprecated calls in TensorFlow and tf2onnx
        warnings.simplefilter("ignore")
        return WRITERS[path.suffix.lower()](network, temporary, about or {})


def _write_keras(network: "keras.Model", path: Path, _: Mapping[str, str]) -> list[Port]:
    """Write an archive that `keras.saving.load_model` reads without this program's code.

    The weights replace whatever initializers give, and some of those have settings in one version
    of Keras that an earlier one refuses: so only zeros are named.
    """
    for layer in network._flatten_layers():
        for name in vars(layer):
            if name.endswith("_initializer"):
                setattr(layer, name, keras.initializers.Zeros())
    network.save(path)
    inputs = [Port("input", tensor.name, tensor.shape) for tensor in network.inputs]
    outputs = zip(network.output_names, network.outputs, strict=True)
    return inputs + [Port("output", name, tensor.shape) for name, tensor in outputs]


def _write_onnx(network: "keras.Model", path: Path, about: Mapping[str, str]) -> list[Port]:
    """Write a graph for ONNX Runtime and the like."""
    names = [*(tensor.name for tensor in network.inputs), *network.output_names]
    return onnx_file.write(network, path, names, about)


def _write_dfm(network: "keras.Model", path: Path, about: Mapping[str, str]) -> list[Port]:
    """Write a graph with the names that players of trained models look for."""
    inputs = [dfm.INPUT, dfm.MORPH][: len(network.inputs)]
    return onnx_file.write(network, path, [*inputs, *dfm.OUTPUTS], about)


WRITERS: dict[str, Callable[["keras.Model", Path, Mapping[str, str]], list[Port]]] = {
    ".dfm": _write_dfm,
    ".keras": _write_keras,
    ".onnx": _write_onnx,
}

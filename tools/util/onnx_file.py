"""ONNX files: a Keras network as one graph that needs none of our code.

tf2onnx copies the constants of a graph about twenty times (10 GB for a model of 150 MB). So it gets
the weights as inputs, and they become constants afterwards. PyTorch has an exporter of its own.
"""

import contextlib
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from models.backend import Tensor, Variable, keras
from utils import engines, lazy, program, requirements
from utils.errors import ModelError, UserError

onnx: Any = lazy.load("onnx")
tf2onnx: Any = lazy.load("tf2onnx")
tf: Any = lazy.load("tensorflow")
torch: Any = lazy.load("torch")

NEEDS = {engines.TENSORFLOW: ("onnx", "tf2onnx"), engines.TORCH: ("onnx", "onnxscript")}
"""The packages with which each engine writes such files."""
OPSET = 15  # of 2021: ONNX Runtime 1.10 and everything since
TORCH_OPSET = 18  # of 2022, the first that PyTorch writes: ONNX Runtime 1.14
LARGEST = 2**31 - 2**20  # bytes of weights; a file holds 2 GB, less what is not weights
WEIGHT = "weight_{}"
FOLDED = {"Transpose", "Reshape", "Squeeze"}  # what is done to weights whatever the input

OnnxModel = Any
"""An onnx.ModelProto."""


class Port(NamedTuple):
    """An input or output of a written file; a size of None is any number."""

    kind: str
    name: str
    shape: tuple[int | None, ...]


def check(suffix: str) -> None:
    """Refuse to write a file if a package is missing, before anything is loaded.

    Raises
    ------
    UserError
        If one is.
    """
    for package in NEEDS[engines.current()]:
        if not requirements.is_installed(package):
            raise UserError(
                f"a {suffix} file needs another package: {requirements.missing(package)}, "
                "or export it as .keras"
            )


def write(
    network: "keras.Model",
    path: Path,
    names: Sequence[str],
    about: Mapping[str, str],
) -> list[Port]:
    """Write a network.

    Parameters
    ----------
    names : sequence of str
        In the file, of the inputs and of the outputs.
    about : mapping of str to str
        Metadata.

    Returns
    -------
    ports : list of Port
        The file's inputs and outputs.

    Raises
    ------
    ModelError
        If the weights are too large for the format.
    """
    _check_size(network)
    model = CONVERTERS[engines.current()](network)
    _fold(model)
    _rename(model, names)
    onnx.helper.set_model_props(model, {"made_by": program.NAME, **about})
    onnx.save(model, path)
    return _ports(model)


def _check_size(network: "keras.Model") -> None:
    size = sum(4 * int(np.prod(weight.shape)) for weight in network.variables)
    if size > LARGEST:
        raise ModelError(
            f"the model has {size / 1e9:.1f} GB of weights, and an ONNX file (.onnx, .dfm) holds "
            f"2 GB; export it as .keras"
        )


def _from_torch(network: "keras.Model") -> OnnxModel:
    """Return the graph of a network of PyTorch."""

    class Flat(torch.nn.Module):
        """The network as a function of tensors that gives a tuple of tensors."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
            found = self.network(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
            return tuple(keras.tree.flatten(found))

    any_number = torch.export.Dim("N")
    shapes = [[size or 2 for size in each.shape] for each in network.inputs]
    free = tuple({0: any_number} if each.shape[0] is None else {} for each in network.inputs)
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its steps
        program = torch.onnx.export(
            Flat().eval(),
            tuple(map(keras.ops.zeros, shapes)),
            dynamic_shapes=(free,),
            opset_version=TORCH_OPSET,
            dynamo=True,
            verbose=False,
        )
    return program.model_proto


def _from_tensorflow(network: "keras.Model") -> OnnxModel:
    """Return the graph of a network of TensorFlow."""
    trainable, others = network.trainable_variables, network.non_trainable_variables
    count, split = len(network.inputs), len(trainable)

    def run(*values: Tensor) -> list[Tensor]:
        inputs, weights = list(values[:count]), values[count:]
        outputs, _ = network.stateless_call(
            weights[:split], weights[split:], inputs if count > 1 else inputs[0], training=False
        )
        return list(keras.tree.flatten(outputs))

    signature = [
        *(tf.TensorSpec(each.shape, tf.float32, name=each.name) for each in network.inputs),
        *(
            tf.TensorSpec(weight.shape, weight.dtype, name=WEIGHT.format(number))
            for number, weight in enumerate([*trainable, *others])
        ),
    ]
    model, _ = tf2onnx.convert.from_function(
        tf.function(run, autograph=False), input_signature=signature, opset=OPSET
    )
    _embed(model, [*trainable, *others], count)
    return model


CONVERTERS = {engines.TENSORFLOW: _from_tensorflow, engines.TORCH: _from_torch}


def _embed(model: OnnxModel, weights: Sequence[Variable], inputs: int) -> None:
    """Turn what comes after the inputs into constants, if anything needs it: the weights."""
    needed = {name for node in model.graph.node for name in node.input}
    values = {
        WEIGHT.format(number): np.asarray(weight)
        for number, weight in enumerate(weights)
        if WEIGHT.format(number) in needed
    }
    del model.graph.input[inputs:]
    for name, value in values.items():
        model.graph.initializer.append(onnx.numpy_helper.from_array(value, name))


def _fold(model: OnnxModel) -> None:
    """Do at once what is to be done to the weights whatever the image."""
    evaluator = lazy.load("onnx.reference").ReferenceEvaluator
    graph = model.graph
    constants = {each.name: each for each in graph.initializer}
    left = []
    for node in graph.node:  # sorted: what a node needs comes before it
        if node.op_type not in FOLDED or not constants.keys() >= set(node.input):
            left.append(node)
            continue
        values = {name: onnx.numpy_helper.to_array(constants[name]) for name in node.input}
        (value,) = evaluator(node).run(None, values)
        (name,) = node.output
        constants[name] = onnx.numpy_helper.from_array(np.ascontiguousarray(value), name)
    needed = {name for node in left for name in node.input}
    del graph.node[:], graph.initializer[:]
    graph.node.extend(left)
    graph.initializer.extend(each for name, each in constants.items() if name in needed)


def _rename(model: OnnxModel, names: Sequence[str]) -> None:
    """Give the inputs and the outputs their names, and those of any number of faces a sign."""
    ports = [*model.graph.input, *model.graph.output]
    new = {port.name: name for port, name in zip(ports, names, strict=True)}
    for node in model.graph.node:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    for port in ports:
        port.name = new[port.name]
        sizes = port.type.tensor_type.shape.dim
        if len(sizes) > 1:
            sizes[0].dim_param = "N"


def _ports(model: OnnxModel) -> list[Port]:
    return [
        Port(kind, port.name, tuple(size.dim_value or None for size in sizes))
        for kind, ports in (("input", model.graph.input), ("output", model.graph.output))
        for port in ports
        for sizes in [port.type.tensor_type.shape.dim]
    ]

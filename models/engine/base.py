"""What an engine must do; nothing here imports one."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

from models.backend import Strategy, Tensor, Variable
from models.base import Batch
from models.engine.step import Members, TrainStep

if TYPE_CHECKING:
    import keras

Computed = Any
"""A nested structure of NumPy arrays and None."""
OUT_OF_MEMORY = ("out of memory", "out_of_memory", "failed to allocate", "oom when")


class Gpu(NamedTuple):
    """A GPU that an engine can use.

    Attributes
    ----------
    device : str
        What the engine calls it: "GPU:0", "cuda:0", "mps".
    name : str
        What its maker calls it.
    memory : int
        Bytes that a program may use of it; 0 when that is not known.
    capability : (int, int) or None
        NVIDIA's compute capability; None for others.
    bfloat16 : bool
        Whether it is faster in bfloat16 than in float32.
    """

    device: str
    name: str
    memory: int
    capability: tuple[int, int] | None
    bfloat16: bool


class Copies(NamedTuple):
    """What an accelerated convolution copies of a batch, bytes.

    Attributes
    ----------
    kept : int
        For the backward pass, instead of the input.
    working : int
        While the layer, or its gradient, is computed.
    """

    kept: int
    working: int


class Engine(ABC):
    """Devices, the training step and compiled predictions of a library.

    Attributes
    ----------
    name : str
        As in `--engine`, and of Keras's backend.
    title : str
        For messages.
    mirrors : bool
        Whether one process can train on several devices, see `mirror`.
    errors : tuple of exception classes
        What the library raises when a computation fails.
    Step : type
        Its training step, made like `models.engine.step.TrainStep`.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    mirrors: ClassVar[bool] = True
    errors: ClassVar[tuple[type[Exception], ...]]
    Step: ClassVar[type[TrainStep]]

    @abstractmethod
    def version(self) -> str:
        """Return the library's version."""

    # devices

    @abstractmethod
    def tune(self) -> bool:
        """Configure the library for the device of this process; return whether it is a GPU."""

    @abstractmethod
    def gpus(self) -> list[Gpu]:
        """Return the GPUs that this process may use, in the order of `--force-gpu-idx`."""

    @abstractmethod
    def gpu_memory(self) -> dict[str, int]:
        """Return the bytes in use on all GPUs, `now` and at `most`; empty without one."""

    @abstractmethod
    def mirror(self, devices: Sequence[str]) -> Strategy:
        """Return what lets several devices share each batch."""

    def scope(self, strategy: Strategy | None) -> AbstractContextManager[object]:
        """Return the context in which to create variables, so that each device has its copy."""
        return nullcontext()

    def on_one_machine(self, members: Members, port: int) -> Members:
        """Return what takes the mean over processes of one machine in the fastest way.

        Parameters
        ----------
        port : int
            Where rank 0 may listen on the loopback device.
        """
        return members

    # computing

    @abstractmethod
    def predictor(
        self, function: Callable[..., Any], *shapes: tuple[int | None, ...]
    ) -> Callable[..., Computed]:
        """Compile a function for calls without gradients.

        Parameters
        ----------
        function : callable
            Takes float32 tensors and returns a tuple of tensors or None, perhaps nested.
        shapes : tuples
            Of its arguments; None where a size changes from call to call. () is a scalar.

        Returns
        -------
        call : callable
            The function of NumPy arrays, which gives NumPy arrays; uint8 images come as 0..1. It
            uses the weights as they are at each call.
        """

    @abstractmethod
    def evaluate(self, function: Callable[..., Any], *batches: Batch) -> Computed:
        """Call a function once, without compiling it and without gradients.

        Parameters
        ----------
        batches : Batch
            uint8 samples, which it gets as float32 tensors, 0..1.

        Returns
        -------
        found : nested structure
            What it returns, with NumPy arrays in place of tensors.
        """

    @abstractmethod
    def all_finite(self, variables: Iterable[Variable]) -> bool:
        """Tell whether there is no NaN and no infinity in any variable."""

    @abstractmethod
    def recomputed(
        self,
        function: Callable[[list[Tensor]], list[Tensor]],
        inputs: list[Tensor],
        weights: list[Variable],
    ) -> list[Tensor]:
        """Compute a part of a network, and once more for its gradient instead of keeping tensors.

        Parameters
        ----------
        function : callable
            Keras operations on tensors that draw nothing at random.
        weights : list of keras.Variable
            What it reads besides.
        """

    # speed

    @abstractmethod
    def accelerate(self, networks: "Iterable[keras.Model]") -> None:
        """Replace convolutions of a training where that is faster on this device; weights stay."""

    @abstractmethod
    def accelerate_prediction(self, networks: "Iterable[keras.Model]") -> None:
        """Do the same for networks whose weights no longer change."""

    @abstractmethod
    def copies(self, operation: "keras.Operation", count: int) -> Copies | None:
        """Return what `accelerate` makes an operation copy of a batch; None for nothing."""

    # faults

    def is_out_of_memory(self, problem: BaseException) -> bool:
        """Tell whether an error means that memory ran out; often only its text tells."""
        if isinstance(problem, MemoryError):
            return True
        return any(phrase in str(problem).lower() for phrase in OUT_OF_MEMORY)

"""The critics of a training: what is saved of them, and how they go on or begin."""

from collections.abc import Mapping

import numpy as np

from models.base import ModelBase
from models.checkpoint import CRITICS, Arrays
from models.engine.step import TrainStep
from utils import console


def state(model: ModelBase, step: TrainStep) -> Arrays:
    """Return the weights of all critics and the states of their optimizers, by name in a file."""
    arrays: Arrays = {}
    for name, critic in model.critics.items():
        weights = {f"weights/{i}": array for i, array in enumerate(critic.get_weights())}
        own = weights | step.critic_optimizers[name].state()
        arrays |= {f"{CRITICS}{name}/{part}": array for part, array in own.items()}
    return arrays


def restore(model: ModelBase, step: TrainStep, saved: Mapping[str, np.ndarray]) -> None:
    """Let the critics go on; one that was not saved, or had another size, begins untrained."""
    for name, critic in model.critics.items():
        own = {
            part.removeprefix(f"{name}/"): array
            for part, array in saved.items()
            if part.startswith(f"{name}/")
        }
        weights = [own.pop(f"weights/{i}", np.zeros(0)) for i in range(len(critic.weights))]
        optimizer = step.critic_optimizers[name]
        zeros = {part: np.zeros_like(array) for part, array in optimizer.state().items()}
        if [array.shape for array in weights] != [tuple(w.shape) for w in critic.weights]:
            console.say(f"the critic of --{name.replace('_', '-')}-power begins untrained")
            critic.set_weights(model.build_critics()[name].get_weights())
            optimizer.restore(zeros)
            continue
        critic.set_weights(weights)
        optimizer.restore(own if own.keys() == zeros.keys() else zeros)

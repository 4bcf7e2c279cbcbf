"""The people and the settings that tests of training share."""

import numpy as np
from support.synthetic import make_faceset
from support.toy_model import ENTRY

from models import MODELS, checkpoint
from trainer.options import TrainOptions, for_arguments, options_class
from utils import command_line, options, workspace


def make_people(folder, faces):
    """Two folders of drawn faces, `src` and `dst`."""
    for identity, side in enumerate(("src", "dst")):
        make_faceset(folder / side, faces, identity=identity)
    return folder


def toy_settings(people, model_dir, **usual):
    """Return a function that makes options of the toy model, which must be registered."""
    values = {
        "training_data_src_dir": people / "src",
        "training_data_dst_dir": people / "dst",
        "model_dir": model_dir,
        "model": "TOY",
        "seed": 5,
        "preview": False,
    } | usual
    return lambda **changes: options_class("TOY")(**values | changes)


def quick_settings(people, model_dir, monkeypatch, **usual):
    """`toy_settings` of small batches that nothing watches; registers the toy model."""
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    nothing = {"preview_minutes": 0.0, "measure_minutes": 0.0}
    return toy_settings(people, model_dir, batch_size=2, **nothing, **usual)


def register(name, entry, monkeypatch):
    """Make a model of the tests one that `--model` takes."""
    monkeypatch.setitem(MODELS._entries, name, entry)
    field = TrainOptions.__dataclass_fields__["model"]
    choices = (*field.metadata["choices"], name)
    monkeypatch.setattr(field, "metadata", {**field.metadata, "choices": choices})


def read_flags(*words):
    """Return the options of `train` with these words, as the command line reads them."""
    argv = [str(word) for word in words]
    cls = for_arguments(argv)
    given = workspace.fill(cls, command_line.parse("main.py train", "", cls, argv, {}))
    return options.resolve(cls, given, cls.saved(given))


def save_model(name, model, folder, **state):
    """Save a model as its seventh step would; `state` is more of what it remembers."""
    checkpoint.save_generation(
        folder,
        state={"model": name, "iteration": 7, "seconds": 60.0, **state},
        options={"model": name, **options.to_json(model.options)},
        weights={name: network.get_weights() for name, network in model.networks.items()},
        optimizer={},
        history=np.zeros((7, 2)),
        keep=1,
    )

"""The people and the settings that tests of training share."""

import numpy as np
from support.synthetic import make_faceset
from support.toy_model import ENTRY

from models import MODELS, checkpoint
from trainer.options import options_class
from utils import options


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


def save_model(name, model, folder):
    """Save a model as its seventh step would."""
    checkpoint.save_generation(
        folder,
        state={"model": name, "iteration": 7, "seconds": 60.0},
        options=options.to_json(model.options),
        weights={name: network.get_weights() for name, network in model.networks.items()},
        optimizer={},
        history=np.zeros((7, 2)),
        keep=1,
    )

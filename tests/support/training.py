"""The people and the settings that tests of training share."""

from support.synthetic import make_faceset

from trainer.options import options_class


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

"""`util export` writes what the model does; `--load-weights` begins with what another learned."""

import json
import sys
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.toy_model import ENTRY, Toy, ToyOptions
from support.training import save_model

from models import MODELS, weight_transfer
from models.classic import Sizes
from tools.util import export, onnx_file
from tools.util.options import ExportOptions
from trainer.assembly import open_session
from trainer.options import options_class
from utils.errors import InputError, ModelError, UsageError
from utils.files import write_bytes

FACES = np.random.default_rng(3).random((5, 16, 16, 3), np.float32)


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)


def toy_folder(folder, width=8):
    model = Toy(ToyOptions(width=width))
    save_model("TOY", model, folder)
    return model


def run(folder, name, **changes):
    path = folder / name
    return path, export.run(ExportOptions(model_dir=folder / "model", output=path, **changes))


def said_names(capsys):
    """The names of inputs and outputs that were printed."""
    return [line.split()[1] for line in capsys.readouterr().out.splitlines()]


def initializers(config):
    """All initializers in a Keras configuration."""
    if isinstance(config, list):
        return [found for each in config for found in initializers(each)]
    if not isinstance(config, dict):
        return []
    own = [value for key, value in config.items() if key.endswith("_initializer")]
    return own + initializers(list(config.values()))


class TestExport:
    def test_keras_loads_it_and_it_does_the_same(self, tmp_path, capsys):
        image, mask = toy_folder(tmp_path / "model").swap(tf.constant(FACES))
        path, report = run(tmp_path, "swäp.keras")
        outputs = keras.saving.load_model(path)(FACES)
        assert said_names(capsys) == ["face", *sorted(outputs)]
        assert np.array_equal(outputs["swapped"], image)
        assert np.array_equal(outputs["mask"], mask)
        assert report.counts["parameters"] == (4 * 4 * 3 * 8 + 8) + (4 * 4 * 4 * 8 + 4)

    def test_onnx_runtime_loads_it_and_it_does_the_same(self, tmp_path, capsys):
        onnxruntime = pytest.importorskip("onnxruntime")
        image, mask = toy_folder(tmp_path / "model").swap(tf.constant(FACES))
        path, _ = run(tmp_path, "swap.onnx")
        session = onnxruntime.InferenceSession(path)
        swapped, masks = session.run(["swapped", "mask"], {"face": FACES})
        assert np.allclose(swapped, image, atol=1e-6)
        assert np.allclose(masks, mask, atol=1e-6)
        ports = [*session.get_inputs(), *session.get_outputs()]
        assert said_names(capsys) == [port.name for port in ports]

    def test_keras_files_name_no_initializer_that_an_earlier_keras_lacks(self, tmp_path):
        """Keras 3.13 and 3.14 refuse the settings that 3.15 gives to GlorotUniform."""
        toy_folder(tmp_path / "model")
        path, _ = run(tmp_path, "swap.keras")
        with zipfile.ZipFile(path) as archive:
            found = initializers(json.loads(archive.read("config.json")))
        assert len(found) == 4  # kernel and bias of two layers
        assert {(each["class_name"], len(each["config"])) for each in found} == {("Zeros", 0)}

    def test_another_suffix_is_refused(self, tmp_path):
        with pytest.raises(UsageError, match=r"\.dfm, \.keras or \.onnx.*Received: swap\.pb"):
            run(tmp_path, "swap.pb")

    def test_a_file_is_replaced_only_when_asked_to(self, tmp_path):
        toy_folder(tmp_path / "model")
        write_bytes(tmp_path / "swap.keras", b"mine")
        with pytest.raises(InputError, match="--overwrite"):
            run(tmp_path, "swap.keras")
        assert (tmp_path / "swap.keras").read_bytes() == b"mine"
        path, _ = run(tmp_path, "swap.keras", overwrite=True)
        assert keras.saving.load_model(path).count_params() > 0

    def test_a_folder_without_a_model_is_refused(self, tmp_path):
        with pytest.raises(ModelError, match="no trained model"):
            run(tmp_path, "swap.onnx")

    @pytest.mark.parametrize("name", ["swap.onnx", "swap.dfm"])
    def test_a_model_too_large_for_the_format_is_refused(self, tmp_path, monkeypatch, name):
        toy_folder(tmp_path / "model")
        monkeypatch.setattr(onnx_file, "LARGEST", 1000)
        with pytest.raises(ModelError, match=r"export it as \.keras"):
            run(tmp_path, name)
        assert not list(tmp_path.glob("*swap*"))


class TestLoadWeights:
    @staticmethod
    def session(folder, other, **changes):
        values = {"training_data_src_dir": folder, "training_data_dst_dir": folder}
        values |= {"model_dir": folder / "new", "model": "TOY", "load_weights": other}
        return open_session(options_class("TOY")(**values | changes))

    def test_a_new_model_begins_with_the_weights_of_another(self, tmp_path, capsys):
        model = toy_folder(tmp_path / "old")
        session = self.session(tmp_path, tmp_path / "old")
        assert np.array_equal(session.model.swap(FACES).image, model.swap(FACES).image)
        assert session.iteration == 0
        assert "encoder         1 of 1 layers" in capsys.readouterr().out

    def test_a_model_that_exists_is_not_overwritten(self, tmp_path):
        toy_folder(tmp_path / "old")
        toy_folder(tmp_path / "new")
        with pytest.raises(UsageError, match="iteration 7"):
            self.session(tmp_path, tmp_path / "old")

    def test_nothing_that_fits_is_refused(self, tmp_path):
        toy_folder(tmp_path / "old")
        with pytest.raises(ModelError, match="no layer of the TOY model"):
            self.session(tmp_path, tmp_path / "old", width=6)

    def test_a_folder_without_a_model_is_refused(self, tmp_path):
        with pytest.raises(ModelError, match="no trained model"):
            self.session(tmp_path, tmp_path / "nothing")

    def test_layers_of_another_kind_of_model_are_taken_by_name_and_shape(
        self, tmp_path, monkeypatch
    ):
        """H128 and DF are the same network; LIAEF128 shares the way down."""
        tiny = Sizes(
            side=128, downs=(4, 4, 4, 4), code=4, inner=4, out=4, image=(4, 4, 4), mask=(4, 4, 4)
        )
        models = {}
        for name, constant in {"H128": "FULL", "DF": "SIZES", "LIAEF128": "SIZES"}.items():
            cls = MODELS.load(name)
            monkeypatch.setattr(sys.modules[cls.__module__], constant, tiny)
            models[name] = cls(cls.Options())
        save_model("H128", models["H128"], tmp_path)
        faces = np.random.default_rng(1).random((2, 128, 128, 3), np.float32)
        assert all(
            part.loaded == part.total
            for part in weight_transfer.load_weights(models["DF"], tmp_path).values()
        )
        assert np.array_equal(models["DF"].swap(faces).image, models["H128"].swap(faces).image)
        taken = weight_transfer.load_weights(models["LIAEF128"], tmp_path)
        assert taken == {
            "encoder": (4, 4),
            "inter_B": (0, 3),
            "inter_AB": (0, 3),
            "decoder": (0, 8),
        }

"""Every model builds, counts, learns, saves and loads; blocks and losses are exact."""

import ast
import copy
import dataclasses
import importlib.util
import re
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from scipy import ndimage
from skimage.metrics import structural_similarity
from support import players
from support.small_models import small_class

from converters import predictor
from models import MODELS, blocks, checkpoint, initializers, losses
from models.base import Batch
from models.engine.tensorflow import fast_convolution
from models.engine.tensorflow.optimizer import FusedOptimizer
from models.weight_transfer import without_weights
from tools.util import dfm, export
from utils import options
from utils.errors import InputError, ModelError, UsageError
from utils.registry import Entry

PAGE = Path(__file__).parent.parent / "docs" / "adding-a-model.md"
RNG = np.random.default_rng(7)

HEAD, NUMBERS = {"expression_head": True}, 10


def sizes(archi, resolution, ae_dims, e_dims, d_dims, d_mask_dims):
    """Options of SAEHD."""
    return dict(locals())


RECIPE = HEAD | {"eyes_mouth_priority": 3.0}
MEDIUM_AMP = {"resolution": 128, "ae_dims": 128, "inter_dims": 512, "e_dims": 32, "d_dims": 48}
MEDIUM_AMP |= {"d_mask_dims": 16}
# archi, parameters at the default sizes: what DeepFaceLab 2's own classes of networks counted when
# they were built; the letter u has no parameters
SAEHD_FULL_SIZE = {
    "df": 57_538_432,
    "df-u": 57_538_432,
    "df-d": 54_470_998,
    "df-t": 90_783_616,
    "df-ud": 54_470_998,
    "df-ut": 90_783_616,
    "df-dt": 87_716_182,
    "df-udt": 87_716_182,
    "liae": 94_963_328,
    "liae-u": 94_963_328,
    "liae-d": 82_376_555,
    "liae-t": 90_124_224,
    "liae-ud": 82_376_555,
    "liae-ut": 90_124_224,
    "liae-dt": 77_537_451,
    "liae-udt": 77_537_451,
}
# name, options, parameters; the layer tables of the classic models
FULL_SIZE = [
    ("H64", {}, 112_753_288),
    ("H64", {"lightweight": True}, 44_507_144),
    ("H128", {}, 138_400_520),
    ("H128", {"lightweight": True}, 55_918_600),
    ("DF", {}, 138_400_520),
    ("LIAEF128", {}, 136_056_068),
    ("SAE", {}, 116_648_760),
    ("SAE", {"lighter_encoder": True}, 100_667_802),
    ("SAE", {"resolution": 64}, 79_268_664),
    ("SAE", {"learn_mask": False}, 106_110_562),
    ("SAE", {"multiscale_decoder": False}, 116_648_760 - 2 * (37_803 + 18_903 + 5_601 + 2_801)),
    ("SAE", {"archi": "liae"}, 119_195_382),
    ("SAE", {"archi": "liae", "lighter_encoder": True}, 106_256_316),
    ("SAE", {"archi": "liae", "resolution": 64}, 81_790_710),
    ("SAE", {"archi": "liae", "learn_mask": False}, 109_797_515),
    # by the class definitions in DeepFaceLab 2's Model_AMP, run with layers that only count
    ("AMP", {}, 101_345_195),
    ("AMP", MEDIUM_AMP, 31_747_357),
    ("AMP", HEAD, 101_345_195 + NUMBERS * (7 * 7 * 512 + 1 + 2 * 7 * 7 * 1024)),
    ("Quick96", {}, 8_183_712),
    ("Quick96", HEAD, 8_183_712 + NUMBERS * (6 * 6 * 288 + 1 + 6 * 6 * 192)),
    ("H64", HEAD, 112_753_288 + NUMBERS * (4 * 4 * 1024 + 1 + 4 * 4 * 1024)),
    ("MASK", {}, 371_636),
    *(("SAEHD", {"archi": archi}, count) for archi, count in SAEHD_FULL_SIZE.items()),
    # the same classes at other sizes
    ("SAEHD", sizes("liae", 144, 256, 64, 64, 22), 103_893_632),
    ("SAEHD", sizes("df-ud", 256, 256, 64, 64, 22), 82_794_838),
    ("SAEHD", sizes("liae-udt", 320, 352, 96, 96, 32), 253_886_573),
    ("SAEHD", sizes("liae-ut", 512, 300, 80, 72, 26), 562_261_776),
    ("SAEHD", sizes("df-udt", 640, 512, 128, 96, 40), 547_876_394),
    ("SAEHD", HEAD, 82_376_555 + NUMBERS * (8 * 8 * 512 + 1 + 2 * 4 * 4 * 512)),
    ("SAEHD", HEAD | {"archi": "df-t"}, 90_783_616 + NUMBERS * (4 * 4 * 512 + 1 + 8 * 8 * 256)),
    ("LIAEF128", HEAD, 136_056_068 + NUMBERS * (8 * 8 * 1024 + 1 + 2 * 8 * 8 * 512)),
]
SMALL_SAE = {"resolution": 64, "ae_dims": 32, "ed_ch_dims": 10}
SMALL_AMP = {"resolution": 64, "ae_dims": 32, "inter_dims": 32}
SMALL_AMP |= {"e_dims": 16, "d_dims": 16, "d_mask_dims": 16}
SMALL_SAEHD = sizes("liae-ud", 64, 32, 16, 16, 16)
NO_MASK = {"learn_mask": False}
STYLES = {"face_style_power": 0.1, "bg_style_power": 2.0}
# Models without an entry are tested with their own options. The classic ones have no size to
# choose: their tables are divided (`support.small_models`).
VARIANTS = {
    "SAE": [
        SMALL_SAE | {"archi": "liae", "face_type": "half", "face_style_power": 10.0},
        SMALL_SAE
        | {"learn_mask": False, "multiscale_decoder": False, "lighter_encoder": True}
        | {"resolution": 80, "bg_style_power": 10.0, "pixel_loss": True},
        SMALL_SAE | RECIPE | {"face_type": "whole"},
    ],
    "SAEHD": [SMALL_SAEHD | RECIPE | {"face_type": "whole"}],
    "H64": [{"lightweight": True, "pixel_loss": True}],
    "LIAEF128": [RECIPE],
    "Quick96": [{}, RECIPE],
    "AMP": [SMALL_AMP | RECIPE],
}
# Each of their parts is in a variant above.
SELDOM = [
    ("SAE", SMALL_SAE),
    ("SAE", SMALL_SAE | RECIPE | {"archi": "liae", "bg_style_power": 10.0}),
    ("LIAEF128", {}),
    *(("SAEHD", SMALL_SAEHD | {"archi": archi}) for archi in SAEHD_FULL_SIZE),
    *(("AMP", SMALL_AMP | more) for more in ({}, {"face_type": "full"})),
    ("SAEHD", SMALL_SAEHD | RECIPE | STYLES | {"archi": "df-udt", "masked_training": False}),
    ("SAEHD", SMALL_SAEHD | RECIPE | STYLES | {"archi": "liae", "resolution": 80}),
    ("SAEHD", SMALL_SAEHD | STYLES | {"archi": "df-t"}),
]
# As `.dfm` files: without and with the expression's numbers inside; tf2onnx takes seconds for each.
PLAYED_OFTEN = [("Quick96", HEAD), ("TINY", {})]
PLAYED = [
    *((name, chosen) for name in ("H64", "H128", "DF", "LIAEF128") for chosen in ({}, HEAD)),
    *(("SAE", SMALL_SAE | more) for more in ({}, HEAD, {"archi": "liae"} | HEAD)),
    *(("SAE", SMALL_SAE | more) for more in ({"archi": "liae", "face_type": "half"}, NO_MASK)),
    ("Quick96", {}),
    ("AMP", SMALL_AMP),
    *(("SAEHD", SMALL_SAEHD | {"archi": archi}) for archi in ("df", "df-ud", "liae-udt")),
    ("SAEHD", SMALL_SAEHD | HEAD | {"face_type": "whole"}),
]


def page_model(folder):
    """The model of docs/adding-a-model.md as module `models.tiny`, and its registry entry."""
    code, line = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    path = folder / "tiny.py"
    path.write_text(code, encoding="utf-8")
    spec = importlib.util.spec_from_file_location("models.tiny", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    ((name, entry),) = ast.literal_eval("{" + line + "}").items()
    return module, {name: Entry(*entry)}


def title(variant):
    name, chosen = variant
    return "-".join([name, *(f"{key}={value}" for key, value in chosen.items())])


@pytest.fixture(
    scope="module",
    params=[
        *((name, chosen) for name in MODELS for chosen in VARIANTS.get(name, [{}])),
        *(pytest.param(each, marks=pytest.mark.slow) for each in SELDOM),
        ("TINY", {}),
    ],
    ids=title,
)
def model(request, tmp_path_factory):
    name, chosen = request.param
    keras.utils.set_random_seed(3)
    with pytest.MonkeyPatch.context() as patch:
        if name == "TINY":
            module, entries = page_model(tmp_path_factory.mktemp("page"))
            patch.setitem(sys.modules, "models.tiny", module)
            patch.setattr(MODELS, "_entries", MODELS._entries | entries)
        cls = small_class(name, patch)
        yield cls(cls.Options(**chosen))


def smooth_faces(count, side):
    noise = RNG.random((count, 6, 6, 3), np.float32)
    return tf.image.resize(noise, (side, side), "bicubic").numpy().clip(0, 1)


def batch(model, count=2):
    faces = 0.6 + 0.4 * smooth_faces(count, model.resolution)  # bright: there is much to learn
    mask = np.zeros((count, model.resolution, model.resolution, 1), np.float32)
    mask[:, 8:-8, 8:-8] = 1
    parts = (np.roll(faces, 1, 1), faces, mask, np.ones_like(mask), mask, expressed(faces))
    return Batch(*map(tf.constant, parts))


def expressed(faces):
    """Ten numbers that a network can see: the mean brightness of ten parts of a face."""
    parts = np.array_split(faces.mean(axis=(2, 3)), NUMBERS, axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1).astype(np.float32)


@pytest.mark.parametrize(("name", "chosen", "count"), FULL_SIZE)
def test_full_size_parameter_count_is_exact(name, chosen, count):
    networks = unallocated(name, chosen).networks
    assert sum(network.count_params() for network in networks.values()) == count


def unallocated(name, chosen):
    cls = MODELS.load(name)
    return without_weights(lambda: cls(cls.Options(**chosen)))


def test_what_was_built_without_weights_never_takes_memory():
    """Keras allocates what it knows of at the end of any scope without state."""
    model = unallocated("H64", {})
    with keras.StatelessScope():
        pass
    assert {weight._value for net in model.networks.values() for weight in net.weights} == {None}


def counted(network):
    return [layer.count_params() for layer in network.layers if layer.weights]


def test_every_model_has_a_parameter_count():
    assert {name for name, *_ in FULL_SIZE} == set(MODELS)


def test_h64_layer_table():
    networks = unallocated("H64", {}).networks
    assert counted(networks["encoder"]) == [
        9_728, 819_456, 3_277_312, 13_108_224, 16_778_240, 16_793_600, 18_876_416,
    ]  # fmt: skip
    decoder = {layer.name: layer.count_params() for layer in networks["decoder_src"].layers}
    rows = ("up1_conv", "up2_conv", "up3_conv", "image")
    assert [decoder[row] for row in rows] == [9_439_232, 4_719_616, 1_180_160, 9_603]
    rows = ("mask_up1_conv", "mask_up2_conv", "mask_up3_conv", "mask")
    assert [decoder[row] for row in rows] == [4_719_616, 1_180_160, 295_168, 1_601]


def test_liaef128_layer_table():
    networks = unallocated("LIAEF128", {}).networks
    assert counted(networks["encoder"]) == [9_728, 819_456, 3_277_312, 13_108_224]
    for name in ("inter_B", "inter_AB"):
        assert counted(networks[name]) == [16_777_472, 8_421_376, 9_439_232]
    assert sorted(counted(networks["decoder"])) == sorted([
        18_876_416, 4_719_616, 1_180_160, 9_603, 18_876_416, 4_719_616, 1_180_160, 3_201,
    ])  # fmt: skip


def test_sae_layer_tables():
    liae, df = (unallocated("SAE", {"archi": archi}).networks for archi in ("liae", "df"))
    downs = [9_576, 794_052, 3_175_704, 12_701_808]
    assert counted(liae["encoder"]) == downs
    assert counted(df["encoder"]) == [*downs, 33_030_656, 16_809_984, 9_439_232]
    assert counted(liae["inter_B"]) == [16_515_328, 8_421_376, 9_439_232]
    image, mask = [37_803, 4_573_296, 18_903, 1_143_576, 9_453], [5_601, 903_616, 2_801, 226_016]
    assert sorted(counted(liae["decoder"])) == sorted([18_581_472, *image])
    assert sorted(counted(liae["decoderm"])) == sorted([8_258_432, *mask, 1_401])
    for side in ("src", "dst"):
        assert sorted(counted(df[f"decoder_{side}"])) == sorted([9_291_744, *image])
        assert sorted(counted(df[f"decoder_{side}m"])) == sorted([4_129_664, *mask, 1_401])
        shapes = [output.shape for output in df[f"decoder_{side}"].outputs]
        assert shapes == [(None, n, n, 3) for n in (32, 64, 128)]


@pytest.mark.parametrize("resolution", [60, 72, 272])
def test_sae_resolutions_are_multiples_of_16(resolution):
    with pytest.raises(UsageError, match="steps of 16"):
        options.from_json(MODELS.load("SAE").Options, {"resolution": resolution})


def test_sae_styles_and_pixel_loss_change_on_resume_and_sizes_do_not():
    cls = MODELS.load("SAE").Options
    saved = options.to_json(cls(**SMALL_SAE))
    changed = {"face_style_power": 5.0, "bg_style_power": 1.0, "pixel_loss": True}
    assert options.resolve(cls, changed, saved) == cls(**SMALL_SAE, **changed)
    for name, value in {"archi": "liae", "ae_dims": 64, "learn_mask": False}.items():
        with pytest.raises(UsageError, match="cannot change"):
            options.resolve(cls, {name: value}, saved)


def test_predicts_faces_and_masks_in_range(model):
    faces = smooth_faces(3, model.resolution)
    image, mask = model.swap(tf.constant(faces))
    assert image.shape == faces.shape
    assert 0 <= np.min(image) <= np.max(image) <= 1
    assert (mask is None) == (getattr(model.options, "learn_mask", True) is False)
    if mask is not None:
        assert mask.shape == (*faces.shape[:3], 1)
        assert 0 <= np.min(mask) <= np.max(mask) <= 1


def test_swap_is_the_src_path(model):
    src, dst = batch(model, 3), batch(model)
    through_src, _ = model.reconstruct(dst.target, src.target)
    assert np.allclose(through_src.image, model.swap(dst.target).image, atol=1e-5)


def test_each_side_is_reconstructed_alone(model):
    """What goes through a network together does not mix."""
    src, dst = batch(model, 3), batch(model)
    of_src, of_dst = model.reconstruct(src.target, dst.target)
    other_src, other_dst = model.reconstruct(src.target[:1], dst.target[1:])
    assert np.allclose(of_src.image[:1], other_src.image, atol=1e-5)
    assert np.allclose(of_dst.image[1:], other_dst.image, atol=1e-5)


def test_learns(model):
    """Every variable gets a finite gradient, and the loss on one batch falls in a few steps."""
    src, dst = batch(model), batch(model)
    deep = type(model).__name__ in ("SAEHD", "AMP")  # which break down at the other rate
    optimizer = FusedOptimizer(model.variables, 1e-3 if deep else 5e-3)
    values = []
    # two steps do mostly; the weights, and so the start, are different ones each time
    while len(values) < 2 or (values[-1] >= 0.97 * values[0] and len(values) < 30):
        with tf.GradientTape() as tape:
            total = tf.add_n(list(model.losses(src, dst).values()))
        gradients = tape.gradient(total, optimizer.variables)
        assert all(gradient is not None and np.isfinite(gradient).all() for gradient in gradients)
        optimizer.apply(gradients)
        values.append(float(total))
    assert min(values[1:]) < 0.97 * values[0], values


def test_the_converter_can_use_it(model, tmp_path):
    save(model, tmp_path)
    copy = checkpoint.load_model(tmp_path)  # its convolutions are replaced
    faces = list(smooth_faces(3, model.resolution))
    plain = model.swap(tf.constant(np.stack(faces)))
    made = predictor.of_model(copy, "test")
    swapped = made(faces, 2)
    np.testing.assert_allclose([face for face, _ in swapped], plain.image, atol=1e-4)
    assert any(
        "convolution_op" in vars(layer) for net in copy.networks.values() for layer in net.layers
    )
    assert made.has_mask == (swapped[0][1] is not None)
    assert [face.shape for face, _ in swapped] == [face.shape for face in faces]


def test_it_can_be_exported(model, tmp_path):
    """As one plain network that Keras alone can load."""
    path, faces = tmp_path / "swap.keras", smooth_faces(3, model.resolution)
    export.write(export.swap_network(model), path)
    inputs = [faces, np.ones(1, np.float32)] if model.morphs else faces
    outputs = keras.saving.load_model(path, safe_mode=True)(inputs)
    image, mask = model.swap(tf.constant(faces))
    assert np.allclose(outputs["swapped"], image, atol=1e-6)
    assert ("mask" in outputs) == (mask is not None)
    if mask is not None:
        assert np.allclose(outputs["mask"], mask, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [*PLAYED_OFTEN, *(pytest.param(each, marks=pytest.mark.slow) for each in PLAYED)],
    indirect=True,
    ids=title,
)
def test_players_of_dfm_files_can_run_it(model, tmp_path):
    """Around smooth, slow waves; what `swap` and `reconstruct` make of them is laid back.

    Pillow enlarges with the same kernel (Keys 1981), from pixels whose origin is their edge.
    """
    crop = dfm.CROPS["deepfacelive"]
    square, path = dfm.face_square(model, crop), tmp_path / "swap.dfm"
    export.write(dfm.swap_network(model, crop), path)
    y, x = np.mgrid[: square.crop_side, : square.crop_side] / square.crop_side
    whole = np.stack([0.5 + 0.4 * np.sin(3 * x + k) * np.cos(2 * y) for k in range(3)], axis=-1)
    places = [square.to_crop(axis) for axis in (1, 0)]
    places = np.meshgrid(*places, indexing="ij")
    face = [ndimage.map_coordinates(each, places, order=3) for each in np.moveaxis(whole, 2, 0)]
    face = tf.constant(np.stack(face, axis=-1)[None], tf.float32)
    swapped, dst = model.swap(face), model.reconstruct(face, face)[1]
    found, src_mask, dst_mask = players.facefusion(path, whole)

    size = square.crop_side * square.side
    middle = slice(round(0.4 * square.crop_side), round(0.6 * square.crop_side))
    corners = [square.origin[0] * square.crop_side, square.origin[1] * square.crop_side]

    def laid_back(image):
        """The middle of the crop, where nothing but the swap is seen."""
        image = np.asarray(image)[0, :, :, 0]
        step = model.resolution / size
        low = [(middle.start - corner) * step + 0.5 - 0.5 * step for corner in corners]
        high = [each + (middle.stop - middle.start) * step for each in low]
        shape = (middle.stop - middle.start,) * 2
        return Image.fromarray(image).resize(shape, Image.Resampling.BICUBIC, (*low, *high))

    assert np.allclose(found[middle, middle, 0], laid_back(swapped.image), atol=2e-3)
    if swapped.mask is not None:
        assert np.allclose(src_mask[middle, middle], laid_back(swapped.mask), atol=2e-3)
        assert np.allclose(dst_mask[middle, middle], laid_back(dst.mask), atol=2e-3)


def test_options_survive_json(model):
    assert options.from_json(model.Options, options.to_json(model.options)) == model.options
    assert dataclasses.is_dataclass(model.Options)


def save(model, folder, iteration=12, keep=3):
    return checkpoint.save_generation(
        folder,
        state={
            "model": next(n for n in MODELS if MODELS.load(n) is type(model)),
            "iteration": iteration,
        },
        options=options.to_json(model.options),
        weights={name: network.get_weights() for name, network in model.networks.items()},
        optimizer={"m/0": np.ones(3, np.float32)},
        history=np.ones((iteration, 2)),
        keep=keep,
    )


def test_saved_and_loaded_it_gives_the_same_output(model, tmp_path):
    save(model, tmp_path / "mödel")
    faces = tf.constant(smooth_faces(2, model.resolution))
    loaded = checkpoint.load_model(tmp_path / "mödel")
    assert np.array_equal(loaded.swap(faces).image, model.swap(faces).image)


class TestCheckpoint:
    @staticmethod
    def save(folder, iteration, keep=3, **state):
        return checkpoint.save_generation(
            folder,
            state={"model": "H64", "iteration": iteration, **state},
            options={"lightweight": True},
            weights={"encoder": [np.full(4, iteration, np.float32)]},
            optimizer={},
            history=np.zeros((iteration, 2)),
            keep=keep,
        )

    def test_the_newest_is_loaded_and_old_ones_go(self, tmp_path):
        for iteration in (5, 20, 100, 101):
            self.save(tmp_path, iteration, keep=2)
        assert [path.name for path in checkpoint.generations(tmp_path)] == [
            "000000101",
            "000000100",
        ]
        generation = checkpoint.load_newest(tmp_path)
        assert generation.iteration == 101
        assert generation.history().shape == (101, 2)
        assert np.array_equal(generation.weights()["encoder"][0], np.full(4, 101))

    def test_more_than_ten_arrays_keep_their_order(self, tmp_path):
        arrays = [np.full(1, number, np.float32) for number in range(12)]
        checkpoint.save_generation(
            tmp_path,
            state={"model": "H64", "iteration": 1},
            options={},
            optimizer={},
            weights={"net": arrays},
            history=np.zeros((1, 1)),
            keep=1,
        )
        loaded = checkpoint.load_newest(tmp_path).weights()["net"]
        assert [int(array[0]) for array in loaded] == list(range(12))

    @pytest.mark.parametrize("file", ["weights.npz", "state.json", "checksums.json", "history.npy"])
    @pytest.mark.parametrize("harm", ["flip", "truncate", "remove"])
    def test_a_damaged_generation_is_skipped(self, tmp_path, file, harm, capsys):
        self.save(tmp_path, 1)
        victim = self.save(tmp_path, 2) / file
        data = bytearray(victim.read_bytes())
        data[len(data) // 2] ^= 255
        if harm == "remove":
            victim.unlink()
        else:
            victim.write_bytes(data if harm == "flip" else data[: len(data) // 2])
        assert checkpoint.load_newest(tmp_path).iteration == 1
        assert "damaged" in capsys.readouterr().err

    def test_only_damaged_ones_is_an_error(self, tmp_path):
        (self.save(tmp_path, 1) / "weights.npz").write_bytes(b"")
        with pytest.raises(ModelError, match="put a copy there"):
            checkpoint.load_newest(tmp_path)

    def test_a_newer_format_says_to_update(self, tmp_path):
        folder = self.save(tmp_path, 1, version=99)
        (folder / "checksums.json").unlink()  # that may be another file there
        with pytest.raises(ModelError, match=r"000000001.*update"):
            checkpoint.load_newest(tmp_path)

    def test_a_backup_outlives_the_generations_and_can_be_moved_back(self, tmp_path):
        self.save(tmp_path, 1)
        kept = checkpoint.back_up(tmp_path)
        assert checkpoint.back_up(tmp_path) == kept
        for iteration in range(2, 6):
            self.save(tmp_path, iteration)
        assert 1 not in [int(path.name) for path in checkpoint.generations(tmp_path)]
        (tmp_path / "generations").rename(tmp_path / "away")
        (tmp_path / "generations").mkdir()
        kept.rename(tmp_path / "generations" / kept.name)
        assert checkpoint.load_newest(tmp_path).iteration == 1

    def test_an_older_state_can_be_asked_for_and_newer_ones_removed(self, tmp_path):
        for iteration in (10, 20):
            self.save(tmp_path, iteration)
        assert checkpoint.load_newest(tmp_path, 19).iteration == 10
        assert checkpoint.load_newest(tmp_path, 9) is None
        checkpoint.remove_newer(tmp_path, 10)
        assert checkpoint.load_newest(tmp_path).iteration == 10

    def test_no_model_and_another_model_are_errors(self, tmp_path):
        with pytest.raises(ModelError, match="run train first"):
            checkpoint.load_model(tmp_path)
        self.save(tmp_path, 1)
        with pytest.raises(ModelError, match="holds a H64 model, not SAE"):
            checkpoint.load_model(tmp_path, "SAE")

    def test_weights_that_do_not_fit_are_an_error(self, tmp_path):
        self.save(tmp_path, 1)
        with pytest.raises(ModelError, match="decoder_src"):
            checkpoint.load_model(tmp_path)

    def test_a_pickle_in_the_weights_is_not_run(self, tmp_path):
        """An .npy whose header claims Python objects is damage, not code."""
        folder = self.save(tmp_path, 1)
        np.savez(folder / "weights.npz", **{"encoder/0": np.array([object()])})
        with pytest.raises(InputError, match=r"weights\.npz.* is damaged"):
            checkpoint.Generation(folder, {}, {}).weights()

    def test_a_save_that_fails_leaves_what_was_there(self, tmp_path, monkeypatch):
        self.save(tmp_path, 1)

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(checkpoint, "sync", full)
        with pytest.raises(OSError, match="space"):
            self.save(tmp_path, 2)
        assert [path.name for path in (tmp_path / "generations").iterdir()] == ["000000001"]


def test_depth_to_space_is_tensorflows():
    x = RNG.random((2, 3, 5, 12), np.float32)
    inputs = keras.Input((3, 5, 12))
    network = keras.Model(inputs, blocks.depth_to_space(inputs, "shuffle"))
    assert np.array_equal(network(x), tf.nn.depth_to_space(x, 2))


@pytest.mark.parametrize("side", [16, 64])
@pytest.mark.parametrize("noise", [0.0, 0.05, 0.5])
def test_dssim_is_skimages(side, noise):
    first = smooth_faces(1, side)
    second = (first + noise * RNG.standard_normal(first.shape)).clip(0, 1).astype(np.float32)
    full = structural_similarity(
        first[0],
        second[0],
        channel_axis=2,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        full=True,
    )[1]
    expected = (1 - full[5:-5, 5:-5].mean()) / 2
    assert float(losses.dssim(first, second)[0]) == pytest.approx(expected, abs=2e-6)


BITS = pytest.mark.parametrize("bits", [10, 7], ids=["TF32", "bfloat16"])


@BITS
def test_dssim_survives_rounded_products(bits, monkeypatch):
    """Against float64: as on a GPU, what enters each product and convolution is rounded."""
    first = 0.9 + 0.02 * RNG.standard_normal((2, 24, 24, 3))
    second = 0.85 + 0.02 * RNG.standard_normal((2, 24, 24, 3))
    exact, slope = dssim_and_gradient(first, second)
    round_products(monkeypatch, bits)
    made, made_slope = dssim_and_gradient(first.astype(np.float32), second.astype(np.float32))
    assert np.allclose(made, exact, atol=1e-5)
    assert np.allclose(made_slope, slope, atol=1e-3 * np.abs(slope).max())


def dssim_and_gradient(first, second):
    second = tf.constant(second)
    with tf.GradientTape() as tape:
        tape.watch(second)
        values = losses.dssim(tf.constant(first), second)
    return values.numpy(), tape.gradient(values, second).numpy()


@pytest.mark.slow
@BITS
def test_gradients_survive_rounded_products(model, bits, monkeypatch):
    """Against float64: the gradient of every model's weights keeps its length and direction."""
    for network in model.networks.values():
        for layer in network.layers:
            if isinstance(layer, keras.layers.Dropout):  # it draws differently in float64
                monkeypatch.setattr(layer, "rate", 0.0)
    states = model.draws

    def begin():
        for state in states:
            state.assign(tf.zeros_like(state))

    sides = flat_batch(model), flat_batch(model)
    begin()
    exact_losses, exact = gradients(in_float64(model), [as_type(side, "float64") for side in sides])
    round_products(monkeypatch, bits)
    begin()
    made_losses, made = gradients(model, sides)
    assert np.allclose(made_losses, exact_losses, rtol=2.0**-bits * 16, atol=2.0**-bits * 4)
    length = np.linalg.norm(exact)
    assert np.linalg.norm(made) == pytest.approx(length, rel=0.2)
    assert made @ exact / (np.linalg.norm(made) * length) > 0.98  # some 11 degrees


def flat_batch(model):
    """Bright faces with flat parts, where a variance is a small difference of large numbers."""
    faces = np.linspace(0.55, 0.95, 2).reshape(2, 1, 1, 1) + 0.05 * smooth_faces(
        2, model.resolution
    )
    faces[:, : model.resolution // 2] = 0.9
    mask = np.ones((2, model.resolution, model.resolution, 1))
    numbers = expressed(faces)
    return as_type((np.roll(faces, 1, 1), faces, mask, mask, mask, numbers), "float32")


def as_type(side, dtype):
    return Batch(*(tf.cast(part, dtype) for part in side))


def in_float64(model):
    def double(layer):
        if not isinstance(layer, keras.Layer):  # an operation has no type of its own
            return layer
        return type(layer).from_config(layer.get_config() | {"dtype": "float64"})

    twin = copy.copy(model)
    twin.networks = {}
    for name, network in model.networks.items():
        twin.networks[name] = keras.models.clone_model(network, clone_function=double)
        twin.networks[name].set_weights(network.get_weights())
    return twin


def gradients(model, sides):
    """The losses, and the gradient of their sum as one float64 vector."""
    with tf.GradientTape() as tape:
        values = list(model.losses(*sides).values())
        total = sum(values)
    found = tape.gradient(total, model.variables)
    return [float(value) for value in values], np.concatenate([
        np.ravel(part).astype(np.float64) for part in found
    ])


def round_products(monkeypatch, bits):
    """Keep `bits` bits of the mantissa of whatever is multiplied, forward and backward."""
    dropped = 23 - bits

    def coarse(x):
        whole = tf.bitcast(tf.convert_to_tensor(x), tf.int32)
        whole = tf.bitwise.right_shift(whole + (1 << (dropped - 1)), dropped)
        return tf.bitcast(tf.bitwise.left_shift(whole, dropped), tf.float32)

    def rounding(product):
        def rounded(x, y, *others, **named):
            @tf.custom_gradient
            def compute(x, y):
                with tf.GradientTape() as tape:
                    tape.watch(inputs := [coarse(x), coarse(y)])
                    result = product(*inputs, *others, **named)

                def backward(upstream):
                    return tape.gradient(result, inputs, output_gradients=coarse(upstream))

                return result, backward

            return compute(tf.convert_to_tensor(x), tf.convert_to_tensor(y))

        return rounded

    monkeypatch.setattr(tf, "matmul", rounding(tf.matmul))
    monkeypatch.setattr(tf.nn, "convolution", rounding(tf.nn.convolution))


@pytest.mark.parametrize("window", [5, 8])
def test_dssim_is_tensorflows_for_other_windows(window):
    first, second = smooth_faces(4, 32), smooth_faces(4, 32)
    expected = (1 - tf.image.ssim(first, second, 1.0, filter_size=window)) / 2
    assert np.allclose(losses.dssim(first, second, window), expected, atol=1e-6)


@pytest.mark.parametrize("sigma", [1, 2, 4])
def test_blur_is_scipys_away_from_the_border(sigma):
    x = RNG.random((2, 40, 48, 3), np.float32)
    made = np.asarray(losses.gaussian_blur(x, sigma))
    # cut off at twice sigma
    expected = ndimage.gaussian_filter(x, (0, sigma, sigma, 0), radius=(0, 2 * sigma, 2 * sigma, 0))
    inside = np.s_[:, 2 * sigma : -2 * sigma, 2 * sigma : -2 * sigma]
    assert np.allclose(made[inside], expected[inside], atol=1e-6)


def test_blur_gives_keras_no_lists(monkeypatch):
    """With PyTorch it looks at each of their numbers: a step took several times as long."""
    given, multiply = [], losses.keras.ops.matmul
    monkeypatch.setattr(losses.keras.ops, "matmul", lambda *x: given.extend(x) or multiply(*x))
    losses.gaussian_blur(np.ones((1, 8, 8, 1), np.float32), 2)
    assert len(given) == 4
    assert not any(isinstance(each, list) for each in given)


def test_blur_moves_nothing_and_gives_no_weight_to_borders():
    """Two defects of DeepFaceLab: its kernel was off-center, and empty borders became face."""
    mask = np.zeros((1, 33, 33, 1), np.float32)
    mask[0, 12:21, 12:21] = 1
    blurred = np.asarray(losses.gaussian_blur(mask, 2.0))[0, ..., 0]
    rows, columns = np.indices(blurred.shape)
    weight = blurred.sum()
    assert (rows * blurred).sum() / weight == pytest.approx(16, abs=1e-4)
    assert (columns * blurred).sum() / weight == pytest.approx(16, abs=1e-4)
    assert blurred[0].max() == blurred[:, -1].max() == 0
    ones = np.ones((1, 20, 20, 1), np.float32)
    assert np.allclose(losses.gaussian_blur(ones, 4), 1, atol=1e-6)


def test_style_is_the_distance_of_means_and_deviations():
    first, second = smooth_faces(3, 24), smooth_faces(3, 24)
    expected = [
        np.sum((a.mean((0, 1)) - b.mean((0, 1))) ** 2 + (a.std((0, 1)) - b.std((0, 1))) ** 2)
        for a, b in zip(first, second, strict=True)
    ]
    assert np.allclose(losses.style(first, second), expected, atol=1e-4)
    assert np.allclose(losses.style(first[1:2], second[1:2]), expected[1], atol=1e-4)


def test_pyramid_is_of_means():
    x = RNG.random((2, 16, 16, 3), np.float32)
    quarter, half, whole = (np.asarray(level) for level in losses.pyramid(x, 3))
    assert np.allclose(half, x.reshape(2, 8, 2, 8, 2, 3).mean((2, 4)))
    assert np.allclose(quarter, x.reshape(2, 4, 4, 4, 4, 3).mean((2, 4)), atol=1e-6)
    assert np.array_equal(whole, x)


@pytest.mark.parametrize("pixel_loss", [False, True])
def test_sae_losses_are_the_published_sums(pixel_loss):
    """Against tf.image.ssim on DeepFaceLab's 0..2 images, and SciPy's blur."""
    chosen = SMALL_SAE | {"multiscale_decoder": False, "pixel_loss": pixel_loss}
    powers = {"face_style_power": 10.0, "bg_style_power": 20.0}
    model = MODELS.load("SAE")(MODELS.load("SAE").Options(**chosen, **powers))
    src, dst = batch(model), batch(model)
    of_src, of_dst = model.reconstruct(src.warped, dst.warped)
    swapped = model.swap(dst.warped)

    def blur(x, sigma):
        return ndimage.gaussian_filter(x, (0, sigma, sigma, 0), radius=(0, 2 * sigma, 2 * sigma, 0))

    def difference(side, image, soft):
        wanted, made = 2 * side.target * soft, 2 * image * soft
        if pixel_loss:
            return 100 * np.mean((wanted - made) ** 2)
        return 100 * np.mean(((1 - tf.image.ssim(wanted, made, 2.0)) / 2) ** 2)

    soft_src, soft_dst = blur(src.mask, 2), blur(dst.mask, 2)
    faces = [blur(2 * x * soft_dst, 8) for x in (swapped.image, dst.target)]
    style = sum(
        np.mean((f(faces[0], (1, 2)) - f(faces[1], (1, 2))) ** 2) * 3 for f in (np.mean, np.std)
    )
    expected = {
        "src": difference(src, of_src.image, soft_src)
        + 10 / 100 * style
        + 20 / 100 * difference(dst, swapped.image, 1 - soft_dst),
        "dst": difference(dst, of_dst.image, soft_dst),
        "src_mask": np.mean((2 * src.mask - 2 * of_src.mask) ** 2),
        "dst_mask": np.mean((2 * dst.mask - 2 * of_dst.mask) ** 2),
    }
    made = model.losses(src, dst)
    assert set(made) == set(expected)
    for name, value in expected.items():
        assert float(made[name]) == pytest.approx(float(value), rel=2e-3), name


@pytest.mark.parametrize(
    ("size", "channels", "depth", "kernel", "stride", "padding"),
    [
        (8, 24, 40, 5, 2, "same"),
        (4, 32, 16, 3, 1, "same"),
        (8, 16, 32, 3, 1, "same"),
        (16, 16, 16, 3, 1, "same"),
        (4, 16, 16, 5, 2, "same"),
        (20, 24, 16, 3, 1, "same"),
        (32, 16, 16, 3, 1, "same"),
        (40, 16, 24, 5, 2, "same"),
        (12, 20, 3, 5, 1, "same"),
        (6, 16, 1, 3, 1, "same"),
        (8, 16, 3, 1, 1, "same"),
        (12, 24, 16, 5, 2, "valid"),
        (28, 16, 24, 5, 2, "valid"),
    ],
)
def test_accelerated_convolutions_are_the_plain_ones(
    size, channels, depth, kernel, stride, padding, monkeypatch
):
    monkeypatch.setattr(
        fast_convolution, "FEW_PIXELS", {3: 200, 5: 200}
    )  # so that both forms have their turn
    inputs = keras.Input((size, size, channels))
    layer = keras.layers.Conv2D(depth, kernel, strides=stride, padding=padding)
    network = keras.Model(inputs, layer(inputs))
    x = tf.constant(RNG.standard_normal((3, size, size, channels)), tf.float32)

    def outputs():
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = network(x, training=True)
            total = tf.reduce_sum(y * tf.cos(y))
        return y, *tape.gradient(total, [x, layer.kernel.value, layer.bias.value])

    plain = outputs()
    fast_convolution.accelerate([network])
    assert "convolution_op" in vars(layer)
    for fast, slow in zip(outputs(), plain, strict=True):
        assert np.allclose(fast, slow, atol=2e-5 * float(tf.reduce_max(tf.abs(slow))))


@pytest.mark.parametrize(
    ("size", "kernel", "stride", "padding"),
    [(4, 3, 1, "same"), (12, 3, 1, "same"), (16, 5, 2, "same"), (28, 5, 2, "valid")],
)
def test_accelerated_convolutions_in_bfloat16_err_no_more_than_its_rounding(
    size, kernel, stride, padding, monkeypatch
):
    monkeypatch.setattr(fast_convolution, "FEW_PIXELS", {3: 60, 5: 200})
    monkeypatch.setattr(fast_convolution.winograd, "convolve", None)  # would lose too much
    keras.utils.set_random_seed(3)
    layers = [
        keras.layers.Conv2D(24, kernel, stride, padding, use_bias=False, dtype=dtype)
        for dtype in ("mixed_bfloat16", "float32")
    ]
    inputs = keras.Input((size, size, 16))
    networks = [keras.Model(inputs, layer(inputs)) for layer in layers]
    layers[1].kernel.assign(layers[0].kernel)
    fast_convolution.accelerate(networks[:1])
    x = tf.constant(RNG.standard_normal((3, size, size, 16)), tf.float32)
    dy = tf.constant(RNG.standard_normal(networks[0](x).shape), tf.float32)

    def outputs(network, layer):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = tf.cast(network(x, training=True), tf.float32)
        return y, *tape.gradient(y, [x, layer.kernel.value], dy)

    coarse, exact = map(outputs, networks, layers)
    for ours, true in zip(coarse, exact, strict=True):
        assert np.allclose(ours, true, atol=0.015 * float(tf.reduce_max(tf.abs(true))))


@pytest.mark.parametrize("batch", [1, 5])
def test_a_prediction_is_the_same_with_weights_transformed_once(batch, monkeypatch):
    used, ours = [], fast_convolution.winograd.convolve_transformed
    monkeypatch.setattr(
        fast_convolution.winograd,
        "convolve_transformed",
        lambda *args: used.append(1) or ours(*args),
    )
    inputs = x = keras.Input((16, 16, 20))
    for number, (depth, kernel, stride) in enumerate([
        (24, 5, 2),
        (16, 3, 1),
        (17, 3, 1),
        (3, 5, 1),
    ]):
        x = keras.layers.Conv2D(depth, kernel, stride, "same", name=f"conv{number}")(x)
    network = keras.Model(inputs, x)
    images = tf.constant(RNG.standard_normal((batch, 16, 16, 20)), tf.float32)
    plain = network(images)
    fast_convolution.accelerate_prediction([network])
    graph = tf.function(network, input_signature=[tf.TensorSpec((None, 16, 16, 20))])
    assert np.allclose(graph(images), plain, atol=2e-5 * float(tf.reduce_max(tf.abs(plain))))
    assert used


def test_acceleration_leaves_layers_with_few_channels_alone():
    inputs = keras.Input((8, 8, 3))
    layer = keras.layers.Conv2D(8, 5, strides=2, padding="same")
    fast_convolution.accelerate([keras.Model(inputs, layer(inputs))])
    assert "convolution_op" not in vars(layer)


def test_new_weights_keep_the_size_of_what_passes_and_begin_without_a_checkerboard(monkeypatch):
    cls = small_class("H64", monkeypatch)
    model = cls(cls.Options(lightweight=True))
    initializers.initialize(model.networks.values(), seed=3)
    faces = RNG.standard_normal((2, 64, 64, 3)).astype(np.float32)
    codes = model.networks["encoder"](faces).numpy()
    assert 0.25 < codes.std() / faces.std() < 2  # without: 0.02
    decoder = model.networks["decoder_src"]
    after = keras.Model(decoder.input, decoder.get_layer("up1_join").output)
    blocks = after(codes).numpy().reshape(2, 8, 2, 8, 2, -1)
    np.testing.assert_array_equal(blocks[:, :, 0, :, 0], blocks[:, :, 1, :, 1])
    other = cls(cls.Options(lightweight=True))
    initializers.initialize(other.networks.values(), seed=3)
    pairs = zip(model.variables, other.variables, strict=True)
    assert all(np.array_equal(one.numpy(), two.numpy()) for one, two in pairs)

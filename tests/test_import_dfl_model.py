"""Models of DeepFaceLab 2 go on here: the same images, options and iteration; nothing runs."""

import os
import pickle
import subprocess
import sys
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from support import dfl_model as theirs
from support.training import make_people

from facelib import held_out
from models import MODELS, checkpoint, model_folder
from tools.util import dfl_layers, dfl_model, dfl_options, import_dfl_model
from tools.util.dfl_layers import Source
from tools.util.options import ImportModelOptions
from trainer import assembly
from trainer.options import options_class, saved_options
from utils import options
from utils.errors import InputError

ROOT = Path(__file__).parent.parent
# `face_of` through the weights of `weights_of`, by DeepFaceLab 2's own code on a CPU: every seventh
# row and column of src's image, its mask and dst's mask, as 16 bits; AMP at a morph factor of 0.5.
OUTPUTS = ROOT / "tests" / "data" / "dfl_models.npz"
EVERY, MOST = 7, 65535
QUICK = {"liae-ud", "amp"}
PATHS = ("training_data_src_dir", "training_data_dst_dir", "model_dir")


@pytest.fixture
def old(tmp_path):
    """A folder for a model of DeepFaceLab, not made yet."""
    return tmp_path / "dfl ü" / "model"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "workspace" / "model"


def bring_in(old, target):
    return import_dfl_model.run(ImportModelOptions(input_dir=old, model_dir=target))


def refused(old, target, match):
    """Import what is refused, and check that nothing was made."""
    before = sorted(path.relative_to(target.parents[1]) for path in target.parents[1].rglob("*"))
    with pytest.raises(InputError, match=match) as problem:
        bring_in(old, target)
    after = sorted(path.relative_to(target.parents[1]) for path in target.parents[1].rglob("*"))
    assert after == before
    assert "\n" not in str(problem.value)
    return str(problem.value)


# ------------------------------------------------------------------------------- what is taken over


@pytest.mark.parametrize(
    "archi",
    [pytest.param(each, marks=() if each in QUICK else pytest.mark.slow)
     for each in [*theirs.ARCHIS, "amp"]],
)  # fmt: skip
def test_every_variant_draws_what_deepfacelab_draws(archi, old, target):
    given = theirs.options_of(archi)
    theirs.write(old, given)
    report = bring_in(old, target)
    sizes = [array.size for file in theirs.weights_of(given).values() for array in file.values()]
    assert report.counts == {"parameters": sum(sizes), "iterations": 1234}
    generation = checkpoint.trained_generation(target)
    assert generation.iteration == 1234
    model = checkpoint.model_of(generation)
    face = theirs.face_of(64)[None]
    swapped = model.swap(face, 0.5) if archi == "amp" else model.swap(face)
    _, own = model.reconstruct(face, face)
    drawn = np.concatenate([swapped.image[0], swapped.mask[0], own.mask[0]], axis=-1)
    expected = np.load(OUTPUTS)[archi] / MOST
    np.testing.assert_allclose(drawn[::EVERY, ::EVERY], expected, atol=1e-4)


def test_a_base_of_half_precision_is_taken_over(old, target):
    given = theirs.options_of("df-t", e_dims=18, pretrain=True)
    weights = theirs.weights_of(given)
    half = {
        file: {name: array.astype(np.float16) for name, array in arrays.items()}
        for file, arrays in weights.items()
    }
    theirs.write(old, given, half)
    bring_in(old, target)
    generation = checkpoint.load_newest(target)
    assert generation.state["pretrained"], "a base model, as train --pretrain makes it"
    [first, *_] = generation.weights()["encoder"]
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, half["encoder"]["down1/conv1/weight:0"])


def test_a_session_goes_on_where_it_was(old, target):
    theirs.write(old, theirs.options_of("df", batch_size=2, lr_dropout="y"))
    bring_in(old, target)
    paths = dict.fromkeys(PATHS, target)
    chosen = options.resolve(options_class("SAEHD"), paths, saved_options(target))
    session = assembly.open_session(chosen)
    assert (session.iteration, session.batch_size) == (1234, 2)
    assert session.step.optimizer.dropout == 0.7
    assert int(session.step.optimizer.steps.numpy()) == 0
    expected = theirs.weights_of(theirs.options_of("df"))["decoder_dst"]["out_conv/weight:0"]
    [kernel, _] = session.model.networks["decoder_dst"].get_layer("image").get_weights()
    np.testing.assert_array_equal(kernel, expected)


@pytest.mark.slow
def test_training_goes_on(old, tmp_path):
    theirs.write(old, theirs.options_of("df", batch_size=2))
    home, folder = make_people(tmp_path / "people", 30), tmp_path / "model"
    brought = ["util", "import-dfl-model", "--input-dir", old, "--model-dir", folder]
    trained = [
        "train", "--model-dir", folder, "--target-iter", "1236", "--no-preview",
        "--training-data-src-dir", home / "src", "--training-data-dst-dir", home / "dst",
    ]  # fmt: skip
    for words in (brought, trained):
        done = subprocess.run(
            [sys.executable, "main.py", *words], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    generation = checkpoint.load_newest(folder)
    assert generation.iteration == 1236
    assert generation.history().shape[0] == 2, "losses of other functions are not compared"
    assert generation.options["optimizer"] == "adabelief"
    assert int(generation.optimizer()["steps"]) == 2
    assert all(side.blocks for side in held_out.of_model(folder)), "faces to measure with"


READER = """
import sys
import tracemalloc
from pathlib import Path
from tools.util import dfl_model

def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) >> 10

before = peak()
arrays = dfl_model.read_weights(Path(sys.argv[1]), [1 << 25])
print(arrays["dense1/weight"].shape, peak() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_what_is_read_of_a_large_file_is_in_memory_once(tmp_path):
    path = tmp_path / "new_SAEHD_encoder.npy"
    array = np.ones((1 << 12, 1 << 13), np.float32)  # 128 MB
    path.write_bytes(pickle.dumps({"dense1/weight:0": array}, 4))
    done = subprocess.run(
        [sys.executable, "-c", READER, path], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    shape, _, megabytes = done.stdout.strip().rpartition(" ")
    assert shape == "(4096, 8192)"
    assert 120 <= int(megabytes) < 150


# ------------------------------------------------------------------------------------- the options


def translated(given):
    return dfl_options.translated(dfl_model.DflModel(Path("x"), "new_SAEHD", 1, given))


@pytest.mark.parametrize(
    ("theirs_", "ours"),
    [("df", "df"), ("df-du", "df-ud"), ("liae-tdu", "liae-udt"), ("liae-t", "liae-t")],
)
def test_letters_come_in_any_order(theirs_, ours):
    assert translated(theirs.options_of(theirs_))["archi"] == ours


@pytest.mark.parametrize("name", ["dfhd", "liaehd", "df-udc", "df-uu", "df-", "SAE", None, ["df"]])
def test_other_architectures_are_refused(name):
    with pytest.raises(InputError, match=r"has the architecture .* liae-ud"):
        translated(theirs.options_of("df") | {"archi": name})


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"face_type": "xx"}, r'face type "xx"\. Expected: one of h, mf, f, wf, head'),
        ({"resolution": 72}, "resolution"),
        ({"resolution": 1024}, "--resolution: Expected .* Received: 1024"),
        ({"ae_dims": "many"}, "--ae-dims"),
        ({"ae_dims": [256]}, "--ae-dims"),
        ({"d_dims": None}, "--d-dims"),
        ({"e_dims": 10**30}, "--e-dims"),
        ({"batch_size": "all"}, "batch_size is"),
    ],
)
def test_options_that_no_model_has_are_refused(changes, problem):
    with pytest.raises(InputError, match=problem) as refusal:
        translated(theirs.options_of("df-ud", **changes))
    assert "new_SAEHD_data.dat" in str(refusal.value)


def test_an_option_that_shapes_the_weights_must_be_there():
    given = theirs.options_of("df")
    del given["e_dims"], given["archi"]
    with pytest.raises(InputError, match="does not state archi, e_dims"):
        translated(given)


@pytest.mark.parametrize("archi", ["liae-ud", "amp"])
def test_every_option_is_one_of_train(archi, old):
    changed = theirs.options_of(
        archi, resolution=np.int64(96), eyes_mouth_prio=True, batch_size=np.int32(8),
        lr_dropout="cpu", random_warp=False, clipgrad=True, uniform_yaw=True, blur_out_mask=True,
        ct_mode="lct", random_src_flip=True, gan_power=np.float64(0.1), adabelief=True,
    )  # fmt: skip
    kind = theirs.kind_of(changed)
    theirs.write(old, changed, {})
    found = dfl_options.translated(dfl_model.open_model(old))
    paths = dict.fromkeys(PATHS, Path("x"))
    assert options.resolve(options_class(kind), paths, found).model == kind, "train reads them"
    expected = {
        "model": kind, "resolution": 96, "face_type": "full", "eyes_mouth_priority": 6.0,
        "batch_size": 8, "lr_dropout": 0.7, "warp_off": 1.0, "clip_gradients": 1.0,
        "uniform_pose": True, "blur_out_mask": True, "train_color_transfer": "lct",
        "random_flip": True, "optimizer": "adabelief", "gan_power": 0.1,
    }  # fmt: skip
    assert expected.items() <= found.items()


def test_amp_weighs_eyes_and_mouth_and_has_adabelief_without_being_asked():
    given = {
        name: value
        for name, value in theirs.options_of("amp").items()
        if name not in ("eyes_mouth_prio", "adabelief")
    }
    old = dfl_model.DflModel(Path("x"), "new_AMP", 1, given)
    found = dfl_options.translated(old)
    assert (found["eyes_mouth_priority"], found["optimizer"]) == (6, "adabelief")
    plain = translated(theirs.options_of("df"))
    assert (plain["eyes_mouth_priority"], plain["optimizer"]) == (0, "adabelief")


def test_what_has_no_counterpart_is_said():
    given = theirs.options_of("df", random_dst_flip=True, random_hsv_power=0.05)
    old = dfl_model.DflModel(Path("x"), "new_SAEHD", 1, given)
    assert dfl_options.left_out(old) == ["random_hsv_power 0.05", "random_dst_flip alone"]
    assert not dfl_options.left_out(old._replace(options=theirs.options_of("df")))


# --------------------------------------------------------------------------- which model, and where


def test_the_model_is_found_by_its_name(old):
    for name in ("new", "my best one", "a_b"):
        theirs.write(old, theirs.options_of("df"), {}, name)
    theirs.write(old, theirs.options_of("amp"), {}, "new")
    (old / "new_XSeg_data.dat").write_bytes(b"")
    assert dfl_model.open_model(old, "a_b").name == "a_b_SAEHD"
    assert dfl_model.open_model(old, "new_AMP").kind == "AMP"
    with pytest.raises(InputError, match=r'2 models, "new_AMP", "new_SAEHD"; choose one by --name'):
        dfl_model.open_model(old, "new")
    with pytest.raises(InputError, match=r"4 models, .*; choose one by --name"):
        dfl_model.open_model(old)
    with pytest.raises(InputError, match=r'holds no model "other" but'):
        dfl_model.open_model(old, "other")


def test_a_folder_without_a_model_is_refused(old, target, tmp_path):
    refused(old, target, "there is no folder")
    old.mkdir(parents=True)
    refused(old, target, "holds no SAEHD or AMP model of DeepFaceLab 2; its folder has")
    (old / "new_Quick96_data.dat").write_bytes(b"")
    refused(old, target, 'DeepFaceLab 2 but "new_Quick96"')
    (tmp_path / "file").write_bytes(b"")
    refused(tmp_path / "file", target, "there is no folder")


def test_a_folder_that_is_in_use_is_left_alone(old, target):
    theirs.write(old, theirs.options_of("df"), {})
    target.mkdir(parents=True)
    (target / "notes.txt").write_text("mine")
    refused(old, target, "is not empty")
    refused(old, target / "notes.txt", "is a file")
    (target / "generations" / "000000007").mkdir(parents=True)
    refused(old, target, "holds a model already")


def test_an_empty_folder_and_one_of_a_killed_import_are_taken(old, target):
    theirs.write(old, theirs.options_of("df"))
    (target / "generations" / ".faceswap-tmp-0123abcd").mkdir(parents=True)
    (target / "generations" / ".faceswap-tmp-0123abcd" / "weights.npz").write_bytes(b"part")
    bring_in(old, target)
    assert [path.name for path in (target / "generations").iterdir()] == ["000001234"]
    assert [path.name for path in model_folder.generations(target)] == ["000001234"]
    assert [path.name for path in target.parent.iterdir()] == ["model"]


def test_a_disk_without_room_is_noticed_before(old, target, monkeypatch):
    theirs.write(old, theirs.options_of("df"), {})
    free = SimpleNamespace(free=12 << 20)
    monkeypatch.setattr(import_dfl_model.shutil, "disk_usage", lambda _: free)
    refused(old, target, r"too little room .* Expected: 28 MB\. Received: 12 MB")


def test_a_disk_that_fills_up_leaves_nothing(old, target, monkeypatch):
    theirs.write(old, theirs.options_of("df"))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(checkpoint.np, "savez", full)
    before = sorted(target.parents[1].rglob("*"))
    with pytest.raises(OSError, match="No space"):
        bring_in(old, target)
    assert sorted(target.parents[1].rglob("*")) == before


# ------------------------------------------------------------------------------ damaged and hostile


ENCODER = {"encoder": {"down1/downs_0/conv1/bias:0": np.ones(16, "f4")}}


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, witness):
        self.witness = witness

    def __reduce__(self):
        return os.system, (f"touch '{self.witness}'",)


@pytest.mark.parametrize("file", ["data.dat", "encoder.npy"])
def test_nothing_in_a_file_runs(file, old, target, tmp_path):
    stem = theirs.write(old, theirs.options_of("df"), {})
    witness = tmp_path / "harm"
    trap = pickle.dumps({"iter": 1, "options": {}, "down1/downs_0/conv1/weight:0": Trap(witness)})
    pickle.loads(trap)  # noqa: S301 - the trap must be shown to work
    assert witness.exists(), "the trap works"
    witness.unlink()
    (old / f"{stem}_{file}").write_bytes(trap)
    sentence = f"\"{stem}_{file}\" was refused: its data asks for 'posix.system', which a saved"
    assert sentence in refused(old, target, "was refused")
    assert not witness.exists()


@pytest.mark.parametrize("share", [0, 0.3, 0.7, 0.999])
@pytest.mark.parametrize("file", ["data.dat", "encoder.npy"])
def test_a_truncated_file_is_named(file, share, old, target):
    stem = theirs.write(old, theirs.options_of("df"), ENCODER)
    path = old / f"{stem}_{file}"
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    assert path.name in refused(old, target, "truncated or damaged")


DATA = {
    "a list": [1, 2],
    "no iteration": {"options": {}},
    "an iteration of text": {"iter": "12", "options": {}},
    "a negative iteration": {"iter": -1, "options": {}},
    "true": {"iter": True, "options": {}},
    "as many iterations as in no lifetime": {"iter": 10**30, "options": {}},
    "options that are a list": {"iter": 1, "options": []},
}


@pytest.mark.parametrize("kind", DATA)
def test_data_of_another_kind_are_refused(kind, old, target):
    theirs.write(old, theirs.options_of("df"), {}, data=DATA[kind])
    refused(old, target, r'"new_SAEHD_data.dat" is damaged, or not what DeepFaceLab 2 saves')


def test_an_option_that_is_no_value_counts_as_missing(old, target):
    nested = []
    for _ in range(300):
        nested = [nested]
    faulty = {"archi": nested, "face_type": "f" * 1000}
    theirs.write(old, theirs.options_of("df") | faulty, {})
    refused(old, target, "does not state archi, face_type;")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_in_place_of_a_file_is_not_waited_for(old, target):
    stem = theirs.write(old, theirs.options_of("df"))
    for name in ("decoder_dst.npy", "data.dat"):
        (old / f"{stem}_{name}").unlink()
        os.mkfifo(old / f"{stem}_{name}")
        refused(old, target, f'{name}" is missing in')


def test_a_missing_network_is_named(old, target):
    stem = theirs.write(old, theirs.options_of("df"))
    (old / f"{stem}_decoder_dst.npy").unlink()
    refused(old, target, r'"new_SAEHD_decoder_dst.npy" is missing in ".*"; copy it again')


def test_networks_of_another_model_are_refused(old, target):
    theirs.write(old, theirs.options_of("df"))
    weights = theirs.weights_of(theirs.options_of("df", e_dims=18))
    theirs.write(old, theirs.options_of("df"), {"encoder": weights["encoder"]})
    refused(old, target, r"is larger than the options in|does not fit")


SOURCES = [Source("encoder", ("a/weight",), (2, 3)), Source("encoder", ("a/bias",), (3,))]
GOOD = {"a/weight:0": np.ones((2, 3), "f4"), "a/bias:0": np.ones(3, "f4")}
FAULTY = {
    "a list": ([1], "is damaged, or not what"),
    "text for an array": (GOOD | {"a/bias:0": "x"}, 'holds "a/bias:0" as str'),
    "whole numbers": (GOOD | {"a/bias:0": np.ones(3, int)}, 'holds "a/bias:0" as int64'),
    "double precision": (GOOD | {"a/bias:0": np.ones(3)}, 'holds "a/bias:0" as float64'),
    "another shape": (GOOD | {"a/bias:0": np.ones(4, "f4")}, r"a/bias\. Expected: \(3,\)\. Rec"),
    "turned around": (GOOD | {"a/weight:0": np.ones((3, 2), "f4")}, r"Received: \(3, 2\)"),
    "one missing": ({"a/bias:0": GOOD["a/bias:0"]}, 'lacks the weights "a/weight"'),
    "one too many": (GOOD | {"b/bias:0": np.ones(1, "f4")}, 'such as "b/bias"; the two'),
    "no number": (GOOD | {"a/bias:0": np.array([1, np.nan, 2], "f4")}, "not finite, in a/bias"),
    "infinity": (GOOD | {"a/bias:0": np.array([1, np.inf, 2], "f2")}, "not finite, in a/bias"),
    "far too large": (GOOD | {"a/bias:0": np.ones(1 << 20, "f4")}, "is larger than the options"),
}


@pytest.mark.parametrize("kind", FAULTY)
def test_faulty_weights_are_refused(kind, tmp_path):
    content, problem = FAULTY[kind]
    old = dfl_model.DflModel(tmp_path, "new_SAEHD", 1, {})
    old.path("encoder").write_bytes(pickle.dumps(content, 4))
    with pytest.raises(InputError, match=problem) as refusal:
        dfl_layers.read_network(old, SOURCES)
    assert "new_SAEHD_encoder.npy" in str(refusal.value)


def test_sound_weights_of_either_byte_order_are_read(tmp_path):
    old = dfl_model.DflModel(tmp_path, "new_SAEHD", 1, {})
    content = GOOD | {"a/bias:0": np.array([1.5, 2, 3], ">f4")}
    old.path("encoder").write_bytes(pickle.dumps(content, 4))
    weight, bias = dfl_layers.read_network(old, SOURCES)
    np.testing.assert_array_equal(weight, np.ones((2, 3)))
    assert bias.dtype == np.float32
    np.testing.assert_array_equal(bias, [1.5, 2, 3])


@pytest.mark.parametrize("size", [1 << 24, 1 << 40, (1 << 63) - 1, (1 << 64) - 1])
def test_a_claimed_size_takes_no_memory(size, tmp_path):
    path = tmp_path / "new_SAEHD_encoder.npy"
    path.write_bytes(b"\x80\x04\x8e" + size.to_bytes(8, "little") + b"x.")
    tracemalloc.start()
    with pytest.raises(InputError, match="truncated or damaged"):
        dfl_model.read_weights(path, [10])
    assert tracemalloc.get_traced_memory()[1] < 1 << 20
    tracemalloc.stop()


def test_the_models_are_those_of_the_registry():
    assert set(dfl_model.KINDS) <= set(MODELS.names)

"""Base models: one folder of many people as both sides, what begins from them, what is refused."""

import re
import shutil
import sys
import zlib
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest
from support.synthetic import make_info, make_landmarks
from support.toy_model import ENTRY
from support.training import make_people, read_flags, register, save_model

from facelib import held_out, people
from facelib.faceset import Faceset
from facelib.recognizers import RECOGNIZERS
from facelib.validation_log import ValidationLog
from models import MODELS, checkpoint, model_folder, weight_transfer
from models.classic import Sizes
from trainer import checks, train
from trainer.assembly import open_session
from trainer.options import saved_options
from utils import workspace
from utils.errors import ModelError, UsageError
from workbench import forms

TINY = Sizes(side=128, downs=(4, 4, 4, 4), code=4, inner=4, out=4, image=(4, 4, 4), mask=(4, 4, 4))


@pytest.fixture(autouse=True)
def toy(monkeypatch):
    register("TOY", ENTRY, monkeypatch)


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    folder = tmp_path_factory.mktemp("people")
    make_people(folder, 40)
    return folder / "src"


def chosen(*words):
    """The options of a command line; the model is the toy."""
    return read_flags("--model", "TOY", "--no-preview", "--seed", 5, *words)


class Recognizer:
    """Every image shows someone else."""

    same_below = 0.5

    def embed(self, image, landmarks):
        return np.eye(128)[zlib.crc32(image.tobytes()) % 128]


# --- training


def test_a_base_is_trained_on_one_folder_as_both_sides(faces, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(people, "SAMPLE", 24)
    monkeypatch.setattr(people, "_recognizer", Recognizer)
    words = "--pretrain", faces, "--model-dir", tmp_path / "base", "--batch-size", 2
    given = chosen(*words, "--target-iter", 3, "--preview-minutes", 0)
    assert given.training_data_src_dir == given.training_data_dst_dir == faces
    assert (given.warp_off, given.uniform_pose) == (1.0, True)
    report = train.run(given)
    said = capsys.readouterr()
    assert report.then == (
        "begin a pair from it",
        f"train --model TOY --load-weights {tmp_path / 'base'}",
    )
    assert "warning" not in said.err
    (count,) = re.findall(r"faces   src (\d+), dst \1\n", said.out)
    assert 30 < int(count) < 40  # the rest is held out, or close to that
    assert "Held-out faces come out with a similarity of 0." in said.out
    (row,) = ValidationLog.of(tmp_path / "base").rows
    assert 0 < row["ssim_src"] < 1
    assert np.isnan(row["swap_quality"])
    assert not (tmp_path / "base" / people.FILE).exists()
    assert "pretrain" not in saved_options(tmp_path / "base")
    blocks = held_out.of_model(tmp_path / "base")
    assert blocks[0] == blocks[1] != held_out.HeldOut(())  # else one side learned the other's

    session = open_session(chosen(*words))  # and it goes on
    session.iteration += 1
    session.save()
    assert checkpoint.load_newest(tmp_path / "base").state["pretrained"] is True
    assert held_out.of_model(tmp_path / "base") == blocks


def test_faces_of_one_person_are_noticed(faces, monkeypatch):
    monkeypatch.setattr(people, "SAMPLE", 24)
    monkeypatch.setattr(people, "_recognizer", Recognizer)
    assert not people.show_one_person(Faceset.open(faces))
    monkeypatch.setattr(Recognizer, "embed", lambda *_: np.eye(128)[0])
    assert people.show_one_person(Faceset.open(faces))
    assert RECOGNIZERS.load(people.RECOGNIZER).same_below == people.same_below()


def many(sources, frames):
    info = make_info(make_landmarks())
    return [
        (Path(f"{source}_{frame}.png"), replace(info, source=f"{source}.mp4", frame_index=frame))
        for source in range(sources)
        for frame in range(frames)
    ]


@pytest.mark.parametrize(("sources", "frames"), [(1000, 1), (100, 7), (30, 40)])
def test_whole_sources_are_held_out(sources, frames):
    every = many(sources, frames)
    rule = held_out.choose_sources(every)
    trained, held = rule.split(every)
    assert {info.source for _, info in trained}.isdisjoint(info.source for _, info in held)
    assert len(trained) + len(held) == len(every)
    assert 0.025 * len(every) < len(held) <= min(256, 0.05 * len(every) + 1)


def test_blocks_are_held_out_of_one_long_source():
    every = many(1, 200)
    assert held_out.choose_sources(every) == held_out.choose(every) != held_out.HeldOut(())
    assert held_out.choose_sources(many(3, 2)) == held_out.HeldOut(())


# --- what begins from a base


@pytest.fixture
def networks(monkeypatch):
    """Builds small models of a name, whose weights a seed decides."""
    for name, constant in {"DF": "SIZES", "LIAEF128": "SIZES"}.items():
        monkeypatch.setattr(sys.modules[MODELS.load(name).__module__], constant, TINY)

    def build(name, seed):
        keras.utils.set_random_seed(seed)
        return MODELS.load(name)(MODELS.load(name).Options())

    return build


@pytest.mark.parametrize(
    ("name", "between"),
    [
        ("DF", {"encoder": 3}),
        pytest.param("LIAEF128", {"inter_AB": 3, "inter_B": 3}, marks=pytest.mark.slow),
    ],
)
def test_a_pair_takes_all_but_the_bottleneck_of_a_base(name, between, networks, tmp_path):
    base, pair, other = (networks(name, seed) for seed in (1, 2, 2))
    save_model(name, base, tmp_path / "base", pretrained=True)
    save_model(name, base, tmp_path / "pair")
    taken = weight_transfer.load_weights(pair, tmp_path / "base")
    for network, part in taken.items():
        assert part.total - part.loaded == between.get(network, 0)
    for network, new in pair.networks.items():
        fresh, old = (model.networks[network] for model in (other, base))
        for layer in filter(lambda layer: layer.weights, new.layers):
            inside = "inter" in network + layer.name
            origin = (fresh if inside else old).get_layer(layer.name)
            np.testing.assert_array_equal(layer.get_weights()[0], origin.get_weights()[0])
    assert all(
        part.loaded == part.total
        for folder, base in (("pair", False), ("base", True))
        for part in weight_transfer.load_weights(pair, tmp_path / folder, for_base=base).values()
    )


def test_a_pair_has_the_model_and_the_shape_of_its_base(tmp_path):
    toy = MODELS.load("TOY")
    wide = toy.Options(width=12, expression_head=True)
    save_model("TOY", toy(wide), tmp_path / "base", pretrained=True)
    words = "--load-weights", tmp_path / "base", "--model-dir"
    sides = [f"--training-data-{side}-dir={tmp_path}" for side in ("src", "dst")]
    given = read_flags(*sides, *words, tmp_path / "new")
    assert (given.model, given.width, given.expression_head) == ("TOY", 12, True)
    given = read_flags(*sides, *words, tmp_path / "new", "--width", 8)
    assert (given.width, given.expression_head) == (8, True)
    other = read_flags(*sides, *words, tmp_path / "new", "--model", "H64")
    assert not other.expression_head
    save_model("TOY", toy(toy.Options(width=4)), tmp_path / "old")
    assert read_flags(*sides, *words, tmp_path / "old").width == 4  # refused later, as it is


def test_a_pair_that_begins_from_a_base_is_none(faces, tmp_path):
    toy = MODELS.load("TOY")
    save_model("TOY", toy(toy.Options()), tmp_path / "base", pretrained=True)
    sides = [f"--training-data-{side}-dir={faces}" for side in ("src", "dst")]
    given = chosen(*sides, "--model-dir", tmp_path / "new", "--load-weights", tmp_path / "base")
    checks.check(given)
    session = open_session(given)
    session.save()
    assert "pretrained" not in checkpoint.load_newest(tmp_path / "new").state


# --- what is refused


def test_a_base_is_not_taken_for_a_pair(faces, tmp_path):
    toy = MODELS.load("TOY")
    save_model("TOY", toy(toy.Options()), tmp_path / "base", pretrained=True)
    save_model("TOY", toy(toy.Options()), tmp_path / "pair")
    sides = [f"--training-data-{side}-dir={faces}" for side in ("src", "dst")]
    with pytest.raises(
        UsageError, match=r"holds a base model.*--load-weights.*another --model-dir"
    ):
        checks.check(chosen(*sides, "--model-dir", tmp_path / "base"))
    with pytest.raises(UsageError, match=r"holds a model of two people.*another --model-dir"):
        checks.check(chosen("--pretrain", faces, "--model-dir", tmp_path / "pair"))
    checks.check(chosen(*sides, "--model-dir", tmp_path / "pair"))
    checks.check(chosen("--pretrain", faces, "--model-dir", tmp_path / "base"))
    model_folder.check(tmp_path / "pair", "--model-dir")
    with pytest.raises(ModelError, match=r"a base, trained on many people.*--load-weights"):
        model_folder.check(tmp_path / "base", "--model-dir")


def test_flags_that_a_base_has_no_use_for(faces, tmp_path):
    folder = "--model-dir", tmp_path / "base", "--pretrain", faces
    with pytest.raises(UsageError, match="both sides; leave out --training-data-dst-dir"):
        chosen(*folder, "--training-data-dst-dir", faces)
    for words in (("--swap-sides", 3), ("--new-faces",), ("--phase", "gan")):
        with pytest.raises(UsageError, match=f"unknown option {words[0]}"):
            chosen(*folder, *words)
    with pytest.raises(UsageError, match="unknown option --pretrain"):
        chosen(*folder, "--model", "MASK")


def test_the_page_has_the_fields_of_a_base(faces, tmp_path):
    shutil.copytree(faces, tmp_path / "people")
    home = workspace.Workspace(tmp_path)
    form = forms.form("train", {"pretrain": "people"}, home)
    fields = {field["name"] for group in form["groups"] for field in group["fields"]}
    assert (form["problem"], form["errors"]) == ("", {})
    assert form["words"] == ["train", "--pretrain", str(tmp_path / "people")]
    assert fields.isdisjoint({"training_data_src_dir", "training_data_dst_dir", "phase"})
    both = {"pretrain": "people", "training_data_src_dir": "people"}
    form = forms.form("train", both, home)
    assert "both sides; leave out --training-data-src-dir" in form["problem"]


def test_a_base_has_its_own_place_in_a_workspace(faces, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_src").mkdir()
    place = tmp_path / "pretrained_model"
    assert chosen("--pretrain", faces).model_dir == place
    toy = MODELS.load("TOY")
    save_model("TOY", toy(toy.Options()), place, pretrained=True)
    assert read_flags("--pretrain", faces).model == "TOY"

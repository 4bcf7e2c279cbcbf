"""The four steps and `evaluate` from the command line, on clips of the public-domain astronaut."""

import json
from pathlib import Path

import cv2
import pytest
from support import clips, program
from support.toy_model import ENTRY
from support.training import toy_settings

from models import MODELS
from trainer import train
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark

ROOT = Path(__file__).parent.parent
CLIPS = {
    "29.97": {"times": clips.STEADY[:16]},
    "uneven": {"times": clips.UNEVEN[:16]},
    "turned": {"times": clips.STEADY[:16], "turn": {"degrees": 90}},
}


def astronaut_on_her_side(index, width, height):
    return cv2.rotate(clips.astronaut(index, height, width), cv2.ROTATE_90_CLOCKWISE)


def run(*words):
    """Run a command line in this process; what it printed."""
    return program.run([*words, "--no-ask"], folder=ROOT)


@pytest.fixture(scope="module", autouse=True)
def toy():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(MODELS._entries, "TOY", ENTRY)
        yield


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A folder with a space and an umlaut: three dst clips, src's faces and a trained model."""
    folder = tmp_path_factory.mktemp("wörk space")
    for name, how in CLIPS.items():
        draw = astronaut_on_her_side if "turn" in how else clips.astronaut
        size = (240, 320) if "turn" in how else (320, 240)
        clips.make_clip(folder / f"{name}.mp4", **how, draw=draw, size=size)
    run("extract", "--input-dir", folder / "29.97.mp4", "--output-dir", folder / "src")
    run("sort", "--input-dir", folder / "src", "--by", "hist")
    # not by the command line, whose options may have been made before the toy model was there
    settings = toy_settings(folder, folder / "model", training_data_dst_dir=folder / "src")
    train.run(settings(target_iter=30))
    return folder


def test_training_left_a_state_with_its_iteration(workspace):
    (generation,) = (path for path in (workspace / "model" / "generations").iterdir()
                     if path.name == "000000030")  # fmt: skip
    assert json.loads((generation / "state.json").read_text())["iteration"] == 30
    assert (workspace / "model" / "preview.png").exists()


@pytest.mark.parametrize("name", ["uneven", "turned"])  # the other: test_straight_way.py
def test_a_clip_keeps_its_times_its_sound_and_its_uprightness(workspace, name):
    clip, result = workspace / f"{name}.mp4", workspace / f"{name} result.mp4"
    faces = workspace / f"{name} faces"
    assert "16 faces" in run("extract", "--input-dir", clip, "--output-dir", faces)
    printed = run(
        "convert", "--input-dir", clip, "--output-dir", result, "--aligned-dir", faces,
        "--model-dir", workspace / "model",
    )  # fmt: skip
    assert "16 converted faces" in printed
    clips.assert_times_kept(clips.times_of(clip), clips.times_of(result))
    clips.assert_sound_kept(clip, result)
    assert clips.first_image(result).shape == clips.first_image(clip).shape
    assert read_mark(result) == DIGITAL_SOURCE_TYPE


def test_evaluate_measures_a_result(workspace):
    clip, faces = workspace / "29.97.mp4", workspace / "src"
    output = workspace / "evaluation.json"
    run(
        "evaluate", "--dst", clip, "--result", clip, "--src-aligned", faces, "--output", output,
        "--every", "4",
    )  # fmt: skip
    figures = json.loads(output.read_text())["figures"]["result"]
    assert figures["landmark_error"] == pytest.approx(0, abs=0.1)

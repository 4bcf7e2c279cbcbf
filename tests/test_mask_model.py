"""Training masks: what occludes, what is sampled, measured, held out, listed and predicted.

A whole training on drawn faces (`support.masked`) is done once, with a handful of steps.
"""

import csv
import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.distance import cdist
from support.masked import make_masked_faceset
from support.program import run
from support.synthetic import make_faceset, make_info, make_landmarks

from facelib import face_mask, held_out, similarity
from facelib.faceset import Faceset, read_face, write_face
from facelib.mask_label import POLYGON, MaskLabel, Shape
from facelib.types import FaceType
from models import checkpoint, model_folder
from models.mask_predictor import MaskPredictor
from trainer import to_label
from trainer.data import mask_sampler, occluders
from trainer.data.mask_sampler import MaskSampler, is_labeled
from trainer.data.occluders import Layer, Surroundings
from trainer.data.sampler import SamplerSettings
from trainer.mask_task import MaskTask
from trainer.options import options_class
from utils.errors import ModelError
from utils.options import options_of

SIDE = 64
SETTINGS = SamplerSettings(FaceType.FULL, SIDE)
BLUE, GREEN, RED = np.eye(3, dtype=np.uint8) * 255
POINTS = make_landmarks(center=(SIDE / 2, SIDE / 2), width=40)


# measuring


def edge_pixels(mask):
    """Pixels of a mask with a neighbor outside, one by one."""
    found = []
    for y, x in np.argwhere(mask):
        around = [(y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)]
        if any(0 <= r < len(mask) and 0 <= c < len(mask) and not mask[r, c] for r, c in around):
            found.append((y, x))
    return np.array(found)


@pytest.mark.parametrize("seed", range(4))
def test_the_boundary_score_is_precision_and_recall_of_edge_pixels(seed):
    rng = np.random.default_rng(seed)
    masks = [cv2.GaussianBlur(rng.random((40, 40)), (0, 0), 3 + seed) > 0.5 for _ in range(2)]
    edges = [edge_pixels(mask) for mask in masks]
    apart = cdist(*edges)
    precision, recall = (apart.min(axis=1) <= 2).mean(), (apart.min(axis=0) <= 2).mean()
    expected = 2 * precision * recall / (precision + recall)
    found = similarity.boundary_score(*(mask.astype(np.float32) for mask in masks))
    assert found == pytest.approx(expected, abs=0.05)  # OpenCV's distances are 2 % off


@pytest.mark.parametrize(("shift", "score"), [(0, 1.0), (2, 1.0), (3, 0.0)])
def test_the_boundary_score_of_a_mask_that_is_moved(shift, score):
    half = np.zeros((64, 64), np.float32)
    half[:, 30:] = 1
    assert similarity.boundary_score(half, np.roll(half, shift, axis=1)[:, :64]) >= score - 0.5
    moved = np.zeros_like(half)
    moved[:, 30 + shift :] = 1
    assert similarity.boundary_score(half, moved) == score


def test_the_boundary_score_without_edges():
    none, some = np.zeros((8, 8), np.float32), np.eye(8, dtype=np.float32)
    assert np.isnan(similarity.boundary_score(none, none))
    assert similarity.boundary_score(none, some) == 0


# occluders


def surroundings(level=150):
    image = np.full((SIDE, SIDE, 3), level, np.uint8)
    return Surroundings(image, POINTS, np.array([120.0, 150, 200]), image)


@pytest.mark.parametrize("kind", dict.fromkeys(occluders.KINDS), ids=lambda kind: kind.__name__)
def test_each_kind_hides_a_part_and_has_an_edge(kind):
    layers = [kind(surroundings(), np.random.default_rng(seed)) for seed in range(30)]
    for layer in layers:
        assert layer.color.shape == (SIDE, SIDE, 3)
        assert layer.alpha.shape == (SIDE, SIDE)
        assert np.isfinite(layer.color).all()
        assert 0 <= layer.alpha.min() <= layer.alpha.max() <= 1
    shares = np.array([(layer.alpha > 0.5).mean() for layer in layers])
    assert 0.02 < np.median(shares) < 0.6
    assert len(set(shares)) > 20  # they differ
    again = kind(surroundings(), np.random.default_rng(7))
    assert np.array_equal(again.alpha, layers[7].alpha)


def square(_, rng):
    """Green, somewhere."""
    alpha = np.zeros((SIDE, SIDE), np.float32)
    x, y = rng.integers(8, 40, 2)
    alpha[y : y + 16, x : x + 16] = 1
    return Layer(np.tile(np.float32(GREEN), (SIDE, SIDE, 1)), alpha)


def test_what_is_hidden_shows_the_occluder_and_the_rest_is_only_darkened(monkeypatch):
    monkeypatch.setattr(occluders, "KINDS", (square,))
    monkeypatch.setattr(occluders, "MOST", 1)
    monkeypatch.setattr(occluders, "_softened", lambda layer, rng: layer)
    shadows = 0
    for seed in range(20):
        image, hidden = occluders.occlude(surroundings(), np.random.default_rng(seed))
        assert (hidden == 1).sum() == 16 * 16
        assert (image[hidden == 1] == GREEN).all()
        beside = image[hidden == 0]
        assert (beside <= 150).all()
        shadows += (beside < 150).any()
    assert 4 < shadows < 20


# samples


def painted_faces(folder, count=3):
    """Faces that are red where a drawn label says they are visible, and blue elsewhere."""
    folder.mkdir(exist_ok=True)
    for number in range(count):
        points = make_landmarks(center=(100, 100), width=90, roll=10 * number - 10)
        outline = np.array([(60, 62), (140, 66), (146, 120), (104, 152), (64, 128)], float)
        label = MaskLabel((Shape(POLYGON, True, outline),))
        info = make_info(points, 128, frame_index=number, mask_label=label)
        inside = face_mask.face_mask(info, 128)[..., None]
        image = np.rint(inside * RED + (1 - inside) * BLUE).astype(np.uint8)
        write_face(folder / f"{number}.png", image, info)
    return list(Faceset.open(folder))


@pytest.fixture
def plain(monkeypatch):
    """Samples without occluders, in their own colors."""
    monkeypatch.setattr(mask_sampler, "OCCLUDED_SHARE", 0)
    monkeypatch.setattr(mask_sampler, "photographed", lambda image, rng: image)


def test_labels_follow_the_pixels_however_they_are_moved(tmp_path, plain):
    sampler = MaskSampler(painted_faces(tmp_path), [], SETTINGS, (1,))
    batch = sampler.batch(0, 24)
    red = batch.warped[..., 2] > 127
    overlaps = [
        similarity.mask_overlap(*pair) for pair in zip(red, batch.mask[..., 0] / 255, strict=True)
    ]
    assert min(overlaps) > 0.98
    assert len({mask.sum() for mask in batch.mask}) == 24
    sides = np.arange(SIDE) - SIDE / 2
    assert {np.sign((mask[..., 0] * sides).sum()) for mask in batch.mask} == {-1, 1}  # mirrored


def test_what_is_drawn_over_a_face_is_no_face_and_certain(tmp_path, plain, monkeypatch):
    monkeypatch.setattr(mask_sampler, "OCCLUDED_SHARE", 1)
    monkeypatch.setattr(occluders, "KINDS", (square,))
    monkeypatch.setattr(occluders, "_softened", lambda layer, rng: layer)
    make_faceset(tmp_path / "others", 3)
    sampler = MaskSampler(
        painted_faces(tmp_path / "drawn"), list(Faceset.open(tmp_path / "others")), SETTINGS, (1,)
    )
    batch = sampler.batch(0, 16)
    green = (batch.warped == GREEN).all(axis=3)
    assert green.any(axis=(1, 2)).all()
    assert batch.mask[green].max() == 0
    assert batch.in_frame[green].min() == 255


def test_a_guess_counts_little_and_not_at_its_edge(tmp_path, plain):
    make_faceset(tmp_path, 6)
    sampler = MaskSampler([], list(Faceset.open(tmp_path)), SETTINGS, (1,))
    batch = sampler.batch(0, 12)
    assert 0 < batch.in_frame.max() <= 26
    for mask, sure in zip(batch.mask[..., 0] > 127, batch.in_frame[..., 0], strict=True):
        edge = edge_pixels(mask)
        assert (sure[tuple(edge.T)] > 13).mean() < 0.05  # but where the image ends
        assert (sure[mask] > 0).mean() > 0.5


def test_most_samples_show_labeled_faces_and_all_repeat(tmp_path, plain):
    make_faceset(tmp_path / "others", 5)
    faces = painted_faces(tmp_path / "drawn"), list(Faceset.open(tmp_path / "others"))
    one, other = (MaskSampler(*faces, SETTINGS, (4,)) for _ in range(2))
    drawn = [pick.face < 3 for pick in one.picks(0, 4000)]
    assert 0.72 < np.mean(drawn) < 0.78
    whole, parts = one.batch(0, 6), [other.batch(number, 2) for number in (2, 0, 1)]
    for number, part in zip((2, 0, 1), parts, strict=True):
        for name in ("warped", "mask", "in_frame"):
            span = slice(2 * number, 2 * number + 2)
            assert np.array_equal(getattr(whole, name)[span], getattr(part, name))


def test_a_label_is_never_taken_for_another_face_that_a_sort_gave_its_name(tmp_path, plain):
    make_faceset(tmp_path, 3)
    faces = list(Faceset.open(tmp_path))
    sampler = MaskSampler([], faces, SETTINGS, (1,))
    faces[1][0].replace(faces[0][0])
    batch = sampler.batch(0, 12)
    assert len(sampler.failures) == 2
    assert any("another face since the training began" in each for each in sampler.failures)
    assert batch.warped.any()


# what is held out


def labeled_infos(frames):
    return [(None, make_info(POINTS, SIDE, frame_index=frame)) for frame in frames]


@pytest.mark.parametrize(("labels", "blocks"), [(7, 0), (8, 1), (12, 2), (20, 2), (40, 5)])
def test_every_eighth_label_is_held_out(labels, blocks):
    chosen = held_out.choose_labeled(labeled_infos(range(0, 3 * labels, 3))).blocks
    assert len(chosen) == blocks
    assert all(block.first == block.last and block.first % 3 == 0 for block in chosen)


def test_frames_beside_a_held_out_label_are_not_trained_on_but_other_labels_are():
    drawn = list(range(0, 160, 4))
    rule = held_out.choose_labeled(labeled_infos(drawn))
    trained, tested = rule.split(labeled_infos(range(160)))
    frames = {info.frame_index for _, info in trained}
    for _, info in tested:
        assert not frames & set(range(info.frame_index - 3, info.frame_index + 4))
    assert set(drawn) <= frames | {info.frame_index for _, info in tested}


def test_a_model_remembers_what_it_holds_out(tmp_path):
    faces = labeled_infos(range(0, 60, 5))
    first = held_out.of_labels(tmp_path, faces, [], new=True)
    more = held_out.of_labels(tmp_path, labeled_infos(range(60)), faces, new=False)
    assert more[0] == first[0]
    assert first[1].blocks == ()
    assert more[1].blocks
    assert held_out.of_model(tmp_path) == more


def test_labels_that_are_drawn_later_beside_held_out_ones_are_trained_on(tmp_path):
    def faces(drawn):
        label = MaskLabel(())
        infos = labeled_infos(range(80))
        return [
            (Path(f"{frame}.png"), dataclasses.replace(info, mask_label=label))
            if frame in drawn
            else (Path(f"{frame}.png"), info)
            for frame, (_, info) in enumerate(infos)
        ]

    def trained_on(drawn, iteration):
        model = SimpleNamespace(face_type=FaceType.FULL, resolution=SIDE)
        session = SimpleNamespace(model=model, iteration=iteration, seed=1)
        task = MaskTask(SimpleNamespace(model_dir=tmp_path, random_flip=True))
        samplers = task.samplers(session, faces(drawn), faces({7}))
        [held] = [info.frame_index for _, info in samplers.src_held_out.faces]
        frames = [info.frame_index for _, info in samplers.src.faces]
        return held, frames

    first = set(range(0, 80, 10))
    held, frames = trained_on(first, 0)
    assert held in first
    assert {held - 3, held, held + 3}.isdisjoint(frames)
    again, more = trained_on({*first, held + 3}, 5)
    assert again == held
    assert set(more) == {*frames, held + 3}


# what to draw next


def unsure(frame, doubt, source="clip.mp4"):
    info = make_info(POINTS, SIDE, frame_index=frame, source=source)
    return to_label.UnsureFace("dst", None, info, doubt)


def test_doubt_is_nothing_of_a_certain_mask_and_much_of_a_guess():
    around = np.ones((8, 8), bool)
    half = np.full((8, 8), 0.5, np.float32)
    sure = np.eye(8, dtype=np.float32)
    assert to_label.doubt(sure, sure, around) == pytest.approx(0, abs=1e-4)
    assert to_label.doubt(half, half, around) == pytest.approx(0.5)
    assert to_label.doubt(sure, 1 - sure, around) == pytest.approx(0.5, abs=1e-4)
    assert to_label.doubt(half, half, around & (np.eye(8) > 0)) == pytest.approx(0.5)


def test_the_faces_to_draw_are_no_neighbors():
    """One stretch is the worst by far; two others are bad, too."""
    faces = [unsure(frame, 0.1 + 0.8 * (500 <= frame < 520)) for frame in range(1000)]
    faces += [unsure(frame, 0.4, "other.mp4") for frame in range(100)]
    chosen = to_label.varied(faces, 6)
    frames = [face.info.frame_index for face in chosen if face.info.source == "clip.mp4"]
    assert 500 <= frames[0] < 520
    assert {face.info.source for face in chosen} == {"clip.mp4", "other.mp4"}
    assert min(np.diff(sorted(frames)), default=99) > 10
    assert [face.doubt for face in chosen] == sorted((f.doubt for f in chosen), reverse=True)


# a whole training


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A few steps on drawn faces, 12 labeled: the folders, and what was printed."""
    folder = tmp_path_factory.mktemp("mask")
    make_masked_faceset(folder / "src", 16, labeled=set(range(0, 16, 2)))
    make_masked_faceset(folder / "dst", 6, seed=1, cast=1, labeled={1})
    words = ["train", "--model", "MASK", "--training-data-src-dir", "src", "--no-ask"]
    words += ["--training-data-dst-dir", "dst", "--model-dir", "model", "--target-iter", 3]
    words += ["--batch-size", 1, "--average-weights", 0, "--no-preview", "--cpu-only", "--seed", 3]
    return folder, run(words, folder=folder)


def test_training_says_what_is_labeled_measured_and_next(trained):
    _, printed = trained
    assert "labels  src 7, and 1 held out; dst 1, and 0 held out" in printed
    assert re.search(r"masks overlap by 0\.\d{3} .* of their edges are within 2 pixels", printed)
    next_, command = printed.splitlines()[-2:]
    assert next_ == "Next: draw the masks of the faces that it is least sure of"
    assert re.search(r"util draw-masks --input-dir \S*(src|dst)$", command)


def test_held_out_labels_are_measured(trained):
    folder, _ = trained
    with (folder / "model" / "progress.csv").open(encoding="utf-8") as file:
        [row] = csv.DictReader(file)
    [face] = held_out.of_model(folder / "model")[0].split(list(Faceset.open(folder / "src")))[1]
    assert is_labeled(face[1])
    image, info = read_face(face[0])
    mask = MaskPredictor(folder / "model")(image[None])[0]
    label = face_mask.face_mask(info, 256)
    overlap = ((mask >= 0.5) & (label >= 0.5)).sum() / ((mask >= 0.5) | (label >= 0.5)).sum()
    assert float(row["mask_iou"]) == pytest.approx(overlap, abs=0.01)
    assert float(row["mask_boundary"]) == pytest.approx(
        similarity.boundary_score(mask, label), abs=0.05
    )
    assert row["swap_quality"] == "nan"


def test_the_faces_to_draw_are_listed_without_labeled_ones(trained):
    folder, _ = trained
    listed = json.loads((folder / "model" / "to_label.json").read_text(encoding="utf-8"))
    assert (listed["version"], listed["iteration"]) == (1, 3)
    assert 1 <= len(listed["faces"]) <= 12
    for face in listed["faces"]:
        _, info = read_face(folder / face["side"] / face["file"])
        assert not is_labeled(info)
        assert face["folder"] == str(folder / face["side"])
        named = info.source, info.frame_index, info.face_index
        assert (face["source"], face["frame_index"], face["face_index"]) == named
        assert 0 < face["doubt"] <= 1


def test_the_preview_shows_faces_labels_and_masks(trained):
    folder, _ = trained
    preview = np.asarray(Image.open(folder / "model" / "preview.png"))
    assert preview.shape[1] == 8 * 256 + 8
    top = preview.shape[0] - 4 * 256 - round(236 * 1.6)
    [face] = held_out.of_model(folder / "model")[0].split(list(Faceset.open(folder / "src")))[1]
    image, info = read_face(face[0])
    shown, label = preview[top : top + 256, :256], preview[top : top + 256, 256:512]
    assert np.abs(shown[..., ::-1].astype(int) - image).mean() < 2
    assert np.abs(label[..., 0] / 255 - face_mask.face_mask(info, 256)).mean() < 0.01


def test_the_predictor_gives_the_networks_masks(trained):
    folder, _ = trained
    made, model = MaskPredictor(folder / "model"), checkpoint.load_model(folder / "model")
    assert (made.face_type, made.side) == (FaceType.FULL, 256)
    faces = np.random.default_rng(0).integers(0, 256, (3, 256, 256, 3), np.uint8)
    expected = model.networks["unet"](faces.astype(np.float32) / 255).numpy()[..., 0]
    np.testing.assert_allclose(made(faces), expected, atol=1e-5)
    np.testing.assert_allclose(made(faces[1:2]), expected[1:2], atol=1e-5)
    assert made(faces[:0]).shape == (0, 256, 256)


def test_a_model_of_masks_has_no_swap(trained, capsys):
    folder, _ = trained
    words = ["convert", "--input-dir", "src", "--aligned-dir", "src", "--model-dir", "model"]
    run([*words, "--output-dir", "out", "--no-ask"], folder=folder, status=1)
    said = capsys.readouterr().err
    assert "masks faces, so it has no swap; --model-dir needs a model that swaps them" in said
    assert not (folder / "out").exists()


def test_masks_need_a_model_of_masks(tmp_path):
    with pytest.raises(ModelError, match="no trained model"):
        model_folder.check_masks(tmp_path, "--model-dir")
    generation = tmp_path / "generations" / "000000007"
    generation.mkdir(parents=True)
    state = {"version": 1, "model": "H64", "iteration": 7, "seconds": 1}
    (generation / "state.json").write_text(json.dumps(state))
    with pytest.raises(ModelError, match="swaps faces; --model-dir needs one that masks them"):
        model_folder.check_masks(tmp_path, "--model-dir")


def test_faces_without_labels_are_refused_at_once(tmp_path, monkeypatch, capsys):
    make_faceset(tmp_path / "src", 2)
    make_faceset(tmp_path / "dst", 2, seed=1)
    words = ["train", "--model", "MASK", "--training-data-src-dir", "src", "--no-ask"]
    words += ["--training-data-dst-dir", "dst", "--model-dir", "model"]
    run(words, folder=tmp_path, status=1)
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1
    assert "is labeled" in errors[0]
    assert "util draw-masks" in errors[0]
    assert not list((tmp_path / "model").glob("generations"))


def test_only_options_that_mean_something_are_offered():
    offered = {option.name for option in options_of(options_class("MASK"))}
    assert {"face_type", "random_flip", "target_minutes"} <= offered
    assert not offered & {"expression_head", "eyes_mouth_priority", "swap_sides", "stop_when"}
    made = options_class("MASK")(
        training_data_src_dir="a", training_data_dst_dir="b", model_dir="c"
    )
    assert (made.swap_sides, made.stop_when, made.expression_head) == (0, None, False)
    with pytest.raises(TypeError, match="swap_sides"):
        dataclasses.replace(made, swap_sides=1)


@pytest.mark.slow
def test_it_learns_to_see_things_of_kinds_that_it_was_not_shown(tmp_path):
    make_masked_faceset(tmp_path / "src", 40, labeled=set(range(0, 40, 4)))
    make_masked_faceset(tmp_path / "dst", 40, seed=1, cast=1, labeled=set(range(0, 40, 4)))
    words = ["train", "--model", "MASK", "--training-data-src-dir", "src", "--no-ask"]
    words += ["--training-data-dst-dir", "dst", "--model-dir", "model", "--target-iter", 500]
    run([*words, "--no-preview", "--cpu-only", "--seed", 3], folder=tmp_path)
    predictor = MaskPredictor(tmp_path / "model")
    overlaps = []
    for path in make_masked_faceset(tmp_path / "test", 40, seed=9, cast=1):
        image, info = read_face(path)
        mask = predictor(image[None])[0]
        overlaps.append(similarity.mask_overlap(mask, face_mask.face_mask(info, 256)))
    assert np.mean(overlaps) > 0.85

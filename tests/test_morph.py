"""The morph factor: a swap to a degree, in conversion, previews and exports."""

import dataclasses
import json
from dataclasses import replace

import keras
import numpy as np
import onnxruntime
import pytest
from scipy import ndimage
from support import players
from support.computing import arrays, only_tensorflow
from support.conversion import (
    IDENTITY,
    SIZE,
    fading_predictor,
    mean_hull,
    options,
    read_folder,
    write_footage,
)
from support.toy_model import Toy
from support.training import save_model

from converters import checks, convert
from converters import predictor as predictors
from converters.interactive import edits, keymap
from converters.interactive.preview import PreviewRenderer, PreviewRequest
from converters.interactive.session_file import SavedSession, save, session_path
from converters.interactive.state import EditorState, FootageIndex, handle_key
from converters.look import Look, fingerprint, identity, load_look, look_to_json, save_look, used
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import Faceset
from facelib.types import FaceType
from models import MODELS, critics, hd_losses
from models.amp import AMP, AMPOptions
from models.base import Batch, Prediction
from models.engine import engine
from tools.util import dfm, export
from tools.util.options import ExportOptions
from trainer.monitoring.predict import FACTORS, FacePredictor
from utils.errors import InputError, UsageError
from utils.registry import Entry
from utils.video.io import open_source
from utils.video.seekable import open_random

SMALL = AMPOptions(resolution=64, ae_dims=32, inter_dims=32, e_dims=16, d_dims=16, d_mask_dims=16)
FACES = np.random.default_rng(5).random((3, 16, 16, 3), np.float32)


class Fading(Toy):
    """Fades from dst's face to its negative; the mask is the factor."""

    morphs = True

    def swap(self, dst, morph=1.0):
        return Prediction(dst + (1 - 2 * dst) * morph, 0 * dst[..., :1] + morph)


@pytest.fixture
def fading(monkeypatch):
    monkeypatch.setitem(MODELS._entries, "FADING", Entry("test_morph:Fading", "for tests"))
    return Fading(Fading.Options())


@pytest.fixture(scope="module")
def amp():
    keras.utils.set_random_seed(4)
    return AMP(SMALL)


def test_each_face_is_predicted_at_its_own_factor(fading):
    made, factors = predictors.of_model(fading, "test"), [0.0, 0.25, 0.25]
    for (face, mask), dst, factor in zip(made(FACES, 2, factors), FACES, factors, strict=True):
        np.testing.assert_allclose(face, dst + (1 - 2 * dst) * factor, atol=1e-6)
        np.testing.assert_allclose(mask, factor)
    whole = [face for face, _ in made(FACES, 2)]
    np.testing.assert_allclose(whole, 1 - FACES, atol=1e-6)


def test_of_amp_the_first_channels_are_those_of_src(amp):
    """As many as the factor says, rounded down as DeepFaceLab does."""
    dst = np.random.default_rng(6).random((2, 64, 64, 3), np.float32)
    encoded = amp.networks["encoder"](dst)
    src, own = arrays(amp.networks[f"inter_{side}"](encoded) for side in ("src", "dst"))
    for factor in (0.0, 0.3, 0.99, 1.0):
        cut = int(np.float32(32) * np.float32(factor))
        codes = np.concatenate([src[..., :cut], own[..., cut:]], axis=-1)
        wanted, found = arrays([amp.networks["decoder"](codes)[0], amp.swap(dst, factor).image])
        np.testing.assert_allclose(found, wanted, atol=1e-6)
    low, high = arrays(amp.swap(dst, each).image for each in (0.3, 1.0))
    assert np.abs(low - high).max() > 1e-3


def test_a_share_of_srcs_code_is_drawn_by_the_number_of_the_step(amp, monkeypatch):
    """A training that goes on after a stop draws what it would have drawn."""
    made = []
    monkeypatch.setattr("models.amp._mixed", lambda chosen, *_: made.append(chosen.numpy()) or 0)
    step = engine().Step(amp, 1e-3)
    encoded = [np.zeros((2, 32), np.float32)]

    def draw(number):
        step.optimizer.steps.assign(number)
        step._seed_draws()
        amp._training_codes(encoded, encoded)
        return made[-1].astype(int)

    first, second = draw(0), draw(1)
    assert first.shape == (2, 1, 1, 32)
    assert (first.sum(axis=-1) == 16).all(), "half of the channels, neither more nor fewer"
    assert (first[0] != first[1]).any(), "other ones for each face"
    assert (first != second).any()
    assert np.array_equal(draw(1), second)
    assert np.array_equal(draw(0), first)


@only_tensorflow
def test_of_dst_the_background_is_learned_a_little_and_a_critic_judges_both(amp, monkeypatch):
    rng = np.random.default_rng(8)
    faces, mask = rng.random((2, 2, 64, 64, 3), np.float32), np.zeros((2, 64, 64, 1), np.float32)
    mask[:, 16:48, 16:48] = 1
    src, dst = (Batch(each, each, mask, np.ones_like(mask), mask) for each in faces)
    found = amp.losses(src, dst)
    assert set(found) == {"src", "dst", "src_mask", "dst_mask"}
    image = amp.reconstruct(src.warped, dst.warped)[1].image.numpy()
    weight = np.clip(ndimage.gaussian_filter(mask, (0, 2, 2, 0), truncate=2), 0, 0.5) * 2
    inside = hd_losses.image_loss(dst, image, weight, 0.0)
    around = np.mean(((1 - weight) * (dst.target - image)) ** 2)
    np.testing.assert_allclose(found["dst"], inside + 0.1 * around, rtol=1e-4)

    monkeypatch.setattr(amp, "options", replace(SMALL, gan_power=0.1))
    monkeypatch.setattr(amp, "critics", {})
    monkeypatch.setattr(amp, "powers", {})
    amp.add_critics()
    sides = []
    monkeypatch.setattr(critics, "gan_losses", lambda *args: sides.extend(args[2:]) or {"gan": 0.0})
    amp.losses(src, dst)
    for side, (real, fake) in zip((src, dst), sides, strict=True):
        np.testing.assert_allclose(real, side.target * weight, atol=1e-3)
        assert not np.abs(fake).max(axis=-1)[weight[..., 0] == 0].any()


class TestConversion:
    def test_the_factor_decides_how_far_a_face_morphs(self, tmp_path):
        write_footage(tmp_path, count=1)
        images = {}
        for factor in (0.25, 0.75, 1.0):
            chosen = options(tmp_path, f"at {factor}", morph_factor=factor)
            convert.run(chosen, fading_predictor())
            images[factor] = read_folder(chosen.output_dir)[0].astype(float)
        (original,) = read_folder(tmp_path / "frames")
        whole = images[1.0] - original
        covered = np.abs(whole) > 60  # where the mask is 1, but for its edge
        for factor in (0.25, 0.75):
            shares = (images[factor] - original)[covered] / whole[covered]
            assert abs(np.median(shares) - factor) < 0.02

    def test_it_may_change_within_a_clip_and_previews_equal_the_result(self, tmp_path):
        write_footage(tmp_path, count=4)
        timeline = LookTimeline({0: Look(), 1: Look(morph_factor=0.4), 3: Look(morph_factor=0.7)})
        calls = []
        with open_random(open_source(tmp_path / "frames")) as frames:
            save(session_path(tmp_path / "result"), SavedSession(timeline), "frames", frames.names)
            convert.run(options(tmp_path), fading_predictor())
            faces = Faceset.open(tmp_path / "aligned").by_frame()
            renderer = PreviewRenderer(frames, faces, fading_predictor(calls))
            for _ in range(2):  # the second time from what is remembered
                for index, image in enumerate(read_folder(tmp_path / "result")):
                    state = EditorState(FootageIndex(4, tuple(range(4))), timeline, frame=index)
                    shown = renderer(PreviewRequest.of(state)).image
                    np.testing.assert_array_equal(shown, image)
                    original = PreviewRequest.of(replace(state, view="original"))
                    assert np.array_equal(renderer(original).image, frames[index].image)
        assert calls == [1.0, 0.4, 0.4, 0.7]

    def test_a_context_frame_morphs_as_it_does_in_the_result(self, tmp_path):
        write_footage(tmp_path, count=3)
        look = Look(color_transfer="rct", color_frames=3)
        timeline = LookTimeline({0: replace(look, morph_factor=0.2), 2: look})
        hull = mean_hull()

        def swap(crops, factor):  # the mask that colors depend on changes with it
            face = crops + (1 - 2 * crops) * np.float32(factor)
            return face, hull * (face.mean(axis=3, keepdims=True) > 0.5)

        predictor = Predictor(swap, SIZE, FaceType.FULL, 10, 10, "fading", morphs=True)
        with open_random(open_source(tmp_path / "frames")) as frames:
            save(session_path(tmp_path / "result"), SavedSession(timeline), "frames", frames.names)
            convert.run(options(tmp_path), predictor)
            faces = Faceset.open(tmp_path / "aligned").by_frame()
            renderer = PreviewRenderer(frames, faces, predictor)
            state = EditorState(FootageIndex(3, (0, 1, 2)), timeline, frame=2)
            request = PreviewRequest.of(state)
            for each in renderer.missing(request):
                renderer.prepare(each)
            shown = renderer(request)
        assert not shown.missing
        np.testing.assert_array_equal(shown.image, read_folder(tmp_path / "result")[2])

    def test_a_stopped_run_goes_on_at_its_factor_only(self, tmp_path):
        write_footage(tmp_path, count=3)
        chosen = options(tmp_path, morph_factor=0.5)
        convert.run(chosen, fading_predictor())
        assert convert.run(chosen, fading_predictor()).counts["frames finished before"] == 3
        with pytest.raises(InputError, match="settings"):
            convert.run(options(tmp_path), fading_predictor())

    def test_it_counts_only_where_a_face_morphs(self, tmp_path):
        """So results of earlier builds, which did not know it, can be finished."""
        plain, half = Look(), Look(morph_factor=0.5)
        assert "morph_factor" not in identity(plain)
        assert identity(half)["morph_factor"] == 0.5
        assert fingerprint(plain) != fingerprint(half)
        assert used(half) == half
        earlier = {k: v for k, v in look_to_json(plain).items() if k != "morph_factor"}
        (tmp_path / "x.json").write_text(json.dumps(earlier))
        assert load_look(tmp_path / "x.json") == earlier
        save_look(tmp_path / "y.json", plain)
        assert "morph_factor" not in load_look(tmp_path / "y.json")
        save_look(tmp_path / "y.json", half)
        assert load_look(tmp_path / "y.json")["morph_factor"] == 0.5

    def test_a_model_that_has_none_is_refused_before_anything(self, tmp_path):
        write_footage(tmp_path, count=1)
        save_model("H64", Toy(Toy.Options()), tmp_path / "model")
        with pytest.raises(UsageError, match=r"the model H64 has no morph factor.*0\.5"):
            checks.check(options(tmp_path, morph_factor=0.5))
        checks.check(options(tmp_path))
        with open_random(open_source(tmp_path / "frames")) as frames:
            saved = SavedSession(LookTimeline({0: Look(morph_factor=0.5)}))
            save(session_path(tmp_path / "result"), saved, "frames", frames.names)
        with pytest.raises(UsageError, match="identity has no morph factor"):
            convert.run(options(tmp_path), IDENTITY)
        assert not (tmp_path / "result").exists()

    @pytest.mark.parametrize("factor", [-0.1, 1.01, float("nan")])
    def test_a_factor_is_0_to_1(self, factor):
        with pytest.raises(UsageError, match=r"(number|0 to 1)"):
            edits.option_of("morph_factor").check(factor)


class TestWindow:
    @staticmethod
    def press(state, *keys, held=False):
        for key in keys:
            state = handle_key(state, key, keymap.key_actions(), held)
        return state

    def test_two_keys_move_it_by_a_hundredth_or_by_five_when_held(self):
        state = EditorState(
            FootageIndex(3, (0,)), LookTimeline.all_alike(Look()), model_morphs=True
        )
        up, down = next((s.up, s.down) for s in keymap.SLIDERS if s.name == "morph_factor")
        state = self.press(state, *[down] * 7)
        assert state.look.morph_factor == 0.93
        assert state.message == "morph factor 0.93"
        state = self.press(state, *[down] * 30, held=True)
        assert state.look.morph_factor == 0
        state = self.press(self.press(state, up, held=True), up)
        assert state.look.morph_factor == 0.06

    def test_a_model_that_has_none_keeps_1(self):
        state = EditorState(FootageIndex(3, (0,)), LookTimeline.all_alike(Look()))
        (down,) = (s.down for s in keymap.SLIDERS if s.name == "morph_factor")
        after = self.press(state, down)
        assert after.timeline == state.timeline
        assert after.message == "morph factor: this model has none"

    def test_a_session_of_a_model_that_morphs_can_be_mended(self):
        half = LookTimeline.all_alike(Look(morph_factor=0.5))
        state = EditorState(FootageIndex(3, (0,)), half)
        assert edits.choose("sharpen", 5)(state).look.sharpen == 5
        assert edits.choose("morph_factor", 1.0)(state).look.morph_factor == 1
        types = set()
        for _ in range(8):
            state = edits.step_setting("mask_type", 1)(state)
            types.add(state.look.mask_type)
        assert types == {"predicted", "hull", "product", "union"}
        assert "--mask-model-dir" in edits.choose("mask_type", "trained")(state).message


@only_tensorflow
class TestExports:
    @pytest.fixture
    def folder(self, fading, tmp_path):
        save_model("FADING", fading, tmp_path / "model")
        return tmp_path

    def run(self, folder, name, **more):
        path = folder / name
        export.run(ExportOptions(model_dir=folder / "model", output=path, **more))
        return path

    def test_keras_and_onnx_take_the_factor_as_second_input(self, folder):
        network = keras.saving.load_model(self.run(folder, "swap.keras"), safe_mode=True)
        session = onnxruntime.InferenceSession(self.run(folder, "swap.onnx"))
        for factor in (0.0, 0.3, 1.0):
            morph, wanted = np.float32([factor]), FACES + (1 - 2 * FACES) * factor
            np.testing.assert_allclose(network([FACES, morph])["swapped"], wanted, atol=1e-6)
            swapped, mask = session.run(["swapped", "mask"], {"face": FACES, "morph": morph})
            np.testing.assert_allclose(swapped, wanted, atol=1e-6)
            np.testing.assert_allclose(mask, factor)

    @pytest.mark.parametrize(
        "player",
        [
            pytest.param(each, marks=pytest.mark.slow if number else ())
            for number, each in enumerate(players.PLAYERS)
        ],
    )
    def test_players_of_dfm_files_set_it(self, folder, player):
        path = self.run(folder, "swap.dfm", player=player)
        side = players.input_side(path)
        crop = np.full((side, side, 3), 0.8, np.float32)
        middle = (slice(side // 2 - 2, side // 2 + 2),) * 2
        for factor in (0.0, 0.4, 1.0):
            face, mask, _ = players.PLAYERS[player](path, crop, factor)
            alpha = factor if dfm.CROPS[player].ignores_masks else 1
            swapped = 0.8 - 0.6 * factor
            np.testing.assert_allclose(face[middle], 0.8 + (swapped - 0.8) * alpha, atol=1e-4)
            np.testing.assert_allclose(mask[middle], factor, atol=1e-4)


def test_the_training_shows_faces_on_their_way(fading):
    predictor = FacePredictor(fading)
    between = predictor.morphed(FACES[:2])
    assert len(between) == len(FACTORS)
    for factor, shown in zip(FACTORS, between, strict=True):
        wanted = FACES[:2] + (1 - 2 * FACES[:2]) * factor
        np.testing.assert_allclose(shown.image, wanted, atol=1e-6)
    assert FacePredictor(Toy(Toy.Options())).morphed(FACES) == []


def test_amp_takes_sizes_that_its_networks_can_have():
    assert dataclasses.replace(SMALL, resolution=96).resolution == 96
    for name, value in {"resolution": 80, "e_dims": 17, "morph_factor": 0.6}.items():
        (option,) = (o for o in edits.options_of(AMPOptions) if o.name == name)
        with pytest.raises(UsageError):
            option.check(value)

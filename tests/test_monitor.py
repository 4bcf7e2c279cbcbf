"""How training is monitored: window and keys, files, held-out metrics, TensorBoard."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import tensorflow as tf
from support.screen import wait_until
from support.synthetic import make_info, make_landmarks
from support.toy_model import ENTRY
from support.training import make_people, toy_settings

from facelib.faceset import Faceset, write_face
from facelib.geometry import warp_face
from facelib.recognizers import RECOGNIZERS
from facelib.types import FaceType
from facelib.validation_log import COLUMNS, ValidationLog
from models import MODELS, checkpoint
from models.base import Prediction
from trainer import train
from trainer.assembly import open_samplers, open_session
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.monitoring import monitor, preview, swap, validation, window
from trainer.monitoring.predict import CHUNK, FacePredictor, Predicted
from trainer.monitoring.validation import Validation
from trainer.session import TrainingSession
from utils.errors import Interrupted, UserError
from utils.images import read_image, to_float

ROOT = Path(__file__).parent.parent
PROGRAM = ROOT / "tests" / "support" / "toy_model.py"


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    """Two folders of 40 faces, a few of which are held out."""
    folder = tmp_path_factory.mktemp("people")
    return make_people(folder, 40)


@pytest.fixture
def settings(people, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    return toy_settings(people, tmp_path / "model", batch_size=4, learning_rate=0.01)


@pytest.fixture
def sides(settings, people):
    session = open_session(settings())
    facesets = (Faceset.open(people / side) for side in ("src", "dst"))
    return session, open_samplers(settings(), session, *facesets)


# --- files


@pytest.fixture
def few(monkeypatch):
    """Measurements of few faces, which may take all of the time."""
    for module in (validation, swap):
        monkeypatch.setattr(module, "FACES", CHUNK)
    monkeypatch.setattr(monitor, "VALIDATION_SHARE", 1.0)


@pytest.mark.usefixtures("few")
def test_training_writes_previews_metrics_and_events(settings):
    train.run(
        settings(
            target_iter=200,
            measure_minutes=0.01,
            preview_minutes=0.02,
            preview_history=True,
            tensorboard=True,
        )
    )
    folder = settings().model_dir
    rows = ValidationLog(folder / "progress.csv").until(200)
    assert len(rows) >= 2
    assert rows[-1]["ssim_dst"] > rows[0]["ssim_dst"]
    assert 0 < rows[-1]["mask_overlap"] <= 1
    assert np.isfinite([rows[-1]["to_src"], rows[-1]["to_dst"]]).all()
    previews = sorted((folder / "preview_history").iterdir())
    assert previews[0].name == "000000001.png"
    assert previews[-1].read_bytes() == (folder / "preview.png").read_bytes()
    scalars, images = events(folder / "tensorboard")
    assert set(scalars) >= {"loss/src", "loss/dst", "kept out/ssim_dst", "kept out/to_src"}
    assert [step for step, _ in scalars["kept out/ssim_dst"]] == [r["iteration"] for r in rows]
    for (_, value), row in zip(scalars["kept out/ssim_dst"], rows, strict=True):
        assert value == pytest.approx(row["ssim_dst"], abs=1e-6)
    latest = read_image(folder / "preview.png")
    assert (cv2.imdecode(np.frombuffer(images["preview"], np.uint8), 1) == latest).all()


def measured(folder):
    """The iterations at which a model was measured."""
    return [row["iteration"] for row in ValidationLog(folder / "progress.csv").rows]


@pytest.mark.usefixtures("few")
def test_a_training_that_reaches_its_target_is_measured_unless_that_was_just_done(
    settings, monkeypatch, capsys
):
    usual = {"preview_minutes": 0.0, "measure_minutes": 60.0}
    folder = settings().model_dir
    train.run(settings(**usual | {"measure_minutes": 0.0}, target_iter=2))
    assert measured(folder) == []
    train.run(settings(**usual, target_iter=3))
    assert "measuring the model ..." in capsys.readouterr().err
    train.run(settings(**usual, target_iter=4))
    assert measured(folder) == [3]
    monkeypatch.setattr(monitor, "RECENT", 0.0)  # a minute later
    train.run(settings(**usual, target_iter=5))
    assert measured(folder) == [3, 5]


@pytest.mark.usefixtures("few")
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT for itself")
def test_the_time_between_two_measurements_counts_over_restarts(settings, monkeypatch):
    folder, after_step = settings().model_dir, monitor.Monitor.after_step

    def press(self):
        if self._session.steps_done == 40:
            os.kill(os.getpid(), signal.SIGINT)
        return after_step(self)

    monkeypatch.setattr(monitor.Monitor, "after_step", press)
    folder.mkdir()
    ValidationLog(folder / "progress.csv").add(row(0) | {"seconds": 1000.0})
    for seconds, expected in ((1200.0, 1), (1301.0, 2)):  # the period is 300 s
        monkeypatch.setattr(TrainingSession, "seconds", seconds)
        with pytest.raises(Interrupted):
            train.run(settings(preview_minutes=0.0))
        assert len(measured(folder)) == expected
    assert 0 < measured(folder)[-1] < 80


def events(folder):
    """Read event files with TensorFlow's own parser: tag -> [(step, value)], tag -> last PNG."""
    scalars, images = {}, {}
    for log in tf.data.TFRecordDataset([str(path) for path in folder.iterdir()]):
        event = tf.compat.v1.Event.FromString(log.numpy())
        for value in event.summary.value:
            if value.HasField("image"):
                images[value.tag] = value.image.encoded_image_string
            else:
                scalars.setdefault(value.tag, []).append((event.step, value.simple_value))
    return scalars, images


def photographs(folder, astronaut):
    """Write four crops of one photographed face."""
    landmarks = make_landmarks(center=(222, 125), width=120)
    for number in range(4):
        info = make_info(landmarks + number, 128)
        write_face(folder / f"{number}.png", warp_face(astronaut, info.matrix, 128), info)
    return Faceset.open(folder)


def test_a_model_that_copies_is_perfect_and_its_swap_is_still_dst(people, tmp_path, astronaut):
    settings = SamplerSettings(FaceType.HALF, 64)
    src = Sampler(Faceset.open(people / "src")[:6], settings, (1,))
    dst = Sampler(photographs(tmp_path, astronaut), settings, (2,))
    measured = Validation(src, dst, src, dst)
    copies = [
        Prediction(faces[..., :3], faces[..., 3:]) for faces in (measured._src, measured._dst)
    ]
    values = measured.metrics([Predicted(*copies, copies[1])])
    assert values["ssim_src"] == pytest.approx(1)
    assert values["ssim_dst"] == pytest.approx(1)
    assert values["mask_overlap"] == 1
    assert values["to_dst"] < 0.2 < 0.6 < values["to_src"]
    wrong = Prediction(1 - copies[1].image, None)
    swaps = copies[0].image[np.arange(len(measured._dst)) % len(src.faces)]  # src's faces
    values = measured.metrics([Predicted(copies[0], wrong, Prediction(swaps, None))])
    assert values["ssim_dst"] < 0.5
    assert np.isnan(values["mask_overlap"])
    assert values["to_src"] < 0.3 < values["to_dst"]


@pytest.fixture
def embedded(monkeypatch):
    """The images that a recognizer is given, which finds that all people are one."""
    seen, load = [], type(RECOGNIZERS).load

    class Recognizer:
        same_below = 0.5

        def embed(self, image, _):
            seen.append(image)
            return np.ones(1)

        def distance(self, first, second):
            return 0.0

    def loaded(registry, name):
        return Recognizer if registry is RECOGNIZERS else load(registry, name)

    monkeypatch.setattr(type(RECOGNIZERS), "load", loaded)
    return seen


@pytest.mark.usefixtures("embedded")
def test_only_the_face_is_measured(people):
    faces = Sampler(Faceset.open(people / "src")[:3], SamplerSettings(FaceType.FULL, 64), (1,))
    measured = Validation(faces, faces, faces, faces)
    inside = measured._dst[..., 3:] >= 0.5
    assert 0.1 < inside.mean() < 0.8
    image = np.where(inside, measured._dst[..., :3], 1 - measured._dst[..., :3])
    copies = Prediction(image, None)
    values = measured.metrics([Predicted(copies, copies, copies)])
    assert values["ssim_src"] == values["ssim_dst"] == pytest.approx(1)


@pytest.mark.usefixtures("embedded")
def test_all_held_out_faces_of_src_count_where_dst_has_few(people):
    settings = SamplerSettings(FaceType.HALF, 16)
    src, dst = (
        Sampler(Faceset.open(people / side)[:count], settings, (1,))
        for side, count in (("src", 40), ("dst", 3))
    )
    seen = []

    def copier(src_faces, dst_faces):
        seen.extend(src_faces)
        copies = Prediction(src_faces, None), Prediction(dst_faces, None)
        return Predicted(*copies, copies[1])

    measured = Validation(src, dst, src, dst)
    *_, predicted = measured.predict(copier)
    assert len(seen) == validation.FACES
    for face, index in ((seen[0], 0), (seen[-1], 39)):
        assert (face == to_float(src.plain(index))[..., :3]).all()
    values = measured.metrics(predicted)
    assert values["ssim_src"] == values["ssim_dst"] == pytest.approx(1)


def test_the_recognizer_gets_bgr(tmp_path, astronaut, embedded):
    """Skin is redder than it is blue."""
    faces = Sampler(photographs(tmp_path, astronaut), SamplerSettings(FaceType.HALF, 64), (1,))
    measured = Validation(faces, faces, faces, faces)
    copies = Prediction(measured._dst[..., :3], None)
    measured.metrics([Predicted(copies, copies, copies)])
    assert len(embedded) == 12
    for image in embedded:
        blue, _, red = image.mean(axis=(0, 1))
        assert red > blue + 20


def test_predictions_in_parts_are_those_of_the_model(sides):
    session, (src, dst, src_rest, dst_rest) = sides
    measured = Validation(src_rest, dst_rest, src, dst)
    *_, predicted = measured.predict(FacePredictor(session.model))
    faces = measured._dst[..., :3]
    expected = session.model.swap(faces).image
    np.testing.assert_allclose(
        np.concatenate([m.swap.image for m in predicted]), expected, atol=1e-5
    )
    assert sum(len(m.src.image) for m in predicted) == len(faces)


@pytest.mark.usefixtures("few")
def test_without_weights_of_a_recognizer_the_rest_is_measured(sides, monkeypatch, capsys):
    _, (src, dst, _, dst_rest) = sides
    monkeypatch.setattr("facelib.recognizers.sface.weight_file", _no_file)
    measured = Validation(None, dst_rest, src, dst)
    faces = Prediction(measured._dst[..., :3], measured._dst[..., 3:])
    for _ in range(2):
        values = measured.metrics([Predicted(faces, faces, faces)])
        assert values["ssim_dst"] == pytest.approx(1)
        assert np.isnan([values["ssim_src"], values["to_src"]]).all()
    assert capsys.readouterr().err.count("identity is not measured") == 1


def _no_file(name):
    raise UserError(f"{name} is missing; run: make weights")


def row(iteration, value=0.5):
    return dict.fromkeys(COLUMNS, value) | {"iteration": iteration}


def test_metrics_survive_restarts_incomplete_lines_and_rollbacks(tmp_path):
    path = tmp_path / "progress.csv"
    for iteration in (100, 1_234_567, 1_300_000):
        ValidationLog(path).add(row(iteration, 1 / 3))
    with path.open("a") as file:
        file.write("1400000,0.3")  # the power went
    log = ValidationLog(path)
    assert [r["iteration"] for r in log.until(2_000_000)] == [100, 1_234_567, 1_300_000]
    assert log.rows[0]["ssim_dst"] == pytest.approx(1 / 3)
    assert [r["iteration"] for r in log.until(1_250_000)] == [100, 1_234_567]
    log.add(row(1_250_000))  # went back, and on
    assert [r["iteration"] for r in log.until(2_000_000)] == [100, 1_234_567, 1_250_000]


# --- images


def test_pages_show_different_faces(sides):
    session, (src, dst, _, _) = sides
    faces, predictor = preview.PreviewFaces(src, dst), FacePredictor(session.model)
    pages = [faces.columns(predictor, page)[0].image for page in range(preview.PAGES)]
    shown = np.concatenate(pages)
    assert len(np.unique(shown.reshape(len(shown), -1), axis=0)) == preview.PAGES * preview.ROWS
    assert (pages[0][0] == to_float(src.plain(0))[..., :3]).all()


# --- the window


@pytest.fixture
def trainee(screen, people, tmp_path):
    """A training with a window, in a process of its own."""
    model_dir, log = tmp_path / "model", tmp_path / "log"
    command = [
        sys.executable, str(PROGRAM), "train", "--model", "TOY", "--no-ask",
        "--training-data-src-dir", str(people / "src"), "--model-dir", str(model_dir),
        "--training-data-dst-dir", str(people / "dst"), "--batch-size", "2",
        "--preview-minutes", "0.03", "--measure-minutes", "0",
    ]  # fmt: skip
    with log.open("w") as out:
        process = subprocess.Popen(
            command,
            env=screen.env | {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": "-1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    shown = screen.window(window.TITLE, process)
    wait_until(lambda: screen.picture()[400:600, :600].any(), "the preview is shown")
    wait_until(lambda: (model_dir / "preview.png").exists(), "the preview is written")
    yield process, shown, model_dir, log.read_text
    process.kill()
    process.wait()


def test_keys_in_the_window_and_closing_it(screen, trainee):
    process, window, model_dir, log = trainee
    preview = model_dir / "preview.png"
    screen.key("s")
    wait_until(lambda: "saved iteration" in log(), "s saves")
    screen.key("b")
    wait_until(lambda: list((model_dir / "backups").glob("0*")), "b makes a backup")
    faces = screen.picture()[80:560, :120]
    screen.key("space")
    wait_until(lambda: (screen.picture()[80:560, :120] != faces).mean() > 0.3, "Space turns a page")
    caption = screen.picture()[-300:, :400]
    screen.key("l")
    wait_until(lambda: (screen.picture()[-300:, :400] != caption).any(), "l changes the range")
    before = preview.stat().st_mtime_ns
    wait_until(lambda: preview.stat().st_mtime_ns > before, "files go on")
    screen.close_window(window)
    screen.gone(window)
    wait_until(lambda: "training goes on" in log(), "it is said")
    before = preview.stat().st_mtime_ns
    wait_until(lambda: preview.stat().st_mtime_ns > before, "it goes on")
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(60) == 130


def test_enter_saves_and_quits(settings, monkeypatch):
    """As `utils.window` calls that key, which tests/test_window.py presses."""

    class Keys(SimpleNamespace):
        closed = False
        show = close = staticmethod(lambda *_: None)
        keys = staticmethod(lambda: ["enter"])

    monkeypatch.setattr(monitor, "open_window", Keys)
    report = train.run(settings(preview=True, preview_minutes=60.0, target_iter=1000))
    assert report.counts["iterations"] < 5
    assert checkpoint.load_newest(settings().model_dir).iteration == report.counts["iterations"]

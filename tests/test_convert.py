"""The convert stage: folders and videos, batches, failures, resuming, bad input."""

import dataclasses
import re
import subprocess
import sys
import textwrap
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.conversion import (
    IDENTITY,
    INVERT,
    SIZE,
    StopsAt,
    make_predictor,
    mean_hull,
    options,
    read_folder,
    write_footage,
)
from support.synthetic import make_frames, make_info, make_landmarks, make_video
from support.toy_model import ENTRY

from converters import convert, predictor
from converters.blending.blender import Blender
from converters.look import Look
from converters.options import ConvertOptions
from converters.pipeline import Pipeline
from converters.predictor import Predictor
from facelib import geometry
from facelib.faceset import read_face, write_face
from facelib.types import FaceType
from models import MODELS, checkpoint
from utils.errors import ExitStatus, InputError, ModelError, UsageError, UserError
from utils.files import list_images
from utils.images import read_image, write_image
from utils.options import from_json, resolve, to_json
from utils.provenance.mark import DIGITAL_SOURCE_TYPE, read_mark
from utils.questions import ask
from utils.video.frame import Frame
from utils.video.io import open_source
from utils.video.timecode import exact_rate


def difference(one, other):
    return np.abs(one.astype(int) - other.astype(int))


def test_a_folder_becomes_a_folder(tmp_path):
    frames = write_footage(tmp_path, faceless=(2, 5))
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts == {"frames": 6, "converted faces": 4, "frames without a face": 2}
    assert report.notes["no face in"] == ["000002.png", "000005.png"]
    assert report.status is ExitStatus.DONE
    results = list_images(tmp_path / "result")
    assert [path.name for path in results] == [f"{i:06d}.png" for i in range(6)]
    assert all(read_mark(path) == DIGITAL_SOURCE_TYPE for path in results)
    for index, (before, after) in enumerate(
        zip(frames, read_folder(tmp_path / "result"), strict=True)
    ):
        changed = difference(before, after).any(axis=2).mean()
        assert changed == 0 if index in (2, 5) else 0.05 < changed < 0.5


@pytest.mark.parametrize("mode", ["overlay", "seamless"])
@pytest.mark.parametrize("mask_type", ["hull", "predicted"])
def test_the_identity_leaves_the_footage(mode, mask_type, tmp_path):
    write_footage(tmp_path)
    soft = tmp_path / "soft"
    for path in list_images(tmp_path / "frames"):
        write_image(soft / path.name, cv2.GaussianBlur(read_image(path), (0, 0), 3))
    chosen = options(tmp_path, input_dir=soft, mode=mode, mask_type=mask_type)
    convert.run(chosen, IDENTITY)
    for before, after in zip(read_folder(soft), read_folder(tmp_path / "result"), strict=True):
        # 8 bits in and 8 bits out: once in some ten thousand values the roundings add up to 3
        change = difference(before, after)
        assert change.max() <= 3
        assert np.count_nonzero(change > 2) < 5


def packets(path, kind):
    with av.open(str(path)) as container:
        stream = next(iter(getattr(container.streams, kind)))
        return [
            (bytes(packet), packet.pts * stream.time_base)
            for packet in container.demux(stream)
            if packet.pts is not None
        ]


@pytest.mark.parametrize("name", ["result.mp4", "result.mkv"])
def test_a_video_keeps_its_times_and_its_sound(name, tmp_path):
    write_footage(tmp_path, count=9, faceless=(3,))
    clip = tmp_path / "clip 1.mp4"
    make_video(clip, [image for image, _ in make_frames(9)], rate=Fraction(30000, 1001))
    result = tmp_path / name
    report = convert.run(options(tmp_path, name, input_dir=clip), INVERT)
    assert report.counts["frames"] == 9
    assert report.status is ExitStatus.DONE
    before, after = ([time for _, time in packets(path, "video")] for path in (clip, result))
    assert len(after) == 9
    assert max(abs(a - b) for a, b in zip(sorted(before), sorted(after), strict=True)) <= 0.001
    sounds = [[data for data, _ in packets(path, "audio")] for path in (clip, result)]
    assert sounds[0] == sounds[1]
    assert read_mark(result) == DIGITAL_SOURCE_TYPE


def test_a_video_becomes_a_folder_and_a_folder_a_video(tmp_path):
    write_footage(tmp_path, count=5, video="clip.mp4")
    clip, folder, again = tmp_path / "clip.mp4", tmp_path / "pictures", tmp_path / "again.mp4"
    convert.run(options(tmp_path, "pictures", input_dir=clip), INVERT)
    assert [path.name for path in list_images(folder)] == [f"{i:06d}.png" for i in range(5)]
    chosen = {"input_dir": folder, "rate": 29.97, "check_faces": False}  # they are negatives now
    convert.run(options(tmp_path, "again.mp4", **chosen), IDENTITY)
    with av.open(str(again)) as container:
        assert container.streams.video[0].average_rate == Fraction(30000, 1001)
        pictures = [frame.to_ndarray(format="bgr24") for frame in container.decode(video=0)]
    assert len(pictures) == 5
    for picture, source in zip(pictures, read_folder(folder), strict=True):
        assert difference(picture, source).mean() < 6  # color is stored at half the resolution


def test_alpha_pictures_are_a_layer_that_makes_the_result(tmp_path):
    frames = write_footage(tmp_path, count=2, faceless=(1,))
    convert.run(options(tmp_path, "plain", blur_modifier=50), INVERT)
    convert.run(options(tmp_path, blur_modifier=50, alpha=True), INVERT)
    with pytest.raises(UsageError, match="--alpha"):
        convert.run(options(tmp_path, "result.mp4", alpha=True), INVERT)
    plain = read_folder(tmp_path / "plain")
    for frame, file, expected in zip(frames, list_images(tmp_path / "result"), plain, strict=True):
        layer = cv2.imread(str(file), cv2.IMREAD_UNCHANGED).astype(float)
        alpha = layer[..., 3:] / 255
        composed = layer[..., :3] * alpha + frame * (1 - alpha)
        assert np.abs(composed - expected).max() <= 2
        assert alpha.max() == (0 if np.array_equal(frame, expected) else 1)


def test_raw_pictures_have_an_alpha_channel(tmp_path):
    write_footage(tmp_path, count=2, faceless=(1,))
    convert.run(options(tmp_path, mode="raw", raw_mode="rgb+mask"), IDENTITY)
    shown = [
        cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in list_images(tmp_path / "result")
    ]
    assert [image.shape for image in shown] == [(120, 160, 4)] * 2
    assert shown[0][..., 3].max() == 255
    assert not shown[1][..., 3].any()


def test_masks_beside_the_frames_keep_what_is_before_a_face(tmp_path):
    frames = write_footage(tmp_path, count=3)
    for name, side in (("000000", slice(None, 80)), ("000001", slice(None))):
        mask = np.full((120, 160, 3), 255, np.uint8)
        mask[:, side] = 0
        write_image(tmp_path / "masks" / f"{name}.png", mask)
    write_image(tmp_path / "masks" / "000002.png", mask[:50])
    report = convert.run(options(tmp_path, mask_dir=tmp_path / "masks"), INVERT)
    half, none, failed = (
        difference(*pair).any(axis=2)
        for pair in zip(frames, read_folder(tmp_path / "result"), strict=True)
    )
    assert not half[:, :80].any()
    assert half[:, 80:].any()
    assert not none.any()
    assert not failed.any()
    assert "Expected 160 x 120. Received: 160 x 50" in report.failures[0]
    # other masks make other pictures: they are not mixed
    (tmp_path / "masks" / "000002.png").unlink()
    with pytest.raises(InputError, match="another run"):
        convert.run(options(tmp_path, mask_dir=tmp_path / "masks"), INVERT)


def test_several_faces_in_a_frame(tmp_path):
    image = np.full((200, 400, 3), 90, np.uint8)
    write_image(tmp_path / "frames" / "a.png", image)
    (tmp_path / "aligned").mkdir()
    for index, x in enumerate((90, 210, 320)):
        points = make_landmarks(center=(x, 100), width=80)
        info = make_info(points, 64, source_name="a.png", source="frames", face_index=index)
        write_face(tmp_path / "aligned" / f"{index}.png", np.zeros((64, 64, 3), np.uint8), info)
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["converted faces"] == 3
    result = read_image(tmp_path / "result" / "a.png")
    assert [result[100, x].max() > 120 for x in (20, 90, 210, 320, 390)] == [0, 1, 1, 1, 0]


@settings(max_examples=30, deadline=None)
@given(faces=st.lists(st.integers(0, 5), min_size=0, max_size=25), batch_size=st.integers(1, 8))
def test_every_frame_comes_out_once_in_order_whatever_its_faces(faces, batch_size):
    sizes = []

    def note(crops):
        sizes.append(len(crops))
        return 1 - crops

    info = make_info(make_landmarks(center=(40, 40), width=40))
    blank = np.zeros((80, 80, 3), np.uint8)
    footage = [(Frame(blank, i, f"{i}.png", None), [info] * n) for i, n in enumerate(faces)]
    pipeline = Pipeline(make_predictor(note), lambda _: Blender(Look()), batch_size)
    done = list(pipeline.run(iter(footage)))
    assert [result.frame.index for result in done] == list(range(len(faces)))
    assert [result.faces for result in done] == faces
    assert sum(sizes) == sum(faces)
    assert max(sizes, default=0) <= batch_size


@pytest.mark.parametrize("faces", [0, 1])
def test_only_a_few_frames_are_held_at_a_time(faces):
    read = 0
    infos = [make_info(make_landmarks(center=(40, 40), width=40))] * faces

    def footage():
        nonlocal read
        for index in range(300):
            read += 1
            yield Frame(np.zeros((80, 80, 3), np.uint8), index, f"{index}.png", None), infos

    ahead = []
    blender = Blender(Look())
    for number, _ in enumerate(Pipeline(IDENTITY, lambda _: blender, 4).run(footage())):
        ahead.append(read - number)
    assert number == 299
    assert max(ahead) < 80


def test_the_predictor_gets_the_aligned_face(tmp_path):
    frames = write_footage(tmp_path, count=1)
    seen = []
    convert.run(options(tmp_path), make_predictor(lambda crops: seen.append(crops) or crops))
    points = make_frames(1)[0][1]
    matrix = geometry.crop_matrix(points, SIZE, FaceType.FULL)
    aligned = geometry.warp_face(frames[0], matrix, SIZE)
    inside = mean_hull()[..., 0] > 0
    assert seen[0].dtype == np.float32
    assert difference(np.rint(seen[0][0] * 255), aligned)[inside].max() <= 1


def test_a_face_that_fails_costs_that_face(tmp_path):
    write_footage(tmp_path)
    info = make_info(make_landmarks(center=(900, 900)), source_name="000001.png", face_index=1)
    write_face(tmp_path / "aligned" / "x.png", np.zeros((128, 128, 3), np.uint8), info)
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["converted faces"] == 6
    assert [f for f in report.failures if f.startswith("000001.png: face 1:")] == report.failures
    assert report.status is ExitStatus.FAILED
    assert len(list_images(tmp_path / "result")) == 6


def test_a_model_that_has_diverged_is_reported_by_frame(tmp_path):
    frames = write_footage(tmp_path, count=2)
    report = convert.run(options(tmp_path), make_predictor(lambda crops: crops * np.nan))
    assert [failure.split(":")[0] for failure in report.failures] == ["000000.png", "000001.png"]
    for before, after in zip(frames, read_folder(tmp_path / "result"), strict=True):
        np.testing.assert_array_equal(before, after)


def test_an_unreadable_frame_is_reported_and_the_rest_is_done(tmp_path):
    write_footage(tmp_path)
    damaged = tmp_path / "frames" / "000003.png"
    damaged.write_bytes(damaged.read_bytes()[:60])
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["frames"] == 5
    assert "000003.png" in report.failures[0]
    assert report.notes["faces without their frame"] == ["000003"]
    assert report.status is ExitStatus.FAILED


def test_foreign_pictures_among_the_faces_are_ignored_and_named(tmp_path):
    write_footage(tmp_path)
    write_image(tmp_path / "aligned" / "holiday.png", np.zeros((8, 8, 3), np.uint8))
    report = convert.run(options(tmp_path), INVERT)
    assert "holiday.png" in report.notes["no face files, ignored"][0]
    assert report.counts["converted faces"] == 6


def test_faces_of_other_footage_are_refused_with_both_names(tmp_path):
    write_footage(tmp_path)
    for path in list_images(tmp_path / "frames"):
        path.rename(path.with_name(f"shot_{path.name}"))
    with pytest.raises(InputError, match=r'"000000".*"shot_000000"'):
        convert.run(options(tmp_path), INVERT)


def test_faces_of_another_video_are_warned_about(tmp_path, capsys):
    write_footage(tmp_path, count=2, video="clip.mp4")
    (tmp_path / "clip.mp4").rename(tmp_path / "other.mp4")
    convert.run(options(tmp_path, input_dir=tmp_path / "other.mp4"), INVERT)
    assert 'found in "clip.mp4", the footage is "other.mp4"' in capsys.readouterr().err


def test_a_video_too_short_for_its_faces_is_a_failure(tmp_path):
    write_footage(tmp_path, count=8, faceless=(0, 1, 2), video="clip.mp4")
    make_video(tmp_path / "clip.mp4", [image for image, _ in make_frames(3)])
    report = convert.run(options(tmp_path, input_dir=tmp_path / "clip.mp4"), INVERT)
    assert report.failures == ["no frame had a face: are these the faces of this footage?"]


@pytest.mark.parametrize("what", ["input_dir", "aligned_dir"])
def test_missing_and_empty_folders_are_refused(what, tmp_path):
    write_footage(tmp_path, count=1)
    (tmp_path / "empty").mkdir()
    for name, words in (("gone", "gone"), ("empty", "no image")):
        with pytest.raises(InputError, match=words):
            convert.run(options(tmp_path, **{what: tmp_path / name}), INVERT)
    assert not (tmp_path / "result").exists()


def test_aligned_pictures_without_faces_are_refused(tmp_path):
    write_footage(tmp_path, count=1)
    chosen = options(tmp_path, aligned_dir=tmp_path / "frames")
    with pytest.raises(InputError, match="no face"):
        convert.run(chosen, INVERT)


@pytest.mark.parametrize("name", ["input_dir", "aligned_dir", "model_dir"])
def test_an_output_that_is_an_input_is_refused(name, tmp_path):
    write_footage(tmp_path, count=1)
    chosen = options(tmp_path)
    chosen = options(tmp_path, output_dir=getattr(chosen, name))
    with pytest.raises(UsageError, match=name.replace("_", "-")):
        convert.run(chosen, INVERT)


def test_outputs_that_cannot_be_are_refused(tmp_path):
    write_footage(tmp_path, count=1)
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no video"):
        convert.run(options(tmp_path, "notes.txt"), INVERT)
    with pytest.raises(UsageError, match="alpha"):
        convert.run(options(tmp_path, "x.mp4", mode="raw", raw_mode="rgb+mask"), INVERT)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_finished_video_is_replaced_only_when_asked_to(tmp_path):
    write_footage(tmp_path, count=2)
    video = tmp_path / "result.mp4"
    video.write_bytes(b"precious")
    with pytest.raises(InputError, match="--overwrite"):
        convert.run(options(tmp_path, "result.mp4"), INVERT)
    assert video.read_bytes() == b"precious"
    convert.run(options(tmp_path, "result.mp4", overwrite=True), INVERT)
    assert read_mark(video) == DIGITAL_SOURCE_TYPE


def test_after_an_interruption_a_folder_is_continued(tmp_path):
    write_footage(tmp_path, count=20, faceless=(4,))
    stops = make_predictor(StopsAt(9), "negative")
    with pytest.raises(KeyboardInterrupt):
        convert.run(options(tmp_path, batch_size=1), stops)
    kept = {path: path.stat().st_mtime_ns for path in list_images(tmp_path / "result")}
    assert 5 <= len(kept) <= 10
    assert not list((tmp_path / "result").glob(".0*"))  # no half-written picture
    predicted = []
    count = make_predictor(lambda crops: predicted.append(len(crops)) or 1 - crops, "negative")
    report = convert.run(options(tmp_path, batch_size=3), count)
    finished = report.counts["frames finished before"]
    assert finished >= 5
    assert report.counts["frames"] + finished == 20
    assert sum(predicted) + finished in (19, 20)
    whole = convert.run(options(tmp_path, "whole"), INVERT)
    assert whole.counts["frames"] == 20
    for one, other in zip(
        read_folder(tmp_path / "result"), read_folder(tmp_path / "whole"), strict=True
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["result", "result.mp4"])
def test_a_continued_run_has_the_colors_of_a_whole_one(name, tmp_path, monkeypatch):
    monkeypatch.setattr("converters.output.video.PART_FRAMES", 5)
    write_footage(tmp_path, count=16)

    def swap(crops):  # with a mask that is another in each frame
        return crops[:, :, ::-1] * 0.7, np.float32(crops[..., :1] > crops[:, 20:21, 20:21, :1])

    def stopping(crops):
        stops(crops)
        return swap(crops)

    whole, stopped = (Predictor(f, SIZE, FaceType.FULL, 10, 10, "x") for f in (swap, stopping))
    chosen = {"color_transfer": "mkl", "batch_size": 1, "color_frames": 4, "crf": 0}
    convert.run(options(tmp_path, f"whole{Path(name).suffix}", **chosen), whole)
    stops = StopsAt(10)
    with pytest.raises(KeyboardInterrupt):
        convert.run(options(tmp_path, name, **chosen), stopped)
    report = convert.run(options(tmp_path, name, **chosen), whole)
    assert report.counts["frames finished before"] > 3
    for one, other in zip(
        open_source(tmp_path / f"whole{Path(name).suffix}"), open_source(tmp_path / name),
        strict=True,
    ):  # fmt: skip
        assert difference(one.image, other.image).mean() < (0.3 if name.endswith("mp4") else 1e-9)


def test_a_picture_that_was_removed_is_made_again(tmp_path):
    write_footage(tmp_path)
    convert.run(options(tmp_path), INVERT)
    (tmp_path / "result" / "000002.png").unlink()
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["frames"] == 1
    assert len(list_images(tmp_path / "result")) == 6


@pytest.mark.parametrize("change", ["look", "model", "faces", "not ours"])
def test_two_runs_are_not_mixed_in_one_folder(change, tmp_path):
    write_footage(tmp_path)
    chosen, model = options(tmp_path), INVERT
    if change == "not ours":
        write_image(tmp_path / "result" / "000001.png", np.zeros((8, 8, 3), np.uint8))
    else:
        convert.run(chosen, INVERT)
    if change == "look":
        chosen = options(tmp_path, blur_modifier=50)
    elif change == "model":
        model = IDENTITY
    elif change == "faces":
        (tmp_path / "aligned" / "000003_0.png").unlink()
    before = sorted(path.read_bytes() for path in list_images(tmp_path / "result"))
    with pytest.raises(InputError, match="--overwrite"):
        convert.run(chosen, model)
    assert sorted(path.read_bytes() for path in list_images(tmp_path / "result")) == before
    values = to_json(chosen) | {"overwrite": True}
    report = convert.run(from_json(ConvertOptions, values), model)
    assert report.counts["frames"] == 6
    trashed = sorted(path.read_bytes() for path in list_images(tmp_path / "result_trash"))
    assert trashed == before


def test_debug_writes_what_happens_to_each_face(tmp_path):
    write_footage(tmp_path, count=2, faceless=(1,))
    convert.run(options(tmp_path, "film.mp4", debug=True), INVERT)
    names = [path.name for path in list_images(tmp_path / "film_debug")]
    assert len(names) == 8
    assert {name[:8] for name in names} == {"000000_0"}
    crop, face = (
        read_image(tmp_path / "film_debug" / f"000000_0_{what}.png")
        for what in ("0_crop", "1_prediction")
    )
    assert difference(255 - crop, face).max() <= 1


@pytest.mark.skipif(sys.platform == "win32", reason="needs a limit on the size of files")
@pytest.mark.parametrize("output", ["result", "result.mp4"])
def test_a_full_disk_is_one_sentence_and_nothing_half(output, tmp_path):
    # Files may grow to 4 kB only: what a write meets then is what it meets on a full disk.
    write_footage(tmp_path)
    code = f"""
        import resource, sys
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from converters import convert
        from support.conversion import INVERT, options
        from utils.errors import UserError
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        try:
            convert.run(options(Path({str(tmp_path)!r}), {output!r}), INVERT)
        except UserError as problem:
            print(problem)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60
    )
    assert "disk is full" in result.stdout, result.stderr
    assert not list(tmp_path.glob("*.mp4"))
    assert not list(tmp_path.rglob("result/*.png"))


def save_toy(folder, model, iteration):
    checkpoint.save_generation(
        folder,
        state={"model": "TOY", "iteration": iteration},
        options={"width": 8},
        weights={name: network.get_weights() for name, network in model.networks.items()},
        optimizer={},
        history=np.zeros((0, 2)),
        keep=2,
    )


@pytest.fixture
def toy_model(tmp_path, monkeypatch):
    """A small model, untrained, in a model folder; what it predicts for gray faces."""
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    cls = MODELS.load("TOY")
    model = cls(cls.Options())
    save_toy(tmp_path / "model", model, iteration=7)
    return model


def test_a_predictor_is_named_after_the_weights_it_has(toy_model, tmp_path):
    save_toy(tmp_path / "model", toy_model, iteration=9)
    assert predictor.load(tmp_path / "model").name == "Toy at iteration 9"
    newest = checkpoint.generations(tmp_path / "model")[0]
    (newest / "weights.npz").write_bytes(b"damaged")
    assert predictor.load(tmp_path / "model").name == "Toy at iteration 7"


def test_a_saved_model_predicts_what_it_did_before(toy_model, tmp_path):
    loaded = predictor.load(tmp_path / "model")
    assert (loaded.name, loaded.resolution) == ("Toy at iteration 7", 16)
    assert loaded.face_type is FaceType.HALF
    crops = np.random.default_rng(0).uniform(0, 1, (7, 16, 16, 3)).astype(np.float32)
    face, mask = (np.asarray(tensor) for tensor in toy_model.swap(crops))
    for batch_size in (1, 3, 7, 16):
        made = loaded(list(crops), batch_size)
        np.testing.assert_allclose([f for f, _ in made], face, atol=1e-5)
        np.testing.assert_allclose([m for _, m in made], mask, atol=1e-5)


def test_a_model_folder_converts_footage(toy_model, tmp_path):
    write_footage(tmp_path, count=3)
    report = convert.run(options(tmp_path, model="TOY", mask_type="hull"))
    assert report.counts["converted faces"] == 3


def test_a_model_without_a_mask_gets_the_hull_and_says_so_once(tmp_path, capsys):
    write_footage(tmp_path, 3)
    maskless = Predictor(lambda crops: (1 - crops, None), SIZE, FaceType.FULL, has_mask=False)
    convert.run(options(tmp_path, mask_type="predicted", debug=True), maskless)
    assert capsys.readouterr().err.count("learned no mask") == 1
    convert.run(options(tmp_path, "hull", mask_type="hull"), maskless)
    assert "learned no mask" not in capsys.readouterr().err
    results = zip(read_folder(tmp_path / "result"), read_folder(tmp_path / "hull"), strict=True)
    assert all(np.array_equal(predicted, hull) for predicted, hull in results)


def test_a_folder_without_the_model_is_refused(toy_model, tmp_path):
    write_footage(tmp_path, count=1)
    with pytest.raises(ModelError, match="TOY"):
        convert.run(options(tmp_path, model="H64"))
    with pytest.raises(ModelError, match="train"):
        convert.run(options(tmp_path, model_dir=tmp_path / "aligned"))
    assert not (tmp_path / "result").exists()


@pytest.mark.parametrize(
    ("rate", "exact"),
    [
        (25, Fraction(25)),
        (29.97, Fraction(30000, 1001)),
        (23.976, Fraction(24000, 1001)),
        (59.94, Fraction(60000, 1001)),
        (30, Fraction(30)),
        (12.5, Fraction(25, 2)),
        (29.5, Fraction(59, 2)),
    ],
)
def test_rates_mean_what_film_people_mean(rate, exact):
    assert exact_rate(float(rate)) == exact


def test_options_survive_json(tmp_path):
    chosen = options(tmp_path, mode="seamless", erode_modifier=-200, model="H64")
    assert from_json(ConvertOptions, to_json(chosen)) == chosen


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("erode_modifier", -200, 200),
        ("blur_modifier", -200, 200),
        ("seamless_erode_modifier", -100, 100),
        ("face_scale", -50, 50),
        ("hist_match_threshold", 0, 255),
        ("color_degrade", 0, 100),
    ],
)
def test_ranges_are_the_classic_ones_and_nothing_is_clipped(name, low, high, tmp_path):
    values = to_json(options(tmp_path))
    for value in (low, high):
        assert getattr(from_json(ConvertOptions, values | {name: value}), name) == value
    for value in (low - 1, high + 1):
        with pytest.raises(UserError, match=f"from {low} to {high}. Received: {value}"):
            from_json(ConvertOptions, values | {name: value})


@pytest.mark.parametrize("name", ["result", "result.mp4"])
def test_the_look_is_kept_beside_the_result_and_taken_up_again(name, tmp_path):
    write_footage(tmp_path, count=2)
    first = options(tmp_path, name, mode="seamless", erode_modifier=40, color_transfer="rct")
    convert.run(first, INVERT)
    given = {"output_dir": tmp_path / name, "erode_modifier": -5}
    files = {n: getattr(first, n) for n in ("input_dir", "aligned_dir", "model_dir")}
    again = resolve(ConvertOptions, given | files, ConvertOptions.saved(given))
    assert (again.mode, again.color_transfer, again.erode_modifier) == ("seamless", "rct", -5)
    # another place knows nothing of it, unless it is named
    elsewhere = {"output_dir": tmp_path / "other"}
    assert ConvertOptions.saved(elsewhere) is None
    file = tmp_path / f"{name}_convert.json"
    assert ConvertOptions.saved(elsewhere | {"settings": file})["mode"] == "seamless"
    for text in ("{", "[]", '{"mode": "magic"}', '{"modus": "overlay"}'):
        file.write_text(text)
        with pytest.raises(UsageError):
            ConvertOptions.saved({"output_dir": tmp_path / name})
    with pytest.raises(UsageError, match="gone"):
        ConvertOptions.saved({"settings": tmp_path / "gone.json"})


@pytest.mark.parametrize("kind", ["gray", "16 bits", "16 bits gray", "alpha"])
def test_pictures_of_other_kinds_are_converted_as_what_they_show(kind, tmp_path):
    frames = write_footage(tmp_path, count=2)
    odd = tmp_path / "odd"
    odd.mkdir()
    for index, image in enumerate(frames):
        gray = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
        kinds = {
            "gray": gray,
            "16 bits": image.astype(np.uint16) * 257,
            "16 bits gray": gray.astype(np.uint16) * 257,
            "alpha": np.dstack([image, np.full(image.shape[:2], 90, np.uint8)]),
        }
        assert cv2.imwrite(str(odd / f"{index:06d}.png"), kinds[kind])
        plain = cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR) if "gray" in kind else image
        write_image(tmp_path / "plain" / f"{index:06d}.png", plain)
    results = []
    for source in ("odd", "plain"):
        report = convert.run(
            options(tmp_path, f"{source}_result", input_dir=tmp_path / source, mode="seamless"),
            INVERT,
        )
        assert (report.counts["converted faces"], report.failures) == (2, [])
        results.append(read_folder(tmp_path / f"{source}_result"))
    for one, other in zip(*results, strict=True):
        assert difference(one, other).max() <= 1


@pytest.mark.parametrize(
    ("mode", "asked"),
    [
        ("overlay", "erode blur scale denoise sharpen motion degrade alpha"),
        ("hist-match", "masked hist erode blur scale denoise sharpen motion degrade alpha"),
        ("seamless", "erode blur seamless scale denoise sharpen motion degrade alpha"),
        ("raw", "scale"),
    ],
)
def test_only_what_matters_to_the_mode_is_asked(mode, asked, tmp_path, monkeypatch):
    questions = []

    def answer(question):
        questions.append(re.search(r"\(--(.*)\)|$", question)[1] or "advanced")
        return {"mode": mode, "advanced": "yes"}.get(questions[-1], "")

    monkeypatch.setattr("builtins.input", answer)
    given = {"mask_type": "hull", "expression_gain": 1, "morph_factor": 1}  # of the model
    chosen = ask(options(tmp_path), given)
    assert chosen.mode == mode
    first = ["mode", "raw-mode" if mode == "raw" else "color-transfer", "advanced"]
    assert questions[:3] == first
    assert len(questions) == len(first) + len(asked.split())
    for word, question in zip(asked.split(), questions[3:], strict=True):
        assert word in question


def test_paths_with_spaces_and_umlauts(tmp_path):
    folder = tmp_path / "Büro 1" / "日本"
    write_footage(folder, count=2)
    report = convert.run(options(folder, "Ergebnis ü"), INVERT)
    assert report.counts["converted faces"] == 2
    assert len(list(Path(folder / "Ergebnis ü").glob("*.png"))) == 2


@pytest.mark.parametrize("moved", [0, 0.04])
def test_a_face_that_is_there_twice_is_blended_once(tmp_path, moved):
    """A copied file, and the same face found again a little elsewhere."""
    write_footage(tmp_path, 2)
    convert.run(options(tmp_path, "once"), INVERT)
    face, info = read_face(tmp_path / "aligned" / "000001_0.png")
    size = np.ptp(info.source_landmarks, axis=0).max()
    copy = dataclasses.replace(info, source_landmarks=info.source_landmarks + moved * size)
    write_face(tmp_path / "aligned" / "000001_0x.png", face, copy)
    report = convert.run(options(tmp_path), INVERT)
    assert report.counts["converted faces"] == 2
    [copied] = report.notes["copies of faces, ignored"]
    assert "000001_0x.png" in copied
    for one, other in zip(
        read_folder(tmp_path / "once"), read_folder(tmp_path / "result"), strict=True
    ):
        np.testing.assert_array_equal(one, other)
    if not moved:  # a copy changes nothing, so an earlier run is continued
        report = convert.run(options(tmp_path, "once"), INVERT)
        assert report.counts["frames finished before"] == 2


def test_two_faces_side_by_side_are_no_copies(tmp_path):
    write_footage(tmp_path, 1)
    face, info = read_face(tmp_path / "aligned" / "000000_0.png")
    size = np.ptp(info.source_landmarks, axis=0).max()
    beside = info.source_landmarks + np.float32([0.3 * size, 0])
    write_face(
        tmp_path / "aligned" / "000000_1.png",
        face,
        dataclasses.replace(info, source_landmarks=beside, face_index=1),
    )
    assert convert.run(options(tmp_path), INVERT).counts["converted faces"] == 2

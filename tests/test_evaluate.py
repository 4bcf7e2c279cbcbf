"""`evaluate` on real detections: a clip against itself, a blurred one, one without faces."""

import dataclasses
import json
import math
import shutil

import cv2
import numpy as np
import pytest
from support.synthetic import make_faceset, make_info, make_video

import main
from facelib import geometry, held_out
from facelib.detectors import DETECTORS
from facelib.faceset import Faceset, read_face, read_info, write_face
from facelib.landmarkers import LANDMARKERS
from facelib.types import FaceType
from models.checkpoint import build_model, save_generation
from tools.evaluate import evaluate
from tools.evaluate.observe import pair_frames
from tools.evaluate.options import EvaluateOptions
from tools.evaluate.report import ROWS, plain
from utils.errors import InputError, UsageError
from utils.images import write_image
from utils.video.io import open_source

FRAMES = 12


@pytest.fixture(scope="module")
def frames():
    """Twelve frames of a photograph that drifts to and fro; its mouth opens and closes."""
    import skimage.data

    photograph = np.ascontiguousarray(skimage.data.astronaut()[:300, 70:370, ::-1])
    rows, columns = np.mgrid[:300, :300].astype(np.float32)
    clip = []
    for number in range(FRAMES):
        phase = 2 * np.pi * number / 6
        # all that lies below the middle of the lips is drawn downwards
        lower = 3 * (1 - np.cos(phase)) * np.clip((rows - 143) / 6, 0, 1)
        drift = 3 * np.sin(phase / 2)
        places = ((columns - drift).astype(np.float32), (rows - lower).astype(np.float32))
        clip.append(cv2.remap(photograph, *places, cv2.INTER_CUBIC))
    return clip


@pytest.fixture(scope="module")
def clip(frames, tmp_path_factory):
    return write_frames(tmp_path_factory.mktemp("clip") / "dst", frames)


@pytest.fixture(scope="module")
def src_aligned(frames, tmp_path_factory):
    """A few faces of the same person: what a perfect swap would be measured against."""
    folder = tmp_path_factory.mktemp("src") / "aligned"
    detector, landmarker = DETECTORS.load("yunet")(), LANDMARKERS.load("mesh")()
    for number, frame in enumerate(frames[:4]):
        landmarks = landmarker.locate(frame, detector.detect([frame])[0][:1])[0][0]
        info = make_info(landmarks, 256, FaceType.FULL, source_name=f"{number:05d}.png")
        folder.mkdir(exist_ok=True)
        picture = geometry.warp_face(frame, info.matrix, 256)
        write_face(folder / f"{number:05d}_0.png", picture, info)
    return folder


def write_frames(folder, images):
    for number, image in enumerate(images):
        write_image(folder / f"{number:05d}.png", image)
    return folder


def measure(dst, result, src_aligned, tmp_path, **more):
    output = tmp_path / "figures.json"
    options = EvaluateOptions(
        dst=dst, result=result, src_aligned=src_aligned, output=output, ask=False, **more
    )
    report = evaluate.run(options)
    return report, json.loads(output.read_text(encoding="utf-8"), parse_constant=pytest.fail)


def test_a_clip_against_itself_is_perfect(clip, src_aligned, tmp_path, capsys):
    report, found = measure(clip, clip, src_aligned, tmp_path)
    result = found["figures"]["result"]
    assert result == found["figures"]["dst"]
    assert report.counts["frames measured"] == found["frames"]["measured"] == FRAMES
    assert result["mouth_correlation"] == pytest.approx(1)
    assert result["mouth_gain"] == pytest.approx(1)
    for zero in ("pose_error_95", "landmark_error", "movement_error", "jitter_excess",
                 "flicker_excess"):  # fmt: skip
        assert result[zero] == pytest.approx(0, abs=1e-3)
    assert result["sharpness"] == pytest.approx(1)
    assert result["taken_for_src"] == 1  # src is the same person here
    shown = capsys.readouterr().out
    assert "Identity alone proves nothing" in shown
    assert all(row.label in shown for row in ROWS)


def test_the_average_face_has_the_identity_but_neither_expression_nor_detail(
    clip, src_aligned, tmp_path
):
    _, found = measure(clip, clip, src_aligned, tmp_path)
    average = found["figures"]["average"]
    assert average["taken_for_src"] == 1
    assert average["sharpness"] < 0.8
    assert average["mouth_gain"] < 0.5
    _, without = measure(clip, clip, src_aligned, tmp_path, baseline=False)
    assert set(without["figures"]) == {"result", "dst"}


def test_blur_and_shaking_show(clip, frames, src_aligned, tmp_path):
    rng = np.random.default_rng(0)
    shaken = [
        np.roll(cv2.GaussianBlur(frame, (0, 0), 2), rng.integers(-3, 4, 2), axis=(0, 1))
        for frame in frames
    ]
    flickering = [cv2.convertScaleAbs(f, alpha=1 - 0.2 * (i % 2)) for i, f in enumerate(shaken)]
    result = write_frames(tmp_path / "result", flickering)
    _, found = measure(clip, result, src_aligned, tmp_path, baseline=False)
    worse = found["figures"]["result"]
    assert worse["sharpness"] < 0.6
    assert worse["jitter_excess"] > 0.5
    assert worse["flicker_excess"] > 3
    assert worse["landmark_error"] > 1


def test_frames_without_a_face_are_counted_and_named(clip, frames, src_aligned, tmp_path):
    changed = list(frames)
    changed[3] = np.full_like(frames[3], 90)
    folder = write_frames(tmp_path / "result", changed)
    (folder / "00007.png").unlink()
    report, found = measure(clip, folder, src_aligned, tmp_path, baseline=False)
    assert found["frames"]["without_face_in_result"] == ["00003.png"]
    assert found["frames"]["missing_in_result"] == ["00007.png"]
    assert found["frames"]["measured"] == FRAMES - 2
    assert "frames without a face in the result (1): 00003.png" in str(report)
    assert report.status == 0


def test_every_third_frame_leaves_out_what_needs_neighbors(clip, src_aligned, tmp_path):
    _, found = measure(clip, clip, src_aligned, tmp_path, every=3, baseline=False)
    result = found["figures"]["result"]
    assert found["frames"]["measured"] == FRAMES // 3
    assert result["jitter"] is None
    assert result["flicker_excess"] is None
    assert result["mouth_correlation"] is None  # four frames say nothing


def test_a_single_frame_and_a_damaged_src_face_cost_only_themselves(clip, src_aligned, tmp_path):
    faces = shutil.copytree(src_aligned, tmp_path / "src")
    damaged = faces / "00001_0.png"
    data = bytearray(damaged.read_bytes())
    data[-200] ^= 255  # inside the pixels: the folder's listing cannot see it
    damaged.write_bytes(data)
    (faces / "holiday.png").write_bytes((clip / "00000.png").read_bytes())
    report, found = measure(clip, clip, faces, tmp_path, every=FRAMES)
    assert found["frames"]["measured"] == 1
    assert found["figures"]["result"]["landmark_error"] == pytest.approx(0, abs=1e-3)
    assert len(report.failures) == 1
    assert "00001_0.png" in report.failures[0]
    assert "holiday.png" in str(report)


def test_only_frames_of_the_dst_faceset_count(clip, src_aligned, tmp_path):
    # the faceset holds a face for the first four frames
    _, found = measure(clip, clip, src_aligned, tmp_path, dst_aligned=src_aligned, baseline=False)
    assert found["frames"]["looked_at"] == FRAMES
    assert found["frames"]["measured"] == 4


def test_a_clip_without_faces_is_an_error_that_says_so(clip, frames, src_aligned, tmp_path):
    folder = write_frames(tmp_path / "gray", [np.full_like(f, 90) for f in frames[:3]])
    with pytest.raises(InputError, match="shows a face where"):
        measure(clip, folder, src_aligned, tmp_path)


def test_a_model_needs_the_faces_it_rebuilds(clip, src_aligned, tmp_path):
    with pytest.raises(UsageError, match="--dst-aligned"):
        measure(clip, clip, src_aligned, tmp_path, model_dir=tmp_path)


def test_self_reconstruction_looks_at_held_out_faces_only(clip, src_aligned, tmp_path, capsys):
    dst_aligned, model_dir = tmp_path / "dst", tmp_path / "model"
    paths = make_faceset(dst_aligned, 60)
    faces = [(path, read_info(path)) for path in paths]
    _, rule = held_out.of_training(model_dir, faces, faces, new=True)
    kept_out = [path for path, _ in rule.split(faces)[1]]
    for path, name in zip(kept_out, ("00000.png", "00001.png"), strict=False):
        face, info = read_face(path)  # frames of the clip, so that some are measured
        write_face(dst_aligned / name, face, dataclasses.replace(info, source_name=name))
    model = build_model("H64", {"lightweight": True})
    save_generation(
        model_dir, state={"model": "H64", "iteration": 0}, options={"lightweight": True},
        weights={name: net.get_weights() for name, net in model.networks.items()},
        optimizer={}, history=np.zeros((0, 2)), keep=1,
    )  # fmt: skip
    _, found = measure(clip, clip, src_aligned, tmp_path, baseline=False,
                       dst_aligned=dst_aligned, model_dir=model_dir)  # fmt: skip
    rebuilt = found["self_reconstruction"]
    assert rebuilt["faces"] == len(rule.split(Faceset.open(dst_aligned))[1]) >= 2
    assert -0.5 < rebuilt["ssim"] < 0.6  # it has learned nothing
    assert "not trained on" in capsys.readouterr().out


def test_a_missing_result_is_one_sentence(clip, src_aligned, tmp_path, capsys):
    gone = tmp_path / "gone.mp4"
    argv = ["evaluate", "--dst", clip, "--result", gone, "--src-aligned", src_aligned, "--no-ask"]
    assert main.main([str(word) for word in argv]) == 1
    assert "gone.mp4" in capsys.readouterr().err


def test_frames_meet_by_name_in_folders_and_by_index_in_videos(frames, tmp_path):
    even = [frame[:298, :298] for frame in frames]
    dst = open_source(write_frames(tmp_path / "dst", even))
    video = open_source(make_video(tmp_path / "result.mp4", even))
    pairs = list(pair_frames(dst, video, 2))
    assert [pair.dst.index for pair in pairs] == list(range(0, FRAMES, 2))
    for pair in pairs:
        assert np.abs(pair.result.astype(int) - pair.dst.image).mean() < 4

    folder = write_frames(tmp_path / "result", even)
    (folder / "00000.png").unlink()
    pairs = list(pair_frames(dst, open_source(folder), 1))
    assert pairs[0].result is None
    assert all((pair.result == pair.dst.image).all() for pair in pairs[1:])


def test_a_result_padded_to_even_sides_is_cut_not_stretched(frames, tmp_path):
    odd = [frame[:299, :299] for frame in frames[:2]]
    padded = [np.pad(frame, ((0, 1), (0, 1), (0, 0)), mode="edge") for frame in odd]
    dst = open_source(write_frames(tmp_path / "dst", odd))
    result = open_source(write_frames(tmp_path / "result", padded))
    assert all((pair.result == pair.dst.image).all() for pair in pair_frames(dst, result, 1))


def test_a_result_of_another_size_is_scaled_and_said(frames, tmp_path, capsys):
    dst = open_source(write_frames(tmp_path / "dst", frames[:2]))
    larger = [cv2.resize(frame, (600, 600), interpolation=cv2.INTER_CUBIC) for frame in frames[:2]]
    result = open_source(write_frames(tmp_path / "result", larger))
    for pair in pair_frames(dst, result, 1):
        assert np.abs(pair.result.astype(int) - pair.dst.image).mean() < 3
    assert "scaled" in capsys.readouterr().err


def test_json_holds_null_instead_of_nan():
    value = {"a": math.nan, "b": [1.5, math.inf], "c": np.float32(2), "d": "text", "e": 3}
    assert plain(value) == {"a": None, "b": [1.5, None], "c": 2.0, "d": "text", "e": 3}

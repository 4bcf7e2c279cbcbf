"""`evaluate` on real detections: a clip against itself, a blurred one, one without faces."""

import contextlib
import dataclasses
import io
import json
import math
import shutil

import cv2
import numpy as np
import pytest
from support.synthetic import make_faceset, make_info, make_landmarks, make_video, open_mouth
from support.toy_model import ENTRY, Toy, ToyOptions
from support.training import save_model

import main
from converters.options import ConvertOptions
from converters.output.run_log import log
from facelib import geometry, held_out
from facelib.detectors import DETECTORS
from facelib.faceset import Faceset, read_info, write_face
from facelib.fingerprint import around, fingerprint, to_bytes
from facelib.landmarkers import LANDMARKERS
from facelib.landmarks import mouth_opening
from facelib.mask_label import MaskLabel, Shape
from facelib.types import FaceType
from models import MODELS
from tools.evaluate import evaluate
from tools.evaluate.conversion_log import check_counts, converted_span
from tools.evaluate.observe import FoundFace, Observation, SeenFace, centers_in, pair_frames
from tools.evaluate.options import EvaluateOptions
from tools.evaluate.report import compare, plain
from tools.evaluate.rows import OPTIONAL, ROWS
from utils.errors import InputError, UsageError
from utils.images import write_image
from utils.options import to_json
from utils.video.frame import WHOLE, Span
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


@pytest.fixture(scope="module")
def against_itself(clip, src_aligned, tmp_path_factory):
    """The report, the figures and what was printed."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        report, found = measure(clip, clip, src_aligned, tmp_path_factory.mktemp("itself"))
    return report, found, printed.getvalue()


def test_a_clip_against_itself_is_perfect(against_itself):
    report, found, shown = against_itself
    result = found["figures"]["result"]
    assert result == found["figures"]["dst"]
    assert report.counts["frames measured"] == found["frames"]["measured"] == FRAMES
    assert result["mouth_correlation"] == pytest.approx(1)
    assert result["mouth_gain"] == pytest.approx(1)
    for zero in ("pose_error_95", "landmark_error", "movement_error", "jitter_excess",
                 "flicker_excess", "edge_flicker"):  # fmt: skip
        assert result[zero] == pytest.approx(0, abs=1e-3)
    assert result["sharpness"] == pytest.approx(1)
    assert result["taken_for_src"] == 1  # src is the same person here
    assert "Identity alone proves nothing" in shown
    for row in ROWS:
        known = any(figures[row.key] is not None for figures in found["figures"].values())
        assert (f"\n{row.label}  " in shown) == known
        named = row.label.split(":")[0] in shown  # what was not measured
        assert known or named == (row.key not in OPTIONAL)
    table = shown.partition("untouched =")[0]
    assert max(map(len, table.splitlines())) <= 80  # a terminal's width
    assert found["verdict"][0] == "The face is always taken for src."
    assert "It is as sharp as the footage." in found["verdict"]
    assert "\n".join(found["verdict"]) in shown


def test_occlusions_drawn_by_hand_are_measured_where_they_are(frames, clip, src_aligned, tmp_path):
    """A result that paints over a third of a drawn rectangle changed a third of the occlusion."""
    dst_aligned = tmp_path / "dst_aligned"
    dst_aligned.mkdir()
    results = []
    for number, frame in enumerate(frames):
        face = read_info(sorted(src_aligned.iterdir())[0])
        points = face.source_landmarks
        left, top = points.min(axis=0) + np.float32([20, 40])
        box = [(left, top), (left + 30, top), (left + 30, top + 30), (left, top + 30)]
        label = MaskLabel((Shape("polygon", False, np.float64(box)),)) if number == 1 else None
        info = make_info(points, 64, FaceType.FULL, source_name=f"{number:05d}.png")
        info = dataclasses.replace(info, mask_label=label)
        picture = geometry.warp_face(frame, info.matrix, 64)
        write_face(dst_aligned / f"{number:05d}_0.png", picture, info)
        result = frame.copy()
        if number == 1:
            result[round(top) : round(top) + 30, round(left) : round(left) + 10] //= 2
        results.append(result)
    result = write_frames(tmp_path / "result", results)
    _, found = measure(clip, result, src_aligned, tmp_path, dst_aligned=dst_aligned)
    shares = {name: each["occlusion_changed"] for name, each in found["figures"].items()}
    assert shares["dst"] == 0
    assert shares["result"] == pytest.approx(1 / 3, abs=0.08)


def test_the_average_face_has_the_identity_but_neither_expression_nor_detail(
    against_itself, clip, src_aligned, tmp_path
):
    _, found, _ = against_itself
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
    assert "It trembles and changes color more than the footage." in found["verdict"]
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
    assert "frames without a face in the result (1): 00003" in str(report)
    # the frame without a face is a failure, the one that is missing is not there
    result = found["figures"]["result"]
    assert (
        result["face_found"]
        == result["taken_for_src"]
        == pytest.approx((FRAMES - 2) / (FRAMES - 1))
    )
    assert result["pose_error_95"] > 50
    assert result["flicker_excess"] > 1  # what takes the face's place is a change of color
    each = found["per_frame"]
    assert each["name"] == [f"{n:05d}.png" for n in range(FRAMES) if n != 7]
    assert [n for n, error in enumerate(each["pose_error"]) if error is None] == [3]
    assert each["seconds"] == [None] * (FRAMES - 1)
    for name in ("identity_to_src", "pose_error", "landmark_error", "movement_error"):
        known = [math.inf if value is None else value for value in each[name]]
        if name == "identity_to_src":
            known[3] = result[name]  # dst's own face counts there, which is far from no one here
        assert np.median(known) == pytest.approx(result[name], abs=0.02), name
    assert np.nanmedian(np.array(each["sharpness"], float)) == pytest.approx(
        result["sharpness"], abs=1e-3
    )
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
        measure(clip, folder, src_aligned, tmp_path, baseline=False, every=4)


def test_a_model_needs_the_faces_it_rebuilds(clip, src_aligned, tmp_path):
    with pytest.raises(UsageError, match="--dst-aligned"):
        measure(clip, clip, src_aligned, tmp_path, model_dir=tmp_path)


def test_self_reconstruction_looks_at_held_out_faces_only(
    clip, src_aligned, tmp_path, capsys, monkeypatch
):
    dst_aligned, model_dir = tmp_path / "dst", tmp_path / "model"
    paths = make_faceset(dst_aligned, 60)
    faces = [(path, read_info(path)) for path in paths]
    _, rule = held_out.of_training(model_dir, faces, faces, new=True)
    for path in sorted(src_aligned.iterdir())[:2]:  # frames of the clip, so that some are measured
        shutil.copy(path, dst_aligned / f"clip_{path.name}")
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    save_model("TOY", Toy(ToyOptions()), model_dir)
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


def write_log(result, dst, first, last, event="finished"):
    """The log of two runs, the second of which wrote the result, as `convert` writes it."""
    options = {
        "input_dir": str(dst), "aligned_dir": "a", "model_dir": "m", "output_dir": str(result),
        "ask": False,
    }  # fmt: skip
    for part in ({"from_": "0"}, {"from_": first, "to": last}):
        log(result, "begun", model="H64", options=to_json(ConvertOptions(**options | part)))
    log(result, event)


@pytest.mark.parametrize("times", [("4", "9"), ("0.16s", "0.4s")])
def test_a_video_of_a_part_is_compared_with_that_part(times, frames, tmp_path):
    even = [frame[:298, :298] for frame in frames]
    dst = make_video(tmp_path / "dst.mp4", even)
    result = make_video(tmp_path / "result.mp4", even[4:10])
    clips = open_source(dst), open_source(result)
    with pytest.raises(InputError, match=r"6 frames, that part of dst 12.*result.mp4_log.jsonl"):
        check_counts(*clips, converted_span(*clips))
    write_log(result, dst, *times)
    span = converted_span(*clips)
    check_counts(*clips, span)
    pairs = list(pair_frames(*clips, 1, span))
    assert [pair.dst.index for pair in pairs] == list(range(4, 10))
    for pair in pairs:
        assert np.abs(pair.result.astype(int) - pair.dst.image).mean() < 4
    other = open_source(shutil.copy(dst, tmp_path / "other.mp4"))  # the log names dst.mp4
    assert converted_span(other, clips[1]) == WHOLE


def test_a_run_that_was_stopped_does_not_count(frames, tmp_path):
    even = [frame[:298, :298] for frame in frames]
    result, dst = (make_video(tmp_path / name, even[:2]) for name in ("result.mp4", "dst.mp4"))
    clips = open_source(dst), open_source(result)
    write_log(result, dst, "4", "9")
    log(result, "begun", model="H64", options={"input_dir": str(dst), "from_": "7"})
    assert converted_span(*clips) == Span(4, 9)
    damaged = result.with_name(result.name + "_log.jsonl")
    damaged.write_text('{"event": "begun", "options": {"input_dir": "dst.mp4", "to": "?"}}\n[3')
    assert converted_span(*clips) == WHOLE


@pytest.mark.parametrize("count", [FRAMES - 1, FRAMES + 1])
def test_a_video_of_another_number_of_frames_is_refused(count, frames, tmp_path):
    """Counted frame by frame: the packets of a damaged file may be a few more than its frames."""
    even = [frame[:298, :298] for frame in frames]
    dst = open_source(write_frames(tmp_path / "dst", even))
    result = open_source(make_video(tmp_path / "result.mp4", (even + even)[:count]))
    check_counts(dst, result, WHOLE)
    with pytest.raises(InputError, match=("fewer" if count < FRAMES else "more") + " frames than"):
        list(pair_frames(dst, result, 5))


def test_faces_of_other_footage_are_refused(frames, tmp_path):
    """--dst-aligned: the centers of half-size frames are half as far, others are refused."""
    info = make_info(make_landmarks(center=(152, 96), width=105), 96)
    cells = to_bytes(fingerprint(frames[0], around(info.source_landmarks)))
    info = dataclasses.replace(
        info, source_name="00000.png", source="dst", frame_size=(300, 300), fingerprint=cells
    )
    write_face(tmp_path / "aligned" / "a.png", np.zeros((96, 96, 3), np.uint8), info)
    faces = Faceset.open(tmp_path / "aligned")
    half = [cv2.resize(frame, (150, 150), interpolation=cv2.INTER_AREA) for frame in frames[:2]]
    whole, small = (
        centers_in(faces, open_source(write_frames(tmp_path / name / "dst", images)))["00000"]
        for name, images in (("whole", frames[:2]), ("half", half))
    )
    np.testing.assert_allclose(small, (whole + 0.5) / 2 - 0.5, atol=1e-3)
    other = write_frames(tmp_path / "other" / "dst", [np.ascontiguousarray(frames[0][:, ::-1])])
    with pytest.raises(InputError, match=r"--dst-aligned .* do not fit"):
        centers_in(faces, open_source(other))


class OneAway:
    """A recognizer whose distance is the difference of two numbers."""

    same_below = 0.5

    def distance(self, a, b):
        return abs(float(a[0] - b[0]))


def looks(directions, shut=(), has_iris=True):
    """Faces whose irises are drawn to look in the given directions, (n, 2) eye widths."""
    faces = []
    for number, direction in enumerate(directions):
        points = make_landmarks().astype(float)
        if number in shut:
            points[[41, 40, 47, 46]] = points[[37, 38, 43, 44]]
        corners = points[[36, 42]], points[[39, 45]]
        line = corners[1] - corners[0]
        across = line[:, ::-1] * (-1, 1)
        iris = (corners[0] + corners[1]) / 2 + direction[0] * line + direction[1] * across
        faces.append(FoundFace(points, np.zeros(1), iris if has_iris else None))
    return faces


def compared_gaze(result, dst):
    blank = np.zeros((18, 32), np.uint8)

    def seen(face):
        return SeenFace(face, np.full(3, 50.0), np.full((8, 8, 3), 50.0), 1.0)

    observations = [
        Observation(
            f"{n}.png", n, blank, wanted=True, in_result=True, dst=seen(theirs),
            compared={"result": seen(ours)},
        )
        for n, (ours, theirs) in enumerate(zip(result, dst, strict=True))
    ]  # fmt: skip
    found = compare(observations, "result", np.zeros(1), OneAway())
    return found["gaze_correlation"], found["gaze_gain"]


def test_the_gaze_counts_where_dst_has_its_eyes_open():
    rng = np.random.default_rng(0)
    directions = rng.normal(0, 0.1, (30, 2))
    blinks = {3, 4, 17}
    dst = looks(directions, blinks)
    half = directions * 0.5 + (0.05, -0.1)
    half[[*blinks]] = 5.0, -7.0
    assert compared_gaze(looks(half), dst) == pytest.approx((1, 0.5))
    # eyes that are shut in the result, or a face that is missing, do not follow
    shut = {0, 1, 2, 20, 21}
    ours = looks(half, shut)
    ours[20] = None
    still = np.delete(half, [*blinks], axis=0)
    open_frames = np.delete(np.arange(30), [*blinks])
    hidden = np.isin(open_frames, [*shut])
    still[hidden] = still[~hidden].mean(axis=0)
    theirs = directions[open_frames]
    one, other = ((each - each.mean(axis=0)).ravel() for each in (still, theirs))
    expected = np.corrcoef(one, other)[0, 1], np.polyfit(other, one, 1)[0]
    assert compared_gaze(ours, dst) == pytest.approx(expected)
    assert expected[1] < 0.45


def test_without_irises_movement_or_open_eyes_there_is_no_gaze():
    rng = np.random.default_rng(0)
    directions = rng.normal(0, 0.1, (30, 2))
    moving, still = looks(directions), looks(directions * 0.1)
    for dst in (still, looks(directions, has_iris=False), looks(directions, range(25))):
        assert np.isnan(compared_gaze(moving, dst)).all()
    assert compared_gaze(looks(directions * 0), moving) == (0, 0)
    assert compared_gaze(looks(directions, range(30)), moving) == (0, 0)


def test_the_gaze_of_a_photograph_is_followed(frames, src_aligned, tmp_path):
    """The irises are shifted to and fro in dst, and half as far in the result."""
    detector, landmarker = DETECTORS.load("yunet")(), LANDMARKERS.load("mesh")()
    iris = landmarker.locate(frames[0], detector.detect([frames[0]])[0][:1])[0].iris
    rows, columns = np.mgrid[:300, :300].astype(np.float32)
    near = sum(np.exp(-((np.hypot(columns - x, rows - y) / 6) ** 4)) for x, y in iris)

    def look(aside):
        return cv2.remap(frames[0], columns - np.float32(aside) * near, rows, cv2.INTER_CUBIC)

    glances = np.sin(np.arange(FRAMES))
    clips = {
        name: write_frames(tmp_path / name, map(look, reach * glances))
        for name, reach in (("dst", 3), ("result", 1.5))
    }
    _, found = measure(clips["dst"], clips["result"], src_aligned, tmp_path, baseline=False)
    figures = found["figures"]
    assert figures["dst"]["gaze_correlation"] == figures["dst"]["gaze_gain"] == pytest.approx(1)
    assert figures["result"]["gaze_correlation"] > 0.9
    assert figures["result"]["gaze_gain"] == pytest.approx(0.5, abs=0.15)


def test_a_landmarker_without_irises_says_that_gaze_was_not_measured(
    clip, src_aligned, tmp_path, capsys
):
    _, found = measure(
        clip, clip, src_aligned, tmp_path, baseline=False, every=FRAMES, landmarker="dlib68"
    )
    assert found["figures"]["result"]["gaze_gain"] is None
    assert "dlib68 does not locate irises" in capsys.readouterr().out


def test_without_a_face_every_metric_is_that_of_a_failure():
    """Twenty frames whose mouth opens and closes; the result is src in the first twelve only."""
    rng = np.random.default_rng(0)

    def seen(number, identity, found=True):
        mouth = open_mouth(0.5 - 0.5 * np.cos(number))
        points = make_landmarks(head=mouth).astype(float)
        face = FoundFace(points, np.array([float(identity)])) if found else None
        return SeenFace(face, np.full(3, 50.0), np.full((8, 8, 3), 50.0), 1.0 if found else 0.0)

    observations = [
        Observation(
            f"{n}.png", n, rng.integers(100, 103, (18, 32), dtype=np.uint8), wanted=True,
            in_result=True, dst=seen(n, 1), compared={"result": seen(n, 0, found=n < 12)},
        )
        for n in range(20)
    ]  # fmt: skip
    got = compare(observations, "result", np.zeros(1), OneAway())
    assert got["face_found"] == got["nearer_to_src"] == got["taken_for_src"] == 12 / 20
    # more than half succeed, so the medians are theirs; the slowest twentieth is not
    assert (got["identity_to_src"], got["identity_to_dst"]) == (0, 1)
    assert got["pose_error"] == got["landmark_error"] == got["movement_error"] == pytest.approx(0)
    assert got["pose_error_95"] == 180
    dst = np.array([mouth_opening(o.dst.face.landmarks) for o in observations])
    stands = np.where(np.arange(20) < 12, dst, dst[:12].mean())
    assert got["mouth_correlation"] == pytest.approx(np.corrcoef(stands, dst)[0, 1])
    assert got["mouth_gain"] == pytest.approx(np.polyfit(dst, stands, 1)[0])
    assert got["mouth_gain"] < 0.8
    for observation in observations[:3]:
        observation.compared["result"] = seen(0, 0, found=False)
    most_fail = compare(observations, "result", np.zeros(1), OneAway())
    assert (most_fail["identity_to_src"], most_fail["identity_to_dst"]) == (1, 0)
    assert (most_fail["pose_error"], most_fail["sharpness"]) == (180, 0)
    assert most_fail["landmark_error"] == most_fail["movement_error"] == 150
    for observation in observations:
        observation.compared["result"] = seen(0, 0, found=False)
    none = compare(observations, "result", np.zeros(1), OneAway())
    assert none.pop("face_found") == 0
    assert all(map(math.isnan, none.values()))


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

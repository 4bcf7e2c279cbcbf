"""The measured swap, its log and what follows from it. Oracles: NumPy, csv, known landmarks."""

import csv
import re

import numpy as np
import pytest
from support.synthetic import make_info, make_landmarks, open_mouth
from support.toy_model import ENTRY
from support.training import make_people, toy_settings

from facelib import quality
from facelib.faceset import Faceset, write_face
from facelib.following import is_known, standing_still
from facelib.geometry import warp_face
from facelib.landmarkers import LANDMARKERS
from facelib.landmarks import mouth_opening
from facelib.types import FaceType, LocatedFace
from facelib.validation_log import COLUMNS, ValidationLog
from facelib.verdict import MARGIN
from models import MODELS
from trainer import train
from trainer.data.sampler import Sampler, SamplerSettings
from trainer.monitoring import monitor, swap
from trainer.monitoring.stop_rule import StopRule
from trainer.monitoring.swap import SwapMeasure, pick_expressions
from utils.errors import UsageError

UNKNOWN = dict.fromkeys(COLUMNS, np.nan)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 24)


@pytest.fixture(scope="module")
def samplers(people):
    settings = SamplerSettings(FaceType.FULL, 64)
    return [Sampler(Faceset.open(people / side), settings, (1,)) for side in ("src", "dst")]


# --- expression and identity


class Locator:
    """A landmarker that finds prepared faces, one after the other."""

    def __init__(self, located):
        self._located = iter(located)

    def __call__(self, *, upright):
        assert upright
        return self

    def locate(self, image, detections):
        return [next(self._located) for _ in detections]


def located(mouth, look=0.0, quality=9.0):
    """A face with its mouth and irises at known places."""
    points = make_landmarks(head=open_mouth(mouth))
    centers = np.stack([points[[36, 39]].mean(axis=0), points[[42, 45]].mean(axis=0)])
    return LocatedFace(points, quality, centers + np.array([look, 0]))


def measure(samplers, monkeypatch, dst, result):
    """Measure swaps that show prepared faces; identity is left out."""
    monkeypatch.setattr(type(LANDMARKERS), "load", lambda *_: Locator([*dst, *result]))
    measured = SwapMeasure(*samplers)
    measured.__dict__["_identity"] = None
    return measured.metrics(measured.faces[..., :3])


def test_following_is_numpys_correlation_and_slope(samplers, monkeypatch):
    rng = np.random.default_rng(0)
    wide = rng.uniform(0, 1, 24)
    less = 0.5 * wide + rng.uniform(0, 0.3, 24)
    looks = rng.uniform(-5, 5, 24)
    dst = [located(*each) for each in zip(wide, looks, strict=True)]
    result = [located(*each) for each in zip(less, 0.8 * looks, strict=True)]
    values = measure(samplers, monkeypatch, dst, result)
    ours, theirs = ([mouth_opening(face.landmarks) for face in faces] for faces in (result, dst))
    assert values["mouth_correlation"] == pytest.approx(np.corrcoef(ours, theirs)[0, 1])
    assert values["mouth_gain"] == pytest.approx(np.polyfit(theirs, ours, 1)[0])
    assert values["gaze_correlation"] == pytest.approx(1)
    assert values["gaze_gain"] == pytest.approx(0.8, rel=1e-3)
    assert np.isnan([values["eye_correlation"], values["eye_gain"]]).all(), "dst never blinks"
    assert values["face_found"] == 1
    parts = [values["mouth_correlation"] * values["mouth_gain"], values["gaze_gain"]]
    assert values["swap_quality"] == pytest.approx(np.mean(parts), rel=1e-3)


def test_a_swap_that_is_no_face_does_not_move(samplers, monkeypatch):
    wide = np.linspace(0, 1, 24)
    dst = [located(each) for each in wide]
    result = [located(each, quality=-1.0 if i % 3 else 9.0) for i, each in enumerate(wide)]
    values = measure(samplers, monkeypatch, dst, result)
    openings = np.array([mouth_opening(face.landmarks) for face in dst])
    still = np.where(np.arange(24) % 3, openings[::3].mean(), openings)
    assert values["mouth_gain"] == pytest.approx(np.polyfit(openings, still, 1)[0])
    assert values["face_found"] == pytest.approx(1 / 3)


def test_a_dst_face_that_is_not_found_does_not_count(samplers, monkeypatch):
    wide = np.linspace(0, 1, 24)
    dst = [located(each, quality=9.0 if i else -1.0) for i, each in enumerate(wide)]
    result = [located(each if i else 0.9) for i, each in enumerate(wide)]
    values = measure(samplers, monkeypatch, dst, result)
    assert (values["mouth_correlation"], values["mouth_gain"]) == pytest.approx((1, 1))


def test_real_networks_judge_a_photograph_noise_and_another_person(
    samplers, astronaut, tmp_path, monkeypatch
):
    monkeypatch.setattr(swap, "FACES", 4)
    landmarks = make_landmarks(center=(222, 125), width=120)
    for number in range(4):
        info = make_info(landmarks + number, 128)
        write_face(tmp_path / f"{number}.png", warp_face(astronaut, info.matrix, 128), info)
    photographs = Sampler(Faceset.open(tmp_path), samplers[0].settings, (1,))
    measured = SwapMeasure(photographs, samplers[1])
    dst = measured.faces[..., :3]
    values = measured.metrics(dst)
    assert values["identity"] == values["taken_for_src"] == values["nearer_to_src"] == 0
    photograph = photographs.plain(0)[..., :3].astype(np.float32) / 255
    values = measured.metrics(np.repeat(photograph[None], len(dst), axis=0))
    assert values["identity"] > 0.7
    assert values["taken_for_src"] == values["nearer_to_src"] == values["face_found"] == 1
    noise = np.random.default_rng(0).random(dst.shape, np.float32)
    values = measured.metrics(noise)
    assert values["face_found"] == values["taken_for_src"] == values["nearer_to_src"] == 0
    same = SwapMeasure(photographs, photographs)
    assert np.isnan(same.metrics(same.faces[..., :3])["identity"]), "nothing to swap"


def test_rare_expressions_are_measured():
    heads = [open_mouth(0.02 * (i % 5)) for i in range(150)]
    heads[77], heads[133] = open_mouth(0.6), open_mouth(1.0)
    for blink in (100, 101):
        heads[blink][[37, 38, 43, 44]] = heads[blink][[41, 40, 47, 46]]
    faces = [(None, make_info(make_landmarks(head=head))) for head in heads]
    picks = pick_expressions(faces, 32).tolist()
    assert len(set(picks)) == 32
    assert {77, 133, 100, 101} < set(picks)
    assert (pick_expressions(faces[:9], 32) == np.arange(9)).all()


def test_what_is_not_known_stands_still_in_its_shot():
    values, shots = np.array([1.0, np.nan, 3.0, np.nan, 8.0]), np.array([0, 0, 0, 1, 1])
    assert standing_still(values, shots).tolist() == [1, 2, 3, 8, 8]
    pairs = np.array([[1.0, 2.0], [np.nan, 0.0], [3.0, 4.0]])
    assert standing_still(pairs, np.zeros(3, int)).tolist() == [[1, 2], [2, 3], [3, 4]]
    assert is_known(pairs).tolist() == [True, False, True]


# --- quality


def measured(identity=np.nan, **followed):
    """A row: `mouth=(correlation, gain)` and so on."""
    row = UNKNOWN | {"identity": identity}
    for part, (correlation, gain) in followed.items():
        row |= {f"{part}_correlation": correlation, f"{part}_gain": gain}
    return row


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (measured(1.0, mouth=(1, 1), eye=(1, 1), gaze=(1, 1)), 1),
        (measured(0.0, mouth=(1, 1), eye=(1, 1)), 0),  # dst, untouched
        (measured(1.0, mouth=(0, 0), eye=(-0.3, -0.1)), 0),  # a still face of src
        (measured(0.64, mouth=(0.9, 0.5), eye=(0.8, 2.0)), np.sqrt(0.64 * np.mean([0.45, 0.4]))),
        (measured(0.5), 0.5),  # dst's expression never changes
        (measured(mouth=(0.8, 0.5)), 0.4),  # src and dst are one person
        (measured(), np.nan),
    ],
)
def test_quality_needs_both_identity_and_expression(row, expected):
    assert quality.swap_quality(row) == pytest.approx(expected, nan_ok=True)


# --- when to stop


def rows(*qualities, minutes=5):
    """A log with these qualities."""
    return [
        UNKNOWN | {"swap_quality": value, "iteration": 100.0 * i, "seconds": 60.0 * minutes * i}
        for i, value in enumerate(qualities, 1)
    ]


@pytest.mark.parametrize(
    "text", ["0", "1.5", "nan", "stalled", "stalled:1", "stalled:x", "0.5,", "best"]
)
def test_a_rule_that_is_none_is_refused(text):
    with pytest.raises(UsageError, match=r"--stop-when: Expected .*stalled:N.* Received"):
        StopRule.parse(text)


def test_rules_are_read():
    assert StopRule.parse(None) == StopRule.parse("none") == StopRule()
    assert StopRule.parse("0.8, stalled:5") == StopRule(0.8, 5)


RISING = [0.05 * i for i in range(1, 15)]


@pytest.mark.parametrize(
    ("rule", "qualities", "stops"),
    [
        ("0.7", [0.2, 0.71, 0.3, 0.4], ""),  # a single peak
        ("0.7", [0.5, 0.71, 0.72], "has reached 0.71"),
        ("0.7", [0.9], "has reached 0.90"),
        ("0.7", [np.nan, np.nan], ""),
        ("stalled:3", RISING, ""),
        ("stalled:3", [0.0] * 20, ""),  # the mean face: it has not begun
        ("stalled:3", [*RISING, 0.7, 0.705, 0.7], ""),  # for three measurements only by medians
        ("stalled:3", [*RISING, 0.7, 0.705, 0.7, 0.7, 0.7], "has not risen for 3 measurements"),
        ("stalled:3", [*RISING, 0.6, 0.6, 0.6, 0.6], r"15 min\): best 0.65 at iteration 1,400"),
        ("stalled:4", [0.5, 0.5, *(0.5 + 0.004 * i for i in range(20))], ""),  # slow, but rising
        ("stalled:3", [0.5, 0.5], ""),
        (None, [0.5] * 50, ""),
    ],
)
def test_a_training_stops_when_it_should(rule, qualities, stops):
    reason = StopRule.parse(rule).reason(rows(*qualities))
    if stops:
        assert re.search(stops, reason)
    else:
        assert reason == ""


def test_noise_does_not_pass_for_progress():
    rng = np.random.default_rng(1)
    noisy = 0.6 + rng.normal(0, MARGIN / 2, 40)
    assert StopRule(None, 8).reason(rows(*noisy))


# --- progress.csv


OLD = (
    "iteration,seconds,ssim_src,ssim_dst,mask_overlap,to_src,to_dst\n100,60.5,0.1,0.2,0.3,0.9,0.4\n"
)


def test_the_log_of_an_earlier_build_goes_on_with_all_columns(tmp_path):
    path = tmp_path / "progress.csv"
    path.write_text(OLD + "200,0.3")  # the power went
    log = ValidationLog(path)
    assert log.rows[0]["ssim_dst"] == 0.2
    assert np.isnan(log.rows[0]["swap_quality"])
    assert len(log.rows) == 1
    log.add(measured(0.5, mouth=(1, 1)) | {"iteration": 300.0, "swap_quality": 0.7})
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert tuple(first)[:7] == tuple(OLD.splitlines()[0].split(","))
    assert tuple(first) == COLUMNS
    assert (first["to_dst"], first["mouth_gain"]) == ("0.4", "nan")
    assert (second["iteration"], second["swap_quality"]) == ("300", "0.7")
    assert [row["iteration"] for row in ValidationLog(path).until(1000)] == [100, 300]


def test_columns_of_a_later_build_are_kept(tmp_path):
    path = tmp_path / "progress.csv"
    path.write_text(",".join([*COLUMNS, "later"]) + "\n" + "1," * len(COLUMNS) + "7\n")
    ValidationLog(path).add(UNKNOWN | {"iteration": 2.0})
    with path.open(newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["later"], second["later"]) == ("7", "nan")


# --- in a training


def test_a_stalled_training_is_saved_and_a_restart_does_not_go_on(
    people, tmp_path, monkeypatch, capsys
):
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    monkeypatch.setattr(monitor, "VALIDATION_SHARE", 1.0)
    monkeypatch.setattr(swap, "FACES", 4)
    still = dict.fromkeys(quality.COLUMNS, np.nan) | {"swap_quality": 0.5}
    still |= {"to_src": 0.7, "to_dst": 0.6}
    monkeypatch.setattr(SwapMeasure, "metrics", lambda *_: still)
    settings = toy_settings(people, tmp_path / "model", batch_size=4, measure_minutes=1e-4)
    report = train.run(settings(target_iter=5000, stop_when="stalled:3"))
    assert 0 < report.counts["iterations"] < 5000
    assert "stopped because the swap quality has not risen for 3" in capsys.readouterr().out
    report = train.run(settings(target_iter=5000, stop_when="stalled:3"))
    assert report.counts["iterations"] == 0
    assert "swap quality, 0.50 of 1" in capsys.readouterr().out
    rows = ValidationLog(tmp_path / "model" / "progress.csv").rows
    assert {row["swap_quality"] for row in rows} == {0.5}


def test_a_wrong_rule_is_refused_before_anything_is_made(people, tmp_path, monkeypatch):
    monkeypatch.setitem(MODELS._entries, "TOY", ENTRY)
    with pytest.raises(UsageError, match="--stop-when"):
        train.run(toy_settings(people, tmp_path / "model", stop_when="soon")())
    assert not (tmp_path / "model").exists()

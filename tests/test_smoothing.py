"""Landmarks smoothed over time: less tremble, no lag, nothing real lost, the same when resumed."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import uniform_filter1d
from scipy.signal import savgol_filter
from support.synthetic import make_landmarks, open_mouth

from extractor.frames import Pending, _with_neighbors
from extractor.smoothing import Found, smoothed
from facelib import landmarks as lm
from facelib.smoothing import REACH, smooth_landmarks
from facelib.types import Face, Rect
from utils.parallel import Failure

NOISE = 0.0012
LENGTH = 60


def trembling(track, noise=NOISE, seed=0):
    scale = lm.inter_ocular(track[0]) * noise
    return (track + np.random.default_rng(seed).normal(0, scale, track.shape)).astype(np.float32)


def smoothed_track(track, noise=NOISE):
    return np.stack([smooth_landmarks(track, here, noise) for here in range(len(track))])


def of_poses(**ways):
    """(n, 68, 2) landmarks of a head whose yaw, pitch, ... go the given ways."""
    x, y = ways.pop("x", np.full(LENGTH, 300.0)), ways.pop("y", np.full(LENGTH, 200.0))
    return np.stack([
        make_landmarks(center=(x[t], y[t]), **{name: way[t] for name, way in ways.items()})
        for t in range(LENGTH)
    ])


T = np.arange(LENGTH)
MOVES = {
    "still": {},
    "pan": {"x": 100 + 3.0 * T},
    "shake": {"yaw": 25 * np.sin(T / 2.5)},
    "nod": {"pitch": 12 * np.sin(T / 2)},
    "tilt": {"roll": 20 * np.sin(T / 5)},
    "comes nearer": {"width": 90 * 1.01**T},
    "starts and stops": {"x": 200 + np.cumsum(np.where(T // 15 % 2, 4.0, 0.0))},
    "jumps": {"x": 200 + np.where(T // 12 % 2, 30.0, 0.0)},
    "falls": {"y": 100 + 0.1 * T**2},
}


def distance(one, other):
    """Root mean square distance in % of the eye distance, of all but the ends."""
    scale = np.array([lm.inter_ocular(points) for points in other])[:, None]
    away = np.linalg.norm(one - other, axis=-1) / scale
    return 100 * np.sqrt((away[REACH:-REACH] ** 2).mean())


@pytest.mark.parametrize("noise", [NOISE, 3 * NOISE])
@pytest.mark.parametrize("move", MOVES)
def test_no_movement_is_falsified(move, noise):
    truth = of_poses(**MOVES[move])
    track = trembling(truth, noise)
    assert distance(smoothed_track(track, noise), truth) < 1.02 * distance(track, truth)


@pytest.mark.parametrize("move", ["still", "pan", "comes nearer"])
def test_an_even_movement_trembles_less_than_half(move):
    truth = of_poses(**MOVES[move])
    track = trembling(truth)
    found = smoothed_track(track)
    assert distance(found, truth) < 0.45 * distance(track, truth)
    second = [np.diff(way - truth, 2, axis=0)[REACH:-REACH].std() for way in (track, found)]
    assert second[1] < 0.25 * second[0]


def test_nothing_lags():
    truth = of_poses(x=200 + 60 * np.sin(T / 8))
    track = trembling(truth)
    way, found = (each[:, 30, 0] - 200 for each in (truth, smoothed_track(track)))
    inside = slice(REACH, -REACH)
    shifts = {lag: np.abs(np.roll(way, lag) - found)[inside].mean() for lag in range(-2, 3)}
    assert min(shifts, key=shifts.get) == 0
    slope = np.gradient(way)[inside]
    lag = ((way - found)[inside] * slope).sum() / (slope**2).sum()
    assert abs(lag) < 0.02, "frames"


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_a_blink_and_a_word_stay_as_they_were(frames):
    truth = of_poses()
    closed, open_wide = truth.copy(), truth.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        closed[30 : 30 + frames, upper] = closed[30 : 30 + frames, lower]
    open_wide[30 : 30 + frames] = make_landmarks(center=(300, 200), head=open_mouth(0.5))
    for way, measure in ((closed, lm.eye_opening), (open_wide, lm.mouth_opening)):
        before = np.array([measure(points) for points in trembling(way)])
        after = np.array([measure(points) for points in smoothed_track(trembling(way))])
        assert np.abs(after - before).max() < 4 * NOISE
        assert np.ptp(way, axis=0).max() > 3, "it does move"


def test_straight_ways_give_the_mean_and_bent_ones_the_parabola():
    still, fall = of_poses(), of_poses(y=100 + 0.5 * T**2)
    coarse = 0.05  # far more than there is, so that no fit is doubted
    inside = slice(REACH, -REACH)
    track = trembling(still, 0.002)
    means = uniform_filter1d(track, 2 * REACH + 1, axis=0)
    np.testing.assert_allclose(smoothed_track(track, coarse)[inside], means[inside], atol=1e-3)
    track = trembling(fall, 0.0001)
    curves = savgol_filter(track, 2 * REACH + 1, 2, axis=0)
    np.testing.assert_allclose(smoothed_track(track, 0.0012)[inside], curves[inside], atol=1e-3)


def test_ends_are_left_as_they_are():
    track = trembling(of_poses())
    found = smoothed_track(track)
    for end in (0, 1, -2, -1):
        np.testing.assert_array_equal(found[end], track[end].astype(np.float32))
    assert np.isfinite(smoothed_track(np.zeros((20, 68, 2)))).all()


# ------------------------------------------------------------------------------------- the stream


def face(points):
    low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return Face(Rect(*low, *high), points.astype(np.float32), 0.9, 9.0)


def frame(index, faces, name=None):
    pending = Pending(np.zeros((2, 2, 3), np.uint8), index, name or f"{index}.png", Fraction(index))
    return Found(pending, pending.content, faces)


def stream(*tracks, order=None):
    """Frames with a face of each track, in the order given for each frame."""
    for t in range(LENGTH):
        faces = [face(track[t]) for track in tracks]
        yield frame(t, faces if order is None else [faces[i] for i in order(t)])


def points_of(results, which=0):
    return np.stack([result.faces[which].landmarks for result in results])


def test_faces_are_followed_whatever_their_order():
    one, other = (trembling(of_poses(x=np.full(LENGTH, x))) for x in (150.0, 450.0))
    results = list(smoothed(stream(one, other, order=lambda t: (t % 2, 1 - t % 2)), 1, NOISE))
    for t, result in enumerate(results):
        for track, place in ((one, t % 2), (other, 1 - t % 2)):
            found = result.faces[place].landmarks
            np.testing.assert_array_equal(found, smooth_landmarks(track, t, NOISE))


def test_what_is_smoothed_says_so():
    results = list(smoothed(stream(trembling(of_poses())), 1, NOISE))
    assert [result.faces[0].smoothed for result in results] == [2 <= t < LENGTH - 2 for t in T]


def test_irises_are_smoothed_like_landmarks_and_a_glance_stays():
    """A still head; both eyes look aside in frame 30 at once, and stay there."""
    track = trembling(of_poses())
    truth = np.repeat(of_poses()[:, [37, 44]], 1, axis=0)
    truth[30:] += np.float32([6, 0])
    scale = lm.inter_ocular(track[0]) * NOISE
    irises = truth + np.random.default_rng(1).normal(0, scale, truth.shape).astype(np.float32)
    frames = [
        frame(t, [replace(face(points), iris=iris)])
        for t, (points, iris) in enumerate(zip(track, irises, strict=True))
    ]
    results = list(smoothed(frames, 1, NOISE))
    np.testing.assert_allclose(points_of(results), points_of(smoothed(stream(track), 1, NOISE)))
    found = np.stack([result.faces[0].iris for result in results])
    assert found.dtype == np.float32
    calm = np.r_[REACH:26, 34 : LENGTH - REACH]
    assert np.std((found - truth)[calm]) < 0.5 * np.std((irises - truth)[calm])
    assert np.abs(found - irises)[[29, 30]].max() < 3 * scale


def test_without_irises_there_are_none_afterwards():
    results = smoothed(stream(trembling(of_poses())), 1, NOISE)
    assert all(result.faces[0].iris is None for result in results)


@pytest.mark.parametrize("gap", ["failure", "no face", "another place", "index"])
def test_a_gap_divides_a_track(gap):
    track = trembling(of_poses())
    frames = list(stream(track))
    if gap == "failure":
        frames[30] = Failure(frames[30].frame, ValueError("bad"))
    elif gap == "no face":
        frames[30] = frame(30, [])
    elif gap == "another place":
        frames[30] = frame(30, [face(track[30] + 500)])
    else:
        del frames[30]
    results = list(smoothed(frames, 1, NOISE))
    assert len(results) == len(frames)
    faces = {r.frame.index: r.faces[0] for r in results if isinstance(r, Found) and r.faces}
    before, after = track[:30], track[31:]
    for t in range(30):
        np.testing.assert_array_equal(faces[t].landmarks, smooth_landmarks(before, t, NOISE))
        if t < LENGTH - 31:
            np.testing.assert_array_equal(
                faces[31 + t].landmarks, smooth_landmarks(after, t, NOISE)
            )


def test_every_nth_frame_has_neighbors_too():
    track = trembling(of_poses())
    sparse = [frame(5 * t, found.faces) for t, found in enumerate(stream(track))]
    np.testing.assert_array_equal(points_of(smoothed(sparse, 5, NOISE)), smoothed_track(track))


@pytest.mark.parametrize("seed", range(8))
def test_a_run_that_is_continued_gives_what_one_run_gives(seed):
    rng = np.random.default_rng(seed)
    frames = list(stream(trembling(of_poses(**MOVES["starts and stops"]))))
    whole = points_of(smoothed(frames, 1, NOISE))
    missing = rng.random(LENGTH) < rng.choice([0.05, 0.3, 0.9])
    missing[rng.integers(LENGTH)] = True
    done = {f"{t}.png" for t in T if not missing[t]}
    pictures = {found.frame.name: found for found in frames}
    again = _with_neighbors(
        (found.frame for found in frames), lambda frame: frame.name in done, REACH
    )
    looked = [replace(pictures[each.name], frame=each) for each in again]
    assert len(looked) <= missing.sum() * (2 * REACH + 1)
    results = list(smoothed(looked, 1, NOISE))
    assert [result.frame.index for result in results] == np.flatnonzero(missing).tolist()
    np.testing.assert_array_equal(points_of(results), whole[missing])


def test_only_a_few_frames_are_held_back():
    taken = []
    source = (taken.append(found) or found for found in stream(of_poses()))
    for count, _ in enumerate(smoothed(source, 1, NOISE), 1):
        assert len(taken) <= count + REACH + 1
    assert list(smoothed([], 1, NOISE)) == []


def test_a_face_that_is_lost_does_not_follow_the_one_beside_it():
    """Two faces overlap by more than a third; one is found in a single frame only."""
    still = make_landmarks(center=(300, 200), width=100)
    other = still + np.float32([45, 0])

    def face(points):
        return Face(Rect(*points.min(axis=0), *points.max(axis=0)), points, 0.9)

    middle_index, results = REACH + 1, []
    for i in range(2 * middle_index):
        faces = [face(still), face(other)] if i == middle_index else [face(still)]
        results.append(Found(Pending(Path(f"{i}.png"), i, f"{i}.png", None), None, faces))
    middle = list(smoothed(results, 1, NOISE))[middle_index]
    np.testing.assert_array_equal(middle.faces[1].landmarks, other)
    assert middle.faces[0].smoothed
    assert not middle.faces[1].smoothed

"""The data loader: pairs of similar yaw, and batches whatever happens to the workers."""

import ctypes
import shutil
from collections import Counter

import numpy as np
import pytest

from facelib.geometry import pose
from facelib.types import FaceType
from trainer.data import loader
from trainer.data.loader import BatchLoader
from trainer.data.sampler import Pick, Sampler, SamplerSettings
from trainer.data.yaw_matching import NEAR, YawMatcher, yaws
from utils.errors import InputError

HALF_64 = SamplerSettings(FaceType.HALF, 64)


class Turned:
    """The record of a face that looks a given number of degrees to a side."""

    def __init__(self, info, degrees):
        self.face_type, self.landmarks, self.degrees = info.face_type, info.landmarks, degrees


@pytest.fixture
def turned(faceset, monkeypatch):
    """Makes a faceset of given yaws; only the angles are made up."""
    monkeypatch.setattr(
        "trainer.data.yaw_matching.yaws",
        lambda faces: np.array([info.degrees for _, info in faces]),
    )
    path, info = faceset[0]
    return lambda *yaws: [(path, Turned(info, degrees)) for degrees in yaws]


def pairs(src, dst, count=400, flip=True):
    """Return yaw as shown of the src and the dst face of each sample."""
    dst_sampler = Sampler(dst, HALF_64._replace(random_flip=flip), (1, 1))
    src_sampler = Sampler(src, HALF_64, (1, 0), picks=YawMatcher(src, dst_sampler, (1, 0)))
    shown = zip(src_sampler.shown(0, count), dst_sampler.shown(0, count), strict=True)
    return np.array([
        [faces[i][1].degrees * (-1 if flip else 1) for faces, (i, flip) in ((src, s), (dst, d))]
        for s, d in shown
    ])


@pytest.mark.parametrize("flip", [True, False])
def test_src_faces_look_where_dst_faces_look_mirrored_ones_included(turned, flip):
    src, dst = turned(*np.linspace(-60, 0, 241)), turned(*np.linspace(-50, 50, 41))
    both = pairs(src, dst, flip=flip)
    assert np.abs(both[:, 0] - both[:, 1]).max() <= NEAR
    assert both[:, 0].max() > 40  # no src face looks there unless mirrored
    assert len(np.unique(both[:, 0])) > 200


def test_a_direction_that_src_lacks_gets_the_nearest_faces_and_not_only_one(turned):
    src = turned(*np.linspace(-10, 10, 41))
    both = pairs(src, turned(70.0), flip=False)
    shown = Counter(both[:, 0])
    assert min(shown) >= 8
    assert len(shown) == 4  # each angle twice: one face as it is, one mirrored


def test_pairing_works_with_fewer_faces_than_it_would_like(turned):
    both = pairs(turned(5.0), turned(3.0, -30.0), count=20)
    assert set(np.abs(both[:, 0])) == {5.0}


def test_the_angle_is_that_of_the_face_and_a_face_that_is_none_looks_ahead(faceset):
    expected = [pose(info.landmarks).yaw for _, info in faceset]
    flat = Turned(faceset[0][1], 0)
    flat.landmarks = np.full((68, 2), 7.0)
    found = yaws([*faceset, (faceset[0][0], flat)])
    assert found == pytest.approx([*expected, 0.0], abs=0.01)


def test_mirrored_samples_are_mirror_images(faceset):
    sampler = Sampler(faceset, HALF_64, (1,), picks=lambda first, n: [Pick(0, flip=True)] * n)
    plain = Sampler(faceset, HALF_64, (1,), picks=lambda first, n: [Pick(0, flip=False)] * n)
    mirrored = sampler.batch(0, 16).target.mean(axis=0)[:, ::-1]
    error = np.abs(mirrored - plain.batch(0, 16).target.mean(axis=0)).mean()
    assert error < 0.5 * np.abs(mirrored[:, ::-1] - plain.batch(0, 16).target.mean(axis=0)).mean()


# --- what happens to workers


@pytest.fixture
def folder(faceset, tmp_path):
    return shutil.copytree(faceset.folder, tmp_path / "aligned")


def kill_workers(batches):
    """Make the workers end where they stand, as nothing in Python would by itself."""
    workers = list(batches._threads)
    for thread in workers:
        ctypes.pythonapi.PyThreadState_SetAsyncExc(
            ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)
        )
    for _ in workers:
        batches._queue.put(loader.BatchRequest(0))  # wakes up those that wait
    for thread in workers:
        thread.join(20)
        assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_workers_that_die_are_replaced_and_no_batch_is_lost(faceset, capsys):
    src, dst = (Sampler(faceset, HALF_64, (7, side)) for side in (0, 1))
    with BatchLoader(src, dst, 3) as calm:
        expected = [calm.next() for _ in range(12)]
    with BatchLoader(src, dst, 3) as batches:
        received = [batches.next() for _ in range(4)]
        kill_workers(batches)
        received += [batches.next() for _ in range(8)]
        assert all(thread.is_alive() for thread in batches._threads)
    assert "no samples lost" in capsys.readouterr().err
    for one, other in zip(expected, received, strict=True):
        assert (one[0].warped == other[0].warped).all()
        assert (one[1].target == other[1].target).all()


def test_a_batch_that_cannot_be_made_is_reported_and_the_next_one_taken(
    faceset, capsys, monkeypatch
):
    src, dst = (Sampler(faceset, HALF_64, (7, side)) for side in (0, 1))
    picks = src.picks
    broken = {2, 3}  # batches

    def stumble(first, count):
        if first // count in broken:
            raise np.linalg.LinAlgError("Singular matrix")
        return picks(first, count)

    monkeypatch.setattr(src, "picks", stumble)
    with BatchLoader(src, dst, 3) as batches:
        received = [batches.next() for _ in range(4)]
    assert capsys.readouterr().err.count("Singular matrix") == 2
    assert (received[2][0].warped == src.batch(4, 3).warped).all()
    broken.update(range(100))
    with BatchLoader(src, dst, 3) as batches, pytest.raises(InputError, match="in a row"):
        batches.next()


@pytest.mark.parametrize(
    ("cores", "has_gpu", "workers"), [(1, True, 2), (4, True, 3), (64, True, 8), (64, False, 2)]
)
def test_beside_a_gpu_the_cores_make_samples(monkeypatch, cores, has_gpu, workers):
    monkeypatch.setattr(loader, "cores", lambda: cores)
    assert loader.worker_count(has_gpu=has_gpu) == workers


def test_a_size_can_change_between_batches(faceset):
    src, dst = (Sampler(faceset, HALF_64, (7, side)) for side in (0, 1))
    with BatchLoader(src, dst, 4) as batches:
        assert len(batches.next()[0].mask) == 4
        batches.resize(2)
        assert len(batches.next()[0].mask) == 2


def test_waiting_for_a_slow_disk_is_told(faceset, capsys, monkeypatch):
    monkeypatch.setattr(loader, "POLL", 0.01)
    monkeypatch.setattr(loader, "PATIENCE", 0.05)
    src, dst = (Sampler(faceset, HALF_64, (7, side)) for side in (0, 1))
    with (
        src._lock,
        BatchLoader(src, dst, 4) as batches,
    ):  # nothing can be read while the lock is held
        waiting = loader.threading.Thread(target=batches.next, daemon=True)
        waiting.start()
        waiting.join(0.5)
        src._lock.release()
        waiting.join(20)
        src._lock.acquire()
    assert "is the disk" in capsys.readouterr().err

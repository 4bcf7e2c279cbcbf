"""What is in flight at the same time is limited by its pixels; suspects are processed alone."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from extractor import in_flight as module
from extractor.in_flight import InFlight, WorkerDiedError
from utils import parallel


@pytest.fixture(autouse=True)
def _room(monkeypatch):
    """Room for 100 pixels."""
    monkeypatch.setattr(module, "MOST_PIXELS", 100)
    monkeypatch.setattr(parallel, "cores", lambda: 2)


class Observer:
    """Works on things and notes what else is in flight."""

    def __init__(self, **arguments):
        self.in_flight = InFlight(self.tell, **arguments)
        self.lock, self.inside, self.seen, self.told = threading.Lock(), {}, [], []

    def tell(self, name, started):
        with self.lock:
            self.told.append((name, started))

    def work(self, item):
        name, pixels = item
        with self.in_flight.hold(name, pixels):
            with self.lock:
                self.inside[name] = pixels
                self.seen.append(dict(self.inside))
            time.sleep(0.002)
            with self.lock:
                del self.inside[name]

    def on(self, items):
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(self.work, items))
        return self.seen


def test_huge_pictures_wait_for_one_another_and_none_waits_for_ever():
    sizes = np.random.default_rng(0).choice([1, 30, 60, 100, 5000], 80).tolist()
    seen = Observer().on([(str(number), size) for number, size in enumerate(sizes)])
    assert len(seen) == 80
    for inside in seen:
        assert sum(min(100, size) for size in inside.values()) <= 100


def test_ordinary_pictures_do_not_wait():
    in_flight, meeting = InFlight(), threading.Barrier(6, timeout=20)

    def work(name):
        with in_flight.hold(name, 16):
            meeting.wait()  # each for all the others

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(work, "abcdef"))


def test_a_suspect_is_worked_on_alone():
    seen = Observer(suspects={"7", "8", "30"}).on([(str(number), 1) for number in range(40)])
    assert {name for inside in seen if len(inside) == 1 for name in inside} >= {"7", "8", "30"}
    assert not any({"7", "8", "30"} & set(inside) for inside in seen if len(inside) > 1)
    assert any(len(inside) > 1 for inside in seen)


def test_what_is_taken_and_finished_is_told_also_when_it_fails():
    observer = Observer(left_out={"b": "it killed two"})
    observer.work(("a", 1))
    with pytest.raises(WorkerDiedError, match="it killed two"):
        observer.work(("b", 1))
    with pytest.raises(ZeroDivisionError), observer.in_flight.hold("c"):
        raise ZeroDivisionError
    assert observer.told == [("a", True), ("a", False), ("c", True), ("c", False)]
    observer.work(("d", 5000))  # all the room is free again


def test_pictures_are_kept_as_long_as_there_is_room():
    in_flight = InFlight()
    kept = [in_flight.keep(np.zeros((4, 5, 3), np.uint8)) for _ in range(5)]
    assert [image is not None for image in kept] == [True, True, True, False, False]
    kept.clear()
    assert in_flight.keep(np.zeros((5, 5, 3), np.uint8)) is not None
    assert in_flight.keep(np.zeros((5, 6, 3), np.uint8)) is None, "a huge one never is"


@pytest.mark.parametrize(("pixels", "ahead"), [(1, 8), (12, 8), (20, 5), (70, 1), (900, 1)])
def test_fewer_frames_of_a_video_wait_when_they_are_large(pixels, ahead):
    assert InFlight().ahead(8, pixels) == ahead

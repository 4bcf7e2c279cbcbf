"""utils.parallel: order, back-pressure, failures, errors, leaving early, Ctrl-C."""

import os
import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from utils import parallel
from utils.errors import InputError, UserError
from utils.parallel import Failure, cores, ordered_map


def test_results_come_in_the_order_of_the_items():
    delays = random.Random(0)
    waits = [delays.random() / 100 for _ in range(60)]

    def work(index):
        time.sleep(waits[index])
        return index * index

    assert list(ordered_map(work, range(60), workers=7)) == [i * i for i in range(60)]


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_nothing_in_gives_nothing_out(workers):
    assert list(ordered_map(abs, [], workers=workers)) == []


def test_items_are_worked_on_at_the_same_time():
    # each waits for the other two: with fewer than three at once none would get through
    meeting = threading.Barrier(3, timeout=20)
    assert len(list(ordered_map(lambda _: meeting.wait(), range(3), workers=3))) == 3


@pytest.mark.parametrize("ahead", [1, 2, 5, 16])
def test_items_are_read_at_most_ahead_of_the_results(ahead):
    read = 0

    def items():
        nonlocal read
        for index in range(40):
            read += 1
            yield index

    results = ordered_map(lambda item: item, items(), workers=3, ahead=ahead)
    assert read == 0
    for given, result in enumerate(results):
        assert result == given
        assert read <= given + ahead
    assert read == 40


def test_items_may_be_endless():
    def endless():
        while True:
            yield 1

    results = ordered_map(lambda item: item + 1, endless(), workers=2)
    assert [next(results) for _ in range(5)] == [2] * 5
    results.close()


def test_a_failure_costs_one_item():
    def work(item):
        if item % 3 == 0:
            raise InputError(f"item {item} is bad")
        return item

    results = list(ordered_map(work, range(10), workers=4))
    assert [r for r in results if not isinstance(r, Failure)] == [1, 2, 4, 5, 7, 8]
    failures = {r.item: str(r.error) for r in results if isinstance(r, Failure)}
    assert failures == {item: f"item {item} is bad" for item in (0, 3, 6, 9)}
    assert isinstance(results[3], Failure)


def test_other_kinds_of_exception_can_be_caught():
    results = list(ordered_map(lambda item: 1 // item, [1, 0], workers=2, catch=ZeroDivisionError))
    assert results[0] == 1
    assert isinstance(results[1].error, ZeroDivisionError)


def test_an_unexpected_error_is_raised_at_its_turn():
    def work(item):
        if item == 3:
            raise KeyError("boom")
        return item

    results = ordered_map(work, range(100), workers=4)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(KeyError, match="boom"):
        next(results)
    assert list(results) == []


@pytest.mark.parametrize("kind", [UserError, RuntimeError])
def test_when_reading_items_fails_what_was_read_comes_first(kind):
    def items():
        yield from range(5)
        raise kind("the source broke off")

    results = ordered_map(lambda item: item, items(), workers=2)
    assert [next(results) for _ in range(5)] == list(range(5))
    with pytest.raises(kind, match="broke off"):
        next(results)


def test_leaving_early_drops_what_waits_and_finishes_what_runs():
    started, finished = [], []

    def work(item):
        started.append(item)
        time.sleep(0.01)
        finished.append(item)

    before = threading.active_count()
    for _ in ordered_map(work, range(1000), workers=2, ahead=50):
        break
    assert threading.active_count() == before
    assert sorted(started) == sorted(finished)
    assert len(started) < 10


def test_a_worker_that_hangs_is_left_behind(monkeypatch):
    monkeypatch.setattr(parallel, "PATIENCE", 0.05)
    never = threading.Event()
    results = ordered_map(lambda item: item or never.wait(), [1, 0, 0], workers=2)
    assert next(results) == 1
    results.close()  # would wait for ever
    never.set()


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"workers": 2, "ahead": 0}])
def test_numbers_that_make_no_sense_are_refused(numbers):
    with pytest.raises(ValueError, match="at least 1"):
        next(ordered_map(abs, [1], **numbers))


def test_cores_are_those_this_process_may_use():
    assert 1 <= cores() <= (os.cpu_count() or 1)
    if hasattr(os, "sched_setaffinity"):
        allowed = os.sched_getaffinity(0)
        try:
            os.sched_setaffinity(0, {min(allowed)})
            assert cores() == 1
        finally:
            os.sched_setaffinity(0, allowed)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGINT between processes")
@pytest.mark.parametrize("body", ["time.sleep(0.01)", "hang.wait()"])
def test_ctrl_c_leaves(body):
    """Whether items are done quickly or one hangs for ever: the program ends."""
    program = f"""
import threading, time
from utils import parallel
parallel.PATIENCE = 0.2
hang = threading.Event()
def work(item):
    if item == 20:
        print("ready", flush=True)
    if item >= 20:
        {body}
    return item
def endless():
    item = 0
    while True:
        yield item
        item += 1
for _ in parallel.ordered_map(work, endless(), workers=3):
    pass
"""
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)  # a guard: a hang would last for ever
    assert process.returncode in (-signal.SIGINT, 130, 1)
    assert "KeyboardInterrupt" in errors

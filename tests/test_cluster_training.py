"""Members of a cluster, as processes: they train what one process would, whatever happens."""

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import psutil
import pytest
from support.training import make_people

from models import model_folder
from models.engine.step import TrainStep
from trainer.cluster.local import free

PROGRAM = Path(__file__).parent / "support" / "cluster_member.py"
PATIENCE = 300  # seconds, for a machine with much else to do
LOST = 30  # seconds in which the others must have ended
USUAL = {
    "model": "TOY", "batch-size": 4, "seed": 5, "preview-minutes": 0, "measure-minutes": 0,
}  # fmt: skip
EVERYTHING = {
    "model": "JUDGED", "gan-power": 0.3, "true-face-power": 0.2, "average-weights": 0.9,
    "accumulate": 2, "clip-gradients": 0.05, "lr-dropout": 0.3, "cool-down": 0.5, "warp-off": 0.2,
    "grow-batch": 8, "swap-sides": 7, "target-iter": 20,
}  # fmt: skip

engines = pytest.mark.parametrize(
    "engine",
    [
        "tensorflow",
        pytest.param(
            "torch",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("torch") is None, reason="needs PyTorch"
            ),
        ),
    ],
)


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return make_people(tmp_path_factory.mktemp("people"), 24)


@pytest.fixture
def start(people, tmp_path):
    """Starts `train` in another process, of which `output` has what it printed."""
    running = []

    def begin(name, *flags, engine="tensorflow", faults="-", **options):
        values = USUAL | {key.replace("_", "-"): value for key, value in options.items()}
        words = [f"--{key}={value}" for key, value in values.items()]
        sides = [f"--training-data-{side}-dir={people / side}" for side in ("src", "dst")]
        output = tmp_path / f"{name}.txt"
        with output.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, PROGRAM, faults, "train", *words, *sides, *flags, "--no-preview"],
                stdout=file,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env=os.environ | {"KERAS_BACKEND": engine, "OMP_NUM_THREADS": "1"},
                cwd=tmp_path,
            )
        process.output = output
        running.append(process)
        return process

    yield begin
    for process in running:
        process.kill()
        process.wait()


def both(start, folder, addresses=None, faults=("-", "-"), **options):
    """Start two members."""
    cluster = ",".join(map(str, addresses or free(2)))
    return [
        start(f"rank{rank}", f"--cluster={cluster}", f"--rank={rank}", faults=faults[rank],
              model_dir=folder if rank == 0 else folder.parent / "unused", **options)
        for rank in range(2)
    ]  # fmt: skip


def said(process):
    return process.output.read_text("utf-8", "replace")


def ends(process, status=0, seconds=PATIENCE):
    """Wait for the end of a process; what it printed."""
    process.wait(seconds)
    assert process.returncode == status, said(process)
    return said(process)


def until(process, text):
    """Wait until a process prints something."""
    deadline = time.monotonic() + PATIENCE
    while text not in said(process):
        assert process.poll() is None, said(process)
        assert time.monotonic() < deadline, said(process)
        time.sleep(0.2)


def saved(folder):
    """The arrays of the newest generation, by file and name."""
    newest = max((folder / "generations").iterdir())
    arrays = {"losses": np.load(newest / "history.npy")}
    for name in ("weights", "optimizer"):
        arrays |= {f"{name}/{key}": value for key, value in np.load(newest / f"{name}.npz").items()}
    return arrays


def assert_close(one, other):
    assert one.keys() == other.keys()
    np.testing.assert_allclose(one["losses"], other["losses"], atol=2e-6)
    for name, array in one.items():
        np.testing.assert_allclose(array, other[name], atol=2e-6, err_msg=name)


@pytest.mark.slow
@engines
def test_two_members_train_what_one_process_does(start, tmp_path, engine):
    members = both(start, tmp_path / "two", engine=engine, **EVERYTHING)
    one = start("one", model_dir=tmp_path / "one", engine=engine, **EVERYTHING)
    for process in [one, *members]:
        ends(process)
    assert len(saved(tmp_path / "one")["losses"]) == 20
    assert_close(saved(tmp_path / "one"), saved(tmp_path / "two"))
    assert not (tmp_path / "unused").exists()
    assert len({re.findall(r"checksum (\d+)", said(each))[0] for each in members}) == 1


@pytest.mark.slow
@engines
def test_a_lost_member_stops_the_others_and_training_goes_on(start, tmp_path, engine):
    folder, addresses = tmp_path / "model", free(2)
    for iteration, lost in enumerate((1, 0)):
        members = both(start, folder, addresses, engine=engine, learning_rate=1e-5, save_minutes=60)
        for process in members:
            until(process, "samples/s")
        listening = [
            found.laddr
            for process in members
            for found in psutil.Process(process.pid).net_connections()
            if found.status == psutil.CONN_LISTEN
        ]
        assert not listening  # only while members are awaited
        begun = time.monotonic()
        members[lost].kill()
        message = ends(members[1 - lost], 1, LOST)
        assert time.monotonic() - begun < LOST
        assert f"rank {lost} ({addresses[lost]}) is lost" in message
        assert "Traceback" not in message
        if lost:
            state = model_folder.newest_state(folder)
            assert state["iteration"] == int(re.findall(r"saved iteration (\d+)", message)[0]) > 1
        else:
            assert iteration


@pytest.mark.slow
@engines
def test_too_little_memory_and_broken_weights_are_mended_for_all(start, tmp_path, engine):
    folder = tmp_path / "model"
    # the second step is the first that has room
    members = both(start, folder, faults=("nan", "memory"), engine=engine, batch_size=8,
                   target_iter=16, save_minutes=0.001)  # fmt: skip
    lead, other = map(ends, members)
    assert "not enough memory for a batch size of 8; continuing with 4" in lead
    assert "not enough memory here" in other
    assert "went back to iteration" in lead
    assert model_folder.newest_state(folder)["iteration"] == 16
    assert all(np.isfinite(array).all() for array in saved(folder).values())
    assert re.findall(r"checksum (\d+)", lead) == re.findall(r"checksum (\d+)", other)
    newest = max((folder / "generations").iterdir())
    assert json.loads((newest / "options.json").read_text())["batch_size"] == 4


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_ctrl_c_stops_all(start, tmp_path, rank):
    folder = tmp_path / "model"
    members = both(start, folder, save_minutes=60)
    for process in members:
        until(process, "samples/s")
    members[rank].send_signal(signal.SIGINT)
    assert "saved" in ends(members[0], 1 if rank else 130)
    assert "model" in ends(members[1], 130)
    assert model_folder.newest_state(folder)["iteration"] > 1


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="needs PyTorch")
def test_a_process_for_each_gpu_trains_what_one_process_does(start, tmp_path):
    options = EVERYTHING | {"engine": "torch"}
    several = start("two", "--multi-gpu", faults="gpus", model_dir=tmp_path / "two", **options)
    one = start("one", model_dir=tmp_path / "one", **options)
    until(several, "samples/s")
    children = psutil.Process(several.pid).children(recursive=True)
    assert children
    for process in (psutil.Process(several.pid), *children):
        places = {c.laddr.ip for c in process.net_connections() if c.status == psutil.CONN_LISTEN}
        assert places <= {"127.0.0.1"}
    ends(several)
    ends(one)
    assert_close(saved(tmp_path / "one"), saved(tmp_path / "two"))
    assert not any(child.is_running() for child in children)
    several = start("two", "--multi-gpu", faults="gpus", model_dir=tmp_path / "two2",
                    engine="torch", save_minutes=60)  # fmt: skip
    until(several, "samples/s")
    children = psutil.Process(several.pid).children(recursive=True)
    several.kill()
    _, alive = psutil.wait_procs(children, LOST)
    assert children
    assert not alive


def test_members_draw_what_the_parts_of_a_batch_draw():
    """One process that accumulates two parts draws for them, one after the other."""

    def seed(members, accumulate):
        state = keras.Variable(np.array([9, 0], np.uint32), dtype="uint32", trainable=False)
        step = SimpleNamespace(
            model=SimpleNamespace(draws=[state]),
            optimizer=SimpleNamespace(steps=np.int64(3)),
            members=members,
            accumulate=accumulate,
        )
        step.optimizer.steps = SimpleNamespace(numpy=lambda: np.int64(3))
        TrainStep._seed_draws(step)
        return state.numpy().tolist()

    assert seed(None, 2) == [9, 6]
    assert [seed(SimpleNamespace(rank=rank, count=2), 1) for rank in (0, 1)] == [[9, 6], [9, 7]]
    assert seed(SimpleNamespace(rank=1, count=2), 3) == [9, 21]

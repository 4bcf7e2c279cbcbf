"""The queue: order, dependencies, retries, stopping, and that it survives kills."""

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import psutil
import pytest

import main
from utils.errors import InputError, UsageError
from utils.workspace import Workspace
from workbench import devices, progress, runner
from workbench.job import JobState, born, is_alive
from workbench.jobs import JobQueue

ROOT = Path(__file__).parent.parent
DONE, FAILS, ENDLESS = (["sort", "src", "--by", by] for by in ("blur", "black", "hist"))


@pytest.fixture(autouse=True)
def gpu(monkeypatch):
    """A machine with a GPU; the runners of `support.fake_stage` have one, too."""
    monkeypatch.setattr(devices, "has_gpu", lambda: True)


@pytest.fixture
def queue(tmp_path):
    folder = tmp_path / "work space"
    (folder / "data_src" / "aligned").mkdir(parents=True)
    return JobQueue(Workspace(folder))


@pytest.fixture
def run(queue):
    """Starts a runner; whatever still runs at the end is killed."""
    started = []

    def start(*words):
        command = [sys.executable, "-m", "support.fake_stage", "queue", "run", *words]
        process = subprocess.Popen(
            [*command, "--workspace", str(queue.home.folder)],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'tests'}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield start
    left = [job.pid for job in queue.jobs() if is_alive(job.pid, job.born)]
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def states(queue):
    return [job.state for job in queue.jobs()]


def wait_until(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def wait_running(queue, number):
    """Wait until a job has begun; returns its process id."""
    wait_until(lambda: queue.log(number).exists() and "begins" in queue.log(number).read_text())
    wait_until(lambda: queue.job(number).pid is not None)
    return queue.job(number).pid


def go(queue):
    (queue.home.folder / "go").touch()


# --------------------------------------------------------------------- at the command line


def test_the_queue_at_the_command_line(queue, capsys, run):
    def do(*words):
        status = main.main(["queue", *words[:1], "--workspace", str(queue.home.folder), *words[1:]])
        printed = capsys.readouterr()
        return status, printed.out + printed.err

    assert do("list")[1].startswith("the queue is empty")
    assert do("add", "--", *FAILS)[0] == 0
    assert do("add", "--after", "1", "--", *DONE)[0] == 0
    assert do("add", "--", *DONE)[1].startswith("job 3: sort src --by blur\n")
    said = run().communicate()[0]
    assert said.index("job 1") < said.index("job 3")
    assert "\n1 job failed, 1 job done\nfailed: job 1 is failed; what it printed is in" in said
    assert "but not everything worked" in said
    assert do("list")[1].splitlines() == [
        "   1  failed       sort src --by black  (exit status 1)",
        "   2  waiting      sort src --by blur  (after 1: failed)",
        "   3  done         sort src --by blur",
    ]
    assert do("cancel", "2") == (0, "job 2: canceled\n")
    assert do("cancel", "2")[0] == 2
    assert "no job can run" in run().communicate()[0]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "Expected one of status"),
        (["queue", "run"], "Expected one of status"),
        (["workbench"], "Expected one of status"),
        (["sort", "src", "--by", "sharpness"], "did you mean blur?"),
        (["sort"], "src or dst?"),
        (["sort", "--help"], 'run "sort --help" in a terminal'),
    ],
)
def test_what_makes_no_sense_is_not_added(queue, words, said):
    with pytest.raises(UsageError) as problem:
        queue.add(words)
    assert said in str(problem.value)
    assert queue.jobs() == []


def test_a_job_waits_only_for_jobs_that_exist(queue):
    with pytest.raises(UsageError, match="there is no job 1"):
        queue.add(DONE, after=[1])
    for wrong in (queue.job, queue.cancel, queue.retry):
        with pytest.raises(UsageError, match="there is no job 1"):
            wrong(1)


@pytest.mark.parametrize(
    ("words", "device"),
    [
        ("sort src", "default"),
        ("extract src", "default"),
        ("extract src --cpu-only", "cpu"),
        ("train --force-gpu-idx 1", "gpu1"),
        ("train --force-gpu-idx 0", "default"),  # the one that is taken without the flag
        ("train --multi-gpu", "gpus"),
    ],
)
def test_a_job_belongs_to_the_device_that_it_asks_for(queue, words, device, monkeypatch):
    number = queue.add(words.split())
    assert queue.job(number).device == device
    monkeypatch.setattr(devices, "has_gpu", lambda: False)  # all compute on the processor
    assert queue.job(number).device == "default"


@pytest.mark.parametrize("name", ["../x", "gpu", "gpu01", "gpu-1", "GPU1", ""])
def test_a_device_has_one_of_the_known_names(queue, name):
    with pytest.raises(UsageError, match="Expected default, cpu, gpus or gpu1"):
        runner.run_jobs(queue, name, resume=True)


def test_jobs_that_need_the_same_gpu_do_not_run_at_once(queue, run):
    """--multi-gpu takes those that other jobs ask for by their number."""
    queue.add(ENDLESS)
    train = ["extract", "src", "--min-face-size", "33"]
    queue.add([*train, "--multi-gpu"])
    queue.add([*train, "--cpu-only"])
    first = run()
    wait_running(queue, 1)
    assert run("--device", "cpu").wait() == 0
    assert states(queue) == ["running", "waiting", "done"]
    all_gpus = run("--device", "gpus")
    wait_until(lambda: queue.runner_lives("gpus"))
    assert queue.claim("gpus") is None
    assert states(queue) == ["running", "waiting", "done"]
    go(queue)
    assert first.wait(20) == all_gpus.wait(20) == 0
    assert states(queue) == ["done", "done", "done"]
    assert queue.job(2).started >= queue.job(1).ended


# --------------------------------------------------------------------- order


def order(queue):
    return [job.number for job in queue.jobs() if job.state == JobState.WAITING]


def test_waiting_jobs_can_change_places(queue, capsys, run):
    for _ in range(5):
        queue.add(DONE)
    queue.cancel(3)
    folder = str(queue.home.folder)
    assert main.main(["queue", "move", "5", "--before", "2", "--workspace", folder]) == 0
    assert capsys.readouterr().out == "order of the jobs that wait: 1, 5, 2, 4\n"
    assert main.main(["queue", "move", "1", "--workspace", folder]) == 0
    assert order(queue) == [5, 2, 4, 1]
    queue.move(4, 4)
    assert order(queue) == [5, 2, 4, 1]
    assert queue.add(DONE) == 6
    assert order(queue) == [5, 2, 4, 1, 6]
    assert run().wait() == 0
    began = sorted((job for job in queue.jobs() if job.started), key=lambda job: job.started)
    assert [job.number for job in began] == [5, 2, 4, 1, 6]
    assert main.main(["queue", "retry", "2", "3", "--workspace", folder]) == 0
    assert order(queue) == [2, 3]


def test_a_job_comes_after_those_that_it_waits_for(queue):
    queue.add(DONE)
    queue.add(DONE)
    queue.add(DONE, after=[2])
    for number, before in ((3, 2), (3, 1), (2, None)):
        with pytest.raises(UsageError, match="job 3 waits for job 2 and cannot come before it"):
            queue.move(number, before)
    assert order(queue) == [1, 2, 3]
    queue.move(1, None)
    assert order(queue) == [2, 3, 1]
    assert queue.claim("default").number == 2
    for number, before in ((2, 1), (1, 2), (1, 9)):
        with pytest.raises(UsageError, match="does not wait; only waiting jobs have an order"):
            queue.move(number, before)


def test_a_queue_of_an_earlier_version_is_read(queue):
    queue.add(DONE)
    with closing(sqlite3.connect(queue.folder / "jobs.sqlite")) as database, database:
        database.execute("DROP TABLE places")
        database.execute("UPDATE jobs SET device = 'gpu0'")
    assert queue.job(1).device == "default"
    assert queue.claim("default").number == 1


# --------------------------------------------------------------------- running


def test_jobs_run_when_those_before_them_are_done(queue, run):
    queue.add(DONE)
    queue.add(DONE, after=[1])
    queue.add(DONE, after=[1, 2])
    queue.add(["sort", "src", "--by", "hue"], after=[3], retries=5)  # wrong use: not again
    assert run().wait() == 1
    assert states(queue) == ["done", "done", "done", "failed"]
    assert [job.attempts for job in queue.jobs()] == [1, 1, 1, 1]
    ended = [job.ended for job in queue.jobs()]
    assert ended == sorted(ended)
    folder = str(queue.home.folder)
    assert f"begins sort src --by blur --workspace {folder}" in queue.log(2).read_text()


def test_a_job_that_fails_is_run_again_as_often_as_was_said(queue, run):
    queue.add(FAILS, retries=2)
    run().wait()
    (job,) = queue.jobs()
    assert (job.state, job.attempts, job.status) == ("failed", 3, 1)
    assert queue.log(1).read_text().count("begins") == 3


def test_a_running_job_can_be_canceled_and_the_next_one_runs(queue, run):
    queue.add(ENDLESS)
    queue.add(DONE)
    process = run()
    wait_running(queue, 1)
    assert runner.cancel(queue, 1).state == JobState.STOPPING
    assert process.wait(20) == 0
    assert states(queue) == ["canceled", "done"]
    assert "stopped" in queue.log(1).read_text()
    assert queue.retry(1).state == JobState.WAITING


@pytest.mark.parametrize("request_", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_stops_the_job_which_is_continued_the_next_time(queue, run, request_):
    queue.add(ENDLESS)
    queue.add(DONE, after=[1])
    process = run()
    wait_running(queue, 1)
    process.send_signal(request_)
    assert process.wait(20) == 130
    assert states(queue) == ["interrupted", "waiting"]
    assert run("--no-resume").wait() == 0
    assert states(queue) == ["interrupted", "waiting"]
    go(queue)
    assert run().wait() == 0
    assert states(queue) == ["done", "done"]


def test_one_process_runs_the_jobs_of_a_device_and_another_those_of_another(queue, run):
    queue.add(ENDLESS)
    first = run()
    wait_running(queue, 1)
    second = run()
    assert "another process runs the jobs of the device default" in second.communicate()[0]
    assert second.returncode == 1
    assert run("--device", "gpu1").wait() == 0
    go(queue)
    assert first.wait(20) == 0


def test_many_processes_may_add_at_once(queue):
    numbers = []

    def add():
        for _ in range(5):
            numbers.append(queue.add(DONE))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(numbers) == [job.number for job in queue.jobs()] == list(range(1, 21))
    claimed = []
    while job := queue.claim("default"):
        assert queue.claim("default") is None  # one at a time
        queue.finish(job, 0)
        claimed.append(job.number)
    assert claimed == sorted(numbers)


# --------------------------------------------------------------------- kills


def test_a_job_outlives_its_runner_and_its_end_is_known(queue, run):
    queue.add(ENDLESS)
    queue.add(DONE)
    process = run()
    wait_running(queue, 1)
    process.kill()
    process.wait()
    assert states(queue) == ["running", "waiting"]
    second = run()  # waits for the one that runs
    wait_until(lambda: queue.runner_lives("default"))
    assert states(queue) == ["running", "waiting"]
    go(queue)
    assert second.wait(20) == 0
    assert states(queue) == ["done", "done"]
    assert queue.job(1).attempts == 1


def test_a_killed_job_of_a_killed_runner_is_interrupted_and_can_be_continued(queue, run):
    queue.add(ENDLESS)
    process = run()
    pid = wait_running(queue, 1)
    process.kill()
    process.wait()
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not psutil.pid_exists(pid) or not is_alive(pid, born(pid)))
    assert states(queue) == ["interrupted"]
    go(queue)
    assert run().wait() == 0
    assert states(queue) == ["done"]
    assert queue.job(1).attempts == 1  # since it was continued


def test_a_killed_job_is_interrupted_and_the_next_one_runs(queue, run):
    queue.add(ENDLESS)
    queue.add(DONE)
    process = run()
    os.kill(wait_running(queue, 1), signal.SIGKILL)
    assert process.wait(20) == 1
    assert states(queue) == ["interrupted", "done"]


def test_a_process_id_that_another_process_has_got_is_not_the_job():
    mine = os.getpid()
    assert is_alive(mine, born(mine))
    assert not is_alive(mine, born(mine) - 100)
    assert not is_alive(None, None)


# --------------------------------------------------------------------- files


def test_a_damaged_queue_is_one_sentence(queue):
    queue.folder.mkdir()
    (queue.folder / "jobs.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(InputError, match=r"cannot be used .* move it away"):
        queue.jobs()


def test_a_queue_elsewhere_is_refused(queue, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    queue.folder.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link"):
        queue.add(DONE)


def test_a_log_is_read_from_where_it_was_read_before(tmp_path):
    log = tmp_path / "1.log"
    assert progress.tail(log) == ([], 0)
    log.write_bytes(b'plain text\n{"event": "progress", "item": 1}\n{"a": 1}\nhalf')
    events, offset = progress.tail(log)
    assert [event["event"] for event in events] == ["message", "progress", "message"]
    assert events[0]["text"] == "plain text"
    assert progress.tail(log, offset) == ([], offset)
    with log.open("ab") as file:
        file.write(b' a line\n{"event": "end", "status": 1}\n')
    assert progress.tail(log, offset)[0][0]["text"] == "half a line"
    assert progress.ended_with(log) == 1
    log.write_bytes(b"x" * 100 + b"\n" + b"y" * (progress.TAIL - 3) + b"\nz\n")
    assert [event["text"] for event in progress.tail(log)[0]] == ["z"]
    log.write_bytes(b"new\n")  # begun again
    assert progress.tail(log, 500)[0][0]["text"] == "new"

"""Parts are handed to workers, a few at a time; what a lost one had in work is done again."""

import os
import secrets
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from support.synthetic import make_video

from extractor.options import ExtractOptions
from utils import options, ray_workers, spreading
from utils.errors import UsageError, UserError
from utils.shares import Split
from utils.spreading import Lost, PartEnded, Progress, Spread, parts_for

ROOT = Path(__file__).parent.parent
MAIN = str(ROOT / "main.py")


class Machines:
    """Workers whose commands do what a table says: part -> what happens each time it is begun."""

    def __init__(self, folder, *names, happens=None):
        self.names, self.folder = list(names), folder
        self.happens = happens or {}
        self.begun, self.running, self.most = [], {}, 0

    def idle(self):
        return {name: name for name in self.names if name not in self.running}

    def start(self, worker, words):
        assert words[0] == "extract"
        part = next(word for word in words if word.startswith("--part=")).removeprefix("--part=")
        self.begun.append(part)
        plan = self.happens.get(part, [])
        self.running[worker] = part, (plan.pop(0) if plan else "done")
        self.most = max(self.most, len(self.running))

    def happened(self, seconds):
        for worker, (part, plan) in list(self.running.items()):
            if isinstance(plan, list):
                self.running[worker] = part, plan[1]
                yield Progress(worker, plan[0])
                continue
            del self.running[worker]
            if plan == "lost for good":
                self.names.remove(worker)
            if plan.startswith("lost"):
                yield Lost(worker, "its machine is gone")
                continue
            if plan == "done":
                number, of = part.split("/")
                self.folder.mkdir(exist_ok=True)
                record = self.folder / f"part_{number}_of_{of}.json"
                record.write_text('{"version": 1, "run": {}, "report": {}}')
            yield PartEnded(worker, 0 if plan == "done" else int(plan), "it is too dark")


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setattr(spreading, "LEAST", 10)
    monkeypatch.setattr(spreading, "ALONE", 3)

    def begin(*names, count=100, **happens):
        given = ExtractOptions(
            input_dir=tmp_path / "clip", output_dir=tmp_path / "out", ray="local"
        )
        split = Split(tmp_path / "out")
        machines = Machines(split.folder, *names, happens=happens.get("happens"))
        return machines, Spread("extract", given, split, range(count), machines)

    return begin


def test_more_parts_than_workers_but_none_is_short():
    assert parts_for(100_000, 3) == 12
    assert parts_for(6_700, 2) == 3
    assert parts_for(3_900, 2) == 2
    assert parts_for(3, 8) == 3
    assert parts_for(100_000, 0) == 1


def test_each_part_is_done_once_and_each_worker_has_one_at_a_time(run):
    machines, spread = run("one", "two")
    spread.run()
    assert machines.begun == [f"{number}/8" for number in range(1, 9)]
    assert machines.most == 2


def test_what_a_lost_worker_had_goes_to_another_one(run, capsys):
    machines, spread = run("one", "two", happens={"1/8": [[5, "lost for good"]], "4/8": ["-9"]})
    spread.run()
    assert sorted(machines.begun) == sorted([*(f"{n}/8" for n in range(1, 9)), "1/8", "4/8"])
    said = capsys.readouterr().err
    assert "part 1/8 was lost on one (its machine is gone); it is begun again" in said
    assert "part 4/8 was lost on two (it was killed)" in said


def test_what_is_finished_is_not_done_again_and_the_division_stays(run):
    _, spread = run("one")
    spread.run()
    (spread.split.folder / "part_2_of_4.json").unlink()
    machines, spread = run("one", "two", "three")
    spread.run()
    assert machines.begun == ["2/4"]


@pytest.mark.parametrize(
    ("plan", "names", "said"),
    [
        (["1", "1"], ["one"], "part 2/4 failed on one: it is too dark; finished parts are kept"),
        (["2"], ["one"], "part 2/4 failed on one: it is too dark"),
        (["lost"] * 3, ["one"], "part 2/4 failed on one: its machine is gone"),
        (["lost for good"], ["one"], "no worker of the cluster is left; what is finished is kept"),
    ],
)
def test_what_cannot_be_done_ends_the_run(plan, names, said, run):
    machines, spread = run(*names, happens={"2/4": list(plan)})
    with pytest.raises(UserError, match=said):
        spread.run()
    assert machines.begun.count("2/4") == len(plan)
    assert spread.split.finished(spread.split.shares()[0])


def test_a_command_of_all_flags_means_the_same_options(tmp_path):
    from utils.command_line import parse

    given = ExtractOptions(
        input_dir=tmp_path / "a b", output_dir=tmp_path / "-x", person=(tmp_path / "p.png",),
        smooth=False, min_score=0.25, ray="local", detector="dlib", max_faces=3,
    )  # fmt: skip
    words = options.to_words(given, {"ray"})
    assert options.resolve(ExtractOptions, parse("extract", "", ExtractOptions, words, {})) == (
        options.resolve(ExtractOptions, options.to_json(given) | {
            "input_dir": given.input_dir, "output_dir": given.output_dir, "person": given.person,
            "face_type": given.face_type, "ray": None,
        })
    )  # fmt: skip


def test_without_ray_or_a_cluster_it_is_said_at_once(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(ray_workers, "find_spec", lambda name: None)
        with pytest.raises(UserError, match=r"needs Ray, .* pip install .*\[cluster\]"):
            ray_workers.check("local")
    monkeypatch.setattr(ray_workers, "find_spec", lambda name: "there")
    ray_workers.check("local")
    with pytest.raises(UsageError, match="--ray: Expected HOST:PORT"):
        ray_workers.check("somewhere")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        monkeypatch.setattr(ray_workers, "TOKEN_FILE", Path("nowhere"))
        monkeypatch.delenv("RAY_AUTH_TOKEN", raising=False)
        with pytest.raises(UserError, match="no token for the Ray cluster"):
            ray_workers.check(address)
        monkeypatch.setenv("RAY_AUTH_TOKEN", "x" * 32)
        with pytest.raises(UserError, match=f"no Ray cluster answers at {address}"):
            ray_workers.check(address)


def test_a_command_ends_with_the_stdin_of_the_worker_that_started_it(tmp_path):
    program = "import main, time; from utils import signals; signals.raise_on_request(); " \
        "signals.obey_stdin(); print('ready', flush=True); time.sleep(60)"  # fmt: skip
    environment = {**os.environ, "FACESWAP_ENDS_WITH_STDIN": "1"}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, env=environment, cwd=ROOT,
    ) as child:  # fmt: skip
        assert child.stdout.readline() == b"ready\n"
        child.stdin.close()
        assert child.wait(20) != 0


def parents_of(word):
    """The processes that started commands with a word, but those commands themselves."""
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if word in process.cmdline() and word not in process.parent().cmdline():
                yield process.parent()


@pytest.mark.slow
def test_two_machines_of_which_one_is_killed_give_what_one_run_gives(astronaut, tmp_path):
    pytest.importorskip("ray")
    frames = [astronaut[10 + index % 60 :, 60 + index :][:240, :320] for index in range(150)]
    clip = make_video(tmp_path / "clip.mp4", frames)
    environment = {
        **os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0",
    }  # fmt: skip

    def command(out, *more):
        words = [sys.executable, MAIN, "extract", "--input-dir", clip, "--output-dir", out, *more]
        return subprocess.Popen(
            list(map(str, words)), env=environment, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    alone = command(tmp_path / "one")
    assert alone.communicate()[1] is None
    assert alone.returncode == 0
    with subprocess.Popen(
        [sys.executable, ROOT / "tests" / "support" / "ray_cluster.py"], env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ) as cluster:  # fmt: skip
        address = cluster.stdout.readline().strip()
        run = command(tmp_path / "two", "--ray", address)
        part = tmp_path / "two_split" / "part_2_of_2"
        deadline = time.monotonic() + 120
        while len(list(part.glob("*.png"))) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
        workers = [*parents_of("--part=2/2")]
        assert len(workers) == 1
        workers[0].kill()
        said = run.communicate()[0]
        cluster.stdin.close()
    assert run.returncode == 0, said
    assert "part 2/2 was lost on" in said
    one, two = (
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (tmp_path / "one", tmp_path / "two")
    )
    journals = [set(found.pop(".extract.jsonl").splitlines()) for found in (one, two)]
    assert two == one
    assert journals[0] == journals[1]
    assert not psutil.pid_exists(workers[0].pid)

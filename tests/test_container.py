"""The container is what docs/containers.md promises: who runs in it, where, and when it is ill."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bundle import container, health, locks
from workbench.options import PORT

ROOT = Path(__file__).parent.parent
DOCS = (ROOT / "docs" / "containers.md").read_text(encoding="utf-8")


def instructions():
    """Each instruction of Containerfile as (stage, word, what it says)."""
    text = (ROOT / "Containerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    stage, found = "", []
    for line in re.findall(r"^[A-Z].*$", text, re.M):
        word, rest = line.split(maxsplit=1)
        if word == "FROM":
            stage = rest.rpartition(" AS ")[2]
        found.append((stage, word, " ".join(rest.split())))
    return found


def said(word, stage="program"):
    return [rest for where, what, rest in instructions() if what == word and where == stage]


def test_targets_of_the_docs_are_there_and_begin_from_the_program():
    parents = {stage: rest.split()[0] for stage, word, rest in instructions() if word == "FROM"}
    wanted = set(re.findall(r"--target (\w+)", DOCS))
    assert wanted == {"cpu", "cuda"}
    assert {parents[target] for target in wanted} == {"program"}


def test_nothing_runs_as_root_after_the_user_is_set():
    words = [(stage, word) for stage, word, _ in instructions()]
    assert said("USER") == ["faceswap"]
    user = words.index(("program", "USER"))
    assert "RUN" not in [
        word for stage, word in words[user:] if stage in {"program", "cpu", "cuda"}
    ]
    assert "useradd --uid 1000" in " ".join(said("RUN"))


def test_workspace_is_a_volume_and_where_commands_run():
    assert said("VOLUME") == said("WORKDIR") == ["/workspace"]


def test_default_command_is_the_workbench_behind_a_password():
    command = json.loads(said("CMD")[0])
    assert command[0] == "workbench"
    assert command[command.index("--password-file") + 1] == "/run/secrets/workbench"
    assert "target=workbench" in DOCS
    assert said("EXPOSE") == [str(PORT)]
    assert health.PORT == PORT


def test_every_package_is_pinned_with_a_hash():
    for stage, lock in (("cpu", "linux"), ("cuda", "cuda")):
        [pip] = [run for run in said("RUN", f"packages-{stage}") if "pip install" in run]
        assert "--require-hashes" in pip
        assert f"-r bundle/requirements-{lock}.lock" in pip


def test_gpu_container_has_the_same_versions_but_for_cuda():
    linux = set(locks.pins(ROOT / "bundle" / "requirements-linux.lock"))
    cuda = set(locks.pins(locks.CUDA))
    assert {pin.name for pin in linux - cuda} == {"tensorflow-cpu"}
    assert all(pin.name.startswith(("nvidia-", "tensorflow")) for pin in cuda - linux)


def test_build_context_has_all_that_a_wheel_has():
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    app = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]["app"]
    kept = (ROOT / ".containerignore").read_text(encoding="utf-8").split()
    assert {f"!{name}" for name in app} <= set(kept)


class Answers(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self):
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with HTTPServer(("127.0.0.1", 0), Answers) as page:
        thread = threading.Thread(target=page.serve_forever, args=(0.01,))
        thread.start()
        yield page
        page.shutdown()
        thread.join()


def test_workbench_that_answers_is_healthy(server, monkeypatch):
    started = "python\0faceswap-toolkit\0workbench\0"
    assert health.main(started, server.server_port) == 0
    monkeypatch.setattr(Answers, "status", 500)
    assert health.main(started, server.server_port) == 1


def test_workbench_that_does_not_answer_is_ill_and_a_training_is_not_asked():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert health.main("python\0workbench\0", port) == 1
    assert health.main("python\0train\0--model\0Quick96\0", port) == 0


@pytest.mark.slow
@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or not all(map(shutil.which, container.TOOLS)),
    reason="needs root, mmdebstrap and buildah",
)
def test_faces_are_found_in_the_container(tmp_path):
    """Takes 6 GB and a quarter of an hour; CONTAINER has further flags, as for make."""
    flags = os.environ.get("CONTAINER", "").split()
    done = subprocess.run(
        [sys.executable, "-m", "bundle.container", "--scratch", tmp_path, *flags],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "8 faces in 8 frames, files of user 1000" in done.stdout

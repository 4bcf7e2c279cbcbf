"""The scripts: what they call, how they find Python, and what they pass on, in hostile folders."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest

import main
from scripts import make_scripts
from utils import options, workspace
from utils.stages import STAGES

ROOT = Path(__file__).parent.parent
LINUX, WINDOWS = ROOT / "scripts" / "linux", ROOT / "scripts" / "windows"
SCRIPTS = [script for script in make_scripts.scripts() if script.command != "install"]
COMMANDS = [script for script in SCRIPTS if not script.command.startswith("open ")]
HOSTILE = "a & b 100% %PATH% !x! ^y 'z' \"q\" $HOME `id` ü (1); #*?"
DROPPED = ["a clip & 100% !.mp4", "--from", "0:10", 'it\'s "$HOME" ^ü']
STUB = """\
#!/bin/sh
printf '%s\\0' "$@" >> "$RECORD"
printf '\\n' >> "$RECORD"
case $1 in */check_bundle.py) exit "$CHECKED" ;; esac
exit "$STATUS"
"""
OF_2019 = """\
1) clear workspace
2) extract PNG from video data_src
3.1) cut video (drop video on me)
3.2) extract PNG from video data_dst FULL FPS
3.other) denoise extracted data_dst
4) data_src extract faces DLIB all GPU debug
4) data_src extract faces DLIB all GPU
4) data_src extract faces DLIB best GPU
4) data_src extract faces MANUAL
4) data_src extract faces MT all GPU debug
4) data_src extract faces MT all GPU
4) data_src extract faces MT best GPU
4.1) data_src check result
4.2.1) data_src sort by blur
4.2.2) data_src sort by similar histogram
4.2.4) data_src sort by dissimilar face
4.2.4) data_src sort by dissimilar histogram
4.2.5) data_src sort by face pitch
4.2.5) data_src sort by face yaw
4.2.6) data_src sort by final
4.2.other) data_src sort by black
4.2.other) data_src sort by brightness
4.2.other) data_src sort by hue
4.2.other) data_src sort by one face in image
4.2.other) data_src sort by original filename
4.2.other) data_src util add landmarks debug images
4.2.other) data_src util recover original filename
5) data_dst extract faces DLIB all GPU + manual fix
5) data_dst extract faces DLIB all GPU
5) data_dst extract faces DLIB best GPU
5) data_dst extract faces MANUAL RE-EXTRACT DELETED RESULTS DEBUG
5) data_dst extract faces MANUAL
5) data_dst extract faces MT all GPU + manual fix
5) data_dst extract faces MT all GPU
5) data_dst extract faces MT best GPU
5.1) data_dst check results debug
5.1) data_dst check results
5.2) data_dst sort by similar histogram
5.3) data_dst sort by blur
5.3) data_dst sort by dissimilar histogram
5.3) data_dst sort by face pitch
5.3) data_dst sort by face yaw
5.3.other) data_dst sort by original filename
5.3.other) data_dst util recover original filename
6) train DF
6) train H128
6) train H64
6) train LIAEF128
6) train SAE
7) convert DF debug
7) convert DF
7) convert H128 debug
7) convert H128
7) convert H64 debug
7) convert H64
7) convert LIAEF128 debug
7) convert LIAEF128
7) convert SAE debug
7) convert SAE
8) converted to mov(lossless+alpha)
8) converted to mp4
"""


def test_the_files_are_what_the_table_says():
    for system in make_scripts.TARGETS:
        folder = ROOT / "scripts" / system
        written = {path.name: path.read_bytes() for path in folder.iterdir()}
        assert written == make_scripts.files(system), "run: python -m scripts.make_scripts"
    page = make_scripts.PAGE.read_text(encoding="utf-8")
    assert page == make_scripts.page(), "run: python -m scripts.make_scripts"


def test_every_script_of_2019_is_there_and_no_two_are_the_same():
    titles = [script.title for script in make_scripts.scripts()]
    assert set(OF_2019.splitlines()) <= set(titles)
    assert {path.stem for path in WINDOWS.iterdir()} == set(titles)
    assert len(list(LINUX.iterdir())) == len(set(titles)) == len(titles)
    assert not [title for title in titles if re.search(r'[<>:"/\\|?*&%!^]', title)]


def test_a_bundle_installs_nothing():
    left_out = {
        system: set(make_scripts.files(system)) - set(make_scripts.files(system, bundled=True))
        for system in make_scripts.TARGETS
    }
    assert left_out == {"windows": {"0) install.bat"}, "linux": {"0_install.sh"}}


@pytest.fixture
def home(tmp_path):
    """A workspace with clips."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    for side in workspace.SIDES:
        (folder / f"data_{side}.mp4").touch()
    return folder


def test_every_command_has_options_of_the_program(home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for script in COMMANDS:
        words = expected(script, home, ["dropped"] if script.drop else [])
        name = main.find_stage(words)
        cls, given = main._parse(name, STAGES[name], words[len(name.split()) :])
        options.resolve(cls, workspace.fill(cls, given))
        for option in options.options_of(cls):
            assert option.name != "workspace" or given["workspace"] == home, script.title


def test_every_model_detector_and_sort_method_has_its_script():
    used = {(w, value) for s in COMMANDS for w, value in pairwise(s.command.split())}
    for stage, name in (("extract", "detector"), ("sort", "by"), ("train", "model")):
        cls, _ = main._parse(stage, STAGES[stage], [])
        [option] = [option for option in options.options_of(cls) if option.name == name]
        assert {value for flag, value in used if flag == option.flag} == set(option.choices)


def expected(script, folder, more=()):
    """The words that a script is to pass to the program."""
    words = [word.replace("{workspace}", str(folder)) for word in script.command.split()]
    if {"input-file", "input-dir", "input"} & {word.strip("-") for word in words[-1:]}:
        return [*words, *more]
    if script.command in ("verify", "weights"):
        return [*words, *more]
    return [*words, "--workspace", str(folder), *more]


class Bundle:
    """A folder laid out as a bundle, or as a checkout, whose Python only notes how it is called."""

    def __init__(self, root, *, checkout=False):
        self.root = root
        self.folder = root / "scripts" / "linux" if checkout else root
        self.app = root if checkout else root / "app"
        self.python = root / (".venv/bin/python" if checkout else "python/bin/python")
        self.tools = root.parent / "tools"
        shutil.copytree(LINUX, self.folder, dirs_exist_ok=True)
        for stub in (self.python, self.tools / "xdg-open"):
            stub.parent.mkdir(parents=True, exist_ok=True)
            stub.write_text(STUB, encoding="utf-8")
            stub.chmod(0o755)
        self.record = root.parent / "record"

    def environment(self, status=0, checked=0, **more):
        path = f"{self.tools}:{os.environ['PATH']}"
        kept = {name: os.environ[name] for name in ("LANG", "LC_ALL") if name in os.environ}
        given = {"PATH": path, "RECORD": str(self.record), "STATUS": str(status)}
        return {**kept, **given, "CHECKED": str(checked), **more}

    def start(self, script, *words, cwd="/", **how):
        """Run a script; returns the process and the calls of Python that it made."""
        self.record.unlink(missing_ok=True)
        path = self.folder / make_scripts.TARGETS["linux"].file_name(script.title)
        done = subprocess.run(
            [path, *words], env=self.environment(**how), cwd=cwd, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        return done, calls_in(self.record)


def calls_in(record):
    text = record.read_text(encoding="utf-8") if record.exists() else ""
    return [call.split("\0") for call in text.split("\0\n")[:-1]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return Bundle(tmp_path_factory.mktemp("scripts") / HOSTILE)


def script_of(command):
    return next(script for script in SCRIPTS if script.command == command)


def test_every_script_for_linux_passes_on_what_it_is_given(bundle):
    """From another folder, in one with a hostile name, and with the exit status of the command."""
    (bundle.root / "workspace" / "data_src" / "aligned").mkdir(parents=True)
    for script in COMMANDS:
        done, calls = bundle.start(script, *DROPPED, status=7)
        words = expected(script, bundle.root / "workspace", DROPPED)
        assert calls == [
            [str(bundle.app / "check_bundle.py")],
            [str(bundle.app / "main.py"), *words],
        ], script.title
        assert (done.returncode, done.stdout, done.stderr) == (7, "", "")


def test_scripts_that_show_a_folder_open_it(bundle):
    script = script_of("open data_src/aligned")
    done, calls = bundle.start(script)
    assert calls[1:] == [[str(bundle.root / "workspace" / "data_src" / "aligned")]]
    assert done.returncode == 0
    done, calls = bundle.start(script_of("open data_dst/aligned_debug"))
    assert (done.returncode, calls[1:]) == (1, [])
    assert "There is no folder" in done.stdout


def test_a_script_on_which_nothing_was_dropped_says_so(bundle):
    for script in COMMANDS:
        if script.drop:
            done, calls = bundle.start(script)
            assert (done.returncode, calls[1:]) == (1, [])
            assert done.stderr == f"Name {script.drop} after this script, or drop it on it.\n"


def test_an_incomplete_bundle_runs_nothing(bundle):
    done, calls = bundle.start(script_of("status"), checked=3)
    assert (done.returncode, len(calls)) == (1, 1)


def test_relative_paths_and_another_workspace(bundle, tmp_path):
    (tmp_path / "mine").mkdir()
    done, calls = bundle.start(
        script_of("status"), "x.mp4", cwd=tmp_path, FACESWAP_WORKSPACE=str(tmp_path / "my own")
    )
    assert done.returncode == 0
    assert calls[1][1:] == ["status", "--workspace", str(tmp_path / "my own"), "x.mp4"]


def test_in_a_checkout_the_environment_is_used(tmp_path):
    checkout = Bundle(tmp_path / HOSTILE, checkout=True)
    done, calls = checkout.start(script_of("train"), status=130)
    words = ["train", "--workspace", str(checkout.root / "workspace")]
    assert calls == [[str(checkout.root / "main.py"), *words]]
    assert done.returncode == 130
    checkout.python.unlink()
    done, calls = checkout.start(script_of("train"))
    assert (done.returncode, calls) == (1, [])
    assert done.stderr.startswith("There is no Python here: start 0_install.sh")
    assert len(done.stderr.splitlines()) == 1


def test_ctrl_c_is_for_the_program_and_its_status_is_kept(bundle):
    """A training saves on Ctrl-C, which the terminal sends to the script as well."""
    stub = bundle.python.read_text(encoding="utf-8")
    sleeper = "#!/bin/sh\ntrap 'exit 130' INT\necho ready\nwhile :; do sleep 0.05; done\n"
    bundle.python.write_text(
        sleeper.replace("trap", "case $1 in *check*) exit 0 ;; esac\ntrap", 1), encoding="utf-8"
    )
    try:
        process = subprocess.Popen(
            ["sh", "-c", 'exec "$0"', bundle.folder / "6_train.sh"], env=bundle.environment(),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert process.stdout.readline() == b"ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 130
    finally:
        process.stdout.close()
        bundle.python.write_text(stub, encoding="utf-8")


def test_a_window_stays_open_until_enter(bundle):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [bundle.folder / "0_status.sh"], stdin=theirs, stdout=theirs, stderr=theirs,
        env=bundle.environment(status=5), start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while not shown.endswith(b"Press Enter to close this. "):
        shown += os.read(ours, 1000)
    assert process.poll() is None
    os.write(ours, b"\n")
    assert process.wait(20) == 5
    os.close(ours)


def lines_of(path):
    data = path.read_bytes()
    assert data.count(b"\r\n") == data.count(b"\n")
    return data.decode("ascii").split("\r\n")


@pytest.mark.parametrize("path", sorted(WINDOWS.iterdir()), ids=lambda path: path.stem)
def test_batch_files_are_safe_in_any_folder(path):
    """What stands for a path is in quotes, or in a message; `call` would expand it once more."""
    lines = lines_of(path)
    labels = {line[1:] for line in lines if line.startswith(":")}
    assert "setlocal EnableExtensions DisableDelayedExpansion" in lines
    for line in lines:
        if line.startswith("rem "):
            continue
        assert not re.match(r"call\b", line, re.I)
        bare = re.sub(r'"[^"]*"', "", line)
        assert set(re.findall(r"%%?[*~\w]+%?", bare)) <= {"%*", "%STATUS%", "%%I"}, line
        assert set(re.findall(r"goto (\w+)", line)) <= labels


STUB_IN_C = r"""
#include <stdio.h>
#include <wchar.h>
#include <windows.h>
static void note(const wchar_t *word) {
    char text[4096];
    int size = WideCharToMultiByte(CP_UTF8, 0, word, -1, text, sizeof text, 0, 0);
    FILE *file = _wfopen(_wgetenv(L"RECORD"), L"ab");
    fwrite(text, 1, size, file);
    fclose(file);
}
/* Starts a batch file as Explorer does, and notes its exit status. */
static void start(const wchar_t *batch, const wchar_t *dropped) {
    wchar_t line[4096];
    STARTUPINFOW how = {sizeof how};
    PROCESS_INFORMATION process;
    DWORD status = 0;
    swprintf(line, 4096, L"cmd /c \"\"%ls\" \"%ls\"\"", batch, dropped);
    CreateProcessW(0, line, 0, 0, TRUE, 0, 0, 0, &how, &process);
    WaitForSingleObject(process.hProcess, INFINITE);
    GetExitCodeProcess(process.hProcess, &status);
    swprintf(line, 4096, L"%lu", status);
    note(line);
    note(L"\n");
}
int wmain(int count, wchar_t **words) {
    if (wcsstr(words[1], L".bat")) {
        for (int number = 1; number < count - 1; number++) start(words[number], words[count - 1]);
        return 0;
    }
    for (int number = 1; number < count; number++) note(words[number]);
    note(L"\n");
    return wcsstr(words[1], L"main.py") ? 7 : 0;
}
"""
KEPT = {"PATH", "HOME", "LANG", "LC_ALL", "WINEPREFIX", "XDG_RUNTIME_DIR"}
WINE_FOLDER = "a & b (1) !x! ^y ü"
"""Without a percent sign: wine's cmd expands those of %~dp0 once more, which Windows does not."""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("wine"), reason="wine is not installed")
def test_every_script_for_windows_under_wine(tmp_path):
    pytest.importorskip("ziglang")
    root = tmp_path / WINE_FOLDER
    shutil.copytree(WINDOWS, root)
    (root / "python").mkdir()
    (tmp_path / "stub.c").write_text(STUB_IN_C, encoding="utf-8")
    target = ["-target", "x86_64-windows-gnu", "-municode", "-O2", "-s"]
    build = [sys.executable, "-m", "ziglang", "cc", *target, "stub.c", "-o", "stub.exe"]
    subprocess.run(build, cwd=tmp_path, check=True)
    shutil.copy(tmp_path / "stub.exe", root / "python" / "python.exe")
    folder = windows_path(root) + "\\"
    wanted = []
    for script in COMMANDS:
        words = [word.replace("/", "\\") for word in expected(script, f"{folder}workspace")]
        wanted.append([f"{folder}app\\check_bundle.py"])
        wanted.append([f"{folder}app\\main.py", *words, "a clip & !.mp4"])
        wanted.append(["7"])
    assert calls_under_wine(tmp_path / "record", root) == wanted


def calls_under_wine(record, folder):
    """Start every script, a few with each wine; returns Python's calls, and the exit statuses."""
    batches = [windows_path(folder / f"{script.title}.bat") for script in COMMANDS]
    environment = {name: os.environ[name] for name in os.environ.keys() & KEPT}
    environment |= {"WINEDEBUG": "-all", "RECORD": windows_path(record)}
    for first in range(0, len(batches), 40):
        some = batches[first : first + 40]
        done = subprocess.run(
            ["wine", windows_path(folder / "python" / "python.exe"), *some, "a clip & !.mp4"],
            env=environment, input=b"", capture_output=True, check=True,
        )  # fmt: skip  # pipes: with files as its streams wine ends at once
        assert done.stdout.count(b"Press any key") == len(some)
    text = record.read_text(encoding="utf-8")
    return [call.split("\0") for call in text.replace("\n\0", "\n").split("\0\n")[:-1]]


def windows_path(path):
    return f"Z:{path}".replace("/", "\\")

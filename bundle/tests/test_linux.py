"""A Linux bundle runs on a Debian that has nothing but libc and a shell."""

import hashlib

import av
import pytest

from bundle.tests.chroots import BUNDLE
from bundle.tests.conftest import make_clips

PYTHON, MAIN = f"/{BUNDLE}/python/bin/python", f"/{BUNDLE}/app/main.py"
LIBRARIES = r"""
find "$0" -name '*.so' -o -name '*.so.*' | while read -r file; do
    LD_LIBRARY_PATH="$0/python/lib/system:${file%/*}" ldd "$file" 2>&1 \
        | grep 'not found' | sed 's/^/missing: /'
    echo "looked at $file"
done
"""


def test_the_system_has_no_python(linux):
    assert linux.run("sh", "-c", "command -v python3").status != 0


def test_every_library_finds_what_it_needs(linux):
    said = linux.run("sh", "-c", LIBRARIES, f"/{BUNDLE}").said.splitlines()
    assert len([line for line in said if line.startswith("looked at")]) > 400
    assert not [line for line in said if not line.startswith("looked at")]


def test_help_comes_at_once(linux):
    linux.run(PYTHON, MAIN, "--help")
    done = linux.run(PYTHON, MAIN, "--help")
    print(f"--help: {done.seconds:.2f} s")
    assert done.status == 0
    assert "extract" in done.said


def test_other_pythons_do_not_matter(linux):
    words = ("env", "PYTHONPATH=/nowhere", "PYTHONHOME=/nowhere", PYTHON, "-c")
    done = linux.run(*words, "import sys; print(*sys.path, sep='\\n')")
    assert done.status == 0
    assert all(line.startswith(f"/{BUNDLE}/") for line in done.said.splitlines())


@pytest.mark.parametrize("words", [(), ("--all",)], ids=["quick", "all"])
def test_it_is_as_shipped(linux, words):
    done = linux.run(PYTHON, f"/{BUNDLE}/app/check_bundle.py", *words)
    print(f"check {' '.join(words)}: {done.seconds:.1f} s")
    assert done.status == 0, done.said


def test_the_whole_way_from_two_clips_to_a_result(linux):
    folder = linux.folder / "work" / "way"
    make_clips(folder)
    for command in (
        "extract src --no-ask",
        "extract dst --no-ask",
        "sort src --by hist --no-ask",
        "train --no-ask --no-preview --batch-size 2 --target-iter 4",
        "convert --no-ask",
        "verify result.mp4",
    ):
        done = linux.run(PYTHON, MAIN, *command.split(), cwd="/work/way")
        print(f"{command}: {done.seconds:.0f} s")
        signed = command.startswith("verify") and "result.mp4" in done.said
        assert done.status == 0 or signed, done.said
    with av.open(folder / "result.mp4") as made, av.open(folder / "data_dst.mp4") as given:
        frames = [
            [frame.to_ndarray() for frame in video.decode(video=0)] for video in (made, given)
        ]
    assert len(frames[0]) == len(frames[1]) == 8
    digests = [hashlib.sha256(clip[4].tobytes()).digest() for clip in frames]
    assert digests[0] != digests[1]

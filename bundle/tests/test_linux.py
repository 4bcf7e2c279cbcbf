"""A Linux bundle runs on a Debian that has nothing but libc and a shell."""

import hashlib

import av
import pytest

from bundle.tests.chroots import BUNDLE
from bundle.tests.conftest import make_clips

WAY = (
    ("2_extract_PNG_from_video_data_src",),
    ("3.2_extract_PNG_from_video_data_dst_FULL_FPS",),
    ("4_data_src_extract_faces_YUNET", "--no-ask"),
    ("4.2.2_data_src_sort_by_similar_histogram", "--no-ask"),
    ("5_data_dst_extract_faces_YUNET", "--no-ask"),
    ("6_train_no_preview", "--no-ask", "--batch-size", "2", "--target-iter", "4"),
    ("7_convert", "--no-ask"),
    ("8_converted_to_mp4", "--no-ask", "--overwrite"),
    ("1_clear_workspace", "--yes"),
)
"""Scripts as a user starts them, and what they are told besides."""
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


def test_the_scripts_lead_from_two_clips_to_a_result(linux):
    folder = linux.folder / "work" / "by scripts"
    make_clips(folder)
    for name, *words in WAY:
        result = folder / "result.mp4"
        if name.startswith("1"):
            with av.open(result) as made:
                assert len(list(made.decode(video=0))) == 8
        command = ("env", "FACESWAP_WORKSPACE=/work/by scripts", f"/{BUNDLE}/{name}.sh", *words)
        done = linux.run(*command)
        print(f"{name}: {done.seconds:.0f} s")
        assert done.status == 0, done.said
    assert not result.exists()

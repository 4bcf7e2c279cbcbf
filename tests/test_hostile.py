"""Files made to do harm cost a sentence each: no crash, and less than a gigabyte of memory."""

import subprocess
import sys
from pathlib import Path

import cv2
import pytest
from support import hostile
from support.synthetic import make_faceset, make_info, make_landmarks

from facelib.faceinfo import to_json
from facelib.faceset import read_face, read_info
from facelib.png import chunk
from utils.errors import InputError

# elsewhere memory is counted in other units, and links need privileges
pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures as on Linux")

ROOT = Path(__file__).parent.parent
MOST = 1000  # megabytes
READER = """
import sys
from pathlib import Path
from utils.errors import InputError
from utils.images import read_image
for path in map(Path, sys.argv[1:]):
    try:
        print(path.name, "x".join(map(str, read_image(path).shape)), sep="\\t")
    except InputError as problem:
        print(path.name, problem, sep="\\t")
"""

# Linux counts the memory of the process that starts another as the other's: a small one starts it.
MEASURE = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stderr=subprocess.STDOUT).returncode
print("PEAK", resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss >> 10)
sys.exit(status)
"""


def measured(*command):
    """Run a command of ours; (exit status, output, megabytes at its peak)."""
    result = subprocess.run(
        [sys.executable, "-c", MEASURE, sys.executable, *map(str, command)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
    )  # fmt: skip
    output, _, megabytes = result.stdout.rpartition("PEAK ")
    return result.returncode, output, int(megabytes)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    for name, data in hostile.pictures().items():
        (folder / name).write_bytes(data)
    return folder


def test_pictures_that_claim_or_unpack_to_too_much(folder):
    paths = sorted(folder.iterdir())
    status, output, megabytes = measured("-c", READER, *paths)
    assert status == 0, output
    results = dict(line.split("\t") for line in output.splitlines() if "\t" in line)
    assert results.keys() == {path.name for path in paths}
    for name, result in results.items():
        if name in hostile.READABLE:
            assert result.endswith("x3"), result
        else:
            assert f'"{name}"' in result
    assert megabytes < MOST


def test_extract_names_each_and_does_the_rest(folder, tmp_path, astronaut):
    frames = tmp_path / "frames"
    frames.mkdir()
    for path in folder.iterdir():
        if path.name not in hostile.LARGE:  # they are searched for faces for half a minute each
            (frames / path.name).symlink_to(path)
    (frames / "good.png").write_bytes(cv2.imencode(".png", astronaut)[1].tobytes())
    out = tmp_path / "aligned"
    status, output, megabytes = measured(
        "main.py", "extract", "--input-dir", frames, "--output-dir", out
    )
    assert status == 1
    assert [path.name for path in out.glob("*.png")] == ["good_0.png"]
    assert "Traceback" not in output
    failed = [line for line in output.splitlines() if line.startswith("failed: ")]
    for name in hostile.pictures().keys() - hostile.READABLE:
        assert sum(f'"{name}"' in line for line in failed) == 1, name
    assert megabytes < MOST


@pytest.mark.slow  # each is searched for faces for a quarter of a minute
def test_extract_of_huge_pictures(folder, tmp_path):
    frames = tmp_path / "frames"
    frames.mkdir()
    for number in range(2):
        (frames / f"{number}.png").symlink_to(folder / "just under the limit.png")
    status, output, megabytes = measured(
        "main.py", "extract", "--input-dir", frames, "--output-dir", tmp_path / "aligned"
    )
    assert status == 1
    assert "frames without a face (2): 0-1" in output
    assert megabytes < MOST


def test_a_video_whose_frames_are_not_what_it_says(tmp_path):
    clip = hostile.video(tmp_path / "clip.avi", 9000, 9000)
    reader = f"""
from pathlib import Path
from utils.video.io import open_source
source = open_source(Path({str(clip)!r}))
print([frame.image.shape for frame in source], source.failures)
"""
    status, output, megabytes = measured("-c", reader)
    assert status == 0, output
    assert "[(48, 64, 3)]" in output
    assert "is damaged" in output
    assert megabytes < 400, "a frame of 9000 x 9000 has 243 MB, and several are decoded at once"


def test_a_face_file_whose_record_is_true_and_whose_picture_is_too_large(tmp_path):
    path = tmp_path / "face.png"
    record = to_json(make_info(make_landmarks(), 16_384), path.name)
    path.write_bytes(hostile.png(16_384, 16_384, extra=chunk(b"fsMt", record)))
    assert read_info(path).size == 16_384
    with pytest.raises(InputError, match=r"face\.png"):
        read_face(path)


@pytest.mark.parametrize("stage", ["sort", "util import-dfl"])
def test_stages_that_read_faces_bear_them_too(stage, folder, tmp_path):
    faces = tmp_path / "faces"
    make_faceset(faces, 2)
    for path in folder.iterdir():
        (faces / path.name).symlink_to(path)
    status, output, megabytes = measured("main.py", *stage.split(), "--input-dir", faces)
    assert status in (0, 1), output
    assert "Traceback" not in output
    assert "defect of the program" not in output
    assert megabytes < MOST

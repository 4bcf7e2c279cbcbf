"""What killed runs leave behind: it is completed or removed, and nothing else is.

Kills are simulated by `support.crash`; what must be there afterwards is known to the test, which
compares bytes, arrays (NumPy) and decoded frames.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from support.clips import make_clip
from support.conversion import INVERT, options, write_footage
from support.crash import killed_after, naming
from support.synthetic import make_faceset

from converters import convert
from converters.output import video
from models import checkpoint
from sorter.options import SortOptions
from sorter.sort import run as sort
from tools.util import debug_pictures, metadata, pack
from tools.util.options import (
    DebugPicturesOptions,
    PackOptions,
    RestoreMetadataOptions,
    SaveMetadataOptions,
    UnpackOptions,
)
from tools.video import cut, denoise, extract, make
from tools.video.options import CutOptions, DenoiseOptions, ExtractFramesOptions, MakeOptions
from utils import files
from utils.errors import InputError
from utils.video.io import open_source

ROOT = Path(__file__).parent.parent
SHM = Path("/dev/shm")
LEFT = f"{files.TEMPORARY}000001_0.0123abcd.png"
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX only")


def hidden(*folders):
    return sorted(path.name for folder in folders for path in folder.glob(".*"))


# ------------------------------------------------------------------------------------ the names


def test_files_of_users_are_never_removed(tmp_path):
    kept = [".notes.20261129", ".notes.20261129.txt", ".photo.20261129.png", ".faceswap", "..x.a",
            ".000003.0123abcd.png", "..convert.01234567.jsonl"]  # fmt: skip
    for name in kept:
        (tmp_path / name).touch()
    (tmp_path / f"{files.TEMPORARY}folder").mkdir()
    (tmp_path / LEFT).touch()
    files.remove_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {*kept, f"{files.TEMPORARY}folder"}


@posix
def test_only_regular_files_are_removed(tmp_path):
    target = tmp_path / "mine"
    target.touch()
    (tmp_path / f"{files.TEMPORARY}link.png").symlink_to(target)
    os.mkfifo(tmp_path / f"{files.TEMPORARY}pipe.png")
    before = set(tmp_path.iterdir())
    files.remove_leftovers(tmp_path)
    assert set(tmp_path.iterdir()) == before


WRITER = """
import sys; from pathlib import Path; from utils import files
with files.write_atomic(Path(sys.argv[1])) as temporary:
    temporary.write_bytes(b"half"); print(temporary.name, flush=True); sys.stdin.readline()
"""


@posix
@pytest.mark.parametrize("killed", [False, True])
def test_the_file_of_a_living_writer_stays(tmp_path, killed):
    command = [sys.executable, "-c", WRITER, str(tmp_path / "a.png")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, text=True, **pipes) as writer:
        name = writer.stdout.readline().strip()
        files.remove_leftovers(tmp_path)
        assert hidden(tmp_path) == [name]
        if killed:
            writer.kill()
        writer.communicate("" if killed else "\n")
    files.remove_leftovers(tmp_path)
    assert not hidden(tmp_path)
    assert (tmp_path / "a.png").exists() is not killed


# ------------------------------------------------------------------------------- faces and videos


@pytest.fixture
def faces(tmp_path):
    make_faceset(tmp_path / "faces", 3)
    return tmp_path / "faces"


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


UTILITIES = {
    "pack": lambda faces: pack.pack(PackOptions(input_dir=faces, overwrite=True)),
    "unpack": lambda faces: pack.unpack(
        UnpackOptions(input=faces.with_name("packed.zip"), output_dir=faces.with_name("out"))
    ),
    "save-metadata": lambda faces: metadata.save(SaveMetadataOptions(input_dir=faces)),
    "restore-metadata": lambda faces: metadata.restore(RestoreMetadataOptions(input_dir=faces)),
    "debug-pictures": lambda faces: debug_pictures.run(DebugPicturesOptions(input_dir=faces)),
}


@pytest.mark.parametrize("name", ["pack", "unpack", "save-metadata", "restore-metadata"])
def test_killed_at_any_point_a_utility_is_completed_by_the_next_run(name, faces):
    run = UTILITIES[name]
    pack.pack(PackOptions(input_dir=faces, output=faces.with_name("packed.zip")))
    metadata.save(SaveMetadataOptions(input_dir=faces))
    run(faces)
    places = [path for path in faces.parent.iterdir() if path.is_dir()]
    expected = [contents(place) for place in places]
    left_behind = 0
    for changes in count():
        if name == "unpack":
            shutil.rmtree(faces.with_name("out"))
        with killed_after(changes) as ended:
            run(faces)
        left_behind += len(hidden(faces.parent, *filter(Path.exists, places)))
        run(faces)
        assert not hidden(faces.parent, *places)
        assert [contents(place) for place in places] == expected
        if ended:
            break
    assert left_behind > 0


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return make_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", range(0, 4000, 1000), sound=None)


VIDEO_TOOLS = {
    "make": lambda clip, out: make.run(
        MakeOptions(input_dir=out / "frames", output_file=out / "new.mkv", rate=25.0, codec="ffv1")
    ),
    "cut": lambda clip, out: cut.run(CutOptions(input_file=clip, output_file=out / "new.mkv")),
    "denoise": lambda clip, out: denoise.run(
        DenoiseOptions(input_dir=clip, output_dir=out / "new")
    ),
    "extract": lambda clip, out: extract.run(
        ExtractFramesOptions(input_file=clip, output_dir=out / "new")
    ),
}


@pytest.mark.parametrize("name", VIDEO_TOOLS)
def test_a_video_tool_removes_what_a_killed_one_left(name, clip, tmp_path):
    write_footage(tmp_path, 2)
    (tmp_path / "new").mkdir()
    for folder in (tmp_path, tmp_path / "new"):
        (folder / LEFT).touch()
    VIDEO_TOOLS[name](clip, tmp_path)
    place = tmp_path if name in ("make", "cut") else tmp_path / "new"
    assert set(hidden(place)) <= {extract.JOURNAL}


def test_what_was_left_in_the_folder_of_measurements_is_removed_by_sort(faces):
    (faces / ".sort").mkdir()
    (faces / ".sort" / LEFT).touch()
    (faces / ".sort" / ".mine").touch()
    sort(SortOptions(input_dir=faces, by="brightness"))
    assert hidden(faces / ".sort") == [".mine"]


# ----------------------------------------------------------------------------------- conversions


def convert_with_masks(folder, out):
    chosen = {"mask_output": out / "masks.mkv", "codec": "ffv1"}
    return convert.run(options(folder, out / "result.mkv", **chosen), INVERT)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Footage, and what an undisturbed run makes of it."""
    folder = tmp_path_factory.mktemp("footage")
    write_footage(folder, 3)
    (folder / "whole").mkdir()
    convert_with_masks(folder, folder / "whole")
    return folder


def assert_completed(folder, out):
    for name in ("result.mkv", "masks.mkv"):
        pairs = zip(open_source(out / name), open_source(folder / "whole" / name), strict=True)
        assert all(np.array_equal(one.image, other.image) for one, other in pairs)
    names = {path.name for path in out.iterdir()}
    assert names == {path.name for path in (folder / "whole").iterdir()}
    with pytest.raises(InputError, match="exists already"):  # as after any finished run
        convert_with_masks(folder, out)


@pytest.mark.parametrize(("named", "more"), [("result.mkv", 1), ("masks.mkv", 1), ("masks.mkv", 4)])
def test_a_conversion_killed_after_naming_its_result_is_completed(named, more, converted, tmp_path):
    with killed_after(more, naming(tmp_path / named)) as ended:
        convert_with_masks(converted, tmp_path)
    assert not ended
    assert (tmp_path / named).exists()
    report = convert_with_masks(converted, tmp_path)
    assert report.counts["frames finished before"] == 3
    assert_completed(converted, tmp_path)


@pytest.mark.slow
def test_a_conversion_killed_at_any_point_of_its_end_is_completed(converted, tmp_path, monkeypatch):
    real = video.VideoOutput._finish
    for changes in count():
        out = tmp_path / str(changes)
        out.mkdir()
        begun = []
        with monkeypatch.context() as patch:
            patch.setattr(video.VideoOutput, "_finish", lambda o, b=begun: b.append(1) or real(o))
            with killed_after(changes, lambda *_, b=begun: bool(b)) as ended:
                convert_with_masks(converted, out)
        if ended:
            break
        parts = out / "result.mkv_parts"
        if parts.is_dir() and any(parts.iterdir()):  # else all is done
            convert_with_masks(converted, out)
        with suppress(InputError):
            convert_with_masks(converted, out)
        assert_completed(converted, out)
    assert changes > 15


def test_another_file_in_the_result_s_place_is_not_mistaken_for_it(converted, tmp_path):
    with killed_after(1, naming(tmp_path / "result.mkv")):
        convert_with_masks(converted, tmp_path)
    (tmp_path / "result.mkv").write_bytes(b"mine")
    with pytest.raises(InputError, match="exists already"):
        convert_with_masks(converted, tmp_path)
    assert (tmp_path / "result.mkv").read_bytes() == b"mine"


@pytest.mark.skipif(
    not SHM.is_dir() or SHM.stat().st_dev == Path(tempfile.gettempdir()).stat().st_dev,
    reason="needs two file systems",
)
def test_masks_may_go_to_another_disk(converted, tmp_path):
    masks = SHM / f"{tmp_path.name}-{os.getpid()}.mkv"
    try:
        chosen = {"mask_output": masks, "codec": "ffv1"}
        convert.run(options(converted, tmp_path / "result.mkv", **chosen), INVERT)
        whole = open_source(converted / "whole" / "masks.mkv")
        pairs = zip(open_source(masks), whole, strict=True)
        assert all(np.array_equal(one.image, other.image) for one, other in pairs)
    finally:
        masks.unlink(missing_ok=True)


# ---------------------------------------------------------------------------------------- models


def save(folder, iteration, value):
    return checkpoint.save_generation(
        folder,
        state={"model": "H64", "iteration": iteration},
        options={},
        weights={"encoder": [np.full(4, value, np.float32)]},
        optimizer={},
        history=np.zeros((1, 1)),
        keep=2,
    )


def test_a_model_saved_again_at_its_iteration_is_there_after_every_kill(tmp_path):
    seen = set()
    for changes in count():
        folder = tmp_path / str(changes)
        save(folder, 5, 1)
        with killed_after(changes) as ended:
            save(folder, 5, 2)
        [array] = checkpoint.load_newest(folder).weights()["encoder"]
        seen.add(float(array[0]))
        save(folder, 5, 3)
        assert [path.name for path in (folder / "generations").iterdir()] == ["000000005"]
        [array] = checkpoint.load_newest(folder).weights()["encoder"]
        assert array.tolist() == [3] * 4
        if ended:
            break
    assert seen == {1, 2}


def test_a_backup_killed_at_any_point_leaves_nothing(tmp_path):
    for changes in count():
        folder = tmp_path / str(changes)
        save(folder, 5, 1)
        with killed_after(changes) as ended:
            checkpoint.back_up(folder)
        save(folder, 6, 2)
        backups = [p.name for p in (folder / "backups").iterdir()] if changes else []
        assert backups in ([], ["000000005"])
        if ended:
            break
    assert changes > 3

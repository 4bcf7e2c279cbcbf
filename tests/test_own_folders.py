"""What belongs to the program is no link, and what belongs to the user stays."""

import json
import os
from fractions import Fraction

import numpy as np
import pytest
from support.clips import make_clip
from support.conversion import INVERT, options, write_footage
from support.sorting import sort
from support.synthetic import make_faceset

from converters import convert
from converters.output import video
from extractor import journal
from models import checkpoint
from sorter.options import SortOptions
from sorter.sort import run
from tools.util import debug_pictures, import_dfl, metadata, pack
from tools.util.options import (
    DebugPicturesOptions,
    ImportOptions,
    PackOptions,
    RestoreMetadataOptions,
    SaveMetadataOptions,
    UnpackOptions,
)
from tools.video import denoise, extract
from tools.video.options import DenoiseOptions, ExtractFramesOptions
from utils.errors import InputError
from utils.files import move_to_trash, no_link
from utils.lock import locked

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links need permission there")


def save(folder):
    return checkpoint.save_generation(
        folder,
        state={"model": "H64", "iteration": 5},
        options={},
        weights={"encoder": [np.zeros(4, np.float32)]},
        optimizer={},
        history=np.zeros((1, 1)),
        keep=1,
    )


def continued(folder):
    with journal.opened(folder, {"source": "x"}, folder / "x", overwrite=True):
        pass


def to_video(folder):
    write_footage(folder, 2)
    convert.run(options(folder, "y.mp4"), INVERT)


def held(path):
    with locked(path, InputError("taken")):
        pass


def hostile_plan(folder):
    """A plan whose group is a link."""
    (folder / ".sort").mkdir()
    moves = [["000000.png", "i.png", "group/a.png"]]
    plan = {"version": 1, "phase": "gather", "undoes": None, "moves": moves}
    (folder / ".sort" / "plan.json").write_text(json.dumps(plan))
    sort(folder, "brightness")


PLACES = {
    "faces/.sort": lambda folder: sort(folder / "faces", "brightness"),
    "faces/.sort ": lambda folder: run(SortOptions(input_dir=folder / "faces", undo=True)),
    "faces_trash": lambda folder: move_to_trash(folder / "faces" / "000000.png"),
    "faces_trash ": lambda folder: sort(folder / "faces", "final", target=1),
    "faces/group": lambda folder: hostile_plan(folder / "faces"),
    "faces_debug": lambda folder: continued(folder / "faces"),
    f"faces/{journal.JOURNAL}": lambda folder: continued(folder / "faces"),
    "model/generations": lambda folder: save(folder / "model"),
    "model/generations ": lambda folder: checkpoint.load_newest(folder / "model"),
    "model/backups": lambda folder: save(folder / "model"),
    "y.mp4_parts": to_video,
    "y.mp4_log.jsonl": to_video,
    ".lock": lambda folder: held(folder / ".lock"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_in_place_of_what_is_ours_is_refused(tmp_path, place, dangling):
    make_faceset(tmp_path / "faces", 2)
    (tmp_path / "model").mkdir()
    elsewhere = tmp_path / "elsewhere" / "folder"
    elsewhere.mkdir(parents=True)
    for name in ("000001", "plan.json", "a.png", video.JOURNAL, "000000.mkv"):
        (elsewhere / name).write_text("mine")
    (elsewhere / "000000001").mkdir()
    before = {path: path.stat().st_mtime_ns for path in elsewhere.parent.rglob("*")}
    link = tmp_path / place.strip()
    link.symlink_to(elsewhere / "nothing" if dangling else elsewhere)
    with pytest.raises(InputError, match="is a link to another place"):
        PLACES[place](tmp_path)
    assert {path: path.stat().st_mtime_ns for path in elsewhere.parent.rglob("*")} == before
    assert len(list((tmp_path / "faces").glob("0*.png"))) == 2
    assert link.is_symlink()


def test_a_folder_of_the_user_may_be_a_link(tmp_path):
    make_faceset(tmp_path / "disk", 2)
    (tmp_path / "faces").symlink_to(tmp_path / "disk")
    assert sort(tmp_path / "faces", "brightness").counts["faces sorted"] == 2
    assert no_link(tmp_path / "disk") == tmp_path / "disk"


# --------------------------------------------------------------------------- hidden files of users

HIDDEN = (".notes.deadbeef.txt", ".holiday.cafebabe.png", ".000001.0123abcd.png",
          "..extract.01234567.jsonl", ".mine", ".faceswap")  # fmt: skip
FOLDERS = (".faceswap-tmp-mine", ".faceswap-tmp-0123abcd.png", ".git")


def put_hidden(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name in HIDDEN:
        (folder / name).write_text("mine")
    for name in FOLDERS:
        (folder / name).mkdir()
        (folder / name / "x").write_text("mine")


def unpacked(folder):
    pack.pack(PackOptions(input_dir=folder / "faces"))
    put_hidden(folder / "out")
    pack.unpack(UnpackOptions(input=folder / "faces.zip", output_dir=folder / "out"))
    return folder / "out"


def restored(folder):
    metadata.save(SaveMetadataOptions(input_dir=folder / "faces"))
    metadata.restore(RestoreMetadataOptions(input_dir=folder / "faces"))
    return folder / "faces"


def drawn(folder):
    put_hidden(folder / "out")
    chosen = DebugPicturesOptions(input_dir=folder / "faces", output_dir=folder / "out")
    debug_pictures.run(chosen)
    return folder / "out"


def imported(folder):
    put_hidden(folder / "out")
    chosen = ImportOptions(input_dir=folder / "faces", output_dir=folder / "out")
    import_dfl.run(chosen)
    return folder / "out"


def sorted_faces(folder):
    sort(folder / "faces", "brightness")
    run(SortOptions(input_dir=folder / "faces", undo=True))
    return folder / "faces"


def extracted(folder):
    for overwrite in (False, True):
        make_faceset(folder / "faces", 2)
        with journal.opened(
            folder / "faces", {"source": "x"}, folder / "x", overwrite=overwrite
        ) as manifest:
            manifest.add("0.png", faces=[])
    return folder / "faces"


def frames_of_a_video(folder):
    put_hidden(folder / "out")
    clip = make_clip(folder / "clip.mkv", [Fraction(n, 25) for n in range(2)], sound=None)
    for overwrite in (False, True):
        chosen = {"input_file": clip, "output_dir": folder / "out", "overwrite": overwrite}
        extract.run(ExtractFramesOptions(**chosen))
    return folder / "out"


def denoised(folder):
    write_footage(folder, 2)
    put_hidden(folder / "out")
    denoise.run(DenoiseOptions(input_dir=folder / "frames", output_dir=folder / "out", frames=5))
    return folder / "out"


def converted_images(folder):
    put_hidden(folder / "out")
    write_footage(folder, 2)
    for overwrite in (False, True):
        convert.run(options(folder, "out", overwrite=overwrite), INVERT)
    return folder / "out"


def converted_video(folder):
    write_footage(folder, 2)
    put_hidden(folder / "y.mp4_parts")
    for overwrite in (False, True):
        convert.run(options(folder, "y.mp4", overwrite=overwrite), INVERT)
    return folder / "y.mp4_parts"


def model(folder):
    put_hidden(folder / "model")
    put_hidden(folder / "model" / "generations")
    for _ in range(2):
        save(folder / "model")
    assert checkpoint.load_newest(folder / "model").iteration == 5
    return folder / "model" / "generations"


STAGES = [unpacked, restored, drawn, imported, sorted_faces, extracted, frames_of_a_video,
          denoised, converted_images, converted_video, model]  # fmt: skip


@pytest.mark.parametrize("stage", STAGES)
def test_hidden_files_of_users_are_safe_and_stop_nothing(tmp_path, stage):
    make_faceset(tmp_path / "faces", 2)
    put_hidden(tmp_path / "faces")
    folder = stage(tmp_path)
    for name in HIDDEN:
        assert (folder / name).read_text() == "mine", name
    for name in FOLDERS:
        assert (folder / name / "x").read_text() == "mine", name

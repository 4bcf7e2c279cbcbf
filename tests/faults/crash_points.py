"""The process ends at each single change of the file system, and the next run puts it right.

An audit hook counts what the program does to files; a forked child ends just before the n-th time.
"""

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from support.conversion import INVERT, options, write_footage
from support.synthetic import make_faceset

from converters import convert
from models import checkpoint
from sorter.rename import finish_interrupted, rename_all
from tools.util import metadata, pack
from tools.util.options import (
    PackOptions,
    RestoreMetadataOptions,
    SaveMetadataOptions,
    UnpackOptions,
)
from utils.errors import InputError
from utils.files import list_images

CHANGES = {"os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.link", "os.truncate", "os.utime"}
NAMES = [f"{letter}.png" for letter in "abcdef"]
CRASHED = 77


@dataclass(frozen=True)
class Operation:
    """Something that changes files.

    Attributes
    ----------
    prepare, work : functions of the place
    again : function of the place
        The next run of the user, after a crash or not.
    check : function of the place
        Raises AssertionError if something is lost or wrong.
    """

    name: str
    prepare: Callable[[Path], None]
    work: Callable[[Path], object]
    again: Callable[[Path], object]
    check: Callable[[Path], None]


def saved(iteration):
    def save(place):
        checkpoint.save_generation(
            place / "model",
            state={"model": "X", "iteration": iteration, "seconds": 1.0, "loss_names": ["a"]},
            options={"model": "X"},
            weights={"net": [np.full((3, 3), iteration, np.float32)]},
            optimizer={"steps": np.array(iteration)},
            history=np.zeros((iteration, 1), np.float32),
            keep=2,
        )

    return save


def check_model(place):
    generation = checkpoint.load_newest(place / "model")
    assert generation is not None, "no generation is left"
    (weights,) = generation.weights()["net"]
    assert (weights == generation.iteration).all()
    assert generation.iteration == 4
    folders = {path.name for path in (place / "model" / "generations").iterdir()}
    assert folders == {"000000003", "000000004"}, folders


def three_saves(place):
    for iteration in (1, 2, 3):
        saved(iteration)(place)


def write_names(place):
    for name in NAMES:
        (place / name).write_text(name)


def rename(place):
    rename_all(place, list(zip(NAMES, NAMES[1:] + NAMES[:1], strict=True)))


def rename_or_finish(place):
    if not finish_interrupted(place) and (place / NAMES[0]).read_text() == NAMES[0]:
        rename(place)


def check_names(place):
    found = {path.name: path.read_text() for path in place.glob("*.png")}
    assert found == dict(zip(NAMES[1:] + NAMES[:1], NAMES, strict=True)), found


def make_faces(place):
    make_faceset(place / "faces", 4)


def pack_faces(place):
    pack.pack(PackOptions(input_dir=place / "faces", output=place / "faces.zip", overwrite=True))


def unpack_faces(place):
    pack.unpack(UnpackOptions(input=place / "faces.zip", output_dir=place / "out"))


def check_packed(place):
    shutil.rmtree(place / "out", ignore_errors=True)
    unpack_faces(place)
    for path in list_images(place / "faces"):
        assert (place / "out" / path.name).read_bytes() == path.read_bytes()


def unpack_afresh(place):
    shutil.rmtree(place / "out", ignore_errors=True)
    unpack_faces(place)


def make_packed(place):
    make_faces(place)
    pack_faces(place)


def save_metadata(place):
    metadata.save(SaveMetadataOptions(input_dir=place / "faces", metadata=place / "faces.jsonl"))


def save_metadata_again(place):
    (place / "faces.jsonl").unlink(missing_ok=True)
    save_metadata(place)


def restore_metadata(place):
    metadata.restore(
        RestoreMetadataOptions(input_dir=place / "faces", metadata=place / "faces.jsonl")
    )


def make_saved(place):
    make_faces(place)
    save_metadata(place)


def check_metadata(place):
    kept = (place / "faces.jsonl").read_bytes()
    save_metadata_again(place)
    assert (place / "faces.jsonl").read_bytes() == kept


def check_saved(place):
    lines = (place / "faces.jsonl").read_text().splitlines()
    assert len([json.loads(line) for line in lines]) >= 4


def make_footage(place):
    write_footage(place, 3)


def convert_to(name):
    def work(place):
        changes = {"provenance": False, "codec": "ffv1"}
        convert.run(options(place, name, **changes), INVERT)

    return work


def convert_again(name):
    def work(place):
        try:
            convert_to(name)(place)
        except InputError as problem:  # a video that was finished is not made again
            if "exists already" not in str(problem):
                raise

    return work


def check_converted(name):
    def check(place):
        if name.endswith(".mkv"):
            from faults.stages import decoded

            assert len(decoded(place / name)) == 3
        else:
            assert len(list_images(place / name)) == 3
        assert not list(place.glob("*_parts")), "parts are left behind"

    return check


OPERATIONS = [
    Operation("save a generation", three_saves, saved(4), saved(4), check_model),
    Operation("sort", write_names, rename, rename_or_finish, check_names),
    Operation("pack", make_faces, pack_faces, pack_faces, check_packed),
    Operation("unpack", make_packed, unpack_faces, unpack_afresh, check_packed),
    Operation("save-metadata", make_faces, save_metadata, save_metadata_again, check_saved),
    Operation("restore-metadata", make_saved, restore_metadata, restore_metadata, check_metadata),
    *(
        Operation(f"convert, {name}", make_footage, convert_to(name), convert_again(name),
                  check_converted(name))
        for name in ("result", "result.mkv")
    ),
]  # fmt: skip


def count_changes(place, stop_before=None):
    """Install a hook that counts changes below a place, and ends the process before one of them."""
    done = [0]

    def hook(event, arguments):
        if event == "open":
            flags = arguments[2]
            if not (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)):
                return
        elif event not in CHANGES:
            return
        if not str(arguments[0]).startswith(str(place)):
            return
        done[0] += 1
        if done[0] == stop_before:
            os._exit(CRASHED)

    sys.addaudithook(hook)
    return done


def in_child(function):
    """Run a function in a forked process; return (status, what it returned as text)."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        silent = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silent, 1)
        os.dup2(silent, 2)
        try:
            text, status = str(function()), 0
        except BaseException:  # noqa: BLE001 - the parent reports whatever it was
            text, status = traceback.format_exc()[-600:], 1
        with os.fdopen(writer, "w") as pipe:
            pipe.write(text)
        os._exit(status)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), text


def crash_points(operation):
    """End the operation at each of its changes; return (how many, what went wrong)."""
    with TemporaryDirectory(prefix="crash-") as name:
        place = Path(name)

        def counted():
            operation.prepare(place)
            done = count_changes(place)
            operation.work(place)
            return done[0]

        status, text = in_child(counted)
        if status:
            return 1, [f"{operation.name} does not run: {text}"]
    total, wrong = int(text), []
    for point in range(1, total + 1):
        with TemporaryDirectory(prefix="crash-") as name:
            wrong += _crash(operation, Path(name), point)
    return total, wrong


def _crash(operation, place, point):
    def crash():
        operation.prepare(place)
        count_changes(place, point)
        operation.work(place)

    def recover():
        operation.again(place)
        operation.check(place)

    status, text = in_child(crash)
    if status not in (CRASHED, 0):
        return [f"{operation.name}, point {point}: {text}"]
    status, text = in_child(recover)
    return [f"{operation.name}, point {point}: {text}"] if status else []

"""Runs of every stage on small input, and what each must leave behind in the end."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import av
import skimage.data
from support.conversion import write_footage
from support.synthetic import make_faceset, make_video

from models import checkpoint
from utils.files import IMAGE_SUFFIXES
from utils.images import write_image

ROOT = Path(__file__).resolve().parents[2]
MAIN = [sys.executable, str(ROOT / "main.py")]
TOY = [sys.executable, str(ROOT / "tests" / "support" / "toy_model.py")]
ITERATIONS = 400
FRAMES = 24
ENVIRONMENT = os.environ | {"CUDA_VISIBLE_DEVICES": "-1", "TF_CPP_MIN_LOG_LEVEL": "3"}


@dataclass(frozen=True)
class StageRun:
    """A command line with a place for its result.

    Attributes
    ----------
    command : function of the place
        The words of the command.
    result : function of the place
        What it left behind, to be compared; raises an exception if that is damaged.
    prepare : function of the place
        Puts there what the command changes.
    """

    name: str
    command: Callable[[Path], list[str]]
    result: Callable[[Path], object]
    prepare: Callable[[Path], None] = field(default=lambda place: None)

    def start(self, place, **options):
        """Start it in a session of its own, so that a signal reaches its children alone."""
        return subprocess.Popen(
            self.command(place), cwd=ROOT, env=ENVIRONMENT, start_new_session=True, text=True,
            **({"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT} | options),
        )  # fmt: skip

    def finish(self, place, patience=180):
        """Run it to its end; return (status, output)."""
        process = self.start(place)
        try:
            said, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            return None, process.communicate()[0]
        return process.returncode, said


def make_workspace(folder):
    """Make the input of all stages: an astronaut who moves, drawn faces, a trained toy model."""
    astronaut = skimage.data.astronaut()[:300, 60:380, ::-1]
    for index in range(FRAMES):
        write_image(folder / "portrait" / f"{index:06d}.png", astronaut[index : index + 240])
    images = write_footage(folder, FRAMES)
    make_video(folder / "clip.mp4", images)
    for identity, side in enumerate(("src", "dst")):
        make_faceset(folder / side, 12, identity=identity)
    status, said = train(folder, 4).finish(folder)
    assert status == 0, said
    return folder


def train(workspace, target=ITERATIONS):
    def command(place):
        return [
            *TOY, "train", "--model", "TOY", "--no-ask", "--no-preview", "--batch-size", "2",
            "--training-data-src-dir", str(workspace / "src"), "--learning-rate", "0.001",
            "--training-data-dst-dir", str(workspace / "dst"), "--model-dir", str(place / "model"),
            "--save-minutes", "0.002", "--measure-minutes", "0.02", "--seed", "5",
            "--preview-minutes", "0.02", "--target-iter", str(target),
        ]  # fmt: skip

    def result(place):
        generation = checkpoint.load_newest(place / "model")
        history = generation.history()
        for arrays in generation.weights().values():
            assert all((array == array).all() for array in arrays), "weights that are no numbers"
        return generation.iteration, history.shape, generation.optimizer()["steps"].tolist()

    return StageRun("train", command, result)


def stages(workspace):
    """Return a run of every stage."""
    aligned, model = str(workspace / "aligned"), str(workspace / "model")
    convert = [
        *("convert", "--aligned-dir", aligned, "--model-dir", model),
        *("--mode", "overlay", "--no-ask", "--no-provenance"),
    ]

    def main(*words):
        return lambda place: [*MAIN, *(word.replace("@", str(place)) for word in words)]

    def toy(*words):
        return lambda place: [*TOY, *(word.replace("@", str(place)) for word in words)]

    def copy_faces(place):
        shutil.copytree(workspace / "src", place / "faces", dirs_exist_ok=True)

    frames, clip = str(workspace / "frames"), str(workspace / "clip.mp4")
    portrait, faces = str(workspace / "portrait"), str(workspace / "src")
    return [
        StageRun(
            "extract",
            main("extract", "--input-dir", portrait, "--output-dir", "@/out", "--no-ask"),
            lambda place: contents(place / "out"),
        ),
        StageRun(
            "sort",
            main("sort", "--input-dir", "@/faces", "--by", "brightness", "--no-ask"),
            lambda place: (sorted(contents(place / "faces")), multiset(place / "faces")),
            copy_faces,
        ),
        train(workspace),
        StageRun(
            "convert, folder",
            toy(*convert, "--input-dir", frames, "--output-dir", "@/out"),
            lambda place: contents(place / "out"),
        ),
        StageRun(
            "convert, video",
            toy(*convert, "--input-dir", clip, "--output-dir", "@/out.mkv", "--codec", "ffv1"),
            lambda place: decoded(place / "out.mkv"),
        ),
        StageRun(
            "video extract",
            main("video", "extract", "--input-file", clip, "--output-dir", "@/out", "--no-ask"),
            lambda place: contents(place / "out"),
        ),
        StageRun(
            "video make",
            main(
                *("video", "make", "--input-dir", frames, "--output-file", "@/out.mkv"),
                *("--codec", "ffv1", "--overwrite", "--no-ask"),
            ),
            lambda place: decoded(place / "out.mkv"),
        ),
        StageRun(
            "util pack",
            main(
                *("util", "pack", "--input-dir", faces, "--output", "@/out.zip"),
                *("--overwrite", "--no-ask"),
            ),
            lambda place: (place / "out.zip").stat().st_size,
        ),
    ]


def contents(folder):
    """Return the images of a folder: name -> checksum."""
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.suffix in IMAGE_SUFFIXES and not path.name.startswith(".")
    }


def multiset(folder):
    return sorted(contents(folder).values())


def decoded(path):
    """Return a checksum of each frame of a video, and its time."""
    with av.open(str(path)) as container:
        return [
            (frame.time, hashlib.sha256(frame.to_ndarray(format="bgr24").tobytes()).hexdigest())
            for frame in container.decode(video=0)
        ]


def leftovers(place):
    """Return what should not be there any more when a run has ended well."""
    names = [path.relative_to(place).as_posix() for path in place.rglob("*")]
    odd = (".tmp", "_parts", ".saving-", ".partial")
    return [name for name in names if any(word in name for word in odd)]

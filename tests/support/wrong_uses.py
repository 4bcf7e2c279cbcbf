"""Wrong uses of the commands, and a workspace in which to try them.

    python -m support.wrong_uses FOLDER

tries each in the workspace FOLDER, as at a terminal, and prints what it did as JSON.
"""

import builtins
import contextlib
import io
import json
import os
import sys
from pathlib import Path

HEAVY = ("tensorflow", "keras", "cv2")
NEW = "convert --output-dir new.mp4"
WRONG_USES = {
    # the stage and its words
    "extrct src": "did you mean extract?",
    "help extrct": "did you mean extract?",
    "util exprt": "did you mean util export?",
    "extract": "src or dst?",
    "util pack": "src or dst?",
    "extract scr": "did you mean src?",
    "extract data_src.mp4": "Expected one of src, dst",
    "extract src --imput-dir x": "did you mean --input-dir?",
    # values
    "extract src --detector manuel": "did you mean manual?",
    "extract src --image-size 32": "a whole number from 64 to 2048. Received: 32",
    "sort src --by sharpness": "did you mean blur?",
    "sort src --page faces.txt": "a name ending in .html",
    "train --model H46": "did you mean H64?",
    "train --batch-size 0.5": "a whole number from 0 to 1024. Received: 0.5",
    "train --target-iter -5": "of at least 0. Received: -5",
    "train --stop-when soon": "--stop-when: Expected a quality from 0 to 1",
    f"{NEW} --mode overly": "did you mean overlay?",
    f"{NEW} --from soon": "--from: Expected a frame number",
    "run --minutes 0": "a number of at least 0.1. Received: 0",
    # footage
    "extract --input-dir gone.mp4 --output-dir x": "check the path after --input-dir",
    "extract --input-dir data_src --output-dir x": "--input-dir {here}/data_src.mp4",
    "extract --input-dir empty.mp4 --output-dir x": "copy or download it again",
    "convert --input-dir data_dst.mov": "is it data_dst.mp4?",
    "evaluate --result gone.mp4": "check the path after --result",
    "video cut --input-file gone.mp4 --output-file x.mp4": "check the path after --input-file",
    "extract src --person me.jpg": "check the path after --person",
    # faces
    "sort --input-dir data_src": "--input-dir {here}/data_src/aligned",
    "sort --input-dir data_src.mp4": "extract --input-dir {here}/data_src.mp4",
    "sort --input-dir frames": "run extract",
    "train --training-data-src-dir data_src": "--training-data-src-dir {here}/data_src/aligned",
    "train --training-data-dst-dir data_dst.mp4": "is a video",
    f"{NEW} --aligned-dir data_dst": "--aligned-dir {here}/data_dst/aligned",
    "train --workspace half": "extract src --workspace {here}/half",
    # models
    "train --model H128": "use another --model-dir",
    "train --model-dir data_src.mp4": "--model-dir must be a folder",
    "train --load-weights model": "leave the flag out, or use another --model-dir",
    "train --model-dir new --load-weights frames": "there is no trained model",
    f"{NEW} --model H64": "use --model Quick96 or another --model-dir",
    f"{NEW} --model-dir data_src": "there is no trained model",
    f"{NEW} --model-dir .": "is it --model-dir {here}/model?",
    "convert --workspace half": "extract dst --workspace {here}/half",
    "util export --model-dir frames --output x.keras": "run train first",
    # what is written
    "extract src --output-dir data_dst.mp4": "--output-dir must be a folder",
    "extract --input-dir frames --output-dir frames": "choose another --output-dir",
    "convert": "use --overwrite or another name",
    "convert --output-dir data_dst.mp4 --overwrite": "name another --output-dir",
    "convert --output-dir result.avi": "a video is written as one of: .mp4",
    f"{NEW} --alpha": "--codec one of: prores",
    f"{NEW} --mask-output masks": "--mask-output: Expected a folder if the result is one",
    # what does not go together, or is not there
    "sort src --target 100": "Expected --by final",
    "sort src --undo": "there is no sort to undo",
    "sort src --undo --dry-run": "Expected to be without --undo",
    "evaluate --dst data_dst.mp4 --result result.mp4 --src-aligned data_src/aligned "
    "--model-dir model": "--model-dir needs --dst-aligned",
    f"{NEW} --session gone.json": "check the path, or use --no-use-session",
    f"{NEW} --settings gone.json": "as <result>_convert.json",
    f"{NEW} --mask-dir gone": "check --mask-dir",
    f"{NEW} --interactive": "Choose the look with flags",
    "extract src --manual-fix": "use a detector such as --detector yunet",
    "status --workspace gone": "check the path after --workspace",
}
"""What is typed in the workspace -> a part of the answer, the way out."""


def make_workspace(folder):
    """Two clips, their faces, a Quick96 at iteration 100, and a result; beside them other things.

    The model has no weights: who tries to load it must have read more than is refused early.
    """
    # not at the top: the attempts are made in a process that has loaded nothing heavy
    import numpy as np
    from support.synthetic import make_faceset, make_video

    from utils.images import write_image

    frame = np.full((32, 32, 3), 128, np.uint8)
    write_image(folder / "frames" / "0.png", frame)
    for side in ("src", "dst"):
        make_faceset(folder / f"data_{side}" / "aligned", count=2)
        make_video(folder / f"data_{side}.mp4", [frame] * 3, audio=False)
    (folder / "result.mp4").write_bytes((folder / "data_dst.mp4").read_bytes())
    (folder / "empty.mp4").touch()
    (folder / "half").mkdir()
    for side in ("src", "dst"):
        (folder / "half" / f"data_{side}.mp4").write_bytes(b"a clip")
    make_model(folder / "model", iteration=100, seconds=600)
    return folder


def make_model(folder, iteration, seconds, **more):
    """The part of a saved Quick96 that can be read without its networks."""
    generation = folder / "generations" / f"{iteration:09d}"
    generation.mkdir(parents=True)
    state = {"version": 1, "model": "Quick96", "iteration": iteration, "seconds": seconds}
    state |= more
    (generation / "state.json").write_text(json.dumps(state))
    (generation / "options.json").write_text(json.dumps({"model": "Quick96"}))


def everything_in(folder):
    """Path, size and time of change of everything in a folder."""
    found = {path: path.stat() for path in folder.rglob("*")}
    return {str(path): (facts.st_size, facts.st_mtime_ns) for path, facts in found.items()}


def attempt(words, folder):
    """Try one use in this process; what it said, asked for, loaded and changed."""
    import main

    asked = []
    before = everything_in(folder)
    out, err = io.StringIO(), io.StringIO()
    builtins.input = lambda question: asked.append(question) or ""
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main.main(words.split())
    return {
        "words": words,
        "status": status,
        "out": out.getvalue(),
        "err": err.getvalue(),
        "asked": asked,
        "loaded": [name for name in HEAVY if name in sys.modules],
        "changed": before != everything_in(folder),
    }


if __name__ == "__main__":
    from utils import console

    console.interactive = lambda: True
    os.chdir(sys.argv[1])
    os.environ.pop("DISPLAY", None)
    sys.stdout.write(json.dumps([attempt(words, Path.cwd()) for words in WRONG_USES]))

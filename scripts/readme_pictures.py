"""The pictures of the README, made from one public-domain photograph.

    python -m scripts.readme_pictures hero --workspace readme

NASA's portrait of an astronaut (`skimage.data.astronaut`) becomes two sets of frames. As src she
turns her head, smiles and stands in changing light; as dst the same photograph is another person:
other proportions, stubble, dark hair, a blue suit, another wall. docs/pictures.md says what each
picture shows. A second run reuses the frames, the faces and the model that are there.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from PIL import Image, ImageDraw, ImageFont, ImageGrab

from scripts.readme_footage import DST_FRAMES, SRC_FRAMES, dst_frames, src_frames, write_footage
from utils.console import error, say

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"

TRAINING = ("--model", "SAE", "--resolution", "96", "--ae-dims", "128", "--ed-ch-dims", "16",
            "--preset", "fast", "--learning-rate", "4e-4", "--batch-size", "4",
            "--no-random-flip", "--seed", "1")  # fmt: skip
ITERATIONS = 2200


# ---- the steps of main.py


@dataclass(frozen=True)
class Workspace:
    """Where everything lies."""

    folder: Path

    def frames(self, side: str) -> Path:
        """Return the folder of the frames of src or dst."""
        return self.folder / f"data_{side}"

    def faces(self, side: str) -> Path:
        """Return the folder of the faces of src or dst."""
        return self.folder / f"aligned_{side}"

    @property
    def model(self) -> Path:
        """Return the model's folder."""
        return self.folder / "model"


class StepFailedError(Exception):
    """A program that a picture needs is missing or has failed."""


def toolkit(*words: str | Path) -> list[str]:
    """Return a call of main.py that asks nothing."""
    return [sys.executable, str(ROOT / "main.py"), *map(str, words), "--no-ask"]


def call(command: list[str], quiet: bool = False) -> None:
    """Run a program.

    Raises
    ------
    StepFailedError
        If its exit status is not 0.
    """
    output = subprocess.DEVNULL if quiet else None
    status = subprocess.run(command, cwd=ROOT, stdout=output, stderr=output).returncode
    if status:
        raise StepFailedError(f"{' '.join(command)}\nfailed with exit status {status}")


def prepare(workspace: Workspace) -> None:
    """Draw the footage and extract its faces."""
    write_footage(workspace.frames("src"), src_frames(), SRC_FRAMES)
    write_footage(workspace.frames("dst"), dst_frames(), DST_FRAMES)
    for side in ("src", "dst"):
        call(extraction(workspace, side))


def extraction(workspace: Workspace, side: str) -> list[str]:
    """Return the call that finds the faces of src or dst."""
    return toolkit("extract", "--input-dir", workspace.frames(side),
                   "--output-dir", workspace.faces(side))  # fmt: skip


def training(workspace: Workspace, iterations: int) -> list[str]:
    """Return the call that trains up to so many iterations in all."""
    return toolkit("train", "--training-data-src-dir", workspace.faces("src"),
                   "--training-data-dst-dir", workspace.faces("dst"),
                   "--model-dir", workspace.model, *TRAINING,
                   "--target-iter", str(iterations), "--no-preview")  # fmt: skip


def conversion(workspace: Workspace, result: Path, *words: str) -> list[str]:
    """Return the call that converts dst."""
    return toolkit("convert", "--input-dir", workspace.frames("dst"), "--output-dir", result,
                   "--aligned-dir", workspace.faces("dst"), "--model-dir", workspace.model,
                   *words)  # fmt: skip


def sorting(faces: Path, page: Path) -> list[str]:
    """Return the call that sorts faces and writes a page of them."""
    return toolkit("sort", "--input-dir", faces, "--by", "brightness", "--page", page)


# ---- the pictures

TILE, GAP, LABEL = 232, 10, 34  # of the strip; the label's line stands below a tile
INK, PAPER = (40, 40, 40), (255, 255, 255)
SHOWN = (90, 60, 430, 400)  # left, top, right, bottom of what the strip shows of a frame
SRC_NUMBER, DST_NUMBER = 20, 78  # frames that the strip shows
LOOK = ("--mode", "overlay", "--color-transfer", "rct", "--erode-modifier", "-80",
        "--sharpen", "30")  # fmt: skip
SCREEN = (1280, 780)
PATIENCE = 240  # seconds until the window must be there
SORTED, CLICKED = 60, 52  # faces on the sort page, and which of them is clicked
SETTLED = 8  # seconds without a change, after which everything in it is drawn


def draw_hero(workspace: Workspace) -> None:
    """Draw the face that is put in, a frame, and what a conversion makes of it."""
    tiles = {"source face": workspace.frames("src") / f"{SRC_NUMBER:06d}.png",
             "frame": workspace.frames("dst") / f"{DST_NUMBER:06d}.png",
             "prediction": converted(workspace, "--mode", "raw", "--raw-mode", "predicted"),
             "mask": converted(workspace, "--mode", "raw", "--raw-mode", "mask"),
             "blend": converted(workspace, *LOOK)}  # fmt: skip
    save(strip({label: Image.open(path) for label, path in tiles.items()}), "hero.jpg", 92)


def converted(workspace: Workspace, *look: str) -> Path:
    """Convert one frame of dst and return the result."""
    result = workspace.folder / f"result_{look[-1]}"
    shutil.rmtree(result, ignore_errors=True)
    number = str(DST_NUMBER)
    call(conversion(workspace, result, "--from", number, "--to", number, *look))
    return result / f"{DST_NUMBER:06d}.png"


def strip(tiles: dict[str, Image.Image]) -> Image.Image:
    """Return frames side by side, each with its label."""
    size = (GAP + len(tiles) * (TILE + GAP), GAP + TILE + LABEL)
    sheet = Image.new("RGB", size, PAPER)
    drawer = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(18)
    for number, (label, frame) in enumerate(tiles.items()):
        left = GAP + number * (TILE + GAP)
        part = frame.convert("RGB").crop(SHOWN).resize((TILE, TILE), Image.Resampling.LANCZOS)
        sheet.paste(part, (left, GAP))
        below = (left + TILE / 2, GAP + TILE + LABEL / 2)
        drawer.text(below, label, INK, font, anchor="mm")
    return sheet


def draw_training(workspace: Workspace) -> None:
    """Take over the preview that `train` has written."""
    preview = Image.open(workspace.model / "preview.png").convert("RGB")
    size = (SCREEN[0], round(preview.height * SCREEN[0] / preview.width))
    save(preview.resize(size, Image.Resampling.LANCZOS), "training.jpg")


def draw_sort(workspace: Workspace) -> None:
    """Sort some faces of src and show the page in a browser, with a click on one of them."""
    browser = find_program("chromium", "chromium-browser", "google-chrome")
    faces, page = workspace.folder / "sorted", workspace.folder / "order.html"
    shutil.rmtree(faces, ignore_errors=True)
    faces.mkdir()
    for path in sorted(workspace.faces("src").glob("*.png"))[:SORTED]:
        shutil.copyfile(path, faces / path.name)
    call(sorting(faces, page))
    with page.open("a", encoding="utf-8") as file:
        file.write(f"<script>document.querySelectorAll('figure')[{CLICKED}].click()</script>")
    shot = workspace.folder / "sort.png"
    width, height = SCREEN
    call([browser, "--headless", "--no-sandbox", "--hide-scrollbars",
          f"--screenshot={shot}", f"--window-size={width},{height}",
          page.absolute().as_uri()], quiet=True)  # fmt: skip
    save(Image.open(shot).convert("RGB"), "sort.jpg")


def draw_interactive(workspace: Workspace) -> None:
    """Open the window of `convert --interactive` on a virtual screen and take its picture."""
    server = [find_program("Xvfb"), "-displayfd", "1", "-nolisten", "tcp", "-noreset",
              "-screen", "0", "{}x{}x24".format(*SCREEN)]  # fmt: skip
    with running(server) as screen:
        assert screen.stdout
        display = f":{screen.stdout.readline().decode().strip()}"
        command = conversion(workspace, workspace.folder / "interactive", *LOOK, "--interactive")
        with running(command, display):
            save(painted_screen(display), "interactive.jpg")


@contextmanager
def running(command: list[str], display: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """Run a program until the block ends: on a virtual screen, or one whose output is read."""
    env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
    output = None if display else subprocess.PIPE
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=output)
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def painted_screen(display: str) -> Image.Image:
    """Wait until a virtual screen has shown the same for a while, and return it.

    Raises
    ------
    StepFailedError
        If it stays black.
    """
    seen, since = b"", time.monotonic()
    deadline = since + PATIENCE
    while time.monotonic() < deadline:
        image = ImageGrab.grab(xdisplay=display).convert("RGB")
        if (now := image.tobytes()) != seen:
            seen, since = now, time.monotonic()
        if image.getbbox() and time.monotonic() - since > SETTLED:
            return image
        time.sleep(0.5)
    raise StepFailedError(
        f"no window was there after {PATIENCE} seconds; run it again when the machine is less busy"
    )


def find_program(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises
    ------
    StepFailedError
        If none is.
    """
    for name in names:
        if path := shutil.which(name):
            return path
    raise StepFailedError(f"{names[0]} is not installed; docs/pictures.md says how to get it")


def save(image: Image.Image, name: str, quality: int = 78) -> None:
    """Write a picture into docs/images."""
    IMAGES.mkdir(exist_ok=True)
    image.save(IMAGES / name, quality=quality, optimize=True)
    say(f'"{IMAGES / name}" written, {(IMAGES / name).stat().st_size // 1000} KB')


PICTURES: dict[str, Callable[[Workspace], None]] = {
    "hero": draw_hero,
    "training": draw_training,
    "interactive": draw_interactive,
    "sort": draw_sort,
}


def main() -> int:
    """Read the command line and make one picture."""
    parser = argparse.ArgumentParser(description="Make a picture of the README")
    parser.add_argument("picture", choices=PICTURES)
    parser.add_argument("--workspace", type=Path, default=ROOT / "workspace" / "readme")
    parser.add_argument("--iterations", type=int, default=ITERATIONS, help="of training, in all")
    arguments = parser.parse_args()
    workspace = Workspace(arguments.workspace.absolute())
    try:
        prepare(workspace)
        if arguments.picture != "sort":
            call(training(workspace, arguments.iterations))
        PICTURES[arguments.picture](workspace)
    except StepFailedError as problem:
        error(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The slider of the view Convert beside that of a Gradio page, and what both need to be installed.

    python -m benchmarks.workbench_latency [--rounds 60] [--python PYTHON_WITH_GRADIO]

Needs chromium, playwright, and a package index: Gradio is installed, pinned, into a temporary
folder, unless an environment that has it is named. Both show the same picture of 1080p in the same
browser, and the render costs nothing. Measured is the time from the event on the slider to the
browser's frame with the picture.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from playwright.sync_api import Browser, Page
from skimage import data, transform

from benchmarks.workbench_preview import chromium, make, opened
from utils import program
from utils.images import write_image

ROOT = Path(__file__).resolve().parent.parent
GRADIO = "gradio==6.31.0"
OURS = ("starlette>=1.0,<2", "uvicorn>=0.40,<1", "websockets>=15,<18")
"""As in requirements-common.txt: what the page adds to the program."""
START, PAUSE = 60_000, 60  # milliseconds
OUR_SLIDER = "#look-erode_modifier"
GRADIO_SLIDER = "input[type=range]"
DRAWN = """
(done) => new MutationObserver((_, self) => (self.disconnect(), done()))
  .observe(document.querySelector(".stage"), { attributeFilter: ["data-drawn"] })
"""
LOADED = """
(done) => document.querySelector("#picture img").addEventListener("load", done, { once: true })
"""
MOVE = """
(value) => new Promise((done) => {
  setTimeout(() => done(null), 10_000);
  const slider = document.querySelector("%s");
  let began;
  (%s)(() => requestAnimationFrame(() => done(performance.now() - began)));
  began = performance.now();
  slider.value = value;
  slider.dispatchEvent(new Event("input", { bubbles: true }));
})
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--python", help="an environment with Gradio")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        python = options.python or compare_sizes(Path(folder))
        compare(browser, Path(folder), python, options.rounds)


def compare_sizes(folder: Path) -> str:
    """Install what each page needs, print how large it is; return a Python that has Gradio."""
    _, ours = installed(folder / "ours", *OURS)
    python, theirs = installed(folder / "gradio", GRADIO)
    print(
        f"installed: {ours / 1e6:.0f} MB, gradio {theirs / 1e6:.0f} MB: {theirs / ours:.0f} times"
    )
    return python


def installed(folder: Path, *requirements: str) -> tuple[str, int]:
    """Install into a new environment; return its Python, and by how many bytes it has grown."""
    venv.create(folder, with_pip=True)
    python = str(folder / "bin" / "python")
    before = used(folder)
    subprocess.run(
        [python, "-m", "pip", "install", "-q", "--no-compile", *requirements],
        check=True, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    return python, used(folder) - before


def used(folder: Path) -> int:
    """Return the room that the files of a folder take on the disk."""
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


def compare(browser: Browser, folder: Path, python: str, rounds: int) -> None:
    """Measure the pages in turns, and print how often the one is as fast as the others."""
    picture = make_picture(folder)
    with ExitStack() as stack:
        ours = stack.enter_context(workbench(browser, folder, picture))
        moves = {"workbench": (ours, MOVE % (OUR_SLIDER, DRAWN))}
        for setting in ("defaults", "tuned"):
            page = stack.enter_context(gradio(browser, python, setting, picture))
            moves[f"gradio, {setting}"] = page, MOVE % (GRADIO_SLIDER, LOADED)
        times: dict[str, list[float | None]] = {name: [] for name in moves}
        for value in range(1, rounds + 1):
            for name, (page, move) in moves.items():
                page.bring_to_front()
                page.wait_for_timeout(PAUSE)
                times[name].append(page.evaluate(move, value))
    fastest = median(filter(None, times["workbench"]))
    for name, found in times.items():
        each = [milliseconds for milliseconds in found if milliseconds is not None]
        low, high = np.percentile(each, (5, 95))
        print(
            f"{name:18} {median(each):5.0f} ms ({low:.0f} to {high:.0f}), "
            f"{median(each) / fastest:.1f} times, {len(found) - len(each)} without a picture"
        )


def make_picture(folder: Path) -> Path:
    """Write a photograph of 1080p."""
    photograph = transform.resize(data.astronaut()[80:368], (1080, 1920))[..., ::-1]
    write_image(folder / "picture.png", np.rint(255 * photograph).astype(np.uint8))
    return folder / "picture.png"


@contextmanager
def workbench(browser: Browser, folder: Path, picture: Path) -> Iterator[Page]:
    """Yield the view Convert, whose renders cost nothing."""
    stage = Path(__file__).with_name("free_preview.py")
    program.start = lambda: [sys.executable, str(stage)]
    os.environ["BENCHMARK_PICTURE"] = str(picture)
    with opened(browser, make(folder / "workspace", 300)) as page:
        page.wait_for_timeout(2000)
        yield page


@contextmanager
def gradio(browser: Browser, python: str, setting: str, picture: Path) -> Iterator[Page]:
    """Yield a Gradio page."""
    script = str(Path(__file__).with_name("gradio_page.py"))
    quiet = os.environ | {"GRADIO_ANALYTICS_ENABLED": "False", "HF_HUB_OFFLINE": "1"}
    quiet.pop("PYTHONPATH", None)
    server = subprocess.Popen(
        [python, script, setting, str(picture)],
        stdout=subprocess.PIPE, text=True, env=quiet,
    )  # fmt: skip
    assert server.stdout
    try:
        address = next(found[0] for line in server.stdout if (found := re.search(r"http\S+", line)))
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(address)
        page.locator("#picture img").wait_for(timeout=START)
        page.wait_for_timeout(2000)
        yield page
        page.close()
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()

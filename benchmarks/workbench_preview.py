"""The interactive preview on the page at 1080p: from the slider to the image on the screen.

    python -m benchmarks.workbench_preview [--face 300]

Needs chromium and playwright. The model is a negative, which costs nothing: predictions are cached,
so a slider never waits for one. Each round moves the erosion in the browser, and ends with the
browser's frame that shows the image. CPU time is that of browser, server and preview together.
"""

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.page import served
from support.synthetic import draw_face, make_info, make_landmarks, make_video

from facelib import geometry
from facelib.faceset import write_face
from utils import program
from utils.workspace import Workspace

FRAMES, AT = 12, 8  # a frame with all its context frames
ROUNDS, PAUSE = 20, 150  # milliseconds between two changes
MODES = ("overlay", "hist-match", "seamless")
START = 120_000  # milliseconds
MOVE = """
(value) => new Promise((done) => {
  const stage = document.querySelector(".stage");
  const slider = document.querySelector("#look-erode_modifier");
  const began = performance.now();
  const shown = () => requestAnimationFrame(() => done(performance.now() - began));
  new MutationObserver((_, self) => (self.disconnect(), shown()))
    .observe(stage, { attributeFilter: ["data-drawn"] });
  slider.value = value;
  slider.dispatchEvent(new Event("input"));
})
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--face", type=int, default=300, help="width of the face in pixels")
    face = parser.parse_args().face
    stage = ROOT / "tests" / "support" / "preview_stage.py"
    program.start = lambda: [sys.executable, str(stage)]
    os.environ["PYTHONPATH"] = f"{ROOT}{os.pathsep}{ROOT / 'tests'}"
    with (
        tempfile.TemporaryDirectory() as folder,
        chromium() as browser,
        opened(browser, make(Path(folder), face)) as page,
    ):
        for mode in MODES:
            page.get_by_label("mode", exact=True).select_option(mode)
            page.wait_for_timeout(4000)  # the frames before are prepared
            before = cpu_seconds()
            times = []
            for value in range(1, ROUNDS + 1):
                times.append(page.evaluate(MOVE, value))
                page.wait_for_timeout(PAUSE)
            busy = 1000 * (cpu_seconds() - before) / ROUNDS
            print(f"{mode:12} {median(times):5.0f} ms, worst {max(times):5.0f}; {busy:5.0f} CPU-ms")


def make(folder: Path, face: int) -> Workspace:
    """Make a workspace with a clip and its faces."""
    points = make_landmarks(8, 3, 6, center=(960, 540), width=face)
    image = draw_face(points, (1080, 1920))
    folder.mkdir(exist_ok=True)
    make_video(folder / "data_dst.mp4", [image] * FRAMES, audio=False)
    aligned = folder / "data_dst" / "aligned"
    aligned.mkdir(parents=True)
    (folder / "model").mkdir()
    for index in range(FRAMES):
        facts = {"source": "data_dst.mp4", "source_name": f"{index:06d}.png", "frame_index": index}
        info = make_info(points, 64, **facts)
        write_face(aligned / f"{index:06d}_0.png", geometry.warp_face(image, info.matrix, 64), info)
    return Workspace(folder)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield a browser."""
    with sync_playwright() as play:
        path = shutil.which("chromium")
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(browser: Browser, home: Workspace) -> Iterator[Page]:
    """Yield the page with the preview of a frame."""
    with served(home) as client:
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        page.goto(f"http://{client.host}/?token={client.app.door.token}#convert")
        page.get_by_role("link", name="Convert").click()
        page.get_by_role("button", name="Open the preview").click()
        page.locator(".convert").wait_for(timeout=START)
        for _ in range(AT):
            page.keyboard.press("ArrowRight")
        yield page
        page.close()


def cpu_seconds() -> float:
    """Return the CPU time of this process and all it started."""
    me = psutil.Process()
    times = [process.cpu_times() for process in [me, *me.children(recursive=True)]]
    return sum(each.user + each.system for each in times)


if __name__ == "__main__":
    main()

"""The images of docs/workbench.md: the whole way on the page, as the browser test goes it.

    python -m scripts.workbench_pictures --workspace /tmp/shown

The footage is that of the README, from one public-domain photograph. Needs chromium and the
packages of requirements-dev.txt.
"""

import argparse
import io
import sys
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from PIL import Image
from playwright.sync_api import expect
from support.way import Way, opened, wait

from scripts.readme_footage import dst_frames, src_frames, write_clip
from utils.console import say
from utils.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
FRAMES = {"src": 80, "dst": 48}
QUALITIES = range(84, 40, -4)
LARGEST = 118_000  # bytes


def main() -> None:
    """Make the images."""
    parser = argparse.ArgumentParser(description="images of the workbench for its docs")
    parser.add_argument("--workspace", type=Path, required=True, help="a folder that is made")
    parser.add_argument("--iterations", type=int, default=240, help="of the training")
    arguments = parser.parse_args()
    home = Workspace(arguments.workspace)
    home.folder.mkdir(parents=True)
    footage = {"src": src_frames(), "dst": dst_frames()}
    clips = {
        side: write_clip(home.folder / f"{side}.mp4", islice(frames, FRAMES[side]))
        for side, frames in footage.items()
    }
    with opened(home, color_scheme="light") as way:
        walk(way, clips, arguments.iterations)


def walk(way: Way, clips: dict[str, Path], iterations: int) -> None:
    """Go the whole way, and keep what is seen at six places."""
    page = way.page
    way.upload(clips)
    way.extract("src")
    way.next("extract dst", "faces of dst")
    expect(page.locator(".progress-facts")).to_contain_text(f"of {FRAMES['dst']}", timeout=60_000)
    keep(way, "project")
    way.ended()
    way.sort()
    way.select_faces(10)
    page.wait_for_timeout(1500)
    keep(way, "faces")
    way.open_landmarks()
    page.wait_for_timeout(1000)
    keep(way, "landmarks")
    way.start_training(
        target_iter=iterations, batch_size=4, preview_minutes=0.2, measure_minutes=0.7
    )
    way.view("Train")
    wait(page, lambda: page.locator(".model .state").text_content() == "not training", 1200)
    page.wait_for_timeout(1000)
    keep(way, "train")
    way.open_preview()
    page.get_by_label("erode", exact=True).fill("20")
    page.get_by_role("button", name="Compare").click()
    page.wait_for_timeout(2000)
    keep(way, "convert")
    way.render()
    way.next("evaluate", "Measure")
    way.ended()
    show_result(way)


def show_result(way: Way) -> None:
    """Keep the result beside the footage, verified."""
    page = way.page
    way.view("Result")
    page.get_by_role("button", name="Check it").click()
    page.get_by_text("Marked as synthetic").wait_for()
    page.get_by_label("Wipe", exact=True).check()
    page.get_by_label("time", exact=True).fill("1")
    page.wait_for_timeout(1500)
    keep(way, "result")


def keep(way: Way, name: str) -> None:
    """Write what the page shows."""
    path = IMAGES / f"workbench-{name}.jpg"
    way.page.evaluate("scrollTo(0, 0)")
    way.page.wait_for_timeout(300)
    image = Image.open(io.BytesIO(way.page.screenshot())).convert("RGB")
    for quality in QUALITIES:
        image.save(path, quality=quality)
        if path.stat().st_size <= LARGEST:
            break
    say(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()

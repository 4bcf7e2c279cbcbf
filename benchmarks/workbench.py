"""The workbench in a real browser: first answer, the grid of faces, deletion, memory.

    python -m benchmarks.workbench [--faces 100000] [--delete 5000] [--folder WORKSPACE]

Needs chromium and playwright. The grid is scrolled by some pixels in each frame, and jumps to
random places; script, style and layout of each frame are added up from the browser's own trace, by
the clock and by the time that the thread had a core. Without --folder a workspace with that many
drawn faces is made; the first table of them takes minutes.
"""

import argparse
import bisect
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.many_faces import make

WORK = frozenset({
    "EventDispatch", "EvaluateScript", "FireAnimationFrame", "FunctionCall", "HitTest", "Layout",
    "RunMicrotasks", "TimerFire", "UpdateLayoutTree",
})  # fmt: skip
"""What the browser's trace calls script, style and layout."""
CATEGORIES = ["devtools.timeline", "disabled-by-default-devtools.timeline"]
FRAMES = 200
SCROLLS = {
    "60 px": "grid.scrollTop += 60",
    "120 px": "grid.scrollTop += 120",
    "900 px": "grid.scrollTop += 900",
    "a jump": "grid.scrollTop = Math.random() * grid.scrollHeight",
}
"""What happens in each frame."""
SCROLL = """
(scroll) => new Promise((done) => {
  const grid = document.querySelector(".grid"), act = new Function("grid", scroll);
  let left = %d;
  const step = () => { act(grid); left-- ? requestAnimationFrame(step) : done(); };
  requestAnimationFrame(step);
})
"""
WAIT = 3_600_000
"""Milliseconds for the first table."""

Event = dict[str, Any]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--delete", type=int, default=5_000)
    parser.add_argument("--folder", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        if not (folder / "data_src" / "aligned").is_dir():
            make(folder / "data_src" / "aligned", options.faces)
        with opened(folder) as (server, url), sync_playwright() as play:
            browser = play.chromium.launch(
                executable_path=shutil.which("chromium"), args=["--no-sandbox"]
            )
            measure(browser, url, folder, options.delete)
            print(f"memory of the server: {server.memory_info().rss / 1e6:.0f} MB")
            browser.close()


@contextmanager
def opened(folder: Path) -> Iterator[tuple[psutil.Process, str]]:
    """Serve a workspace; yield the server's process and the address of the page."""
    words = [sys.executable, "main.py", "workbench", "--port", "0", "--no-open"]
    begun = time.perf_counter()
    server = subprocess.Popen(
        [*words, "--workspace", str(folder)], stdout=subprocess.PIPE, text=True
    )
    found = None
    while server.stdout and not found:
        found = re.search(r"http\S+", server.stdout.readline())
    assert found
    print(f"from the command to the address: {time.perf_counter() - begun:.2f} s")
    try:
        yield psutil.Process(server.pid), found[0]
    finally:
        server.terminate()
        server.wait()


def measure(browser: Browser, url: str, folder: Path, count: int) -> None:
    """Measure opening, scrolling and deleting."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(url)
    for what in ("first table", "table again"):
        begun = time.perf_counter()
        page.goto("about:blank")
        page.goto(f"{url.partition('?')[0]}#faces/src")
        page.wait_for_selector(".faces[data-state=ready]", timeout=WAIT)
        print(f"{what}: {time.perf_counter() - begun:.1f} s")
    page.wait_for_timeout(2000)
    for name, scroll in SCROLLS.items():
        events = trace(browser, page, scroll)
        clock, core = (frame_costs(events, unit)[int(FRAMES * 0.95)] for unit in ("dur", "tdur"))
        print(f"scrolling {name} a frame: 95 of 100 below {clock:.1f} ms ({core:.1f} ms on a core)")
    delete(page, folder, count)


def trace(browser: Browser, page: Page, scroll: str) -> list[Event]:
    """Return the browser's trace of scrolling."""
    browser.start_tracing(page=page, categories=CATEGORIES)
    page.evaluate(SCROLL % FRAMES, scroll)
    events: list[Event] = json.loads(browser.stop_tracing())["traceEvents"]
    return events


def frame_costs(events: list[Event], unit: str) -> list[float]:
    """Return the milliseconds of script, style and layout in each frame, ascending."""
    threads = Counter((e["pid"], e["tid"]) for e in events if e["name"] == "UpdateLayoutTree")
    main_thread = threads.most_common(1)[0][0]
    own = [e for e in events if (e["pid"], e["tid"]) == main_thread]
    ends = sorted(e["ts"] for e in own if e["name"] == "Commit")
    costs = [0.0] * (len(ends) + 1)
    counted = 0
    work = (e for e in own if e["name"] in WORK and e["ph"] == "X")
    for event in sorted(work, key=lambda e: (e["ts"], -e.get("dur", 0))):
        if event["ts"] >= counted:  # else it is within another one
            counted = event["ts"] + event.get("dur", 0)
            costs[bisect.bisect_left(ends, event["ts"])] += event.get(unit, 0) / 1000
    return sorted(costs[1:-1])


def delete(page: Page, folder: Path, count: int) -> None:
    """Delete faces by their places in the grid, and put them back."""
    trash = folder / "data_src" / "aligned_trash"
    page.fill("#face-score-high", str(_score_of(page, count)))
    page.wait_for_timeout(1500)
    page.focus(".grid")
    page.keyboard.press("Control+a")
    for key, said, what in (("Delete", "moved", "deleting"), ("Control+z", "put back", "undoing")):
        begun = time.perf_counter()
        page.keyboard.press(key)
        page.locator(".faces-foot .said", has_text=said).wait_for()
        seconds = time.perf_counter() - begun
        held = len(list(trash.iterdir()))
        print(f"{what}: {seconds:.2f} s; {held} in the trash")


def _score_of(page: Page, count: int) -> float:
    """Return the detection score below which about so many faces are."""
    scores = page.evaluate(
        "async () => (await (await fetch('/api/faces/src/table')).json()).columns.score"
    )
    return sorted(scores)[min(count, len(scores)) - 1]


if __name__ == "__main__":
    main()

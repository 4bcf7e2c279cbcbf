"""The images of docs/windows.md: an unpacked bundle, and the window of a script at its end.

    python -m scripts.windows_pictures --bundle dist/scratch/faceswap-toolkit-0.1.0-windows

What they show is the folder's content, and what `extract` printed about the clip of
scripts/drawn_clips.py; the frames of the windows are drawn. Needs chromium.
"""

import argparse
import html
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from playwright.sync_api import sync_playwright

from utils.console import say

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
SCRIPT = "4) data_src extract faces YUNET"
FOLDER = "C:\\swap\\faceswap-toolkit"
SHOWN = 34
"""Scripts in the image of the folder."""
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 14px; width: 860px; background: #dfe3e8; font: 13px/1.55 sans-serif }}
main {{ background: {paper}; color: {ink}; border-radius: 8px; box-shadow: 0 2px 8px #0006 }}
h1 {{ font: 13px sans-serif; margin: 0; padding: 9px 14px; border-bottom: 1px solid #8885 }}
ul {{ columns: 2; list-style: none; margin: 0; padding: 12px 18px }}
li {{ white-space: nowrap; overflow: hidden; text-overflow: ellipsis }}
i {{ display: inline-block; width: 11px; height: 12px; margin-right: 8px; vertical-align: -1px;
     border-radius: 2px; background: #9bb; }}
i.folder {{ background: #e3b341 }}
pre {{ font: 13px/1.5 monospace; margin: 0; padding: 12px 16px; white-space: pre-wrap }}
</style><body><main><h1>{title}</h1>{content}</main>"""


def main() -> None:
    """Draw both images."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bundle", type=Path, required=True, help="an unpacked Windows bundle")
    parser.add_argument("--workspace", type=Path, required=True, help="with data_src.mp4")
    arguments = parser.parse_args()
    pages = {
        "folder": PAGE.format(
            paper="#fff", ink="#222", title=FOLDER, content=listing(arguments.bundle)
        ),
        "console": PAGE.format(
            paper="#101418", ink="#dde", title=SCRIPT, content=console(arguments.workspace)
        ),
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium")
        for name, text in pages.items():
            page = browser.new_page(viewport={"width": 888, "height": 300})
            page.set_content(text)
            path = IMAGES / f"windows-{name}.jpg"
            page.locator("body").screenshot(path=path, type="jpeg", quality=80)
            say(f"{path.relative_to(ROOT)}: {path.stat().st_size // 1024} KB")
        browser.close()


def listing(bundle: Path) -> str:
    """Return the list of what is at the top of a bundle, folders first."""
    paths = sorted(bundle.iterdir(), key=lambda path: (path.is_file(), path.name.casefold()))
    folders = [f'<li><i class="folder"></i>{path.name}' for path in paths if path.is_dir()]
    files = [path.name for path in paths if path.is_file()]
    shown = [f"<li><i></i>{html.escape(name)}" for name in files[:SHOWN]]
    more = len(files) - SHOWN
    return f"<ul>{''.join(folders + shown)}{f'<li>... {more} more' if more > 0 else ''}</ul>"


def console(workspace: Path) -> str:
    """Return what the script shows about a clip, in which it looks for faces."""
    words = [sys.executable, "main.py", "extract", "src", "--detector", "yunet", "--overwrite"]
    done = subprocess.run(
        [*words, "--workspace", workspace],
        cwd=ROOT, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    text = done.stdout.replace(str(workspace), f"{FOLDER}/workspace")
    text = text.replace(f"{sys.executable} main.py", "python\\python.exe app\\main.py")
    paths = [line.replace("/", "\\") if FOLDER in line else line for line in text.splitlines()]
    return f"<pre>{html.escape(chr(10).join(paths))}\n\nPress any key to continue . . .</pre>"


if __name__ == "__main__":
    main()

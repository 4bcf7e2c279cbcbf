"""An HTML page of the sorted faces by group, with names and keys, loaded while scrolling.

The page links to the face files where they are, so it stays small. A click on a face marks it and
all that follow, and shows from which name on and how many: what to delete.
"""

import html
import os
import sys
import webbrowser
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from sorter.contact_sheet import show_key
from sorter.job import Placed
from utils import console, display
from utils.files import write_bytes
from utils.wording import counted

SECTION = 240
"""Faces per block; the browser lays out only the visible blocks."""
TRASH = "to the trash"

STYLE = """
:root { --side: 96px; color-scheme: dark; }
body { margin: 0; background: #1c1c1e; color: #e8e8ea; font: 14px/1.4 system-ui, sans-serif; }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: 8px 24px;
  align-items: center; padding: 8px 16px; background: #2a2a2e; box-shadow: 0 1px 6px #000a; }
h1 { font-size: 16px; margin: 0; }
h2 { font-size: 14px; margin: 16px 16px 6px; color: #9fc6ff; }
output { color: #ffb4a8; user-select: all; }
section { display: grid; gap: 6px; padding: 0 16px 6px;
  grid-template-columns: repeat(auto-fill, minmax(var(--side), 1fr));
  content-visibility: auto; contain-intrinsic-size: auto 1600px; }
figure { margin: 0; cursor: pointer; border-radius: 4px; overflow: hidden; background: #29292d; }
img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: #111; }
figcaption { padding: 2px 5px 4px; font: 11px/1.3 ui-monospace, monospace;
  overflow-wrap: anywhere; }
small { color: #a0a0a8; font-size: inherit; }
figure.cut { background: #5b2b28; }
figure.cut img { opacity: .45; }
"""

SCRIPT = """
const faces = Array.from(document.querySelectorAll("figure[data-name]"));
const output = document.querySelector("output");
let first = -1;
document.body.addEventListener("click", event => {
  const face = event.target.closest("figure[data-name]");
  if (!face) return;
  const clicked = faces.indexOf(face);
  first = clicked === first ? -1 : clicked;
  faces.forEach((other, number) => other.classList.toggle("cut", first >= 0 && number >= first));
  output.textContent = first < 0 ? "" :
    `from ${face.dataset.name} on: ${faces.length - first} faces, ${first} before it`;
});
document.querySelector("input").addEventListener("input", event =>
  document.documentElement.style.setProperty("--side", event.target.value + "px"));
"""

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>{style}</style>
<header><h1>{title}: {count}</h1>
<label>size <input type="range" min="48" max="256" value="96"></label>
<span>click a face to count from it on</span><output></output></header>
{body}
<script>{script}</script>
</html>
"""


def write_page(path: Path, faces: Sequence[tuple[Placed, str]], title: str) -> None:
    """Write the page.

    Parameters
    ----------
    path : Path
        The .html file to write.
    faces : sequence of (Placed, str)
        Each face, its path being where it is now, and its new name.
    title : str
        Shown on top.
    """
    page = PAGE.format(
        title=html.escape(title),
        count=counted(len(faces), "faces"),
        style=STYLE,
        script=SCRIPT,
        body="\n".join(_body(path.absolute().parent, faces)),
    )
    write_bytes(path, page.encode("utf-8", "replace"))


def show_page(path: Path) -> None:
    """Print a link to the page, and open it in a browser where a terminal and a display are."""
    console.say(f"Page: {path.absolute().as_uri()}")
    if console.is_terminal(sys.stdout) and display.available():
        with suppress(webbrowser.Error):
            browser = webbrowser.get()
            if type(browser) is not webbrowser.GenericBrowser:  # one that runs in the terminal
                browser.open(path.absolute().as_uri())


def _body(base: Path, faces: Sequence[tuple[Placed, str]]) -> Iterator[str]:
    for name, group in groupby(faces, key=lambda face: _heading(face[0])):
        members = list(group)
        if name:
            yield f"<h2>{html.escape(name)} <small>({len(members)})</small></h2>"
        for start in range(0, len(members), SECTION):
            yield "<section>"
            for item, place in members[start : start + SECTION]:
                yield _figure(item, _url(item.path, base), Path(place).name)
            yield "</section>"


def _heading(item: Placed) -> str:
    return item.group if item.keep else TRASH


def _figure(item: Placed, url: str, name: str) -> str:
    name, key = html.escape(name), html.escape(show_key(item.key))
    counted = f' data-name="{name}"' if item.keep else ""
    return (
        f'<figure{counted}><img loading="lazy" decoding="async" alt="" '
        f'src="{html.escape(url)}"><figcaption>{name}<br><small>{key}</small></figcaption>'
        "</figure>"
    )


def _url(path: Path, base: Path) -> str:
    """Return the URL of an image, relative to the page's folder where that is possible."""
    try:
        relative = Path(os.path.relpath(path, base)).as_posix()
    except ValueError:  # on another drive on Windows
        return path.as_uri()
    return quote(os.fsencode(relative))

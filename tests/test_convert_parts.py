"""A run of convert reads its options once, opens its footage once, lists each folder once."""

import os
import re
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.conversion import INVERT, options, write_footage

from converters import convert
from converters.interactive import app, session_file
from converters.interactive.session_file import SavedSession
from converters.look import Look
from converters.look_timeline import LookTimeline
from utils import display
from utils.files import TEMPORARY
from utils.images import write_image
from utils.video.source import FrameSource

ROOT = Path(__file__).parent.parent
LOOKS = LookTimeline({0: Look(), 3: Look(mode="seamless")})


@pytest.fixture
def seen(monkeypatch):
    """Counts, by their names, the folders that are listed and the footage that is opened."""
    counts = Counter()

    def counting(real):
        def count(place=".", *rest):
            counts["list", Path(os.fsdecode(place)).name] += 1
            return real(place, *rest)

        return count

    opened = FrameSource.__init__

    def count_open(source, path):
        counts["open", path.name] += 1
        opened(source, path)

    for name in ("listdir", "scandir"):  # all of pathlib ends in one of them
        monkeypatch.setattr(os, name, counting(getattr(os, name)))
    monkeypatch.setattr(FrameSource, "__init__", count_open)
    return counts


def write_all(folder, kind):
    """Footage, faces and occlusion masks; the options that name them."""
    write_footage(folder, video=None if kind == "frames" else kind)
    write_image(folder / "masks" / "000001.png", np.zeros((120, 160, 3), np.uint8))
    return {"input_dir": folder / kind, "mask_dir": folder / "masks"}


def assert_once(seen, kind):
    assert seen["open", kind] == 1
    assert seen["list", "frames"] == (1 if kind == "frames" else 0)
    assert seen["list", "aligned"] == seen["list", "masks"] == 1


@pytest.mark.parametrize("with_session", [False, True])
@pytest.mark.parametrize("output", ["result", "result.mkv"])
@pytest.mark.parametrize("kind", ["frames", "clip.mp4"])
def test_nothing_is_opened_or_listed_twice(kind, output, with_session, seen, tmp_path):
    places = write_all(tmp_path, kind)
    if with_session:
        names = [f"{index:06d}.png" for index in range(6)]
        path = session_file.session_path(tmp_path / output)
        session_file.save(path, SavedSession(LOOKS), kind, names)
    places["mask_output"] = tmp_path / f"alpha{Path(output).suffix}"
    seen.clear()
    report = convert.run(options(tmp_path, output, **places, codec="ffv1"), INVERT)
    assert report.counts["converted faces"] == 5
    assert report.notes[convert.HIDDEN] == ["000001.png"]
    assert not report.failures
    assert_once(seen, kind)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_of_results_is_listed_once_to_continue_it(overwrite, seen, tmp_path):
    places = write_all(tmp_path, "frames")
    convert.run(options(tmp_path, **places), INVERT)
    (tmp_path / "result" / "000002.png").unlink()
    left = f"{TEMPORARY}000003.0123abcd.png"  # a killed run left it half-written
    (tmp_path / "result" / left).touch()
    seen.clear()
    report = convert.run(options(tmp_path, **places, overwrite=overwrite), INVERT)
    assert report.counts["frames"] == (6 if overwrite else 1)
    assert seen["list", "result"] == 1
    assert_once(seen, "frames")
    assert {path.name for path in (tmp_path / "result").iterdir()} == {
        ".convert.jsonl",
        *(f"{index:06d}.png" for index in range(6)),
    }


@pytest.mark.parametrize("kind", ["frames", "clip.mp4"])
def test_the_window_uses_the_footage_that_is_open(kind, seen, tmp_path, monkeypatch):
    monkeypatch.setattr(display, "available", lambda: True)
    monkeypatch.setattr(app, "Window", lambda *_, **__: nullcontext())
    rendered = {"timeline": LOOKS, "outcome": "render"}
    monkeypatch.setattr(app, "run_event_loop", lambda _, __, state, ___: replace(state, **rendered))
    places = write_all(tmp_path, kind)
    seen.clear()
    report = convert.run(options(tmp_path, **places, interactive=True), INVERT)
    assert report.counts["converted faces"] == 5
    assert report.notes[convert.HIDDEN] == ["000001.png"]
    assert_once(seen, kind)
    saved = session_file.session_path(tmp_path / "result")
    assert session_file.load(saved, kind, lambda name: int(name[:6])).timeline == LOOKS


def test_options_stop_at_the_door():
    files = (ROOT / "converters").rglob("*.py")
    named = [path.name for path in files if re.search(r"\boptions\b", path.read_text("utf-8"))]
    assert len(named) <= 8, named

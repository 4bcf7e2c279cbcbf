"""The contact sheet and the page show the sorted faces where they are."""

import errno
import os
import re
from html.parser import HTMLParser
from itertools import pairwise
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from support.sorting import sort, write
from support.synthetic import make_faceset, make_landmarks

from facelib.faceset import Faceset
from sorter import contact_sheet
from sorter.job import Placed
from utils.errors import ExitStatus
from utils.files import list_images
from utils.images import read_image

SMALL = make_landmarks(center=(32, 32), width=40)


class Page(HTMLParser):
    """What a browser would find: addresses of pictures, captions, headings."""

    def __init__(self, text):
        super().__init__()
        self.pictures, self.lazy, self.headings, self.captions = [], [], [], []
        self._into = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag == "img":
            self.pictures.append(unquote(attributes["src"]))
            self.lazy.append(attributes["loading"] == "lazy")
        places = {"h2": self.headings, "figcaption": self.captions}
        if tag in places:
            self._into = places[tag]
            self._into.append("")

    def handle_endtag(self, tag):
        if tag in ("h2", "figcaption"):
            self._into = None

    def handle_data(self, data):
        if self._into is not None:
            self._into[-1] += data + " "


def colored_faces(folder, levels):
    for number, level in enumerate(levels):
        picture = np.full((64, 64, 3), level, np.uint8)
        write(folder, f"{number}.png", picture, SMALL, source_name=f"{number}.png")


def test_the_sheet_shows_every_face_at_its_place(tmp_path):
    folder = tmp_path / "faces"
    colored_faces(folder, range(20, 220, 10))
    report = sort(folder, "brightness", contact_sheet=tmp_path / "out" / "sheet.png")
    assert report.status is ExitStatus.DONE
    drawn = read_image(tmp_path / "out" / "sheet.png")
    columns = drawn.shape[1] // contact_sheet.THUMB
    for number, level in enumerate(range(210, 10, -10)):
        x = number % columns * contact_sheet.THUMB
        y = contact_sheet.HEAD + number // columns * (contact_sheet.THUMB + contact_sheet.STRIP)
        assert (drawn[y : y + contact_sheet.THUMB, x : x + contact_sheet.THUMB] == level).all()
        strip = drawn[
            y + contact_sheet.THUMB : y + contact_sheet.THUMB + contact_sheet.STRIP,
            x : x + contact_sheet.THUMB,
        ]
        assert (strip > 200).any(), "a number is written under the face"


@pytest.mark.parametrize("view", ["page", "contact_sheet"])
def test_a_full_disk_fails_the_view_and_not_the_sort(tmp_path, view, monkeypatch):
    """The names are the oracle: the brightest face comes first."""
    folder = tmp_path / "faces"
    colored_faces(folder, (50, 200, 120))
    path = tmp_path / ("x.html" if view == "page" else "x.png")
    real = os.fsync

    def full(handle):
        if any(os.path.samestat(os.fstat(handle), file.stat()) for file in tmp_path.glob(".*")):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        report = sort(folder, "brightness", **{view: path})
    assert report.status is ExitStatus.FAILED
    assert report.failures == [
        f'cannot write "{path}": No space left on device; the sort itself is done'
    ]
    levels = [read_image(file)[0, 0, 0] for file in list_images(folder)]
    assert levels == [200, 120, 50]
    assert [file.name for file in tmp_path.iterdir()] == ["faces"]


def test_a_sheet_of_many_faces_shows_an_even_choice(tmp_path, monkeypatch):
    monkeypatch.setattr(contact_sheet, "MOST", 10)
    folder = tmp_path / "faces"
    colored_faces(folder, range(10, 250, 5))
    sort(folder, "brightness", contact_sheet=tmp_path / "sheet.png")
    drawn = read_image(tmp_path / "sheet.png")
    found = [int(drawn[contact_sheet.HEAD + 5, 5 + i * contact_sheet.THUMB, 0]) for i in range(5)]
    assert found[0] == 245
    assert {a - b for a, b in pairwise(found)} <= {25, 30}


def test_a_face_that_is_gone_leaves_an_empty_place(tmp_path):
    path = tmp_path / "gone.png"
    drawn = contact_sheet.draw_sheet([(Placed(path, 1.0), "gone.png")], "ünicode")
    assert drawn.shape[0] == contact_sheet.HEAD + contact_sheet.THUMB + contact_sheet.STRIP


@pytest.mark.parametrize("dry_run", [False, True])
def test_the_page_leads_to_every_face_in_order(dry_run, tmp_path):
    folder = tmp_path / "faces & <so> ä%20#1"
    make_faceset(folder, count=9, size=64)
    out = tmp_path / "views" / "page.html"
    sort(folder, "brightness", page=out, dry_run=dry_run)
    page = Page(out.read_text(encoding="utf-8"))
    shown = [(out.parent / address).resolve() for address in page.pictures]
    assert all(page.lazy)
    assert sorted(shown) == sorted(path.resolve() for path, _ in Faceset.open(folder))
    levels = [read_image(path).max(axis=2).mean() for path in shown]
    assert levels == sorted(levels, reverse=True)
    names = [caption.split()[0] for caption in page.captions]
    assert names == [f"{number:05d}.png" for number in range(9)]
    keys = [float(caption.split()[1]) for caption in page.captions]
    assert keys == pytest.approx(levels, rel=1e-3)


def test_the_page_has_a_heading_for_every_group_and_for_the_trash(tmp_path):
    folder = tmp_path / "faces"
    make_faceset(folder, count=9, size=64)
    out = tmp_path / "page.html"
    sort(folder, "final", target=4, group_by="final", page=out)
    page = Page(out.read_text(encoding="utf-8"))
    assert all((tmp_path / address).is_file() for address in page.pictures)
    *groups, trash = page.headings
    assert all(
        re.fullmatch(r"yaw [+-]\d+ \(\d+\) ", heading.replace("  ", " ")) for heading in groups
    )
    assert trash.startswith("to the trash")
    assert sum("_trash" in address for address in page.pictures) == 5


def test_words_from_metadata_are_text_and_not_markup(tmp_path):
    folder = tmp_path / "faces"
    nasty = "<script>alert(1)</script>&.png".replace("/", "")
    write(folder, "a.png", np.zeros((64, 64, 3), np.uint8), SMALL, source_name=nasty)
    sort(folder, "origname", page=tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert text.count("<script>") == 1
    assert "&lt;script&gt;alert(1)" in text


def test_a_sheet_can_be_a_jpeg(tmp_path):
    folder = tmp_path / "faces"
    make_faceset(folder, count=3, size=64)
    sort(folder, "hist", contact_sheet=tmp_path / "sheet.jpg")
    assert cv2.imread(str(tmp_path / "sheet.jpg")) is not None

"""Text on images, against what Pillow draws with the same font."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from utils import text

SIZE = 24
AT = (60, 80)
WILD = st.text(st.sampled_from("aWjÅg| üПр你日😀✓\u0301\udcff\n\x07עש"), max_size=12)


def drawn(line, color=text.WHITE, shade=0, at=AT):
    image = np.full((160, 640, 3), shade, np.uint8)
    text.write(image, line, at, size=SIZE, color=color)
    return image


def by_pillow(line, font):
    image = Image.new("L", (640, 160))
    ImageDraw.Draw(image).text(AT, line, 255, font, anchor="ls")
    return np.array(image)


def fonts_with(char):
    """Fonts of the list in which a character is not the box for missing ones."""
    for file in text.fonts():
        font = ImageFont.truetype(file, SIZE) if file else ImageFont.load_default(SIZE)
        if not np.array_equal(by_pillow(char, font), by_pillow("\U0010ffff", font)):
            yield font


def columns(image):
    return np.flatnonzero(image.any(axis=(0, 2)))


@pytest.mark.parametrize("char", ["ü", "Я", "漢", "😀", "ש"])
def test_letters_of_any_script_are_drawn_when_a_font_has_them(char):
    font = next(fonts_with(char), None)
    if font is None:
        pytest.skip(f"no font here has {char}")
    assert np.array_equal(drawn(char)[..., 0], by_pillow(char, font))
    assert not np.array_equal(drawn(char), drawn("?"))


def test_each_part_of_a_mixed_line_has_its_font():
    line = drawn("Aü漢")
    latin = drawn("Aü")
    right = AT[0] + text.width("Aü", SIZE)
    assert np.array_equal(line[:, : right - 2], latin[:, : right - 2])
    rest = drawn("漢", at=(right, AT[1]))
    # the part begins at a fraction of a pixel
    assert abs(int(line[:, right:].sum()) - int(rest[:, right:].sum())) < 0.05 * rest.sum()


def test_without_any_font_files_pillow_draws(monkeypatch):
    monkeypatch.setattr(text, "_font_folders", lambda: [Path("/nowhere")])
    for cached in (text.fonts, text._mask, text._line):
        cached.cache_clear()
    try:
        assert text.fonts() == ("",)
        assert np.array_equal(drawn("Aü")[..., 0], by_pillow("Aü", ImageFont.load_default(SIZE)))
    finally:
        for cached in (text.fonts, text._mask, text._line):
            cached.cache_clear()


def test_a_file_that_is_no_font_is_passed_over(monkeypatch, tmp_path):
    (tmp_path / "DejaVuSans.ttf").write_bytes(b"no font")
    monkeypatch.setattr(text, "_font_folders", lambda: [tmp_path])
    text.fonts.cache_clear()
    try:
        assert text.fonts() == ("",)
    finally:
        text.fonts.cache_clear()


@given(WILD)
def test_what_is_drawn_is_as_wide_as_was_measured(line):
    ink = columns(drawn(line))
    assert ink.size == 0 or (ink[0] >= AT[0] and ink[-1] < AT[0] + text.width(line, SIZE))


@pytest.mark.parametrize("line", ["MMM", "WHWH", "000"])
def test_the_measure_is_not_too_wide(line):
    ink = columns(drawn(line))
    assert ink[-1] - ink[0] + 1 == pytest.approx(text.width(line, SIZE), abs=SIZE / 4)
    assert text.width(line * 2, SIZE) == pytest.approx(2 * text.width(line, SIZE), abs=2)


@pytest.mark.parametrize("at", [(-10, 80), (630, 80), (60, 8), (60, 165), (-900, 80), (60, 900)])
def test_what_lies_outside_is_cut_off(at):
    image = drawn("Häuser", at=at)
    larger = np.zeros((2160, 2640, 3), np.uint8)
    text.write(larger, "Häuser", (at[0] + 1000, at[1] + 1000), size=SIZE)
    assert np.array_equal(image, larger[1000:1160, 1000:1640])


@pytest.mark.parametrize("shade", [0, 100, 255])
def test_letters_are_blended_with_the_image(shade):
    color = (200, 30, 90)
    image = drawn("Häuser 漢字", color, shade)
    opacity = drawn("Häuser 漢字").astype(float) / 255
    expected = opacity * np.array(color) + (1 - opacity) * shade
    assert np.abs(image - expected).max() <= 1


@given(st.lists(st.lists(WILD, max_size=3).map("\t".join), min_size=1, max_size=4))
def test_text_stays_in_its_panel(lines):
    image = np.full((200, 2000, 3), 255, np.uint8)
    panel = text.panel(image, lines, height=20, color=(0, 0, 255))
    changed = (panel != 255).any(axis=2)
    rows, cells = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    assert changed[rows[0] : rows[-1] + 1, cells[0] : cells[-1] + 1].all()
    ink = np.flatnonzero((panel[..., 2] > panel[..., 0]).any(axis=0))
    assert ink.size == 0 or (ink[0] >= text.MARGIN and ink[-1] <= cells[-1] - text.MARGIN)

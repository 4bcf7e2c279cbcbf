"""What the window of an interactive conversion shows: a picture, settings beside it, a line below.

Settings stand beside the picture, not on it: they can be read whatever the footage is like, and
hide nothing of it.
"""

from __future__ import annotations

import cv2
import numpy as np

from converters.interactive import keymap
from converters.interactive.edits import shown, words
from converters.interactive.preview import PreviewImage
from converters.interactive.state import EditorState
from converters.look import Look
from utils.options import Option, options_of

SIZE = (1280, 760)
SIDE, LINE, LOW, FILM = 320, 22, 62, 10
"""Pixels: the column's width, a row, the height of the foot and of the film in it."""
KEYS, VALUES = 150, 188  # where they begin in the column
LETTERS = 0.46
GROUND, BAR = (24, 24, 24), (38, 38, 38)
TEXT, DIM, FAINT = (235, 235, 235), (150, 150, 150), (90, 90, 90)
MARK, ALARM = (120, 215, 255), (110, 120, 255)


def draw(
    seen: PreviewImage | None, desk: EditorState, alarm: str = "", late: bool = False
) -> np.ndarray:
    """Return the window's content, which the window scales to its size.

    Parameters
    ----------
    seen : the picture; None if there is none
    desk : the state
    alarm : a sentence that must not be missed
    late : whether the picture is an older one, because the right one takes long

    Returns
    -------
    content : (height, width, 3) uint8
    """
    width, height = SIZE
    content = np.full((height, width, 3), GROUND, np.uint8)
    place = content[: height - LOW, : width - SIDE]
    if desk.help:
        draw_help(place)
    elif seen is not None:
        put_picture(place, seen, desk.zoomed)
    draw_settings(content[:, width - SIDE :], desk)
    draw_foot(content[height - LOW :, : width - SIDE], desk, seen, alarm, late)
    return content


def put_picture(place: np.ndarray, seen: PreviewImage, zoomed: bool) -> None:
    """Fit the picture, or the part of it with the faces, into a place."""
    image = seen.image
    if zoomed and seen.focus is not None:
        left, top, right, bottom = seen.focus
        image = image[top:bottom, left:right]
    height, width = place.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(image, size, interpolation=method)[:height, :width]
    top, left = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
    place[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted


def draw_settings(column: np.ndarray, desk: EditorState) -> None:
    """List the settings of the frame; what differs from the default stands out."""
    column[:] = BAR
    keys = keymap.keys_of_settings()
    defaults = Look()
    write(column, "SETTINGS", 12, 24, DIM)
    write(column, "keys", KEYS, 24, DIM)
    row = 50
    for option in options_of(Look):
        value = getattr(desk.look, option.name)
        changed = value != getattr(defaults, option.name)
        used = matters(option, desk.look)
        write(column, words(option.name), 12, row, TEXT if changed and used else DIM)
        write(column, shown(value), VALUES, row, (MARK if changed else TEXT) if used else FAINT)
        write(column, keys.get(option.name, ""), KEYS, row, DIM if used else FAINT)
        row += LINE
    row += LINE
    own = desk.looks.source(desk.frame)
    origin = "settings of this frame" if own == desk.frame else f"settings of frame {own}"
    write(column, origin, 12, row)
    scope = "for this frame ONLY" if desk.alone else "from this frame on"
    write(column, f"changes count {scope}", 12, row + LINE, MARK if desk.alone else TEXT)
    row += 3 * LINE
    for key, text in keymap.FIRST_KEYS.items():
        write(column, key, 12, row, TEXT)
        write(column, text, 92, row, DIM)
        row += LINE


def matters(option: Option, look: Look) -> bool:
    """Whether a setting makes a difference, the others being what they are."""
    return all(getattr(look, name) in values for name, values in option.meta["when"].items())


def draw_foot(
    foot: np.ndarray,
    desk: EditorState,
    seen: PreviewImage | None,
    alarm: str = "",
    late: bool = False,
) -> None:
    """Say which frame this is and what was done last, with the frame's place in the film."""
    foot[:] = BAR
    draw_film(foot[:FILM], desk)
    if seen is not None and seen.frame.index != desk.frame:
        seen = None  # the picture of another frame
    write(foot, where(desk, seen), 12, 31)
    told = alarm or "; ".join(seen.failures if seen else [])
    if desk.typed is not None:
        write(foot, f"go to frame: {desk.typed}_   (enter)", 12, 52, MARK)
    elif told:
        write(foot, told, 12, 52, ALARM)
    else:
        write(foot, desk.message, 12, 52, MARK)
    if desk.seen != "result":
        write_right(foot, desk.seen.upper(), 31, MARK)
    if late:
        write_right(foot, "making the picture ...", 52, DIM)
    elif seen is not None and seen.missing:
        count = len(seen.missing)
        write_right(foot, f"colors: {count} frames before it to come ...", 52, DIM)


def draw_film(strip: np.ndarray, desk: EditorState) -> None:
    """Show the whole film: light where a face is, marks where settings change, and this frame."""
    width = strip.shape[1]

    def column(frame: int) -> int:
        return min(width - 1, width * frame // max(1, desk.scene.count))

    strip[:] = GROUND
    for face in desk.scene.faces:
        strip[2:-2, column(face) : max(column(face) + 1, column(face + 1))] = FAINT
    for frame in desk.looks.own:
        strip[:, column(frame) : column(frame) + 2] = MARK
    here = column(desk.frame)
    strip[:, max(0, here - 1) : max(here + 2, column(desk.frame + 1))] = TEXT


def where(desk: EditorState, seen: PreviewImage | None) -> str:
    """Return which frame is shown: its number, time and name."""
    parts = [f"frame {desk.frame} / {desk.scene.count - 1}"]
    if seen is not None and seen.frame.time is not None:
        minutes, seconds = divmod(float(seen.frame.time), 60)
        parts.append(f"{int(minutes):02}:{seconds:06.3f}")
    elif seen is not None:
        parts.append(seen.frame.name)
    if not desk.has_face:
        parts.append("no face")
    return "   ".join(parts)


def draw_help(place: np.ndarray) -> None:
    """List all keys, in as many columns as they need."""
    column, row = 0, 30
    wide = max(300, place.shape[1] // 3)
    for group, rows in keymap.listed().items():
        if row + (len(rows) + 1) * 20 > place.shape[0] and row > 30:
            column, row = column + 1, 30
        write(place, group, 16 + column * wide, row, MARK)
        for line in rows:
            row += 20
            keys = "  ".join(line.keys)
            write(place, keys, 16 + column * wide, row, TEXT, 0.4)
            write(place, line.help, 16 + column * wide + 108, row, DIM, 0.4)
        row += 34


def write(
    picture: np.ndarray,
    text: str,
    x: int,
    y: int,
    color: tuple[int, int, int] = TEXT,
    size: float = LETTERS,
) -> None:
    """Write a line; its lower left corner is at (x, y)."""
    font = cv2.FONT_HERSHEY_SIMPLEX
    cv2.putText(picture, text, (x, y), font, size, color, 1, cv2.LINE_AA)


def write_right(picture: np.ndarray, text: str, y: int, color: tuple[int, int, int] = TEXT) -> None:
    """Write a line that ends at the right edge."""
    (wide, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, LETTERS, 1)
    write(picture, text, picture.shape[1] - wide - 12, y, color)

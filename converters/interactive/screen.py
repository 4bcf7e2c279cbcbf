"""The content of the window: the preview, the settings beside it, and a footer.

Settings stand beside the image, not on it: they are readable on any footage and hide none of it.
"""

from __future__ import annotations

from bisect import bisect_right

import cv2
import numpy as np

from converters.interactive import keymap
from converters.interactive.edits import format_value, label
from converters.interactive.keymap import HelpRow
from converters.interactive.preview import PreviewImage
from converters.interactive.state import EditorState
from converters.look import Look
from utils import text
from utils.options import Option, options_of
from utils.text import BgrColor

SIZE = (1280, 760)
COLUMN_WIDTH, ROW_HEIGHT, FOOTER_HEIGHT, STRIP_HEIGHT = 340, 22, 62, 10  # pixels
LABEL_X, KEY_X, VALUE_X, HELP_X = 12, 158, 194, 100  # where text starts in the column
MARGIN = 12
FONT_SIZE, HELP_ROW = 13, 20
BACKGROUND, PANEL = (24, 24, 24), (38, 38, 38)
TEXT, DIM, FAINT = (235, 235, 235), (150, 150, 150), (90, 90, 90)
ACCENT, WARNING = (120, 215, 255), (110, 120, 255)


def draw(
    preview: PreviewImage | None, state: EditorState, problem: str = "", late: bool = False
) -> np.ndarray:
    """Draw the content of the window, which the window scales to its size.

    Parameters
    ----------
    preview : PreviewImage or None
        The preview; None if there is none.
    state : EditorState
        The state to show.
    problem : str
        A sentence the person must not miss.
    late : bool
        The preview is an older one because the requested one is taking long.

    Returns
    -------
    content : (760, 1280, 3) uint8
        The image to show.
    """
    width, height = SIZE
    content = np.full((height, width, 3), BACKGROUND, np.uint8)
    main = content[: height - FOOTER_HEIGHT, : width - COLUMN_WIDTH]
    if state.show_help:
        draw_help(main)
    elif preview is not None:
        draw_preview(main, preview, state.zoomed)
    draw_settings(content[:, width - COLUMN_WIDTH :], state)
    footer = content[height - FOOTER_HEIGHT :, : width - COLUMN_WIDTH]
    draw_footer(footer, state, preview, problem, late)
    return content


def draw_preview(area: np.ndarray, preview: PreviewImage, zoomed: bool) -> None:
    """Fit the preview, or the part of it with the faces, into an area."""
    image = preview.image
    if zoomed and preview.focus is not None:
        left, top, right, bottom = preview.focus
        image = image[top:bottom, left:right]
    height, width = area.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(image, size, interpolation=method)[:height, :width]
    top, left = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
    area[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted


def draw_settings(column: np.ndarray, state: EditorState) -> None:
    """List the settings of the current frame; values other than the default stand out."""
    column[:] = PANEL
    keys = keymap.keys_by_setting()
    defaults = Look()
    write(column, "SETTINGS", LABEL_X, 24, DIM)
    write(column, "keys", KEY_X, 24, DIM)
    y = 50
    for option in options_of(Look):
        value = getattr(state.look, option.name)
        changed = value != getattr(defaults, option.name)
        used = has_effect(option, state.look)
        write(column, label(option.name), LABEL_X, y, TEXT if changed and used else DIM)
        color = (ACCENT if changed else TEXT) if used else FAINT
        write(column, format_value(value), VALUE_X, y, color)
        write(column, keys.get(option.name, ""), KEY_X, y, DIM if used else FAINT)
        y += ROW_HEIGHT
    y += ROW_HEIGHT
    own = state.timeline.source(state.frame)
    origin = "settings of this frame" if own == state.frame else f"settings of frame {own}"
    write(column, origin, LABEL_X, y)
    scope = "to this frame ONLY" if state.this_frame_only else "from this frame on"
    color = ACCENT if state.this_frame_only else TEXT
    write(column, f"changes apply {scope}", LABEL_X, y + ROW_HEIGHT, color)
    y += 3 * ROW_HEIGHT
    for key, help_ in keymap.SHORT_HELP.items():
        write(column, key, LABEL_X, y, TEXT)
        write(column, help_, HELP_X, y, DIM)
        y += ROW_HEIGHT


def has_effect(option: Option, look: Look) -> bool:
    """Whether a setting has an effect with the other settings of a look."""
    return all(getattr(look, name) in values for name, values in option.meta["when"].items())


def draw_footer(
    footer: np.ndarray,
    state: EditorState,
    preview: PreviewImage | None,
    problem: str = "",
    late: bool = False,
) -> None:
    """Show which frame this is, its place in the footage, and feedback."""
    footer[:] = PANEL
    draw_strip(footer[:STRIP_HEIGHT], state)
    if preview is not None and preview.frame.index != state.frame:
        preview = None  # it shows another frame
    view = "" if state.shown_view == "result" else state.shown_view.upper()
    write_row(footer, 31, (frame_label(state, preview), TEXT), (view, ACCENT))
    write_row(footer, 52, _feedback(state, preview, problem), (_progress(preview, late), DIM))


def _feedback(
    state: EditorState, preview: PreviewImage | None, problem: str
) -> tuple[str, BgrColor]:
    if state.typed is not None:
        return f"go to frame: {state.typed}_   (enter)", ACCENT
    problem = problem or "; ".join(preview.failures if preview else [])
    return (problem, WARNING) if problem else (state.message, ACCENT)


def _progress(preview: PreviewImage | None, late: bool) -> str:
    if late:
        return "rendering ..."
    missing = len(preview.missing) if preview is not None else 0
    return f"colors: {missing} context frames to go ..." if missing else ""


def draw_strip(strip: np.ndarray, state: EditorState) -> None:
    """Draw the whole footage: frames with a face, changes of settings, the current frame."""
    width = strip.shape[1]

    def column(frame: int) -> int:
        return min(width - 1, width * frame // max(1, state.footage.count))

    strip[:] = BACKGROUND
    for frame in state.footage.face_frames:
        strip[2:-2, column(frame) : max(column(frame) + 1, column(frame + 1))] = FAINT
    for frame in state.timeline.own:
        strip[:, column(frame) : column(frame) + 2] = ACCENT
    current = column(state.frame)
    strip[:, max(0, current - 1) : max(current + 2, column(state.frame + 1))] = TEXT


def frame_label(state: EditorState, preview: PreviewImage | None) -> str:
    """Return the number, the time and the name of the current frame."""
    parts = [f"frame {state.frame} / {state.footage.count - 1}"]
    if preview is not None and preview.frame.time is not None:
        minutes, seconds = divmod(float(preview.frame.time), 60)
        parts.append(f"{int(minutes):02}:{seconds:06.3f}")
    elif preview is not None:
        parts.append(preview.frame.name)
    if not state.has_face:
        parts.append("no face")
    return "   ".join(parts)


def draw_help(area: np.ndarray) -> None:
    """List all keys, in as many columns as needed."""
    x = MARGIN
    for rows in help_columns(area.shape[0]):
        keys = [("  ".join(row.keys), row.help) for row in rows if row.keys]
        help_x = x + max(text.width(key, FONT_SIZE) for key, _ in keys) + MARGIN
        right = help_x + max(text.width(help_, FONT_SIZE) for _, help_ in keys)
        for number, row in enumerate(rows):
            y = 30 + HELP_ROW * number
            if row.keys:
                write(area, "  ".join(row.keys), x, y, TEXT)
                write(area, row.help, help_x, y, DIM)
            else:
                write(area, row.help, x, y, ACCENT)
        x = right + 2 * MARGIN


def help_columns(height: int) -> list[list[HelpRow]]:
    """Return the help in columns of whole groups; headings and gaps are rows without keys."""
    columns: list[list[HelpRow]] = [[]]
    for group, rows in keymap.help_groups().items():
        gap = [HelpRow((), "")] if columns[-1] else []
        if 30 + HELP_ROW * (len(columns[-1]) + len(gap) + len(rows)) > height - MARGIN:
            columns.append([])
            gap = []
        columns[-1] += [*gap, HelpRow((), group), *rows]
    return columns


def write(image: np.ndarray, line: str, x: int, y: int, color: BgrColor = TEXT) -> None:
    """Write a line of text whose baseline starts at (x, y)."""
    text.write(image, line, (x, y), size=FONT_SIZE, color=color)


def write_row(
    image: np.ndarray, y: int, left: tuple[str, BgrColor], right: tuple[str, BgrColor]
) -> None:
    """Write a line at the left edge, shortened where it would overlap the one at the right edge."""
    (left_text, left_color), (right_text, right_color) = left, right
    right_x = image.shape[1] - MARGIN - text.width(right_text, FONT_SIZE)
    write(image, right_text, right_x, y, right_color)
    write(image, shorten(left_text, right_x - 2 * MARGIN), MARGIN, y, left_color)


def shorten(line: str, width: int) -> str:
    """Replace the middle of a line that is wider than `width` pixels by an ellipsis."""

    def keep(count: int) -> str:
        return f"{line[: (count + 1) // 2]} … {line[len(line) - count // 2 :]}"

    if text.width(line, FONT_SIZE) <= width:
        return line
    too_many = bisect_right(range(len(line)), width, key=lambda n: text.width(keep(n), FONT_SIZE))
    return keep(max(0, too_many - 1))

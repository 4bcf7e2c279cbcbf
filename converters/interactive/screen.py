"""The content of the window: the preview, the settings beside it, and a footer.

Settings stand beside the image, not on it: they are readable on any footage and hide none of it.
"""

from __future__ import annotations

from bisect import bisect_right

import cv2
import numpy as np

from converters.interactive import help_page, keymap, playback
from converters.interactive.colors import (
    ACCENT,
    BACKGROUND,
    DIM,
    FACES,
    FAINT,
    HOVER,
    PANEL,
    TEXT,
    WARNING,
)
from converters.interactive.edits import format_value, label, option_of
from converters.interactive.layout import (
    BASELINE,
    HINT_X,
    KEY_X,
    LABEL_X,
    ROW_HEIGHT,
    STRIP_HEIGHT,
    VALUE_X,
    Layout,
    frame_at,
    strip_x,
)
from converters.interactive.preview import PreviewImage
from converters.interactive.state import EditorState
from converters.look import Look
from utils import text
from utils.options import Option
from utils.text import BgrColor

MARGIN = 14
FONT_SIZE = 14


def draw(
    layout: Layout,
    preview: PreviewImage | None,
    state: EditorState,
    problem: str = "",
    late: bool = False,
) -> np.ndarray:
    """Draw the content of the window.

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
    content : (H, W, 3) uint8
        The image to show, of the layout's size.
    """
    content = np.full((layout.height, layout.width, 3), BACKGROUND[0], np.uint8)  # it is gray
    if state.show_help:
        help_page.draw(content)
        return content
    width, height = layout.main
    if preview is not None:
        draw_preview(content[:height, :width], preview, state.zoomed)
    draw_panel(content[:, width:], state, layout)
    draw_footer(content[height:, :width], state, preview, problem, late)
    return content


def draw_preview(area: np.ndarray, preview: PreviewImage, zoomed: bool) -> None:
    """Fit the preview, or the part of it with the faces, into an area."""
    image = preview.part(preview.image, zoomed)
    height, width = area.shape[:2]
    scale = min(width / image.shape[1], height / image.shape[0])
    size = (max(1, round(image.shape[1] * scale)), max(1, round(image.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    fitted = cv2.resize(image, size, interpolation=method)[:height, :width]
    top, left = (height - fitted.shape[0]) // 2, (width - fitted.shape[1]) // 2
    area[top : top + fitted.shape[0], left : left + fitted.shape[1]] = fitted


def draw_panel(panel: np.ndarray, state: EditorState, layout: Layout) -> None:
    """List the settings of the current frame; values other than the default stand out."""
    panel[:] = PANEL
    write(panel, "Settings", LABEL_X, 27, DIM)
    write(panel, "keys", KEY_X, 27, DIM)
    write(panel, "click or wheel", VALUE_X, 27, DIM)
    source = state.timeline.source(state.frame)
    mine = source == state.frame
    scope = "to this frame ONLY" if state.this_frame_only else "from this frame on"
    notes = iter((
        ("", TEXT),
        ("set at this frame" if mine else f"set at frame {source}", TEXT),
        (f"changes apply {scope}", ACCENT if state.this_frame_only else TEXT),
        ("", TEXT),
    ))
    for row in layout.rows():
        y = row.top + BASELINE
        if row.setting:
            if row.setting == state.hovered:
                panel[row.top : row.top + ROW_HEIGHT] = HOVER
            _write_setting(panel, y, option_of(row.setting), state.look)
        elif row.key in keymap.SHORT_HELP:
            write(panel, row.key, LABEL_X, y, TEXT)
            write(panel, keymap.SHORT_HELP[row.key], HINT_X, y, DIM)
        else:
            line, color = next(notes)
            write(panel, line, LABEL_X, y, color)


def _write_setting(panel: np.ndarray, y: int, option: Option, look: Look) -> None:
    value = getattr(look, option.name)
    changed = value != option.default
    used = has_effect(option, look)
    write(panel, label(option.name), LABEL_X, y, (TEXT if changed else DIM) if used else FAINT)
    write(panel, keymap.keys_by_setting().get(option.name, ""), KEY_X, y, DIM if used else FAINT)
    write(panel, format_value(value), VALUE_X, y, (ACCENT if changed else TEXT) if used else FAINT)


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
    view = "" if state.shown_view == "result" else state.shown_view
    write_row(footer, STRIP_HEIGHT + 20, (frame_label(state, preview), TEXT), (view, ACCENT))
    progress = playback.describe(state) or _progress(preview, late)
    write_row(footer, STRIP_HEIGHT + 43, _feedback(state, preview, problem), (progress, DIM))


def _feedback(
    state: EditorState, preview: PreviewImage | None, problem: str
) -> tuple[str, BgrColor]:
    if state.typed is not None:
        return f"go to frame: {state.typed}_   (Enter goes there, Esc stays here)", ACCENT
    problem = problem or "; ".join(preview.failures if preview else [])
    if problem:
        return problem, WARNING
    return state.message, ACCENT


def _progress(preview: PreviewImage | None, late: bool) -> str:
    if late:
        return "rendering ..."
    missing = len(preview.missing) if preview is not None else 0
    return f"colors: {missing} context frames to go ..." if missing else ""


def draw_strip(strip: np.ndarray, state: EditorState) -> None:
    """Draw the whole footage: frames with a face, changes of settings, the current frame."""
    height, width = strip.shape[:2]
    count = state.footage.count
    strip[:] = BACKGROUND
    faces = np.array(state.footage.face_frames, np.int64)
    has_face = np.zeros(count, bool)
    has_face[faces] = True
    lit = has_face[frame_at(np.arange(width), width, count)]
    lit[strip_x(faces, width, count)] = True  # of several frames in a column, any
    strip[height // 4 : -height // 4, lit] = FACES
    for frame in state.timeline.own:
        left = strip_x(frame, width, count)
        strip[:, left : left + 2] = ACCENT
    left = strip_x(state.frame, width, count)
    strip[:, max(0, left - 1) : max(left + 2, strip_x(state.frame + 1, width, count))] = TEXT


def frame_label(state: EditorState, preview: PreviewImage | None) -> str:
    """Return the number, and the time or the name, of the current frame."""
    parts = [f"frame {state.frame} / {state.footage.count - 1}"]
    if preview is not None and preview.frame.time is not None:
        minutes, seconds = divmod(float(preview.frame.time), 60)
        parts.append(f"{int(minutes):02}:{seconds:06.3f}")
    elif preview is not None:
        parts.append(preview.frame.name)
    if not state.has_face:
        parts.append("no face")
    return "   ".join(parts)


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

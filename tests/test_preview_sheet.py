"""The preview of a training: its text, its faces and its curves, at every size."""

from dataclasses import replace
from itertools import combinations, pairwise
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from facelib.validation_log import COLUMNS
from models.base import Batch, Prediction
from trainer import progress
from trainer.monitoring import plots, preview, window
from trainer.monitoring.plots import Axis
from utils import text

FACTS = (
    "iteration 1,234,567",
    "trained for 103 h 05 min",
    "0.082 s per step",
    "1,234 samples per second",
    "99 h 59 min left to the target",
)
NAMES = ["src", "dst", "src_mask", "dst_mask", "expression"]


def rows(*iterations, **values):
    return [dict.fromkeys(COLUMNS, 0.5) | {"iteration": i} | values for i in iterations]


def content(side=64, faces=4, *, masks=True, **changes):
    """Return the content of a preview whose columns have brightness 0.1, 0.2, ..."""
    mask = np.zeros((faces, side, side, 1), np.float32)
    mask[:, side // 4 : -side // 4, side // 4 : -side // 4] = 1
    columns = [
        Prediction(
            np.full((faces, side, side, 3), (number + 1) / 10, np.float32),
            mask if masks or number in (0, 2) else None,
        )
        for number in range(5)
    ]
    history = np.geomspace(3, 0.1, 500)[:, None].repeat(5, axis=1).astype(np.float32)
    usual = {"metrics": rows(100, 500), "facts": FACTS, "iteration": 500, "names": NAMES}
    return preview.PreviewContent(columns, history, **(usual | changes))


@pytest.fixture
def boxes(monkeypatch):
    """Return a function that draws and returns the boxes of all texts, in the image's pixels."""
    written = []
    monkeypatch.setattr(text, "write", lambda *args, **more: written.append((args, more)))

    def draw(make, *args):
        written.clear()
        image = make(*args)
        start = image.__array_interface__["data"][0]
        found = []
        for (area, line, (x, y)), more in written:
            offset = area.__array_interface__["data"][0] - start
            top, left = divmod(offset // 3, image.shape[1])
            size = more["size"]
            wide = text.width(line, size)
            assert x + wide <= area.shape[1], f"{line!r} is cut off"
            box = (left + x, top + y - round(0.75 * size), left + x + wide, top + y + size // 4)
            found.append((line, size, box))
        return image, found

    return draw


@pytest.mark.parametrize("side", [16, 64, 96, 128, 160, 192, 256])
@pytest.mark.parametrize("masks", [True, False])
@pytest.mark.parametrize("measured", [0, 2])
def test_no_text_is_cut_off_or_overlaps_another(boxes, side, masks, measured):
    made = content(side, masks=masks, metrics=rows(100, 500)[:measured])
    image, found = boxes(preview.draw, made)
    height, width = image.shape[:2]
    for line, size, (left, top, right, bottom) in found:
        assert min(left, top) >= 0, line
        assert right <= width, line
        assert bottom <= height, line
        assert size * 1288 / width >= 12, f"{line!r} is too small on a screen"
    for (one, _, a), (other, _, b) in combinations(found, 2):
        apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
        assert apart, (one, other)
    lines = [line for line, *_ in found]
    assert set(FACTS) <= set(lines)
    assert lines.count("reconstructed") == (4 if masks else 2)
    assert lines.count(preview.MASKED_TITLE) == masks
    assert ("The swap, measured (1 is best)" in lines) == (measured > 0)


@pytest.mark.parametrize("faces", [1, 2, 4])
@pytest.mark.parametrize(("masks", "side"), [(True, 64), (False, 64), (True, 96), (False, 256)])
def test_faces_are_where_the_sheet_says(faces, masks, side):
    made = content(side, faces, masks=masks)
    image = preview.draw(made)
    tile = side * -(-128 // side)
    sheet = preview.Sheet(faces, tile, masks, panels=3)
    assert image.shape == (*sheet.size, 3)
    top, bottom = sheet.faces
    assert bottom - top == faces * tile
    for number in range(5):
        bright = round(255 * (number + 1) / 10)
        plain = image[top:bottom, number * tile : (number + 1) * tile]
        inner = plain[2:-2, 2:-2].astype(int)  # the edges are mixed with the next face
        assert (np.abs(inner - bright) <= 1).all()
        if masks:
            left = sheet.half + sheet.px(preview.GAP) + number * tile
            masked = image[top : top + tile, left : left + tile]
            assert abs(int(masked[tile // 2, tile // 2, 0]) - bright) <= 1
            assert abs(int(masked[4, 4, 0]) - bright * preview.OUTSIDE) <= 1


def test_a_face_is_enlarged_by_whole_numbers():
    noise = np.random.default_rng(1).random((1, 64, 64, 3)).astype(np.float32)
    made = content(64, 1)
    made = replace(made, columns=[Prediction(noise, p.mask) for p in made.columns])
    top = preview.Sheet(1, 128, masked=True, panels=3).faces[0]
    drawn = preview.draw(made)[top : top + 128, :128].astype(float)
    shrunk = drawn.reshape(64, 2, 64, 2, 3).mean(axis=(1, 3))
    assert np.corrcoef(shrunk.ravel(), noise.ravel())[0, 1] > 0.95


def test_samples_have_titles(boxes):
    batch = Batch(*(np.ones((3, 16, 16, depth), np.float32) for depth in (3, 3, 1, 1)))
    image, found = boxes(preview.draw_samples, [batch, batch])
    assert [line for line, *_ in found] == list(preview.SAMPLE_COLUMNS)
    assert image.shape[1] == 6 * 128


@pytest.mark.parametrize("width", [1288, 1932, 2576])
def test_the_keys_fit_above_the_preview(boxes, width):
    _, found = boxes(window.key_line, width)
    for (_, _, one), (_, _, other) in pairwise(found):
        assert one[2] < other[0]
    assert min(size for _, size, _ in found) * 1288 / width >= 13


@pytest.mark.parametrize("size", [(640, 400), (1288, 878), (1900, 900), (500, 900)])
def test_the_preview_is_fitted_into_the_window(size):
    image = np.full((439, 644, 3), 200, np.uint8)
    fitted = window.fit(image, size)
    assert fitted.shape == (size[1], size[0], 3)
    rows_, columns = np.nonzero(fitted[..., 0] > 100)
    height, width = np.ptp(rows_) + 1, np.ptp(columns) + 1
    assert width / height == pytest.approx(644 / 439, rel=0.02)
    assert width == size[0] or height == size[1]
    assert columns.min() + columns.max() == pytest.approx(size[0] - 1, abs=1)


# --- curves


def drawn_at(area, color, column):
    """Return the middle row of what has about a color in a column of pixels."""
    near = np.abs(area[50:, column].astype(int) - color).max(axis=1) < 30
    found = np.nonzero(near)[0] + 50
    assert found.size, "there is no curve"
    return found.mean()


def grid(area):
    """Return the rows of the lines of the grid, and the columns at which they begin and end."""
    lines = (area == plots.LINE).all(axis=2)
    found = np.nonzero(lines.sum(axis=1) > area.shape[1] / 3)[0]
    columns = np.nonzero(lines[found].any(axis=0))[0]
    return found, columns.min(), columns.max()


def losses(history, names, width=600, last=0):
    area = np.full((220, width, 3), plots.DARK, np.uint8)
    plots.draw_losses(area, np.asarray(history, np.float32), names, 1.0, last)
    return area


def test_the_curve_is_as_high_as_the_losses():
    history = np.full((1000, 3), 0.26)
    history[500:, 0] = 0.48
    history[:, 1] = 0.32
    history[:, 2] = 100.0
    area = losses(history, ["src", "dst", "src_mask"])
    axis = plots.loss_axis(history[:, :2])
    lines, left, right = grid(area)
    assert len(lines) == len(axis.labels)
    for color, at, loss in [(0, 0.25, 0.26), (0, 0.75, 0.48), (1, 0.75, 0.32), (1, 0.2, 0.32)]:
        y = drawn_at(area, plots.COLORS[color], round(left + at * (right - left)))
        up = (loss - axis.low) / (axis.high - axis.low)
        assert y == pytest.approx(lines[-1] - up * (lines[-1] - lines[0]), abs=1.5)


def test_outliers_of_the_first_steps_do_not_flatten_the_curve():
    rng = np.random.default_rng(3)
    history = rng.normal(0.5, 0.02, (400, 2))
    history[:5] = 50
    axis = plots.loss_axis(history)
    assert 0.35 < axis.low < 0.5 < axis.high < 0.65
    history[200:203] = 1e6  # nor does a single spike later
    assert plots.loss_axis(history) == axis


def test_a_higher_curve_is_not_cut_off_for_a_lower_one():
    history = np.stack([np.full(300, 0.1), np.linspace(0.9, 0.8, 300)], axis=1)
    axis = plots.loss_axis(history)
    assert axis.low <= 0.1
    assert axis.high >= 0.89


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_the_first_steps_are_drawn(count):
    area = losses(np.full((count, 1), 0.5), ["src"])
    inked = (np.abs(area[60:].astype(int) - plots.COLORS[0]).max(axis=2) < 30).any()
    assert inked == (count > 1)  # a curve has two points


def test_losses_that_are_no_numbers_are_left_out():
    history = np.full((100, 1), 0.5)
    history[50] = np.nan
    axis = plots.loss_axis(history[np.isfinite(history[:, 0])])
    assert (losses(history, ["src"]) == plots.COLORS[0]).all(axis=2).any()
    assert axis.low <= 0.5 <= axis.high


def test_only_the_chosen_range_of_losses_is_drawn(boxes):
    history = np.full((1000, 1), 0.1)
    history[:900] = 0.4
    _, found = boxes(losses, history, ["src"], 600, 100)
    words = [line for line, *_ in found]
    assert "iteration 900" in words
    assert "1,000" in words
    assert any("last 100 iterations" in line for line in words)
    assert not any(line.startswith("0.4") for line in words)


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, "0.0 0.2 0.4 0.6 0.8 1.0"),
        (0.61, 1.0, "0.6 0.7 0.8 0.9 1.0"),
        (0.004, 0.196, "0.00 0.05 0.10 0.15 0.20"),
        (12.0, 61.0, "10 20 30 40 50 60 70"),
        (0.0202, 0.0209, "0.0202 0.0204 0.0206 0.0208 0.0210"),
    ],
)
def test_axes_have_round_labels(low, high, labels):
    axis = Axis.around(low, high)
    assert list(axis.labels) == labels.split()
    for label, value in axis.labels.items():
        assert float(label) == pytest.approx(value)


@pytest.mark.parametrize("value", [0.0, 0.5, 1e-9, 3e6])
def test_a_constant_has_an_axis_too(value):
    axis = Axis.around(value, value)
    assert axis.low <= value <= axis.high
    assert axis.low < axis.high
    assert len(set(axis.labels)) == len(axis.labels)


def test_metrics_are_drawn_where_they_belong():
    made = rows(0, 500, 1000, ssim_src=np.nan, mask_overlap=np.nan)
    for row, value in zip(made, (0.25, 0.85, 0.85), strict=True):
        row["ssim_dst"] = value
    area = np.full((220, 500, 3), plots.DARK, np.uint8)
    plots.draw_reconstruction(area, made, 1000, 1.0)
    lines, left, right = grid(area)
    axis = plots.metric_axis([np.array([0.25, 0.85, 0.85])])
    for at, value in ((0.25, 0.55), (0.75, 0.85)):
        y = drawn_at(area, plots.RECONSTRUCTION["ssim_dst"][1], round(left + at * (right - left)))
        up = (value - axis.low) / (axis.high - axis.low)
        assert y == pytest.approx(lines[-1] - up * (lines[-1] - lines[0]), abs=1.5)


def test_the_latest_values_are_written(boxes):
    made = rows(100, ssim_src=0.4) + rows(200, ssim_src=0.789, mask_overlap=np.nan)
    area = np.full((220, 500, 3), plots.DARK, np.uint8)

    def draw():
        plots.draw_reconstruction(area, made, 300, 1.0)
        return area

    _, found = boxes(draw)
    words = [line for line, *_ in found]
    assert {"src 0.79", "dst 0.50", "mask -", "iteration 0", "300"} <= set(words)


# --- how far the training is


def test_the_facts_are_time_speed_and_what_is_left(monkeypatch):
    clock = iter(np.arange(0, 100, 0.5).tolist())
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(clock))
    monkeypatch.setattr(progress.console, "status", lambda *_: None)
    session = SimpleNamespace(
        iteration=12_345,
        seconds=3 * 3600 + 300,
        samples=8,
        losses=SimpleNamespace(means=dict),
        schedule=SimpleNamespace(seconds_left=lambda *_: None),
    )
    line = progress.ProgressLine(session)
    assert line.facts() == ["iteration 12,345", "trained for 3 h 05 min"]
    for _ in range(5):
        line.show(0.0)
    speed = ["0.5 s per step", "32 samples per second"]
    assert line.facts()[2:] == [*speed, "no target"]
    line.restart()  # the speed stays known
    session.samples = 2_048
    assert line.facts()[3] == "8,192 samples per second"
    session.samples = 8
    session.schedule = SimpleNamespace(seconds_left=lambda i, s, step: (20_000 - i) * step)
    assert line.facts()[2:] == [*speed, "64 min left to the target"]
    session.schedule = SimpleNamespace(seconds_left=lambda *_: 0.0)
    assert line.facts()[2:] == [*speed, "target reached"]


def test_a_preview_is_as_sharp_as_the_faces():
    """No part of a face is covered by text."""
    made = content(128, 4)
    checker = np.indices((128, 128)).sum(axis=0) % 2
    face = np.repeat(checker[None, ..., None], 3, axis=3).repeat(4, axis=0).astype(np.float32)
    columns = [Prediction(face, np.ones_like(face[..., :1])) for _ in range(5)]
    sheet = preview.Sheet(4, 128, masked=True, panels=3)
    drawn = preview.draw(replace(made, columns=columns))[slice(*sheet.faces)]
    expected = np.tile(checker * 255, (4, 5))
    for left in (0, sheet.half + sheet.px(preview.GAP)):
        assert (drawn[:, left : left + sheet.half] == expected[..., None]).all()
    assert cv2.mean(drawn[:, sheet.half : sheet.half + 8])[0] == plots.DARK[0]

"""Previews of the interactive conversion: equal to rendered frames, cached, within bounds."""

from dataclasses import replace

import numpy as np
import pytest
from support.conversion import (
    INVERT,
    SIZE,
    make_predictor,
    mean_hull,
    options,
    read_folder,
    write_footage,
)
from support.screen import wait_until

from converters import convert
from converters.interactive import screen as content
from converters.interactive.layout import FOOTER_HEIGHT, PANEL_WIDTH, Layout
from converters.interactive.layout import SIZE as WINDOW_SIZE
from converters.interactive.preview import (
    PredictedFrame,
    PreviewRenderer,
    PreviewRequest,
    show_alpha,
    show_mask,
)
from converters.interactive.preview_worker import PreviewWorker
from converters.interactive.session_file import SavedSession, save, session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from converters.predictor import Predictor
from facelib.faceset import Faceset
from facelib.types import FaceType
from utils.video.io import open_source
from utils.video.seekable import open_random

LAYOUT = Layout(*WINDOW_SIZE)


@pytest.fixture
def renderer(tmp_path):
    write_footage(tmp_path, faceless=(1,))
    calls = []
    predictor = make_predictor(lambda crops: calls.append(len(crops)) or 1 - crops)
    with open_random(open_source(tmp_path / "frames")) as frames:
        faces = Faceset.open(tmp_path / "aligned").by_frame()
        made = PreviewRenderer(frames, faces, predictor)
        made.calls = calls
        yield made


def wait_for_preview(previews, state, condition=lambda result: True):
    """Wait until the preview of a state is rendered, and a condition holds for it."""

    def there():
        result = previews(PreviewRequest.of(state))
        return result.request == PreviewRequest.of(state) and condition(result)

    wait_until(there, "the preview is rendered")
    return previews(PreviewRequest.of(state))


def test_the_model_predicts_each_frame_once(renderer):
    for erode in (0, 10, 20):
        for frame in (0, 1, 2):
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "result"))
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "mask"))
            renderer(PreviewRequest(frame, (Look(erode_modifier=erode),), "original"))
    assert renderer.calls == [1, 1]


def test_a_preview_equals_the_rendered_frame(renderer, tmp_path):
    look = Look(mode="seamless", blur_modifier=50)
    convert.run(options(tmp_path, **vars(look)), INVERT)
    for index, image in enumerate(read_folder(tmp_path / "result")):
        np.testing.assert_array_equal(
            renderer(PreviewRequest(index, (look,), "result")).image, image
        )


def test_a_preview_with_context_frames_equals_the_rendered_frame(tmp_path):
    write_footage(tmp_path)
    hull = mean_hull()

    def swap(crops):  # the mask differs between frames
        return 1 - crops, hull * (crops.mean(axis=3, keepdims=True) > 0.5)

    predictor = Predictor(swap, SIZE, FaceType.FULL, 10, 10)
    look = Look(color_transfer="rct", color_frames=4, motion_blur=100)
    later = replace(look, mask_type="hull", color_frames=3)
    timeline = LookTimeline({0: look, 3: later})
    with open_random(open_source(tmp_path / "frames")) as frames:
        save(session_path(tmp_path / "result"), SavedSession(timeline), "frames", frames.names)
        convert.run(options(tmp_path), predictor)
        rendered = read_folder(tmp_path / "result")[4]
        renderer = PreviewRenderer(frames, Faceset.open(tmp_path / "aligned").by_frame(), predictor)
        still = renderer(PreviewRequest(4, (replace(later, motion_blur=0),), "result"))
        state = EditorState(FootageIndex(6, tuple(range(6))), timeline, frame=4)
        with PreviewWorker(renderer) as previews:
            first = wait_for_preview(previews, state).preview
            whole = wait_for_preview(
                previews, state, lambda result: not result.preview.missing
            ).preview
    assert [each.frame for each in first.missing] == [3, 2]
    np.testing.assert_array_equal(whole.image, rendered)
    assert (first.image != rendered).any(), "the masks of the context frames count"
    assert (still.image != first.image).any(), "and so does the motion"


def test_an_unreadable_context_frame_is_not_waited_for(renderer, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    look = Look(color_transfer="rct", color_frames=4)
    state = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(look), frame=3)
    with PreviewWorker(renderer) as previews:
        wait_for_preview(previews, state, lambda result: not result.preview.missing)
        wait_until(
            lambda: previews(PreviewRequest.of(state)) and renderer.ready(PredictedFrame(4)),
            "the next one is ready",
        )


def test_the_caches_are_bounded(renderer):
    renderer._max_jobs = 2
    for frame in (0, 1, 2, 3, 4, 5, 0):
        renderer(PreviewRequest(frame, (Look(),), "result"))
        assert len(renderer._jobs) <= 2
        assert len(renderer._images) <= 4
    assert len(renderer.calls) == 6


def test_an_unreadable_frame_is_reported_and_shows_no_preview(renderer, tmp_path):
    (tmp_path / "frames" / "000002.png").write_bytes(b"nothing")
    state = EditorState(FootageIndex(6, (0, 2, 3, 4, 5)), LookTimeline.all_alike(Look()), frame=2)
    with PreviewWorker(renderer) as previews:
        result = wait_for_preview(previews, state)
    assert result.preview is None
    assert "000002.png" in result.problem
    assert content.draw(LAYOUT, None, state, result.problem).shape == (780, 1280, 3)


def test_the_mask_view_is_gray_and_dark_outside_the_mask():
    frame = np.full((40, 60, 3), (200, 100, 50), np.uint8)
    face_alpha = np.zeros((40, 60), np.uint8)
    face_alpha[:, 30:] = 255
    shown = show_mask(frame, face_alpha)
    np.testing.assert_array_equal(shown[:, 30:], frame[:, 30:])
    assert np.ptp(shown[:, :30], axis=2).max() == 0
    assert shown[:, :30].max() < 60
    assert show_alpha(np.dstack([frame, face_alpha]))[5, 40].tolist() == [200, 100, 50]


@pytest.mark.parametrize("values", [{}, {"show_help": True}, {"zoomed": True}, {"typed": "12"}])
def test_every_state_draws_the_preview_and_the_settings(values, renderer):
    state = EditorState(FootageIndex(6, (0, 2)), LookTimeline.all_alike(Look()), **values)
    drawn = content.draw(LAYOUT, renderer(PreviewRequest.of(state)), state)
    assert drawn.shape == (780, 1280, 3)
    assert drawn[:, -PANEL_WIDTH:].max() > 200
    assert drawn[:-FOOTER_HEIGHT, :-PANEL_WIDTH].std() > 10

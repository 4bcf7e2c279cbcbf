"""Trained masks in conversion: what lies before a face stays there, sharp and steady."""

import dataclasses
from typing import NamedTuple

import cv2
import numpy as np
import pytest
from support.blending import difference, make_swap, scene
from support.conversion import INVERT, StopsAt, make_predictor, options, read_folder, write_footage

from converters import TRAINED_MASKS, checks, convert
from converters.blending.blender import Blender
from converters.blending.crop import Crop
from converters.blending.mask import MASK_SIDE
from converters.blending.trained_mask import into_crop, steadied
from converters.interactive import edits
from converters.interactive.preview import PreviewRenderer, PreviewRequest
from converters.interactive.session_file import SavedSession, save, session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import SHOWN_MODES, Look, used
from converters.look_timeline import LookTimeline
from facelib.faceset import Faceset
from facelib.landmarks import hull_mask
from facelib.types import FaceType
from utils.errors import UsageError
from utils.images import read_image, write_image
from utils.video.io import open_source
from utils.video.seekable import open_random

BAR = 14  # pixels of the frame: half the width of the bar before the face


class BrightIsVisible(NamedTuple):
    """Stands for a trained model: what is pure green lies before the face."""

    face_type: FaceType = FaceType.FULL
    side: int = 256
    name: str = "MASK at iteration 1"

    def __call__(self, crops):
        green = (crops[..., 1] > 200) & (crops[..., 0] < 60) & (crops[..., 2] < 60)
        return np.float32([cv2.GaussianBlur(1 - each, (0, 0), 0.7) for each in np.float32(green)])


@pytest.fixture(scope="module")
def barred(astronaut, face_landmarks):
    """A face with a bar before it, its trained mask in the crop, and where the bar is in the face.

    At the rim of the face the bar's edge is as soft as the outline, so there is no telling.
    """
    frame, landmarks = scene(astronaut, face_landmarks, 1.6)
    bar = np.zeros(frame.shape[:2], np.uint8)
    middle = landmarks[[48, 54]].mean(axis=0)  # across the mouth
    along = np.float32((60, 25))
    cv2.line(bar, tuple(np.int32(middle - along)), tuple(np.int32(middle + along)), 255, BAR)
    frame = np.where(bar[..., None] > 0, np.uint8([0, 255, 0]), frame)
    swap = make_swap(frame, landmarks, tint=np.float32([0.4, 0.7, 1.0]))
    visible = Crop.of(landmarks, 256, FaceType.FULL).cut(255 - bar[..., None], MASK_SIDE)[..., 0]
    trained = visible / np.float32(255)
    hull = core(hull_mask(landmarks, frame.shape[:2])[..., 0], 12)
    return frame, dataclasses.replace(swap, trained=trained), (bar > 0) & hull


def core(area, margin):
    """Where a mask holds with a margin, in pixels; negative: where it is near."""
    distance = cv2.distanceTransform(np.uint8(area), cv2.DIST_L2, 5)
    return distance > margin


@pytest.mark.parametrize("kind", TRAINED_MASKS)
@pytest.mark.parametrize("mode", SHOWN_MODES)
def test_what_lies_before_the_face_stays_whatever_erosion_and_blur(barred, mode, kind):
    frame, swap, bar = barred
    look = Look(mode=mode, mask_type=kind, erode_modifier=20, blur_modifier=60)
    image = Blender(look)(frame, [swap]).image
    assert difference(image, frame)[core(bar, 3)].max() <= 1


def test_no_rim_of_the_old_face_is_left_beside_it(barred):
    frame, swap, _ = barred
    bar = (frame == (0, 255, 0)).all(axis=2)
    free = dataclasses.replace(swap, trained=np.ones_like(swap.trained))
    plain, trained = (
        Blender(Look(mask_type="trained", erode_modifier=20, blur_modifier=60))(frame, [each]).image
        for each in (free, swap)
    )
    beside = core(~bar, 2) & ~core(~bar, 6)
    inner = cv2.circle(np.zeros_like(np.uint8(bar)), tuple(np.int32(swap.landmarks[66])), 40, 1, -1)
    near = beside & (inner > 0)
    assert near.sum() > 300
    # the swap is whole there, but for a pixel's softness
    assert difference(plain, trained)[near].mean() < 3
    assert difference(plain, frame)[near].mean() > 20


def test_an_enlarged_face_does_not_move_what_lies_before_it(barred):
    frame, swap, bar = barred
    image = Blender(Look(mask_type="trained", face_scale=30))(frame, [swap]).image
    assert difference(image, frame)[core(bar, 3)].max() <= 1
    assert (image != frame)[core(~bar, 3)].any()


def test_without_a_mask_model_a_trained_mask_type_is_a_failure_of_that_face(barred):
    frame, swap, _ = barred
    done = Blender(Look(mask_type="trained"))(frame, [dataclasses.replace(swap, trained=None)])
    assert done.faces == 0
    assert "--mask-model-dir" in done.failures[0]


@pytest.mark.parametrize("own_type", [FaceType.HALF, FaceType.FULL, FaceType.WHOLE])
@pytest.mark.parametrize("own_side", [128, 256])
def test_a_mask_of_another_crop_lands_where_the_frame_says(face_landmarks, own_type, own_side):
    points = face_landmarks * 1.5
    disc = np.zeros((1000, 1000, 1), np.uint8)
    cv2.circle(disc, tuple(np.int32(points[30])), 30, 255, -1, cv2.LINE_AA)
    disc = cv2.GaussianBlur(disc, (0, 0), 3)[..., None]
    own = Crop.of(points, 64, own_type)
    for face_type in (FaceType.HALF, FaceType.FULL, FaceType.WHOLE):
        crop = Crop.of(points, 96, face_type)
        moved = into_crop(own.cut(disc, own_side)[..., 0] / np.float32(255), own, crop)
        expected = crop.cut(disc, MASK_SIDE)[..., 0] / np.float32(255)
        assert np.abs(moved - expected).mean() < 0.002
        assert moved.shape == (MASK_SIDE, MASK_SIDE)


def edge(position, softness=1.0):
    """A mask whose right part is occluded, from a position with sub-pixel accuracy."""
    columns = np.arange(MASK_SIDE, dtype=np.float32)
    row = np.clip((position - columns) / softness + 0.5, 0, 1)
    return np.tile(row, (MASK_SIDE, 1))


def test_a_wobbling_edge_is_steadied():
    rng = np.random.default_rng(3)
    masks = [edge(120 + wobble) for wobble in rng.normal(0, 0.7, 40)]
    after = [steadied(masks[i - 2 : i + 1]) for i in range(2, len(masks))]

    def flicker(series):
        return np.abs(np.diff(series, axis=0)).mean()

    assert flicker(after) < 0.7 * flicker(masks[2:])


def test_what_moves_leaves_no_trace():
    masks = [edge(x) for x in (180, 150, 120)]
    result = steadied(masks)
    np.testing.assert_allclose(result, masks[-1], atol=0.02)


def barred_footage(folder, count=6):
    """Footage of a head with a green bar before it that moves, and its faces."""
    write_footage(folder, count)
    for index, path in enumerate(sorted((folder / "frames").iterdir())):
        image = read_image(path)
        left = image.shape[1] // 2 - 12 + 3 * index
        image[image.shape[0] // 2 :, left : left + 10] = (0, 255, 0)
        write_image(path, image)
    return read_folder(folder / "frames")


def test_a_conversion_keeps_a_moving_bar_in_every_frame(tmp_path):
    frames = barred_footage(tmp_path)
    chosen = options(tmp_path, mask_type="trained", mask_model_dir=tmp_path / "mask_model")
    report = convert.run(chosen, INVERT, BrightIsVisible())
    assert report.counts["converted faces"] == len(frames)
    hidden = changed = 0
    for before, after in zip(frames, read_folder(tmp_path / "result"), strict=True):
        bar = core(np.uint8((before == (0, 255, 0)).all(axis=2)), 2)
        hidden += difference(after, before)[bar].max() > 8
        changed += (after != before).mean() > 0.05
    assert (hidden, changed) == (0, len(frames))


def test_a_trained_mask_without_a_model_is_refused_before_anything_is_read(tmp_path):
    write_footage(tmp_path, 1)
    with pytest.raises(UsageError, match="trained mask model"):
        convert.run(options(tmp_path, mask_type="trained-hull"), INVERT)
    with pytest.raises(UsageError, match="--mask-model-dir"):
        checks.check_mask_model([Look(), Look(mask_type="trained")])
    checks.check_mask_model([Look(mode="raw", raw_mode="rgb", mask_type="trained")])


def test_only_the_frames_that_come_to_want_a_trained_mask_are_made_again(tmp_path):
    write_footage(tmp_path, 3)
    chosen = options(tmp_path, mask_model_dir=tmp_path / "mask_model")

    def convert_with(timeline, model="MASK at iteration 1"):
        with open_random(open_source(tmp_path / "frames")) as frames:
            save(session_path(tmp_path / "result"), SavedSession(timeline), "frames", frames.names)
        report = convert.run(chosen, INVERT, BrightIsVisible(name=model))
        return report.counts["converted faces"]

    hull, trained = Look(mask_type="hull"), Look(mask_type="trained", mask_frames=1)
    assert convert_with(LookTimeline.all_alike(hull)) == 3
    assert convert_with(LookTimeline({0: hull, 2: trained})) == 1
    assert convert_with(LookTimeline({0: hull, 2: trained}), "MASK at iteration 2") == 1
    assert convert_with(LookTimeline({0: hull, 2: trained}), "MASK at iteration 2") == 0


def test_other_mask_types_do_not_load_the_mask_model(tmp_path):
    write_footage(tmp_path, 1)
    convert.run(options(tmp_path, mask_model_dir=tmp_path / "nowhere"), INVERT)
    assert len(read_folder(tmp_path / "result")) == 1


def test_a_frame_needs_those_whose_masks_its_colors_take_and_those_that_these_take():
    look = Look(mask_type="trained", mask_frames=5, color_transfer="rct", color_frames=3)
    hull = dataclasses.replace(look, mask_type="hull", color_frames=4)
    steady = dataclasses.replace(look, color_transfer="none", mask_frames=9)
    assert used(hull).mask_frames == Look().mask_frames
    alike = LookTimeline.all_alike(look)
    assert (alike.context_frames, alike.first_needed(20), alike.first_needed(4)) == (6, 14, 0)
    several = LookTimeline({0: look, 30: steady, 40: hull})
    assert several.context_frames == 3 + 8
    assert [several.first_needed(at) for at in (29, 30, 40, 41, 43)] == [23, 22, 29, 30, 40]


class Wobbles(BrightIsVisible):
    """Stands for a model whose masks have a soft edge, elsewhere in each frame."""

    def __call__(self, crops):
        return np.stack([edge(128 + int(crop.sum()) % 9, softness=60) for crop in crops])


def test_a_preview_equals_the_rendered_frame_and_a_stopped_run_goes_on_to_the_same(tmp_path):
    write_footage(tmp_path, 8)
    look = Look(mask_type="trained", mask_frames=6, color_transfer="rct", color_frames=2)
    later = dataclasses.replace(look, mask_frames=2, color_frames=4)
    timeline = LookTimeline({0: look, 5: later})
    values = {"mask_model_dir": tmp_path / "mask_model", "batch_size": 1}
    whole, part = (options(tmp_path, name, **values) for name in ("whole", "part"))
    with open_random(open_source(tmp_path / "frames")) as frames:
        for name in ("whole", "part"):
            session = SavedSession(timeline)
            save(session_path(tmp_path / name), session, "frames", frames.names)
        convert.run(whole, INVERT, Wobbles())
        rendered = read_folder(tmp_path / "whole")
        faces = Faceset.open(tmp_path / "aligned").by_frame()
        renderer = PreviewRenderer(frames, faces, INVERT, masks=Wobbles())
        for index, expected in enumerate(rendered):
            state = EditorState(FootageIndex(8, tuple(range(8))), timeline, frame=index)
            request = PreviewRequest.of(state)
            for missing in renderer.missing(request):
                renderer.prepare(missing)
            np.testing.assert_array_equal(renderer(request).image, expected, f"frame {index}")
    with pytest.raises(KeyboardInterrupt):
        convert.run(part, make_predictor(StopsAt(7), "negative"), Wobbles())
    assert 0 < len(read_folder(tmp_path / "part")) < 8
    convert.run(part, INVERT, Wobbles())
    np.testing.assert_array_equal(read_folder(tmp_path / "part"), rendered)


def test_a_preview_without_the_mask_model_of_its_session_says_so(tmp_path):
    barred_footage(tmp_path, 1)
    with open_random(open_source(tmp_path / "frames")) as frames:
        faces = Faceset.open(tmp_path / "aligned").by_frame()
        renderer = PreviewRenderer(frames, faces, INVERT)
        shown = renderer(PreviewRequest(0, (Look(mask_type="trained"),), "result"))
    assert "--mask-model-dir" in shown.failures[0]


def test_the_window_offers_trained_masks_only_with_a_mask_model():
    state = EditorState(FootageIndex(3, (0,)), LookTimeline.all_alike(Look()))
    seen = set()
    for _ in range(8):
        state = edits.step_setting("mask_type", 1)(state)
        seen.add(state.look.mask_type)
    assert seen == {"predicted", "hull", "product", "union"}
    refused = edits.choose("mask_type", "trained")(state)
    assert "--mask-model-dir" in refused.message
    able = dataclasses.replace(state, has_mask_model=True)
    assert edits.choose("mask_type", "trained")(able).look.mask_type == "trained"

"""The manual extractor without a window: events go in, faces come out."""

import json

import cv2
import numpy as np
import pytest
from support.synthetic import make_landmarks, make_video

from extractor import checks, journal
from extractor.extract import run
from extractor.frames import SampledSource
from extractor.manual import app
from extractor.manual.controls import KEYS, handle
from extractor.manual.drawing import CYAN, HELP, FrameDrawing
from extractor.manual.editor import FIRST, Decision, Editor, Navigation, ToolState
from extractor.manual.frame_cache import FrameCache
from extractor.manual.mouse import SMALLEST
from extractor.manual.viewport import CLOSEST, Viewport
from extractor.options import ExtractOptions
from facelib.faceset import Faceset, read_info
from facelib.types import Face, FaceType, LocatedFace, Rect
from utils.errors import InputError, UsageError, UserError
from utils.files import trash_dir
from utils.video.io import open_source
from utils.window import Closed, Key, Mouse

SHAPE = (400, 300)  # width and height of the frame
MEAN = make_landmarks(center=(0, 0), width=1.0)


class Locate:
    """Puts a mean face into the middle of the rectangle, and counts how often it is asked."""

    def __init__(self):
        self.calls = 0

    def __call__(self, rect):
        self.calls += 1
        points = (MEAN * rect.width + np.array(rect.center)).astype(np.float32)
        return LocatedFace(points, 8.0, points[[37, 44]])


def make_editor(tool=None, **options):
    locate = Locate()
    editor = Editor(locate, SHAPE, tool or ToolState(), **options)
    editor.located = locate
    return editor


def feed(editor, *events):
    """Give events: a word is a key, a pair of numbers a movement; return the last decision."""
    decision = None
    for event in events:
        if isinstance(event, str):
            event = Key(event)
        elif isinstance(event, tuple):
            event = Mouse("move", *event)
        decision = handle(editor, event)
        editor.refresh()
    return decision


def click(x, y, **more):
    return Mouse("left down", x, y, **more), Mouse("left up", x, y, **more)


def wheel(x, y, steps, **more):
    return [Mouse("wheel", x, y, 1 if steps > 0 else -1, **more)] * abs(steps)


def drag(start, end, button="left", **more):
    (x0, y0), (x1, y1) = start, end
    middle = ((x0 + x1) // 2, (y0 + y1) // 2)
    return (
        Mouse(f"{button} down", x0, y0, **more), Mouse("move", *middle, **more),
        Mouse("move", x1, y1, **more), Mouse(f"{button} up", x1, y1, **more),
    )  # fmt: skip


def centers(faces):
    return [tuple(round(value) for value in face.rect.center) for face in faces]


def face_at(x, y, half=30.0):
    rect = Rect(x - half, y - half, x + half, y + half)
    return Face(rect, *[Locate()(rect)[0]], 1.0, 8.0)


# ------------------------------------------------------------------------ as in DeepFaceLab


def test_the_face_follows_the_mouse_until_it_is_locked():
    editor = make_editor()
    feed(editor, (100, 100), (200, 150))
    assert centers([editor.state.current]) == [(200, 150)]
    feed(editor, *click(200, 150), (50, 50))
    assert editor.state.locked
    assert centers([editor.state.current]) == [(200, 150)]
    feed(editor, *click(50, 50))
    assert not editor.state.locked
    assert centers([editor.state.current]) == [(50, 50)]


def test_landmarks_are_found_once_for_many_movements():
    editor = make_editor()
    for x in range(50, 150):
        handle(editor, Mouse("move", x, 100))
    editor.refresh()
    editor.refresh()
    assert editor.located.calls == 1
    assert centers([editor.state.current]) == [(149, 100)]


def test_the_mouse_cannot_lead_the_rectangle_out_of_the_frame():
    editor = make_editor()
    feed(editor, (5000, -40))
    assert editor.rect.center == (SHAPE[0] - 1, 0)


@pytest.mark.parametrize("locked", [False, True])
def test_the_wheel_changes_the_size(locked):
    editor = make_editor()
    feed(editor, (200, 150), *(click(200, 150) if locked else ()))
    sizes = [editor.rect.width]
    for event in wheel(210, 160, 3):
        feed(editor, event)
        sizes.append(editor.rect.width)
    assert sizes[0] == 2 * FIRST
    assert sizes == sorted(set(sizes))
    assert editor.state.locked == locked
    assert centers([editor.state.current]) == [(200, 150) if locked else (210, 160)]
    feed(editor, *wheel(210, 160, -100))
    assert editor.rect.width == 2 * SMALLEST
    feed(editor, *wheel(210, 160, 100))
    assert editor.rect.width == 2 * max(SHAPE)


@pytest.mark.parametrize("locked", [False, True])
def test_enter_keeps_the_face_locked_or_not(locked):
    editor = make_editor()
    decision = feed(editor, (200, 150), *(click(200, 150) if locked else ()), "enter")
    assert decision.navigation is Navigation.NEXT_UNDECIDED
    assert centers(decision.faces) == [(200, 150)]


def test_enter_right_behind_a_movement_keeps_what_is_under_the_mouse_now():
    editor = make_editor()
    feed(editor, (100, 100))
    handle(editor, Mouse("move", 200, 150))
    assert centers(handle(editor, Key("enter")).faces) == [(200, 150)]


def test_space_says_that_there_is_no_face():
    assert feed(make_editor(), (9, 9), *click(9, 9), "space") == Decision(
        Navigation.NEXT_UNDECIDED, ()
    )


@pytest.mark.parametrize(
    ("key", "navigation"),
    [
        (".", Navigation.NEXT),
        (",", Navigation.PREVIOUS),
        ("q", Navigation.QUIT),
        ("escape", Navigation.QUIT),
        ("left", Navigation.PREVIOUS),
        ("right", Navigation.NEXT),
    ],
)
def test_leaving_keeps_only_locked_faces(key, navigation):
    assert feed(make_editor(), (200, 150), key) == Decision(navigation, None)
    decision = feed(make_editor(), (200, 150), *click(200, 150), key)
    assert (decision.navigation, centers(decision.faces)) == (navigation, [(200, 150)])


def test_closing_the_window_is_like_q():
    decision = feed(make_editor(), (200, 150), *click(200, 150), Closed())
    assert (decision.navigation, centers(decision.faces)) == (Navigation.QUIT, [(200, 150)])


def test_nothing_is_decided_before_the_mouse_came():
    assert feed(make_editor(), "enter") == Decision(Navigation.NEXT_UNDECIDED, None)


def test_the_next_frame_begins_where_the_mouse_is():
    tool = ToolState()
    feed(make_editor(tool), (200, 150), *wheel(200, 150, -4), "enter")
    editor = make_editor(tool)
    editor.refresh()
    assert centers([editor.state.current]) == [(200, 150)]
    assert editor.rect.width < 2 * FIRST


def test_faces_that_were_decided_come_back_locked_in_their_place():
    had = (face_at(60, 60), face_at(250, 150, 40))
    editor = make_editor(faces=had)
    feed(editor, (10, 10))
    assert editor.state.locked
    assert feed(editor, ",").faces == had
    decision = feed(make_editor(faces=had), (10, 10), "enter")
    assert decision.faces == had
    unlocked = make_editor(faces=had)
    feed(unlocked, *click(240, 290))
    assert unlocked.rect.width == pytest.approx(80)


def test_taking_away_all_faces_of_a_frame_decides_that_it_is_empty():
    had = (face_at(60, 60),)
    assert feed(make_editor(faces=had), "x", ".").faces == ()
    assert feed(make_editor(), "x", ".").faces is None


# ---------------------------------------------------------------------------------- what is added


def test_several_faces_in_a_frame():
    editor = make_editor()
    feed(editor, *wheel(9, 9, -12), (100, 100), "a", (300, 200), *click(300, 200))
    assert centers(feed(editor, "enter").faces) == [(100, 100), (300, 200)]


def test_with_a_kept_face_enter_does_not_add_what_happens_to_be_under_the_mouse():
    assert centers(feed(make_editor(), (100, 100), "a", (300, 200), "enter").faces) == [(100, 100)]


def test_a_click_or_tab_goes_back_to_a_kept_face():
    had = (face_at(60, 60), face_at(200, 150), face_at(330, 60))
    editor = make_editor(faces=had)
    feed(editor, *click(70, 70))
    assert editor.state.current is had[0]
    feed(editor, "tab")
    assert editor.state.current is had[1]
    assert set(feed(editor, "enter").faces) == set(had)


def test_a_landmark_is_dragged_and_the_others_stay():
    editor = make_editor()
    feed(editor, (200, 150), *click(200, 150))
    before = editor.state.current.landmarks.copy()
    x, y = np.rint(before[8]).astype(int).tolist()
    feed(editor, *drag((x, y), (x + 20, y + 11)))
    after = editor.state.current.landmarks
    np.testing.assert_allclose(after[8], before[8] + (20, 11), atol=1e-3)
    np.testing.assert_array_equal(np.delete(after, 8, 0), np.delete(before, 8, 0))
    assert editor.state.locked
    assert editor.dragged is None
    feed(editor, "u")
    np.testing.assert_array_equal(editor.state.current.landmarks, before)


def test_touching_a_landmark_without_moving_it_changes_nothing():
    editor = make_editor()
    feed(editor, (200, 150), *click(200, 150))
    state = editor.state
    x, y = np.rint(state.current.landmarks[8]).astype(int).tolist()
    feed(editor, *click(x, y))
    assert editor.state is state


def test_shift_drags_the_whole_face():
    editor = make_editor()
    feed(editor, (200, 150), *click(200, 150))
    before = editor.state.current
    feed(editor, *drag((205, 155), (225, 145), shift=True))
    moved = editor.state.current.landmarks - before.landmarks
    np.testing.assert_allclose(moved, np.tile((20, -10), (68, 1)), atol=1e-3)
    assert editor.state.current.rect.center == (220, 140)


def test_irises_go_with_the_whole_face_and_are_dropped_where_landmarks_are_corrected():
    editor = make_editor()
    feed(editor, (200, 150), *click(200, 150))
    before = editor.state.current
    assert before.iris is not None
    feed(editor, *drag((205, 155), (225, 145), shift=True))
    moved = editor.state.current
    np.testing.assert_allclose(moved.iris - before.iris, [(20, -10)] * 2, atol=1e-3)
    x, y = np.rint(moved.landmarks[8]).astype(int).tolist()
    feed(editor, *drag((x, y), (x + 20, y + 11)))
    assert editor.state.current.iris is None
    feed(editor, "u")
    np.testing.assert_array_equal(editor.state.current.iris, moved.iris)


def test_faces_of_the_frame_before_are_copied_locked():
    before = (face_at(60, 60), face_at(250, 150))
    assert feed(make_editor(previous=before), (9, 9), "c", "enter").faces == before
    editor = make_editor()
    assert feed(editor, "c") is None
    assert "no frame before" in editor.message


def test_undo_goes_back_step_by_step():
    editor = make_editor()
    feed(editor, (200, 150))
    seen = []
    for events in (click(200, 150), wheel(0, 0, 1), ["a"], [(50, 50)], click(50, 50), ["x"]):
        seen.append(editor.state)
        feed(editor, *events)
    for state in (seen[5], seen[3], seen[2], seen[1]):
        feed(editor, "u")
        assert (editor.state.kept, editor.state.locked) == (state.kept, state.locked)
    feed(editor, "u")
    assert not editor.state.locked
    feed(editor, "u")
    assert editor.message == "nothing to undo"


def test_every_key_is_explained_and_does_something():
    shown = " ".join(line.split("\t")[0] for line in HELP)
    for key in ("Enter", "Space", ".", ",", "q", "a", "x", "c", "u", "z", "h"):
        assert key in shown
    for action in KEYS.values():
        assert callable(action)


# ------------------------------------------------------------------------------------------- zoom


@pytest.mark.parametrize("longest", [0, 200, 1368])
def test_a_place_in_the_window_is_the_place_in_the_frame(longest):
    view = Viewport.of(SHAPE, longest)
    assert max(view.size) == (longest or 400)
    for step in range(5):
        x, y = view.to_frame(30 + step, 40)
        back = view.matrix() @ (x, y, 1)
        np.testing.assert_allclose(back, (30 + step, 40), atol=1e-9)
        view = view.zoomed(1.7, 100, 60).shifted(-9, 4)


def test_the_whole_frame_is_scaled_as_opencv_does_it():
    noise = np.random.default_rng(0).integers(0, 256, (300, 400), np.uint8)
    frame = cv2.GaussianBlur(noise, (0, 0), 3)
    for longest in (400, 800):
        view = Viewport.of(SHAPE, longest)
        ours = cv2.warpAffine(frame, view.matrix(), view.size, borderMode=cv2.BORDER_REPLICATE)
        theirs = cv2.resize(frame, view.size)
        assert np.abs(ours.astype(int) - theirs).max() <= 2


def test_zooming_keeps_what_is_under_the_mouse_and_never_shows_the_outside():
    view = Viewport.of(SHAPE, 800)
    place = view.to_frame(500, 300)
    for factor in (1.5, 3, 1000, 0.4):
        view = view.zoomed(factor, 500, 300)
        np.testing.assert_allclose(view.to_frame(500, 300), place, atol=1e-6)
        assert view.scale <= CLOSEST
    for dx, dy in ((9999, 9999), (-99999, -99999)):
        moved = view.shifted(dx, dy)
        corners = [moved.to_frame(-0.5, -0.5), moved.to_frame(799.5, 599.5)]
        assert np.min(corners) >= -0.5 - 1e-6
        assert (np.max(corners, axis=0) <= np.array(SHAPE) - 0.5 + 1e-6).all()
    assert view.zoomed(0.0001, 3, 3) == Viewport.of(SHAPE, 800)


@pytest.mark.parametrize("locked", [False, True])
def test_z_shows_a_small_face_large_and_its_landmarks_stay_on_it(locked):
    editor = make_editor(window_size=800)
    events = click(400, 300) if locked else ()
    feed(editor, *wheel(400, 300, -100), (400, 300), *events)
    where = editor.rect.center
    feed(editor, "z")
    assert editor.rect.width * editor.view.scale == pytest.approx(0.4 * 600, rel=0.3)
    np.testing.assert_allclose(editor.rect.center, where, atol=1e-6)
    feed(editor, "z")
    assert editor.view == Viewport.of(SHAPE, 800)


def test_a_landmark_can_be_moved_by_less_than_a_pixel_when_zoomed():
    editor = make_editor()
    feed(editor, *wheel(200, 150, -100), (200, 150), *click(200, 150), "z")
    before = editor.state.current.landmarks
    x, y = np.rint(editor.view.matrix() @ (*before[30], 1)).astype(int).tolist()
    feed(editor, *drag((x, y), (x + 6, y)))
    moved = editor.state.current.landmarks[30] - before[30]
    assert moved[0] == pytest.approx(6 / editor.view.scale, abs=1e-3)
    assert 0 < moved[0] < 1


def test_the_view_is_moved_with_the_right_button_and_kept_for_the_next_frame():
    tool = ToolState()
    editor = make_editor(tool)
    feed(editor, (200, 150), *["+"] * 5)
    place = editor.view.to_frame(200, 150)
    feed(editor, *drag((200, 150), (230, 140), "right"))
    np.testing.assert_allclose(editor.view.to_frame(230, 140), place, atol=1e-6)
    assert make_editor(tool).view == editor.view
    assert Editor(Locate(), (100, 100), tool).view == Viewport.of((100, 100), 0)


# ------------------------------------------------------------------------------- what is to be seen


def test_points_rectangle_and_crop_are_where_they_belong():
    image = np.full((300, 400, 3), 90, np.uint8)
    tool = ToolState(help=False)
    editor = make_editor(tool, window_size=800)
    feed(editor, (400, 300), *wheel(400, 300, -6))
    drawing = FrameDrawing(image, FaceType.FULL)
    picture = drawing.draw(editor, "3 of 7: 漢字.png")
    assert picture.shape == (600, 800, 3)
    matrix = editor.view.matrix()
    points = editor.state.current.landmarks @ matrix[:, :2].T + matrix[:, 2]
    feed(editor, *click(400, 300))
    locked = drawing.draw(editor, "x")
    for x, y in np.rint(points).astype(int):
        around = picture[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3).astype(int)
        assert (around[:, 1] - around[:, ::2].max(axis=1)).max() > 100, "green"
        assert (locked[y - 2 : y + 3, x - 2 : x + 3] == CYAN).all(axis=2).any()
    assert (image == 90).all(), "the frame itself is not drawn on"


@pytest.mark.parametrize("face_type", FaceType)
def test_points_dragged_to_one_place_are_drawn_too(face_type):
    point = Face(Rect(9, 9, 9, 9), np.full((68, 2), 9.0, np.float32), 1.0)
    editor = make_editor(faces=(point,))
    FrameDrawing(np.zeros((300, 400, 3), np.uint8), face_type).draw(editor, "x")


# ---------------------------------------------------------------------- frames, forwards and back


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    frames = [np.full((48, 64, 3), 10 * index, np.uint8) for index in range(20)]
    return make_video(tmp_path_factory.mktemp("clip") / "clip.mp4", frames)


def test_a_video_goes_forwards_and_back_with_little_memory(clip, monkeypatch):
    monkeypatch.setattr("extractor.manual.frame_cache.MOST_BYTES", 3 * 48 * 64 * 3)
    footage = SampledSource(open_source(clip))
    cache = FrameCache(footage, lambda name: name != "000007.png")
    wanted = [index for index in range(20) if index != 7]
    for position in (0, 1, 2, 1, 12, 11, 3, 18, 0, 18):
        frame = cache.at(position)
        assert frame.index == wanted[position]
        assert abs(int(frame.image().mean()) - 10 * wanted[position]) <= 2
        assert len(cache._cached) <= 3
    assert cache.at(19) is None
    assert cache.at(500) is None
    assert cache.at(4).index == 4


class Person:
    """Stands in for the window: does what is on a list, and then pulls the plug.

    A word is a key, a pair of numbers a movement with a click; a function is called.
    """

    closed = False

    def __init__(self):
        self.list = []

    def __call__(self, title):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def show(self, picture):
        assert picture.ndim == 3

    def events(self, _):
        if not self.list:
            raise KeyboardInterrupt
        item = self.list.pop(0)
        if callable(item):
            item()
        elif isinstance(item, tuple):
            yield from (Mouse("move", *item), *click(*item))
        else:
            yield Key(item) if isinstance(item, str) else item


class FakeLandmarker:
    follow_above = None

    def locate(self, _, detections):
        return [Locate()(detection.rect) for detection in detections]


@pytest.fixture
def person(monkeypatch):
    person = Person()
    monkeypatch.setattr(checks, "available", lambda: True)
    monkeypatch.setattr(app, "Window", person)
    monkeypatch.setattr(app.LANDMARKERS, "load", lambda _: FakeLandmarker)
    return person


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "frames ü"
    folder.mkdir()
    for index in range(5):
        picture = np.random.default_rng(index).integers(0, 256, (120, 160, 3), np.uint8)
        (folder / f"f{index}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


@pytest.fixture
def out(tmp_path):
    return tmp_path / "aligned é"


def extract(source, out, **options):
    settings = {"detector": "manual", "image_size": 64, "manual_window_size": 0, **options}
    return run(ExtractOptions(input_dir=source, output_dir=out, **settings))


def recorded(out):
    """{frame name: number of faces} in the journal."""
    lines = (out / journal.JOURNAL).read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    return {row["item"]: len(row["faces"]) for row in rows if "item" in row}


def on_disk(out):
    """{frame name: centers of the faces in the folder, largest first}."""
    found = {}
    for _, info in Faceset.open(out):
        found.setdefault(info.source_name, []).append(info)
    return {
        name: [tuple(round(value) for value in info.source_rect.center)
               for info in sorted(infos, key=lambda info: info.face_index)]
        for name, infos in found.items()
    }  # fmt: skip


def test_every_decision_is_written_and_recorded_at_once(pictures, out, person):
    def check(name, faces):
        def look():
            assert recorded(out)[name] == faces
            assert len(list(out.glob(f"{name[:2]}_*.png"))) == faces

        return look

    person.list = [
        (60, 60), "enter", check("f0.png", 1),
        "space", check("f1.png", 0),
        (30, 40), "a", (90, 80), ".", check("f2.png", 2),
        (70, 70), "q",
    ]  # fmt: skip
    report = extract(pictures, out)
    assert report.counts == {"frames": 4, "faces": 4}
    assert report.notes["frames without a face"] == ["f1.png"]
    assert on_disk(out) == {"f0.png": [(60, 60)], "f2.png": [(30, 40), (90, 80)],
                            "f3.png": [(70, 70)]}  # fmt: skip
    _, info = Faceset.open(out)[0]
    assert (info.detector, info.landmarker, info.size) == ("manual", "mesh", 64)


def test_a_run_goes_on_where_the_last_one_was_stopped(pictures, out, person):
    person.list = [(60, 60), "enter", "space"]
    with pytest.raises(KeyboardInterrupt):
        extract(pictures, out)
    before = {path: path.stat().st_mtime_ns for path in out.glob("*.png")}
    person.list = [(70, 70), "enter", (80, 80), "enter", (90, 90), "enter"]
    report = extract(pictures, out)
    assert report.counts == {"frames": 5, "faces": 4, "frames done by an earlier run": 2}
    assert before.items() <= {path: path.stat().st_mtime_ns for path in out.glob("*.png")}.items()
    person.list = []
    assert extract(pictures, out).counts["frames"] == 5, "no frame is shown again"


def test_a_video_is_continued_too(clip, out, person):
    person.list = ["space"] * 6 + ["q"]
    extract(clip, out)
    person.list = [(30, 20), "enter", "q"]
    extract(clip, out)
    ((path, info),) = Faceset.open(out)
    assert (path.name, info.frame_index, info.source) == ("000006_0.png", 6, "clip.mp4")
    assert info.time == pytest.approx(6 / 25)


def test_going_back_changes_what_was_decided(pictures, out, person):
    person.list = [
        (30, 40), "a", (90, 80), "enter", "space", (50, 50),
        ",", ",",  # back over the empty frame, keeping the locked face of the third
        "x", "enter",  # to the next undecided one: the fourth
        (20, 20), "q",
    ]  # fmt: skip
    extract(pictures, out)
    assert on_disk(out) == {"f0.png": [(30, 40)], "f2.png": [(50, 50)], "f3.png": [(20, 20)]}
    assert [path.name for path in trash_dir(out).iterdir()] == ["f0_1.png"]
    assert recorded(out) == {"f0.png": 1, "f1.png": 0, "f2.png": 1, "f3.png": 1}


def test_looking_again_at_a_decided_frame_writes_nothing(pictures, out, person):
    person.list = [(30, 40), "enter"]
    with pytest.raises(KeyboardInterrupt):
        extract(pictures, out)
    (path,) = out.glob("*.png")
    before = path.stat().st_mtime_ns
    person.list = [",", "enter", ",", ".", "q"]
    extract(pictures, out)
    assert path.stat().st_mtime_ns == before


def test_faces_that_were_sorted_are_replaced_not_doubled(pictures, out, person):
    person.list = [(30, 40), "enter"]
    with pytest.raises(KeyboardInterrupt):
        extract(pictures, out)
    (out / "f0_0.png").rename(out / "00017.png")
    person.list = [",", (99, 99), (60, 60), "q"]
    extract(pictures, out)
    assert on_disk(out) == {"f0.png": [(60, 60)]}


def test_the_largest_face_is_the_first_whatever_the_order(pictures, out, person):
    smaller = [Mouse("wheel", 40, 40, -1)] * 5
    person.list = [(40, 40), *smaller, "a", *[Mouse("wheel", 40, 40, 1)] * 9, (100, 90), "q"]
    extract(pictures, out)
    assert on_disk(out) == {"f0.png": [(100, 90), (40, 40)]}


def test_a_frame_that_cannot_be_read_is_passed_over_both_ways(pictures, out, person):
    (pictures / "f1.png").write_bytes(b"no picture")
    (pictures / "f4.png").write_bytes(b"")
    person.list = ["space", "space", ",", ",", "space", (50, 50), "enter"]
    report = extract(pictures, out)
    assert recorded(out) == {"f0.png": 0, "f2.png": 0, "f3.png": 1}
    assert len(report.failures) == 2
    assert "f1.png" in report.failures[0]


def test_a_face_that_is_none_is_said_and_can_be_mended(pictures, out, person, monkeypatch):
    points = np.full((68, 2), 9.0, np.float32)
    monkeypatch.setattr(FakeLandmarker, "locate", lambda *_: [LocatedFace(points, 1.0)])
    person.list = [(50, 50), "enter", "x", "space", (50, 50), Closed()]

    def vanish():
        person.closed = True

    person.list.insert(-1, vanish)
    report = extract(pictures, out)
    assert recorded(out) == {"f0.png": 0}
    assert "lie in one point" in report.failures[0]


@pytest.fixture
def footage(astronaut, tmp_path):
    """Four frames; a detector finds a face in the first and the last."""
    folder = tmp_path / "footage"
    folder.mkdir()
    for index in range(4):
        picture = astronaut[10:250, 60:380] if index in (0, 3) else np.full((240, 320, 3), 99, "u1")
        (folder / f"f{index}.png").write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    return folder


def test_manual_fix_offers_the_frames_without_a_face(footage, out, monkeypatch):
    settings = {"detector": "yunet"}
    assert extract(footage, out, **settings).counts["faces"] == 2
    person = Person()
    monkeypatch.setattr(checks, "available", lambda: True)
    monkeypatch.setattr(app, "Window", person)
    person.list = ["c", ",", "q"]  # the first frame's face is copied into the second
    report = extract(footage, out, manual_fix=True, **settings)
    assert report.counts["faces"] == 3
    assert report.notes["frames left for another time"] == ["f2.png"]
    assert report.unfinished
    first, second = read_info(out / "f0_0.png"), read_info(out / "f1_0.png")
    np.testing.assert_array_equal(first.source_landmarks, second.source_landmarks)
    np.testing.assert_array_equal(first.source_iris, second.source_iris)
    assert (first.detector, second.detector) == ("yunet", "manual")
    person.list = ["space"]  # the third; then there is nothing more
    assert extract(footage, out, manual_fix=True, **settings).counts["faces"] == 3
    person.list = []
    assert extract(footage, out, manual_fix=True, **settings).counts["frames"] == 4


def test_debug_fix_does_the_frames_whose_debug_picture_was_deleted(footage, out, monkeypatch):
    settings = {"detector": "yunet", "debug": True}
    extract(footage, out, **settings)
    debug = out.with_name(out.name + "_debug")
    (debug / "f3.jpg").unlink()
    (debug / "f1.jpg").unlink()
    person = Person()
    monkeypatch.setattr(checks, "available", lambda: True)
    monkeypatch.setattr(app, "Window", person)
    person.list = ["space", ".", "q"]  # f1 is empty; f3 is left as it is
    report = extract(footage, out, detector="yunet", manual_output_debug_fix=True)
    assert report.notes["frames left for another time"] == ["f3.png"]
    assert on_disk(out).keys() == {"f0.png", "f3.png"}
    person.list = ["space"]
    extract(footage, out, detector="yunet", manual_output_debug_fix=True)
    assert on_disk(out).keys() == {"f0.png"}
    assert [path.name for path in trash_dir(out).iterdir()] == ["f3_0.png"]
    assert sorted(path.name for path in debug.iterdir()) == [f"f{index}.jpg" for index in range(4)]
    person.list = []
    extract(footage, out, detector="yunet", manual_output_debug_fix=True)


@pytest.mark.parametrize(
    "how", [{"detector": "manual"}, {"manual_fix": True}, {"manual_output_debug_fix": True}]
)
def test_without_a_display_it_is_said_before_anything_is_done(how, pictures, out, monkeypatch):
    monkeypatch.setattr(checks, "available", lambda: False)
    with pytest.raises(UserError, match="no display"):
        extract(pictures, out, **{"detector": "yunet", **how})
    assert not out.exists()


def test_debug_fix_needs_debug_pictures_and_keeps_what_is_there(pictures, out, person):
    with pytest.raises(InputError, match="--debug"):
        extract(pictures, out, manual_output_debug_fix=True)
    with pytest.raises(UsageError, match="--overwrite"):
        extract(pictures, out, manual_output_debug_fix=True, overwrite=True)

"""The view Convert: the preview's protocol, the pages that share it, and the page in a browser."""

import io
import json
import shutil
import signal
import time
from contextlib import contextmanager, suppress

import av
import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import fake_stages, served
from support.program import children_with
from support.screen import wait_until
from support.synthetic import make_frames, make_info, make_video
from websockets.exceptions import InvalidStatus

from converters.interactive import remote
from converters.interactive.session_file import session_path
from converters.interactive.state import EditorState, FootageIndex
from converters.look import Look
from converters.look_timeline import LookTimeline
from facelib import geometry
from facelib.faceset import write_face
from utils.errors import UsageError
from utils.workspace import Workspace
from workbench import convert

COUNT, FACELESS, DOUBTFUL = 6, 4, 2
STATE = EditorState(FootageIndex(COUNT, (0, 1)), LookTimeline.all_alike(Look()))


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with a clip, and its faces but for one frame; one of them is doubtful."""
    folder = tmp_path_factory.mktemp("made") / "workspace"
    aligned = folder / "data_dst" / "aligned"
    aligned.mkdir(parents=True)
    (folder / "model").mkdir()
    frames = make_frames(COUNT)
    make_video(folder / "data_dst.mp4", [image for image, _ in frames], audio=False)
    for number, (image, points) in enumerate(frames):
        facts = {"source": "data_dst.mp4", "source_name": f"{number:06d}.png"}
        facts |= {"frame_index": number, "score": 0.4 if number == DOUBTFUL else 0.9}
        info = make_info(points, 64, **facts)
        if number != FACELESS:
            face = geometry.warp_face(image, info.matrix, 64)
            write_face(aligned / f"{number:06d}_0.png", face, info)
    return folder


@pytest.fixture
def home(tmp_path, made):
    return Workspace(shutil.copytree(made, tmp_path / "workspace"))


@pytest.fixture
def client(home, monkeypatch):
    fake_stages(monkeypatch, "preview_stage.py")
    monkeypatch.setattr(convert, "LINGER_SECONDS", 0.1)
    with served(home) as found:
        yield found.enter()


class Watcher:
    """A page that looks at the preview."""

    def __init__(self, socket):
        self.socket = socket

    def send(self, **event):
        self.socket.send(json.dumps(event))

    def until(self, name, true=lambda event: True, seconds=30):
        """Return the first event of a name for which something is true, with its image."""
        end = time.monotonic() + seconds
        while True:
            event = json.loads(self.socket.recv(timeout=end - time.monotonic()))
            if event.get("bytes"):
                jpeg = self.socket.recv(timeout=end - time.monotonic())
                assert len(jpeg) == event["bytes"]
                event["image"] = np.asarray(Image.open(io.BytesIO(jpeg)), np.float64)
            if event["event"] == name and true(event):
                return event

    def settled(self, view):
        """Return the last image of a view, once nothing more comes."""
        found = []
        with suppress(TimeoutError):
            while True:
                found.append(self.until("image", lambda event: event["view"] == view, seconds=1))
        return found[-1]["image"]


@contextmanager
def watching(client):
    with client.live(path="/api/convert/live") as socket:
        yield Watcher(socket)


def previews():
    """Processes of this one that are previews."""
    return children_with("--remote", recursive=True)


def apart(a, b):
    return float(np.abs(a - b).mean())


def test_the_page_shows_what_is_rendered(client, home):
    with watching(client) as page, watching(client) as other:
        assert not page.until("preview")["open"]
        assert client.post("/api/convert/open", {})[0] == 200
        footage = page.until("footage")
        assert (footage["count"], footage["faces"]) == (COUNT, [[0, 3], [5, 5]])
        assert footage["doubtful"] == [[DOUBTFUL, ["low face score"]]]
        page.send(go=3)
        page.send(set="erode_modifier", value=40)
        state = other.until("state", lambda event: event["look"]["erode_modifier"] == 40)
        assert (state["frame"], state["own"], state["undo"]) == (3, [0, 3], 1)
        image = page.settled("result")
        page.send(compare=True)
        original = page.settled("original")
        page.send(width=80, height=60)
        assert page.settled("result").shape == (60, 80, 3)

        job = json.loads(client.post("/api/jobs", {"stage": "convert", "values": {}})[2])
        wait_until(lambda: client.app.queue.job(job["number"]).state == "done", "it is rendered")
    with av.open(str(home.folder / "result.mp4")) as container:
        rendered = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert apart(image, rendered[3]) < 8  # by the two encoders
    assert apart(original, rendered[3]) > 2 * apart(image, rendered[3])
    assert apart(original, np.asarray(make_frames(COUNT)[3][0])[..., ::-1]) < 8
    wait_until(lambda: not previews(), "the preview ends when the pages have left")
    looks = json.loads(session_path(home.folder / "result.mp4").read_text())["looks"]
    assert looks["000003.png"]["erode_modifier"] == 40


def test_a_preview_that_fails_or_dies_is_reported(client, home):
    session = session_path(home.folder / "result.mp4")
    session.write_text("{")
    with watching(client) as page:
        client.post("/api/convert/open", {})
        ended = page.until("preview", lambda event: event["error"])
        assert str(session) in ended["error"]
        assert not ended["open"]
        session.unlink()
        client.post("/api/convert/open", {})
        page.until("image")
        [process] = previews()
        process.send_signal(signal.SIGKILL)
        ended = page.until("preview", lambda event: not event["open"])
        assert "ended by itself" in ended["error"]
    assert client.post("/api/convert/open", {"mode": "nonsense"})[0] == 400


def test_only_the_page_itself_reaches_the_preview(client):
    for refused in ({"cookie": False}, {"origin": "http://evil.example"}, {"origin": None}):
        with pytest.raises(InvalidStatus, match=r"40[13]"):
            client.live(path="/api/convert/live", **refused)
    assert client.post("/api/convert/open", {}, X_CSRF_Token="wrong")[0] == 403
    assert not previews()


def test_one_drag_is_one_step_to_undo():
    state = remote.handle(STATE, {"go": 2})
    for number, value in enumerate((3, 9, 27)):
        event = {"set": "blur_modifier", "value": value, "continues": number > 0}
        state = remote.handle(state, event)
    assert state.look.blur_modifier == 27
    state = remote.handle(state, {"key": "backspace"})
    assert state.timeline == STATE.timeline
    assert remote.handle(state, {"key": "w", "held": True}).look.erode_modifier == 5


WRONG = {
    "no event": {},
    "a list": {"set": ["mode"], "value": "raw"},
    "no such setting": {"set": "batch_size", "value": 3},
    "out of range": {"set": "blur_modifier", "value": 201},
    "no such choice": {"set": "mode", "value": "cut"},
    "no value": {"set": "mode"},
    "no number": {"go": "3"},
    "no key": {"key": 3},
}


@pytest.mark.parametrize("event", WRONG.values(), ids=WRONG)
def test_an_event_that_makes_no_sense_is_refused(event):
    with pytest.raises(UsageError, match="Expected"):
        remote.handle(STATE, event or {"other": 1})


def test_no_setting_may_ask_for_alpha_where_the_result_cannot_have_it():
    state = EditorState(STATE.footage, STATE.timeline, can_have_alpha=False)
    after = remote.handle(state, {"set": "alpha", "value": True})
    assert after.look == state.look
    assert "alpha channel" in after.message
    after = remote.handle(state, {"set": "mode", "value": "raw"})
    assert (after.look.mode, after.look.raw_mode) == ("raw", "rgb")


@pytest.mark.slow
@needs_chromium
def test_a_slider_changes_the_image_in_the_browser(client, home):
    with page_of(client) as page:
        page.get_by_role("link", name="Convert").click()
        page.get_by_role("button", name="Open the preview").click()
        stage = page.get_by_role("img", name="the preview")
        expect(stage).to_have_attribute("data-frame", "0", timeout=30_000)

        def pixels():
            return stage.evaluate(
                "stage => stage.getContext('2d').getImageData(0, 0, stage.width, stage.height)"
                ".data.reduce((sum, value) => (31 * sum + value) % 1e9, 0)"
            )

        before = pixels()
        page.get_by_label("erode", exact=True).fill("150")
        wait_until(lambda: pixels() != before, "the image changes")
        expect(page.locator(".message")).to_have_text("erode 150")
        page.get_by_role("button", name="undo").click()
        wait_until(lambda: pixels() == before, "it is as it was")
        page.get_by_label("morph factor", exact=True).fill("0.35")
        wait_until(lambda: pixels() != before, "the face morphs")
        expect(page.locator(".message")).to_have_text("morph factor 0.35")
        expect(page.locator("output[for=look-morph_factor]")).to_have_text("0.35")
        page.get_by_role("button", name="undo").click()
        wait_until(lambda: pixels() == before, "it is as it was")
        page.keyboard.press("ArrowRight")
        expect(page.locator(".position")).to_contain_text("1 of 5")
        page.get_by_role("button", name="Next doubtful").click()
        expect(page.locator(".about-frame")).to_have_text("doubtful: low face score")
        page.get_by_label("to this frame only").check()
        page.get_by_label("mode", exact=True).select_option("seamless")
        expect(page.locator(".message")).to_have_text("mode seamless")
        page.get_by_role("button", name="Render", exact=True).click()
        expect(page.locator(".job-head .state")).to_have_text("done", timeout=30_000)
        assert (home.folder / "result.mp4").is_file()

"""The view Landmarks: the WebSocket between a page and the command, and the page in a browser."""

import json
import time
from contextlib import contextmanager

import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.marking import SIZE, extract, face_at, make_frames
from support.page import events_until, served
from support.program import children_with

from facelib.faceset import Faceset
from utils.workspace import Workspace

FACES = [[face_at(80, 90)], [], [face_at(120, 90)]]


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "my <b>work</b>")
    make_frames(home.folder / "data_dst", len(FACES))
    extract(home.folder / "data_dst", home.faces("dst"), FACES)
    return home


@pytest.fixture
def client(home):
    with served(home) as client:
        yield client.enter()
        wait(lambda: not commands())  # its page is closed


@contextmanager
def opened(client, side="dst", **more):
    with client.live(path=f"/api/landmarks/{side}") as live:
        live.send(json.dumps({"csrf": client.csrf, "frames": "all", **more}))
        yield live


def commands():
    """The processes that edit faces now."""
    return children_with("edit-faces")


def wait(true, seconds=20):
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to pass"
        time.sleep(0.02)


def on_disk(home):
    return {info.source_name: info for _, info in Faceset.open(home.faces("dst"))}


def named(name):
    return lambda event: event["event"] == name


def test_a_page_and_the_command_talk_until_that_is_killed(client, home):
    with opened(client) as live:
        said = events_until(live, named("state"))
        assert "util edit-faces dst --frames all --workspace" in said[0]["text"]
        assert said[-1]["current"]["rect"] == [44.0, 54.0, 116.0, 126.0]
        live.send('{"key":\n"space"}')
        assert events_until(live, named("saved"))[-1]["name"] == "000.png"
        assert set(on_disk(home)) == {"002.png"}
        with opened(client) as second:
            problem = events_until(second, named("error"))[-1]["text"]
            assert "another extract is writing into" in problem
            assert f"it is process {commands()[0].pid}: util edit-faces dst" in problem
            assert "close the page" in problem
            assert events_until(second, named("closed"))[-1]["status"] == 1
        commands()[0].kill()
        assert events_until(live, named("closed"))[-1]["status"] == -9


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"csrf": "0" * 64}, "earlier run"),
        ({"csrf": "é"}, "earlier run"),
        ({"frames": "some"}, "--frames"),
        ({"frames": "--overwrite"}, "unknown option"),
        ({"side": "both"}, "src or dst"),
    ],
)
def test_what_no_page_of_ours_sends_starts_nothing(client, more, said):
    with opened(client, **more) as live:
        assert said in json.loads(live.recv(timeout=10))["text"]
        assert not commands()


@pytest.fixture
def page(client):
    with page_of(client, console=False) as page:
        expect(page.get_by_role("heading", name="Next")).to_be_visible()
        page.evaluate("location.hash = '#landmarks/dst/all'")
        yield page


@needs_chromium
def test_landmarks_are_dragged_by_mouse_and_by_keys(page, home):
    before = on_disk(home)["000.png"].source_landmarks
    facts, name = page.locator(".landmarks-facts"), page.locator(".landmarks-name")
    expect(facts).to_have_text("locked", timeout=30_000)  # the command has begun
    box = page.get_by_role("application").bounding_box()
    scale = min(box["width"] / SIZE[0], box["height"] / SIZE[1])
    x, y = (before[33] + 0.5 - np.array(SIZE) / 2) * scale
    x, y = x + box["x"] + box["width"] / 2, y + box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 10 * scale, y - 5 * scale, steps=4)
    page.mouse.up()
    page.keyboard.press("Enter")
    first = page.get_by_role("list", name="Frames").get_by_role("button").first
    expect(first).to_contain_text("✓ 1 face")
    moved = on_disk(home)["000.png"].source_landmarks - before
    np.testing.assert_allclose(moved[33], (10, -5), atol=1 / scale + 0.05)
    np.testing.assert_allclose(np.delete(moved, 33, 0), 0, atol=1e-3)

    expect(name).to_have_text("001.png")
    page.get_by_role("button", name="Copy previous").click()
    expect(facts).to_have_text("locked")
    for key in ("p", "Alt+ArrowDown", "Alt+ArrowDown", "Enter"):  # the first landmark
        page.keyboard.press(key)
    expect(name).to_have_text("002.png")
    found = on_disk(home)
    moved = found["001.png"].source_landmarks - found["000.png"].source_landmarks
    np.testing.assert_allclose(moved[0], (0, 2), atol=0.05)
    page.get_by_role("link", name="src").click()
    expect(page.get_by_role("alert").filter(has_text="data_src")).to_be_visible()

"""The view Masks: polygons by mouse and by keys, the brush, and what is written into the faces."""

import json
from urllib.parse import unquote

import cv2
import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import events_until, served
from support.program import children_with
from support.screen import wait_until
from support.synthetic import draw_face, make_info, make_landmarks

from facelib import face_mask, geometry
from facelib.faceset import read_info, write_face
from utils.workspace import Workspace

SIZE = 128


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "my <b>work</b>")
    for index in range(3):
        landmarks = make_landmarks(center=(150 + 20 * index, 140), width=110)
        frame = draw_face(landmarks, (300, 360), identity=1, blur=1)
        info = make_info(landmarks, SIZE, source_name=f"{index:06d}.png", frame_index=index)
        home.faces("src").mkdir(parents=True, exist_ok=True)
        face = geometry.warp_face(frame, info.matrix, SIZE)
        write_face(home.faces("src") / f"{index:06d}_0.png", face, info)
    return home


@pytest.fixture
def client(home):
    with served(home) as client:
        yield client.enter()
        wait_until(lambda: not commands(), "the command has ended with its page", 30)


def commands():
    return children_with("draw-masks")


def info_of(home, number):
    return read_info(home.faces("src") / f"{number:06d}_0.png")


def test_a_page_and_the_command_talk(client, home):
    with client.live(path="/api/masks/src") as live:
        live.send(f'{{"csrf": "{client.csrf}", "faces": "all"}}')
        assert "util draw-masks src --faces all --workspace" in live.recv(timeout=20)
    with client.live(path="/api/masks/src") as live:
        live.send(f'{{"csrf": "{client.csrf}", "faces": "none"}}')
        problem = events_until(live, lambda event: event["event"] == "error")[-1]["text"]
        assert "--faces" in problem


class Face:
    """The face on the page, pointed at in pixels of its image."""

    def __init__(self, page):
        self.page = page
        self.stage = page.get_by_role("application")
        box = self.stage.bounding_box()
        self.scale = min(box["width"], box["height"]) / SIZE
        self.left = box["x"] + (box["width"] - SIZE * self.scale) / 2
        self.top = box["y"] + (box["height"] - SIZE * self.scale) / 2

    def at(self, x, y):
        return self.left + (x + 0.5) * self.scale, self.top + (y + 0.5) * self.scale

    def drag(self, start, end):
        self.page.mouse.move(*self.at(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.at(*end), steps=4)
        self.page.mouse.up()


@pytest.fixture
def page(client):
    with page_of(client, console=False) as page:
        expect(page.get_by_role("heading", name="Next")).to_be_visible()
        page.evaluate("location.hash = '#masks/src/all'")
        untouched = page.locator("#masks-facts").get_by_text("nothing was drawn: click around")
        expect(untouched).to_be_visible(timeout=60_000)
        yield page


def leaves_by_keys(page, face, facts):
    """Drop a polygon by Escape, and leave the face by Tab: it holds no one back."""
    page.mouse.click(*face.at(60, 60))
    expect(facts).to_contain_text("1 corner")
    page.keyboard.press("Escape")
    expect(facts).to_contain_text("nothing was drawn: click around")
    page.keyboard.press("Tab")
    expect(face.stage).not_to_be_focused()
    face.stage.focus()


@needs_chromium
def test_masks_are_drawn_by_mouse_by_brush_and_by_keys(page, home):
    facts, number, face = page.locator("#masks-facts"), page.locator("#masks-number"), Face(page)
    hand = [(40, 60), (90, 60), (90, 100), (40, 100)]
    for corner in [*hand, hand[0]]:
        page.mouse.click(*face.at(*corner))
    expect(facts).to_have_text("1 shape · not kept yet")
    face.drag((90, 60), (100, 50))
    page.keyboard.press("Enter")
    expect(number).to_have_value("2")
    drawn = page.get_by_role("list", name="Faces").get_by_role("button").first
    expect(drawn).to_contain_text("✓ drawn")
    info = info_of(home, 0)
    [shape] = info.mask_label.shapes
    on_image = shape.points @ info.matrix[:, :2].T + info.matrix[:, 2]
    expected = [(40, 60), (100, 50), (90, 100), (40, 100)]
    np.testing.assert_allclose(on_image, expected, atol=1.5 / face.scale + 0.05)
    assert face_mask.face_mask(info, SIZE)[80, 65] == 0

    page.get_by_role("button", name="Brush").click()
    face.drag((50, 70), (80, 70))
    expect(facts).to_contain_text("1 shape")
    page.keyboard.press("Enter")
    expect(number).to_have_value("3")
    assert face_mask.face_mask(info_of(home, 1), SIZE)[70, 50:80].max() < 0.01

    page.get_by_role("button", name="Brush").click()
    page.get_by_role("button", name="Copy last").click()
    expect(facts).to_contain_text("1 shape")
    page.keyboard.press("u")
    expect(facts).to_contain_text("nothing was drawn: click around")
    leaves_by_keys(page, face, facts)
    page.mouse.move(*face.at(-20, -20))  # beside the image
    for key in ("Space", *["Shift+ArrowRight"] * 2, "Space", "Shift+ArrowDown", "Space"):
        page.keyboard.press(key)
    expect(facts).to_contain_text("3 corners")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    expect(facts).to_have_text("kept; that was the last face")
    expect(page.get_by_text("3 drawn. After 10 to 20:")).to_be_visible()
    then = page.get_by_role("link", name="apply them").get_attribute("href")
    assert json.loads(unquote(then.partition("/")[2])) == ["mask apply", {"side": "src"}]
    info = info_of(home, 2)
    [shape] = info.mask_label.shapes
    area = cv2.contourArea(np.float32(shape.points)) * np.linalg.det(info.matrix[:, :2])
    assert area == pytest.approx(20 * 10 / 2, rel=0.02)

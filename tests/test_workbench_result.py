"""The view Result: figures over time, the signature, and two clips in step in a browser."""

import hashlib
import json
import os
import re
import shutil
import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import events_until, served
from support.program import children_with
from support.screen import wait_until
from support.synthetic import make_video

from utils.workspace import Workspace
from workbench import server

ROOT = Path(__file__).parent.parent
VENDOR = ROOT / "workbench" / "static" / "vendor"
FRAMES, FIRST, COUNT, RATE = 24, 8, 12, 25
WORST, FACELESS = 7, 4


def gray(index):
    return 20 + 9 * index


def evaluation():
    """What evaluate writes of a result that begins at the eighth frame of dst."""
    numbers = range(COUNT)
    errors = [1.0 + (5.5 if n == WORST else 0.01 * n) for n in numbers]
    errors[FACELESS] = None
    figures = {"face_found": 11 / 12, "pose_error": 1.05, "mouth_gain": None, "sharpness": 0.5}
    return {
        "version": 1,
        "options": {"every": 1},
        "frames": {"wanted": COUNT, "measured": COUNT - 1},
        "figures": {"result": figures, "dst": figures | {"pose_error": 0.0}},
        "per_frame": {
            "name": [f"{FIRST + n:06d}.png" for n in numbers],
            "seconds": [(FIRST + n) / RATE for n in numbers],
            "result_seconds": [n / RATE for n in numbers],
            "pose_error": errors,
            "sharpness": [0.5] * COUNT,
        },
        "verdict": ["The face is <b>mostly</b> taken for src."],
    }


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("made")
    images = [np.full((64, 96, 3), gray(n), np.uint8) for n in range(FRAMES)]
    make_video(folder / "data_dst.mp4", images, RATE, audio=False)
    make_video(folder / "result.mp4", images[FIRST : FIRST + COUNT], RATE, audio=False)
    return folder


@pytest.fixture
def home(tmp_path, made):
    home = Workspace(shutil.copytree(made, tmp_path / "work & space"))
    home.evaluation.write_text(json.dumps(evaluation()))
    return home


@pytest.fixture
def client(home):
    with served(home) as client:
        yield client.enter()


def test_figures_and_a_value_for_every_frame(client, home):
    found = client.json("/api/result")
    assert client.get(found["result"]["url"])[2] == home.result.read_bytes()
    assert client.get(found["before"]["url"])[2] == home.clip("dst").read_bytes()
    assert (found["problem"], found["stale"]) == ("", False)
    shown = found["evaluation"]
    assert shown["rows"]["heads"] == ["result", "untouched", "good"]
    lines = {line[0]: line[1:] for line in shown["rows"]["lines"]}
    assert lines["frames with a face, share of dst's"] == ["92 %", "92 %", "100 %"]
    assert lines["head pose: error in degrees (median)"] == ["1.1", "0.0", "0"]
    assert lines["mouth opening: movement, share of dst's"][0] == "-"
    assert shown["curves"][0]["values"] == evaluation()["per_frame"]["pose_error"]
    assert [curve["rising"] for curve in shown["curves"]] == [False, True]
    assert shown["before_seconds"][0] == FIRST / RATE


def test_a_result_that_was_made_again_is_told_from_the_one_measured(client, home):
    later = home.evaluation.stat().st_mtime + 5
    os.utime(home.result, (later, later))
    assert client.json("/api/result")["stale"]


def test_a_result_that_begins_later_is_told_by_its_log(client, home):
    assert not client.json("/api/result")["partial"]
    begun = {"event": "begun", "options": {"from_": str(FIRST)}}
    log = home.result.with_name("result.mp4_log.jsonl")
    log.write_text("".join(json.dumps(line) + "\n" for line in (begun, {"event": "finished"})))
    assert client.json("/api/result")["partial"]


def without(left_out, **per_frame):
    data = evaluation()
    data["per_frame"] |= per_frame
    data.pop(left_out, None)
    return json.dumps(data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[" * 50_000,
        "\ud7ff",
        without("figures"),
        without("frames"),
        without("", seconds=[1.0]),
        without("", pose_error=["x"] * COUNT),
        without("", sharpness={}),
        without("", name=7),
        without("").replace('"sharpness": 0.5}', '"sharpness": "<b>"}'),
    ],
)
def test_a_damaged_file_is_one_sentence(client, home, text):
    home.evaluation.write_bytes(text.encode("utf-8", "surrogatepass"))
    found = client.json("/api/result")
    assert found["evaluation"] is None
    assert found["problem"] == '"evaluation.json" is damaged; run evaluate again'
    assert found["result"]


def test_values_that_are_no_numbers_are_gaps(client, home):
    text = without("", pose_error=[float("nan"), float("inf"), *[1.0] * (COUNT - 2)])
    home.evaluation.write_text(text)
    curve = client.json("/api/result")["evaluation"]["curves"][0]
    assert curve["values"][:3] == [None, None, 1.0]


def test_the_figures_of_an_earlier_version_have_no_curves(client, home):
    home.evaluation.write_text(without("per_frame"))
    shown = client.json("/api/result")["evaluation"]
    assert shown["curves"] == []
    assert shown["verdict"]


def test_without_a_result_there_is_nothing_to_verify(client, home):
    home.result.unlink()
    status, _, content = client.post("/api/result/verify")
    assert status == 404
    assert json.loads(content)["error"] == "there is no result yet; convert first"
    assert client.json("/api/result")["result"] is None


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit(3)", "ended without a word"),
        ("""print('{"event": "error", "text": "no memory"}')""", "no memory"),
        ("""print('{"event": "end", "failures": ["it is gone"]}')""", "it is gone"),
    ],
)
def test_a_verify_that_dies_is_shown_with_what_it_said(client, monkeypatch, code, said):
    monkeypatch.setattr("utils.program.start", lambda: [sys.executable, "-c", code])
    status, _, content = client.post("/api/result/verify")
    assert status == 404
    assert said in json.loads(content)["error"]


def test_what_others_wrote_is_unchanged():
    """Version, license and checksum of each file in vendor/ are those in its README."""
    listed = dict(
        re.findall(r"\| `([\w.]+)` \| `([0-9a-f]{64})`", (VENDOR / "README.md").read_text("utf-8"))
    )
    found = {path.name: path for path in VENDOR.iterdir() if path.name != "README.md"}
    assert listed == {
        name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()
    }


# --------------------------------------------------------------------- in a browser

SHOWN = """video => {
  const canvas = new OffscreenCanvas(1, 1);
  canvas.getContext("2d").drawImage(video, 0, 0, 1, 1);
  return canvas.getContext("2d").getImageData(0, 0, 1, 1).data[1];
}"""


@pytest.fixture
def page(client):
    with page_of(client) as page:
        page.get_by_role("link", name="Result").click()
        yield page


@needs_chromium
def test_both_clips_show_the_same_frame_wherever_one_goes(page):
    before, after = page.get_by_label("the footage"), page.get_by_label("the result", exact=True)

    def frames():
        levels = [video.evaluate(SHOWN) for video in (before, after)]
        return [round((level - gray(0)) / (gray(1) - gray(0))) for level in levels]

    def show(number):
        for _ in range(200):
            if frames() == [FIRST + number] * 2:
                return
            page.wait_for_timeout(25)
        assert frames() == [FIRST + number] * 2

    expect(page.locator(".verdict li").first).to_have_text(evaluation()["verdict"][0])
    show(0)
    worst = page.locator(".worst button")
    expect(worst.first).to_have_text("0.16 s: no face")
    page.get_by_label("what is drawn").select_option("0")
    worst.first.click()
    show(FACELESS)
    page.get_by_role("button", name="one frame on").click()
    show(FACELESS + 1)
    page.keyboard.press("ArrowLeft")
    show(FACELESS)
    chart = page.locator(".u-over").bounding_box()
    seconds = (COUNT - 1) / RATE
    at = WORST / RATE / seconds * chart["width"]
    page.mouse.click(chart["x"] + at, chart["y"] + 40)
    show(WORST)
    page.get_by_label("Wipe", exact=True).check()
    page.get_by_label("position of the wipe").fill("25")
    assert after.evaluate("video => getComputedStyle(video).clipPath") == "inset(0px 0px 0px 25%)"
    page.get_by_label("time", exact=True).fill("0")
    show(0)
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Play")).to_be_visible()  # it came to its end
    show(COUNT - 1)
    page.get_by_role("button", name="Check it").click()
    stated = page.locator(".verdict li", has_text="states nothing").first
    expect(stated).to_be_visible(timeout=30_000)
    expect(page.get_by_text("Something is wrong with it.")).to_be_visible()


# ------------------------------------------------- what no browser decodes, frame by frame

PIXEL = """canvas => canvas.getContext("2d").getImageData(1, 1, 1, 1).data[1]"""


def encode(path, images, codec, pixels):
    with av.open(path, "w") as container:
        stream = container.add_stream(codec, RATE, width=96, height=64, pix_fmt=pixels)
        if codec == "mpeg4":
            stream.bit_rate = 2_000_000
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())


@pytest.fixture
def undecodable(home):
    """The footage in 10 bits without loss, the result in a format that browsers never had."""
    images = [np.full((64, 96, 3), gray(n), np.uint8) for n in range(FRAMES)]
    home.clip("dst").unlink()
    encode(home.folder / "data_dst.mkv", images, "ffv1", "yuv420p10le")
    encode(home.result, images[FIRST : FIRST + COUNT], "mpeg4", "yuv420p")
    home.evaluation.write_text(json.dumps(evaluation()))
    return home


def shows(page, label, number, level):
    """Wait until a frame is on its canvas, and look at its gray."""
    canvas = page.get_by_role("img", name=label, exact=True)
    expect(canvas).to_have_attribute("data-frame", str(number), timeout=30_000)
    assert abs(canvas.evaluate(PIXEL) - gray(level)) <= 3


MEASURING = """async () => {
  const { emit } = await import("/static/api.js");
  const jobs = [{ number: 7, words: ["evaluate"], state: "running", after: [], device: "default" }];
  emit({ type: "jobs", jobs, runners: 1 });
  const progress = { event: "progress", message: "Evaluating", unit: "frame", item: 3, of: 12,
    rate: 2, eta: 4.5, values: {} };
  emit({ type: "log", job: 6, events: [{ ...progress, item: 9 }] });
  emit({ type: "log", job: 7, first: true, events: [progress] });
}"""


@needs_chromium
def test_measuring_shows_how_far_it_is(client, home):
    home.evaluation.unlink()
    with page_of(client) as page:
        page.get_by_role("link", name="Result").click()
        bar = page.get_by_label("progress of evaluate")
        expect(page.get_by_role("button", name="Measure")).to_be_enabled()
        expect(bar).to_be_hidden()
        page.evaluate(MEASURING)
        expect(bar).to_have_attribute("value", "0.25")
        expect(page.locator(".stage-progress p").first).to_contain_text("3 of 12 frames")


@needs_chromium
def test_what_the_browser_cannot_decode_is_sent_frame_by_frame(client, undecodable):
    def show(number):
        shows(page, "the result", number, FIRST + number)
        shows(page, "the footage", FIRST + number, FIRST + number)

    with page_of(client, console=False) as page:
        page.get_by_role("link", name="Result").click()
        show(0)
        expect(page.get_by_text("the server sends its frames")).to_be_visible()
        page.locator(".worst button").first.click()
        show(FACELESS)
        page.get_by_role("button", name="one frame on").click()
        show(FACELESS + 1)
        page.get_by_label("time", exact=True).fill(str((COUNT - 1.5) / RATE))
        show(COUNT - 2)
        page.get_by_role("button", name="Play").click()
        expect(page.get_by_role("button", name="Play")).to_be_visible()
        show(COUNT - 1)
        page.get_by_role("button", name="Play").click()  # once more, from the beginning
        canvas = page.get_by_role("img", name="the result", exact=True)
        expect(canvas).not_to_have_attribute("data-frame", str(COUNT - 1))
        show(COUNT - 1)
        page.get_by_role("link", name="Project").click()
        wait_until(lambda: not served_frames(), "the commands end with the view")


def served_frames():
    return children_with("show-frame")


@needs_chromium
@pytest.mark.slow
def test_another_result_of_a_folder_of_frames_is_shown_too(client, home):
    home.clip("dst").unlink()
    for folder, first, count in (("data_dst", 0, FRAMES), ("frames", FIRST, COUNT)):
        (home.folder / folder).mkdir()
        for number in range(count):
            level = np.full((64, 96, 3), gray(first + number), np.uint8)
            cv2.imwrite(str(home.folder / folder / f"{number:06d}.png"), level)
    (home.folder / "frames_log.jsonl").write_text("")
    with page_of(client, "result", console=False) as page:
        page.get_by_label("Result", exact=True).select_option("frames")
        shows(page, "the result", 0, FIRST)
        page.get_by_role("button", name="one frame on").click()
        shows(page, "the result", 1, FIRST + 1)
        shows(page, "the footage", 1, 1)  # nothing says that it began later


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"csrf": "0" * 64}, "earlier run"),
        ({"clip": "both"}, "before or after"),
        ({"clip": "after", "name": "../outside.mp4"}, "outside of the workspace"),
        ({"clip": "after", "name": "none.mp4"}, "none.mp4"),
    ],
)
def test_only_clips_of_the_workspace_are_sent(client, asked, said):
    with client.live(path="/api/result/frames") as live:
        live.send(json.dumps({"csrf": client.csrf, **asked}))
        assert said in events_until(live, lambda event: event["event"] == "error")[-1]["text"]


def test_footage_that_is_a_link_to_elsewhere_is_not_sent(client, home):
    outside = home.clip("dst").rename(home.folder.parent / "outside.mp4")
    (home.folder / "data_dst.mp4").symlink_to(outside)
    with client.live(path="/api/result/frames") as live:
        live.send(json.dumps({"csrf": client.csrf, "clip": "before"}))
        told = events_until(live, lambda event: event["event"] in ("error", "footage"))[-1]
    assert "outside of the workspace" in told.get("text", "")


def test_a_workspace_that_is_a_link_shows_its_result(home, tmp_path):
    (tmp_path / "link").symlink_to(home.folder)
    with served(server._home(tmp_path / "link")) as client:
        found = client.enter().json("/api/result?name=result.mp4")
        assert client.get(found["result"]["url"])[2] == home.result.read_bytes()

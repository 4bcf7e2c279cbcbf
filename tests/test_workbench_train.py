"""The view Train: losses and metrics against NumPy, requests to a training, and the page."""

import json
import math
import os
import re
import shutil

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import cancel_jobs, events_until, fake_stages, served
from support.synthetic import make_faceset

from facelib.validation_log import ValidationLog
from models.checkpoint import save_generation
from utils.workspace import Workspace
from workbench import curves
from workbench.jobs import JobQueue
from workbench.training import TrainView

NAMES = ["src", "dst", "src_mask"]
ITERATIONS = 1234


def losses(count=ITERATIONS):
    falling = 1 / np.sqrt(1 + np.arange(count))
    return np.stack([falling, falling / 2, falling * 3], axis=1).astype(np.float32)


def save(folder, history, **more):
    """Save a model without networks; `more` is of what it remembers."""
    iteration = len(history)
    state = {"model": "H64", "iteration": iteration, "seconds": 90.0, "loss_names": NAMES, **more}
    return save_generation(
        folder, state=state, options={}, weights={}, optimizer={}, history=history, keep=3
    )


def measured(iteration, identity):
    unknown = dict.fromkeys(["gaze_correlation", "gaze_gain"], math.nan)
    return unknown | {
        "iteration": iteration, "seconds": 9.0, "ssim_src": 0.5, "ssim_dst": 0.75,
        "mask_overlap": math.nan, "identity": identity, "mouth_correlation": 0.8,
        "mouth_gain": 2.0, "eye_correlation": 0.5, "eye_gain": 0.5, "swap_quality": identity / 2,
    }  # fmt: skip


@pytest.fixture
def home(tmp_path):
    home = Workspace(tmp_path / "work space")
    for side in ("src", "dst"):
        make_faceset(home.faces(side), count=2)
    for name in ("model", "other & model"):
        save(home.folder / name, losses())
        log = ValidationLog.of(home.folder / name)
        for number in range(1, 4):
            log.add(measured(100 * number, 0.2 * number))
    Image.new("RGB", (60, 30)).save(home.model / "preview.png")
    return home


@pytest.fixture
def client(home, monkeypatch):
    fake_stages(monkeypatch, "fake_training.py")
    with served(home) as client:
        yield client.enter()
        cancel_jobs(client)


def curves_of(home, name="model"):
    return next(e for e in TrainView(home).news([]) if e["type"] == f"curves {name}")


def test_losses_are_means_of_all_iterations(home):
    found = curves_of(home)["losses"]
    assert list(found["values"]) == ["src", "dst"]
    ends = found["iterations"]
    assert ends[-1] == ITERATIONS
    assert len(ends) <= curves.POINTS
    parts = np.split(losses().astype(float), ends[:-1])
    for column, name in enumerate(["src", "dst"]):
        expected = [part[:, column].mean() for part in parts]
        assert np.allclose(found["values"][name], expected, rtol=1e-5)


def test_losses_of_critics_are_left_out(tmp_path):
    """They measure no progress, and there were none before the critic began."""
    names = ["src", "src_mask", "gan", "critic_gan"]
    rows = np.array([[4, 1, np.nan, np.nan], [2, 1, 0.5, 0.7]], np.float32)
    generation = save(tmp_path, rows)
    assert curves.history(generation, names) == ([1, 2], {"src": [4, 2]})


def test_metrics_are_those_of_the_log(home):
    metrics = curves_of(home)["metrics"]
    assert metrics["iterations"] == [100, 200, 300]
    assert metrics["faces"] == {"src": [0.5] * 3, "dst": [0.75] * 3}
    assert metrics["swap"]["identity"] == pytest.approx([0.2, 0.4, 0.6])
    assert metrics["swap"]["mouth"] == pytest.approx([0.4] * 3)  # twice as far counts like half
    assert "gaze" not in metrics["swap"]
    json.dumps(metrics, allow_nan=False)


def test_the_models_of_a_workspace_are_listed_and_the_usual_one_comes_first(home):
    (home.folder / "link").symlink_to(home.folder / "other & model")
    save(home.folder / "a", losses(5))
    told = TrainView(home).news([])[0]
    assert [model["name"] for model in told["models"]] == ["model", "a", "other & model"]
    assert [model["iteration"] for model in told["models"]] == [ITERATIONS, 5, ITERATIONS]


def damage(data, how):
    return {
        "empty": b"",
        "cut": data[:-3],
        "no header": data[200:],
        "other type": data.replace(b"<f4", b"<f8"),
        "other columns": data.replace(b", 3)", b", 4)"),
        "endless header": data[:8] + b"\xff\xff" + data[10:],
    }[how]


@pytest.mark.parametrize(
    "how", ["empty", "cut", "no header", "other type", "other columns", "endless header"]
)
def test_a_damaged_history_leaves_the_rest(home, how):
    [file] = home.model.glob("generations/*/history.npy")
    file.write_bytes(damage(file.read_bytes(), how))
    found = curves_of(home)
    assert found["losses"]["values"] in ({}, {"src": [], "dst": []})
    assert found["metrics"]["iterations"] == [100, 200, 300]


def test_a_log_that_cannot_be_read_is_a_sentence(home):
    (home.model / "progress.csv").write_bytes(b"\xff\xfe\x00")
    assert "progress.csv" in curves_of(home)["problem"]
    assert curves_of(home, "other & model")["problem"] == ""


@pytest.mark.parametrize(
    "path", ["model/save", "other%20%26%20model/backup", "nothing/save", "model/rm", "..%2F/save"]
)
def test_without_a_training_nothing_is_asked_for(client, home, path):
    status, _, content = client.post(f"/api/train/{path}")
    assert status == 404
    assert list(home.folder.glob("**/*.request")) == [], content


def test_a_training_is_followed_asked_and_seen_on_two_pages(client, home):
    values = {"model_dir": "other & model"}
    assert client.post("/api/jobs", {"stage": "train", "values": values})[0] == 200

    def other(event):
        models = event.get("models", []) if event["type"] == "training" else []
        return next((model for model in models if model["name"] == "other & model"), {})

    with client.live() as first, client.live() as second:
        for live in (first, second):
            event = events_until(live, lambda e: other(e).get("memory") and other(e)["latest"])[-1]
            assert other(event)["latest"]["eta"] == 125.0
            assert other(event)["job"] == 1
            assert event["models"][0]["job"] is None
        assert client.post("/api/train/model/save")[0] == 404
        for what in ("save", "backup"):
            assert client.post(f"/api/train/other%20%26%20model/{what}")[0] == 200
            events_until(first, lambda e: f"did {what}" in json.dumps(e))  # noqa: B023
        client.post("/api/jobs/1/cancel")
        events_until(first, lambda e: other(e) and other(e)["job"] is None)


def test_losses_since_the_last_save_are_those_that_the_training_tells(client, home):
    shutil.rmtree(home.model / "generations")
    save(home.model, losses(50))
    assert client.post("/api/jobs", {"stage": "train", "values": {}})[0] == 200
    with client.live() as live:
        told = events_until(
            live, lambda e: e["type"] == "curves model" and len(e["losses"]["iterations"]) > 52
        )[-1]["losses"]
    assert told["iterations"][:51] == [*range(1, 51), 101]
    assert set(told["values"]["dst"][50:]) == {0.125}


def test_what_was_lost_by_a_kill_is_not_in_the_curve(home):
    view, queue = TrainView(home), JobQueue(home)
    queue.add(["train"])
    job = queue.claim("default")
    queue.started(job, os.getpid())
    killed, again = range(1, 60, 10), range(5, 30, 10)
    told = [*killed, None, *again]
    seen = []
    with queue.log(1).open("w") as log:
        for item in told:
            facts = {"event": "attempt"}
            if item is not None:
                facts = {"event": "progress", "unit": "iteration", "item": ITERATIONS + item}
                facts["values"] = {"src": 0.5}
            print(json.dumps(facts), file=log, flush=True)
            seen.append(view.news(queue.jobs())[0]["models"][0]["latest"])
    assert seen[told.index(None)] is None  # it begins: nothing is known of it
    view._looked = -math.inf
    curve = next(e for e in view.news(queue.jobs()) if e["type"] == "curves model")["losses"]
    since = [item - ITERATIONS for item in curve["iterations"] if item > ITERATIONS]
    assert since == [1, 5, 15, 25]
    assert curve["values"]["src"][-4:] == [0.5] * 4


# --------------------------------------------------------------------- in a browser


@pytest.fixture
def page(client):
    with page_of(client) as page:
        page.get_by_role("link", name="Train").click()
        yield page


def zoom_and_back(page, curve, expect):
    """Drag over a part of a curve; the legend shows where the pointer is."""
    plot, legend = curve.locator(".u-over"), curve.locator(".u-value").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    low, high = (at / box["width"] * ITERATIONS for at in (20, 150))
    page.mouse.move(box["x"] + 20, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 40, steps=4)
    page.mouse.up()
    right = box["x"] + 0.95 * box["width"], box["y"] + 40
    page.mouse.move(*right)
    expect(legend).to_have_text(re.compile(r"^[\d,]+$"))
    assert low < float(legend.inner_text().replace(",", "")) < high
    plot.dblclick()
    page.mouse.move(right[0], right[1] + 1)
    expect(legend).to_have_text(re.compile(r"^1,1\d\d$"))  # of 1,234


@pytest.mark.slow  # where the plot is may change while the page is still being filled
@needs_chromium
def test_a_curve_is_zoomed_on_the_page(page):
    curve = page.get_by_label("model", exact=True).get_by_label("losses of model")
    expect(curve.locator(".u-legend")).to_contain_text("dst")
    expect(page.get_by_label("the chosen curve of all models").locator("canvas")).to_be_visible()
    zoom_and_back(page, curve, expect)


@needs_chromium
def test_a_training_on_the_page(page, home):
    model = page.get_by_label("model", exact=True)
    facts = model.locator(".facts")
    expect(facts).to_contain_text("1,234")
    expect(page.get_by_label("other & model", exact=True).locator("h2")).to_contain_text("not")
    expect(page.get_by_label("the chosen curve of all models").locator("canvas")).to_be_visible()
    curve = model.get_by_label("losses of model")
    expect(curve.locator(".u-legend")).to_contain_text("dst")
    expect(model.locator(".part > .command code")).to_contain_text(
        "python main.py train --workspace"
    )
    model.get_by_role("button", name="Train", exact=True).click()
    expect(facts).to_contain_text("2 min")
    expect(facts).to_contain_text("src 0.2500, dst 0.1250")
    model.get_by_role("button", name="Save now").click()
    expect(model.locator(".part > .said")).to_have_text("It saves after this step.")
    Image.new("RGB", (90, 30)).save(home.model / "preview.png")
    picture = model.locator(".preview")
    for _ in range(100):
        if picture.evaluate("image => image.naturalWidth") == 90:
            break
        page.wait_for_timeout(25)
    assert picture.evaluate("image => image.naturalWidth") == 90
    model.get_by_role("button", name="Stop").click()
    expect(model.locator(".state")).to_have_text("not training")


@needs_chromium
def test_a_base_offers_to_begin_a_pair_in_place_of_a_training_that_would_be_refused(page, home):
    save(home.pretrained_model, losses(5), pretrained=True)
    base = page.get_by_label(home.pretrained_model.name, exact=True)
    expect(base.locator(".facts")).to_contain_text("H64")
    expect(base.get_by_role("button", name="Train", exact=True)).to_be_hidden()
    begin = page.get_by_role("link", name="Begin a pair from it")
    expect(begin).to_have_count(1)
    begin.click()
    expect(page.locator("#option-load_weights")).to_have_value(home.pretrained_model.name)


@needs_chromium
def test_two_models_are_chosen_and_compared_while_one_trains(page, home):
    models = [page.locator(f'section[aria-label="{name}"]') for name in ("model", "other & model")]
    both = page.get_by_label("All models", exact=True)
    legend = both.locator(".u-legend")
    expect(legend).to_contain_text("other & model")
    models[1].get_by_role("button", name="Train", exact=True).click()
    expect(models[1].locator(".state")).to_have_text("training")
    expect(models[0].locator(".state")).to_have_text("not training")
    expect(models[0].get_by_role("button", name="Train when the job")).to_be_enabled()
    both.get_by_label("Curve to compare").select_option(label="losses: dst")
    expect(legend).to_contain_text("other & model")
    page.get_by_role("checkbox", name="other & model").uncheck()
    expect(models[1]).to_be_hidden()
    expect(legend).to_be_hidden()
    expect(models[0].locator(".facts")).to_contain_text("1,234")
    Image.new("RGB", (80, 30)).save(home.folder / "other & model" / "preview.png")
    page.get_by_role("checkbox", name="other & model").check()
    expect(models[1].locator(".facts")).to_contain_text("src 0.2500, dst 0.1250")
    expect(models[1].locator(".preview")).to_be_visible()
    expect(legend).to_contain_text("model")

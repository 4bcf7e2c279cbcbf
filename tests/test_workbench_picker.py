"""The file picker: what it lists, what may be named after it, and a clip that stays where it is."""

import json
import os
import shlex
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import launched, needs_chromium, page_in
from support.clips import make_clip
from support.page import fake_stages, served
from support.synthetic import make_faceset

from utils.workspace import Workspace
from workbench import folders, forms, picker

SORT = {"stage": "sort", "run": False}


@pytest.fixture(scope="module")
def machine(tmp_path_factory):
    """A disk with a home, clips, faces and a model."""
    disk = tmp_path_factory.mktemp("picker") / "disk"
    for name in ("home", "other/empty", "other/model/generations", "other/frames"):
        (disk / name).mkdir(parents=True)
    make_faceset(disk / "other" / "faces", count=2)
    Image.new("RGB", (8, 8)).save(disk / "other" / "frames" / "0.png")
    make_clip(disk / "other" / "a <b>clip.mp4", frames=4)
    (disk / "other" / "notes.txt").write_text("12345")
    (disk / "other" / ".secret").mkdir()
    (disk / "other" / "to home").symlink_to(disk / "home")
    (disk / "other" / "gone").symlink_to(disk / "nowhere")
    os.mkfifo(disk / "other" / "pipe.mp4")
    (disk / "other" / os.fsdecode(b"no text \xff.mp4")).touch()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(disk / "home"))
        yield disk


@pytest.fixture(scope="module")
def browser():
    with launched() as chromium:
        yield chromium


@pytest.fixture
def client(machine, tmp_path, monkeypatch):
    """A client that is let in, on a workspace that is empty."""
    fake_stages(monkeypatch)
    (tmp_path / "work space").mkdir()
    with served(Workspace(tmp_path / "work space")) as client:
        yield client.enter()


@contextmanager
def page_at(browser, client, view="", **how):
    with page_in(browser, **how) as page:
        page.goto(f"http://{client.host}/?token={client.app.door.token}#{view}")
        yield page


def look(client, folder, takes="any", **more):
    return client.json(f"/api/picker?{urlencode({'folder': str(folder), 'takes': takes, **more})}")


def refused(client, path, value=None, expected=400):
    status, _, content = client.get(path) if value is None else client.post(path, value)
    assert status == expected
    return json.loads(content)["error"]


def pick(client, path, takes="any"):
    status, _, content = client.post("/api/picker/pick", {"path": str(path), "takes": takes})
    assert status == 200, content
    return json.loads(content)["path"]


def kinds(found):
    return {entry["name"]: entry["kind"] for entry in found["entries"]}


# ------------------------------------------------------------------------ what is listed


def test_it_begins_at_home_and_says_what_each_thing_is(client, machine):
    assert look(client, "")["folder"] == str(machine / "home")
    found = look(client, machine / "other")
    assert kinds(found) == {
        "empty": "folder", "faces": "faces", "frames": "frames", "model": "model",
        "to home": "folder", "a <b>clip.mp4": "video", "notes.txt": "file",
    }  # fmt: skip
    sizes = {entry["name"]: entry["size"] for entry in found["entries"]}
    assert (sizes["notes.txt"], sizes["faces"]) == (5, None)
    assert found["parent"] == str(machine)
    assert (found["hidden"], found["others"]) == (
        1,
        3,
    )  # a pipe, a dead link, a name that is no text
    assert ".secret" in kinds(look(client, machine / "other", hidden="yes"))
    assert look(client, "/")["parent"] is None
    places = {place["name"]: place["path"] for place in found["places"]}
    assert places["Workspace"] == str(client.app.home.folder)
    assert places["/"] == "/"


@pytest.mark.parametrize(
    ("takes", "picked"),
    [
        ("footage", {"frames", "a <b>clip.mp4"}),
        ("faces", {"faces"}),
        ("model", {"model"}),
        ("folder", {"empty", "faces", "frames", "model", "to home"}),
        ("image", set()),
    ],
)
def test_only_what_an_option_takes_can_be_picked(client, machine, takes, picked):
    entries = look(client, machine / "other", takes)["entries"]
    assert {entry["name"] for entry in entries if entry["picks"]} == picked
    assert "notes.txt" not in {entry["name"] for entry in entries}
    value = {"path": str(machine / "other" / "notes.txt"), "takes": takes}
    assert "is not what is asked for" in refused(client, "/api/picker/pick", value)


def test_a_link_leads_to_where_it_points(client, machine):
    assert look(client, machine / "other" / "to home")["folder"] == str(machine / "home")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("disk/other/notes.txt", "is a file"),
        ("disk/gone", "there is no"),
        ("disk/locked", "you may not look into"),
        ("x\0y", "is not the whole path"),
    ],
)
def test_what_cannot_be_listed_is_a_sentence(client, machine, monkeypatch, path, said):
    def iterdir(folder, listing=Path.iterdir):
        if folder.name == "locked":
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    (machine / "locked").mkdir(exist_ok=True)
    assert said in refused(client, f"/api/picker?{urlencode({'folder': machine.parent / path})}")
    assert kinds(look(client, machine))["locked"] == "folder"
    assert "whole path" in refused(client, "/api/picker?folder=relative")
    assert "takes: Expected" in refused(client, "/api/picker?takes=everything")


def test_a_folder_of_very_many_files_is_listed_in_part(machine, monkeypatch):
    monkeypatch.setattr(folders, "MOST", 3)
    found = folders.listed(str(machine / "other"), "any", hidden=False)
    assert len(found["entries"]) + found["others"] == 3
    assert found["left"] == len(list((machine / "other").iterdir())) - found["hidden"] - 3


# ------------------------------------------------------------------------ what may be named


def test_without_a_session_no_folder_is_listed_and_nothing_picked(client, machine):
    client.cookie = ""
    assert client.get(f"/api/picker?folder={machine}")[0] == 401
    assert client.post("/api/picker/pick", {"path": str(machine), "takes": "folder"})[0] == 401
    assert client.get("/footage/dst")[0] == 401
    client.enter()
    csrf, client.csrf = client.csrf, ""
    assert client.post("/api/picker/pick", {"path": str(machine), "takes": "folder"})[0] == 403
    assert client.post("/api/picker/clip/dst", {"path": str(machine)})[0] == 403
    client.csrf = csrf
    assert client.get("/api/picker/pick")[0] == 405


def test_forms_take_what_was_picked_and_nothing_else(client, machine):
    faces, model = machine / "other" / "faces", machine / "other" / "model"
    for path in (faces, model, faces / "x"):
        form = client.form("sort", {"input_dir": str(path)})
        assert "outside of the workspace" in form["errors"]["input_dir"]
        assert 'with "Browse"' in form["errors"]["input_dir"]
    assert pick(client, machine / "other" / "empty" / ".." / "faces", "faces") == str(faces)
    form = client.form("sort", {"input_dir": str(faces)})
    assert form["errors"] == {}
    assert shlex.split(form["command"])[2:5] == ["sort", "--input-dir", str(faces)]
    assert not client.form("sort", {"input_dir": str(faces / "group")})["errors"]
    for path in (model, faces.parent, f"{faces}2", faces / ".." / "model"):
        assert client.form("sort", {"input_dir": str(path)})["errors"]
        assert client.post("/api/jobs", {**SORT, "values": {"input_dir": str(path)}})[0] == 400
    assert client.post("/api/jobs", {**SORT, "values": {"input_dir": str(faces)}})[0] == 200
    assert [job.words for job in client.app.queue.jobs()] == [("sort", "--input-dir", str(faces))]
    assert client.get(f"/files/{faces / '00000.png'}")[0] == 404


def test_a_link_that_was_picked_does_not_lead_elsewhere_later(client, machine):
    link = machine / "other" / "now"
    link.symlink_to(machine / "other" / "faces")
    assert pick(client, link, "faces") == str(machine / "other" / "faces")
    assert not client.form("sort", {"input_dir": str(link)})["errors"]
    link.unlink()
    link.symlink_to(machine / "other" / "frames")
    assert client.form("sort", {"input_dir": str(link)})["errors"]


@pytest.mark.parametrize("path", ["/", "home", ""])
def test_a_folder_that_holds_everything_is_not_picked(client, machine, path):
    value = {"path": str(machine / path), "takes": "folder"}
    assert "holds everything" in refused(client, "/api/picker/pick", value)


def test_a_pipe_and_a_dead_link_are_not_picked(client, machine):
    for name in ("pipe.mp4", "gone"):
        value = {"path": str(machine / "other" / name), "takes": "any"}
        refused(client, "/api/picker/pick", value)


# ------------------------------------------------------------------------ a clip elsewhere


def project(client):
    with client.live() as live:
        while True:
            event = json.loads(live.recv(timeout=20))
            if event["type"] == "project":
                return event


def test_a_clip_elsewhere_is_used_by_its_path(client, machine):
    clip = machine / "other" / "a <b>clip.mp4"
    assert client.get("/footage/src")[0] == 404
    assert client.post("/api/picker/clip/src", {"path": str(clip)})[0] == 200
    told = project(client)
    assert told["next"]["words"] == ["extract", "src", "--input-dir", str(clip)]
    form = client.form("extract", {"side": "src"})
    assert form["command"] == told["next"]["command"]
    assert form["words"] == told["next"]["words"]
    assert client.form("extract", {"side": "dst"})["words"] == ["extract", "dst"]
    fields = {f["name"]: f for group in form["groups"] for f in group["fields"]}
    assert fields["input_dir"]["default"] == str(clip)
    assert client.get(told["sides"]["src"]["clip"])[2] == clip.read_bytes()
    assert not list(client.app.home.folder.glob("data_*"))
    assert client.post("/api/picker/clip/dst", {"path": str(clip)})[0] == 200
    for stage, flag in (("convert", "--input-dir"), ("evaluate", "--dst")):
        words = client.form(stage)["words"]
        assert words[words.index(flag) + 1] == str(clip)
    home = client.app.home
    for words in ("util edit-faces dst", "util show-frame dst --face 0.png --output x.jpg"):
        assert forms.with_footage(words.split(), home)[-1] == str(clip)
        assert forms.read_flags(forms.with_footage(words.split(), home))  # it is a command line
    named = ["extract", "src", "--input-dir", "other.mp4"]
    assert forms.with_footage(named, home) == named
    assert client.post("/api/picker/clip/src", {"path": None})[0] == 200
    assert project(client)["lacks"] == "src"


def test_a_clip_elsewhere_can_be_copied_and_is_offered_again(client, machine):
    clip = machine / "other" / "a <b>clip.mp4"
    assert client.post("/api/picker/clip/src", {"path": str(clip)})[0] == 200
    with served(Workspace(client.app.home.folder)) as again:
        told = project(again.enter())["sides"]["src"]
        assert (told["earlier"], told["footage"], told["elsewhere"]) == (str(clip), False, "")
        assert again.get("/footage/src")[0] == 404
        assert again.post("/api/picker/clip/dst", {"path": str(clip)})[0] == 200
    (client.app.home.folder / "data_src.mp4").touch()
    value = {"path": str(clip), "copy": True}
    assert "is there already" in refused(client, "/api/picker/clip/src", value, 404)
    assert project(client)["sides"]["src"]["elsewhere"] == str(clip)
    (client.app.home.folder / "data_src.mp4").unlink()
    assert json.loads(client.get("/api/picker/clip/src")[2]) == {"part": 0}
    assert client.post("/api/picker/clip/src", {"path": str(clip), "copy": True})[0] == 200
    assert (client.app.home.folder / "data_src.mp4").read_bytes() == clip.read_bytes()
    told = project(client)
    assert told["next"]["words"] == ["extract", "src"]
    assert told["sides"]["dst"]["earlier"] == str(clip)
    (client.app.home.folder / ".queue" / "footage.json").write_text('{"dst": 3, "src": "x"}')
    assert picker.earlier(client.app.home, "dst") is picker.earlier(client.app.home, "src") is None
    assert client.post("/api/picker/clip/dst", {"path": str(clip)})[0] == 200
    assert client.post("/api/upload/dst?name=new.mp4", b"a clip")[0] == 200
    assert (client.app.home.folder / "data_dst.mp4").read_bytes() == b"a clip"
    assert project(client)["sides"]["dst"]["elsewhere"] == ""
    (client.app.home.folder / "data_dst.mp4").unlink()
    assert clip.exists()
    value = {"path": str(machine / "other" / "frames"), "copy": True}
    assert "used where it is" in refused(client, "/api/picker/clip/dst", value)


def test_a_wrong_clip_is_put_away_until_faces_were_found_in_it(client):
    home = client.app.home
    for number in (1, 2):  # the second does not replace the first
        assert client.post("/api/upload/src?name=wrong.mp4", b"%d" % number)[0] == 200
        assert client.post("/api/picker/away/src")[0] == 200
        assert project(client)["lacks"] == "src"
    assert {f.read_bytes() for f in (home.folder / "footage_trash").iterdir()} == {b"1", b"2"}
    assert "no clip" in refused(client, "/api/picker/away/src", {}, 404)
    assert client.post("/api/upload/src?name=right.mp4", b"3")[0] == 200
    home.faces("src").mkdir(parents=True)
    assert "holds the faces" in refused(client, "/api/picker/away/src", {}, 404)
    assert home.clip("src").read_bytes() == b"3"


# ------------------------------------------------------------------------ the page


@needs_chromium
def test_an_empty_workspace_says_what_to_do_and_asks_for_consent(browser, client):
    with page_at(browser, client) as page:
        expect(page.locator(".purpose")).to_have_text("Choose a clip of the face to put in")
        expect(page.get_by_text("only if both people agree")).to_be_visible()
        expect(page.get_by_role("region", name="From two clips to a result")).to_be_visible()
        expect(page.get_by_role("region", name="What is there")).to_be_hidden()
        client.app.home.clip("src").write_bytes(b"a clip")
        expect(page.locator(".purpose")).to_have_text("Choose the footage to change", timeout=15000)
        expect(page.get_by_role("region", name="From two clips to a result")).to_be_visible()
        expect(page.get_by_role("button", name="Run", exact=True)).to_be_hidden()
        page.get_by_role("button", name="Use another one: clip of src").click()
        expect(page.locator(".purpose")).to_have_text("Choose a clip of the face to put in")
        away = client.app.home.folder / "footage_trash" / "data_src.mp4"
        expect(page.get_by_text(f"It is in {away} now.")).to_be_visible()
        make_faceset(client.app.home.faces("src"), count=1)
        expect(page.get_by_role("region", name="What is there")).to_be_visible(timeout=15000)
        expect(page.locator(".purpose")).to_have_text("Choose the footage to change", timeout=15000)
        expect(page.get_by_text("only if both people agree")).to_be_visible()
        expect(page.get_by_role("region", name="From two clips to a result")).to_be_hidden()


@needs_chromium
def test_a_clip_is_picked_with_the_keyboard_alone(browser, client, machine):
    (machine / "home" / "clips").symlink_to(machine / "other")
    client.app.home.clip("dst").write_bytes(b"a clip")
    with page_at(browser, client) as page:
        page.get_by_role("button", name="Use a clip where it is: clip of src").focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog", name="Choose the clip of src")
        expect(dialog.get_by_role("button", name="clips")).to_be_focused()
        page.keyboard.press("Enter")
        expect(dialog.get_by_label("Folder", exact=True)).to_have_value(str(machine / "other"))
        expect(dialog.locator(".entry").first).to_be_focused()
        page.keyboard.press("End")
        expect(dialog.get_by_role("button", name="a <b>clip.mp4 video")).to_be_focused()
        page.keyboard.press("ArrowUp")
        page.keyboard.press("a")
        page.keyboard.press("Enter")
        expect(dialog).to_be_hidden()
        expect(page.locator(".clip-path")).to_contain_text("a <b>clip.mp4")
        expect(page.get_by_label("the clip of src", exact=True)).to_be_visible()
        expect(page.locator(".card.first code")).to_contain_text("extract src --input-dir")


@needs_chromium
def test_a_folder_is_picked_for_an_option(browser, client, machine):
    address = json.dumps(["sort", {"side": "src"}])
    with page_at(browser, client, f"commands/{address}", console=False) as page:
        page.get_by_role("button", name="Browse for --input-dir").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_label("Folder", exact=True).fill(str(machine / "gone"))
        page.keyboard.press("Enter")
        expect(dialog.get_by_role("alert")).to_contain_text("there is no")
        dialog.get_by_label("Folder", exact=True).fill(str(machine / "other"))
        page.keyboard.press("Enter")
        dialog.get_by_role("button", name="Choose faces").click()
        expect(dialog).to_be_hidden()
        expect(page.get_by_label("--input-dir", exact=True)).to_have_value(
            str(machine / "other" / "faces")
        )
        expect(page.get_by_role("button", name="Browse for --input-dir")).to_be_focused()
        expect(page.locator("#option-input_dir-error")).to_be_empty()
        page.get_by_role("button", name="Browse for --input-dir").click()
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()

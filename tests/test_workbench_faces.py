"""The view Faces of the workbench: what it sends, and the page itself in a browser."""

import io
import json
import shutil
import sqlite3
from urllib.parse import quote

import pytest
from PIL import Image
from playwright.sync_api import expect
from support.browser import needs_chromium, page_of
from support.page import served
from support.screen import wait_until
from support.synthetic import make_faceset, make_frames, make_info, make_video

from facelib import geometry
from facelib.faceset import fingerprint, write_face
from utils.workspace import Workspace
from workbench import thumbnails
from workbench.thumbnails import Thumbnails

COUNT = 40
PAINTED = """canvas => canvas.getContext("2d").getImageData(
  0, 0, canvas.width, canvas.height).data.some((value, at) => at % 4 === 3 && value)"""


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A workspace with a short clip and the faces of its frames, every tenth one doubtful."""
    folder = tmp_path_factory.mktemp("made")
    frames = make_frames(COUNT)
    make_video(folder / "data_src.mp4", [frame for frame, _ in frames], audio=False)
    aligned = folder / "data_src" / "aligned"
    aligned.mkdir(parents=True)
    for number, (frame, points) in enumerate(frames):
        facts = {"frame_size": (160, 120), "score": 0.4 if number % 10 == 0 else 0.9}
        facts |= {"source_name": f"{number:06d}.png", "frame_index": number}
        info = make_info(points, 64, **facts)
        write_face(
            aligned / f"{number:06d}_0.png", geometry.warp_face(frame, info.matrix, 64), info
        )
    return folder


@pytest.fixture
def home(tmp_path, made):
    return Workspace(shutil.copytree(made, tmp_path / "workspace"))


@pytest.fixture
def client(home):
    with served(home) as found:
        yield found.enter()


def listed(client, **asked):
    status, _, content = client.post("/api/faces/src/list", asked)
    assert status == 200, content
    return client.json("/api/faces/src/table")["columns"]


def test_faces_are_listed_shown_deleted_and_put_back(client, home):
    folder = home.faces("src")
    rows = listed(client)
    assert len(rows["name"]) == COUNT
    names = rows["name"][3:5]
    key = rows["key"][3]
    for _ in range(2):  # made, then kept
        status, headers, jpeg = client.get(
            f"/api/faces/src/thumbnail/{key}?side=96&name={names[0]}"
        )
        assert (status, headers["Content-Type"]) == (200, "image/jpeg")
        assert "immutable" in headers["Cache-Control"]
        shown = Image.open(io.BytesIO(jpeg))
        original = Image.open(folder / names[0]).convert("RGB")
        assert shown.size == original.size == (64, 64)  # not enlarged
        differences = zip(shown.tobytes(), original.tobytes(), strict=True)
        assert sum(abs(a - b) for a, b in differences) < 12 * 3 * 64 * 64
    assert (
        client.get(f"/api/faces/src/image?name={names[0]}")[2] == (folder / names[0]).read_bytes()
    )

    answer = json.loads(client.post("/api/faces/src/delete", {"names": names})[2])
    assert f"delete-faces src --names {names[0]} {names[1]}" in answer["command"]
    trash = folder.with_name("aligned_trash")
    assert sorted(path.name for path in trash.iterdir()) == names
    assert client.post("/api/faces/src/restore")[0] == 200
    assert not any(trash.iterdir())
    status, _, content = client.post("/api/faces/src/restore")
    assert status == 400
    assert "there is no deletion to take back" in json.loads(content)["error"]


def test_the_frame_of_a_face_is_drawn_once(client, home):
    name = listed(client)["name"][7]
    first = client.get(f"/api/faces/src/frame?name={name}")
    assert Image.open(io.BytesIO(first[2])).size == (160, 120)
    home.clip("src").unlink()
    assert client.get(f"/api/faces/src/frame?name={name}")[2] == first[2]
    status, _, content = client.get("/api/faces/src/frame?name=000008_0.png")
    assert status == 400
    assert "copy your clip there" in json.loads(content)["error"]


def test_many_thumbnails_come_in_one_answer(client, home):
    rows = listed(client)
    faces = [[rows["key"][n], rows["name"][n]] for n in (2, 7)]
    gone = ["00" * 16, "gone.png"]
    asked = {"side": 96, "faces": [faces[0], gone, faces[1]]}
    status, _, content = client.post("/api/faces/src/thumbnails", asked)
    assert status == 200
    parts = []
    while content:
        size = int.from_bytes(content[:4])
        parts.append(content[4 : 4 + size])
        content = content[4 + size :]
    single = [
        client.get(f"/api/faces/src/thumbnail/{key}?side=96&name={name}")[2] for key, name in faces
    ]
    assert parts == [single[0], b"", single[1]]
    for wrong in ({"side": 97}, {"faces": [["00"]]}, {"faces": [[1, 2]]}, {"faces": [gone] * 257}):
        assert client.post("/api/faces/src/thumbnails", asked | wrong)[0] == 400
    outside = [["00" * 16, "../../data_src.mp4"]]
    assert client.post("/api/faces/src/thumbnails", asked | {"faces": outside})[2] == bytes(4)


@pytest.mark.parametrize(
    "name", ["../../data_src.mp4", ".sort/faces.json", "x.png", "/etc/passwd", "", "\0", "a" * 300]
)
def test_only_faces_are_shown(client, name):
    quoted = quote(name, safe="")
    for address in (f"thumbnail/{'00' * 16}?side=96&", "image?", "frame?"):
        status, headers, _ = client.get(f"/api/faces/src/{address}name={quoted}")
        assert (status, headers["Content-Type"]) == (404, "application/json")


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"names": []}', b'{"names": ["a\\nb.png"]}', b"{"]
)
def test_a_deletion_needs_names(client, body):
    assert client.post("/api/faces/src/delete", body)[0] == 400


@pytest.mark.parametrize("asked", [{"by": "--people"}, {"by": "nothing"}, {"by": ["hist"]}])
def test_only_sort_methods_order_faces(client, asked):
    assert client.post("/api/faces/src/list", asked)[0] == 400


def test_other_sides_and_sites_are_refused(client):
    assert client.get("/api/faces/other/table")[0] == 400
    assert client.post("/api/faces/src/restore", X_CSRF_Token="wrong")[0] == 403
    assert client.post("/api/faces/src/list", Origin="http://elsewhere")[0] == 403


@pytest.fixture
def face(tmp_path):
    return make_faceset(tmp_path / "faces", 1, size=128)[0]


@pytest.mark.parametrize("damage", ["nothing", "text", "other tables", "folder", "read-only"])
def test_a_damaged_cache_costs_only_time(face, damage):
    store = face.parent / ".sort"
    store.mkdir()
    file = store / thumbnails.FILE
    if damage == "text":
        file.write_text("not a database" * 100)
    elif damage == "other tables":
        sqlite3.connect(file).execute("create table thumbnails (key)").connection.close()
    elif damage == "folder":
        file.mkdir()
    found = Thumbnails(store)
    jpegs = [found.get(face, fingerprint(face), 96) for _ in range(2)]
    found.close()
    assert jpegs[0] == jpegs[1]
    assert Image.open(io.BytesIO(jpegs[0])).size == (96, 96)


def test_the_cache_is_bounded_and_drops_the_oldest(face, monkeypatch):
    monkeypatch.setattr(thumbnails, "MOST", 4)
    monkeypatch.setattr(thumbnails, "DROPPED", 2)
    store = face.parent / ".sort"
    found = Thumbnails(store)
    monkeypatch.setattr(thumbnails, "fingerprint", lambda path: key)
    for number in range(6):
        key = bytes([number]) * 16
        found.get(face, key, 96)
    found.close()
    rows = sqlite3.connect(store / thumbnails.FILE)
    kept = [row[0][0] for row in rows.execute("select key from thumbnails order by number")]
    rows.close()
    assert kept == [2, 3, 4, 5]


def test_a_changed_face_gets_no_thumbnail_of_the_old_one(face):
    found = Thumbnails(face.parent / ".sort")
    with pytest.raises(Exception, match="has changed"):
        found.get(face, bytes(16), 96)
    found.close()


def drag(page, element, start, end):
    """Drag the mouse between two points of an element, given in pixels."""
    box = page.locator(element).bounding_box()
    page.mouse.move(box["x"] + start[0], box["y"] + start[1])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0], box["y"] + end[1], steps=4)
    page.wait_for_timeout(100)  # the band is drawn with the next frame
    page.mouse.up()


@pytest.mark.slow
@needs_chromium
def test_faces_are_looked_through_in_a_browser(client, home):
    def shown(count, selected=0, of=COUNT):
        text = f"{count} of {of} faces shown, {selected} selected"
        expect(page.locator(".counts")).to_have_text(text, timeout=20_000)

    def on_disk():
        return len(list(home.faces("src").glob("*.png")))

    with page_of(client, "faces/src") as page:
        shown(COUNT)
        picture = page.locator(".grid-pictures").first
        wait_until(lambda: picture.evaluate(PAINTED), "the thumbnails are drawn")
        drag(page, ".grid", (20, 20), (160, 160))  # over two by two faces
        shown(COUNT, 4)
        page.keyboard.press("Delete")
        shown(COUNT - 4, of=COUNT - 4)
        said = page.locator(".faces-foot .said")
        expect(said).to_have_text("4 faces moved to the trash")
        expect(page.locator(".faces-foot code")).to_contain_text("util delete-faces src --names")
        assert on_disk() == COUNT - 4
        page.keyboard.press("Control+z")
        expect(said).to_have_text("4 faces put back")
        shown(COUNT)
        assert on_disk() == COUNT

        drag(page, ".grid", (20, 20), (60, 60))
        page.keyboard.press("Delete")
        expect(said).to_have_text("1 face moved to the trash")
        page.keyboard.press("Control+z")
        shown(COUNT)

        page.keyboard.press("End")
        page.keyboard.press("Shift+ArrowLeft")
        page.keyboard.press("Shift+ArrowLeft")
        shown(COUNT, 3)
        page.keyboard.press("?")
        expect(page.get_by_role("dialog", name="Keys")).to_be_visible()
        page.keyboard.press("Escape")
        page.check("#face-doubtful")
        shown(4)
        page.uncheck("#face-doubtful")
        shown(COUNT)
        cloud = page.locator(".scatter").bounding_box()
        drag(page, ".scatter", (2, 2), (cloud["width"] / 2, cloud["height"] - 2))
        yaws = client.json("/api/faces/src/table")["columns"]["yaw"]
        shown(sum(yaw >= 0 for yaw in yaws))  # noses to the left


ASKED = """async () => {
  const { Pictures } = await import("/static/faces/pictures.js");
  let asked = 0;
  window.fetch = async () => {
    asked++;
    throw new TypeError("the server is gone");
  };
  const pictures = new Pictures(() => pictures.want("", 96, [["key", "name"]]));
  pictures.came();
  await new Promise((resolve) => setTimeout(resolve, 300));
  return asked;
}"""
GONE = """async () => {
  const { Pictures } = await import("/static/faces/pictures.js");
  const pictures = new Pictures(() => {});
  await pictures.take(["96 key"], new ArrayBuffer(4)); // no picture: it was deleted meanwhile
  const gone = pictures.find(96, "key");
  pictures.forget();
  return [gone, pictures.find(96, "key") === undefined];
}"""


@needs_chromium
def test_thumbnails_that_did_not_come_are_asked_for_again_but_not_at_once(client):
    with page_of(client) as page:
        assert page.evaluate(GONE) == [None, True]
        assert page.evaluate(ASKED) == 1


@pytest.fixture
def two_people(home, astronaut, face_landmarks):
    """The drawn faces, and some of the astronaut, who is found in frames of their own."""
    for number in range(4):
        facts = {"source_name": f"{100 + number:06d}.png", "frame_index": 100 + number}
        info = make_info(face_landmarks + number, 96, score=0.8, frame_size=(512, 512), **facts)
        picture = geometry.warp_face(astronaut, info.matrix, 96)
        write_face(home.faces("src") / f"person_{number}.png", picture, info)
    return home


@pytest.mark.slow
@needs_chromium
def test_people_are_recognized_and_grouped_in_a_browser(client, two_people):
    total = COUNT + 4

    def shown(count, selected=0):
        text = f"{count} of {total} faces shown, {selected} selected"
        expect(page.locator(".counts")).to_have_text(text, timeout=60_000)

    with page_of(client, "faces/src", console=False) as page:
        shown(total)
        page.get_by_role("button", name="Recognize people").click()
        person = page.get_by_label("Person", exact=True)
        expect(person).to_be_visible(timeout=90_000)
        table = client.json("/api/faces/src/table")["columns"]
        people = dict(zip(table["name"], table["person"], strict=True))
        [astronauts] = {people[f"person_{number}.png"] for number in range(4)}
        members = [name for name, found in people.items() if found == astronauts]
        assert len(members) == 4  # no drawn face is taken for her
        person.select_option(str(astronauts))
        shown(4)
        page.get_by_label("Groups", exact=True).select_option("person")
        heading = page.locator(".grid-heading:visible")
        expect(heading).to_have_text(f"person {astronauts + 1:03} (4)")
        page.get_by_role("button", name="Show all").click()
        shown(total)


@pytest.mark.slow
@needs_chromium
def test_scores_frames_and_pairs_in_a_browser(client):
    def shown(count, selected=0):
        text = f"{count} of {COUNT} faces shown, {selected} selected"
        expect(page.locator(".counts")).to_have_text(text, timeout=60_000)

    with page_of(client, "faces/src", console=False) as page:
        shown(COUNT)
        doubtful = [f"{number:06d}_0.png" for number in range(0, COUNT, 10)]
        page.get_by_label("Detection score, at most").fill("0.85")
        shown(len(doubtful))
        page.get_by_role("grid").focus()
        page.keyboard.press("Home")
        page.keyboard.press("Shift+ArrowRight")
        shown(len(doubtful), 2)
        page.keyboard.press("c")
        pair = page.get_by_role("dialog", name="Two faces").get_by_role("img")
        assert [image.get_attribute("alt") for image in pair.all()] == doubtful[:2]
        assert pair.first.evaluate("image => image.decode().then(() => image.naturalWidth)") == 64
        page.keyboard.press("Escape")
        page.keyboard.press("Home")
        page.keyboard.press("Enter")
        frame = page.get_by_role("dialog", name="The frame of").get_by_role("img")
        expect(frame).to_be_visible(timeout=60_000)
        assert frame.evaluate("image => [image.naturalWidth, image.naturalHeight]") == [160, 120]
        page.get_by_role("button", name="Close").click()
        page.locator(".cell:visible").nth(1).dblclick()
        expect(page.get_by_role("dialog", name=f"The frame of {doubtful[1]}")).to_be_visible()

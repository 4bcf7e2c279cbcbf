"""Each rule of docs/workbench.md, "Security", with a plain HTTP client against a real server."""

import asyncio
import json
import os
import re
import socket
import time
from pathlib import Path
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
from support.page import served
from websockets.exceptions import InvalidStatus

from utils.errors import InputError, UsageError
from utils.workspace import Workspace
from workbench import security, server, uploads
from workbench.options import WorkbenchOptions
from workbench.security import Password, host_name

PASSWORD = "correct horse battery"
JOB = {"stage": "status", "values": {}, "run": False}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("security") / "my workspace"
    (folder / "data_src").mkdir(parents=True)
    (folder / "notes.html").write_text("<script>alert(1)</script>")
    (folder / "picture.png").write_bytes(b"a picture")
    (folder / ".hidden").write_text("hidden")
    (folder.parent / "secret.txt").write_text("secret")
    (folder / "link.png").symlink_to(folder.parent / "secret.txt")
    (folder / "link").symlink_to(folder.parent)
    return Workspace(folder)


@pytest.fixture(scope="module")
def stranger(home):
    """A client that was not let in."""
    with served(home) as client:
        yield client


@pytest.fixture
def client(stranger):
    stranger.enter()
    yield stranger
    stranger.cookie = stranger.csrf = ""


def jobs(client):
    return len(client.app.queue.jobs())


# ------------------------------------------------------------------------ who is let in


def test_only_this_machine_is_served():
    listening = server._listen(None, 0)
    assert listening.getsockname()[0] == "127.0.0.1"
    listening.close()


def test_a_taken_port_is_named_with_the_way_out():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"port {port} .* --port 0"):
            server._listen(None, port)


def test_other_machines_need_a_password(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.stdin", None)
    with pytest.raises(UsageError, match="--password-file"):
        server.run(WorkbenchOptions(workspace=tmp_path, host="0.0.0.0", port=0, open=False))


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [("short", 0o600, "at least 8"), (PASSWORD, 0o644, "chmod 600"), (None, 0, "check --password")],
)
def test_a_password_is_long_and_not_readable_by_others(tmp_path, text, mode, said):
    path = tmp_path / "password"
    if text:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises((UsageError, InputError), match=said):
        server._password(WorkbenchOptions(host="0.0.0.0", password_file=path))


def test_the_first_address_becomes_a_cookie_for_this_site_only(stranger):
    status, headers, _ = stranger.get(f"/?token={stranger.app.door.token}")
    assert (status, headers["Location"]) == (303, "/")
    attributes = {part.strip().lower() for part in headers["Set-Cookie"].split(";")[1:]}
    assert {"httponly", "samesite=strict"} <= attributes
    assert stranger.app.door.token not in headers["Set-Cookie"]


@pytest.mark.parametrize("path", ["/", "/?token=", "/?token=wrong", "/?token=%00%C3%A9"])
def test_without_the_token_there_is_no_session(stranger, path):
    status, headers, content = stranger.get(path)
    assert status == 401
    assert "Set-Cookie" not in headers
    assert b"incomplete" in content


@pytest.mark.parametrize("path", ["/api/session", "/files/picture.png", "/api/form/train", "/gone"])
@pytest.mark.parametrize("cookie", ["", "workbench_{port}=made-up"])
def test_without_a_session_nothing_is_told(stranger, path, cookie):
    cookie = cookie.format(port=stranger.port)
    status, _, content = stranger.get(path, Cookie=cookie)
    assert status == 401
    assert b"secret" not in content


def test_without_a_session_nothing_changes(stranger):
    assert stranger.post("/api/jobs", JOB)[0] == 401
    with pytest.raises(InvalidStatus):
        stranger.live()


# ------------------------------------------------------------------------ names and sites


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8710", "127.0.0.1.evil.example", ""]
)
def test_other_names_are_refused(client, host):
    origin = f"http://{host}"
    assert client.get("/api/session", Host=host)[0] == 403
    assert client.get("/static/app.js", Host=host)[0] == 403
    assert client.post("/api/jobs", JOB, Host=host, Origin=origin)[0] == 403
    if host:
        with pytest.raises(InvalidStatus):
            client.live(host=host)


@pytest.mark.parametrize("host", ["localhost:9000", "127.0.0.1:9000", "[::1]:9000", "LOCALHOST"])
def test_a_forwarded_port_is_good(client, host):
    assert client.get("/api/session", Host=host)[0] == 200
    with client.live(host=host):
        pass


@pytest.mark.parametrize(
    ("host", "name"), [("[::1", ""), ("a:b:c", "a"), ("x@localhost", "localhost"), ("", "")]
)
def test_odd_hosts_are_read(host, name):
    assert host_name(host) == name


@pytest.mark.parametrize("origin", ["https://evil.example", "http://127.0.0.1:1", "null", ""])
def test_other_sites_are_refused(client, origin):
    before = jobs(client)
    assert client.get("/api/session", Origin=origin)[0] == 403
    assert client.post("/api/jobs", JOB, Origin=origin)[0] == 403
    with pytest.raises(InvalidStatus):
        client.live(origin=origin)
    assert jobs(client) == before


def test_a_change_says_where_it_comes_from(client):
    before = jobs(client)
    assert client.post("/api/jobs", JOB, Origin=None)[0] == 403
    with pytest.raises(InvalidStatus):
        client.live(origin=None)
    assert jobs(client) == before


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_a_change_carries_the_token_of_the_page(client, token):
    before = jobs(client)
    for path in (
        "/api/jobs", "/api/upload/src?name=x.mp4", "/api/jobs/1/cancel", "/api/jobs/1/move",
        "/api/queue/run", "/api/picker/pick", "/api/picker/clip/src",
    ):  # fmt: skip
        assert client.post(path, JOB, X_CSRF_Token=token)[0] == 403
    assert jobs(client) == before
    assert client.post("/api/jobs", JOB)[0] == 200
    assert jobs(client) == before + 1


def test_a_token_of_another_session_does_not_count(client):
    mine = client.csrf
    client.enter()
    assert client.post("/api/jobs", JOB, X_CSRF_Token=mine)[0] == 403


@pytest.mark.parametrize(
    "path", ["/api/jobs", "/api/upload/src", "/api/jobs/1/cancel", "/api/picker/pick"]
)
def test_nothing_changes_by_get(client, path):
    before = jobs(client)
    assert client.get(path)[0] == 405
    assert jobs(client) == before


# ------------------------------------------------------------------------ what is sent


@pytest.mark.parametrize(
    "path", ["/", "/static/app.js", "/api/session", "/gone", "/files/picture.png", "/api/form/x"]
)
def test_every_answer_has_the_safe_headers(client, path):
    _, headers, _ = client.get(path)
    policy = headers["Content-Security-Policy"]
    assert policy.startswith(("default-src 'self';", "default-src 'none';"))
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers


def test_the_page_loads_nothing_from_elsewhere():
    static = server.App.__init__.__globals__["STATIC"]
    for path in filter(Path.is_file, static.rglob("*")):
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        if path.parent.name == "vendor":  # whose comments name their sources
            text = re.sub(r"^\s*(//|\*).*$", "", text, flags=re.M)
        assert "http:" not in text, path
        assert "https:" not in text.replace('"https:"', ""), path
        assert "innerHTML" not in text, path
        assert " style=" not in text, path


@pytest.mark.parametrize(
    "name",
    [
        "../secret.txt", "%2e%2e/secret.txt", "..%2fsecret.txt", "link.png", "link/secret.txt",
        "/etc/passwd", "%2Fetc/passwd", ".hidden", ".queue/jobs.sqlite", "data_src", "", "gone.png",
        "x%00y", "a" * 300,
    ],
)  # fmt: skip
def test_files_outside_or_hidden_are_not_served(client, name):
    status, _, content = client.get(f"/files/{name}")
    assert status == 404
    assert b"secret" not in content


@pytest.mark.parametrize("path", ["../x", "/etc", "link", "link/x", "~/x", "data_src/../../x"])
def test_forms_take_no_path_outside(client, path):
    form = client.form("sort", {"input_dir": path})
    assert "outside of the workspace" in form["errors"]["input_dir"]
    before = jobs(client)
    status, _, content = client.post("/api/jobs", {"stage": "sort", "values": {"input_dir": path}})
    assert status == 400
    assert b"outside of the workspace" in content
    assert jobs(client) == before


def test_only_images_and_videos_are_shown_the_rest_is_a_download(client):
    _, headers, content = client.get("/files/picture.png")
    assert (headers["Content-Type"], content) == ("image/png", b"a picture")
    _, headers, content = client.get("/files/notes.html")
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"] == 'attachment; filename="notes.html"'
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_part_of_a_video_can_be_asked_for(client):
    status, headers, content = client.get("/files/picture.png", Range="bytes=2-4")
    assert (status, content) == (206, b"pic")
    assert headers["Content-Range"] == "bytes 2-4/9"


# ------------------------------------------------------------------------ uploads


@pytest.fixture
def empty(tmp_path):
    with served(Workspace(tmp_path)) as client:
        yield client.enter()


def files(client):
    return sorted(p.name for p in client.app.home.folder.iterdir() if p.name != ".queue")


def test_an_upload_is_named_by_us(empty):
    data = os.urandom(3_000_000)
    status, _, content = empty.post("/api/upload/src?name=..%2F..%2Fevil.sh%00.MP4", data)
    assert (status, json.loads(content)) == (200, {"name": "data_src.mp4"})
    assert files(empty) == ["data_src.mp4"]
    assert (empty.app.home.folder / "data_src.mp4").read_bytes() == data
    status, _, content = empty.post("/api/upload/src?name=other.mkv", b"x")
    assert b"there already" in content
    assert files(empty) == ["data_src.mp4"]


def test_what_another_page_has_sent_meanwhile_stays(tmp_path):
    first, home = tmp_path / "data_src.mov", Workspace(tmp_path)

    async def body():
        first.write_bytes(b"first")
        yield b"second"

    with pytest.raises(InputError, match="is there already"):
        asyncio.run(uploads.receive(home, "src", "second.mp4", 6, body()))
    assert [path.name for path in tmp_path.iterdir()] == ["data_src.mov"]
    assert first.read_bytes() == b"first"


@pytest.mark.parametrize("path", ["src?name=evil.html", "src?name=mp4", "src", "model?name=x.mp4"])
def test_an_upload_of_another_kind_is_refused(empty, path):
    assert empty.post(f"/api/upload/{path}", b"x")[0] == 400
    assert files(empty) == []


def test_an_upload_is_bounded(empty, monkeypatch):
    monkeypatch.setattr(uploads, "LARGEST", 1000)
    assert b"may have up to" in empty.post("/api/upload/src?name=x.mp4", b"x" * 1001)[2]
    assert b"may have up to" in empty.post("/api/upload/src?name=x.mp4", b"")[2]
    monkeypatch.setattr(uploads.shutil, "disk_usage", lambda _: SimpleNamespace(free=999))
    assert b"free some space" in empty.post("/api/upload/src?name=x.mp4", b"x" * 1000)[2]
    chunked = {"Content_Length": None, "Transfer_Encoding": "chunked"}
    body = b"3\r\nabc\r\n0\r\n\r\n"
    assert b"with its length" in empty.post("/api/upload/src?name=x.mp4", body, **chunked)[2]
    assert files(empty) == []


def test_an_upload_that_ends_early_leaves_nothing(empty):
    headers = {
        "Host": empty.host, "Origin": f"http://{empty.host}", "Cookie": empty.cookie,
        "X-CSRF-Token": empty.csrf, "Content-Length": "100000",
    }  # fmt: skip
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", empty.port)) as connection:
        connection.sendall(f"POST /api/upload/src?name=x.mp4 HTTP/1.1\r\n{lines}\r\n".encode())
        connection.sendall(b"x" * 50_000)
    assert empty.post("/api/upload/dst?name=x.mp4", b"x")[0] == 200  # it was worked on meanwhile
    for _ in range(200):  # it learns of the end a moment later
        if files(empty) == ["data_dst.mp4"]:
            break
        time.sleep(0.05)
    assert files(empty) == ["data_dst.mp4"]


# ------------------------------------------------------------------------ the password


def test_a_password_is_kept_as_a_slow_hash():
    password = Password(PASSWORD)
    oracle = Scrypt(salt=password._salt, length=64, n=2**14, r=8, p=1)
    oracle.verify(PASSWORD.encode(), password._hash)
    assert PASSWORD not in str(vars(password))


def test_the_password_lets_in_and_is_rate_limited(tmp_path):
    now = [1000.0]
    with served(Workspace(tmp_path), Password(PASSWORD, lambda: now[0])) as client:
        assert client.get(f"/?token={client.app.door.token}")[1]["Location"] == "/login"
        assert b"password" in client.get("/login")[2]
        assert client.post("/login", PASSWORD.encode(), Origin="http://evil.example")[0] == 403
        assert client.post("/login", PASSWORD.encode(), Origin=None)[0] == 403
        status, headers, _ = client.post("/login", PASSWORD.encode())
        assert status == 200
        assert client.get("/api/session", Cookie=headers["Set-Cookie"].partition(";")[0])[0] == 200
        for _ in range(security.ATTEMPTS):
            status, headers, _ = client.post("/login", b"wrong")
            assert status == 403
            assert "Set-Cookie" not in headers
        status, headers, _ = client.post("/login", PASSWORD.encode())
        assert status == 429
        assert "Set-Cookie" not in headers
        now[0] += security.WINDOW + 1
        assert client.post("/login", PASSWORD.encode())[0] == 200
        assert client.post("/login", b"x" * 5000)[0] == 400

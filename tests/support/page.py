"""A workbench that serves in a thread, and a plain HTTP client for it."""

import http.client
import json
import os
import socket
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

import uvicorn
from websockets.sync.client import connect

from workbench.app import App
from workbench.security import LOOPBACK, Door
from workbench.server import configuration

ROOT = Path(__file__).resolve().parent.parent.parent


class Client:
    """Asks like a browser: with the page's Host, Origin, cookie and CSRF token."""

    def __init__(self, app, port):
        self.app, self.port = app, port
        self.cookie = self.csrf = ""

    @property
    def host(self):
        return f"127.0.0.1:{self.port}"

    def ask(self, method, path, body=None, **headers):
        """Return status, headers and content; None as a header leaves it out."""
        sent = {"Host": self.host, "Cookie": self.cookie}
        if method == "POST":
            sent |= {"Origin": f"http://{self.host}", "X-CSRF-Token": self.csrf}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        if body is not None and "Content-Length" not in sent:
            connection.putheader("Content-Length", str(len(body)))
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content

    def get(self, path, **headers):
        return self.ask("GET", path, **headers)

    def post(self, path, value=None, **headers):
        body = value if isinstance(value, bytes) else json.dumps(value or {}).encode()
        return self.ask("POST", path, body, **headers)

    def json(self, path):
        status, _, content = self.get(path)
        assert status == 200, content
        return json.loads(content)

    def form(self, stage, values=None):
        asked = urlencode({"values": json.dumps(values or {})})
        return self.json(f"/api/form/{stage.replace(' ', '%20')}?{asked}")

    def enter(self):
        """Come in by the address that is printed."""
        status, headers, _ = self.get(f"/?token={self.app.door.token}")
        assert status == 303
        self.cookie = headers["Set-Cookie"].partition(";")[0]
        self.csrf = self.json("/api/session")["csrf"]
        return self

    def live(self, host=None, cookie=True, origin=True, path="/live"):
        """Open a WebSocket."""
        host = host or self.host
        origin = f"http://{host}" if origin is True else origin
        return connect(
            f"ws://{host}{path}",
            sock=socket.create_connection(("127.0.0.1", self.port)),
            origin=origin,
            additional_headers={"Cookie": self.cookie} if cookie else {},
            proxy=None,
        )


def fake_stages(monkeypatch, script="fake_stage.py"):
    """Let a script of this folder stand for the program that the workbench starts."""
    script = Path(__file__).with_name(script)
    monkeypatch.setattr("utils.program.start", lambda: [sys.executable, str(script)])
    monkeypatch.setenv("PYTHONPATH", f"{ROOT}{os.pathsep}{ROOT / 'tests'}")


def cancel_jobs(client):
    """Cancel the jobs that run or wait."""
    for job in client.app.queue.jobs():
        if job.state in ("running", "waiting"):
            client.post(f"/api/jobs/{job.number}/cancel")


@contextmanager
def served(home, password=None):
    """Serve a workspace; yields a client that is not let in yet."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    app = App(home, Door(LOOPBACK, port, password))
    server = uvicorn.Server(configuration(app))
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started:
        time.sleep(0.005)
    try:
        yield Client(app, port)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


def events_until(live, found, seconds=30):
    """Return the events that a page is told, up to one for which `found` is true."""
    told = []
    until = time.monotonic() + seconds
    while not told or not found(told[-1]):
        told.append(json.loads(live.recv(timeout=until - time.monotonic())))
    return told

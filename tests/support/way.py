"""The whole way from two clips to a result on the page of a workbench, in a real browser.

The server runs in an environment without a display, and the browser reaches it through a second
port, as with `ssh -L`. Each step leaves the page at the view that it is about.
"""

import base64
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
from playwright.sync_api import expect
from support.browser import launched, page_in

from facelib.faceset import Faceset

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 180  # seconds until a command has ended; a loaded machine needs long to load TensorFlow
TINY = {
    "model": "SAE",
    "resolution": 64,
    "face_type": "half",
    "ae_dims": 16,
    "ed_ch_dims": 10,
    "lighter_encoder": True,
    "multiscale_decoder": False,
    "learn_mask": False,
    "pixel_loss": True,
}
"""A real architecture, as small as its options allow."""
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY")
DROPPED = """([name, text]) => {
  const bytes = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const transfer = new DataTransfer();
  transfer.items.add(new File([bytes], name, { type: "video/mp4" }));
  return transfer;
}"""
CHECKSUM = """canvas => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height)
  .data.reduce((sum, value) => (31 * sum + value) % 1e9, 0)"""
DRAWN = f"""image => {{
  if (!image.complete || !image.naturalWidth) return null;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  return ({CHECKSUM})(canvas);
}}"""


class Server:
    """`main.py workbench` as a process without a display."""

    def __init__(self, folder, port=0):
        environment = {name: text for name, text in os.environ.items() if name not in DISPLAYS}
        python = Path(sys.executable)
        environment["PATH"] = f"{python.parent}{os.pathsep}{environment['PATH']}"
        words = ["workbench", "--workspace", str(folder), "--port", str(port), "--no-open"]
        self.process = subprocess.Popen(
            [python.name, "main.py", *words],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        said = ""
        for line in self.process.stdout:
            said += line
            if line.startswith("The page: "):
                break
        assert "token=" in said, said
        address = urlsplit(said.split("The page: ")[1].split()[0])
        self.port, self.token = address.port, address.query.partition("=")[2]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def close(self):
        """End it as Ctrl-C does."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            self.process.wait(20)
            self.process.stdout.close()


class Forwarder:
    """Carries connections from a port of its own to another one, as `ssh -L` does."""

    def __init__(self, port):
        self.port_behind = port
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.port = self.listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        with suppress(OSError):
            while True:
                near, _ = self.listening.accept()
                threading.Thread(target=self._connect, args=(near,), daemon=True).start()

    def _connect(self, near):
        far = socket.create_connection(("127.0.0.1", self.port_behind))
        with near, far:
            back = threading.Thread(target=self._carry, args=(far, near), daemon=True)
            back.start()
            self._carry(near, far)
            back.join()

    @staticmethod
    def _carry(source, sink):
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listening.shutdown(socket.SHUT_RDWR)
        self.listening.close()


@contextmanager
def opened(home, **how):
    """The way on a workspace, from a browser beside the server."""
    home.folder.mkdir(exist_ok=True)
    with ExitStack() as stack:
        server = Server(home.folder)
        stack.callback(server.close)
        forwarder = Forwarder(server.port)
        stack.callback(forwarder.close)
        page = stack.enter_context(page_in(stack.enter_context(launched()), console=False, **how))
        page.goto(f"http://127.0.0.1:{forwarder.port}/?token={server.token}")
        yield Way(page, home)


def wait(page, true, seconds=PATIENCE):
    """Wait until something is true; the page's policy forbids Playwright's own way."""
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until, "it did not come to pass"
        page.wait_for_timeout(50)


class Way:
    """The steps."""

    def __init__(self, page, home):
        self.page, self.home = page, home

    def view(self, name):
        self.page.get_by_role("link", name=name, exact=True).click()

    def faces(self, side):
        """Names of the face files to what they say."""
        folder = self.home.faces(side)
        return {path.name: info for path, info in Faceset.open(folder)} if folder.exists() else {}

    def ended(self):
        """Wait until the job that the page shows has succeeded."""
        state = self.page.locator(".job-head .state")
        ends = re.compile("done|failed|canceled|interrupted")
        expect(state).to_have_text(ends, timeout=1000 * PATIENCE)
        assert state.text_content() == "done", self.page.locator(".log").text_content()

    def next(self, words, purpose):
        """Run what the page says is next, which is to be these words."""
        self.view("Project")
        expect(self.page.locator(".purpose").first).to_contain_text(purpose)
        expect(self.page.locator(".card.first code")).to_contain_text(f"main.py {words}")
        self.page.get_by_role("button", name="Run", exact=True).click()
        expect(self.page.locator(".job-title")).to_contain_text(words)

    def drop(self, clips):
        """Drag the clip of each side into the page and drop it there."""
        for side, clip in clips.items():
            content = base64.b64encode(clip.read_bytes()).decode()
            dragged = {
                "dataTransfer": self.page.evaluate_handle(DROPPED, [f"my {clip.name}", content])
            }
            zone = self.page.locator(f"label[for=file-{side}]")
            for event in ("dragenter", "dragover", "drop"):
                zone.dispatch_event(event, dragged)
            expect(self.page.get_by_label(f"the clip of {side}", exact=True)).to_be_visible()

    def upload(self, clips):
        """Choose the clip of each side."""
        for side, clip in clips.items():
            self.page.locator(f"#file-{side}").set_input_files(clip)
            expect(self.page.get_by_label(f"the clip of {side}", exact=True)).to_be_visible()

    def extract(self, side):
        self.next(f"extract {side}", f"faces of {side}")
        self.ended()

    def sort(self):
        self.next("sort src", "src")
        self.ended()

    def select_faces(self, count):
        """Select the last faces of src with the keyboard."""
        self.page.evaluate("location.hash = '#faces/src'")
        grid = self.page.get_by_role("grid", name="Faces")
        expect(self.page.locator(".counts").first).to_contain_text("faces shown", timeout=30_000)
        grid.focus()
        self.page.keyboard.press("End")
        for _ in range(count - 1):
            self.page.keyboard.press("Shift+ArrowLeft")
        expect(self.page.locator(".counts").first).to_contain_text(f"{count} selected")

    def delete_selected(self):
        self.page.keyboard.press("Delete")

    def undo_deletion(self):
        self.page.get_by_role("button", name="Undo", exact=True).click()

    def open_landmarks(self):
        """Show all frames of dst."""
        self.page.evaluate("location.hash = '#landmarks/dst/all'")
        expect(self.page.locator(".landmarks-facts")).to_have_text("locked", timeout=30_000)

    def drag_landmark(self, number, right, down):
        """Drag a landmark of the first frame by so many pixels of the frame."""
        info = next(i for i in self.faces("dst").values() if i.frame_index == 0)
        width, height = info.frame_size
        box = self.page.get_by_role("application").bounding_box()
        scale = min(box["width"] / width, box["height"] / height)
        middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        x, y = (
            info.source_landmarks[number] + 0.5 - np.array([width, height]) / 2
        ) * scale + middle
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right * scale, y + down * scale, steps=4)
        self.page.mouse.up()
        return scale

    def keep_frame(self):
        self.page.keyboard.press("Enter")
        first = self.page.get_by_role("list", name="Frames").get_by_role("button").first
        expect(first).to_contain_text("✓ 1 face")

    def start_training(self, **options):
        """Fill the form of train in, and start it."""
        self.view("Train")
        self.page.get_by_role("link", name="Options").click()
        expect(self.page.get_by_role("heading", name="train", exact=True)).to_be_visible()
        for name, value in options.items():
            self._enter(f"--{name.replace('_', '-')}", value)
        self.page.get_by_role("button", name="Run", exact=True).click()
        expect(self.page.locator(".job-title")).to_contain_text("train")

    def _enter(self, flag, value):
        """Enter a value into the form of a command."""
        field = self.page.get_by_label(flag, exact=True)
        field.wait_for(state="attached")
        closed = field.locator("xpath=ancestor::details[not(@open)]/summary")
        if closed.count():
            closed.click()
        if isinstance(value, bool):
            field.set_checked(value)
        elif field.evaluate("field => field.localName") == "select":
            field.select_option(value)
        else:
            field.fill(f"{value}")

    def preview(self):
        """A checksum of the training preview that is shown, or None."""
        image = self.page.locator(".preview").first
        return image.evaluate(DRAWN) if image.count() else None

    def open_preview(self):
        """Open the interactive preview, and wait for its first frame."""
        self.view("Convert")
        self.page.get_by_role("button", name="Open the preview").click()
        stage = self.page.get_by_role("img", name="the preview")
        expect(stage).to_have_attribute("data-frame", "0", timeout=1000 * PATIENCE)

    def pixels(self):
        """A checksum of the frame that the preview shows."""
        return self.page.get_by_role("img", name="the preview").evaluate(CHECKSUM)

    def render(self):
        self.page.get_by_role("button", name="Render", exact=True).click()
        expect(self.page.locator(".job-title")).to_contain_text("convert", timeout=20_000)
        self.ended()

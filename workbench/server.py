"""`workbench`: serves the page, and asks what becomes of running jobs when it is closed."""

import asyncio
import os
import socket
import webbrowser
from contextlib import ExitStack
from pathlib import Path

import uvicorn

from utils import console, questions, signals, workspace
from utils.console import Report
from utils.errors import InputError, UsageError
from utils.workspace import Workspace
from workbench import runner
from workbench.app import App
from workbench.jobs import ACTIVE, JobQueue
from workbench.options import WorkbenchOptions
from workbench.security import LOOPBACK, Door, Password, names_of

SHORTEST_PASSWORD = 8


class WorkbenchReport(Report):
    """A report of something that was closed rather than done."""

    @property
    def ending(self) -> str:
        """Nothing."""
        return ""


def run(options: WorkbenchOptions) -> Report:
    """Serve the page until Ctrl-C.

    Raises
    ------
    InputError
        If the port or the address cannot be used, or the password's file cannot be read.
    UsageError
        If there is no password for other machines, or it is too short.
    """
    home = _home(options.workspace)
    password = _password(options)
    listening = _listen(options.host, options.port)
    port = listening.getsockname()[1]
    door = Door(names_of(options.host), port, password)
    url = _url(options.host, port) + ("" if password else f"?token={door.token}")
    console.say(f'Workspace: "{home.folder}"\nThe page: {url}\nCtrl-C closes it.')
    if options.open:
        webbrowser.open(url)
    serve(App(home, door), listening)
    stop_jobs(JobQueue(home))
    return WorkbenchReport()


def serve(app: App, listening: socket.socket) -> None:
    """Answer requests until a signal asks to stop."""
    try:
        with signals.finishing(None):
            asyncio.run(uvicorn.Server(configuration(app)).serve(sockets=[listening]))
    except KeyboardInterrupt:
        console.say()


def configuration(app: App) -> uvicorn.Config:
    """Return how the page is served: quietly, and without waiting for open pages at the end."""
    return uvicorn.Config(
        app.asgi(),
        log_level="error",
        access_log=False,
        ws="websockets-sansio",
        ws_per_message_deflate=False,  # images are compressed already; it costs milliseconds
        timeout_graceful_shutdown=1,
        server_header=False,
    )


def stop_jobs(queue: JobQueue) -> None:
    """Ask whether running jobs shall be stopped, as Ctrl-C in a terminal does; else they go on."""
    running = [job for job in queue.jobs() if job.state in ACTIVE]
    if not running:
        return
    names = ", ".join(f"{job.number} ({job.words[0]})" for job in running)
    go_on = f"Running on: job {names}; open the workbench again to see it."
    if not console.interactive():
        console.say(go_on)
    elif questions.confirm(f"stop job {names} too", "what is finished is kept; Enter: it runs on"):
        for pid in queue.runners():
            runner.stop(pid)
    else:
        console.say(go_on)


def _home(named: Path | None) -> Workspace:
    """Return the workspace; where there is none, a new one. Its path has no links, as all in it."""
    if named is not None:
        home = workspace.chosen(named)
    else:
        home = workspace.find() or Workspace(Path.cwd() / workspace.NAME)
        home.folder.mkdir(exist_ok=True)
    return Workspace(home.folder.resolve())


def _password(options: WorkbenchOptions) -> Password | None:
    if options.host is None or options.host in LOOPBACK:
        return None
    if options.password_file is not None:
        text = _read_password(options.password_file)
    elif console.interactive():
        text = console.secret("password for the page")
    else:
        raise UsageError("--host needs a password: name a file with --password-file")
    if len(text) < SHORTEST_PASSWORD:
        raise UsageError(f"the password needs at least {SHORTEST_PASSWORD} characters")
    return Password(text)


def _read_password(path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        raise InputError(f'cannot read the password in "{path}"; check --password-file') from None
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise InputError(f'others can read "{path}"; run: chmod 600 "{path}"')
    return text.strip()


def _listen(host: str | None, port: int) -> socket.socket:
    """Return a socket that takes connections.

    Raises
    ------
    InputError
        If the address or the port cannot be used.
    """
    address = host or "127.0.0.1"
    with ExitStack() as stack:
        try:
            family = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)[0][0]
            listening = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listening.setsockopt(socket.SOL_SOCKET, _exclusive(), 1)
            listening.bind((address, port))
            listening.listen()  # a browser may come before the server is ready
        except OSError as problem:
            raise InputError(
                f"cannot serve at {address}, port {port} ({problem.strerror or problem}); is a "
                "workbench open already? --port 0 takes a free port"
            ) from None
        stack.pop_all()
    return listening


def _exclusive() -> int:
    """Return the option of a socket with which no other program can take its port as well.

    On Windows that is not the default, and SO_REUSEADDR lets anyone take it; elsewhere that only
    lets us have a port that was in use a moment ago.
    """
    return int(getattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_REUSEADDR))


def _url(host: str | None, port: int) -> str:
    name = host or "127.0.0.1"
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"

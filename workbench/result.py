"""The view Result: the clips to compare, what `evaluate` measured, and what `verify` says.

/api/result            what there is, and the figures with a value for every frame
/api/result/verify     POST: look at the result's signature, in a process of its own

Both take ?name=, the path of another result than the usual one.
"""

import asyncio
import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tools.evaluate.rows import ROWS
from tools.evaluate.run_log import options_that_made
from utils import program
from utils.errors import InputError, UserError
from utils.workspace import Workspace, changed, has_images
from workbench import progress
from workbench.frames import result_named
from workbench.project import url

VERSIONS = {"result": "result", "dst": "untouched", "average": "average src"}
CURVES = {
    "identity_to_src": "distance to src",
    "pose_error": "head pose: error in degrees",
    "movement_error": "expression: error in % of the eye distance",
    "landmark_error": "landmarks: error in % of the eye distance",
    "sharpness": "sharpness, share of dst's",
}
"""The metrics of each frame that can be drawn."""
RISING = frozenset({"sharpness"})
"""Those of which more is better."""
LOG_SUFFIX = "_log.jsonl"
LOGS = f"[!.]*{LOG_SUFFIX}"
LARGEST_FILE = 256 << 20
VERIFY_SECONDS = 600.0


class ResultView:
    """Answers what the view Result asks."""

    def __init__(self, home: Workspace) -> None:
        self.home = home

    def routes(self) -> list[Route]:
        """Return the addresses of the view."""
        return [
            Route("/api/result", self.result),
            Route("/api/result/verify", self.verify, methods=["POST"]),
        ]

    async def result(self, request: Request) -> Response:
        """Answer with all that is known of the result."""
        return JSONResponse(await asyncio.to_thread(found, self.home, _name(request)))

    async def verify(self, request: Request) -> Response:
        """Answer with what `verify` says of the result."""
        result = result_named(self.home, _name(request))
        if not result.is_file():
            raise InputError("there is no result yet; convert first")
        return JSONResponse(await verified(result))


def _name(request: Request) -> str:
    return request.query_params.get("name", "")


def found(home: Workspace, name: str = "") -> dict[str, Any]:
    """Return what there is of a result, as JSON values; the figures are of the usual one."""
    result = result_named(home, name)
    usual = result.resolve() == home.result.resolve()
    measured, problem = _evaluation(home.evaluation) if usual else (None, "")
    return {
        "names": names_of_results(home),
        "result": _clip(home, result),
        "before": _before(home),
        "usual": usual,
        "evaluation": measured,
        "problem": problem,
        "partial": bool(options_that_made(result).get("from_")),
        "stale": changed(home.evaluation) < changed(home.result),
    }


def names_of_results(home: Workspace) -> list[str]:
    """Return the names of all results beside which convert has left its log; the usual one first.

    One in a subfolder is found by its path only.
    """
    made = (log.with_name(log.name.removesuffix(LOG_SUFFIX)) for log in home.folder.glob(LOGS))
    names = {path.name for path in (*made, home.result) if path.exists()}
    return sorted(names, key=lambda name: (name != home.result.name, name))


def _before(home: Workspace) -> dict[str, Any] | None:
    try:
        return _clip(home, home.clip("dst"))
    except UserError:
        return None


def _clip(home: Workspace, path: Path) -> dict[str, Any] | None:
    """Return a clip for the player: its address, None for a folder of frames; None if not there."""
    if path.is_dir():
        return {"url": None, "state": f"{path.stat().st_mtime_ns:x}"} if has_images(path) else None
    address = url(home, path)
    return {"url": address, "state": address} if address else None


def _evaluation(path: Path) -> tuple[dict[str, Any] | None, str]:
    """Return the figures for the page, None if there are none, and what is wrong with the file."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return None, f'"{path.name}" is too large to be shown'
        text = path.read_bytes()
    except FileNotFoundError:
        return None, ""
    except OSError as problem:
        return None, f'"{path.name}" cannot be read: {problem.strerror}'
    try:
        data = json.loads(text)
        return {
            "rows": _rows(data["figures"]),
            "verdict": [str(line) for line in data.get("verdict", [])],
            "every": int(data.get("options", {}).get("every", 1)),
            "counts": {name: int(data["frames"][name]) for name in ("wanted", "measured")},
            **_curves(data.get("per_frame") or {}),
        }, ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OverflowError):
        return None, f'"{path.name}" is damaged; run evaluate again'


def _rows(figures: dict[str, dict[str, float | None]]) -> dict[str, Any]:
    versions = [version for version in VERSIONS if version in figures]
    return {
        "heads": [*(VERSIONS[version] for version in versions), "good"],
        "lines": [
            [
                row.label.strip(),
                *(_cell(figures[v].get(row.key), row.form) for v in versions),
                row.good,
            ]
            for row in ROWS
        ],
    }


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form).replace("%", " %")


def _curves(columns: dict[str, list[Any]]) -> dict[str, Any]:
    """Return a value per frame of each metric, with its place in both clips."""
    names = [str(name) for name in columns.get("name", [])]
    values = {key: _numbers(columns[key]) for key in CURVES if key in columns}
    times = [_numbers(columns.get(key, [])) for key in ("seconds", "result_seconds")]
    if any(len(each) != len(names) for each in [*times, *values.values()]):
        raise ValueError("columns of different lengths")
    curves = [
        {"key": key, "label": CURVES[key], "rising": key in RISING, "values": column}
        for key, column in values.items()
    ]
    return {"names": names, "before_seconds": times[0], "seconds": times[1], "curves": curves}


def _numbers(values: list[Any]) -> list[float | None]:
    numbers = [None if value is None else float(value) for value in values]
    return [value if value is not None and math.isfinite(value) else None for value in numbers]


async def verified(path: Path) -> dict[str, Any]:
    """Return what `verify` says of a file: its lines, and the exit status.

    Raises
    ------
    InputError
        If it came to no end.
    """
    process = await asyncio.create_subprocess_exec(
        *program.start(),
        "verify",
        str(path),
        "--progress",
        "json",
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=path.parent,
    )
    try:
        output, _ = await asyncio.wait_for(process.communicate(), VERIFY_SECONDS)
    except TimeoutError:
        raise InputError(f'verify of "{path.name}" took too long; run it in a terminal') from None
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    events = [progress.event(line) for line in output.decode("utf-8", "replace").splitlines()]
    end = events[-1] if events and events[-1]["event"] == "end" else {}
    told = [str(event.get("text", "")) for event in events if event["event"] != "end"]
    said = next((text.splitlines()[1:] for text in told if text.startswith('"')), [])
    if not said:
        reasons = [*end.get("failures", []), *told, f'verify of "{path.name}" ended without a word']
        raise InputError(next(str(reason) for reason in reasons if reason))
    return {"status": end.get("status"), "lines": [line.strip() for line in said]}

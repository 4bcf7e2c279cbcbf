"""What a request brings, read with a bound."""

import json
from typing import Any

from starlette.requests import HTTPConnection, Request

from utils.errors import UsageError
from utils.workspace import SIDES

LARGEST_BODY = 1 << 20
"""Bytes of a POST that is no clip."""


async def body_of(request: Request, most: int = LARGEST_BODY) -> bytes:
    """Return the body of a request, of which no more than allowed is read."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise UsageError(f"Expected at most {most:,} bytes")
    return bytes(body)


def json_object(text: bytes | str) -> dict[str, Any]:
    """Return the JSON object that a text is; UsageError if it is none."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise UsageError("Expected a JSON object")
    return found


def side_of(request: HTTPConnection) -> str:
    """Return the side that an address names; UsageError if there is none such."""
    side = str(request.path_params["side"])
    if side not in SIDES:
        raise UsageError(f"Expected {' or '.join(SIDES)}. Received: {side}")
    return side

"""What a request brings, read with a bound."""

import json
from typing import Any

from starlette.requests import Request

from utils.errors import UsageError

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

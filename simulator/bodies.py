"""Bodies of requests and responses: read within limits, written as JSON, errors as OpenAI writes them."""

import asyncio
import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from evokd.simulator.requests import RequestError

LONGEST_READ = 60.0
"""Seconds that a client may take to send a request."""


async def read_body(request: Request, largest: int) -> bytes:
    """Read the body of a request.

    Args:
        request: the request.
        largest: bytes at most.

    Raises:
        RequestError: it is larger, or does not arrive in time.
    """
    content, size = bytearray(), 0
    try:
        async with asyncio.timeout(LONGEST_READ):
            async for chunk in request.stream():
                size += len(chunk)
                if size <= largest:
                    content += chunk
                elif size > 8 * largest:
                    break
    except TimeoutError as exc:
        raise RequestError(f"the request did not arrive within {LONGEST_READ:g} s", None, 408) from exc
    except ClientDisconnect as exc:
        raise RequestError("the client went away", None) from exc  # nobody reads it
    # Answered only once the client has sent its body (within reason): many cannot read an answer before that.
    if size > largest:
        raise RequestError(f"the request is larger than {largest} bytes", None, 413)
    return bytes(content)


async def refuse(_: Request, exc: Exception) -> Response:
    """Answer a request that cannot be served."""
    param = None
    status, message = 500, str(exc)
    if isinstance(exc, RequestError):
        status, param = exc.status, exc.param
    elif isinstance(exc, HTTPException):
        status, message = (
            exc.status_code,
            f"{exc.detail}: the rehearsal teacher serves /v1/chat/completions and /v1/models",
        )
    kind = "not_found_error" if status == 404 else "invalid_request_error"
    return write_json({"error": {"message": message, "type": kind, "param": param, "code": None}}, status)


def write_json(content: dict[str, Any], status: int = 200) -> Response:
    """Answer with JSON."""
    # ASCII: a lone surrogate that a client sent (as \ud800) cannot be written in UTF-8.
    return Response(json.dumps(content), status, media_type="application/json")

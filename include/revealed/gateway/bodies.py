"""A request's body as lines: read within bounds of size and time, unpacked, split."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

import msgspec

from revealed.gateway.refusals import HttpRefusal

MOST_BODY_BYTES = 1_000_000
MOST_LINES = 1_000
BODY_SECONDS = 15.0
_LINES_TYPES = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
_ELEMENTS = msgspec.json.Decoder(list[msgspec.Raw])
_ANYTHING = msgspec.json.Decoder(msgspec.Raw)
_GZIP_WINDOW = 31
_CLOSE = {"Connection": "close"}

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]


class ClientGone(Exception):  # noqa: N818 - nobody is left to tell
    """The client went away before its body was whole; nothing of it counts."""


async def read_body(receive: Receive, headers: Mapping[str, str]) -> bytes:
    """Return the body, unpacked if it is gzip.

    Raises:
        HttpRefusal: 413 (too large, packed or unpacked), 400 (not gzip), 415 (another encoding), 408 (too slow).
        ClientGone: the client went away.
    """
    announced = headers.get("content-length", "")
    if announced.isdigit() and int(announced) > MOST_BODY_BYTES:
        raise _too_large()
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body"):
        body = message.get("body", b"")
        if len(body) > MOST_BODY_BYTES:
            raise _too_large()
    else:
        body = await _read_on(receive, message)
    return _unpacked(body, headers.get("content-encoding", ""))


async def _read_on(receive: Receive, message: MutableMapping[str, Any]) -> bytes:
    parts = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while True:
                if message["type"] == "http.disconnect":
                    raise ClientGone
                parts += message.get("body", b"")
                if len(parts) > MOST_BODY_BYTES:
                    raise _too_large()
                if not message.get("more_body"):
                    return bytes(parts)
                message = await receive()
    except TimeoutError:
        raise HttpRefusal(
            408, "too_slow", f"the body was not whole after {BODY_SECONDS:.0f} s", headers=_CLOSE
        ) from None


def _unpacked(body: bytes, encoding: str) -> bytes:
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return body
    if encoding not in ("gzip", "x-gzip"):
        raise HttpRefusal(
            415, "unknown_encoding", "the body's encoding is not gzip", remedy="send it as it is"
        )
    return _gunzip(body)


def _gunzip(body: bytes) -> bytes:
    unpacked = b""
    while True:  # one member after the other
        stream = zlib.decompressobj(_GZIP_WINDOW)
        try:
            unpacked += stream.decompress(body, MOST_BODY_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise _not_gzip(str(error)) from None
        if len(unpacked) > MOST_BODY_BYTES:
            raise _too_large()
        if not stream.eof:
            raise _not_gzip("it ends too early")
        body = stream.unused_data
        if not body:
            return unpacked


def split_lines(body: bytes, content_type: str) -> list[bytes]:
    """Return the lines or the elements of the body, each the bytes of one JSON value; blank lines do not count.

    Raises:
        HttpRefusal: 400 where the body is no JSON; 413 where there are more than `MOST_LINES`.
    """
    if is_of_lines(content_type):
        lines = [line for line in body.split(b"\n") if line and not line.isspace()]
    elif body.lstrip(b" \t\r\n").startswith(b"["):
        lines = [bytes(element) for element in _decoded(_ELEMENTS, body)]
    else:
        lines = [body.strip(b" \t\r\n")] if body.strip() else []
    if len(lines) > MOST_LINES:
        raise HttpRefusal(
            413,
            "too_many_lines",
            f"{len(lines):,} lines, at most {MOST_LINES:,}",
            remedy="send them in parts",
        )
    if not lines:
        _require_something(body)
    return lines


def is_of_lines(content_type: str) -> bool:
    """Tell whether a body of this type is one JSON value a line."""
    return content_type.partition(";")[0].strip().lower() in _LINES_TYPES


def require_json(body: bytes) -> None:
    """Refuse with 400 what is not one JSON value."""
    _decoded(_ANYTHING, body)


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes) -> Any:
    try:
        return decoder.decode(body)
    except RecursionError:
        raise _no_json("it is nested too deeply") from None
    except ValueError as error:
        raise _no_json(str(error)) from None


def _require_something(body: bytes) -> None:
    if not body.strip():
        raise _no_json("it is empty")


def _no_json(why: str) -> HttpRefusal:
    return HttpRefusal(
        400,
        "malformed_json",
        f"the body is no JSON: {why}",
        remedy="send one object, an array of objects, or lines as application/x-ndjson",
    )


def _not_gzip(why: str) -> HttpRefusal:
    return HttpRefusal(400, "corrupt_gzip", f"the body is not gzip: {why}", remedy="pack it again")


def _too_large() -> HttpRefusal:
    return HttpRefusal(
        413,
        "too_large",
        f"more than {MOST_BODY_BYTES:,} bytes, packed or unpacked",
        remedy="send it in parts",
        headers=_CLOSE,
    )

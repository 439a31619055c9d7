"""How the gateway says no over HTTP: a status, and the same what, where and what to do as everywhere else."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

Headers = Mapping[str, str]


class HttpRefusal(Exception):  # noqa: N818 - an answer to the client, not a fault of ours
    """An answer other than success.

    Args:
        status: the HTTP status.
        code: a stable word for scripts.
        what: what is wrong, one sentence.
        remedy: what the client can do about it.
        headers: headers to send beside the body (`Retry-After`, `WWW-Authenticate`, ...).
    """

    def __init__(
        self, status: int, code: str, what: str, *, remedy: str = "", headers: Headers | None = None
    ) -> None:
        self.status = status
        self.code = code
        self.what = what
        self.remedy = remedy
        self.headers = dict(headers or {})
        super().__init__(what)

    def body(self) -> bytes:
        """Return the answer's JSON, shaped as `--json` shapes a command's refusal."""
        told = {"code": self.code, "what": self.what, "where": "", "do": self.remedy}
        return msgspec.json.encode({"error": told})


def unavailable(what: str, *, retry_after: int = 1, code: str = "unavailable") -> HttpRefusal:
    """Return a 503 that asks the client to come again in `retry_after` seconds."""
    return HttpRefusal(
        503,
        code,
        what,
        remedy=f"send it again in {retry_after} s; nothing of this request counts",
        headers={"Retry-After": str(retry_after)},
    )

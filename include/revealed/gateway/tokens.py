"""Who may call: bearer tokens, of which only SHA-256 digests are kept.

A secret has 256 random bits, so that a plain digest is as good as a slow one. The file is read again when it changes:
revoking needs no restart.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec

from revealed import durable
from revealed.errors import DamagedFileError, MissingInputError, UsageError
from revealed.settings import Settings

SCOPES = ("events:write", "inferences:write", "recommendations:read", "queries:read", "clock:set")
_PREFIX = "rvl"


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """One token as it is kept.

    Attributes:
        id: the public part.
        source: who sends with it; for people and metrics.
        scopes: what it allows.
        sha256: the digest of the secret part, hexadecimal.
        created_at: when it was made, UTC.
        expires_at: from when on it is refused; None: never.
        revoked_at: since when it is refused; None: it is not.
    """

    id: str
    source: str
    scopes: tuple[str, ...]
    sha256: str
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid_at(self, now: datetime) -> bool:
        """Tell whether it is neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class _TokenFile(msgspec.Struct):
    tokens: list[Token]


def tokens_file(settings: Settings) -> Path:
    """Return where the tokens are kept."""
    return settings.gateway / "tokens.json"


def create_token(
    settings: Settings, *, source: str, scopes: Iterable[str], now: datetime, days: int | None = None
) -> tuple[Token, str]:
    """Make and keep a token; return it and the text to send, which is shown this once.

    Args:
        settings: whose gateway.
        source: who will send with it.
        scopes: what it allows, of `SCOPES`.
        now: the present moment, UTC.
        days: after how many days it expires; None: never.

    Raises:
        UsageError: a scope is not one, or none is given, or the source is empty.
        LockedError: another process is changing the tokens.
    """
    wanted = tuple(dict.fromkeys(scopes))
    _require_scopes(wanted)
    if not source.strip():
        raise UsageError("the source has no name", where="--source", remedy="say who will use the token")
    secret = secrets.token_urlsafe(32)
    token = Token(
        id=secrets.token_hex(6),
        source=source,
        scopes=wanted,
        sha256=_digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days) if days is not None else None,
    )
    with durable.exclusive_lock(settings.locks / "gateway-tokens.lock", "change the tokens"):
        _write(settings, [*read_tokens(settings), token])
    return token, f"{_PREFIX}_{token.id}_{secret}"


def revoke_token(settings: Settings, token_id: str, *, now: datetime) -> Token:
    """Refuse the token from now on, in running gateways too; return it.

    Raises:
        MissingInputError: there is no such token.
        LockedError: another process is changing the tokens.
    """
    with durable.exclusive_lock(settings.locks / "gateway-tokens.lock", "change the tokens"):
        tokens = {token.id: token for token in read_tokens(settings)}
        if token_id not in tokens:
            raise MissingInputError(
                f"there is no token {token_id!r}",
                where=str(tokens_file(settings)),
                remedy="`revealed gateway token list` shows them",
            )
        revoked = msgspec.structs.replace(tokens[token_id], revoked_at=tokens[token_id].revoked_at or now)
        _write(settings, [*(tokens | {token_id: revoked}).values()])
    return revoked


def read_tokens(settings: Settings) -> list[Token]:
    """Return every token that was ever made, the oldest first.

    Raises:
        DamagedFileError: the file is not what `create_token` writes.
    """
    path = tokens_file(settings)
    try:
        return msgspec.json.decode(path.read_bytes(), type=_TokenFile).tokens
    except FileNotFoundError:
        return []
    except msgspec.MsgspecError as error:
        raise DamagedFileError(
            f"the tokens cannot be read: {error}", where=str(path), remedy="restore it, or make tokens anew"
        ) from error


class TokenStore:
    """The tokens of one gateway, read again whenever their file changes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._path = str(tokens_file(settings))
        self._stamp: tuple[int, int, int] | None = None
        self._by_id: dict[str, Token] = {}

    def find(self, text: str, now: datetime) -> Token | None:
        """Return the valid token whose full text (`rvl_<id>_<secret>`) this is, or None."""
        self._read_if_changed()
        prefix, _, rest = text.partition("_")
        token_id, _, secret = rest.partition("_")
        token = self._by_id.get(token_id)
        expected = token.sha256 if token else "0" * 64
        is_right = hmac.compare_digest(_digest(secret), expected)
        return token if token and is_right and prefix == _PREFIX and token.is_valid_at(now) else None

    def _read_if_changed(self) -> None:
        try:
            status = os.stat(self._path)  # noqa: PTH116 - once a request
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            stamp = (0, 0, 0)
        if stamp != self._stamp:
            self._by_id = {token.id: token for token in read_tokens(self._settings)}
            self._stamp = stamp


def _require_scopes(scopes: tuple[str, ...]) -> None:
    unknown = [scope for scope in scopes if scope not in SCOPES]
    if unknown or not scopes:
        what = f"{unknown[0]!r} is not a scope" if unknown else "a token without a scope allows nothing"
        raise UsageError(what, where="--scope", remedy=f"use {', '.join(SCOPES)}")


def _write(settings: Settings, tokens: list[Token]) -> None:
    with durable.staged_file(tokens_file(settings)) as staged:
        staged.touch(mode=0o600)
        staged.write_bytes(durable.canonical_json(msgspec.to_builtins(_TokenFile(tokens))))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()

"""Tokens, rates, the floor of the disk: who may send how much."""

from __future__ import annotations

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from gateway_client import settings_at

from revealed.errors import DamagedFileError, MissingInputError, UsageError
from revealed.gateway.limits import DiskWatch, RateLimit
from revealed.gateway.refusals import HttpRefusal
from revealed.gateway.tokens import SCOPES, TokenStore, create_token, read_tokens, revoke_token, tokens_file

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def test_a_token_is_known_until_it_expires_or_is_revoked(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    store = TokenStore(settings)
    assert store.find("rvl_a_b", NOW) is None
    token, text = create_token(settings, source="shop", scopes=SCOPES, now=NOW, days=2)
    _, other = create_token(settings, source="app", scopes=["events:write"], now=NOW)
    assert store.find(text, NOW) == token
    assert store.find(text, NOW + timedelta(days=2)) is None
    assert store.find(other, NOW + timedelta(days=9_999)) is not None
    revoke_token(settings, token.id, now=NOW)
    assert store.find(text, NOW) is None
    assert store.find(other, NOW) is not None
    tokens_file(settings).unlink()
    assert store.find(other, NOW) is None


def test_no_part_of_a_token_is_enough(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    store = TokenStore(settings)
    first, text = create_token(settings, source="a", scopes=["events:write"], now=NOW)
    second, other = create_token(settings, source="b", scopes=["events:write"], now=NOW)
    swapped = text.replace(first.id, second.id)
    for wrong in (
        "",
        "rvl",
        first.id,
        text[:-1],
        text + "x",
        text[4:],
        text.upper(),
        swapped,
        f"x{text}",
        "rvl__",
        "\ud800",
    ):
        assert store.find(wrong, NOW) is None, wrong
    assert store.find(text, NOW) == first
    assert store.find(other, NOW) == second


def test_secrets_are_not_on_disk_and_the_file_is_its_owner_s(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    _, text = create_token(settings, source="a", scopes=["events:write"], now=NOW)
    create_token(settings, source="b", scopes=["events:write"], now=NOW)
    file = tokens_file(settings)
    assert text.rsplit("_", 1)[1] not in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [token["source"] for token in json.loads(file.read_text())["tokens"]] == ["a", "b"]


def test_what_makes_no_token_is_told(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    with pytest.raises(UsageError, match="'events:read' is not a scope"):
        create_token(settings, source="a", scopes=["events:read"], now=NOW)
    with pytest.raises(UsageError, match="without a scope"):
        create_token(settings, source="a", scopes=[], now=NOW)
    with pytest.raises(UsageError, match="no name"):
        create_token(settings, source=" ", scopes=["events:write"], now=NOW)
    with pytest.raises(MissingInputError, match="no token 'x'"):
        revoke_token(settings, "x", now=NOW)
    tokens_file(settings).parent.mkdir(parents=True)
    tokens_file(settings).write_text('{"tokens": 7}')
    with pytest.raises(DamagedFileError):
        read_tokens(settings)


class _Seconds:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def refused(rates: RateLimit, token: str) -> int:
    """The seconds after which a refused token is told to come again; 0 where it is admitted."""
    try:
        rates.admit(token)
    except HttpRefusal as refusal:
        return int(refusal.headers["Retry-After"]) if refusal.status == 429 else -1
    return 0


def test_a_rate_is_kept_in_the_long_run_and_bursts_are_two_seconds(tmp_path: Path) -> None:
    seconds = _Seconds()
    rates = RateLimit(10, seconds)
    assert [refused(rates, "a") for _ in range(20)] == [0] * 20
    assert refused(rates, "a") == 1
    assert refused(rates, "b") == 0
    seconds.now += 0.1
    assert [refused(rates, "a") for _ in range(2)] == [0, 1]
    seconds.now += 100
    rates.admit("a")
    rates.charge("a", 999)  # 980 lines in debt
    assert refused(rates, "a") == 99
    seconds.now += 98.1
    assert refused(rates, "a") == 0
    sent = 0
    for _ in range(10_000):
        seconds.now += 0.01
        sent += refused(rates, "a") == 0
    assert sent == pytest.approx(1_000, abs=2)


def test_after_the_wait_that_it_is_told_a_client_is_admitted() -> None:
    for debt in (0, 1, 7, 55):
        seconds = _Seconds()
        rates = RateLimit(3, seconds)
        rates.charge("a", 6 + debt)
        seconds.now += refused(rates, "a")
        assert refused(rates, "a") == 0


def test_the_floor_of_the_disk(tmp_path: Path) -> None:
    free = DiskWatch(tmp_path, 0).free_bytes()
    assert free > 0
    assert not DiskWatch(tmp_path, 0).is_full()
    full = DiskWatch(tmp_path, free * 2)
    with pytest.raises(HttpRefusal) as refusal:
        full.require_space()
    assert (refusal.value.status, refusal.value.headers) == (503, {"Retry-After": "1"})

"""Tombstones know an erased id when it comes back, and say nothing to whoever reads them."""

from __future__ import annotations

import json
import stat

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from revealed.erasure.tombstones import KEY, TOMBSTONES, Tombstones, bury, keyed
from revealed.errors import DamagedFileError
from revealed.settings import Settings


def test_an_erased_id_is_held_as_user_and_as_visitor_and_no_other_is(settings: Settings) -> None:
    bury(settings, ["u-4711", "anon-1"])
    found = Tombstones.load(settings)
    assert len(found) == 2
    assert found.holds("u-4711")
    assert found.holds("somebody", "anon-1")
    assert found.holds(None, "u-4711")
    assert found.holds("anon:anon-1")
    assert found.mentioned_in('{"user_id": "anon:anon-1", "event_ty')
    assert not found.holds("anon:anon-12")
    assert not any(found.holds(user) for user in ("u-471", "u-47110", "U-4711", "", None))


def test_without_tombstones_nothing_is_held_and_nothing_is_written(settings: Settings) -> None:
    found = Tombstones.load(settings)
    assert not found
    assert not found.holds("u-1", "anon-1")
    assert not found.mentioned_in('{"user_id":"u-1"}')
    assert found.rows_of(pa.table({"user_id": ["u-1"]})) is None
    assert not settings.erasure.exists()


@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ids=st.sets(st.text(min_size=1, max_size=30), min_size=1, max_size=4), other=st.text(max_size=30))
def test_files_hold_no_id_and_any_text_can_be_one(settings: Settings, ids: set[str], other: str) -> None:
    found = bury(settings, ids)
    assert all(found.holds(value) for value in ids)
    buried = json.loads((settings.erasure / TOMBSTONES).read_bytes())["hmac_sha256"]
    assert all(len(value) == 64 for value in buried)
    assert found.holds(other) == (keyed(settings).fingerprint(other) in buried)


def test_only_the_owner_reads_key_and_tombstones_and_the_key_stays(settings: Settings) -> None:
    bury(settings, ["u-1"])
    before = (settings.erasure / KEY).read_bytes()
    bury(settings, ["u-2"])
    assert (settings.erasure / KEY).read_bytes() == before
    modes = {stat.S_IMODE((settings.erasure / name).stat().st_mode) for name in (KEY, TOMBSTONES)}
    assert modes == {0o600}
    assert Tombstones.load(settings).holds("u-1")


def test_two_homes_call_the_same_person_by_different_names(settings: Settings) -> None:
    other = Settings(home=settings.home.with_name("other"), project_root=settings.project_root)
    assert keyed(settings).fingerprint("u-1") != keyed(other).fingerprint("u-1")


def test_a_lost_key_lets_nothing_in(settings: Settings) -> None:
    bury(settings, ["u-1"])
    (settings.erasure / KEY).unlink()
    with pytest.raises(DamagedFileError, match="nothing may be let in"):
        Tombstones.load(settings)


def test_reading_again_costs_nothing_until_somebody_is_erased(settings: Settings) -> None:
    first = bury(settings, ["u-1"])
    assert Tombstones.load(settings, first) is first
    bury(settings, ["u-2"])
    assert Tombstones.load(settings, first).holds("u-2")


@pytest.mark.parametrize(
    "text",
    [
        '{"user_id": "u-4711", "event_type": "cli',
        "{'user_id': u-4711}",
        '{"user_id": "\\u0075-4711"',
        "user u-4711.",
        '["u-4711"]',
    ],
)
def test_a_broken_line_that_names_an_erased_person_is_known(settings: Settings, text: str) -> None:
    found = bury(settings, ["u-4711"])
    assert found.mentioned_in(text)
    assert not found.mentioned_in(text.replace("4711", "47119"))


def test_rows_are_found_by_either_column(settings: Settings) -> None:
    found = bury(settings, ["u-1", "anon-9"])
    table = pa.table(
        {"user_id": ["u-1", "u-2", None, "u-3"], "anonymous_id": [None, None, "anon-9", "anon-8"]}
    )
    theirs = found.rows_of(table)
    assert theirs is not None
    assert [bool(value) for value in theirs.to_pylist()] == [True, False, True, False]

"""Lists are decoded before anybody asks for them: who asks first waits no longer than others."""

from __future__ import annotations

import asyncio

import pytest
from callers import Calls, during
from small_snapshots import publish, users

from revealed.publishing.generations import folder_of
from revealed.publishing.opened import OpenSnapshot
from revealed.settings import Settings

PEOPLE, IN_A_GROUP = 30, 5


def spoil(settings: Settings, generation: int) -> None:
    """Make the file of lists unreadable after it was opened: what is answered from now on was decoded before."""
    path = folder_of(settings, generation) / "recommendations.parquet"
    path.write_bytes(b"\0" * path.stat().st_size)


async def whose_list_is_there(made: Calls) -> list[str]:
    answers = [await made.client.get(f"/v1/recommendations/{user}") for user in users(PEOPLE)]
    return [user for user, answer in zip(users(PEOPLE), answers, strict=True) if answer.status_code == 200]


def test_all_lists_are_decoded_before_the_first_request_and_before_a_swap(settings: Settings) -> None:
    async def calls(made: Calls) -> list[list[str]]:
        spoil(settings, 1)
        found = [await whose_list_is_there(made)]
        publish(settings, 2)
        await asyncio.to_thread(made.serving.look)
        spoil(settings, 2)
        assert made.serving.snapshot_id == "000002"
        return [*found, await whose_list_is_there(made)]

    assert during(settings, calls) == [users(PEOPLE)] * 2


def test_where_memory_is_bounded_those_who_asked_last_come_first(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revealed.gateway.serving._GROUPS_KEPT", 2)

    async def calls(made: Calls) -> list[str]:
        for asked in (0, 12, 27):
            await made.recommend(users(PEOPLE)[asked])
        publish(settings, 2)
        await asyncio.to_thread(made.serving.look)
        spoil(settings, 2)
        return await whose_list_is_there(made)

    assert during(settings, calls) == users(PEOPLE)[10:15] + users(PEOPLE)[25:30]


def test_a_start_does_not_wait_for_more_than_it_is_given_time_for(settings: Settings) -> None:
    opened, asked = OpenSnapshot(settings, keep=100), iter([True, True, False])
    assert opened.decode(go_on=lambda: next(asked)) == 2
    found = opened.list_of(users(PEOPLE)[-1])
    assert found is not None
    assert found.item_ids[0] == "i29"
    assert opened.decode() == PEOPLE // IN_A_GROUP

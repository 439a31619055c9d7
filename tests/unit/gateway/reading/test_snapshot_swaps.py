"""A new snapshot comes into service under load: no request dropped, no answer mixed, never backwards; damage is refused."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from callers import Calls, calling, during
from small_snapshots import publish, users

from revealed.durable import remove_tree
from revealed.gateway.following import Followed
from revealed.publishing import rollback_snapshot
from revealed.publishing.generations import CURRENT, folder_of
from revealed.settings import Settings

PEOPLE = 60


@dataclass
class Load:
    """Clients that ask without a pause, and what was wrong with what they got."""

    calls: Calls
    answers: int = 0
    newest: list[int] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    is_over: bool = False

    async def client(self, number: int) -> None:
        before, at = 0, number
        while not self.is_over:
            at += 7
            answer = await self.calls.client.get(f"/v1/recommendations/{users(PEOPLE)[at % PEOPLE]}?k=5")
            self.answers += 1
            if answer.status_code != 200:
                self.wrong.append(answer.text)
                continue
            found = answer.json()
            generation = int(found["snapshot_id"])
            # A score is the generation it was written in, and a fraction; the model's version is the generation.
            made_in = {int(entry["score"]) for entry in found["items"]} | {int(found["model_version"])}
            if made_in != {generation} or generation < before or len(found["items"]) != 5:
                self.wrong.append(f"{before} -> {found}")
            before = generation
        self.newest.append(before)


async def under_load(settings: Settings, generations: range, clients: int) -> Load:
    """Publish one generation after the other, removing those before, while clients ask."""
    async with calling(settings) as calls:
        calls.serving._look_every = 0.01
        load = Load(calls)
        running = [asyncio.create_task(load.client(number)) for number in range(clients)]
        for generation in generations:
            await asyncio.to_thread(publish, settings, generation, people=PEOPLE)
            while calls.serving.snapshot_id != f"{generation:06d}":
                await asyncio.sleep(0.005)
            # Gone for who reads by name; whoever has it open reads on. Half of the people have not been read yet.
            remove_tree(folder_of(settings, generation))
            asked = load.answers
            while load.answers < asked + 3 * clients:
                await asyncio.sleep(0.005)
        load.is_over = True
        await asyncio.gather(*running)
        text = (await calls.client.get("/metrics")).text
    assert f'revealed_gateway_loads_total{{outcome="loaded",what="snapshot"}} {len(generations) + 1}' in text
    return load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    found = Settings(home=tmp_path / "home", project_root=tmp_path)
    publish(found, generation=1, people=PEOPLE)
    return found


def test_no_request_is_dropped_or_mixed_or_goes_backwards(settings: Settings) -> None:
    load = asyncio.run(under_load(settings, range(2, 8), clients=4))
    assert load.wrong == []
    assert set(load.newest) == {7}


@pytest.mark.slow
def test_over_a_hundred_generations(settings: Settings) -> None:
    load = asyncio.run(under_load(settings, range(2, 102), clients=8))
    assert load.wrong == []
    assert load.answers > 2_000


def test_a_damaged_snapshot_is_refused_and_the_next_good_one_taken(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async def calls(made: Calls) -> list[str]:
        seen = []

        async def look() -> None:
            await asyncio.to_thread(made.serving.look)
            seen.append((await made.recommend("u000"))["snapshot_id"])

        await look()
        publish(settings, 2, in_service=False)
        path = folder_of(settings, 2) / "recommendations.parquet"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        (settings.published_recommendations / CURRENT).write_text("000002\n")
        await look()
        (settings.published_recommendations / CURRENT).write_text("rubbish")
        await look()
        publish(settings, 3)
        await look()
        text = (await made.client.get("/metrics")).text
        assert 'revealed_gateway_loads_total{outcome="refused",what="snapshot"} 2' in text
        return seen

    with caplog.at_level(logging.WARNING):
        assert during(settings, calls) == ["000001", "000001", "000001", "000003"]
    assert "recommendations.parquet" in caplog.text


def test_a_rollback_is_followed(settings: Settings) -> None:
    async def calls(made: Calls) -> list[str | None]:
        seen = []
        for change in (lambda: publish(settings, 2), lambda: rollback_snapshot(settings)):
            change()
            await asyncio.to_thread(made.serving.look)
            ready = (await made.client.get("/readyz")).json()
            assert ready["snapshot_id"] == made.serving.snapshot_id
            seen.append(made.serving.snapshot_id)
        return seen

    assert during(settings, calls) == ["000002", "000001"]


def test_rules_are_followed_and_wrong_ones_refused(settings: Settings) -> None:
    async def calls(made: Calls) -> list[str]:
        seen = []
        for text in (
            '[exploration]\npolicy = "greedy"',
            "[exploration]\npolicy = 3",
            "[exploration]\nepsilon = 1",
        ):
            settings.rules.write_text(text)
            await asyncio.to_thread(made.serving.look)
            seen.append((await made.recommend("u000"))["policy"])
        return seen

    assert during(settings, calls) == ["greedy", "greedy", "plackett_luce"]


def test_the_list_of_a_group_that_cannot_be_read_any_more_is_503(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("revealed.gateway.serving._GROUPS_KEPT", 1)

    async def calls(made: Calls) -> None:
        path = folder_of(settings, 1) / "recommendations.parquet"
        path.write_bytes(b"\0" * path.stat().st_size)  # after it was opened and verified
        answer = await made.recommend("u050", status=503)
        assert answer["error"]["code"] == "damaged_file"

    during(settings, calls)


def test_what_was_refused_is_tried_again_after_a_while(tmp_path: Path) -> None:
    pointer, moment, told = tmp_path / "CURRENT", [0.0], list[str]()
    answers: list[object] = [OSError("busy"), "old", RuntimeError("odd"), "new"]

    def read() -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    followed = Followed(pointer, read, told.append, lambda: moment[0])
    pointer.write_text("1")
    seen = []
    for moment[0] in (0.0, 29.0, 30.0, 31.0):
        followed.look()
        seen.append(followed.value)
    assert seen == [None, None, "old", "old"]
    pointer.write_text("22")
    followed.look()
    assert followed.value == "old"
    moment[0] = 62.0
    followed.look()
    assert followed.value == "new"
    assert told == ["refused", "loaded", "refused", "loaded"]
    pointer.unlink()
    answers.append("never asked for")
    followed.look()
    assert followed.value == "never asked for"

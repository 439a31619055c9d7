"""Somebody who was erased while the gateway runs leaves no byte in what it writes."""

from __future__ import annotations

from callers import Calls, during

from revealed.clock import utc_now
from revealed.erasure.tombstones import bury
from revealed.settings import Settings

GONE, VISITOR, STAYS = "u007", "v-who-was-u007", "u001"


def event(name: str, **who: str) -> dict[str, str]:
    return {
        "event_id": name,
        "event_type": "click",
        "occurred_at": utc_now().isoformat(),  # a real gateway judges it by its own clock
        "item_id": "i01",
    } | who


def test_nothing_of_an_erased_person_is_taken_or_decided(settings: Settings) -> None:
    async def calls(made: Calls) -> None:
        await made.recommend(GONE)
        bury(settings, [GONE, VISITOR])
        written = sum(path.stat().st_size for path in (settings.gateway / "open").glob("inferences*"))
        for call in (f"/v1/recommendations/{GONE}", f"/v1/queries/{GONE}"):
            refused = await made.get(call, status=410)
            assert refused["error"]["code"] == "erased"
        assert sum(path.stat().st_size for path in (settings.gateway / "open").glob("inferences*")) == written
        await made.recommend(STAYS)
        bad = event("e-4", user_id=GONE) | {"event_type": "no such type"}
        lines = [
            event("e-1", user_id=GONE),
            event("e-2", anonymous_id=VISITOR),
            event("e-3", user_id=STAYS),
            bad,
        ]
        answer = (await made.client.post("/v1/events", json=lines)).json()
        assert [verdict.get("reason") for verdict in answer["verdicts"]] == [
            "erased", "erased", None, "unknown_event_type",
        ]  # fmt: skip
        kept = b"".join(path.read_bytes() for path in (settings.gateway / "open").glob("events*"))
        assert STAYS.encode() in kept
        assert GONE.encode() not in kept
        assert VISITOR.encode() not in kept

    during(settings, calls)

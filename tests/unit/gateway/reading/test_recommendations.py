"""What people are recommended over HTTP, and what the log says of it before they are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from callers import GREEDY, Calls, during, ids, logged, rules
from small_snapshots import ITEM_COUNT, items

from revealed.contracts import Inference, decode_line
from revealed.settings import Settings


def test_the_decision_is_in_the_log_when_it_is_told(settings: Settings) -> None:
    async def calls(made: Calls) -> tuple[dict[str, Any], dict[str, Any]]:
        answer = await made.recommend(
            "u007", k=5, surface="article", session_id="s-1", item="i09", context='{"device": "phone"}'
        )
        return answer, logged(settings)[-1]  # before the app stops

    answer, line = during(settings, calls)
    decoded = decode_line("inferences", json.dumps(line).encode())
    assert isinstance(decoded, Inference)
    assert [vars_of(item) for item in decoded.items] == [
        (entry["item_id"], entry["position"], entry["score"], entry["propensity"])
        for entry in answer["items"]
    ]
    for name in (
        "request_id", "user_id", "surface", "model_name", "model_version", "policy", "snapshot_id", "occurred_at",
    ):  # fmt: skip
        assert line[name] == answer[name]
    assert (decoded.user_id, decoded.anonymous_id, decoded.session_id) == ("u007", None, "s-1")
    assert line["context"] == {
        "device": "phone",
        "serving": {"temperature": 0.5, "candidates": 30, "pool": 19, "is_known": True, "item_id": "i09"},
    }
    assert decoded.latency_ms is not None
    assert decoded.latency_ms > 0
    assert (answer["snapshot_id"], answer["model_name"], answer["policy"]) == (
        "000001",
        "als",
        "plackett_luce",
    )
    assert answer["as_of"] == "2026-05-01T00:00:00Z"
    assert len(answer["items"]) == 5
    assert "i09" not in ids(answer)
    assert all(entry["title"] == f"Title {int(entry['item_id'][1:])}" for entry in answer["items"])
    assert {entry["source"] for entry in answer["items"]} == {"als"}


def vars_of(item: Any) -> tuple[str, int, float | None, float | None]:
    return item.item_id, item.position, item.score, item.propensity


def test_what_a_session_skipped_and_anybody_hid_is_gone_at_once(settings: Settings) -> None:
    rules(settings, GREEDY)

    async def calls(made: Calls) -> list[list[str]]:
        await made.post_event(event_type="skip", user_id="u000", session_id="s-1", item_id="i00")
        await made.post_event(event_id="e-2", event_type="hide", user_id="u000", item_id="i01")
        return [
            ids(await made.recommend("u000", k=3, session_id="s-1")),
            ids(await made.recommend("u000", k=3, session_id="s-2")),
            ids(await made.recommend("u001", k=3, session_id="s-1")),
        ]

    assert during(settings, calls) == [["i02", "i03", "i04"], ["i00", "i02", "i03"], ["i01", "i02", "i03"]]


def test_whom_nobody_knows_gets_the_topic_of_the_page_first(settings: Settings) -> None:
    rules(settings, GREEDY)

    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [
            await made.recommend("nobody", k=30),
            await made.recommend("nobody", k=30, item="i05"),  # its topic is sport
            await made.recommend("nobody", k=30, item="i04"),  # nothing is listed for news
            await made.recommend("nobody", k=2, anonymous=True),
        ]

    plain, on_page, elsewhere, visitor = during(settings, calls)
    assert ids(plain) == items()[:15]
    assert ids(on_page)[:4] == ["i21", "i23", "i25", "i27"]
    assert ids(on_page)[4:14] == [f"i{n:02d}" for n in range(1, 21, 2) if n != 5] + ["i00"]
    assert len(set(ids(on_page))) == len(ids(on_page))
    assert ids(elsewhere) == [item for item in items()[:15] if item != "i04"]
    assert {(answer["is_known"], answer["model_name"]) for answer in (plain, on_page)} == {
        (False, "fallback")
    }
    assert {entry["source"] for entry in plain["items"]} == {"fallback"}
    assert (visitor["user_id"], visitor["anonymous_id"]) == (None, "nobody")
    assert logged(settings)[-1]["anonymous_id"] == "nobody"
    utility = [entry["utility"] for entry in on_page["items"]]
    assert utility == sorted(utility, reverse=True)


def test_nothing_left_to_show_is_an_empty_slate_which_the_log_has_no_line_for(settings: Settings) -> None:
    answer = during(settings, lambda made: made.recommend("u000", exclude=items()))
    assert answer["items"] == []
    assert logged(settings) == []


def test_a_stated_moment_is_the_decisions_moment(settings: Settings) -> None:
    async def calls(made: Calls) -> dict[str, Any]:
        made.client.headers["Revealed-Now"] = "2031-01-02T03:04:05Z"
        return await made.recommend("u000")

    assert during(settings, calls)["occurred_at"] == "2031-01-02T03:04:05Z"
    assert logged(settings)[0]["received_at"] == "2031-01-02T03:04:05Z"


SENSELESS: list[tuple[str, dict[str, Any]]] = [
    ("u000", {"k": 0}),
    ("u000", {"k": 101}),
    ("u000", {"k": "many"}),
    ("u000", {"surface": ""}),
    ("u000", {"context": "{"}),
    ("u000", {"context": "[1]"}),
    ("u000", {"context": '{"a": NaN}'}),
    ("u000", {"context": '{"a": 1e999}'}),
    ("u000", {"context": '{"a": "\\u0000"}'}),
    ("u000", {"context": '{"a": "\\ud800"}'}),
    ("u000", {"context": '{"serving": {}}'}),
    ("u000", {"context": '{"partial_slate": true}'}),
    ("u000", {"context": '{"a": ' + "[" * 600 + "]" * 600 + "}"}),
    ("u000", {"context": "[" * 8_000}),
    ("u000", {"context": '{"a": "' + "x" * 9_000 + '"}'}),
    ("u000", {"exclude": ["x" * 257]}),
    ("u000", {"anonymous": "perhaps"}),
    ("u" * 257, {}),
    ("u%00", {}),
    ("", {}),
]


def test_what_makes_no_sense_is_422_and_nothing_is_logged(settings: Settings) -> None:
    async def calls(made: Calls) -> None:
        for user, params in SENSELESS:
            answer = await made.recommend(user, status=422, **params)
            assert set(answer["error"]) == {"code", "what", "where", "do"}

    during(settings, calls)
    assert logged(settings) == []


def test_ids_with_odd_characters_are_ids(settings: Settings) -> None:
    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [
            await made.recommend(name)
            for name in ("a%2Fb", "%C3%BC%20%F0%9F%90%9D", "..%2F", "u%25", "x%0Ay%0A")
        ]

    found = [answer["user_id"] for answer in during(settings, calls)]
    assert found == ["a/b", "ü 🐝", "../", "u%", "x\ny\n"]


def test_who_may_not_read_is_told_so_before_anything_else(settings: Settings) -> None:
    async def calls(made: Calls) -> None:
        del made.client.headers["Authorization"]
        for path in ("recommendations/u000?k=0", "items/i01/similar", "queries/u000"):
            assert (await made.get(f"/v1/{path}", status=401))["error"]["code"] == "unauthorized"

    during(settings, calls)


def test_similar_items_are_the_snapshots(settings: Settings) -> None:
    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [
            await made.get("/v1/items/i39/similar", k=2),
            await made.get("/v1/items/i00/similar"),
            await made.get("/v1/items/i40/similar", status=404),
            await made.get("/v1/items/i01/similar", status=422, k=0),
        ]

    found, nothing, unknown, _ = during(settings, calls)
    assert found["items"] == [
        {"item_id": "i00", "score": pytest.approx(0.9), "source": "als", "title": "Title 0"},
        {"item_id": "i01", "score": pytest.approx(0.8), "source": "als", "title": "Title 1"},
    ]
    assert nothing == {"item_id": "i00", "snapshot_id": "000001", "items": []}
    assert unknown["error"]["code"] == "unknown_item"


def test_before_anything_is_published_the_answer_is_come_again(tmp_path: Any) -> None:
    settings = Settings(home=tmp_path / "home", project_root=tmp_path)

    async def calls(made: Calls) -> None:
        for path in ("recommendations/u000", "items/i01/similar", "queries/u000"):
            answer = await made.client.get(f"/v1/{path}")
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")

    during(settings, calls)


def test_answers_at_the_same_time_are_each_their_own(settings: Settings) -> None:
    async def calls(made: Calls) -> list[dict[str, Any]]:
        return list(await asyncio.gather(*(made.recommend(f"u{n:03d}") for n in range(30))))

    for number, answer in enumerate(during(settings, calls)):
        allowed = {items()[(number + place) % ITEM_COUNT] for place in range(20)}
        assert set(ids(answer)) <= allowed
        assert answer["user_id"] == f"u{number:03d}"


def test_parameters_that_are_plainly_right_mean_what_fastapi_makes_of_them(settings: Settings) -> None:
    """The same question, asked so that FastAPI reads it (an unknown parameter beside it), gets the same answer."""
    rules(settings, GREEDY)
    asked: list[dict[str, Any]] = [
        {},
        {"k": "7", "surface": "article", "session_id": "s-1", "item": "i09", "anonymous": "false"},
        {"exclude": ["i01", "i02"], "k": 100, "context": '{"device": "phone"}'},
        {"anonymous": "true", "exclude": "i03"},
        {"k": "010"},
        {"anonymous": "yes"},
    ]
    wrong: list[dict[str, Any]] = [
        {"k": "0"},
        {"k": "101"},
        {"k": "ten"},
        {"surface": ""},
        {"item": "x" * 257},
        {"exclude": ""},
        {"exclude": ["i01"] * 1001},
        {"anonymous": "perhaps"},
        {"context": "[]"},
        {"context": " " * 8193},
    ]

    async def calls(made: Calls) -> None:
        for parameters in asked:
            one = await made.recommend("u007", **parameters)
            other = await made.recommend("u007", unknown="1", **parameters)
            for changing in ("request_id", "occurred_at"):
                assert one.pop(changing) != other.pop(changing)
            assert one == other
        for parameters in wrong:
            refused = await made.recommend("u007", status=422, **parameters)
            assert refused == await made.recommend("u007", status=422, unknown="1", **parameters)

    during(settings, calls)

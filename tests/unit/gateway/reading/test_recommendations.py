"""What people are recommended over HTTP, and what the log says of it before they are."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import numpy as np
import pytest
from callers import Calls, during, logged
from frequencies import Shown, agreement
from small_snapshots import ITEM_COUNT, items, publish, utilities

from revealed.contracts import Inference, decode_line
from revealed.exploration.policy import Exploration
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities
from revealed.settings import Settings

GREEDY = '[exploration]\npolicy = "greedy"\n'


def rules(settings: Settings, text: str) -> None:
    settings.rules.write_text(text)


def ids(answer: dict[str, Any]) -> list[str]:
    return [entry["item_id"] for entry in answer["items"]]


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


def test_propensities_are_those_of_the_pool_that_was_drawn_from(settings: Settings) -> None:
    """What was excluded is not in the pool: the rest's chances are as if it had never been in the list."""
    answer = during(settings, lambda made: made.recommend("u000", k=4, exclude=["i00", "i02"]))
    left = [f"i{n:02d}" for n in range(20) if n not in (0, 2)]
    weights = utilities(20)[[int(item[1:]) for item in left]] / 0.5
    expected = plackett_luce_slate_propensities(
        weights.astype(float), np.array([left.index(item) for item in ids(answer)])
    )
    assert [entry["propensity"] for entry in answer["items"]] == pytest.approx(expected.tolist(), rel=1e-9)


def shown_for(settings: Settings, requests: int, text: str, *, at_once: int = 1) -> list[Shown]:
    rules(settings, text)

    async def calls(made: Calls) -> list[Shown]:
        found: list[Shown] = []

        async def one_after_another() -> None:
            for _ in range(requests // at_once):
                answer = await made.recommend("u000", k=3)
                found.append((ids(answer), [entry["propensity"] for entry in answer["items"]]))

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))
        return found

    return during(settings, calls)


POLICIES = {
    "greedy": GREEDY,
    "epsilon_greedy": '[exploration]\npolicy = "epsilon_greedy"\nepsilon = 0.4\ncandidates = 6\n',
    "plackett_luce": "[exploration]\ntemperature = 1.0\ncandidates = 8\n",
}


@pytest.mark.parametrize("policy", POLICIES)
def test_over_http_items_come_at_positions_as_often_as_is_logged(settings: Settings, policy: str) -> None:
    slates = shown_for(settings, 200, POLICIES[policy])
    assert agreement(slates) > 1e-4
    lines = logged(settings)
    assert [
        ([i["item_id"] for i in line["items"]], [i["propensity"] for i in line["items"]]) for line in lines
    ] == slates
    assert len({line["request_id"] for line in lines}) == 200


@pytest.mark.slow
@pytest.mark.parametrize("policy", POLICIES)
def test_over_http_in_a_hundred_thousand_requests(settings: Settings, policy: str) -> None:
    slates = shown_for(settings, 100_000, POLICIES[policy], at_once=32)
    assert len(slates) == 100_000
    assert agreement(slates) > 1e-4


def test_two_gateways_do_not_throw_the_same_dice(settings: Settings) -> None:
    async def calls(made: Calls) -> list[str]:
        return [item for _ in range(8) for item in ids(await made.recommend("u000"))]

    assert during(settings, calls, seed=None) != during(settings, calls, seed=None)


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


def test_what_is_pinned_is_always_there_and_the_rest_explores_around_it(settings: Settings) -> None:
    publish(settings, 2, pinned={1: "i38"})

    async def calls(made: Calls) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        slates = [await made.recommend("u000", k=3, exclude=["i00"]) for _ in range(20)]
        return slates, await made.recommend("u000", k=3, exclude=["i38"])

    slates, without = during(settings, calls)
    pins = [answer["items"][1] for answer in slates]
    assert {(pin["item_id"], pin["propensity"], pin["source"]) for pin in pins} == {("i38", 1.0, "pin")}
    assert len({tuple(ids(answer)) for answer in slates}) > 5
    assert all(answer["items"][place]["propensity"] < 1 for answer in slates for place in (0, 2))
    assert "i38" not in ids(without)
    assert len(ids(without)) == 3


def test_a_surface_filters_and_pins_what_other_surfaces_do_not(settings: Settings) -> None:
    surface = '[[filters]]\nfield = "topic"\ndeny = ["sport"]\nsurface = "lab"\n'
    for item, position in (("i36", 1), ("i04", 3), ("i37", 2), ("i99", 2), ("i38", 50)):
        surface += f'[[pins]]\nitem = "{item}"\nposition = {position}\nsurface = "lab"\n' * (item != "i99")
    rules(settings, GREEDY + surface)

    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [
            await made.recommend("u000", k=5),
            await made.recommend("u000", k=5, surface="lab"),
            await made.recommend("u000", k=5, surface="lab", exclude=["i36", "i02"]),
        ]

    home, lab, without = during(settings, calls)
    assert ids(home) == ["i00", "i01", "i02", "i03", "i04"]
    # Odd items are of sport: i37 may not be pinned there. i36 is on nobody's list; i04 is, further up.
    assert ids(lab) == ["i36", "i00", "i04", "i02", "i06"]
    assert [entry["source"] for entry in lab["items"]] == ["pin", "als", "pin", "als", "als"]
    assert ids(without) == ["i00", "i06", "i04", "i08", "i10"]


def test_a_surface_explores_by_its_own_rules(settings: Settings) -> None:
    rules(settings, f'{GREEDY}[exploration.surfaces.lab]\npolicy = "epsilon_greedy"\nepsilon = 1.0\n')

    async def calls(made: Calls) -> list[dict[str, Any]]:
        return [await made.recommend("u000"), await made.recommend("u000", surface="lab")]

    plain, lab = during(settings, calls)
    assert [entry["propensity"] for entry in plain["items"]] == [1.0] * 10
    assert [entry["propensity"] for entry in lab["items"]] == pytest.approx([1 / 20] * 10)
    assert [answer["policy"] for answer in (plain, lab)] == ["greedy", "epsilon_greedy"]


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


def test_a_slate_that_is_too_long_for_a_line_is_cut_and_keeps_its_propensities(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"k": 20, "context": '{"a": "' + "x" * 8_000 + '"}'}
    whole = during(settings, lambda made: made.recommend("u000", **asked))
    monkeypatch.setattr("revealed.gateway.decisions.MAX_LINE_BYTES", 9_300)
    cut = during(settings, lambda made: made.recommend("u000", **asked))
    assert 0 < len(cut["items"]) < len(whole["items"])
    assert cut["items"] == whole["items"][: len(cut["items"])]
    assert len(logged(settings)[-1]["items"]) == len(cut["items"])
    monkeypatch.setattr("revealed.gateway.decisions.MAX_LINE_BYTES", 8_000)
    assert during(settings, lambda made: made.recommend("u000", **asked))["items"] == []


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


def test_defaults_are_those_of_exploration(settings: Settings) -> None:
    answer = during(settings, lambda made: made.recommend("u000"))
    assert answer["policy"] == Exploration().policy
    assert len(answer["items"]) == 10
    assert ITEM_COUNT > 20


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

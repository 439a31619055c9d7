"""What people are asked over HTTP, and that it was asked is in the log."""

from __future__ import annotations

from typing import Any

import pytest
from callers import Calls, during, logged
from small_snapshots import ask

from revealed.settings import Settings

ROWS = [("u001", "i04", 0.25), ("u001", "i05", 0.5), ("u001", "i06", 1.0), ("anon:v-1", "i07", 0.125)]


@pytest.fixture
def asking(settings: Settings) -> Settings:
    ask(settings, 4, ROWS)
    return settings


def test_the_most_informative_come_first_and_what_was_asked_is_logged(asking: Settings) -> None:
    answer = during(asking, lambda made: made.get("/v1/queries/u001", k=2, session_id="s-1"))
    assert [(row["item_id"], row["title"], row["propensity"]) for row in answer["queries"]] == [
        ("i04", "Title 4", 0.25),
        ("i05", "Title 5", 0.5),
    ]
    assert (answer["generation"], answer["model_version"], answer["as_of"]) == (
        4,
        "3",
        "2026-05-01T00:00:00Z",
    )
    (line,) = logged(asking)
    assert line["request_id"] == answer["request_id"]
    assert (line["user_id"], line["session_id"]) == ("u001", "s-1")
    assert (line["surface"], line["policy"], line["snapshot_id"]) == (
        "query",
        "active_learning",
        "queries/000004",
    )
    assert [(row["item_id"], row["position"]) for row in line["items"]] == [("i04", 1), ("i05", 2)]
    # An inclusion probability is no marginal of a position; estimators must not take it for one.
    assert all("propensity" not in row for row in line["items"])
    assert line["context"] == {"serving": {"inclusion": [0.25, 0.5]}}


def test_a_visitor_is_asked_by_the_anonymous_id(asking: Settings) -> None:
    answer = during(asking, lambda made: made.get("/v1/queries/v-1", anonymous=True))
    assert [row["item_id"] for row in answer["queries"]] == ["i07"]
    assert logged(asking)[0]["anonymous_id"] == "v-1"


def test_who_is_not_to_be_asked_is_not_and_nothing_is_logged(asking: Settings) -> None:
    assert during(asking, lambda made: made.get("/v1/queries/u002"))["queries"] == []
    assert logged(asking) == []


def test_nobody_is_asked_about_what_they_hid(asking: Settings) -> None:
    async def calls(made: Calls) -> dict[str, Any]:
        await made.post_event(event_type="not_interested", user_id="u001", item_id="i04")
        return await made.get("/v1/queries/u001", k=1)

    assert [row["item_id"] for row in during(asking, calls)["queries"]] == ["i05"]


def test_a_new_table_is_followed(asking: Settings) -> None:
    async def calls(made: Calls) -> dict[str, Any]:
        ask(asking, 5, [("u001", "i09", 0.5)])
        made.serving.look()
        return await made.get("/v1/queries/u001")

    assert [row["item_id"] for row in during(asking, calls)["queries"]] == ["i09"]


def test_bad_parameters_are_422(asking: Settings) -> None:
    during(asking, lambda made: made.get("/v1/queries/u001", status=422, k=0))

"""`revealed model`, as a person types it: a list, a comparison, a decision, its record, and the way back."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trained_home import Trained
from typer.testing import CliRunner

from revealed.cli import app
from revealed.errors import GateFailedError
from revealed.settings import Settings
from revealed.training import train_challenger


def say(settings: Settings, *words: str) -> str:
    done = CliRunner().invoke(app, words, env={"REVEALED_HOME": str(settings.home)})
    if done.exception:
        raise done.exception
    return done.stdout


def told(settings: Settings, *words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(say(settings, *words, "--json"))
    return found


def test_a_model_is_compared_and_approved(trained: Trained) -> None:
    settings, first = trained.settings, trained.result.version
    compared = say(settings, "model", "compare")
    assert "All gates passed." in compared
    assert "| better than popularity |" in compared
    assert told(settings, "model", "approve", "--by", "ada", "--note", "fine") == {"champion": first}
    (decision,) = told(settings, "model", "history")["decisions"]
    assert decided(decision) == ("promoted", first, "ada", "passed", None, first)
    assert decision["note"] == "fine"


def decided(row: dict[str, Any]) -> tuple[Any, ...]:
    names = ("decision", "version", "decided_by", "gates", "champion_before", "champion_after")
    return tuple(row[name] for name in names)


def test_a_second_model_is_put_in_service_and_rolled_back(second_week: Trained) -> None:
    settings, first, second = second_week.settings, "1", second_week.result.version
    assert told(settings, "snapshot", "show")["model_version"] == first
    say(settings, "model", "approve", second, "--force", "--by", "ada")
    assert told(settings, "snapshot", "publish")["model_version"] == second
    listed = {row["version"]: row for row in told(settings, "model", "list")["versions"]}
    assert (listed[first]["aliases"], listed[second]["aliases"]) == ("previous_champion", "champion")
    assert listed[second]["decided_by"] == "ada"

    rollback = ("model", "rollback", "--by", "bob", "--note", "complaints", "--publish")
    assert told(settings, *rollback) == {"champion": first, "generation": 3}
    assert told(settings, "snapshot", "show")["model_version"] == first
    decisions = told(settings, "model", "history")["decisions"]
    assert [decided(row) for row in decisions] == [
        ("promoted", first, "ada", "passed", None, first),
        ("promoted", second, "ada", "forced", first, second),
        ("rolled_back", second, "bob", "", second, first),
    ]
    assert decisions[2]["note"] == "complaints"


def test_what_was_rolled_back_does_not_come_back_by_a_schedule(second_week: Trained) -> None:
    settings, second = second_week.settings, second_week.result.version
    say(settings, "model", "approve", second, "--force")
    assert told(settings, "model", "rollback") == {"champion": "1"}
    again = train_challenger(settings)
    with pytest.raises(GateFailedError, match=f"the same model was rolled back as version {second}"):
        say(settings, "model", "approve", again.version)


def test_a_rejection_is_kept_with_its_reason(trained: Trained) -> None:
    settings = trained.settings
    say(settings, "model", "reject", "--by", "ada", "--note", "too narrow")
    assert "too narrow" in say(settings, "model", "history")
    assert told(settings, "model", "list")["versions"][0]["decision"] == "rejected"


def test_nothing_is_listed_where_nothing_is(tmp_path: Any) -> None:
    settings = Settings.from_env({"REVEALED_HOME": str(tmp_path)})
    assert "no model has been registered" in say(settings, "model", "list")
    assert "nobody has decided" in say(settings, "model", "history")


def test_a_ranking_is_explained_by_id_and_sums_to_its_score(trained: Trained) -> None:
    settings = trained.settings
    say(settings, "model", "approve")
    assert told(settings, "snapshot", "publish")["model_version"] == trained.result.version
    published = told(settings, "recommend", "u0003", "-k", "2")["recommendations"]
    found = told(settings, "explain", "u0003", "-k", "2")
    assert [item["item_id"] for item in found["items"]] == [item["item_id"] for item in published]
    first = found["items"][0]
    assert first["score"] == pytest.approx(published[0]["score"], abs=1e-4)
    assert sum(reason["amount"] for reason in first["because"]) == pytest.approx(first["score"])
    text = say(settings, "explain", "u0003", first["item_id"], "--version", trained.result.version)
    assert "rank 1" in text
    assert first["because"][0]["item_id"] in text

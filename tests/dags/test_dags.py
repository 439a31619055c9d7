from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from revealed.orchestration import OWNER, Tag

pytestmark = pytest.mark.dags

DAGS = Path(__file__).resolve().parents[2] / "dags"
FILES = sorted(DAGS.glob("*.py"))
LOOP = {"ingest_logs", "build_feedback", "train_recommender", "review_model", "publish_recommendations"}
BY_HAND = {"erase_user"}
LINE_LIMIT = 80
TELLS = ("**What**", "**Inputs**", "**Outputs**", "**Schedule**", "**When it fails**")


def _edges(dag: dict[str, Any]) -> set[tuple[str, str]]:
    return {(name, after) for name, task in dag["tasks"].items() for after in task["downstream"]}


def _starting_on(dags: dict[str, Any], asset: str) -> set[str]:
    return {dag_id for dag_id, dag in dags.items() if asset in dag["assets"]}


def _sending(dags: dict[str, Any], asset: str) -> set[tuple[str, str]]:
    return {
        (dag_id, name)
        for dag_id, dag in dags.items()
        for name, task in dag["tasks"].items()
        if asset in task["outlets"]
    }


def test_every_file_holds_one_dag_of_its_name_and_none_fails_to_load(dags: dict[str, Any]) -> None:
    assert FILES
    assert {dag_id: dag["file"] for dag_id, dag in dags.items()} == {path.stem: path.name for path in FILES}
    assert set(dags) >= LOOP


def test_no_heavy_module_is_imported_by_loading_the_dags(described: dict[str, Any]) -> None:
    assert described["heavy_modules"] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_dag_files_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINE_LIMIT


def test_every_dag_keeps_the_policy(dags: dict[str, Any]) -> None:
    for dag_id, dag in dags.items():
        assert dag["max_active_runs"] == 1, dag_id
        assert dag["catchup"] is False, dag_id
        assert dag["tags"], dag_id
        assert set(dag["tags"]) <= set(Tag), dag_id
        missing = [part for part in TELLS if part not in dag["doc_md"]]
        assert not missing, f"{dag_id}'s documentation does not tell {missing}"


def test_every_task_has_an_owner_and_only_our_own_tasks_are_tried_again(dags: dict[str, Any]) -> None:
    for dag_id, dag in dags.items():
        for name, task in dag["tasks"].items():
            assert task["owner"] == OWNER, (dag_id, name)
            assert task["fails_at_once_on_ours"], (dag_id, name)
            of_dbt = name.startswith("dbt_build.") and task["operator"] != "EmptyOperator"
            assert task["retries"] == (0 if of_dbt else 2), (dag_id, name)


def test_assets_chain_the_dags_into_the_loop(dags: dict[str, Any]) -> None:
    assert _starting_on(dags, "raw_events") == _starting_on(dags, "raw_inferences") == {"build_feedback"}
    assert dags["build_feedback"]["needs_all"]
    assert _starting_on(dags, "feedback_dataset") == {"train_recommender", "publish_recommendations"}
    assert _starting_on(dags, "challenger_model") == {"review_model"}
    assert _starting_on(dags, "champion_model") == {"publish_recommendations"}
    assert _starting_on(dags, "feedback_drift") == {"train_recommender"}
    assert not dags["train_recommender"]["needs_all"]
    assert not dags["publish_recommendations"]["needs_all"]


def test_each_asset_is_sent_by_one_task(dags: dict[str, Any]) -> None:
    assert _sending(dags, "raw_events") == _sending(dags, "raw_inferences") == {("ingest_logs", "land_files")}
    assert _sending(dags, "published_warehouse") == {("build_feedback", "publish_warehouse")}
    assert _sending(dags, "feedback_dataset") == {("build_feedback", "write_dataset")}
    assert _sending(dags, "challenger_model") == {("train_recommender", "train")}
    assert _sending(dags, "champion_model") == {("review_model", "promote")}
    assert _sending(dags, "recommendation_snapshot") == {("publish_recommendations", "publish_snapshot")}


def test_nothing_is_published_that_was_not_built_tested_and_audited(dags: dict[str, Any]) -> None:
    tasks = dags["build_feedback"]["tasks"]
    models = {name for name in tasks if name.startswith("dbt_build.") and name.endswith(("_run", "_seed"))}
    tests = {
        name
        for name in tasks
        if name.startswith("dbt_build.") and name.endswith("_test") and name not in models
    }
    assert len(models) > 10
    assert len(tests) == 1
    roots = {name for name in tasks if not any(name in task["downstream"] for task in tasks.values())}
    assert roots == {"prepare_candidate"}
    assert set(tasks["prepare_candidate"]["downstream"]) >= {"dbt_build.dbt_producer_watcher", "audit"}
    assert tests <= _before(tasks, "audit")
    assert models <= _before(tasks, "audit")
    assert ("audit", "publish_warehouse") in _edges(dags["build_feedback"])
    assert ("publish_warehouse", "write_dataset") in _edges(dags["build_feedback"])
    strict = {name for name, task in tasks.items() if task["trigger_rule"] == "all_success"}
    assert strict >= {"audit", "publish_warehouse", "write_dataset", *tests}


def test_a_model_is_promoted_only_through_an_approval(dags: dict[str, Any]) -> None:
    review = dags["review_model"]
    assert _edges(review) == {
        ("assess", "choose_reviewer"),
        ("choose_reviewer", "auto_approve"),
        ("choose_reviewer", "await_approval"),
        ("auto_approve", "promote"),
        ("await_approval", "promote"),
        ("promote", "turn_down"),
    }
    assert review["tasks"]["await_approval"]["operator"] == "RecordedApproval"
    assert review["tasks"]["turn_down"]["trigger_rule"] == "all_skipped"


def test_only_the_landing_and_the_cleaning_follow_the_clock(dags: dict[str, Any]) -> None:
    by_clock = {dag_id for dag_id, dag in dags.items() if not dag["assets"]} - BY_HAND
    assert by_clock == {"ingest_logs", "maintain_platform"}
    assert {dags[dag_id]["schedule"] for dag_id in by_clock} == {"CronTriggerTimetable"}


def test_nobody_is_erased_by_a_schedule_or_an_asset(dags: dict[str, Any]) -> None:
    erasing = dags["erase_user"]
    assert (erasing["schedule"], erasing["assets"]) == ("NullTimetable", [])
    assert "user_id" in erasing["params"]
    assert {name: task["outlets"] for name, task in erasing["tasks"].items()} == {"erase": []}


def _before(tasks: dict[str, Any], name: str) -> set[str]:
    """Every task that must end before `name` starts."""
    found: set[str] = set()
    open_ends = {name}
    while open_ends:
        open_ends = {
            task for task, found_task in tasks.items() if open_ends & set(found_task["downstream"])
        } - found
        found |= open_ends
    return found

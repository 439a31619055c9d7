from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from planted_world import AS_OF, World, settings_in
from trained_home import Trained, retrain

from revealed.durable import sha256_file
from revealed.errors import DamagedModelError, GateFailedError, NoDataError, RegistryError
from revealed.feedback import read_dataset
from revealed.registry import (
    assess_challenger,
    current_champion,
    fetch_model,
    has_champion,
    last_trained,
    list_versions,
    promote,
    read_model_version,
    reject,
    rollback_champion,
)
from revealed.registry.client import registry
from revealed.registry.report import gates_table, version_description
from revealed.settings import Settings
from revealed.training import TrainingRequest, train_challenger
from revealed.training.artifact import load_model
from revealed.training.train import train


def test_run_holds_everything_a_reviewer_asks_for(trained: Trained) -> None:
    result = trained.result
    with registry(trained.settings) as client:
        run = client.get_run(result.run_id)
        runs = client.search_runs([run.info.experiment_id])
        version = client.get_model_version("revealed-recommender", result.version)
    assert run.info.run_name == "als f=64 reg=100 2026-02-01"
    assert {found.info.run_name for found in runs} == {run.info.run_name, "popularity 2026-02-01"}
    assert run.data.params["factors"] == "64"
    assert run.data.metrics["ndcg_at_10"] == result.comparison.metrics["als"]["ndcg@10"]
    dataset = read_dataset(trained.settings)
    logged = run.inputs.dataset_inputs[0].dataset
    assert (logged.name, logged.digest) == ("feedback", dataset.version)
    assert run.data.tags["dataset_version"] == dataset.version
    assert run.data.tags["device"] == "cpu"
    assert run.data.tags["device_reason"]
    assert run.data.tags["code_revision"]
    assert run.data.tags["airflow_run"] == "http://127.0.0.1:8080/dags/x/runs/y"
    assert "| **als** (challenger) |" in version.description
    assert f"/get-artifact?run_uuid={result.run_id}&path=model/plots/ranking.png" in version.description
    assert f"/get-artifact?run_uuid={result.run_id}&path=model/model_card.md" in version.description
    page, gates = version.description.split("\n\n### Gates\n\n")
    assert run.data.tags["mlflow.note.content"] == page
    found = assess_challenger(trained.settings).gates
    assert gates == gates_table(found)
    assert {f"gate/{gate.name}" for gate in found} <= version.tags.keys()
    assert version.tags["gate/better than popularity"].startswith("passed: ndcg@10 +")
    assert list(version.aliases) == ["challenger"]
    of_popularity = result.comparison.metrics["popularity"]["ndcg@10"]
    assert run.data.metrics["popularity/ndcg_at_10"] == of_popularity
    tables = json.loads(run.data.tags["mlflow.loggedArtifacts"])
    assert tables == [{"path": "model/samples/recommendations.json", "type": "table"}]


def test_the_page_has_every_plot_and_what_others_add_to_it(trained: Trained, tmp_path: Path) -> None:
    training = train(trained.settings)
    folder = shutil.copytree(training.saved.folder, tmp_path / "model")
    (folder / "plots" / "training_loss.png").write_bytes(b"")
    training = replace(training, saved=replace(training.saved, folder=folder))
    text = version_description(training, "r", None, ["| cohort | ndcg@10 |"])
    shown = [text.index(f"path=model/plots/{name}.png") for name in ("ranking", "catalogue", "training_loss")]
    assert shown == sorted(shown)
    assert text.index("| cohort |") < shown[0]


def test_als_beats_popularity_clearly_in_a_world_with_tastes(trained: Trained) -> None:
    found = trained.result.comparison.difference("als", "popularity")
    assert found is not None
    assert trained.result.model == "als"
    assert found.low > trained.result.comparison.metrics["popularity"]["ndcg@10"]  # more than twice as good


def test_registered_files_are_the_ones_that_were_saved(trained: Trained) -> None:
    folder = fetch_model(trained.settings, "challenger")
    tags = read_model_version(trained.settings, "challenger").tags
    names = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    pictures = {name for name in names if name.startswith("plots/")}
    assert names - pictures == {
        "model.npz",
        "model.json",
        "evaluation.json",
        "twin/model.npz",
        "twin/model.json",
        "model_card.md",
        "samples/recommendations.json",
        "samples/recommendations.md",
        "MLmodel",
        "input_example.json",
    }
    assert {"plots/ranking.png", "plots/catalogue.png", "plots/curves.png", "plots/loss.png"} <= pictures
    assert {f"sha256/{name}": sha256_file(folder / name) for name in names}.items() <= tags.items()
    assert not [name for name in names if name.endswith((".pkl", ".pickle"))]


def test_a_damaged_local_copy_is_fetched_again_and_a_damaged_artifact_refused(trained: Trained) -> None:
    settings = trained.settings
    folder = fetch_model(settings, "challenger")
    whole = (folder / "model.npz").read_bytes()
    (folder / "model.npz").write_bytes(whole[:-1])
    assert (fetch_model(settings, "challenger") / "model.npz").read_bytes() == whole
    with registry(settings) as client:
        artifact = Path(client.get_run(trained.result.run_id).info.artifact_uri.removeprefix("file://"))
    assert artifact.is_relative_to(settings.home), "the copy's store names another home's files"
    target = artifact / "model" / "model.npz"
    try:
        target.write_bytes(whole[:100] + b"\x00" + whole[101:])
        (folder / "model.npz").unlink()
        with pytest.raises(DamagedModelError, match=r"model\.npz"):
            fetch_model(settings, "challenger")
        assert not assess_challenger(settings).passed
    finally:
        target.write_bytes(whole)


def test_assessment_shows_comparison_gates_and_links(trained: Trained) -> None:
    found = assess_challenger(trained.settings)
    assert found.passed
    assert found.version == trained.result.version
    for part in (
        "challenger − popularity",
        "| better than popularity |",
        "workflowType=machine_learning",
        "Airflow run",
    ):
        assert part in found.markdown
    json.dumps(found.to_dict())


def test_promotion_moves_the_alias_once_and_records_who(trained: Trained) -> None:
    settings = trained.settings
    assert not has_champion(settings)
    first = promote(settings, trained.result.version, "ada", "looks right")
    assert current_champion(settings) == first
    assert (first.aliases, first.decision) == (("champion",), "promoted")
    assert (first.tags["decided_by"], first.tags["decision_note"], first.tags["gates"]) == (
        "ada",
        "looks right",
        "passed",
    )
    assert promote(settings, trained.result.version, "bob") == first  # again changes nothing
    with pytest.raises(RegistryError, match="challenger"):
        assess_challenger(settings)


def test_registering_an_undecided_model_again_changes_nothing(trained: Trained) -> None:
    again = train_challenger(trained.settings)
    assert (again.version, again.model_id) == (trained.result.version, trained.result.model_id)
    assert len(list_versions(trained.settings)) == 1


def test_a_champion_that_has_seen_the_test_days_is_fitted_anew_for_a_full_fit(trained: Trained) -> None:
    settings = trained.settings
    promote(settings, trained.result.version, "ada")
    again = train_challenger(settings, request=TrainingRequest.of(settings, fit="full"))
    tested = {"version": "1", "name": "als", "how": "refitted"}
    assert how_the_champion_was_tested(settings, again.version) == tested


def how_the_champion_was_tested(settings: Settings, version: str) -> dict[str, str]:
    evaluation = json.loads((fetch_model(settings, version) / "evaluation.json").read_bytes())
    found: dict[str, str] = evaluation["champion"]
    return found


def test_a_champion_that_has_seen_the_test_days_competes_by_its_twin(trained: Trained) -> None:
    settings = trained.settings
    promote(settings, trained.result.version, "ada")
    same_week = retrain(settings, World(seed=6))
    # What was published has seen the test days.
    tested = {"version": "1", "name": "als", "how": "evaluation_twin"}
    assert how_the_champion_was_tested(settings, same_week.version) == tested


def test_a_later_week_competes_with_the_champion_and_can_be_rolled_back(second_week: Trained) -> None:
    settings, next_week = second_week.settings, second_week.result
    assert how_the_champion_was_tested(settings, next_week.version)["how"] == "as_published"
    assert "champion" in next_week.comparison.metrics
    assert last_trained(settings) == AS_OF + timedelta(days=7)
    promote(settings, next_week.version, "ada", force=True)
    assert read_model_version(settings, "previous_champion").version == "1"
    back = rollback_champion(settings, "bob", "complaints")
    assert current_champion(settings) == back
    assert back.version == "1"
    assert read_model_version(settings, next_week.version).decision == "rolled_back"
    with pytest.raises(GateFailedError, match="not decided before"):
        promote(settings, next_week.version, "ada")
    with pytest.raises(RegistryError, match="previous_champion"):
        rollback_champion(settings, "bob")


def test_rejected_stays_rejected_unless_forced(trained: Trained) -> None:
    settings = trained.settings
    turned_down = reject(settings, trained.result.version, "ada", "too narrow")
    assert (turned_down.decision, turned_down.aliases) == ("rejected", ())
    with pytest.raises(GateFailedError, match="not decided before"):
        promote(settings, trained.result.version, "bob")
    assert not has_champion(settings)
    forced = promote(settings, trained.result.version, "bob", force=True)
    assert (forced.tags["gates"], forced.tags["decided_by"]) == ("forced", "bob")
    with pytest.raises(GateFailedError, match="in service"):
        reject(settings, trained.result.version, "ada")


def test_training_a_rejected_model_again_does_not_bring_it_back_unseen(trained: Trained) -> None:
    reject(trained.settings, trained.result.version, "ada")
    again = train_challenger(trained.settings)
    assert int(again.version) == int(trained.result.version) + 1
    found = assess_challenger(trained.settings)
    assert found.version == again.version
    assert [gate.value for gate in found.gates if not gate.passed] == [
        f"the same model was rejected as version {trained.result.version}"
    ]
    with pytest.raises(GateFailedError, match="the same model was rejected"):
        promote(trained.settings, again.version, "nobody looked")


def test_decisions_that_a_kill_cut_short_are_completed_or_respected(trained: Trained) -> None:
    settings, version = trained.settings, trained.result.version
    with registry(settings) as client:
        client.set_model_version_tag("revealed-recommender", version, "decision", "rejected")
    again = train_challenger(settings)  # the alias is still on the rejected version
    assert again.version != version
    with registry(settings) as client:
        client.set_registered_model_alias("revealed-recommender", "champion", again.version)
    promoted = promote(settings, again.version, "ada")  # the alias had moved, nothing was recorded
    assert (promoted.decision, promoted.tags["decided_by"], promoted.aliases) == (
        "promoted",
        "ada",
        ("champion",),
    )


def test_a_world_without_tastes_ends_in_popularity_and_says_so(trained: Trained) -> None:
    # Everybody likes the first items most, whatever their taste; nothing personal is to be learnt.
    result = retrain(trained.settings, World(tastes=1, users=150, items=60, loyalty=1.0, crowd=1.2))
    assert result.model == "popularity"
    assert "no personal model clearly beat popularity" in result.because
    found = assess_challenger(trained.settings)
    assert found.passed
    assert "no personal model clearly beat popularity" in found.markdown
    model, _ = load_model(fetch_model(trained.settings, result.version))
    assert model.name == "popularity"


def test_nothing_registered_is_none_and_creates_no_store(tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "home")
    assert current_champion(settings) is None
    assert last_trained(settings) is None
    assert list_versions(settings) == []
    assert not settings.mlflow.exists()


def test_training_without_a_dataset_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoDataError, match="no feedback dataset"):
        train_challenger(settings_in(tmp_path / "home"))


def test_mlflow_out_of_reach_is_told_after_three_attempts_and_keeps_the_model(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts = 0

    def hang_up(server: socket.socket) -> None:
        nonlocal attempts
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()
                attempts += 1

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=hang_up, args=(server,), daemon=True).start()
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(RegistryError, match="MLflow"):
            current_champion(trained.settings)
    # The default is eight attempts, and four minutes of silence.
    assert attempts == 3
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "5"
    assert (trained.settings.models / trained.result.model_id / "model.npz").exists()

"""From a log with planted tastes to a registered model and a score for every showing, the same bytes every time."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from reward_world import PEOPLE, planted_log, replace_tables, reward_home

from revealed.errors import DamagedFileError, DamagedModelError, NoDataError, StaleError
from revealed.registry.client import registry
from revealed.reward import RewardResult, load_reward, train_reward
from revealed.reward.scores import SCORES
from revealed.reward.shown import newest_reward, read_reward
from revealed.settings import Settings


@cache
def trained() -> tuple[Settings, RewardResult]:
    settings = reward_home(Path(mkdtemp(prefix="reward")), planted_log())
    return settings, train_reward(settings)


def test_it_finds_the_planted_taste_for_people_it_has_not_seen() -> None:
    _, found = trained()
    reward = found.evaluation.accuracy["reward"]
    assert reward.low > 0.6
    # Who knew the tastes would be right in 78 of 100 pairs, and nobody knows them of people without a past.
    assert reward.low > found.evaluation.accuracy["more_popular"].value
    assert found.weights["topic_for"] > 0.2
    assert found.weights["age"] < 0
    assert 0.5 < found.evaluation.temperature < 2
    assert found.evaluation.log_loss < np.log(2)
    assert found.outcomes["satisfied"]["auc_within_lists"] > 0.6
    assert found.outcomes["stated"]["positive"] == found.outcomes["stated"]["showings"] > 0


def test_every_showing_to_a_person_is_scored_once_and_rewards_go_with_what_was_liked() -> None:
    settings, found = trained()
    table = pq.read_table(Path(found.scores_path) / SCORES).to_pandas()
    shown = planted_log().shown.query("not is_bot")
    assert (shown["actor_id"] != "u0000").all()
    assert shown["actor_id"].nunique() == PEOPLE - 1
    joined = table.merge(shown, on=["request_id", "item_id"], validate="one_to_one")
    assert len(table) == len(shown) == len(joined) == found.scores.rows
    assert set(table["model_id"]) == {found.model_id}
    assert joined.loc[joined["is_satisfied"], "reward"].mean() > joined["reward"].mean() + 0.03
    mean = table.groupby("request_id")["utility"].transform("mean")
    np.testing.assert_allclose(table["reward"], 1 / (1 + np.exp(mean - table["utility"])), atol=1e-12)
    assert settings.home / "rewards" / found.model_id == Path(found.scores_path)


@pytest.mark.slow
def test_the_same_log_gives_the_same_bytes_elsewhere_and_is_registered_once(tmp_path: Path) -> None:
    settings, found = trained()
    elsewhere = train_reward(reward_home(tmp_path / "elsewhere", planted_log()))
    assert elsewhere.model_id == found.model_id
    assert elsewhere.scores == found.scores
    again = train_reward(settings)
    assert (again.version, again.model_id) == (found.version, found.model_id)
    with registry(settings) as client:
        versions = client.search_model_versions("name = 'revealed-reward'")
        run = client.get_run(found.run_id)
    assert [version.tags["model_id"] for version in versions] == [found.model_id]
    assert run.data.metrics["accuracy/reward"] == pytest.approx(found.evaluation.accuracy["reward"].value)
    assert newest_reward(settings) == found.model_id


def test_what_was_trained_can_be_shown_and_damage_is_refused(tmp_path: Path) -> None:
    settings, found = trained()
    shown = read_reward(settings)
    assert shown.model_id == found.model_id
    assert "pairwise accuracy" in shown.card
    model, _ = load_reward(settings.models / found.model_id)
    assert model.temperature == found.evaluation.temperature
    scores = Path(found.scores_path) / SCORES
    whole = scores.read_bytes()
    scores.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    try:
        with pytest.raises(DamagedFileError):
            read_reward(settings)
    finally:
        scores.write_bytes(whole)
    folder = tmp_path / "copy"
    folder.mkdir()
    for file in (settings.models / found.model_id).iterdir():
        data = bytearray(file.read_bytes())
        data[len(data) // 2] ^= file.name == "model.npz"
        (folder / file.name).write_bytes(data)
    with pytest.raises(DamagedModelError):
        load_reward(folder)


def test_too_few_pairs_are_refused_with_what_would_be_needed(tmp_path: Path) -> None:
    log = planted_log()
    settings = reward_home(tmp_path / "few", replace(log, pairs=log.pairs.iloc[:60]))
    with pytest.raises(NoDataError, match="at least 100 and 30"):
        train_reward(settings)
    none = reward_home(tmp_path / "none", replace(log, pairs=log.pairs.iloc[:0]))
    with pytest.raises(NoDataError, match="no preference pairs"):
        train_reward(none)
    assert not (none.home / "rewards").exists()


def test_a_warehouse_that_does_not_know_the_lists_is_refused(tmp_path: Path) -> None:
    log = planted_log()
    settings = reward_home(tmp_path / "some", log)
    late = log.shown["occurred_at"] > log.shown["occurred_at"].median()
    con = duckdb.connect(str(settings.published_warehouse.resolve()))
    replace_tables(con, replace(log, shown=log.shown[late]))
    con.close()
    with pytest.raises(StaleError, match="knows"):
        train_reward(settings)

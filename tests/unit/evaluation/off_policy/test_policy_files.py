"""Logs and policies as files: what is read, what is refused, and real ones."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from logged_worlds import asked, logged

from revealed.errors import InvalidInputError, MissingInputError, NoDataError
from revealed.evaluation.off_policy import evaluate_policy, read_policy_log, read_target, uniform
from revealed.settings import Settings

SETTINGS = Settings.from_env()
OPEN_BANDIT = Path(__file__).resolve().parents[4].parent / "shared" / "data" / "obd_men"
ROWS = {"item_id": ["a", "b"], "position": [1, 2], "propensity": [0.5, 0.25], "reward": [1.0, 0.0]}


def written(path: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


def test_a_log_is_read_as_it_stands(tmp_path: Path) -> None:
    columns = ROWS | {"user_id": ["ann", "ann"], "context": ["home", None]}
    log = read_policy_log(SETTINGS, written(tmp_path / "log.parquet", **columns))
    assert (log.items, log.positions, log.contexts) == (["a", "b"], [1, 2], ["home", ""])
    assert log.person.tolist() == [0, 0]
    assert log.propensity.tolist() == [0.5, 0.25]
    assert log.shape == (2, 2, 2)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"propensity": [0.5, 0.0]}, "1 rows have a propensity outside of (0, 1]"),
        ({"propensity": [0.5, None]}, "1 rows have no propensity"),
        ({"propensity": ["half", "0.2"]}, "propensity holds something that is no double"),
        ({"reward": [float("nan"), 1.0]}, "1 rows have a reward that is not finite"),
        ({"position": [0, 1]}, "1 rows have a position below 1"),
        ({"position": [1.5, 1.0]}, "position holds something that is no int64"),
    ],
)
def test_a_value_that_means_nothing_is_refused(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        read_policy_log(SETTINGS, written(tmp_path / "log.parquet", **(ROWS | changed)))
    assert says in str(refusal.value)
    assert "log.parquet" in str(refusal.value)


def test_files_that_are_no_logs(tmp_path: Path) -> None:
    with pytest.raises(MissingInputError):
        read_policy_log(SETTINGS, tmp_path / "nowhere.parquet")
    (tmp_path / "text.parquet").write_text("item_id,position\n")
    with pytest.raises(InvalidInputError, match="cannot be read as Parquet"):
        read_policy_log(SETTINGS, tmp_path / "text.parquet")
    with pytest.raises(InvalidInputError, match="missing: propensity, reward"):
        read_policy_log(SETTINGS, written(tmp_path / "part.parquet", item_id=["a"], position=[1]))
    empty = {name: pa.array([], pa.float64()) for name in ROWS}
    with pytest.raises(NoDataError):
        read_policy_log(SETTINGS, written(tmp_path / "empty.parquet", **empty))


def test_a_table_of_marginals_is_the_policy(tmp_path: Path) -> None:
    log = logged(21, 50)
    target = asked(log)
    cells = [(item, place) for item in range(len(log.items)) for place in range(len(log.positions))]
    path = written(
        tmp_path / "asked.parquet",
        item_id=[int(log.items[item]) for item, _ in cells],
        position=[log.positions[place] for _, place in cells],
        propensity=[target.marginals[0, place, item] for item, place in cells],
    )
    read = read_target(SETTINGS, path, log)
    assert read.marginals == pytest.approx(target.marginals)
    assert read.unseen == pytest.approx(0.0)


def test_a_log_of_decisions_is_a_policy_by_its_shares(tmp_path: Path) -> None:
    log = read_policy_log(SETTINGS, written(tmp_path / "log.parquet", **ROWS))
    path = written(
        tmp_path / "decisions.parquet",
        item_id=["a", "a", "b", "new", "a"],
        position=[1, 1, 1, 1, 2],
        propensity=[0.9, 0.2, 0.1, 0.1, 0.7],
    )
    read = read_target(SETTINGS, path, log)
    assert read.marginals.tolist() == [[[0.5, 0.25], [1.0, 0.0]]]
    assert read.unseen.tolist() == [[0.25, 0.0]]


def test_contexts_have_policies_of_their_own(tmp_path: Path) -> None:
    columns = {name: values * 2 for name, values in ROWS.items()} | {
        "position": [1, 1, 1, 1],
        "context": ["home", "home", "mail", "mail"],
    }
    log = read_policy_log(SETTINGS, written(tmp_path / "log.parquet", **columns))
    path = written(
        tmp_path / "two.parquet",
        item_id=["a", "a", "b"],
        position=[1, 1, 1],
        propensity=[1.0, 0.25, 0.75],
        context=["home", "mail", "mail"],
    )
    assert read_target(SETTINGS, path, log).propensity(log).tolist() == [1.0, 0.0, 0.25, 0.75]


def test_probabilities_have_to_add_up(tmp_path: Path) -> None:
    log = read_policy_log(SETTINGS, written(tmp_path / "log.parquet", **ROWS))
    path = written(tmp_path / "odd.parquet", item_id=["a", "b"], position=[1, 2], propensity=[0.7, 1.0])
    with pytest.raises(InvalidInputError, match=r"position 1 add up to 0\.7000, not to 1"):
        read_target(SETTINGS, path, log)


@pytest.fixture(scope="module")
def arms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Open Bandit's two men's logs in the columns that the command reads."""
    if not OPEN_BANDIT.is_dir():
        pytest.skip("the real data is not here: ../shared/data/obd_men")
    folder = tmp_path_factory.mktemp("open-bandit")
    for arm in ("random_men", "bts_men"):
        duckdb.sql(f"""
            copy (
                select item_id, position, propensity_score as propensity, click as reward
                from read_parquet('{OPEN_BANDIT / arm}.parquet')
            ) to '{folder / arm}.parquet'
        """)
    return {arm: folder / f"{arm}.parquet" for arm in ("random_men", "bts_men")}


def test_the_random_log_covers_what_the_bandit_earned(arms: dict[str, Path]) -> None:
    log = read_policy_log(SETTINGS, arms["random_men"])
    found = evaluate_policy(log, read_target(SETTINGS, arms["bts_men"], log))
    earned = read_policy_log(SETTINGS, arms["bts_men"]).reward.mean()
    assert earned == pytest.approx(0.0069)
    assert found.verdict == "estimated"
    for entry in found.estimators:
        assert (entry.ci_low or 1.0) <= earned <= (entry.ci_high or 0.0)
    assert 2_000 < found.support.ess < 4_000


def test_what_the_command_prints(arms: dict[str, Path]) -> None:
    command = [str(Path(sys.executable).with_name("revealed")), "evaluate", "policy"]
    words = ["--log", str(arms["random_men"]), "--target", "uniform"]
    told = json.loads(subprocess.run([*command, *words, "--json"], capture_output=True, check=True).stdout)
    log = read_policy_log(SETTINGS, arms["random_men"])
    assert told == json.loads(json.dumps(evaluate_policy(log, uniform(log)).to_dict()))
    assert {"verdict", "reason", "estimate", "ci_low", "ci_high", "ess", "max_weight"} <= told["estimators"][
        0
    ].keys()
    assert told["estimators"][0]["estimate"] == pytest.approx(46 / 10_000, abs=1e-12)
    refusal = subprocess.run(
        [*command, "--log", "nowhere.parquet", "--target", "uniform"], capture_output=True, check=False
    )
    assert refusal.returncode == 4
    assert "nowhere.parquet" in refusal.stderr.decode()

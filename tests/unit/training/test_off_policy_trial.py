"""The contenders on the log of the days they have not seen: the value in service is the planted one, unfit logs are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pandas as pd
import pytest
from planted_world import World, settings_in, write_warehouse
from served_log import ServedLog

from revealed.errors import InvalidInputError
from revealed.exploration.policy import Exploration
from revealed.exploration.rules import Explorations
from revealed.feedback import DatasetManifest, write_dataset
from revealed.publishing.rules import Discovery
from revealed.publishing.service import Service, read_service
from revealed.settings import Settings
from revealed.training.device import Device
from revealed.training.heard_loggers import only
from revealed.training.logged_showings import read_showings
from revealed.training.matrix import Interactions, read_interactions
from revealed.training.off_policy_trial import OffPolicyTrial, hold_off_policy_trial
from revealed.training.popularity import Popularity
from revealed.training.protocol import create
from revealed.training.served_policy import served_policy, told
from revealed.training.serving import Server

CPU = Device("cpu", "a test")
WIDE, MILD = Exploration(temperature=1.5), Exploration(temperature=0.5)


@dataclass(frozen=True)
class Stage:
    """A dataset, and two models of the same kind that have learnt differently from it."""

    settings: Settings
    dataset: DatasetManifest
    fold: Interactions
    servers: dict[str, Server]
    service: Service
    world: World
    logs: dict[object, tuple[ServedLog, bytes]] = field(default_factory=dict)

    def under(self, way: Exploration) -> Service:
        return replace(self.service, explorations=Explorations(way))

    def log(self, requests: int, asked: str = "other", way: Exploration = MILD) -> ServedLog:
        """Write a log of `als`, widely explored, beside which the value of `asked` is worked out; the same ones once."""
        path, key = self.dataset.file("fold_impressions.parquet"), (requests, asked, way)
        if key not in self.logs:
            server, wanted = self.servers["als"], self.servers[asked]
            found = ServedLog(
                self.world, self.dataset, self.fold, self.under(WIDE), server, wanted, self.under(way)
            )
            found.write(requests)
            self.logs[key] = (found, path.read_bytes())
        path.write_bytes(self.logs[key][1])
        return self.logs[key][0]

    def trial(self, way: Exploration = MILD) -> OffPolicyTrial:
        return hold_off_policy_trial(self.settings, self.dataset, self.fold, self.servers, self.under(way))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    folder, world = tmp_path_factory.mktemp("stage"), World(users=120, items=45)
    settings = settings_in(folder / "home", recommendations_per_user=40)
    dataset = write_dataset(settings, write_warehouse(folder / "w.duckdb", world))
    fold = read_interactions(settings, dataset.file("fold_train.parquet"))
    popularity = Popularity()
    popularity.fit(fold, CPU)
    servers = {}
    for name, factors in (("als", 8), ("other", 3)):
        model = create("als", {"factors": factors})
        model.fit(fold, CPU)
        servers[name] = Server(model, popularity, fold)
    # The logs of these tests are drawn from the models' own lists.
    service = read_service(settings, dataset)
    alone = replace(service, rules=msgspec.structs.replace(service.rules, discovery=Discovery(every=0)))
    return Stage(settings, dataset, fold, servers, alone, world)


def test_the_values_are_the_planted_ones_of_lists_as_they_would_be_served(stage: Stage) -> None:
    log = stage.log(800)
    found = stage.trial()
    truth = log.value()
    assert found.target == "plackett_luce of 30 at temperature 0.5"
    assert (found.rows, found.left_out) == (len(log.rows), 0)
    value = found.values["other"]
    assert value.verdict == "estimated", value.reason
    assert value.target == f"other, served by {found.target}"
    for one in value.estimators:
        assert one.ci_low is not None
        assert one.ci_high is not None
        assert one.ci_low < truth < one.ci_high, one
    own = stage.log(800, asked="als").value()
    gain = next(pair for pair in found.differences if pair.model == "other")
    assert gain.low < truth - own < gain.high


def test_a_contender_that_wrote_the_log_is_worth_what_the_log_earned(stage: Stage) -> None:
    """Whatever was clicked meanwhile: the weights are exactly 1, so that the situations are those of the gateway."""
    log = stage.log(300, asked="als", way=WIDE)
    value = stage.trial(WIDE).values["als"]
    showings = read_showings(stage.settings, stage.dataset, stage.fold)
    assert not isinstance(showings, int)
    policy = served_policy("als", stage.servers["als"], stage.under(WIDE), showings)
    assert policy.propensity(showings.log) == pytest.approx(showings.log.propensity, rel=1e-6)
    assert any(showings.situations.gone)
    earned = np.mean([row["is_satisfied"] for row in log.rows])
    assert value.by("ips").estimate == pytest.approx(earned, rel=1e-6)
    assert value.logging.estimate == pytest.approx(earned, rel=1e-12)


def test_what_rules_pin_is_nobodys_choice(stage: Stage) -> None:
    pinned = "i0044"
    log = ServedLog(
        *(stage.world, stage.dataset, stage.fold, stage.under(WIDE), stage.servers["als"]),
        *(stage.servers["als"], stage.under(WIDE), {1: pinned}),
    )
    log.write(400)
    found = stage.trial(WIDE)
    free = [row for row in log.rows if row["item_id"] != pinned]
    assert (found.rows, found.left_out) == (len(free), 400)
    assert found.values["als"].by("ips").estimate == pytest.approx(
        np.mean([row["is_satisfied"] for row in free]), rel=1e-6
    )


def test_lists_that_do_not_explore_are_refused_on_the_same_log(stage: Stage) -> None:
    stage.log(300)
    assert stage.trial().values["other"].verdict == "estimated"
    greedy = stage.trial(Exploration("greedy"))
    assert greedy.target == "greedy"
    assert greedy.values["other"].verdict == "refused"


def test_the_same_lists_do_not_differ(stage: Stage) -> None:
    """Paired: whatever the log's noise, a model against itself is nothing, but for what could not be shown."""
    stage.log(800)
    twins = {"one": stage.servers["als"], "other": stage.servers["als"]}
    found = hold_off_policy_trial(stage.settings, stage.dataset, stage.fold, twins, stage.under(WIDE))
    for pair in found.differences:
        assert pair.estimate == 0.0
        assert (pair.low, pair.high) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_few_requests_decide_nothing(stage: Stage) -> None:
    stage.log(40)
    found = stage.trial()
    assert {value.verdict for value in found.values.values()} == {"refused"}
    assert "effective sample" in found.values["other"].reason
    assert found.differences == []


def rewritten(stage: Stage, query: str) -> None:
    """Replace the log by a query on `shown`."""
    path = stage.dataset.file("fold_impressions.parquet")
    con = duckdb.connect()
    con.register("shown", pd.read_parquet(path))
    con.sql(query).to_parquet(str(path))
    con.close()


@pytest.mark.parametrize("propensity", ["null::double", "1.0"])
def test_a_log_that_explored_nothing_says_so(stage: Stage, propensity: str) -> None:
    rows = len(stage.log(20).rows)
    rewritten(stage, f"select * replace ({propensity} as propensity) from shown")
    found = stage.trial()
    assert (found.rows, found.values, found.left_out) == (0, {}, rows)
    assert "nothing was explored" in found.reason


@pytest.mark.parametrize(
    ("factor", "says"), [(0.5, "log rank marginals"), (1.9, "could not have been shown")]
)
def test_wrong_propensities_are_noticed(stage: Stage, factor: float, says: str) -> None:
    stage.log(800)
    rewritten(stage, f"select * replace (least(propensity * {factor}, 0.99) as propensity) from shown")
    assert says in stage.trial().values["other"].reason


def test_a_logger_that_draws_from_other_items_is_not_heard(stage: Stage) -> None:
    """Its rows show what no list holds; they are left out, and the verdict is that of the others."""
    log = stage.log(800)
    alone = stage.trial().values["other"]
    rewritten(
        stage,
        "from shown union all by name select * replace ('y' || request_id as request_id, 'i0003' as item_id,"
        " false as is_clicked, 'elsewhere' as model_version) from shown where request_id < 'x00300'",
    )
    foreign = sum(row["request_id"] < "x00300" for row in log.rows)
    found = stage.trial()
    assert (found.rows, found.left_out, found.not_drawn) == (len(log.rows), foreign, 0)
    assert found.values["other"].support.ess == pytest.approx(alone.support.ess)
    als = stage.servers["als"]
    unaware = Server(als.model, als.popularity, replace(stage.fold, seen=0 * stage.fold.seen))
    servers = stage.servers | {"shows what people had": unaware}
    wanted = (stage.settings, stage.dataset, stage.fold, servers, stage.under(MILD))
    # Of whom no logger can tell leaves all of them; who does not decide does not count for that.
    assert hold_off_policy_trial(*wanted).rows == len(log.rows) + foreign
    assert hold_off_policy_trial(*wanted, tuple(stage.servers)).rows == len(log.rows)


def test_people_of_the_chosen_rows_are_numbered_anew(stage: Stage) -> None:
    """Or people without rows would be drawn by the bootstrap, and counted."""
    stage.log(300)
    showings = read_showings(stage.settings, stage.dataset, stage.fold)
    assert not isinstance(showings, int)
    log = showings.log
    kept = only(log, log.person % 3 == 1)
    assert set(kept.person) == set(range(len(set(log.person[log.person % 3 == 1]))))
    assert (kept.item == log.item[log.person % 3 == 1]).all()


def test_a_difference_leaves_open_what_could_not_be_shown_of_either(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.log(800)
    rewritten(stage, "select * replace (least(propensity * 1.08, 0.999) as propensity) from shown")
    found = stage.trial()
    monkeypatch.setattr("revealed.training.off_policy_trial.unknown_value", lambda *_: 0.0)
    missing = sum(value.support.missing for value in found.values.values())
    earned = found.values["als"].logging.estimate
    assert missing > 0.01
    for wide, narrow in zip(found.differences, stage.trial().differences, strict=True):
        assert narrow.low - wide.low == pytest.approx(missing * (earned or 0.0))
        assert wide.high - narrow.high == pytest.approx(missing * (earned or 0.0))


@pytest.fixture
def rules(stage: Stage) -> Iterator[Path]:
    yield stage.settings.rules
    stage.settings.rules.unlink()


def test_rules_are_followed(stage: Stage, rules: Path) -> None:
    """What a filter keeps from all lists is in no pool, what it keeps from a surface's in none there; caps hold in all."""
    rules.write_text(
        '[[filters]]\nfield = "topic"\ndeny = ["taste 2"]\n[exploration]\ntemperature = 1.5\n'
        '[[filters]]\nfield = "topic"\ndeny = ["taste 1"]\nsurface = "email"\n'
        '[[caps]]\nfield = "topic"\nmost = 6\nwithin = 8\n'
    )
    service = read_service(stage.settings, stage.dataset)
    assert told(service, ["home"]) == "plackett_luce of 30 at temperature 1.5"
    stage.log(200)
    showings = read_showings(stage.settings, stage.dataset, stage.fold)
    assert not isinstance(showings, int)
    policy = served_policy("als", stage.servers["als"], service, showings)
    email = showings.situations.surface == showings.surfaces.index("email")
    for chosen, tastes in ((email, {0}), (~email, {0, 1})):
        for pool in policy.items[chosen]:
            found = np.array([int(showings.log.items[code][1:]) % 3 for code in pool[pool >= 0]])
            assert set(found) <= tastes
            assert np.bincount(found, minlength=1).max() <= 6
        assert policy.marginals[chosen].sum(axis=2)[:, 0] == pytest.approx(np.ones(chosen.sum()))


def test_rules_that_mean_nothing_are_told_before_anything_is_judged(stage: Stage, rules: Path) -> None:
    rules.write_text("[exploration]\npolicy = 'often'\n")
    with pytest.raises(InvalidInputError, match="explor"):
        hold_off_policy_trial(stage.settings, stage.dataset, stage.fold, stage.servers)


def test_a_model_has_the_places_that_discovery_leaves_it(stage: Stage) -> None:
    service = read_service(stage.settings, stage.dataset)
    assert service.rules.discovery.every == 10
    assert [service.own_places(MILD, size) for size in (5, 6, 16, 30)] == [5, 5, 14, 27]
    assert service.own_places(Exploration("greedy"), 30) == stage.service.own_places(MILD, 30) == 30
    stage.log(200)
    showings = read_showings(stage.settings, stage.dataset, stage.fold)
    assert not isinstance(showings, int)
    policy = served_policy("als", stage.servers["als"], service, showings)
    assert policy.items.shape[1] == 27
    assert policy.marginals.sum(axis=2) == pytest.approx(np.ones(policy.marginals.shape[:2]))


def test_surfaces_explore_each_in_its_way(stage: Stage) -> None:
    ways = Explorations(MILD, {"email": Exploration("epsilon_greedy", epsilon=0.2, candidates=10)})
    service = replace(stage.service, explorations=ways)
    assert told(service, ["email", "home"]) == (
        "epsilon_greedy of 10 at epsilon 0.2 on email; plackett_luce of 30 at temperature 0.5 on home"
    )
    stage.log(400)
    showings = read_showings(stage.settings, stage.dataset, stage.fold)
    assert not isinstance(showings, int)
    policy = served_policy("als", stage.servers["als"], service, showings)
    email = showings.situations.surface == showings.surfaces.index("email")
    of_pool = policy.marginals[email, :, :10]
    assert np.isin(of_pool.round(12), [0.0, 0.02, 0.82]).all()
    assert not np.isin(policy.marginals[~email].round(12), [0.0, 0.02, 0.82]).all()


@pytest.mark.parametrize("largest", [1, 200])
def test_a_large_log_is_judged_by_a_draw_of_its_people(stage: Stage, largest: int) -> None:
    stage.log(400)
    every = read_showings(stage.settings, stage.dataset, stage.fold)
    some = read_showings(stage.settings, stage.dataset, stage.fold, largest=largest)
    assert not isinstance(every, int)
    assert not isinstance(some, int)
    assert 0 < len(some.rows) < len(every.rows) == some.people
    assert set(some.rows) < set(every.rows)
    assert some.left_out == every.left_out == 0
    # Of pools of 12,000 at five positions as many can be judged as there are 60,000 cells in 24 million.
    wide = read_showings(stage.settings, stage.dataset, stage.fold, 12_000)
    assert not isinstance(wide, int)
    assert len(wide.rows) == len(every.rows)
    wider = read_showings(stage.settings, stage.dataset, stage.fold, 24_000)
    assert not isinstance(wider, int)
    assert 0 < len(wider.rows) < len(every.rows)
    if largest > 1:
        assert 0.7 * largest < some.log.rows / 4 <= 1.1 * largest

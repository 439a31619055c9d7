"""What a model would earn in service, read off another one's log: planted values, and logs that cannot tell."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from served_worlds import GREEDY, LOGGED, PLACES, SERVED, Lists, World, logged, served, world

from revealed.evaluation.off_policy import SupportLimits, evaluate_policy
from revealed.evaluation.off_policy.estimators import ESTIMATORS

ANYTHING = SupportLimits(0.0, 0.0, 1.0, 0.0, np.inf, 1.0, 0)
OPEN = SupportLimits(min_supported=0.0, max_missing=0.10)
WORLD = world()


def softmax(lists: Lists) -> np.ndarray:
    """The probability of being drawn first, taken for that of every place: an impostor."""
    weights = np.exp(lists.utilities / SERVED.temperature)
    return np.repeat((weights / weights.sum(axis=1, keepdims=True))[:, :, None], PLACES, axis=2)


def covered(found: World, logs: range, people: int, limits: SupportLimits) -> dict[str, float]:
    marginals, hits = found.asked.marginals(SERVED), dict.fromkeys(ESTIMATORS, 0)
    truth = found.value(found.asked, marginals)
    for seed in logs:
        log, kind = logged(found, seed, people)
        policy = served(found.asked, marginals, log, kind)
        for entry in evaluate_policy(log, policy, limits=limits, replicates=300).estimators:
            if entry.ci_low is not None and entry.ci_high is not None:
                hits[entry.estimator] += entry.ci_low <= truth <= entry.ci_high
    return {name: count / len(logs) for name, count in hits.items()}


def test_where_both_policies_are_one_the_log_is_the_answer() -> None:
    log, kind = logged(WORLD, 1, 300)
    policy = served(WORLD.logged, WORLD.logged.marginals(LOGGED), log, kind)
    assert policy.propensity(log) / log.propensity == pytest.approx(np.ones(log.rows), rel=1e-9)
    found = evaluate_policy(log, policy, limits=OPEN)
    assert found.support.ess == pytest.approx(log.rows)
    for name in ("ips", "snips"):
        assert found.by(name).estimate == pytest.approx(log.reward.mean(), rel=1e-9)


def test_intervals_cover_what_the_other_model_would_earn_in_service() -> None:
    """60 logs: the standard error of a share of .95 is .028."""
    assert all(share >= 0.85 for share in covered(WORLD, range(60), 400, ANYTHING).values())


@pytest.mark.slow
def test_intervals_cover_what_the_other_model_would_earn_as_often_as_they_say() -> None:
    """3,000 logs: the standard error of a share of .95 is .004."""
    shares = covered(WORLD, range(10_000, 13_000), 600, ANYTHING)
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares


def test_only_rank_marginals_are_what_is_served() -> None:
    """The probability of being drawn first is none of the others: a large log gives another value, and not the planted one."""
    marginals, impostor = WORLD.asked.marginals(SERVED), softmax(WORLD.asked)
    truth = WORLD.value(WORLD.asked, marginals)
    log, kind = logged(WORLD, 5, 8_000)
    for asked, covers in ((marginals, True), (impostor, False)):
        policy = served(WORLD.asked, asked, log, kind)
        value = evaluate_policy(log, policy, limits=ANYTHING).by("dr")
        assert value.ci_low is not None
        assert value.ci_high is not None
        assert (value.ci_low <= truth <= value.ci_high) is covers


def test_lists_as_they_are_cannot_be_judged_where_lists_that_explore_can() -> None:
    """What nobody will be shown, the top of the list and nothing else, hangs on the few rows that happen to agree."""
    log, kind = logged(WORLD, 5, 300, requests=1)
    asked = {
        way.policy: served(WORLD.asked, WORLD.asked.marginals(way), log, kind) for way in (SERVED, GREEDY)
    }
    verdicts = {name: evaluate_policy(log, policy) for name, policy in asked.items()}
    assert verdicts["plackett_luce"].verdict == "estimated"
    assert verdicts["greedy"].verdict == "refused"
    assert "effective sample" in verdicts["greedy"].reason


@pytest.mark.parametrize("earns", [0.0, 2.0])
def test_what_could_not_be_shown_stays_open_in_the_interval(earns: float) -> None:
    """A twentieth of what the asked model would show is in no logged pool, and earns nothing, or twice the average."""
    found = world(missing=4, missing_earns=earns)
    assert all(share >= 0.84 for share in covered(found, range(25), 800, OPEN).values())


def test_an_interval_that_leaves_nothing_open_is_too_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("revealed.evaluation.off_policy.evaluate.unknown_value", lambda *_: 0.0)
    shares = covered(world(missing=4, missing_earns=2.0), range(25), 800, OPEN)
    assert all(shares[name] < 0.8 for name in ("ips", "dr")), shares


def test_too_much_that_could_not_be_shown_is_refused() -> None:
    log, kind = logged(WORLD, 8, 3_000)
    marginals = WORLD.asked.marginals(SERVED)
    elsewhere = Lists(np.where(np.arange(12) == 0, -1, WORLD.asked.items), WORLD.asked.utilities)
    policy = served(elsewhere, marginals, log, kind)
    found = evaluate_policy(log, policy, limits=OPEN)
    missing = marginals[:, 0].mean()
    assert missing > 0.15
    assert found.support.missing == pytest.approx(missing, abs=0.03)
    assert (
        f"{found.support.missing:.0%} of what the policy would show, these people could not" in found.reason
    )


def test_a_little_that_could_not_be_shown_is_refused_where_nothing_may_be_open() -> None:
    found = world(missing=4)
    log, kind = logged(found, 8, 4_000)
    policy = served(found.asked, found.asked.marginals(SERVED), log, kind)
    assert evaluate_policy(log, policy, limits=OPEN).verdict == "estimated"
    strict = evaluate_policy(log, policy, limits=SupportLimits(min_supported=0.0))
    assert strict.verdict == "refused"
    assert "the mean weight is" in strict.reason


def test_propensities_that_are_too_small_are_no_missing_choices() -> None:
    """The mean weight of a log that says half of the truth is 2: nothing of that can be left open."""
    log, kind = logged(WORLD, 8, 500)
    policy = served(WORLD.asked, WORLD.asked.marginals(SERVED), log, kind)
    found = evaluate_policy(replace(log, propensity=log.propensity / 2), policy, limits=OPEN)
    assert "log rank marginals" in found.reason

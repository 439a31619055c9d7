"""The estimators against enumeration, identities, plain loops and the coverage of their intervals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from logged_worlds import ASKED_WEIGHTS, CLICK, LOGGED_WEIGHTS, PLACES, asked, logged, slates, value

from revealed.evaluation.off_policy import PolicyLog, SupportLimits, Target, evaluate_policy, uniform
from revealed.evaluation.off_policy.estimators import ESTIMATORS, terms
from revealed.exploration.rank_marginals import plackett_luce_rank_marginals

ANYTHING = SupportLimits(0.0, 0.0, 1.0, 0.0, np.inf, 1.0, 0)


def expected_ips(propensity: np.ndarray) -> float:
    """The exact expectation of IPS over all slates, when these propensities ([items, places]) are logged."""
    target = plackett_luce_rank_marginals(ASKED_WEIGHTS, PLACES)
    return (
        sum(
            chance * target[item, place] / propensity[item, place] * CLICK[item, place]
            for slate, chance in slates(LOGGED_WEIGHTS)
            for place, item in enumerate(slate)
        )
        / PLACES
    )


def test_rank_marginals_are_the_propensities_and_nothing_that_looks_like_them() -> None:
    truth = value(ASKED_WEIGHTS)
    marginals = plackett_luce_rank_marginals(LOGGED_WEIGHTS, PLACES)
    assert expected_ips(marginals) == pytest.approx(truth, rel=1e-9)
    softmax = np.tile((LOGGED_WEIGHTS / LOGGED_WEIGHTS.sum())[:, None], (1, PLACES))
    inclusion = np.tile(marginals.sum(axis=1)[:, None], (1, PLACES))
    for impostor in (softmax, inclusion):
        assert abs(expected_ips(impostor) - truth) > 0.05 * truth


def test_the_probability_of_one_draw_is_not_the_rank_marginal() -> None:
    """At the second place, given the first: it depends on the slate, so that its expectation is summed by slates."""
    target = plackett_luce_rank_marginals(ASKED_WEIGHTS, PLACES)
    by_step = 0.0
    for slate, chance in slates(LOGGED_WEIGHTS):
        left = LOGGED_WEIGHTS.sum()
        for place, item in enumerate(slate):
            by_step += chance * target[item, place] / (LOGGED_WEIGHTS[item] / left) * CLICK[item, place]
            left -= LOGGED_WEIGHTS[item]
    assert abs(by_step / PLACES - value(ASKED_WEIGHTS)) > 0.02 * value(ASKED_WEIGHTS)


def test_equal_policies_earn_what_was_earned() -> None:
    log = logged(1, 300)
    marginals = plackett_luce_rank_marginals(LOGGED_WEIGHTS, PLACES)
    same = Target("same", marginals[[int(name) for name in log.items]].T[None], np.zeros((1, PLACES)))
    found = evaluate_policy(log, same)
    assert found.verdict == "estimated"
    by_name = {entry.estimator: entry for entry in found.estimators}
    for name in ("ips", "clipped_ips", "snips"):
        assert by_name[name].estimate == pytest.approx(log.reward.mean(), abs=1e-12)
        assert by_name[name].ess == pytest.approx(log.rows)
    assert found.logging.estimate == pytest.approx(log.reward.mean(), abs=1e-12)


def test_estimates_of_plain_loops() -> None:
    log = logged(2, 40)
    target = asked(log)
    weight = target.propensity(log) / log.propensity
    found = {
        entry.estimator: entry.estimate
        for entry in evaluate_policy(log, target, clip=2.0, limits=ANYTHING).estimators
    }
    rows = range(log.rows)
    assert found["ips"] == pytest.approx(sum(weight[i] * log.reward[i] for i in rows) / log.rows)
    capped = sum(min(weight[i], 2.0) * log.reward[i] for i in rows) / log.rows
    assert found["clipped_ips"] == pytest.approx(capped)
    by_place = []
    for place in range(PLACES):
        here = [i for i in rows if log.position[i] == place]
        ratio = sum(weight[i] * log.reward[i] for i in here) / sum(weight[i] for i in here)
        by_place.append(len(here) / log.rows * ratio)
    assert found["snips"] == pytest.approx(sum(by_place))


def test_without_predictions_doubly_robust_is_ips(monkeypatch: pytest.MonkeyPatch) -> None:
    log = logged(3, 100)
    nothing = np.zeros((1, PLACES, len(log.items)))
    monkeypatch.setattr("revealed.evaluation.off_policy.estimators.predict", lambda *_: nothing)
    found = {
        entry.estimator: entry.estimate
        for entry in evaluate_policy(log, asked(log), limits=ANYTHING).estimators
    }
    assert found["dr"] == pytest.approx(found["ips"], rel=1e-12)


def test_the_cap_leads_from_the_model_to_doubly_robust() -> None:
    log = logged(4, 200)
    target = asked(log)
    weight = target.propensity(log) / log.propensity

    def means(clip: float) -> dict[str, float]:
        parts = terms(log, target, weight, clip, seed=7)
        return dict(zip(ESTIMATORS, parts.values(parts.columns.sum(axis=0)), strict=True))

    assert means(np.inf)["switch_dr"] == pytest.approx(means(np.inf)["dr"], rel=1e-12)
    assert means(np.inf)["clipped_ips"] == pytest.approx(means(np.inf)["ips"], rel=1e-12)
    nothing = means(1e-12)
    assert nothing["clipped_ips"] == pytest.approx(0.0, abs=1e-9)
    blind = replace(log, reward=log.reward * 0 + log.reward.mean())
    parts = terms(blind, target, weight, 1e-12, seed=7)
    assert parts.values(parts.columns.sum(axis=0))[-1] == pytest.approx(log.reward.mean(), rel=1e-9)


def test_self_normalised_values_stay_within_the_rewards() -> None:
    log = logged(5, 30)
    wild = replace(log, propensity=np.maximum(log.propensity**4, 1e-6))
    found = {
        entry.estimator: entry.estimate
        for entry in evaluate_policy(wild, asked(log), limits=ANYTHING).estimators
    }
    assert 0.0 <= (found["snips"] or 0.0) <= 1.0 < (found["ips"] or 0.0)


def test_intervals_are_of_people_not_of_rows() -> None:
    """Everybody clicks on all or on nothing: rows of one person say the same thing over and over."""
    log = logged(6, 100, requests=20)
    decided = np.random.default_rng(6).random(100) < 0.3
    log = replace(log, reward=decided[log.person].astype(float))
    alone = replace(log, person=np.arange(log.rows))

    def width(found: PolicyLog) -> float:
        entry = evaluate_policy(found, uniform(found), limits=ANYTHING).estimators[2]
        return (entry.ci_high or 0.0) - (entry.ci_low or 0.0)

    assert width(log) > 2 * width(alone)


def covered(worlds: range) -> dict[str, float]:
    truth, hits = value(ASKED_WEIGHTS), dict.fromkeys(ESTIMATORS, 0)
    for seed in worlds:
        log = logged(seed, 500)
        for entry in evaluate_policy(log, asked(log), limits=ANYTHING, replicates=400).estimators:
            hits[entry.estimator] += (entry.ci_low or 1.0) <= truth <= (entry.ci_high or 0.0)
    return {name: count / len(worlds) for name, count in hits.items()}


def test_intervals_cover_the_truth() -> None:
    """200 worlds: the standard error of a share of .95 is .015."""
    assert all(0.90 <= share <= 0.99 for share in covered(range(200)).values())


@pytest.mark.slow
def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    """3,000 worlds: the standard error of a share of .95 is .004."""
    shares = covered(range(10_000, 13_000))
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares

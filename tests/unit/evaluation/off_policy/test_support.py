"""When a log cannot answer, it must say so, and what would be needed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from logged_worlds import PLACES, asked, logged

from revealed.errors import UsageError
from revealed.evaluation.off_policy import PolicyLog, Target, evaluate_policy, uniform

LOG = logged(11, 1_000)


def refused(log: PolicyLog, target: Target, *reasons: str, clip: float | None = None) -> None:
    found = evaluate_policy(log, target, clip=clip, replicates=200)
    assert found.verdict == "refused"
    for reason in reasons:
        assert reason in found.reason
    for entry in found.estimators:
        assert (entry.verdict, entry.estimate, entry.ci_low, entry.ci_high) == ("refused", None, None, None)
    assert found.logging.estimate == pytest.approx(log.reward.mean())


def test_the_world_of_these_tests_is_answered() -> None:
    assert evaluate_policy(LOG, asked(LOG)).verdict == "estimated"


def test_a_degenerate_log_has_no_effective_sample() -> None:
    """One row in a thousand explores: the two of them carry nearly all the weight."""
    propensity = np.where(np.arange(LOG.rows) % 1000 == 0, 2e-5, 0.99)
    refused(replace(LOG, propensity=propensity), uniform(LOG), "effective sample of 2.1", "one row has 49")


def test_too_few_rows_say_how_many_it_takes() -> None:
    small = logged(12, 60)
    found = evaluate_policy(small, asked(small))
    assert found.verdict == "refused"
    takes = int(found.reason.split("it takes about ")[1].split(" rows")[0].replace(",", ""))
    assert takes == pytest.approx(120 * 200 / found.support.ess, abs=1)
    enough = logged(12, takes // PLACES * 2)
    assert evaluate_policy(enough, asked(enough)).verdict == "estimated"


def test_choices_that_the_log_never_makes_are_not_guessed() -> None:
    target = asked(LOG)
    elsewhere = Target("elsewhere", target.marginals * 0.97, target.unseen + 0.03)
    refused(LOG, elsewhere, "3.0% of what the policy would show, the log never shows")


def test_propensities_that_are_no_marginals_show_in_the_mean_weight() -> None:
    """The chance of being in the slate at all, instead of at this position: twice as large."""
    refused(replace(LOG, propensity=LOG.propensity * 0.5), asked(LOG), "the mean weight is", "rank marginals")


def test_a_cap_that_takes_much_is_said_of_the_capped_estimators_alone() -> None:
    found = evaluate_policy(LOG, asked(LOG), clip=1.0)
    by_name = {entry.estimator: entry for entry in found.estimators}
    assert found.verdict == "estimated"
    assert by_name["ips"].verdict == by_name["dr"].verdict == "estimated"
    for name in ("clipped_ips", "switch_dr"):
        assert by_name[name].verdict == "refused"
        assert by_name[name].estimate is None
        assert "takes away" in by_name[name].reason


def test_a_handful_of_people_has_no_interval() -> None:
    few = replace(LOG, person=np.arange(LOG.rows) % 10)
    refused(few, asked(few), "10 people are too few")


def test_a_cap_of_nothing_is_no_cap() -> None:
    with pytest.raises(UsageError, match="means nothing"):
        evaluate_policy(LOG, asked(LOG), clip=0.0)

"""The bars: ratios of CPU seconds within one run, so that another machine can be held to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from revealed.benchmarks.scale.builds import cpu_of_models, everyday_models, model_cost
from revealed.benchmarks.scale.handwritten import SAME_WORK

_LAST_TOUCH_PEAK_MB = 2048
_EVENTS_THAT_TELL = 500_000
_DAILY_LIMITS = {"int_events_deduplicated": 0.10, "int_events_matched": 0.08, "fct_impression_outcomes": None}


@dataclass(frozen=True)
class Check:
    """One bar. A `limit` of None is information; a `value` of None could not be measured.

    Attributes:
        check: what is compared with what.
        value: measured.
        limit: the largest value that passes.
        is_too_small: the bar is of millions of lines; at this size fixed costs are all there is.
    """

    check: str
    value: float | None
    limit: float | None
    is_too_small: bool = False

    @property
    def verdict(self) -> str:
        """`ok`, `missed`, `too small`, or empty where there is no limit."""
        if self.value is None or self.limit is None:
            return ""
        if self.is_too_small:
            return "too small"
        return "ok" if self.value <= self.limit else "missed"

    def to_dict(self) -> dict[str, Any]:
        """Return the check as one table row."""
        value = None if self.value is None else round(self.value, 4)
        return {"check": self.check, "value": value, "limit": self.limit, "verdict": self.verdict}


def judge(figures: dict[str, Any]) -> list[Check]:
    """Return every check, from the figures of one run (see `bench_feedback`)."""
    timed = [
        *_join_checks(figures["queries"]),
        *_hot_pair_checks(figures),
        *_daily_checks(figures),
        *_chain_checks(figures),
    ]
    is_small = figures["log"]["events"] < _EVENTS_THAT_TELL
    return [*(replace(check, is_too_small=is_small) for check in timed), *_zero_checks(figures)]


def ratio(one: float, other: float) -> float | None:
    """Return one / other, None where the other is nothing."""
    return one / other if other > 0 else None


def _join_checks(queries: dict[str, dict[str, Any]]) -> list[Check]:
    def cpu(name: str) -> float:
        return float(queries[name]["cpu_s"])

    limited = ("direct join", "last touch", "session gaps", "deduplication")
    return [
        Check("direct join / scan of the same files", ratio(cpu("direct join"), cpu("scan")), 8),
        Check("as-of + semi-join / scan", ratio(cpu("last touch"), cpu("scan")), 6),
        Check("as-of + semi-join: peak memory, MB", queries["last touch"]["peak_mb"], _LAST_TOUCH_PEAK_MB),
        Check("session gaps / scan", ratio(cpu("session gaps"), cpu("scan")), 7),
        Check("session ids / session gaps", ratio(cpu("session ids"), cpu("session gaps")), 2.6),
        Check(
            "with the memory limit / without",
            ratio(sum(map(cpu, limited)), sum(cpu(f"{name}, unlimited") for name in limited)),
            1.15,
        ),
    ]


def _hot_pair_checks(figures: dict[str, Any]) -> list[Check]:
    queries = figures["queries"]
    query = ratio(queries["last touch, hot pair"]["cpu_s"], queries["last touch, a week"]["cpu_s"])
    model = ratio(figures["hot model"]["cpu_s"], figures["cold model"]["cpu_s"])
    return [
        Check("hot bot pair / none: the query", query, 1.3),
        Check("hot bot pair / none: int_events_matched", model, 1.3),
    ]


def _daily_checks(figures: dict[str, Any]) -> list[Check]:
    full, day, short = figures["scratch"], figures["increment"], figures["short increment"]
    everyday = everyday_models(day)

    def of_models(one: dict[str, Any], other: dict[str, Any]) -> float | None:
        return ratio(cpu_of_models(one, everyday), cpu_of_models(other, everyday))

    queries = figures["queries"]
    shares = [
        Check(
            f"a day / all days: {model}",
            ratio(model_cost(day, model), model_cost(full, model)),
            limit,
        )
        for model, limit in _DAILY_LIMITS.items()
    ]
    outcomes = "fct_impression_outcomes"
    rebuild = model_cost(full, outcomes) + queries["all days wide"]["cpu_s"]
    return [
        Check(
            "a day's outcomes / all outcomes and wide rows", ratio(model_cost(day, outcomes), rebuild), 0.08
        ),
        *shares,
        Check(
            "reading two days of fct_impressions / all days",
            ratio(queries["two days wide"]["cpu_s"], queries["all days wide"]["cpu_s"]),
            0.13,
        ),
        Check("a day, long / short history: incremental models", of_models(day, short), 1.3),
        Check("a day, long / short history: everything", ratio(day["cpu_s"], short["cpu_s"]), None),
        Check("a day / build from scratch: incremental models", of_models(day, full), None),
        Check("a day / build from scratch: everything", ratio(day["cpu_s"], full["cpu_s"]), None),
    ]


def _chain_checks(figures: dict[str, Any]) -> list[Check]:
    by_hand = figures["by hand"]["cpu_s"]
    core = cpu_of_models(figures["scratch"], SAME_WORK)
    return [
        Check("core of the chain / the same work by hand", ratio(core, by_hand), 1.3),
        Check("all models / the core by hand", ratio(cpu_of_models(figures["scratch"], None), by_hand), None),
    ]


def _zero_checks(figures: dict[str, Any]) -> list[Check]:
    return [
        Check("events matched otherwise than by hand", figures["different matches"], 0),
        Check(
            "marts that differ after an increment from a build from scratch", figures["different marts"], 0
        ),
    ]

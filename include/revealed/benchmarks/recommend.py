"""Everybody's list of 100, what they have seen left out: ours, implicit's, the product alone: `revealed bench recommend`.

CPU seconds, each way in a process of its own (docs/decisions/bench-cpu-seconds-in-own-processes.md), on factors fitted to
generated feedback, and on the same factors brought to equal length, where no item can be left out unseen.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from revealed.benchmarks.scale.checks import Check, ratio
from revealed.benchmarks.scale.measure import machine_megabytes
from revealed.benchmarks.scale.worker import run_task
from revealed.benchmarks.training_feedback import FeedbackSize
from revealed.progress import Progress, quiet
from revealed.settings import Settings

LIST_LENGTH = 100
FACTORS = 64
# implicit's CPU seconds over ours, turned over: a value passes that is at most this.
_SHARE_OF_IMPLICIT = 0.5
_CASES = (("fitted", False), ("fitted", True), ("equal", False))


@dataclass(frozen=True)
class RecommendSize:
    """One scale: the feedback that factors are fitted to, and for how many users lists are made."""

    feedback: FeedbackSize
    users: int
    is_full: bool = False


SIZES: dict[str, RecommendSize] = {
    "tiny": RecommendSize(FeedbackSize(1_500, 800, 30_000), 700),
    "quick": RecommendSize(FeedbackSize(40_000, 20_000, 1_000_000), 20_000),
    "full": RecommendSize(FeedbackSize(300_000, 100_000, 5_000_000), 20_000, is_full=True),
}


def bench_recommend(size: RecommendSize, *, progress: Progress = quiet) -> dict[str, Any]:
    """Return `ways` (one row a way and case), `agreement` with implicit, `checks`, and what was measured on.

    Args:
        size: how much.
        progress: told what is being measured.
    """
    with tempfile.TemporaryDirectory() as folder:
        settings = replace(Settings.from_env(), home=Path(folder))
        progress("generating feedback and fitting factors")
        shape = run_task(
            settings,
            "recommend_tasks.fit_factors",
            size=asdict(size.feedback),
            factors=FACTORS,
            users=size.users,
            folder=folder,
        )
        cases = [_case(settings, folder, items, folded, progress) for items, folded in _CASES]
    return {
        "shape": shape | {"factors": FACTORS, "k": LIST_LENGTH},
        "machine": {"cores": os.cpu_count(), "memory_gb": round(machine_megabytes() / 1024)},
        "ways": [row for case in cases for row in _rows(case, shape["users"])],
        "agreement": [{"case": case["case"], **case["agreement"]} for case in cases],
        "checks": [check.to_dict() for check in _checks(cases, size.is_full)],
    }


def _case(settings: Settings, folder: str, items: str, folded: bool, progress: Progress) -> dict[str, Any]:
    name = f"{items} lengths" if items == "equal" else f"{items}, users solved anew" if folded else items
    found: dict[str, Any] = {"case": name, "is_bar": (items, folded) == _CASES[0], "ways": {}}
    lists: dict[str, Any] = {"folder": folder, "items": items, "k": LIST_LENGTH, "folded": folded}
    for way, task in (("implicit", "by_implicit"), ("ours", "by_ours")):
        progress(f"{name}: {way}")
        found["ways"][way] = run_task(settings, f"recommend_tasks.{task}", **lists)
    if not folded:
        progress(f"{name}: the product alone")
        found["ways"]["product alone"] = run_task(
            settings, "recommend_tasks.by_product", folder=folder, items=items
        )
    found["agreement"] = run_task(
        settings, "recommend_tasks.compare_lists", folder=folder, items=items, folded=folded
    )
    return found


def _rows(case: dict[str, Any], users: int) -> list[dict[str, Any]]:
    return [
        {
            "factors": case["case"],
            "way": way,
            "cpu_s": round(cost["cpu_s"], 2),
            "users_per_cpu_s": round(users / cost["cpu_s"]) if cost["cpu_s"] else None,
            "wall_s": round(cost["wall_s"], 2),
            "peak_mb": round(cost["peak_mb"]),
        }
        for way, cost in case["ways"].items()
    ]


def _checks(cases: list[dict[str, Any]], is_full: bool) -> list[Check]:
    checks = []
    for case in cases:
        ours, theirs = case["ways"]["ours"]["cpu_s"], case["ways"]["implicit"]["cpu_s"]
        limit = _SHARE_OF_IMPLICIT if case["is_bar"] else None
        name = f"{case['case']}: ours / implicit, CPU seconds"
        checks.append(Check(name, ratio(ours, theirs), limit, is_too_small=not is_full))
        if case["is_bar"]:
            checks.append(Check("items in other places, but for equal scores", case["agreement"]["apart"], 0))
    return checks

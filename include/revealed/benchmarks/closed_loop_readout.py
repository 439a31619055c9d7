"""What the judge reads: figures an arm and generation, and paired differences between arms with intervals over seeds.

A session begins with the article that a visitor came for, which no list chose; what is read from lists comes on top. So
articles a session are one and the reads, and a single-article session is one without a read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import t as student

from revealed.benchmarks.closed_loop_arms import EXPLORING, ORACLE
from revealed.benchmarks.closed_loop_service import Shown
from revealed.exploration.rank_marginals import Floats

Row = dict[str, Any]
FIGURES = ("engagement", "possible", "articles", "single", "new", "satisfied")
# The last generations together are how an arm ends.
LAST = 2
_CONFIDENCE = 0.95


def per_generation(seed: int, arm: str, notes: Sequence[Shown]) -> list[Row]:
    """Return one row a generation.

    `engagement`: expected satisfied reads a session, by the truth (examination x relevance x satisfaction, summed over what
    was shown); `possible`: its share of the best that could have been shown; `articles` a session, the first included;
    `single`: share of sessions without a further one; `new`: share of shown items younger than two days; `satisfied`:
    reads a session, each by how satisfying it was; `sessions`.
    """
    generations = sorted({note.generation for note in notes})
    return [_row(seed, arm, at, [note for note in notes if note.generation == at]) for at in generations]


def _row(seed: int, arm: str, generation: int, notes: Sequence[Shown]) -> Row:
    session = np.concatenate([note.session for note in notes])
    value = np.concatenate([note.value for note in notes])
    which = np.unique(session, return_inverse=True)[1]
    reads = np.bincount(which, np.concatenate([note.reads for note in notes]))
    return {
        "seed": seed,
        "arm": arm,
        "generation": generation,
        "sessions": len(reads),
        "engagement": float(value.sum() / len(reads)),
        "possible": float(value.sum() / np.concatenate([note.possible for note in notes]).sum()),
        "articles": float(1 + reads.mean()),
        "single": float((reads == 0).mean()),
        "new": float(np.concatenate([note.new for note in notes]).mean()),
        "satisfied": float(np.concatenate([note.satisfied for note in notes]).sum() / len(reads)),
    }


def summarised(rows: Sequence[Row]) -> list[Row]:
    """Return the mean over seeds of every figure, an arm and generation, and the regret to the oracle where it took part."""
    found = []
    for arm in dict.fromkeys(row["arm"] for row in rows):
        for generation in sorted({row["generation"] for row in rows}):
            of = [row for row in rows if (row["arm"], row["generation"]) == (arm, generation)]
            best = [row for row in rows if (row["arm"], row["generation"]) == (ORACLE.name, generation)]
            means = {name: float(np.mean([row[name] for row in of])) for name in FIGURES}
            low, high = interval(np.array([row["engagement"] for row in of]))
            regret = np.mean([row["engagement"] for row in best]) - means["engagement"] if best else None
            found.append(
                {
                    "arm": arm,
                    "generation": generation,
                    **means,
                    "engagement_low": low,
                    "engagement_high": high,
                    "regret": None if regret is None else float(regret),
                }
            )
    return found


def compared(rows: Sequence[Row], last: int) -> list[Row]:
    """Return paired differences over the last generations, seed by seed, with intervals over seeds (Student's t).

    The exploring arm less each other one, in every figure; and its last generations less its first.
    """
    names = list(dict.fromkeys(row["arm"] for row in rows))
    if EXPLORING.name not in names:
        return []
    ends = range(max(last - LAST + 1, 1), last + 1)
    end = _Part(EXPLORING.name, ends)
    pairs = [(f"exploring less {name}", _Part(name, ends)) for name in names if name != EXPLORING.name]
    pairs.append(("exploring, end less beginning", _Part(EXPLORING.name, range(1, 2))))
    return [{"difference": title} | _difference(rows, end, other) for title, other in pairs]


@dataclass(frozen=True)
class _Part:
    """Some generations of an arm."""

    arm: str
    generations: range

    def of(self, rows: Sequence[Row], figure: str) -> Floats:
        """Return the figure's mean over the generations, a value a seed."""
        own = [row for row in rows if row["arm"] == self.arm and row["generation"] in self.generations]
        seeds = sorted({row["seed"] for row in own})
        return np.array([np.mean([row[figure] for row in own if row["seed"] == seed]) for seed in seeds])


def _difference(rows: Sequence[Row], one: _Part, other: _Part) -> Row:
    found: Row = {}
    for figure in ("engagement", "possible", "articles", "single"):
        ours, theirs = one.of(rows, figure), other.of(rows, figure)
        low, high = interval(ours - theirs)
        found |= {figure: float((ours - theirs).mean()), f"{figure}_low": low, f"{figure}_high": high}
        found[f"{figure}_change"] = float((ours / theirs).mean() - 1)
    return found


def interval(values: Floats) -> tuple[float | None, float | None]:
    """Return the 95 % interval of the mean by Student's t; nothing for a single value."""
    if len(values) < 2:
        return None, None
    half = student.ppf((1 + _CONFIDENCE) / 2, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean() - half), float(values.mean() + half)

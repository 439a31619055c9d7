"""The closed-loop experiment's figures as tables."""

from __future__ import annotations

from typing import Any

from revealed.commands.output import table

Row = dict[str, Any]


def report(figures: dict[str, Any]) -> str:
    """Return three tables: an arm and generation each, the differences at the end, and each seed's end."""
    parts = [
        f"seeds {', '.join(str(seed) for seed in figures['seeds'])}; engagement: expected satisfied reads a session",
        table([_generation(row) for row in figures["generations"]]),
        "the last two generations, paired by seed, with 95 % intervals over seeds (Student's t)",
        table([_difference(row) for row in figures["differences"]]),
        "the last generation, seed by seed: engagement",
        table(_ends(figures["rows"])),
    ]
    return "\n\n".join(part for part in parts if part)


def _generation(row: Row) -> Row:
    return {
        "arm": row["arm"],
        "generation": row["generation"],
        "engagement": f"{row['engagement']:.3f}",
        "regret": "" if row["regret"] is None else f"{row['regret']:.3f}",
        "of what was possible": f"{row['possible']:.0%}",
        "articles": f"{row['articles']:.2f}",
        "single-article": f"{row['single']:.0%}",
        "new items": f"{row['new']:.0%}",
    }


def _difference(row: Row) -> Row:
    return {
        "difference": row["difference"],
        "engagement": _with_interval(row, "engagement"),
        "articles": _with_interval(row, "articles"),
        "articles, %": f"{row['articles_change']:+.0%}",
        "single-article": _with_interval(row, "single"),
        "single-article, %": f"{row['single_change']:+.0%}",
    }


def _with_interval(row: Row, figure: str) -> str:
    if row[f"{figure}_low"] is None:
        return f"{row[figure]:+.3f}"
    return f"{row[figure]:+.3f} ({row[f'{figure}_low']:+.3f} ... {row[f'{figure}_high']:+.3f})"


def _ends(rows: list[Row]) -> list[Row]:
    last = max(row["generation"] for row in rows)
    seeds = sorted({row["seed"] for row in rows})
    value = {(row["arm"], row["seed"]): row["engagement"] for row in rows if row["generation"] == last}
    return [
        {"arm": arm} | {f"seed {seed}": f"{value[arm, seed]:.3f}" for seed in seeds}
        for arm in dict.fromkeys(row["arm"] for row in rows)
    ]

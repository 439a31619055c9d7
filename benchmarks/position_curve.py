"""Draw a simulated home's position curves against their planted truth: `python benchmarks/position_curve.py PICTURE`.

Reads the published warehouse of REVEALED_HOME (`revealed simulate`, then `revealed run`) and the truth beside its landing
folder, and prints the errors as JSON.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from revealed.durable import write_bytes
from revealed.engines.duckdb import connect, literal
from revealed.evaluation.position_plot import PlottedCurve, position_plot
from revealed.settings import Settings

_CURVES = """
    with planted as (
        select surface, position, theta / first_value(theta) over (
            partition by surface order by position
        ) as theta
        from read_parquet({truth})
    )
    select surface, position, examination, ci_low, ci_high, naive_ctr_ratio as naive, method, theta, clicks
    from marts.rpt_position_bias
    inner join planted using (surface, position)
    where surface in (
        select surface from marts.rpt_position_bias group by surface having bool_and(examination is not null)
    )
    order by surface, position
"""


def read_curves(settings: Settings, database: Path) -> list[dict[str, Any]]:
    """Return the estimated curves with their truth, one row a position."""
    con = connect(settings, database, read_only=True)
    try:
        truth = settings.home / "simulation" / "truth" / "examination.parquet"
        cursor = con.execute(_CURVES.format(truth=literal(truth)))
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    finally:
        con.close()


def plotted(rows: list[dict[str, Any]]) -> PlottedCurve:
    """Return one surface's rows as a curve."""
    return PlottedCurve(
        positions=[row["position"] for row in rows],
        examination=[row["examination"] for row in rows],
        ci_low=[row["ci_low"] for row in rows],
        ci_high=[row["ci_high"] for row in rows],
        naive=[row["naive"] for row in rows],
        truth=[row["theta"] for row in rows],
        method=rows[0]["method"],
    )


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how far the curve is from its truth."""
    apart = [abs(row["examination"] / row["theta"] - 1) for row in rows]
    inside = [row["ci_low"] <= row["theta"] <= row["ci_high"] for row in rows]
    return {
        "method": rows[0]["method"],
        "clicks": sum(row["clicks"] for row in rows),
        "largest_error": round(max(apart), 3),
        "within_interval": f"{sum(inside)} of {len(rows)}",
    }


if __name__ == "__main__":
    home = Settings.from_env()
    found = read_curves(home, home.published_warehouse)
    by_surface = {
        name: [row for row in found if row["surface"] == name]
        for name in {row["surface"]: 0 for row in found}
    }
    write_bytes(Path(sys.argv[1]), position_plot({name: plotted(rows) for name, rows in by_surface.items()}))
    print(json.dumps({name: summary(rows) for name, rows in by_surface.items()}, indent=2))

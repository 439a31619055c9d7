"""One row per moment, surface and position: how likely people look there, relative to position 1."""

from __future__ import annotations


def model(dbt, session):
    from revealed.feedback.position_bias import examination_curves

    dbt.config(materialized="table")
    weights = dbt.ref("int_position_weights").to_arrow_table()
    cells = dbt.ref("int_position_cells")

    def read_cells(surfaces):
        names = ", ".join("'" + surface.replace("'", "''") + "'" for surface in surfaces)
        return cells.filter(f"surface in ({names})").to_arrow_table()

    return examination_curves(weights, read_cells)

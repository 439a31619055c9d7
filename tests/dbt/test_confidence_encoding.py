"""The number that the trainer reads, from the models' own rule: one plus alpha times the evidence (Hu, Koren, Volinsky)."""

from __future__ import annotations

from pathlib import Path

import pytest
from loop_steps import settings_at
from rendered_sql import render

from revealed.engines.duckdb import connect

pytestmark = [pytest.mark.dbt]

CASES = "(values (3.0, 0.0), (0.0, 0.0), (1.0, 1.5), (0.0, 9.0), (9.0, 0.0), (2.0, 2.0)) as pairs (p, n)"


def test_three_plays_at_alpha_forty_are_121(tmp_path: Path) -> None:
    settings = settings_at(tmp_path)
    query = f"select {{{{ signed_confidence('p', 'n', '1.0') }}}} as confidence from {CASES}"
    con = connect(settings)
    found = [row[0] for row in con.execute(render(settings, query)).fetchall()]
    con.close()
    # Three plays; nothing; half a piece against; clipped both ways; as much for as against says nothing (c = 1).
    assert found == [121.0, -1.0, -21.0, -200.0, 200.0, -1.0]

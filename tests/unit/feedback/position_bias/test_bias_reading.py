"""What people see of the curves: the command, its refusals, and the picture."""

from __future__ import annotations

import json
from pathlib import Path

import duckdb
import pytest
from typer.testing import CliRunner

from revealed.cli import app
from revealed.errors import NoDataError, NothingPublishedError
from revealed.evaluation.position_plot import PlottedCurve, position_plot
from revealed.settings import Settings


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("REVEALED_HOME", str(tmp_path))
    path = Settings.from_env().published_warehouse
    path.parent.mkdir(parents=True)
    return path


def write_curves(path: Path) -> None:
    con = duckdb.connect(str(path))
    con.execute("create schema marts")
    con.execute("""
        create table marts.rpt_position_bias as
        select * replace (
            examination::double as examination, ci_low::double as ci_low, ci_high::double as ci_high,
            naive_ctr_ratio::double as naive_ctr_ratio
        )
        from (values
            ('feed', 1, 1.0, 1.0, 1.0, 'hajek', null, 'policies m uniform', 50, 100, 1.0),
            ('feed', 2, 0.5, 0.4, 0.6, 'hajek', null, 'policies m uniform', 20, 100, 0.4),
            ('search', 1, null, null, null, 'refused', 'no propensity', null, 5, 9, 1.0),
            ('search', 2, null, null, null, 'refused', 'no propensity', null, 4, 9, 0.8)
        ) as t(surface, position, examination, ci_low, ci_high, method, reason, basis, clicks, impressions,
            naive_ctr_ratio), (select timestamp '2026-01-22' as as_of)
    """)
    con.close()


def test_curves_are_tables_and_refusals_are_said(published: Path) -> None:
    write_curves(published)
    text = CliRunner().invoke(app, ["bias"]).stdout
    assert "feed: hajek, as of 2026-01-22" in text
    assert "by policies m uniform" in text
    assert "0.5000  0.4000   0.6000" in text
    assert "search: refused" in text
    assert "refused at 1, 2: no propensity" in text


def test_json_has_every_column_and_null_where_refused(published: Path) -> None:
    write_curves(published)
    found = json.loads(CliRunner().invoke(app, ["bias", "--surface", "search", "--json"]).stdout)[
        "position_bias"
    ]
    assert [row["examination"] for row in found] == [None, None]
    assert {row["method"] for row in found} == {"refused"}


def test_an_unknown_surface_and_an_old_warehouse_are_refused(published: Path) -> None:
    duckdb.connect(str(published)).close()
    assert isinstance(CliRunner().invoke(app, ["bias"]).exception, NothingPublishedError)
    published.unlink()
    write_curves(published)
    assert isinstance(CliRunner().invoke(app, ["bias", "--surface", "nowhere"]).exception, NoDataError)


def test_the_picture_is_a_png_and_the_same_twice() -> None:
    curve = PlottedCurve([1, 2], [1.0, 0.5], [1.0, 0.4], [1.0, 0.6], [1.0, 0.3], "hajek", truth=[1.0, 0.55])
    picture = position_plot({"feed": curve, "email": curve})
    assert picture.startswith(b"\x89PNG")
    assert picture == position_plot({"feed": curve, "email": curve})

"""Verdicts on a visit, item by item of their definitions: the macros as the models expand them."""

from __future__ import annotations

from typing import Any

import duckdb
import jinja2
import numpy as np
import pytest
import yaml  # type: ignore[import-untyped]  # ships no types
from loop_steps import settings_at

pytestmark = [pytest.mark.dbt]


@pytest.fixture(scope="module")
def macros(tmp_path_factory: pytest.TempPathFactory) -> Any:
    project = settings_at(tmp_path_factory.mktemp("home")).dbt_project
    variables = yaml.safe_load((project / "dbt_project.yml").read_text())["vars"]
    template = jinja2.Environment().from_string((project / "macros" / "engagement.sql").read_text())
    return template.make_module({"var": variables.__getitem__})


def judge(macros: Any, macro: str, *arguments: str) -> Any:
    row = duckdb.sql(f"select {getattr(macros, macro)(*arguments)}").fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    ("active_ms", "z", "satisfied", "bounce"),
    [
        ("30000", "-2.0", True, False),
        ("29999", "-0.01", False, False),
        ("29999", "0.0", True, False),
        ("29999", "null", False, False),
        ("5000", "0.5", True, False),
        ("4999", "0.5", False, True),
        ("0", "-4.0", False, True),
        ("cast(null as bigint)", "null", False, False),
    ],
)
def test_satisfied_and_bounced(macros: Any, active_ms: str, z: str, satisfied: bool, bounce: bool) -> None:
    assert judge(macros, "is_satisfied", active_ms, z) is satisfied
    assert judge(macros, "is_bounce", "true", active_ms) is bounce
    assert judge(macros, "is_bounce", "false", active_ms) is False


CLICKBAIT = {
    "clicked": "true",
    "active_ms": "9000",
    "expected": "100",
    "z": "-1.0",
    "scroll": "null",
    "after": "false",
}


@pytest.mark.parametrize(
    ("change", "verdict"),
    [
        ({}, True),
        ({"clicked": "false"}, False),
        ({"active_ms": "10000"}, False),
        ({"active_ms": "cast(null as bigint)"}, False),
        ({"active_ms": "0"}, True),
        ({"expected": "16"}, False),
        ({"expected": "16", "active_ms": "7999"}, True),
        ({"expected": "null"}, True),
        ({"z": "0.0"}, False),
        ({"z": "null"}, True),
        ({"scroll": "0.5"}, True),
        ({"scroll": "0.51"}, False),
        ({"after": "true"}, False),
    ],
)
def test_clickbait(macros: Any, change: dict[str, str], verdict: bool) -> None:
    assert judge(macros, "is_clickbait", *(CLICKBAIT | change).values()) is verdict


@pytest.mark.parametrize(
    ("expected_s", "bucket"),
    [("14.9", "under_15s"), ("15", "15s_to_30s"), ("30", "30s_to_60s"), ("60", "60s_to_180s"), ("180", "from_180s"),
     ("null", "unknown")],
)  # fmt: skip
def test_classes_of_length(macros: Any, expected_s: str, bucket: str) -> None:
    assert judge(macros, "length_bucket", expected_s) == bucket


def test_a_time_that_is_not_known_has_no_z_and_none_at_all_is_short(macros: Any) -> None:
    norms = "(select 3.0 as mu, 0.5 as sigma) as norms"
    rows = duckdb.sql(
        f"select {macros.dwell_z('ms', 'norms')} from (values (1, null), (2, 0), (3, 20086)) as t(n, ms), {norms} order by n"
    ).fetchall()
    assert rows[0][0] is None
    assert rows[1][0] == pytest.approx((np.log(0.1) - 3.0) / 0.5)
    assert rows[2][0] == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(
    ("agent", "device"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Mobile/15E148", "mobile"),
        ("Mozilla/5.0 (Linux; Android 16; Pixel 10) Chrome/140 Mobile Safari/537.36", "mobile"),
        ("Mozilla/5.0 (Linux; Android 16; SM-X910) Chrome/140 Safari/537.36", "tablet"),
        ("Mozilla/5.0 (iPad; CPU OS 19_0 like Mac OS X) Version/19.0 Mobile/15E148 Safari/604.1", "tablet"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/140", "desktop"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 15_0) Safari/605", "desktop"),
        ("Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0) TV Safari/538.1", "other"),
        ("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)", "other"),
        ("NewsApp/5.2 (iOS; iPhone14,2)", "mobile"),
        ("NewsApp/5.2 (Android 16; Pixel)", "mobile"),
        ("curl/8.9", "other"),
    ],
)
def test_devices_by_user_agent(macros: Any, agent: str, device: str) -> None:
    assert judge(macros, "device_of", f"'{agent}'") == device
    assert judge(macros, "device_of", "cast(null as varchar)") is None

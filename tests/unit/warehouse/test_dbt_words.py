"""What is told of dbt's log while it runs, and what is kept of it for the day that it fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from dbt.events import core_types_pb2

from revealed.warehouse.dbt import _heard


def line(seconds: float | None, **node: Any) -> str:
    data = {"index": 45, "total": 148, "node_info": node}
    data |= {} if seconds is None else {"execution_time": seconds}
    return json.dumps({"data": data, "info": {"msg": "45 of 148 OK"}}) + "\n"


def test_only_what_took_long_is_told() -> None:
    told: list[tuple[str, int, int]] = []

    def progress(message: str, done: int = 0, total: int = 0) -> None:
        told.append((message, done, total))

    for seconds in (None, 0.4, 12.6):
        assert _heard(line(seconds, node_name="fct_events"), progress) == "45 of 148 OK"
    assert _heard(json.dumps({"data": {}, "info": {"msg": "Done."}}), progress) == "Done."
    assert told == [("dbt: fct_events, 13 s,", 45, 148)]


@pytest.mark.parametrize("message", ["LogModelResult", "LogTestResult", "LogSeedResult", "LogHookEndLine"])
def test_every_kind_of_result_that_dbt_logs_is_told(message: str) -> None:
    """A slow data test once ended a build: it counts under another name than a model does."""
    fields = getattr(core_types_pb2, message).DESCRIPTOR.fields_by_name
    data: dict[str, Any] = dict.fromkeys(fields, 7)
    data |= {"node_info": {"node_name": "slow"}, "execution_time": 4.0}
    told: list[tuple[str, int, int]] = []
    _heard(json.dumps({"data": data, "info": {"msg": "said"}}), lambda *words: told.append(words))
    assert told == [("dbt: slow, 4 s,", 7, 7)]


def test_a_line_of_the_interpreter_is_kept_as_it_is() -> None:
    assert _heard("MemoryError: no room\n", lambda *_: None) == "MemoryError: no room"

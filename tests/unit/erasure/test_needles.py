"""An id is found wherever it stands, and an id that only looks like it is somebody else's."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revealed.erasure.needles import Needles, holding, is_telling
from revealed.erasure.redacting import rows_of_person, without

ID = "user-0030"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("user-0030", True),
        ("a@b.de", True),
        ("u-1", False),
        ("271828", False),
        ("jonathan", False),
        ("9" * 12, True),
    ],
)
def test_which_ids_say_something_as_bytes(value: str, expected: bool) -> None:
    assert is_telling(value) is expected


def test_a_longer_id_of_somebody_else_is_not_found_and_an_unknown_longer_one_is() -> None:
    needles = Needles(frozenset({ID}), holding({ID}, ["user-00301", "x-user-0030", ID, "user-1"]))
    assert needles.others == {"user-00301", "x-user-0030"}
    assert not needles.in_text("user-00301 x-user-0030 anon:user-00301")
    assert needles.in_text("ses-user-0030-7")
    assert needles.in_text("user-00301user-0030")
    assert needles.mask_text("user-00301,user-0030") == "user-00301,*********"


def test_other_writings_of_an_id_are_found() -> None:
    needles = Needles(frozenset({'zoë&"1/2'}))
    told = 'zoë&"1/2'
    assert needles.positions(json.dumps(told).encode())
    assert needles.positions(json.dumps(told, ensure_ascii=False).encode())
    assert needles.positions(b"<td>zo\xc3\xab&amp;&quot;1/2</td>")
    assert needles.positions(b"/users/zo%C3%AB%26%221%2F2")
    assert needles.positions(told.encode("utf-32-le"))
    assert needles.positions(told.encode("utf-16-le"))


@given(before=st.binary(max_size=20), after=st.binary(max_size=20))
def test_masking_moves_nothing_and_leaves_nothing(before: bytes, after: bytes) -> None:
    needles = Needles(frozenset({ID}))
    data = before + ID.encode() + after
    masked = needles.mask(data)
    assert len(masked) == len(data)
    assert not needles.positions(masked)
    assert masked[: len(before)] == before.replace(ID.encode(), b"*" * len(ID))


def test_an_id_that_could_be_any_number_is_looked_for_in_identities_only() -> None:
    needles = Needles(frozenset({"7"}))
    assert not needles.in_text('{"rows": 7, "item_id": "7"}')
    assert needles.in_text('{"user_id": "7", "item_id": "9"}')
    assert needles.mask_text('{"user_id": "7", "item_id": "7"}') == '{"user_id": "*", "item_id": "7"}'
    assert needles.mask_text('{"user_id":"anon:7"}') == '{"user_id":"anon:*"}'
    values = pa.chunked_array([["7", "anon:7", "77", None]])
    theirs = needles.rows_of("actor_id", values)
    assert theirs is not None
    assert theirs.to_pylist()[:3] == [True, True, False]
    assert needles.rows_of("item_id", values) is None


@pytest.mark.parametrize("told", [ID, "7"])
def test_rows_are_the_persons_under_each_name_that_the_loop_has_for_them(told: str) -> None:
    """A warehouse, and what is made from it, knows a visitor as `anon:` and the id, in the column of users."""
    table = pa.table(
        {"user_id": [told, f"anon:{told}", f"anon:{told}1", None], "item_id": [None] * 3 + [told]}
    )
    needles = Needles(frozenset({told}))
    assert without(table, rows_of_person(table, needles))["user_id"].to_pylist() == [f"anon:{told}1", None]
    assert rows_of_person(table.slice(2), needles) is None

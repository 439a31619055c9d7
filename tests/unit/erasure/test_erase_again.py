"""An erasure that was killed is finished by whoever asks again, also if all that is left of the question is stars."""

from __future__ import annotations

import json

import pytest
from logs_with_people import ID, OTHER, child, event, put, sums, write_logs

from revealed.erasure.erase import erase
from revealed.erasure.needles import Needles
from revealed.erasure.pending import Pending
from revealed.erasure.search import search_home
from revealed.errors import UnknownPersonError
from revealed.landing import ingest_landing
from revealed.settings import Settings

ERASE = f"from revealed.erasure.erase import erase\nerase(settings, {ID!r}, asked_by='a test')\n"
STARS = "*" * len(ID)


@pytest.fixture
def killed(settings: Settings) -> Settings:
    """A home whose erasure was killed after Airflow's database had been overwritten."""
    write_logs(settings)
    ingest_landing(settings)
    assert child(settings, ERASE, fault="erasure_swept").returncode == 137
    return settings


def test_the_stars_that_are_left_of_an_id_finish_what_was_begun(killed: Settings) -> None:
    done = erase(killed, STARS, asked_by="a test")
    assert (done.content["runs"], done.content["asked_by"]) == (2, "a test")
    assert done.content["ledger"]["after"] == sums(killed)
    assert not list((killed.erasure / "pending").iterdir())
    assert search_home(killed, Needles(frozenset({ID}), frozenset({OTHER}))) == []


def test_stars_mean_nobody_where_nothing_or_more_than_one_thing_was_begun(killed: Settings) -> None:
    other = Pending("f" * 64, ["u-4711"], [], "somebody", "2026-01-01T00:00:00+00:00", 0)
    other.save(killed)
    with pytest.raises(UnknownPersonError):
        erase(killed, STARS, asked_by="a test")
    erase(killed, ID, asked_by="a test")
    (killed.erasure / "pending" / ("f" * 16 + ".json")).unlink()
    with pytest.raises(UnknownPersonError):
        erase(killed, STARS, asked_by="a test")


def test_a_person_may_be_called_by_stars(settings: Settings) -> None:
    put(settings.landing / "events" / "a.jsonl", json.dumps(event(1, STARS)).encode())
    ingest_landing(settings)
    assert erase(settings, STARS, asked_by="a test").content["raw"]["rows_events"] == 1

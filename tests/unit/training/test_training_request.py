"""Who competes is a matter of what was asked for, the settings, and the size of the data; nonsense is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest
from planted_world import settings_in

from revealed.errors import UsageError
from revealed.settings import Settings
from revealed.training import TrainingRequest
from revealed.training.request import ALL, FEW, LARGEST_FOR_ALL


def test_everybody_competes_on_small_data_and_few_on_large() -> None:
    assert set(TrainingRequest().names(1_000)) == set(ALL)
    assert set(TrainingRequest().names(LARGEST_FOR_ALL + 1)) == set(FEW)
    assert TrainingRequest(contenders=("bpr",)).names(LARGEST_FOR_ALL + 1) == ("bpr", "popularity")


def test_what_is_asked_for_comes_before_what_is_set(tmp_path: Path) -> None:
    settings = settings_in(tmp_path, contenders=("als",), tuning_trials=4)
    assert TrainingRequest.of(settings) == TrainingRequest(("als",), 4)
    asked = TrainingRequest.of(settings, contenders=("bpr", "content"), trials=9, fit="full")
    assert asked == TrainingRequest(("bpr", "content"), 9, "full")


def test_the_environment_names_contenders() -> None:
    found = Settings.from_env({"REVEALED_CONTENDERS": "als, bpr", "REVEALED_TUNING_TRIALS": "3"})
    assert (found.contenders, found.tuning_trials) == (("als", "bpr"), 3)
    assert Settings.from_env({}).contenders == ()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"contenders": ("als", "deep")}, "no model called deep"),
        ({"fit": "warm"}, "fit=warm"),
        ({"trials": -1}, "trials=-1"),
    ],
)
def test_nonsense_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        TrainingRequest(**wrong)  # type: ignore[arg-type]  # wrong on purpose

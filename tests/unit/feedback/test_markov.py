"""Removal effects: published numbers, a second derivation, and what must hold for any paths."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from revealed.errors import DamagedFileError
from revealed.feedback.markov import (
    CONVERSION,
    NULL,
    START,
    Transitions,
    channel_removal_effects,
    conversion_probability,
    removal_effects,
)

Paths = Sequence[tuple[Sequence[str], bool]]

channels = st.sampled_from(["a", "b", "c", "d", "e"])
random_paths = st.lists(
    st.tuples(st.lists(channels, min_size=1, max_size=6), st.booleans()), min_size=1, max_size=15
)


def transitions(paths: Paths) -> Transitions:
    counts: Counter[tuple[str, str]] = Counter()
    for path, converts in paths:
        counts.update(pairwise([START, *path, CONVERSION if converts else NULL]))
    return dict(counts)


def conversion_without(paths: Paths, gone: str | None) -> float:
    """Walk the chain a thousand steps, every step into `gone` ending in null: no solve, no fundamental matrix."""
    counts = transitions(paths)
    leaving: Counter[str] = Counter()
    for (origin, _), number in counts.items():
        leaving[origin] += number
    mass = {START: 1.0}
    converted = 0.0
    for _ in range(1000):
        arriving: dict[str, float] = {}
        for (origin, target), number in counts.items():
            share = mass.get(origin, 0.0) * number / leaving[origin]
            if target == CONVERSION:
                converted += share
            elif target not in (NULL, gone):
                arriving[target] = arriving.get(target, 0.0) + share
        mass = arriving
    return converted


def test_one_path_of_three_converts_and_two_parts_of_it_do_not() -> None:
    """The issue's example: {C1>C2>C3 converts; C1 null; C2>C3 null}."""
    paths: Paths = [(["C1", "C2", "C3"], True), (["C1"], False), (["C2", "C3"], False)]
    effects = removal_effects(transitions(paths))
    assert effects == {"C1": 0.5, "C2": 1.0, "C3": 1.0}
    assert [effect / sum(effects.values()) for effect in effects.values()] == pytest.approx(
        [0.2, 0.4, 0.4], abs=1e-12
    )
    assert conversion_probability(transitions(paths)) == pytest.approx(1 / 3, abs=1e-12)


def test_the_published_example_of_search_and_mailing() -> None:
    """Five paths, four conversions: google 2.4 of them, mailing 1.6."""
    paths: Paths = [
        (["google"], True),
        (["google"], True),
        (["mailing"], True),
        (["google", "mailing"], True),
        (["google"], False),
    ]
    effects = removal_effects(transitions(paths))
    assert effects == {"google": 0.75, "mailing": 0.5}
    credit = {channel: 4 * effect / sum(effects.values()) for channel, effect in effects.items()}
    assert credit == pytest.approx({"google": 2.4, "mailing": 1.6}, abs=1e-12)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(random_paths)
def test_an_effect_is_the_conversion_lost_when_the_channel_ends_in_null(paths: Paths) -> None:
    whole = conversion_without(paths, None)
    assume(whole > 0)
    effects = removal_effects(transitions(paths))
    assert set(effects) == {channel for path, _ in paths for channel in path}
    for channel, effect in effects.items():
        assert effect == pytest.approx(1 - conversion_without(paths, channel) / whole, abs=1e-6)
    assert conversion_probability(transitions(paths)) == pytest.approx(whole, abs=1e-6)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(random_paths)
def test_effects_are_shares_and_a_channel_that_converts_has_one(paths: Paths) -> None:
    effects = removal_effects(transitions(paths))
    assert all(0 <= effect <= 1 for effect in effects.values())
    converting = {channel for path, converts in paths if converts for channel in path}
    assert all(effects[channel] > 0 for channel in converting)
    if not converting:
        assert set(effects.values()) == {0.0}


def test_repeats_of_a_channel_are_steps_to_itself() -> None:
    """a>a>b: from a half of the steps lead back to a; all that counts is that everything passes through both."""
    paths: Paths = [(["a", "a", "b"], True), (["b"], False)]
    assert removal_effects(transitions(paths)) == {"a": 0.5, "b": 1.0}


def test_the_table_is_by_outcome_type_sorted_and_the_same_whatever_the_order() -> None:
    one = transitions([(["x", "y"], True), (["x"], False)])
    two = transitions([(["y"], True)])
    rows = [
        {"outcome_type": kind, "from_channel": origin, "to_channel": target, "paths": number}
        for kind, counts in (("purchase", one), ("click", two))
        for (origin, target), number in counts.items()
    ]
    table = channel_removal_effects(pa.Table.from_pylist(rows))
    assert table.equals(channel_removal_effects(pa.Table.from_pylist(rows[::-1])))
    assert table.to_pylist() == [
        {
            "outcome_type": "click",
            "channel": "y",
            "removal_effect": 1.0,
            "conversion_probability": 1.0,
            "visits": 1,
        },
        {
            "outcome_type": "purchase",
            "channel": "x",
            "removal_effect": 1.0,
            "conversion_probability": 0.5,
            "visits": 2,
        },
        {
            "outcome_type": "purchase",
            "channel": "y",
            "removal_effect": 1.0,
            "conversion_probability": 0.5,
            "visits": 1,
        },
    ]


def test_no_outcomes_give_an_empty_table_of_the_same_columns() -> None:
    schema = pa.schema(
        [
            ("outcome_type", pa.string()),
            ("from_channel", pa.string()),
            ("to_channel", pa.string()),
            ("paths", pa.int64()),
        ]
    )
    table = channel_removal_effects(schema.empty_table())
    assert table.num_rows == 0
    assert table.column_names == [
        "outcome_type",
        "channel",
        "removal_effect",
        "conversion_probability",
        "visits",
    ]


def test_hundreds_of_channels_are_solved_at_once_and_in_any_order() -> None:
    generator = np.random.default_rng(7)
    names = [f"model/{number}/policy" for number in range(400)]
    paths = [
        (
            [names[step] for step in generator.integers(0, 400, generator.integers(1, 6))],
            bool(generator.random() < 0.1),
        )
        for _ in range(5000)
    ]
    counts = transitions(paths)
    effects = removal_effects(counts)
    assert effects == removal_effects(dict(reversed(counts.items())))
    assert len(effects) == 400
    assert 0 < min(effects.values()) < max(effects.values()) < 0.05


def test_counts_that_are_not_of_whole_paths_are_refused() -> None:
    with pytest.raises(DamagedFileError, match="never ends"):
        removal_effects({(START, "a"): 1, ("a", "a"): 3})

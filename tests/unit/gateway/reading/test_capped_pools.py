"""No drawn slate exceeds a cap, whatever the draw, and its propensities are those of the draw that was made."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from callers import during
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from small_snapshots import TOPICS

from revealed.exploration.policy import Exploration, slate
from revealed.exploration.slate_propensities import plackett_luce_slate_propensities
from revealed.gateway.capped_pools import under_caps
from revealed.publishing.opened import RankedList
from revealed.publishing.rules import Cap
from revealed.settings import Settings

DRAWN = Exploration(temperature=5.0, candidates=12)


class Groups:
    """Items whose author is their id's first letter and whose topic is its second; `-` says neither."""

    def fields(self, item: str) -> dict[str, str | None]:
        author, topic = (None if letter == "-" else letter for letter in item[:2])
        return {"author": author, "topic": topic, "format": None, "item_id": item}


def ranked(names: list[str], pinned: dict[int, int] | None = None) -> RankedList:
    count = len(names)
    return RankedList(
        names, np.arange(count, 0, -1.0), -0.1 * np.arange(count), ["als"] * count, pinned or {}
    )


def capped(listed: RankedList, caps: list[Cap], k: int, exploration: Exploration = DRAWN) -> RankedList:
    return under_caps(listed, Groups(), caps, k, exploration)  # type: ignore[arg-type] - only `fields` is asked


def exceeds(shown: list[str], caps: list[Cap]) -> bool:
    for cap in caps:
        groups = Counter(Groups().fields(item)[cap.field] for item in shown[: cap.within])
        del groups[None]
        if groups and max(groups.values()) > cap.most:
            return True
    return False


cases = st.tuples(
    st.lists(st.sampled_from(["ax", "ay", "bx", "by", "-x", "c-", "--"]), min_size=1, max_size=14),
    st.lists(
        st.builds(
            Cap, field=st.sampled_from(["author", "topic"]), most=st.integers(1, 3), within=st.integers(1, 9)
        ),
        max_size=2,
    ),
    st.integers(1, 9),
    st.sampled_from([Exploration("greedy"), DRAWN, Exploration("epsilon_greedy", epsilon=1.0)]),
    st.integers(0, 1_000),
)


@hypothesis_settings(max_examples=300, deadline=None)
@given(cases)
def test_no_draw_exceeds_a_cap(case: tuple[list[str], list[Cap], int, Exploration, int]) -> None:
    groups, caps, k, exploration, seed = case
    names = [f"{group}{n}" for n, group in enumerate(groups)]
    found = capped(ranked(names), caps, k, exploration)
    drawn = (
        slate(np.random.default_rng(seed), found.utilities, k, exploration, pinned=found.pinned)
        if len(found)
        else None
    )
    shown = [found.item_ids[place] for place in drawn.order] if drawn else []
    assert not exceeds(shown, caps)
    assert len(set(shown)) == len(shown)
    # A slate ends early only where everything that is left would exceed a cap there.
    if len(shown) < min(k, len(names)):
        assert all(exceeds([*shown, item], caps) for item in set(names) - set(shown))


def test_the_best_of_a_group_stay_and_the_rest_keep_their_order() -> None:
    found = capped(ranked(["ax0", "ax1", "bx2", "ax3", "--4", "by5"]), [Cap("author", 1, 10)], 3)
    assert found.item_ids == ["ax0", "bx2", "--4"]
    assert found.pinned == {}
    assert capped(ranked(["ax0", "ax1"]), [], 2).item_ids == ["ax0", "ax1"]


def test_pins_count_and_what_a_short_pool_cannot_fill_stands_fixed_behind_the_cap() -> None:
    listed = ranked(["ax0", "ax1", "bx2", "ax3", "bx4"], {1: 3})
    found = capped(listed, [Cap("author", 1, 2)], 4)
    # Pinned: ax3. The pool: bx2. Behind the two first places anything may follow, the best first.
    assert found.item_ids == ["ax0", "ax1", "bx2", "ax3"]
    assert found.pinned == {1: 3, 2: 0, 3: 1}
    assert found.sources == ["als"] * 4


def test_served_slates_follow_the_caps_with_exact_propensities(settings: Settings) -> None:
    settings.rules.write_text('[[caps]]\nfield = "topic"\nmost = 3\nwithin = 10\n')
    answers = [during(settings, lambda made: made.recommend("u000", k=5)) for _ in range(4)]
    # Items 0, 2, 4 are the best news, 1, 3, 5 the best sport: a pool of six.
    log_weights = (-0.5 * np.arange(6) / 0.5).astype(float)
    for answer in answers:
        shown = [int(entry["item_id"][1:]) for entry in answer["items"]]
        assert max(Counter(TOPICS[n % 2] for n in shown).values()) <= 3
        expected = plackett_luce_slate_propensities(log_weights, np.array(shown))
        assert [entry["propensity"] for entry in answer["items"]] == pytest.approx(
            expected.tolist(), rel=1e-6
        )

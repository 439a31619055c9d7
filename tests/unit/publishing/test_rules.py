"""What rules.toml may say, what it means for an item, and that SQL and Python mean the same by it."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import duckdb
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from revealed.errors import InvalidInputError
from revealed.publishing.catalogue import allowed_sql
from revealed.publishing.rules import Filter, Pin, Rules, read_rules
from revealed.settings import Settings

EXAMPLE = (Path(__file__).parents[3] / "docs" / "rules.md").read_text().split("```toml\n")[1].split("```")[0]


def rules_of(tmp_path: Path, text: str) -> Rules:
    (tmp_path / "rules.toml").write_text(text)
    return read_rules(Settings(home=tmp_path, project_root=tmp_path))


def test_without_a_file_nothing_is_filtered_capped_or_pinned(tmp_path: Path) -> None:
    found = read_rules(Settings(home=tmp_path, project_root=tmp_path))
    assert found == Rules()
    assert (found.filters, found.caps, found.pins, found.exploration) == ((), (), (), {})


def test_the_documented_example_is_read(tmp_path: Path) -> None:
    found = rules_of(tmp_path, EXAMPLE)
    assert [len(found.filters), len(found.caps), len(found.pins)] == [3, 2, 2]
    assert found.exploration


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[filter]\nx = 1", "unknown field `filter`"),
        ("[[pins]]\nitem = 'a'", r"missing required field `position` - at `\$.pins\[0\]`"),
        ("[[pins]]\nitem = 'a'\nposition = 0", r"at `\$.pins\[0\].position`"),
        ("[[pins]]\nitem = 'a'\nposition = 1\nsurface = 'x'\ntopic = 'y'", "not both"),
        (
            "[[pins]]\nitem = 'a'\nposition = 1\nfrom = 2026-01-02\nto = 2026-01-01",
            "end .* before they begin",
        ),
        ("[[pins]]\nitem='a'\nposition=1\n[[pins]]\nitem='b'\nposition=1", "the same place"),
        ("[[pins]]\nitem='a'\nposition=1\n[[pins]]\nitem='a'\nposition=2\nsurface='x'", "the same item"),
        ("[[filters]]\nfield = 'topic'", "needs `allow` or `deny`"),
        ("[[filters]]\nfield = 'colour'\ndeny = ['red']", r"at `\$.filters\[0\].field`"),
        ("[[caps]]\nfield = 'author'\nmost = 0\nwithin = 5", r"at `\$.caps\[0\].most`"),
        ("[audit]\nmin_overlap = 2.0", r"at `\$.audit.min_overlap`"),
        ("not toml", "cannot be followed"),
    ],
)
def test_what_means_nothing_is_refused_by_its_place(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidInputError, match=told) as caught:
        rules_of(tmp_path, text)
    assert caught.value.where == str(tmp_path / "rules.toml")
    assert caught.value.exit_code == 17


def test_pins_in_places_that_never_meet_are_fine(tmp_path: Path) -> None:
    pin = "[[pins]]\nitem = '{}'\nposition = 1\n"
    rules_of(tmp_path, pin.format("a") + "surface = 'x'\n" + pin.format("b") + "surface = 'y'")
    rules_of(tmp_path, pin.format("a") + "to = 2026-01-01\n" + pin.format("b") + "from = 2026-01-02")


def test_pins_hold_on_their_days_both_included() -> None:
    pin = Pin("a", 1, first=date(2026, 1, 2), last=date(2026, 1, 3))
    assert [pin.is_active(date(2026, 1, day)) for day in (1, 2, 3, 4)] == [False, True, True, False]
    assert Pin("a", 1).is_active(date(1990, 1, 1))


def test_pins_of_everywhere_hold_in_every_list() -> None:
    everywhere, home, news = Pin("a", 2), Pin("b", 1, surface="home"), Pin("c", 1, topic="news")
    rules, day = Rules(pins=(everywhere, home, news)), date(2026, 1, 1)
    assert rules.pins_on(day) == (everywhere,)
    assert rules.pins_on(day, surface="home") == (home, everywhere)
    assert rules.pins_on(day, topic="news") == (news, everywhere)


def test_the_digest_follows_what_is_shown_and_nothing_else() -> None:
    plain = Rules()
    assert plain.digest == Rules(exploration={"policy": "uniform"}).digest
    assert plain.digest == msgspec.convert({"audit": {"min_overlap": 0.5}}, Rules).digest
    assert len({plain.digest, Rules(pins=(Pin("a", 1),)).digest, Rules(pins=(Pin("a", 2),)).digest}) == 3


VALUES = st.sampled_from(["a", "b", "it's", None])


@given(
    st.lists(
        st.builds(
            lambda field, names, deny, surface: Filter(
                field, deny=names if deny else (), allow=() if deny else names, surface=surface
            ),
            st.sampled_from(["item", "topic", "format", "author"]),
            st.lists(st.sampled_from(["a", "b", "it's"]), min_size=1, unique=True).map(tuple),
            st.booleans(),
            st.sampled_from([None, "home", "search"]),
        ),
        max_size=3,
    ),
    st.lists(st.tuples(st.sampled_from(["a", "b", "it's"]), VALUES, VALUES, VALUES), min_size=1, max_size=5),
)
def test_sql_and_python_let_the_same_items_pass(filters: list[Filter], items: list[tuple[str, ...]]) -> None:
    rules, names = Rules(filters=tuple(filters)), ("item_id", "topic", "format", "author")
    for surface in (None, "home"):
        for values in items:
            row = ", ".join(f"?::varchar as {name}" for name in names)
            found = duckdb.execute(
                f"select {allowed_sql(rules.filters_on(surface))} from (select {row})", values
            ).fetchone()
            assert found == (rules.allows(dict(zip(names, values, strict=True)), surface),)

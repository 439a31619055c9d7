from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from revealed.registry.page_limit import fit_page

BLOCKS = st.lists(st.text(st.characters(exclude_characters="\n"), max_size=40), max_size=12)


@given(BLOCKS, st.integers(0, 300))
def test_a_page_fits_and_one_that_fits_is_left_alone(blocks: list[str], limit: int) -> None:
    page = "\n\n".join(blocks)
    fitted = fit_page(page, limit)
    assert len(fitted) <= limit
    assert fitted == page or len(page) > limit


def test_the_longest_in_the_middle_goes_first_and_the_ends_stay() -> None:
    blocks = ["### decided", "| table |", "short", "x" * 4000, "y" * 900, "### Gates", "| gates |"]
    fitted = fit_page("\n\n".join(blocks), 1_200)
    assert "x" not in fitted
    assert fitted.split("\n\n")[:4] == ["### decided", "| table |", "short", "y" * 900]
    assert fitted.split("\n\n")[-2:] == ["### Gates", "| gates |"]
    assert "did not fit" in fitted


def test_fitting_again_says_so_once() -> None:
    blocks = ["a", "b", "c" * 3000, "d" * 900, "e", "f"]
    once = fit_page("\n\n".join(blocks), 1_500)
    again = fit_page(f"{once}\n\ng\n\n{'h' * 600}", 1_500)
    assert again.count("did not fit") == 1
    assert len(again) <= 1_500

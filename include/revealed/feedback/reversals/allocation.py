"""Which event a reversal takes back, and how much of it: returns, cancels, un-saves and undos against what they reverse.

A reversal names its original by event id, or by order, or not at all; then the person's most recent standing event of
that kind on that item is meant. Three passes, so that a guess never takes what another reversal names
(docs/decisions/reversals-allocation.md). A loop and not SQL: what a reversal finds depends on what those before it left.
"""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa

from revealed.feedback.reversals.book import Book, Stack
from revealed.feedback.reversals.rows import AllocationRows
from revealed.feedback.reversals.statements import DUST, Original, Reversal, read_originals, read_reversals


def allocate_reversals(
    originals: pa.Table, reversals: pa.Table, *, clock_tolerance: timedelta = timedelta(0)
) -> pa.Table:
    """Allocate reversals to originals and return one row per reversal and event that it takes back.

    Args:
        originals: event_id, event_type, polarity, actor_id, item_id, order_id, occurred_at, quantity, value, currency;
            events that are no reversals themselves.
        reversals: event_id, event_type, reversal_of (an event type, or 'any'), owner_id (the actor whose events it may
            take), item_id, order_id, reverses_event_id, occurred_at, quantity, value, currency.
        clock_tolerance: how much later than a reversal an original that it names may seem to have happened.

    Returns:
        reversal_event_id, original_event_id, evidence ('event_id' | 'order_id' | 'user_item' | 'none'),
        reversed_quantity (pieces), reversed_share (of the original; those of one original sum to at most 1, exactly, in
        nine decimals), reversed_value (money), share_of_reversal (sums to 1 per reversal, likewise). What found nothing
        is a row without original, evidence 'none'. Sorted, and the same whatever the order of the input.
    """
    taking = read_reversals(reversals)
    book = Book(read_originals(originals), taking)
    found = [(book.evidence(reversal), reversal) for reversal in taking]
    rows = AllocationRows()
    for evidence, slack in (
        ("event_id", clock_tolerance),
        ("order_id", clock_tolerance),
        ("user_item", None),
    ):
        slack_us = slack // timedelta(microseconds=1) if slack else 0
        for reversal in (reversal for level, reversal in found if level == evidence):
            stack = book.stack(reversal, evidence)
            if _takes_the_order(reversal, evidence):
                _take_all(reversal, stack, reversal.at_us + slack_us, rows)
            else:
                _take(reversal, stack, reversal.at_us + slack_us, evidence, rows)
    for reversal in (reversal for level, reversal in found if level == "none"):
        rows.add_unmatched(reversal, 0.0)
    return rows.to_table()


def _takes_the_order(reversal: Reversal, evidence: str) -> bool:
    """Whether it takes back every item of its order: no item and no amount named, or a cancel of no item.

    The money of such a cancel may count shipping, so that it decides nothing.
    """
    if evidence != "order_id" or reversal.item or reversal.pieces:
        return False
    return reversal.value is None or reversal.event_type == "cancel"


def _take_all(reversal: Reversal, stack: Stack, until_us: int, rows: AllocationRows) -> None:
    standing = list(stack.standing(until_us))
    for number, original in enumerate(standing):
        placed = (number / len(standing), (number + 1) / len(standing))
        before = original.taken
        original.take(original.standing)
        rows.add(reversal, original, "order_id", before, placed)
    if not standing:
        rows.add_unmatched(reversal, 0.0)


def _take(reversal: Reversal, stack: Stack, until_us: int, evidence: str, rows: AllocationRows) -> None:
    """Take from the latest standing original, then from the one before it, until the amount is reached."""
    placed = 0.0
    for original in stack.standing(until_us):
        whole = _share_of_original(reversal, original)
        share = original.standing if whole is None else min(original.standing, whole * (1.0 - placed))
        now = 1.0 if whole is None else placed + share / whole
        now = 1.0 if now > 1.0 - DUST else now
        before = original.taken
        original.take(share)
        rows.add(reversal, original, evidence, before, (placed, now))
        placed = now
        if placed >= 1.0:
            return
    rows.add_unmatched(reversal, placed)


def _share_of_original(reversal: Reversal, original: Original) -> float | None:
    """Return how many times the original the whole reversal is; None where it says no amount to compare by.

    Pieces where both count them, else money where both name it in one currency, else pieces of an original of one.
    """
    by_money = reversal.value is not None and original.value is not None and _one_currency(reversal, original)
    if reversal.pieces is not None and (original.pieces is not None or not by_money):
        return reversal.pieces / original.units
    if by_money:
        assert reversal.value is not None
        assert original.value is not None
        return reversal.value / original.value
    return None


def _one_currency(reversal: Reversal, original: Original) -> bool:
    return reversal.currency == original.currency or None in (reversal.currency, original.currency)

"""MLflow's columns for texts are short. PostgreSQL refuses what is longer; SQLite does not look."""

from __future__ import annotations

VERSION_CHARACTERS = 5_000
RUN_NOTE_CHARACTERS = 8_000
_FIRST, _LAST = 2, 2
_LEFT_OUT = "(What did not fit here is in the run's model card and evaluation.)"


def fit_page(page: str, limit: int) -> str:
    """Return `page` (Markdown) in at most `limit` characters, without its longest paragraphs where it has to be shorter.

    The first two paragraphs (what was decided, the comparison) and the last two (the gates, or where it comes from)
    stay; a line says that something is missing. A page that is too long even so is cut.
    """
    if len(page) <= limit:
        return page
    blocks = [block for block in page.split("\n\n") if block != _LEFT_OUT]
    blocks.insert(max(len(blocks) - _LAST, 0), _LEFT_OUT)
    while len("\n\n".join(blocks)) > limit and len(blocks) > _FIRST + _LAST + 1:
        middle = range(_FIRST, len(blocks) - _LAST - 1)
        del blocks[max(middle, key=lambda place: len(blocks[place]))]
    return "\n\n".join(blocks)[:limit]

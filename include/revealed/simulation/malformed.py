"""Lines that no contract accepts, of every kind that real collectors produce, at a known number each."""

from __future__ import annotations

from collections.abc import Callable

from revealed.simulation.config import WorldConfig

_OVERSIZE = 70_000


def _event(tail: str, *, actor: str = '"user_id":"user-0001",', kind: str = '"event_type":"click",') -> str:
    return '{"event_id":"bad-%d",' + kind + '"occurred_at":"%s",' + actor + tail + "}"


def _request(items: str) -> str:
    head = '{"request_id":"bad-%d","occurred_at":"%s","user_id":"user-0001","surface":"home_feed",'
    return (
        head + '"model_name":"als-home","model_version":"2026-01","policy":"uniform","items":' + items + "}"
    )


_EVENTS: dict[str, str] = {
    "broken_json": '{"event_id":"bad-%d","event_type":"click","occurred_at":"%s","user_id":"us',
    "not_an_object": '["bad-%d","click","%s"]',
    "wrong_type": _event('"dwell_ms":"long"'),
    "fraction_for_integer": _event('"position":1.7'),
    "not_a_number": _event('"value":NaN'),
    "infinite": _event('"value":Infinity'),
    "missing_field": _event('"item_id":"item-0001"', kind=""),
    "unknown_type": _event('"item_id":"item-0001"', kind='"event_type":"teleport",'),
    "bad_timestamp": '{"event_id":"bad-%d","event_type":"click","user_id":"u","occurred_at":"%sX25:61"}',
    "no_actor": _event('"item_id":"item-0001"', actor=""),
    "out_of_range": _event('"scroll_depth":7.5'),
    "not_utf8": _event('"query":"caf\udce9"'),
    "oversize": _event('"properties":{"blob":"' + "x" * _OVERSIZE + '"}'),
}
_INFERENCES: dict[str, str] = {
    "broken_json": '{"request_id":"bad-%d","occurred_at":"%s","items":[{"item_id"',
    "no_items": '{"request_id":"bad-%d","occurred_at":"%s","user_id":"user-0001","surface":"home_feed",'
    '"model_name":"als-home","model_version":"2026-01","policy":"uniform"}',
    "propensity_out_of_range": _request('[{"item_id":"item-0001","position":1,"propensity":1.7}]'),
    "position_gap": _request('[{"item_id":"item-0001","position":1},{"item_id":"item-0002","position":3}]'),
    "wrong_type": _request('"item-0001"'),
}
_ITEMS: dict[str, str] = {
    "broken_json": '{"item_id":"bad-%d","updated_at":"%s","title":',
    "wrong_type": '{"item_id":"bad-%d","updated_at":"%s","price":"free"}',
}
_USERS: dict[str, str] = {"missing_field": '{"attributes":{"note":"bad-%d"},"updated_at":"%s"}'}

TEMPLATES: dict[str, dict[str, str]] = {
    "events": _EVENTS,
    "inferences": _INFERENCES,
    "items": _ITEMS,
    "users": _USERS,
}
_ONCE = {"oversize"}


def malformed_counts(log: str, lines: int, config: WorldConfig) -> dict[str, int]:
    """Return how many of each kind go with `lines` good lines: one at least, oversize just once."""
    kinds = TEMPLATES[log]
    if not config.malformed_rate:
        return dict.fromkeys(kinds, 0)
    each = max(1, round(lines * config.malformed_rate / len(kinds)))
    return {kind: 1 if kind in _ONCE else each for kind in kinds}


def malformed_lines(log: str, counts: dict[str, int], timestamp: Callable[[int], str]) -> list[bytes]:
    """Return the lines, without line ends; `timestamp(n)` dates the n-th."""
    lines: list[bytes] = []
    for kind, count in counts.items():
        template = TEMPLATES[log][kind]
        for _ in range(count):
            text = template % (len(lines), timestamp(len(lines)))
            lines.append(text.encode("utf-8", "surrogateescape"))
    return lines

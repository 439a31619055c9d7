"""Attribution again, in plain Python and by brute force: loops over everything, fractions, coalitions, one solve a channel.

Written from the rules in docs/decisions/attribution-*.md, not from the SQL: the two are held to each other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import combinations, pairwise
from math import factorial

import numpy as np
from compiled_attribution import AS_OF, Event, History, Showing

METHODS = ("last", "first", "linear", "time_decay", "position_based", "markov", "shapley")
WINDOW_HOURS = {
    "view": 24,
    "click": 24,
    "add_to_cart": 72,
    "purchase": 168,
    "convert": 168,
    "save": 72,
    "share": 72,
}
MATURITY_HOURS = WINDOW_HOURS
TOLERANCE = timedelta(minutes=5)
TRAILING = timedelta(days=28)
CAP = 20

Path = list[Showing]


@dataclass(frozen=True)
class Credited:
    """One outcome and its path; `exact` tells whether the outcome named the last touch."""

    outcome_type: str
    event: Event
    path: Path
    exact: bool


def path_of(event: Event, history: History) -> tuple[Path, bool]:
    """The touches of an outcome, earliest first, and whether the last one is certain."""
    window = timedelta(hours=WINDOW_HOURS[event.event_type])
    named = [
        showing
        for showing in history.showings
        if (showing.request_id, showing.item_id) == (event.request_id, event.item_id)
        and -TOLERANCE <= event.occurred_at - showing.occurred_at <= window
    ]
    until = min([event.occurred_at, *(showing.occurred_at for showing in named)])
    before = [
        showing
        for showing in history.showings
        if showing not in named
        and (showing.actor_id, showing.item_id) == (event.actor_id, event.item_id)
        and showing.occurred_at <= until
        and event.occurred_at - showing.occurred_at <= window
    ]
    before.sort(key=lambda showing: showing.request_id, reverse=True)
    before.sort(key=lambda showing: showing.occurred_at)
    return (before + named)[-CAP:], bool(named)


def outcomes_of(history: History) -> list[Credited]:
    """Every outcome with its path, satisfied clicks once more."""
    found = [
        Credited(event.event_type, event, *path_of(event, history))
        for event in history.events
        if event.event_type in WINDOW_HOURS
    ]
    clicks: dict[tuple[str, str], list[Credited]] = defaultdict(list)
    for outcome in found:
        if outcome.outcome_type == "click" and outcome.path:
            clicks[outcome.path[-1].request_id, outcome.path[-1].item_id].append(outcome)
    found += [
        Credited("satisfied_click", outcome.event, [], exact=False)
        for outcome in list(found)
        if outcome.event.event_id in history.satisfied_visits and not outcome.path
    ]
    for impression in history.satisfied:
        if clicked := clicks[impression]:
            first = min(clicked, key=lambda click: (click.event.occurred_at, click.event.event_id))
            found.append(Credited("satisfied_click", first.event, first.path, first.exact))
    return found


def shapley_by_enumeration(channels: Iterable[str], paths: Sequence[Path]) -> dict[str, float]:
    """Shapley values of the game in which a coalition is worth the paths that lie within it: every coalition is tried."""
    players = sorted(set(channels))
    sets = [{showing.channel for showing in path} for path in paths]

    def worth(coalition: Iterable[str]) -> int:
        return sum(1 for needed in sets if needed <= set(coalition))

    values = dict.fromkeys(players, 0.0)
    for player in players:
        others = [other for other in players if other != player]
        for size in range(len(others) + 1):
            share = factorial(size) * factorial(len(players) - size - 1) / factorial(len(players))
            for coalition in combinations(others, size):
                values[player] += share * (worth([*coalition, player]) - worth(coalition))
    return values


def weights(method: str, path: Path, effects: dict[str, float]) -> list[float]:
    """One outcome's shares, in path order."""
    last = len(path) - 1
    if method == "last":
        return [float(number == last) for number in range(len(path))]
    if method == "first":
        return [float(number == 0) for number in range(len(path))]
    if method == "time_decay":
        ages = [(path[-1].occurred_at - showing.occurred_at) / timedelta(days=7) for showing in path]
        return _shares([2.0**-age for age in ages])
    if method == "position_based":
        middle = [0.2 / (last - 1)] * (last - 1) if last > 1 else []
        return [0.4, *middle, 0.4] if last > 1 else [1 / len(path)] * len(path)
    if method == "shapley":
        times = Counter(showing.channel for showing in path)
        values = shapley_by_enumeration(times, [path])
        return [values[showing.channel] / times[showing.channel] for showing in path]
    if method == "markov" and all(showing.channel in effects for showing in path):
        found = [effects[showing.channel] for showing in path]
        if sum(found) > 0:
            return _shares(found)
    return [1 / len(path)] * len(path)


def removal_effects(converted: Sequence[Path], null: Sequence[Path]) -> dict[str, float]:
    """Removal effects from whole paths: the chain is solved again for every channel that is taken out."""
    channels = sorted({showing.channel for path in [*converted, *null] for showing in path})
    moves: Counter[tuple[str, str]] = Counter()
    for ending, paths in (("won", converted), ("lost", null)):
        for path in paths:
            states = ["start", *(showing.channel for showing in path), ending]
            moves.update(pairwise(states))
    whole = _won(moves, channels, without=None)
    if whole <= 0:
        return dict.fromkeys(channels, 0.0)
    return {channel: 1 - _won(moves, channels, without=channel) / whole for channel in channels}


def effects_by_type(history: History, outcomes: Sequence[Credited]) -> dict[str, dict[str, float]]:
    """Removal effects of every outcome type, from the last four weeks without bots."""
    since = AS_OF - TRAILING
    shown: dict[tuple[str, str], Path] = defaultdict(list)
    for showing in history.showings:
        if showing.occurred_at >= since and showing.actor_id not in history.bots:
            shown[showing.actor_id, showing.item_id].append(showing)
    for path in shown.values():
        path.sort(key=lambda showing: showing.request_id, reverse=True)
        path.sort(key=lambda showing: showing.occurred_at)
    effects = {}
    for outcome_type in {outcome.outcome_type for outcome in outcomes}:
        recent = [
            outcome
            for outcome in outcomes
            if outcome.outcome_type == outcome_type
            and outcome.event.occurred_at >= since
            and outcome.event.actor_id not in history.bots
        ]
        had = {(outcome.event.actor_id, outcome.event.item_id) for outcome in recent}
        effects[outcome_type] = removal_effects(
            [outcome.path for outcome in recent if outcome.path],
            [path[-CAP:] for pair, path in shown.items() if pair not in had],
        )
    return effects


def ledger(history: History) -> dict[tuple[str, str, str, int], tuple[str | None, float]]:
    """(outcome, type, method, touch number) to (request, credit): the whole of fct_attribution in one dictionary."""
    taken: dict[str, float] = defaultdict(float)
    for reversal in history.reversals:
        taken[reversal.original_event_id] += reversal.reversed_share
    outcomes = outcomes_of(history)
    effects = effects_by_type(history, outcomes)
    found: dict[tuple[str, str, str, int], tuple[str | None, float]] = {}
    for outcome in outcomes:
        event = outcome.event
        money = event.value if event.event_type in ("purchase", "convert") else None
        net = (1.0 if money is None else money) * (1 - min(1.0, taken[event.event_id]))
        for method in METHODS:
            key = (event.event_id, outcome.outcome_type, method)
            if not outcome.path:
                found[*key, 0] = (None, net)
                continue
            shares = weights(method, outcome.path, effects[outcome.outcome_type])
            for number, (showing, share) in enumerate(zip(outcome.path, shares, strict=True), start=1):
                found[*key, number] = (showing.request_id, net * share)
    return found


def _shares(values: Sequence[float]) -> list[float]:
    return [value / sum(values) for value in values]


def _won(moves: Counter[tuple[str, str]], channels: Sequence[str], without: str | None) -> float:
    """Probability of ending in `won` when every step into `without` ends in `lost` instead."""
    states = ["start", *(channel for channel in channels if channel != without)]
    leaving = {state: sum(n for (origin, _), n in moves.items() if origin == state) for state in states}
    matrix = np.eye(len(states))
    won = np.zeros(len(states))
    for row, state in enumerate(states):
        if not leaving[state]:
            continue
        for column, target in enumerate(states):
            matrix[row, column] -= moves[state, target] / leaving[state]
        won[row] = moves[state, "won"] / leaving[state]
    return float(np.linalg.solve(matrix, won)[0])

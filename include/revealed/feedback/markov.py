"""Removal effects of channels in a first-order Markov chain: how many outcomes would be lost without each.

Anderl, Becker, von Wangenheim and Schumann 2016, "Mapping the customer journey". Exact, by one linear solve; peers
that simulate the chain return .20057 where the answer is .2.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from revealed.errors import DamagedFileError

START, CONVERSION, NULL = "(start)", "(conversion)", "(null)"

# Bits past this depend on the processor's linear algebra; the ledger is promised to be the same everywhere.
_DECIMALS = 12

_SCHEMA = pa.schema(
    [
        ("outcome_type", pa.string()),
        ("channel", pa.string()),
        ("removal_effect", pa.float64()),
        ("conversion_probability", pa.float64()),
        ("visits", pa.int64()),
    ]
)

Transitions = dict[tuple[str, str], int]


def removal_effects(transitions: Transitions) -> dict[str, float]:
    """Return, by channel, the share of conversions lost when the channel's visits all end in null; each within [0, 1].

    RE_c = 1 - P(conversion | c replaced by null) / P(conversion). With the fundamental matrix N = (I - Q)^-1 and
    the conversion probabilities h, that is P(c is ever visited) * h_c / P(conversion): one solve for all channels.
    All zero where nothing converts.

    Args:
        transitions: how often one state follows another; states are channels, `START`, `CONVERSION` and `NULL`.

    Raises:
        DamagedFileError: some channel never ends, so that the counts are not those of whole paths.
    """
    channels = sorted({state for pair in transitions for state in pair} - {START, CONVERSION, NULL})
    fundamental, converting = _solve(transitions, channels)
    total = float(converting[0])
    if total <= 0.0:
        return dict.fromkeys(channels, 0.0)
    visited = fundamental[0, 1:] / np.diag(fundamental)[1:]
    effects = np.round(np.clip(visited * converting[1:] / total, 0.0, 1.0), _DECIMALS)
    return dict(zip(channels, effects.tolist(), strict=True))


def conversion_probability(transitions: Transitions) -> float:
    """Return the probability that a path ends in conversion rather than in null, within [0, 1].

    Raises:
        DamagedFileError: as `removal_effects`.
    """
    channels = sorted({state for pair in transitions for state in pair} - {START, CONVERSION, NULL})
    _, converting = _solve(transitions, channels)
    return round(min(1.0, max(0.0, float(converting[0]))), _DECIMALS)


def channel_removal_effects(transitions: pa.Table) -> pa.Table:
    """Return one row per outcome type and channel, sorted, from one row per outcome type and transition.

    Args:
        transitions: `outcome_type`, `from_channel`, `to_channel` and `paths`, in any order.

    Returns:
        `outcome_type`, `channel`, `removal_effect` and the outcome type's `conversion_probability` (both within
        [0, 1]), and `visits`, how often the channel occurs in the paths.

    Raises:
        DamagedFileError: as `removal_effects`.
    """
    by_type: dict[str, Transitions] = defaultdict(dict)
    for row in transitions.to_pylist():
        by_type[row["outcome_type"]][row["from_channel"], row["to_channel"]] = row["paths"]
    rows = [row for outcome_type in sorted(by_type) for row in _rows(outcome_type, by_type[outcome_type])]
    return pa.Table.from_pylist(rows, schema=_SCHEMA)


def _rows(outcome_type: str, transitions: Transitions) -> list[dict[str, str | float | int]]:
    probability = conversion_probability(transitions)
    return [
        {
            "outcome_type": outcome_type,
            "channel": channel,
            "removal_effect": effect,
            "conversion_probability": probability,
            "visits": sum(paths for (_, target), paths in transitions.items() if target == channel),
        }
        for channel, effect in removal_effects(transitions).items()
    ]


def _solve(transitions: Transitions, channels: list[str]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fundamental matrix and the conversion probabilities of the start (row 0) and the channels."""
    row_of = {state: row for row, state in enumerate([START, *channels])}
    moves = np.zeros((len(row_of), len(row_of)))
    endings = np.zeros((len(row_of), 2))
    for (origin, target), paths in sorted(transitions.items()):
        if target in row_of:
            moves[row_of[origin], row_of[target]] = paths
        else:
            endings[row_of[origin], int(target == CONVERSION)] = paths
    leaving = moves.sum(axis=1) + endings.sum(axis=1)
    leaving[leaving == 0] = 1.0
    try:
        fundamental = np.linalg.inv(np.eye(len(row_of)) - moves / leaving[:, None])
    except np.linalg.LinAlgError as error:
        raise DamagedFileError(
            "a channel of the attribution paths never ends",
            where="int_channel_transitions",
            remedy="rebuild the warehouse from raw",
        ) from error
    return fundamental, fundamental @ (endings[:, 1] / leaving)

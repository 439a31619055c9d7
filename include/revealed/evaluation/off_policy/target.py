"""The policy whose value is asked for, as the probability of every item at every position."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from revealed.errors import InvalidInputError
from revealed.evaluation.off_policy.policy_log import Floats, Ints, PolicyLog, coded, read_columns
from revealed.settings import Settings

UNIFORM = "uniform"
_TOLERANCE = 0.01


class Policy(Protocol):
    """Whatever can say with which probability it shows an item at a position."""

    @property
    def name(self) -> str:
        """What it is called in the report."""

    def propensity(self, log: PolicyLog) -> Floats:
        """Return, for every row, with which probability this policy would have shown the same."""

    def average(self, values: Floats, log: PolicyLog, chosen: NDArray[np.bool_]) -> Floats:
        """Return, for the chosen rows, the mean over this policy's items of `values` (`[contexts or 1, positions, items]`)."""

    def supported(self, log: PolicyLog) -> float:
        """Return the share of this policy's choices, in the log's situations, that the log shows at least once there."""


@dataclass(frozen=True)
class Target:
    """A policy by its rank marginals.

    Attributes:
        name: what it is called in the report.
        marginals: `[contexts or 1, positions, items]` over the log's items.
        unseen: `[contexts or 1, positions]`, the probability of items that the log never shows.
    """

    name: str
    marginals: Floats
    unseen: Floats

    def propensity(self, log: PolicyLog) -> Floats:
        """Return, for every row, with which probability this policy would have shown the same."""
        chosen: Floats = self.marginals[self._context(log), log.position, log.item]
        return chosen

    def average(self, values: Floats, log: PolicyLog, chosen: NDArray[np.bool_]) -> Floats:
        """Return, for the chosen rows, the mean over this policy's items of `values` (`[contexts or 1, positions, items]`)."""
        means = (self.marginals * values).sum(axis=2)
        averaged: Floats = means[log.context[chosen] if means.shape[0] > 1 else 0, log.position[chosen]]
        return averaged

    def supported(self, log: PolicyLog) -> float:
        """Return the share of this policy's choices, in the log's situations, that the log shows at least once there."""
        _, positions, items = log.shape
        shown = np.bincount(log.position * items + log.item, minlength=positions * items).reshape(
            positions, items
        )
        mass = np.where(shown > 0, self.marginals, 0.0).sum(axis=2)
        return float(mass[self._context(log), log.position].mean())

    def _context(self, log: PolicyLog) -> Ints | int:
        return log.context if self.marginals.shape[0] > 1 else 0


def uniform(log: PolicyLog) -> Target:
    """Return the policy that shows every item of the log with the same probability, at every position."""
    _, positions, items = log.shape
    return Target(UNIFORM, np.full((1, positions, items), 1.0 / items), np.zeros((1, positions)))


def read_target(settings: Settings, path: Path, log: PolicyLog) -> Target:
    """Read a policy from a Parquet file of `item_id`, `position`, and `propensity`; `context` if it has one.

    One row an item and position (and context) is a table of rank marginals. A file in which they repeat is a log of
    the policy's own decisions; its marginals are then the shares of rows, because the mean of logged propensities
    is that of what was shown, not of what could have been.

    Raises:
        MissingInputError: there is no such file.
        InvalidInputError: a column is missing, or the propensities at a position do not add up to 1.
        NoDataError: it has no rows.
    """
    table = read_columns(settings, path, ("item_id", "position"), ("propensity", "context"))
    keys = [name for name in ("item_id", "position", "context") if name in table.column_names]
    is_log = table.group_by(keys).aggregate([]).num_rows < table.num_rows
    if not is_log and "propensity" not in table.column_names:
        raise InvalidInputError(
            "this column is missing: propensity",
            where=str(path),
            remedy="add it, or give a log of the policy's decisions, in which items repeat",
        )
    marginals = _marginals(table, log, path, is_log=is_log)
    return Target(path.stem, marginals[:, :, :-1], marginals[:, :, -1])


def _marginals(table: pa.Table, log: PolicyLog, path: Path, *, is_log: bool) -> Floats:
    """Return `[contexts or 1, positions, items + 1]`; the last item stands for all that the log never shows."""
    context, position, item = _codes(table, log)
    shape = (
        len(log.contexts) if "context" in table.column_names else 1,
        len(log.positions),
        len(log.items) + 1,
    )
    is_known = (context >= 0) & (position >= 0)
    cell = np.ravel_multi_index((context[is_known], position[is_known], item[is_known]), shape)
    weight = np.ones(len(cell)) if is_log else _probabilities(table, path)[is_known]
    marginals = np.bincount(cell, weights=weight, minlength=int(np.prod(shape))).reshape(shape)
    totals = marginals.sum(axis=2)
    wrong = np.argwhere(totals == 0 if is_log else np.abs(totals - 1.0) > _TOLERANCE)
    if len(wrong):
        where, place = wrong[0]
        raise InvalidInputError(
            f"the propensities at position {log.positions[place]} add up to {totals[where, place]:.4f}, not to 1",
            where=f"{path}{', context ' + log.contexts[where] if shape[0] > 1 else ''}",
            remedy="give the probability of every item at every position of the log",
        )
    normal: Floats = marginals / totals[:, :, None]
    return normal


def _codes(table: pa.Table, log: PolicyLog) -> tuple[Ints, Ints, Ints]:
    """Return the log's codes of every row; -1 where the log has no such context or position, one past the last item."""
    item = _coded_as(table["item_id"], log.items, len(log.items))
    position = _coded_as(table["position"], [str(place) for place in log.positions], -1)
    if "context" not in table.column_names:
        return np.zeros_like(item), position, item
    return _coded_as(table["context"], log.contexts, -1), position, item


def _coded_as(column: pa.ChunkedArray, names: list[str], unknown: int) -> Ints:
    codes, texts = coded(column)
    known = {name: code for code, name in enumerate(names)}
    found: Ints = np.array([known.get(text, unknown) for text in texts], dtype=np.int64)[codes]
    return found


def _probabilities(table: pa.Table, path: Path) -> Floats:
    try:
        values: Floats = table["propensity"].cast(pa.float64()).to_numpy()
    except pa.ArrowInvalid as error:
        raise InvalidInputError("propensity holds something that is no number", where=str(path)) from error
    if not ((values >= 0) & (values <= 1)).all():
        raise InvalidInputError("a propensity lies outside of [0, 1]", where=str(path))
    return values

"""One verdict a line, by landing's own judge, and the line as landing will see it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from revealed.contracts import MAX_LINE_BYTES, Rejected, RejectionReason, Row, line_decoder
from revealed.contracts.fields import require_plausible
from revealed.contracts.logs import log_named

_OURS = b'"received_at"'
_NOT_KEPT = "; this line is not kept"


class Verdict(msgspec.Struct, omit_defaults=True):
    """What became of one line. `id` is its key in the log; `reason` and `detail` say why it was rejected."""

    index: int
    status: str
    id: str | None
    reason: str | None = None
    detail: str | None = None


class Answer(msgspec.Struct):
    """The body of 202 and 422."""

    accepted: int
    rejected: int
    verdicts: list[Verdict]


class Judged(NamedTuple):
    """A request's lines, judged.

    Attributes:
        answer: what the client is told.
        lines: what is journaled: accepted lines with our `received_at`, rejected ones as they came, for the quarantine.
        rows: the accepted lines, typed.
    """

    answer: Answer
    lines: list[bytes]
    rows: list[Any]


class Judge:
    """Judges the lines of one log.

    Args:
        log: `events` or `inferences`.
    """

    def __init__(self, log: str) -> None:
        self._decode = line_decoder(log)
        self._key = log_named(log).key[0]

    def judge(self, lines: list[bytes], now: datetime) -> Judged:
        """Return the verdicts on `lines`, received at `now` (UTC): a function of its arguments alone."""
        moment = now.isoformat().encode()
        key = self._key
        judged = Judged(Answer(0, 0, []), [], [])
        verdicts = judged.answer.verdicts
        for index, line in enumerate(lines):
            kept, outcome = self._judge_line(line, now, moment)
            if isinstance(outcome, Rejected):
                verdicts.append(_rejected(index, outcome, is_kept=kept is not None))
            else:
                verdicts.append(Verdict(index, "accepted", getattr(outcome, key)))
                judged.rows.append(outcome)
            if kept is not None:
                judged.lines.append(kept)
        judged.answer.accepted = len(judged.rows)
        judged.answer.rejected = len(lines) - len(judged.rows)
        return judged

    def _judge_line(self, line: bytes, now: datetime, moment: bytes) -> tuple[bytes | None, Row | Rejected]:
        """Return the line to journal, if any, and the typed row or why it is none."""
        try:
            row: Any = self._decode(line)
        except Rejected as rejected:
            replaced = _with_our_moment(line, moment)
            return (
                self._judge_replaced(replaced) if replaced else (self._as_it_came(line, rejected), rejected)
            )
        stamped = (_with_our_moment(line, moment) if _OURS in line else None) or _stamped(line, moment)
        if row.occurred_at <= now and len(stamped) <= MAX_LINE_BYTES:
            return stamped, row
        try:
            require_plausible("occurred_at", row.occurred_at, now)
            _require_short(stamped)
        except Rejected as rejected:
            return stamped, rejected
        return stamped, row

    def _judge_replaced(self, line: bytes) -> tuple[bytes | None, Row | Rejected]:
        """Judge a line whose own `received_at`, which does not count, may have been what was wrong with it."""
        try:
            return line, self._decode(line)
        except Rejected as rejected:
            return line, rejected

    def _as_it_came(self, line: bytes, rejected: Rejected) -> bytes | None:
        """Return a rejected line as one line that landing will reject for the same reason; None where there is none."""
        if len(line) > MAX_LINE_BYTES:
            return None
        if b"\n" not in line:
            return line
        try:
            self._decode(_one_line(line))
        except Rejected as again:
            return _one_line(line) if again.reason is rejected.reason else None
        return None


def _stamped(line: bytes, moment: bytes) -> bytes:
    """Return an accepted object as one line with our `received_at` as its last key; the last one counts."""
    return _one_line(line).rstrip()[:-1] + b',"received_at":"' + moment + b'"}'


def _with_our_moment(line: bytes, moment: bytes) -> bytes | None:
    """Return the line with our `received_at` in place of the sender's; None where it has none, or cannot be read."""
    if _OURS not in line or len(line) > MAX_LINE_BYTES:
        return None
    try:
        values = msgspec.json.decode(line)
        if not isinstance(values, dict) or "received_at" not in values:
            return None
        return msgspec.json.encode(values | {"received_at": moment.decode()})
    except (ValueError, OverflowError, RecursionError):
        return None


def _one_line(line: bytes) -> bytes:
    """Newlines between the tokens of JSON are blanks; within strings no JSON has any."""
    return line.replace(b"\n", b" ") if b"\n" in line else line


def _require_short(line: bytes) -> None:
    if len(line) > MAX_LINE_BYTES:
        raise Rejected(RejectionReason.LINE_TOO_LONG, f"{len(line):,} bytes, at most {MAX_LINE_BYTES:,}")


def _rejected(index: int, rejected: Rejected, *, is_kept: bool) -> Verdict:
    detail = rejected.detail.encode("utf-8", "replace").decode() + ("" if is_kept else _NOT_KEPT)
    return Verdict(index, "rejected", None, rejected.reason.value, detail)

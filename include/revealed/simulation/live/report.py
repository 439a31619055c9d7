"""What a live day came to: what people saw and did by the world's truth, and what became of the lines they sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from revealed.simulation.behaviour import Outcome
from revealed.simulation.live.connection import Answer, Reply
from revealed.simulation.population import World
from revealed.simulation.slates import Slates

SATISFIED = 0.5


@dataclass(frozen=True)
class LiveDay:
    """One simulated day.

    Clicks are those of sessions; what is clicked in a mail is `mail_clicks`. A click satisfies where the world's
    satisfaction is over one half. Articles of a session are the different items clicked in it. `requests` are those
    that the gateway answered; `lines` are all lines sent, of which `copies` had been sent before and `late` came days
    late; `repeated` copies came under the same Idempotency-Key, were answered as before (the verdicts count again)
    and not stored; `unkept` ones were refused as too long to keep. What landing receives of them is
    `lines - repeated - unkept`.
    `waiting` parcels are still on people's devices.
    """

    day: str
    snapshots: tuple[str, ...]
    model_versions: tuple[str, ...]
    sessions: int
    requests: int
    shown: int
    clicks: int
    satisfied_clicks: int
    mail_clicks: int
    articles: int
    single_article_sessions: int
    true_relevance: float
    searches: int
    posts: int
    lines: int
    accepted: int
    rejected: int
    copies: int
    repeated: int
    unkept: int
    late: int
    retried: int
    waiting: int
    seconds: float

    @property
    def satisfied_clicks_per_session(self) -> float:
        """Satisfied clicks over sessions."""
        return self.satisfied_clicks / max(self.sessions, 1)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON values, with the rates that people compare."""
        sessions = max(self.sessions, 1)
        return {
            **asdict(self),
            "satisfied_clicks_per_session": self.satisfied_clicks_per_session,
            "articles_per_session": self.articles / sessions,
            "single_article_share": self.single_article_sessions / sessions,
            "requests_per_second": self.requests / self.seconds if self.seconds else 0.0,
            "lines_per_second": self.lines / self.seconds if self.seconds else 0.0,
        }


@dataclass(frozen=True)
class LiveReport:
    """The days that were lived, in order; `is_complete` is false where somebody stopped it."""

    url: str
    days: tuple[LiveDay, ...]
    is_complete: bool

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON types."""
        return {
            "url": self.url,
            "is_complete": self.is_complete,
            "days": [day.to_dict() for day in self.days],
        }


class Tally:
    """Adds up one day while it is lived."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.snapshots: set[str] = set()
        self.model_versions: set[str] = set()
        self.relevance = 0.0
        self._read: dict[int, set[int]] = {}

    def note_answers(self, answers: Sequence[Answer]) -> None:
        """Count what the gateway answered."""
        self.counts["requests"] += len(answers)
        self.snapshots |= {answer.snapshot_id for answer in answers}
        self.model_versions |= {answer.model_version for answer in answers}

    def note_outcome(self, world: World, slates: Slates, outcome: Outcome) -> None:
        """Count what people saw and did, by the truth."""
        row, slot = np.nonzero(outcome.clicked)
        person, item = slates.wave.person[row], slates.choice.items[row, slot]
        self.counts["shown"] += int(slates.shown.sum())
        in_session = slates.wave.session[row] >= 0
        self.counts["clicks"] += int(in_session.sum())
        self.counts["mail_clicks"] += int((~in_session).sum())
        satisfies = world.satisfaction[person, item] > SATISFIED
        self.counts["satisfied_clicks"] += int((satisfies & in_session).sum())
        self.relevance += float(slates.relevance[slates.shown].sum())
        for session, clicked in zip(slates.wave.session[row].tolist(), item.tolist(), strict=True):
            if session >= 0:
                self._read.setdefault(session, set()).add(clicked)

    def note_replies(self, replies: Sequence[Reply]) -> None:
        """Count what became of parcels."""
        for reply in replies:
            lines = len(reply.parcel.lines)
            self.counts.update(
                posts=1,
                lines=lines,
                accepted=reply.accepted,
                rejected=reply.rejected,
                copies=lines * reply.parcel.is_copy,
                repeated=lines * reply.parcel.is_repeated,
                unkept=0 if reply.parcel.is_repeated else reply.unkept,
                late=lines * (reply.parcel.is_late and not reply.parcel.is_copy),
            )

    def day(self, name: str, *, retried: int, waiting: int, seconds: float) -> LiveDay:
        """Return the day."""
        counts = self.counts
        return LiveDay(
            day=name,
            snapshots=tuple(sorted(self.snapshots)),
            model_versions=tuple(sorted(self.model_versions)),
            sessions=counts["sessions"],
            requests=counts["requests"],
            shown=counts["shown"],
            clicks=counts["clicks"],
            satisfied_clicks=counts["satisfied_clicks"],
            mail_clicks=counts["mail_clicks"],
            articles=sum(len(items) for items in self._read.values()),
            single_article_sessions=sum(len(items) == 1 for items in self._read.values()),
            true_relevance=self.relevance / max(counts["shown"], 1),
            searches=counts["searches"],
            posts=counts["posts"],
            lines=counts["lines"],
            accepted=counts["accepted"],
            rejected=counts["rejected"],
            copies=counts["copies"],
            repeated=counts["repeated"],
            unkept=counts["unkept"],
            late=counts["late"],
            retried=retried,
            waiting=waiting,
            seconds=round(seconds, 3),
        )

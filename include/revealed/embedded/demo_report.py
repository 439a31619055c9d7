"""What `make demo` prints at its end: what became of every line, what was decided, and where to look."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from revealed.embedded import demo_outcome
from revealed.embedded.text_table import table
from revealed.landing import LedgerEntry, read_ledger
from revealed.publishing import read_recommendations
from revealed.settings import Settings
from revealed.warehouse import open_published, read_manifest

_COUNTS = ("files", "received", "accepted", "duplicate", "quarantined", "erased")
_QUERY = """select model_name, model_version, policy, sum(impressions) as impressions, sum(clicks) as clicks,
       round(sum(clicks) / sum(impressions), 4) as click_rate
from marts.rpt_model_daily
group by all
order by impressions desc, model_name, model_version, policy
limit 8"""
_BUSIEST_READER = """select user_id from marts.feedback_user_item
where preference = 1 and user_id not like 'anon:%' group by user_id order by count(*) desc, user_id limit 1"""


def describe(
    settings: Settings, assessment: str, live_since: datetime, lived: Sequence[Mapping[str, Any]]
) -> str:
    """Return the whole report as text.

    Args:
        settings: where everything is.
        assessment: the last review's page (Markdown).
        live_since: when people began to come to the gateway.
        lived: what each day came to by the people's own account (`LiveDay.to_dict`).

    Raises:
        NothingPublishedError: the loop has not come as far as a snapshot.
    """
    with_query = open_published(settings)
    try:
        result = with_query.execute(_QUERY)
        header = [column[0] for column in result.description or []]
        rows = result.fetchall()
        reader = with_query.execute(_BUSIEST_READER).fetchone()
        before_after = demo_outcome.before_and_after(with_query, live_since)
        logged = demo_outcome.what_the_gateway_logged(with_query, live_since, lived)
    finally:
        with_query.close()
    entries = read_ledger(settings)
    sections = {
        "What came in, and what happened to every line": what_came_in(entries),
        "What came through the gateway": f"{what_came_in(_since(entries, live_since))}\n{logged}",
        "Before and after": before_after,
        "Quality": _quality(read_manifest(settings)),
        "Challenger, champion, popularity": assessment or "no model was reviewed in this home yet",
        "Ten recommendations": _recommendations(settings, str(reader[0]) if reader else ""),
        "A query on the published warehouse": f"{_QUERY}\n\n{table(header, rows)}",
        "Where to look": _where_to_look(settings),
    }
    return "\n".join(f"\n== {title} ==\n{text}" for title, text in sections.items()) + "\n"


def what_came_in(entries: Iterable[LedgerEntry]) -> str:
    """Return a table with one row a log (and their sum), and the reasons for which lines were set aside."""
    logs: dict[str, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for entry in entries:
        counts = logs.setdefault(entry.log, Counter())
        counts.update({name: 1 if name == "files" else getattr(entry, name) for name in _COUNTS})
        reasons.update(entry.reasons)
    rows = [(log, *(counts[name] for name in _COUNTS)) for log, counts in sorted(logs.items())]
    total = ("all", *(sum(counts[name] for counts in logs.values()) for name in _COUNTS))
    why = ", ".join(f"{reason} {lines:,}" for reason, lines in reasons.most_common()) or "none"
    sums = "received = accepted + duplicate + quarantined + erased"
    return f"{table(('log', *_COUNTS), [*rows, total])}\n{sums}\nquarantined for: {why}"


def _since(entries: Iterable[LedgerEntry], moment: datetime) -> list[LedgerEntry]:
    """Return the entries of files whose first line was received at or after the moment."""
    return [entry for entry in entries if entry.first_received_at and _utc(entry.first_received_at) >= moment]


def _utc(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _quality(manifest: dict[str, Any]) -> str:
    audit = manifest["audit"]
    verdict = "passed" if audit["passed"] else "FAILED"
    return (
        f"{verdict}: {audit['checks']} expectations on the candidate, {len(audit['failures'])} failed, "
        f"{len(audit.get('warnings', ()))} warnings; warehouse generation {manifest['generation']} as of {manifest['as_of']}"
    )


def _recommendations(settings: Settings, user_id: str) -> str:
    found = read_recommendations(settings, user_id, 10)
    rows = [(item.rank, item.item_id, item.title, item.score, item.source) for item in found.items]
    head = f"for {user_id}, from snapshot {found.snapshot_id}, model version {found.model_version} ({found.model_id})"
    return f"{head}\n{table(('rank', 'item_id', 'title', 'score', 'source'), rows)}"


def _where_to_look(settings: Settings) -> str:
    rows = [
        ("Airflow, MLflow", "`make up` starts both and prints their addresses and where the passwords are"),
        ("Data Docs", (settings.data_docs / "index.html").as_uri()),
        ("warehouse", f'{settings.published_warehouse} (DuckDB, read-only; or `revealed sql "..."`)'),
        ("snapshot", f"{settings.published_recommendations} (or `revealed recommend USER`)"),
        ("quarantine", str(settings.quarantine)),
        ("everything", str(settings.home)),
    ]
    return "\n".join(f"{name:<16} {where}" for name, where in rows)

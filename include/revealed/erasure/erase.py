"""`revealed erase`: from the request to the receipt, in steps that may be killed anywhere and done again."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from revealed.clock import utc_now
from revealed.durable import exclusive_lock, remove_tree, write_json
from revealed.erasure.count import count_person, ledger_sums
from revealed.erasure.derived import erase_datasets, erase_snapshots, erase_warehouse, refuse_during_build
from revealed.erasure.identity import Person, find_person
from revealed.erasure.pending import Pending, forget_pending, pending_path, read_overwritten, read_pending
from revealed.erasure.questions import erase_queries, erase_reward_scores
from revealed.erasure.raw import erase_raw
from revealed.erasure.search import files_of, require_none, search_home
from revealed.erasure.sources import erase_sources, require_settled
from revealed.erasure.sweep import sweep
from revealed.erasure.tombstones import bury, keyed
from revealed.errors import UnknownPersonError, UsageError
from revealed.faults import fault_point
from revealed.progress import Progress, quiet
from revealed.settings import Settings
from revealed.warehouse import current_generation

# Written into every receipt, because no deletion of rows makes it untrue.
_MODELS_NOTE = (
    "No model holds an id or user factors: these are solved anew from the dataset. Item factors that were learnt from the "
    "person too stay in service until the next training, which starts from nothing."
)


@dataclass(frozen=True)
class Erasure:
    """A finished erasure: the receipt's name and content. Nothing in it names the person."""

    receipt: str
    content: dict[str, Any]


def plan_erasure(settings: Settings, user_id: str, *, progress: Progress = quiet) -> dict[str, Any]:
    """Return what `erase` would find and remove, with `is_known`, `visitors` and `shared_visitors`; changes nothing.

    Raises:
        UsageError: the id is empty.
        LockedError: files are landing, or an erasure is under way.
    """
    _require_id(user_id)
    with _alone(settings), _landing_stopped(settings):
        person = find_person(settings, user_id)
        return _found(settings, person, progress)


def erase(
    settings: Settings,
    user_id: str,
    *,
    asked_by: str,
    even_unknown: bool = False,
    progress: Progress = quiet,
) -> Erasure:
    """Erase a person from everything under `REVEALED_HOME`, keep out what comes later, and return the receipt.

    An erasure that was killed is finished by calling this again with the same id, or with the stars that it left of it.

    Args:
        settings: where everything is.
        user_id: whom; the visitor ids that only this person was seen with go too.
        asked_by: who asked for it: for the receipt.
        even_unknown: keep the id out from now on although nobody here knows it.
        progress: told at each step, never the id.

    Raises:
        UsageError: the id is empty.
        UnknownPersonError: nothing here knows the id, and `even_unknown` is not set; nothing was changed.
        LockedError: files are landing, something is being built or published, or a file is still being written.
        AuditFailedError: a warehouse or snapshot without the person broke an expectation; the old one stays in service.
        ErasureIncompleteError: an id was still found afterwards; the message names the files.
    """
    _require_id(user_id)
    with _alone(settings):
        fingerprint = keyed(settings).fingerprint(user_id)
        refuse_during_build(settings)
        with _landing_stopped(settings):
            pending = read_pending(settings, fingerprint) or read_overwritten(settings, user_id)
            if pending is None:
                pending = _begin(settings, user_id, fingerprint, asked_by, even_unknown, progress)
            else:
                pending.runs += 1
                pending.save(settings)
            fault_point("erasure_planned")
            _erase_logs(settings, pending, progress)
        _erase_derived(settings, pending, progress)
        _erase_rest(settings, pending, progress)
        return _finish(settings, pending, progress)


def verify_erased(settings: Settings, user_id: str, *, progress: Progress = quiet) -> int:
    """Search every file under `REVEALED_HOME` for the id, and return how many files were searched.

    Raises:
        ErasureIncompleteError: it was found, or a file could not be searched; the message names files.
    """
    _require_id(user_id)
    needles = find_person(settings, user_id).needles
    require_none(search_home(settings, needles, progress=progress), settings.home)
    return sum(1 for _ in files_of(settings.home))


def _begin(
    settings: Settings, user_id: str, fingerprint: str, asked_by: str, even_unknown: bool, progress: Progress
) -> Pending:
    """Write down who it is and what there is of them, before anything changes."""
    person = find_person(settings, user_id)
    require_settled(settings, person.needles, progress)
    found = _found(settings, person, progress)
    if not (person.is_known or found["files"] or even_unknown):
        raise UnknownPersonError(
            "nothing here knows this id, so nothing was erased",
            where=str(settings.home),
            remedy="check the id; `--even-unknown` keeps it out of whatever comes later all the same",
        )
    pending = Pending(
        fingerprint=fingerprint,
        ids=sorted(person.needles.ids),
        others=sorted(person.needles.others),
        asked_by=person.needles.mask_text(asked_by),
        started_at=utc_now().isoformat(),
        shared_visitors=person.shared_visitors,
        found=found,
    )
    pending.save(settings)
    return pending


def _found(settings: Settings, person: Person, progress: Progress) -> dict[str, Any]:
    counts = count_person(settings, person.needles, progress)
    return counts | {
        "is_known": person.is_known or bool(counts["files"]),
        "visitors": len(person.needles.ids) - 1,
        "shared_visitors": person.shared_visitors,
        "is_searched_as_bytes": bool(person.needles.telling),
    }


def _erase_logs(settings: Settings, pending: Pending, progress: Progress) -> None:
    """Keep out what comes later, then take out what there is; landing's lock is held."""
    tombstones = bury(settings, pending.ids)
    fault_point("erasure_buried")
    erase_sources(settings, pending.needles, tombstones, progress)
    erase_raw(settings, pending.needles, progress)


def _erase_derived(settings: Settings, pending: Pending, progress: Progress) -> None:
    needles = pending.needles
    _clear_hidden(settings)
    erase_warehouse(settings, needles, progress)
    erase_datasets(settings, needles, pending.receipt, progress)
    erase_reward_scores(settings, pending.found["versions"]["datasets"], progress)
    erase_snapshots(settings, needles, progress)
    erase_queries(settings, needles, progress)
    _clear_hidden(settings)


def _erase_rest(settings: Settings, pending: Pending, progress: Progress) -> None:
    """Overwrite what is left in logs and databases, and what the gateway may have written since."""
    needles = pending.needles
    with _landing_stopped(settings):
        erase_sources(settings, needles, bury(settings, pending.ids), progress)
    hits = search_home(settings, needles, progress=progress)
    sweep(settings, [hit for hit in hits if hit.path != pending_path(settings, pending.fingerprint)], needles)
    fault_point("erasure_swept")


def _finish(settings: Settings, pending: Pending, progress: Progress) -> Erasure:
    """Search everything once more, write the receipt, and forget the id."""
    progress("searching every file for what is left")
    hits = search_home(settings, pending.needles, progress=progress)
    here = pending_path(settings, pending.fingerprint)
    require_none([hit for hit in hits if hit.path != here], settings.home)
    content = _receipt(settings, pending)
    _write_receipt(settings, pending.receipt, content)
    fault_point("erasure_receipt_written")
    forget_pending(settings, pending)
    return Erasure(pending.receipt, content)


def _write_receipt(settings: Settings, name: str, content: dict[str, Any]) -> None:
    """Write the receipt for this user's eyes: it names nobody, but says what somebody's life here amounted to."""
    path = settings.erasure / "receipts" / f"{name}.json"
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_json(path, content)
    path.chmod(0o600)


def _receipt(settings: Settings, pending: Pending) -> dict[str, Any]:
    finished = utc_now()
    found = pending.found
    return {
        "person": pending.fingerprint,
        "visitors": found["visitors"],
        "shared_visitors_kept": pending.shared_visitors,
        "asked_by": pending.asked_by,
        "started_at": pending.started_at,
        "finished_at": finished.isoformat(),
        "seconds": round((finished - datetime.fromisoformat(pending.started_at)).total_seconds(), 1),
        "runs": pending.runs,
        "raw": found["raw"],
        "ledger": {"before": found["ledger"], "after": ledger_sums(settings)},
        "files_before": found["files"],
        "files_after": {},
        "files_searched": sum(1 for _ in files_of(settings.home)),
        "searched_as_bytes": found["is_searched_as_bytes"],
        "removed": {name: found["versions"][name] for name in ("warehouse", "datasets", "snapshots")},
        "rewritten": {"queries": found["versions"]["queries"]},
        "in_service": _in_service(settings),
        "models": {"trained_on_erased_data": found["versions"]["models"], "note": _MODELS_NOTE},
    }


def _in_service(settings: Settings) -> dict[str, Any]:
    pointers = {
        "dataset": settings.datasets / "LATEST",
        "snapshot": settings.published_recommendations / "CURRENT",
    }
    named = {what: path.read_text().strip() if path.is_file() else None for what, path in pointers.items()}
    generation = current_generation(settings)
    return {"warehouse": f"{generation:06d}" if generation else None} | named


def _clear_hidden(settings: Settings) -> None:
    """Remove what a killed erasure had hidden and not yet removed."""
    for folder in settings.home.glob("**/.staged.erased.*"):
        remove_tree(folder)


def _alone(settings: Settings) -> AbstractContextManager[None]:
    return exclusive_lock(settings.locks / "erasure.lock", "erase a person")


def _landing_stopped(settings: Settings) -> AbstractContextManager[None]:
    return exclusive_lock(settings.locks / "landing.lock", "erase a person")


def _require_id(user_id: str) -> None:
    if not user_id.strip():
        raise UsageError("an empty id is nobody", where="USER", remedy="name the user id to erase")

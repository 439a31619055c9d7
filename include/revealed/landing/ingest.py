"""What people call: land a path in a named format, or everything that is complete in the landing folder."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as Named
from contextlib import contextmanager
from pathlib import Path

from revealed import durable
from revealed.clock import utc_now
from revealed.contracts import LOGS, log_named
from revealed.errors import MissingInputError, NoDataError, UnknownFormatError, UsageError
from revealed.landing.adapter_protocol import Adapter
from revealed.landing.files import SUFFIXES, FileStamp, candidates, format_of
from revealed.landing.keys import KeyIndex
from revealed.landing.lander import Lander, Left
from revealed.landing.ledger import read_ledger
from revealed.landing.mapping import read_mapping
from revealed.landing.report import IngestReport
from revealed.progress import Progress, quiet
from revealed.settings import Settings

_READABLE = ", ".join(SUFFIXES)


def ingest_path(
    settings: Settings, path: Path, format: str, *, mapping: Path | None = None, progress: Progress = quiet
) -> IngestReport:
    """Land a file, or every file under a folder, and return what became of its lines.

    `format` is a log of ours (`events`, `inferences`, `items`, `users`) or the name of an adapter.

    Raises:
        MissingInputError: there is no such path.
        UnknownFormatError: `format` is neither; the message lists the names that there are.
        UsageError: the file is of no kind that landing reads, or the mapping does not fit.
        NoDataError: the folder holds no file that landing reads.
        LockedError: another process is landing files.
    """
    adapters = {} if format in LOGS else _adapters()
    if format not in LOGS and format not in adapters:
        known = ", ".join((*LOGS, *sorted(adapters)))
        raise UnknownFormatError(
            f"{format!r} is not a format", where="--format", remedy=f"use one of {known}"
        )
    if not path.exists():
        raise MissingInputError("there is nothing at this path", where=str(path), remedy="check the path")
    if format in adapters:
        if mapping is not None:
            raise UsageError(f"{format} needs no mapping", where="--mapping", remedy="leave it out")
        return _ingest_foreign(settings, path.resolve(), adapters[format], progress)
    return _ingest_ours(settings, path.resolve(), format, mapping, progress)


def land_file(
    settings: Settings, file: Path, log: str, *, mapping: Path | None = None, progress: Progress = quiet
) -> IngestReport:
    """Land one file of `log` and return what became of its lines; raises what `ingest_path` raises."""
    return ingest_path(settings, file, log_named(log).name, mapping=mapping, progress=progress)


def ingest_landing(settings: Settings, *, progress: Progress = quiet) -> IngestReport:
    """Land every complete file under the landing folder and return what became of the lines.

    A file touched within `Settings.landing_grace_seconds` is left for the next run.

    Raises:
        MissingInputError: there is no landing folder.
        LockedError: another process is landing files.
    """
    if not settings.landing.is_dir():
        raise MissingInputError(
            "there is no landing folder",
            where=str(settings.landing),
            remedy=f"create it with the folders {', '.join(LOGS)}, or set REVEALED_HOME",
        )
    report = IngestReport()
    report.unrecognised = sum(1 for _ in _strays(settings.landing, progress))
    with _session(settings, progress) as session:
        for log in LOGS:
            folder = settings.landing / log
            files = list(candidates(folder)) if folder.is_dir() else []
            session.land_all([(file, log) for file in files], report, grace=settings.landing_grace_seconds)
    return report


def _strays(landing: Path, progress: Progress) -> Iterator[Path]:
    """Yield the files that stand in no log's folder, where nothing reads them."""
    for file in candidates(landing):
        if file.relative_to(landing).parts[0] not in LOGS:
            progress(f"not read, in no log's folder: {file}")
            yield file


def _ingest_ours(
    settings: Settings, path: Path, log: str, mapping: Path | None, progress: Progress
) -> IngestReport:
    files = list(candidates(path)) if path.is_dir() else [path]
    if path.is_file() and format_of(path) is None:
        raise UsageError(
            "landing does not read this kind of file", where=str(path), remedy=f"use {_READABLE}"
        )
    if not any(format_of(file) for file in files):
        raise NoDataError("this folder holds nothing to land", where=str(path), remedy=f"use {_READABLE}")
    report = IngestReport()
    with _session(settings, progress) as session:
        session.land_all([(file, log) for file in files], report, mapping=mapping)
    return report


def _ingest_foreign(settings: Settings, path: Path, adapter: Adapter, progress: Progress) -> IngestReport:
    report = IngestReport()
    with _session(settings, progress) as session:
        target = session.staging / "converted"
        target.mkdir(parents=True)
        session.land_all(adapter.convert(path, target, progress), report)
    return report


class _Session:
    """One run of landing, under the lock."""

    def __init__(self, lander: Lander, staging: Path, progress: Progress) -> None:
        self.staging = staging
        self._progress = progress
        self._lander = lander

    def land_all(
        self,
        files: list[tuple[Path, str]],
        report: IngestReport,
        *,
        mapping: Path | None = None,
        grace: float | None = None,
    ) -> None:
        """Land the files in order, adding to the report."""
        for index, (file, log) in enumerate(files, start=1):
            if format_of(file) is None:
                self._progress(f"not read, of no known kind: {file.name}")
                report.unrecognised += 1
                continue
            self._progress(f"landing {log}: {file.name}", index, len(files))
            stamp = FileStamp.of(file)
            if grace is not None and (stamp is None or stamp.is_young(utc_now(), grace)):
                report.still_being_written += 1
                continue
            self._land(file, log, mapping, report)

    def _land(self, file: Path, log: str, mapping: Path | None, report: IngestReport) -> None:
        definition = log_named(log)
        outcome = self._lander.land(file, definition, read_mapping(mapping, definition) if mapping else None)
        if outcome is Left.ALREADY_LANDED:
            report.already_landed += 1
        elif outcome is Left.STILL_BEING_WRITTEN:
            report.still_being_written += 1
        elif not isinstance(outcome, Left):
            report.add(outcome)


@contextmanager
def _session(settings: Settings, progress: Progress) -> Iterator[_Session]:
    """Hold the landing lock and a staging folder, cleared of what a killed run may have left."""
    with durable.exclusive_lock(settings.locks / "landing.lock", "land files"):
        staging = settings.raw / ".staging"
        durable.remove_tree(staging)
        (staging / "file").mkdir(parents=True)
        try:
            entries = read_ledger(settings)
            with KeyIndex(settings, entries, staging / "keys") as keys:
                lander = Lander(settings, entries, keys, staging / "file", progress)
                yield _Session(lander, staging, progress)
        finally:
            durable.remove_tree(staging)


def _adapters() -> Named[str, Adapter]:
    """Read late: adapters bring imports that our own formats do not need."""
    from revealed.landing.adapters import ADAPTERS

    return ADAPTERS

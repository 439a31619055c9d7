"""Every way in which Revealed refuses, each with its own exit code.

A message says what went wrong, where, and what to do about it. Scripts rely on the exit codes: never renumber them.
"""

from __future__ import annotations


class RevealedError(Exception):
    """Base of every error that a person is meant to read.

    Args:
        what: what went wrong, one sentence.
        where: the file, table or setting concerned, if one is known.
        remedy: what to do about it.
    """

    exit_code = 1
    code = "error"

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what = what
        self.where = where
        self.remedy = remedy
        super().__init__(self.describe())

    def describe(self) -> str:
        """Return the message as one readable block."""
        parts = [f"{self.code}: {self.what}"]
        if self.where:
            parts.append(f"  where: {self.where}")
        if self.remedy:
            parts.append(f"  do:    {self.remedy}")
        return "\n".join(parts)


class UsageError(RevealedError):
    """The command's words do not fit together."""

    exit_code = 2
    code = "usage"


class UnknownFormatError(RevealedError):
    """`--format` names no contract and no adapter."""

    exit_code = 3
    code = "unknown_format"


class MissingInputError(RevealedError):
    """A file, folder or landing area that was asked for does not exist."""

    exit_code = 4
    code = "missing_input"


class LockedError(RevealedError):
    """Another process is doing the same work right now."""

    exit_code = 5
    code = "locked"


class AuditFailedError(RevealedError):
    """Great Expectations found rows that must not be published."""

    exit_code = 6
    code = "audit_failed"


class NoDataError(RevealedError):
    """There is nothing to work on: no landed rows, an empty window, an empty matrix."""

    exit_code = 7
    code = "no_data"


class DamagedModelError(RevealedError):
    """A model's files do not match their checksums, shapes or types."""

    exit_code = 8
    code = "damaged_model"


class NothingPublishedError(RevealedError):
    """No warehouse or snapshot has been published yet."""

    exit_code = 9
    code = "nothing_published"


class GateFailedError(RevealedError):
    """A challenger did not pass the promotion gates."""

    exit_code = 10
    code = "gate_failed"


class BuildFailedError(RevealedError):
    """dbt could not build the candidate."""

    exit_code = 11
    code = "build_failed"


class StaleError(RevealedError):
    """Somebody published in between, or what is in service is newer: publishing would go backwards."""

    exit_code = 12
    code = "stale"


class DamagedFileError(RevealedError):
    """A published or raw file does not match what its manifest or ledger says."""

    exit_code = 13
    code = "damaged_file"


class RegistryError(RevealedError):
    """MLflow is out of reach, or does not hold what was asked for."""

    exit_code = 14
    code = "registry"


class PlatformError(RevealedError):
    """An embedded process (Airflow, MLflow) did not start, or a DAG run failed."""

    exit_code = 15
    code = "platform"


class DiskFullError(RevealedError):
    """No room is left; whatever was being written was not put into service."""

    exit_code = 16
    code = "disk_full"


class InvalidInputError(RevealedError):
    """A file that was given to a command lacks a column, or holds a value that means nothing."""

    exit_code = 17
    code = "invalid_input"


class UnknownPersonError(RevealedError):
    """Nobody of this id has ever been seen here."""

    exit_code = 21
    code = "unknown_person"


class ErasureIncompleteError(RevealedError):
    """An erased id was still found somewhere; the message names the files."""

    exit_code = 22
    code = "erasure_incomplete"

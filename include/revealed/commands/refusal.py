"""How a command says no: what, where and what to do on stderr; with --json the same as one object on stdout."""

from __future__ import annotations

import sys

import typer

from revealed.commands.output import say_json
from revealed.disk_full import says_disk_full
from revealed.errors import DiskFullError, RevealedError, UsageError


def refuse(error: RevealedError, *, as_json: bool) -> int:
    """Tell the person, and with --json the script too, and return the exit code."""
    sys.stderr.write(error.describe() + "\n")
    if as_json:
        told = {"code": error.code, "what": error.what, "where": error.where, "do": error.remedy}
        say_json({"error": told})
    return error.exit_code


def as_refusal(error: Exception) -> RevealedError | None:
    """Return what an error of the command line, the disk or a path means to a person; None if it is a fault of ours."""
    import duckdb

    if isinstance(error, RevealedError):
        return error
    if isinstance(error, typer.TyperException):
        return _usage(error)
    if not isinstance(error, OSError | duckdb.Error):
        return None
    where = str(getattr(error, "filename", None) or "")
    if says_disk_full(error):
        return DiskFullError(
            f"the disk is full: {error}",
            where=where,
            remedy="make room, then run this again; what was being written was not put into service",
        )
    if where:
        return RevealedError(
            f"this path cannot be used: {getattr(error, 'strerror', None) or error}",
            where=where,
            remedy="check the path and who may read and write it; all state lives under REVEALED_HOME",
        )
    return None


def _usage(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "revealed"
    return UsageError(error.format_message(), where=command, remedy=f"see `{command} --help`")

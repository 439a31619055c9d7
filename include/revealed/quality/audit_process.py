"""The audit of a snapshot in a process of its own, begun early.

Great Expectations takes longer to import than a snapshot of ordinary size takes to make. Whoever waits for a command
waits for one of the two, if both go on at once.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from revealed.errors import AuditFailedError, RevealedError
from revealed.lazy_imports import import_when_used
from revealed.quality.result import AuditResult
from revealed.settings import Settings


class AuditProcess:
    """Stands in for `audit_snapshot`: the child answers, under the settings of its environment."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def __call__(self, settings: Settings, folder: Path, **expected: Any) -> AuditResult:
        """Return the verdict on the snapshot in `folder`; see `audit_snapshot`.

        Raises:
            AuditFailedError: the audit could not be carried out, or its process ended without an answer.
        """
        answer, _ = self._child.communicate(json.dumps({"folder": str(folder)} | expected))
        try:
            found = json.loads(answer)
        except ValueError:
            raise AuditFailedError(
                f"the audit's process ended without an answer (exit code {self._child.returncode})",
                where=str(folder),
                remedy="see its last words above; what was in service stays",
            ) from None
        if "what" in found:
            raise AuditFailedError(found["what"], where=found["where"], remedy=found["remedy"])
        return AuditResult.from_dict(found)


@contextmanager
def audit_process() -> Iterator[AuditProcess]:
    """Start the process, which imports what it needs at once; it ends with the context, asked or not."""
    command = [sys.executable, "-m", "revealed.quality.audit_process"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield AuditProcess(child)
    finally:
        if child.poll() is None:
            child.kill()
        child.wait()


def _answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Return the verdict, or what went wrong, as JSON values."""
    from revealed.quality.snapshot import audit_snapshot

    sources, similar = tuple(asked.pop("sources")), tuple(asked.pop("similar_sources"))
    folder, settings = Path(asked.pop("folder")), Settings.from_env()
    try:
        found = audit_snapshot(settings, folder, sources=sources, similar_sources=similar, **asked)
        return found.to_dict()
    except RevealedError as error:
        return {"what": error.what, "where": error.where, "remedy": error.remedy}


if __name__ == "__main__":
    # What is imported stays; looking through it for garbage again and again takes a second.
    gc.disable()
    # Great Expectations imports them for what no suite of ours asks for: a quarter of its start.
    import_when_used("altair", "scipy", "scipy.stats")
    import revealed.quality.snapshot_suites
    import revealed.quality.validation  # noqa: F401 (early: nothing has been asked yet)

    question = sys.stdin.read()
    if question:
        sys.stdout.write(json.dumps(_answer(json.loads(question))))
    # Who asked waits for the end, too: looking through all of it one last time takes three quarters of a second.
    gc.freeze()

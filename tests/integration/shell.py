"""The `revealed` command as a shell would run it, or its program in this process; and its words when it refuses."""

from __future__ import annotations

import gc
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

GIVEN = {"REVEALED_LANDING_GRACE_SECONDS": "0", "REVEALED_HOLDOUT_DAYS": "3"}


def revealed(
    home: Path,
    *words: str | Path,
    env: dict[str, str] | None = None,
    before: Callable[[], None] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command on this home; `before` runs in the child before it starts."""
    program = Path(sys.executable).with_name("revealed")
    return subprocess.run(
        [str(program), *map(str, words)],
        env={**os.environ, **GIVEN, "REVEALED_HOME": str(home), **(env or {})},
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=before,
    )


def revealed_here(
    home: Path, *words: str | Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run the command's own program on this home, in this process: no second interpreter, no imports again."""
    from revealed.cli import main

    out, err, code = io.StringIO(), io.StringIO(), 0
    arguments, collections = ["revealed", *map(str, words)], gc.get_threshold()
    with pytest.MonkeyPatch.context() as patched, redirect_stdout(out), redirect_stderr(err):
        for name, value in {**GIVEN, "REVEALED_HOME": str(home), **(env or {})}.items():
            patched.setenv(name, value)
        patched.setattr(sys, "argv", arguments)
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        finally:
            gc.unfreeze()
            gc.set_threshold(*collections)
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def result(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The one JSON object on stdout of a command that did what it was asked."""
    assert done.returncode == 0, done.stderr
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def refusal(done: subprocess.CompletedProcess[str], code: int) -> dict[str, str]:
    """The refusal of a command that was given --json, after checking that stderr says the same in words."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    told: dict[str, str] = json.loads(done.stdout)["error"]
    assert set(told) == {"code", "what", "where", "do"}
    assert told["what"]
    assert f"{told['code']}: {told['what']}" in done.stderr
    assert not told["where"] or f"  where: {told['where']}" in done.stderr
    assert not told["do"] or f"  do:    {told['do']}" in done.stderr
    return told

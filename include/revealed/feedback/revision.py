"""Which code wrote a file or trained a model."""

from __future__ import annotations

import subprocess
from pathlib import Path

import revealed


def code_revision(root: Path) -> str:
    """Return the commit that `root` is checked out at, with `+changes` if it was edited since.

    Outside a git checkout it is the package's version, so that a container can tell too.
    """
    commit = _git(root, "rev-parse", "HEAD")
    if commit is None:
        return f"revealed {getattr(revealed, '__version__', 'unknown')}"
    return commit + ("+changes" if _git(root, "status", "--porcelain", "--untracked-files=no") else "")


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *words], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

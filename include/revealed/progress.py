"""How long work tells the person who waits for it where it is."""

from __future__ import annotations

import sys
from typing import Protocol


class Progress(Protocol):
    """Called now and then with what is being done and, where it is known, how far it has come."""

    def __call__(self, message: str, done: int = 0, total: int = 0) -> None:
        """Tell: `done` of `total` units; `total` 0 means that no end is known."""


def quiet(message: str, done: int = 0, total: int = 0) -> None:
    """Tell nobody."""


def to_stderr(message: str, done: int = 0, total: int = 0) -> None:
    """Write one line to stderr, so that stdout stays free for results."""
    share = f" {done:,}/{total:,}" if total else f" {done:,}" if done else ""
    sys.stderr.write(f"· {message}{share}\n")
    sys.stderr.flush()

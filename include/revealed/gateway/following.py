"""Files that say what is in service, read again when they change; what cannot be read does not replace what could."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

from revealed.errors import NothingPublishedError

log = logging.getLogger(__name__)
Value = TypeVar("Value")
OUTCOMES = ("loaded", "refused")
_TRY_AGAIN_SECONDS = 30.0


class Followed(Generic[Value]):
    """What a file points at or holds, as of the last look that could read it.

    Args:
        path: the file whose change means something new.
        read: reads what is new; it runs beside the event loop.
        told: called with `loaded` or `refused` after each reading.
        monotonic: seconds, from any start.

    Attributes:
        value: what is in service; None while there is nothing yet.
    """

    def __init__(
        self,
        path: Path,
        read: Callable[[], Value],
        told: Callable[[str], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.value: Value | None = None
        self._path, self._read, self._told, self._monotonic = path, read, told, monotonic
        self._stamp: tuple[int, int, int] | None = None
        self._refused_at: float | None = None

    def look(self) -> None:
        """Read what is new, if there is anything new; one call at a time.

        What is damaged is refused, logged and told, and tried again after 30 s, or when the file changes again.
        """
        stamp = _stamp(self._path)
        if stamp == self._stamp and not self._is_to_be_tried_again():
            return
        try:
            value = self._read()
        except NothingPublishedError:
            self._stamp = stamp  # nothing yet; or taken away, which is no reason to stop serving
            return
        except Exception as error:  # whatever is wrong with what is new, what is in service goes on
            log.warning("what is new is refused, the old stays in service: %s", error)
            self._stamp, self._refused_at = stamp, self._monotonic()
            self._told("refused")
            return
        self.value, self._stamp, self._refused_at = value, stamp, None
        self._told("loaded")

    def _is_to_be_tried_again(self) -> bool:
        return self._refused_at is not None and self._monotonic() - self._refused_at >= _TRY_AGAIN_SECONDS


def _stamp(path: Path) -> tuple[int, int, int]:
    try:
        status = os.stat(path)  # noqa: PTH116 - every second
    except OSError:
        return (0, 0, 0)
    return (status.st_ino, status.st_mtime_ns, status.st_size)

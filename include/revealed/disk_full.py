"""Telling a full disk from other failures: every library words it its own way."""

from __future__ import annotations

import errno
import os

_CODES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_WORDS = tuple(os.strerror(code).lower() for code in _CODES)


def says_disk_full(told: BaseException | str) -> bool:
    """Return whether an exception, or the text that a child process left, says that no more could be written."""
    if isinstance(told, OSError) and told.errno in _CODES:
        return True
    text = str(told).lower()
    return any(words in text for words in _WORDS)

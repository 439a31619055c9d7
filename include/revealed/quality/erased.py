"""Who was erased and must not come back: what audits ask."""

from __future__ import annotations

from collections.abc import Callable

from revealed.erasure.tombstones import Tombstones
from revealed.settings import Settings


def erased_here(settings: Settings) -> Callable[[str], bool]:
    """Return what says whether an id was erased in this home, by the home's tombstones.

    Raises:
        DamagedFileError: they cannot be read: nothing may be published unchecked.
    """
    return Tombstones.load(settings).holds

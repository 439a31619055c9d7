"""Who was erased and must not come back: the seam between audits and the list of erased people."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec

from revealed.settings import Settings


def erased_here(settings: Settings) -> Callable[[str], bool]:
    """Return what says whether an id was erased in this home, by the home's tombstones.

    Raises:
        DamagedFileError: they cannot be read: nothing may be published unchecked.
    """
    if find_spec("revealed.erasure") is None:
        return lambda _: False
    holds: Callable[[str], bool] = (
        import_module("revealed.erasure.tombstones").Tombstones.load(settings).holds
    )
    return holds

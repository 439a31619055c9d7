"""Put off importing what libraries import at their start and a command may never use."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader
from types import ModuleType


class _PutOff(MetaPathFinder):
    """Finds the named modules as usual, and has them executed when somebody first asks for anything of theirs."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = set(names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._names:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            spec.loader = LazyLoader(spec.loader)
        return spec


def import_when_used(*names: str) -> None:
    """Have modules that are imported from now on executed only when an attribute of theirs is first used.

    For whole programs, at their start; a module that relies on being executed at its import must not be named.
    """
    sys.meta_path.insert(0, _PutOff(names))

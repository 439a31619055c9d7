"""Which surface explores how: the section `[exploration]` of `$REVEALED_HOME/rules.toml`.

```toml
[exploration]                     # every surface, but for what it says itself
policy = "plackett_luce"          # or "epsilon_greedy" (with epsilon), "greedy"
temperature = 0.5
candidates = 30

[exploration.surfaces.newsletter]
policy = "epsilon_greedy"
epsilon = 0.1
```
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from revealed.errors import InvalidInputError, UsageError
from revealed.exploration.policy import Exploration

SECTION, SURFACES = "exploration", "surfaces"


@dataclass(frozen=True)
class Explorations:
    """The policy of each surface: what it says itself, else what goes for all."""

    default: Exploration = field(default_factory=Exploration)
    surfaces: Mapping[str, Exploration] = field(default_factory=dict)

    def on(self, surface: str) -> Exploration:
        """Return how a surface explores."""
        return self.surfaces.get(surface, self.default)


def read_explorations(rules: Path) -> Explorations:
    """Return what a rules file says about exploration; the defaults where there is no file, or no such section.

    Raises:
        InvalidInputError: the file is no TOML, or the section holds what exploration does not know.
    """
    try:
        section = tomllib.loads(rules.read_text(encoding="utf-8")).get(SECTION, {})
    except FileNotFoundError:
        return Explorations()
    except (OSError, ValueError) as error:
        raise InvalidInputError(f"the rules cannot be read ({error})", where=str(rules)) from error
    where = f"{rules}, [{SECTION}]"
    if not isinstance(section, dict) or not isinstance(section.get(SURFACES, {}), dict):
        raise InvalidInputError(
            "exploration is a table of parameters, and of surfaces with theirs",
            where=where,
            remedy=f'write [{SECTION}] policy = "plackett_luce", and [{SECTION}.{SURFACES}.NAME] for a surface',
        )
    common = {name: value for name, value in section.items() if name != SURFACES}
    return Explorations(
        _exploration(common, {}, where),
        {
            name: _exploration(own, common, f"{where[:-1]}.{SURFACES}.{name}]")
            for name, own in section.get(SURFACES, {}).items()
        },
    )


def _exploration(own: Any, common: dict[str, Any], where: str) -> Exploration:
    """Return a policy of its own parameters, and of the common ones where it names no policy of its own."""
    try:
        values = own if not isinstance(own, dict) or "policy" in own else common | own
        unknown = set(values) - set(Exploration.__dataclass_fields__)
        if unknown:
            raise ValueError(f"unknown: {', '.join(sorted(unknown))}")
        return msgspec.convert(values, Exploration)
    except UsageError as error:
        raise InvalidInputError(error.what, where=where, remedy=error.remedy) from error
    except (ValueError, TypeError) as error:
        raise InvalidInputError(
            f"this is no way to explore ({error})",
            where=where,
            remedy=f"it knows {', '.join(Exploration.__dataclass_fields__)}",
        ) from error

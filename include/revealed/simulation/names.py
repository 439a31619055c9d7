"""How the outside systems name things: identifiers, timestamps and user agents."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.config import WorldConfig
from revealed.simulation.population import DEVICES, People

_AGENTS = {
    "ios": "RevealedApp/3.2 (iPhone; iOS 19.1)",
    "android": "RevealedApp/3.2 (Android 16; Pixel)",
    "desktop": "Mozilla/5.0 (X11; Linux x86_64; rv:146.0) Gecko/20100101 Firefox/146.0",
    "tablet": "Mozilla/5.0 (iPad; CPU OS 19_1 like Mac OS X) AppleWebKit/605.1.15 Safari/605.1.15",
}
_BOT_AGENTS = (
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
    "python-requests/2.32.3",
    "Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
    "curl/8.11.0",
)


class Names:
    """Turns the numbers of one world into the identifiers that its logs carry."""

    def __init__(self, config: WorldConfig) -> None:
        self.config = config

    def hashed(self, prefix: str, number: int, scope: str = "") -> str:
        """Return an identifier that is unique in the world (and `scope`) and says nothing about order."""
        text = f"{self.config.seed}:{scope}{prefix}:{number}"
        return f"{prefix}-{blake2b(text.encode(), digest_size=6).hexdigest()}"

    def event(self, number: int) -> str:
        """Return the event_id of event `number`."""
        return self.hashed("evt", number)

    def request(self, number: int) -> str:
        """Return the request_id of request `number`."""
        return self.hashed("req", number)

    def session(self, number: int) -> str:
        """Return the client's session_id of session `number`."""
        return self.hashed("ses", number)

    def order(self, number: int) -> str:
        """Return the order_id of order `number`."""
        return self.hashed("ord", number)

    def anonymous(self, person: int) -> str:
        """Return the person's anonymous_id (a cookie)."""
        return self.hashed("anon", person)

    def user(self, person: int) -> str:
        """Return the person's user_id."""
        return f"user-{person:04d}"

    def item(self, item: int) -> str:
        """Return the item_id."""
        return f"item-{item:04d}"

    def user_agent(self, people: People, person: int) -> str:
        """Return what the person's, or the bot's, client calls itself."""
        bot = person - self.config.users
        if 0 <= bot < self.config.bots - 1:
            return _BOT_AGENTS[bot % len(_BOT_AGENTS)]
        return _AGENTS["desktop" if bot >= 0 else DEVICES[people.device[person]]]


def timestamps(at_ms: Ints, local: NDArray[Any] | None = None) -> list[str]:
    """Return RFC 3339 texts with milliseconds: in UTC (`Z`), or at +01:00 where `local` is true."""
    utc = np.datetime_as_string(np.asarray(at_ms).astype("datetime64[ms]"))
    if local is None or not local.any():
        return [f"{text}Z" for text in utc.tolist()]
    shifted = np.datetime_as_string((np.asarray(at_ms) + 3_600_000).astype("datetime64[ms]"))
    pairs = zip(utc.tolist(), shifted.tolist(), local.tolist(), strict=True)
    return [f"{there}+01:00" if is_local else f"{here}Z" for here, there, is_local in pairs]

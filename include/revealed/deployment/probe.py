"""A health check: does an address answer as it should? Standard library only, so that it costs a tenth of a second.

`python -m revealed.deployment.probe URL` ends with 0 when the answer is 2xx, else with 1 and the reason on stderr.
"""

from __future__ import annotations

import sys
from urllib.error import URLError
from urllib.request import urlopen

_TIMEOUT_SECONDS = 5.0


def probe(url: str) -> str:
    """Return "" when `url` answers 2xx within five seconds, else the reason why it does not count as healthy."""
    try:
        with urlopen(url, timeout=_TIMEOUT_SECONDS):  # noqa: S310  # the address is the compose file's own
            return ""
    except (URLError, OSError, ValueError) as error:
        return f"{url}: {error}"


def main() -> int:
    """Probe the address on the command line and return the exit code."""
    reason = probe(sys.argv[1])
    if reason:
        sys.stderr.write(reason + "\n")
    return int(bool(reason))


if __name__ == "__main__":
    sys.exit(main())

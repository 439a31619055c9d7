"""The simulated people as a process of its own: `live_client.py URL DAYS` prints what became of each parcel, a line each."""

from __future__ import annotations

import json
import sys

from revealed.progress import to_stderr
from revealed.settings import Settings
from revealed.simulation.live import Connection, passing_token, simulate_live
from revealed.simulation.live.connection import Reply


def tell(reply: Reply) -> None:
    """Print a parcel's verdicts, and whether the gateway has stored it before."""
    told = {"log": reply.parcel.log, "repeated": reply.parcel.is_repeated, "verdicts": reply.verdicts}
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    settings = Settings.from_env()
    with passing_token(settings) as token:
        connection = Connection(sys.argv[1], token, progress=to_stderr)
        lived = simulate_live(settings, connection, days=int(sys.argv[2]), watch=tell, progress=to_stderr)
    sys.stdout.write(json.dumps({"report": lived.to_dict()}) + "\n")

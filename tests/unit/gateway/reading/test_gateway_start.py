"""The gateway reads what others compute: it starts without what they compute with."""

from __future__ import annotations

import re
import subprocess
import sys

from callers import Calls, during

from revealed.settings import Settings

HEAVY = ("duckdb", "great_expectations", "implicit", "matplotlib", "mlflow", "pandas", "scipy", "sklearn")


def test_starting_loads_nothing_that_computes() -> None:
    code = f"import sys, revealed.gateway.app; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_page_of_the_calls_loads_nothing_from_another_machine(settings: Settings) -> None:
    async def calls(made: Calls) -> tuple[str, dict[str, int]]:
        page = (await made.client.get("/docs")).text
        loaded = re.findall(r'(?:src|href)="([^"]+)"', page)
        return page, {path: (await made.client.get(path)).status_code for path in loaded}

    page, loaded = during(settings, calls)
    assert "https://" not in page
    assert len(loaded) >= 3
    assert set(loaded.values()) == {200}
    assert all(path.startswith("/") for path in loaded)

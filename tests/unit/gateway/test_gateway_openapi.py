"""The OpenAPI document is true: schemathesis sends what it describes, and what it does not, and no answer is a surprise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from gateway_client import bearer, running, served, settings_at

from revealed.gateway.tokens import SCOPES
from revealed.landing import ingest_landing

# The GET calls, which need something published, are reading/test_whole_document.py's.
# A schema cannot say everything of a contract (positions that count 1, 2, 3; years; NUL), so that what keeps the schema
# may be refused all the same, with a verdict.
NOT_CHECKED = "positive_data_acceptance"


@pytest.mark.parametrize(
    ("phases", "examples"),
    [("fuzzing", 3), pytest.param("coverage,fuzzing", 300, marks=pytest.mark.slow)],
)
def test_no_request_is_answered_with_what_is_not_documented(
    tmp_path: Path, phases: str, examples: int
) -> None:
    settings = settings_at(tmp_path / "home", REVEALED_GATEWAY_LINES_PER_SECOND="1000000")
    token = bearer(settings, *SCOPES)["Authorization"]
    with served(settings) as port:
        words = ["run", f"http://127.0.0.1:{port}/openapi.json", "--header", f"Authorization: {token}"]
        words += ["--checks", "all", "--exclude-checks", NOT_CHECKED, "--phases", phases]
        words += ["--include-path-regex", "^/(v1/(events|inferences)|healthz|readyz|metrics)$"]
        words += ["--max-examples", str(examples), "--seed", "1", "--generation-database", "none"]
        program = Path(sys.executable).with_name("schemathesis")
        done = subprocess.run([program, *words], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    report = ingest_landing(settings)
    assert report.received == report.accepted + report.duplicate + report.quarantined > 0


def test_every_call_is_in_the_document(tmp_path: Path) -> None:
    with running(settings_at(tmp_path)) as (client, _):
        described = client.get("/openapi.json").json()
        assert client.get("/docs").status_code == 200
    for path in ("/v1/events", "/v1/inferences"):
        call = described["paths"][path]["post"]
        assert set(call["responses"]) >= {"202", "400", "401", "403", "409", "413", "422", "429", "503"}
        assert call["security"] == [{"token": []}]
    for line in ("Event", "Inference"):  # a schema would forbid what the server takes and writes over
        assert set(described["components"]["schemas"][line]["properties"]["received_at"]) == {"description"}
    assert {"/healthz", "/readyz", "/metrics"} <= set(described["paths"])

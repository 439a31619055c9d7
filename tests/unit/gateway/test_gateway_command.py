"""`revealed gateway` as a shell runs it: tokens, where it listens, whom it refuses, how it ends."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from gateway_client import GIVEN
from typer.testing import CliRunner

from revealed.cli import app
from revealed.errors import MissingInputError, UsageError


def told(home: Path, *words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["gateway", *words, "--json"], env={"REVEALED_HOME": str(home)})
    if done.exception and not isinstance(done.exception, SystemExit):
        raise done.exception
    value: dict[str, Any] = json.loads(done.stdout)
    return value


def test_tokens_are_made_listed_and_revoked(tmp_path: Path) -> None:
    made = told(tmp_path, "token", "create", "--source", "shop", "--scope", "events:write", "--days", "3")
    assert made["token"].startswith(f"rvl_{made['id']}_")
    (listed,) = told(tmp_path, "token", "list")["tokens"]
    assert (listed["id"], listed["source"], listed["scopes"], listed["state"]) == (
        made["id"], "shop", "events:write", "valid"
    )  # fmt: skip
    assert told(tmp_path, "token", "revoke", made["id"])["source"] == "shop"
    assert told(tmp_path, "token", "list")["tokens"][0]["state"] == "revoked"
    with pytest.raises(UsageError, match="is not a scope"):
        told(tmp_path, "token", "create", "--source", "shop", "--scope", "everything")
    with pytest.raises(MissingInputError):
        told(tmp_path, "token", "revoke", "nobody")


def start(home: Path, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "revealed.cli", "gateway", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **GIVEN, "REVEALED_HOME": str(home)},
    )


def test_it_says_where_it_listens_and_refuses_a_second_one(tmp_path: Path) -> None:
    first = start(tmp_path / "home", "--port", "0")
    assert first.stdout
    url = first.stdout.readline().split()[-1]
    assert first.stdout.readline() == f"its calls: {url}/docs and {url}/openapi.json\n"
    same_home = start(tmp_path / "home", "--port", "0")
    same_port = start(tmp_path / "other", "--port", url.rsplit(":", 1)[1])
    _, why = same_home.communicate(timeout=60)
    assert (same_home.returncode, "locked: cannot run the gateway" in why) == (5, True)
    _, why = same_port.communicate(timeout=60)
    assert (same_port.returncode, "cannot listen here: Address already in use" in why) == (15, True)
    with socket.create_connection(
        ("127.0.0.1", int(url.rsplit(":", 1)[1]))
    ):  # an idle client holds nobody up
        first.terminate()
        _, complaints = first.communicate(timeout=60)
    assert (first.returncode, complaints) == (0, "")

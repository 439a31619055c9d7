"""`make env`: write `.env` with a secret of its own for everything that docker-compose.yml asks for.

Standard library only: a machine with Docker need not have this package's environment. What the secrets are is read
from `.env.example`, whose empty assignments (`NAME=`) are to be filled.
"""

from __future__ import annotations

import base64
import os
import re
import secrets
import sys
from pathlib import Path

from revealed import durable
from revealed.errors import MissingInputError, RevealedError, UsageError

_TO_FILL = re.compile(r"^([A-Z_]+)=$")
_SECRET_BYTES = 24
_FERNET_BYTES = 32


def write_env_file(example: Path, target: Path) -> list[str]:
    """Write `target` (mode 0600) from `example` with generated secrets, and return the names that were filled.

    Raises:
        UsageError: `target` exists: its secrets may be in use already.
        MissingInputError: there is no `example`.
    """
    if target.exists():
        raise UsageError(
            "the file exists, and its secrets may be in use",
            where=str(target),
            remedy="keep it; to begin anew, move it away and remove the volumes that its passwords open",
        )
    if not example.exists():
        raise MissingInputError("the list of secrets is missing", where=str(example))
    names, lines = [], []
    for line in example.read_text().splitlines():
        match = _TO_FILL.match(line)
        if match:
            names.append(match[1])
            line += new_secret(match[1])
        lines.append(line)
    _write_private(target, "\n".join(lines) + "\n")
    return names


def new_secret(name: str) -> str:
    """Return a new secret: 192 random bits as hexadecimal digits, safe within an address; a Fernet key for that name."""
    if name.endswith("FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(_FERNET_BYTES)).decode()
    return secrets.token_hex(_SECRET_BYTES)


def _write_private(path: Path, text: str) -> None:
    with durable.staged_file(path) as staged:
        os.close(os.open(staged, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600))
        staged.write_text(text)


def main() -> int:
    """Write `.env` in the working folder and return the exit code."""
    try:
        names = write_env_file(Path(".env.example"), Path(".env"))
    except RevealedError as error:
        sys.stderr.write(error.describe() + "\n")
        return error.exit_code
    sys.stderr.write(f".env now holds {len(names)} generated secrets; keep a copy where you keep secrets\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

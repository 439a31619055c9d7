"""The gateway as an embedded process: started, waited for, and stopped by its own id."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import httpx

from revealed.embedded import ports
from revealed.embedded.configuration import HOST, process_environment
from revealed.embedded.processes import Process, start_process, stop_processes
from revealed.errors import PlatformError
from revealed.progress import Progress, quiet
from revealed.settings import Settings

_READY_WITHIN_SECONDS = 60.0


@dataclass(frozen=True)
class RunningGateway:
    """A gateway that answers: its address, and its process."""

    url: str
    process: Process


def command() -> list[str]:
    """Return the command that runs the gateway in the foreground; its port comes from the environment."""
    return [sys.executable, "-m", "revealed.cli", "gateway"]


def address(settings: Settings) -> str:
    """Return the gateway's address on this machine."""
    return f"http://{HOST}:{settings.gateway_port}"


def on_a_free_port(settings: Settings, progress: Progress = quiet) -> Settings:
    """Return the settings, with another gateway port where somebody listens on theirs."""
    if ports.is_free(settings.gateway_port):
        return settings
    port = ports.any_free_port()
    progress(f"port {settings.gateway_port} is taken; the gateway listens on {port} for this run")
    return replace(settings, gateway_port=port)


@contextmanager
def running_gateway(settings: Settings, *, progress: Progress = quiet) -> Iterator[RunningGateway]:
    """Start a gateway, yield it when it is ready (a snapshot is in service), and stop it whatever happens.

    Stopping lets it seal its segments: afterwards every acknowledged line lies in the landing folder.

    Raises:
        PlatformError: it ended by itself, or was not ready within a minute; the message holds the end of its log.
    """
    settings = replace(on_a_free_port(settings, progress), gateway_host=HOST)
    log = settings.gateway / "process.log"
    process = start_process("gateway", command(), env=process_environment(settings), log=log)
    try:
        _wait_until_ready(settings, process)
        progress(f"the gateway answers at {address(settings)}")
        yield RunningGateway(address(settings), process)
    finally:
        stop_processes([process])


def _wait_until_ready(settings: Settings, process: Process) -> None:
    deadline = time.monotonic() + _READY_WITHIN_SECONDS
    said = "nothing"
    while time.monotonic() < deadline:
        if not process.is_alive():
            raise PlatformError(
                f"the gateway ended by itself; its last words:\n{process.log_tail()}", where=str(process.log)
            )
        try:
            answer = httpx.get(f"{address(settings)}/readyz", timeout=2.0, trust_env=False)
        except httpx.TransportError as error:
            said = type(error).__name__
        else:
            if answer.status_code == httpx.codes.OK:
                return
            said = f"{answer.status_code} {answer.text[:200]}"
        time.sleep(0.1)
    raise PlatformError(
        f"the gateway is not ready after {_READY_WITHIN_SECONDS:.0f} s: {said}", where=str(process.log)
    )

"""Ports on the loopback interface: is one free, and which setting chooses it."""

from __future__ import annotations

import socket

from revealed.embedded.configuration import HOST
from revealed.errors import PlatformError


def is_free(port: int) -> bool:
    """Return whether a server may listen on `port` of the loopback interface now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def any_free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def require_free(port: int, *, setting: str, program: str) -> None:
    """Make sure that `port` is free.

    Raises:
        PlatformError: something listens there; the message names the port and the setting that moves it.
    """
    if not is_free(port):
        raise PlatformError(
            f"{program} cannot listen on port {port}: another program does",
            where=f"{HOST}:{port}",
            remedy=f"stop that program, or choose another port: {setting}={any_free_port()}",
        )

from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from revealed.durable import exclusive_lock, write_json
from revealed.embedded import ports
from revealed.embedded.platform import down, read_state, running_platform, stop_leftovers, stop_on_signals
from revealed.embedded.processes import Process, start_time
from revealed.errors import LockedError, PlatformError
from revealed.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.mark.parametrize("which", ["airflow", "mlflow"])
def test_a_taken_port_is_told_with_the_setting_that_moves_it(tmp_path: Path, taken: int, which: str) -> None:
    free = ports.any_free_port()
    chosen = {"airflow": (taken, free), "mlflow": (free, taken)}[which]
    settings = Settings(tmp_path, tmp_path, airflow_port=chosen[0], mlflow_port=chosen[1])
    with pytest.raises(PlatformError) as caught, running_platform(settings, with_mlflow=True):
        pytest.fail("it started on a taken port")
    assert str(taken) in caught.value.what
    assert f"REVEALED_{which.upper()}_PORT=" in caught.value.remedy
    assert read_state(settings) is None


def test_a_free_port_is_free_until_somebody_listens() -> None:
    port = ports.any_free_port()
    assert ports.is_free(port)
    with socket.socket() as server:
        server.bind(("127.0.0.1", port))
        server.listen()
        assert not ports.is_free(port)


def test_a_second_platform_is_refused_and_up_says_where_the_first_is(tmp_path: Path, taken: int) -> None:
    settings = Settings(tmp_path, tmp_path)
    write_json(settings.airflow_home / "processes.json", {"airflow_port": 18081})
    with exclusive_lock(settings.locks / "platform.lock", "run the embedded platform"):
        code = (
            "import sys; from pathlib import Path; from revealed.embedded.platform import up\n"
            "from revealed.settings import Settings\n"
            "up(Settings(Path(sys.argv[1]), Path(sys.argv[1]), gateway_port=int(sys.argv[2])))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path), str(taken)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        with pytest.raises(LockedError), running_platform(settings):
            pytest.fail("two platforms")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "· it runs already: http://127.0.0.1:18081\n", (
        "the gateway that holds the port is its own"
    )


def test_leftovers_of_a_killed_platform_are_stopped(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path)
    orphan = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    left = Process("scheduler", orphan.pid, start_time(orphan.pid), tmp_path / "log")
    state = {"owner": orphan.pid, "owner_started": 0.0, "processes": [left.to_dict()]}
    write_json(settings.airflow_home / "processes.json", state)
    stop_leftovers(settings)
    assert not left.is_alive()
    assert read_state(settings) is None


def test_down_is_fine_when_nothing_runs(tmp_path: Path) -> None:
    told: list[str] = []
    down(Settings(tmp_path, tmp_path), progress=lambda message, done=0, total=0: told.append(message))
    assert told == ["nothing runs"]


def test_a_termination_interrupts_like_ctrl_c_and_the_handler_goes_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(KeyboardInterrupt), stop_on_signals():
        signal.raise_signal(signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is before

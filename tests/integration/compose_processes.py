"""Run the services of docker-compose.yml on one machine without Docker: the same commands, variables and health checks.

What Docker gives is stood in for: names and ports of the services become free ports of the loopback interface, volumes
and tmpfs become folders, the images of PostgreSQL and Redis become Debian's packages. All else is the file's.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from compose_file import COMPOSE_FILE, ROOT, Service, read_services

from revealed.embedded import ports
from revealed.embedded.processes import Process, start_time, stop_processes

POSTGRES = Path("/usr/lib/postgresql/15/bin")
PORTS = {
    "postgres": 5432,
    "redis": 6379,
    "airflow-api-server": 8080,
    "scheduler-health": 8974,
    "mlflow": 5000,
    "gateway": 8300,
}
ONE_OFF = ("init", "accounts")
HEALTHY_WITHIN_SECONDS = 300.0


@dataclass
class Deployment:
    """The services that run, where they listen, and how long each took to become healthy."""

    folder: Path
    programs: Path
    variables: dict[str, str]
    ports: dict[str, int] = field(default_factory=lambda: {name: ports.any_free_port() for name in PORTS})
    running: dict[str, Process] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def home(self) -> Path:
        """REVEALED_HOME of every service."""
        return self.folder / "state"

    def services(self) -> dict[str, Service]:
        """The services of the file, with addresses and folders of this machine."""
        return read_services(self._here(COMPOSE_FILE.read_text()), self.variables)

    def up(self, names: list[str]) -> None:
        """Start the services in the order of their conditions, waiting for each condition as Compose does."""
        services, left = self.services(), list(names)
        while left:
            ready = next(name for name in left if not set(services[name].waits_for) & set(left))
            for other, condition in services[ready].waits_for.items():
                if condition == "service_healthy":
                    self.wait_until_healthy(other)
            self.start(ready)
            left.remove(ready)
        for name in names:
            if name not in ONE_OFF:
                self.wait_until_healthy(name)

    def start(self, name: str) -> None:
        """Start one service; one that runs once is waited for and must succeed."""
        service, began = self.services()[name], time.monotonic()
        self.seconds[name] = -began
        if name in ONE_OFF:
            done = self.execute(service, service.command, 300.0)
            assert done.returncode == 0, f"{name}:\n{done.stdout[-4000:]}"
            self.seconds[name] += time.monotonic()
            return
        if name == "postgres":
            service = self._prepare_postgres(service)
        (self.folder / "redis").mkdir(exist_ok=True)
        log = self.folder / "logs" / f"{name}.log"
        log.parent.mkdir(exist_ok=True)
        with log.open("ab") as output:
            child = subprocess.Popen(
                ["setpriv", *self._as_whom(name), "--pdeathsig", "TERM", "--", *service.command],
                env=self.environment(service), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=output, stderr=subprocess.STDOUT, start_new_session=True,
            )  # fmt: skip
        self.running[name] = Process(name, child.pid, start_time(child.pid), log)

    def wait_until_healthy(self, name: str) -> None:
        """Run the service's own health check until it passes."""
        if self.seconds.get(name, 0.0) > 0.0:
            return
        service, process = self.services()[name], self.running[name]
        deadline, said = time.monotonic() + HEALTHY_WITHIN_SECONDS, ""
        while time.monotonic() < deadline:
            assert process.is_alive(), f"{name} ended by itself:\n{process.log_tail(60)}"
            done = self.execute(service, service.health, service.health_timeout)
            if done.returncode == 0:
                self.seconds[name] += time.monotonic()
                return
            said = done.stdout
            time.sleep(1.0)
        raise AssertionError(f"{name} is not healthy: {said[-2000:]}\n{process.log_tail(60)}")

    def is_healthy(self, name: str) -> bool:
        """Whether the service's health check passes now."""
        service = self.services()[name]
        return self.execute(service, service.health, service.health_timeout).returncode == 0

    def execute(
        self, service: Service, command: list[str], timeout: float
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as `docker compose exec` would: in the service's environment."""
        try:
            return subprocess.run(
                command, env=self.environment(service), cwd=self.folder, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as late:
            return subprocess.CompletedProcess(command, 124, f"no answer in {late.timeout} s", "")

    def environment(self, service: Service) -> dict[str, str]:
        """The environment of a service's container: the file's, what the image sets, and nothing of this shell's."""
        private = self.folder / "run" / service.name
        private.mkdir(parents=True, exist_ok=True)
        given = {key: text.replace("/run/airflow", str(private)) for key, text in service.environment.items()}
        image = {
            "PATH": os.pathsep.join([str(self.programs), str(POSTGRES), os.defpath, "/usr/local/bin"]),
            "HOSTNAME": socket.gethostname(),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return image | given

    def kill(self, name: str) -> None:
        """End a service as a lost container ends: SIGKILL to all of it at once."""
        stop_processes([self.running.pop(name)], grace=0.0)
        self.seconds.pop(name)

    def down(self) -> None:
        """Stop every service, the databases last."""
        last = {"postgres", "redis"}
        stop_processes([process for name, process in self.running.items() if name not in last])
        stop_processes([process for name, process in self.running.items() if name in last])

    def _here(self, text: str) -> str:
        """The file's text with addresses and folders of this machine."""
        for name, port in PORTS.items():
            text = re.sub(rf"(?<=[/@]){name}:{port}", f"127.0.0.1:{port}", text)
            text = re.sub(rf"(?<!\d){port}(?!\d)", str(self.ports[name]), text)
        text = text.replace("0.0.0.0", "127.0.0.1").replace("PGHOST: postgres", "PGHOST: 127.0.0.1")
        text = re.sub(r"(?<![\w/])/data\b", str(self.folder / "redis"), text)
        return text.replace("/var/lib/revealed", str(self.home)).replace("/opt/revealed", str(ROOT))

    def _as_whom(self, name: str) -> list[str]:
        """PostgreSQL refuses to run as root."""
        if name != "postgres" or os.getuid():
            return []
        return ["--reuid", "postgres", "--regid", "postgres", "--init-groups"]

    def _prepare_postgres(self, service: Service) -> Service:
        """Do what PostgreSQL's image does when its volume is empty, and return the service with the image's command."""
        data, port = self.folder / "postgres", str(self.ports["postgres"])
        command = [
            "postgres",
            "-D",
            str(data),
            "-p",
            port,
            "-k",
            str(data),
            "-c",
            "listen_addresses=127.0.0.1",
        ]
        service = Service(**{**vars(service), "command": command})
        if data.exists():
            return service
        data.mkdir(mode=0o700)
        if not os.getuid():
            shutil.chown(data, "postgres", "postgres")
        as_postgres = ["setpriv", *self._as_whom("postgres"), "--"]
        options = [
            "--auth-local=trust",
            "--auth-host=scram-sha-256",
            "--username=postgres",
            "--encoding=UTF8",
        ]
        first = f"{POSTGRES}/pg_ctl -D {data} -o '-p {port} -k {data} -c listen_addresses=' -w"
        steps = [f"{POSTGRES}/initdb -D {data} {' '.join(options)}", f"{first} start"]
        for script in sorted((ROOT / "deploy" / "postgres").glob("*.sql")):
            steps.append(f"psql -v ON_ERROR_STOP=1 -h {data} -p {port} -U postgres -f {script}")
        steps.append(f"{first} stop")
        done = self.execute(service, [*as_postgres, "sh", "-ec", "\n".join(steps)], 120.0)
        assert done.returncode == 0, done.stdout
        return service


def read_variables(env_file: Path) -> dict[str, str]:
    """The assignments of a `.env` file."""
    lines = [line for line in env_file.read_text().splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def missing_part(programs: Path) -> str:
    """What this machine lacks to run the services, or ""."""
    needed: Mapping[str, Path | None] = {
        f"the environment of `make setup-deploy` ({programs.parent})": programs / "airflow",
        "Debian's postgresql-15": POSTGRES / "postgres",
        "Debian's redis-server": Path(shutil.which("redis-server") or "/nowhere"),
        "util-linux's setpriv": Path(shutil.which("setpriv") or "/nowhere"),
    }
    return next((what for what, path in needed.items() if path is None or not path.exists()), "")

"""docker-compose.yml and .env.example say what they promise: no secret has a default, nothing is open to the world."""

from __future__ import annotations

import base64
import re
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from compose_file import (
    COMPOSE_FILE,
    ROOT,
    VARIABLE,
    environment_of,
    interpolate,
    read_document,
    read_services,
)
from compose_processes import read_variables

from revealed.deployment.env_file import main as make_env
from revealed.deployment.env_file import write_env_file
from revealed.embedded.configuration import airflow_environment, settings_environment
from revealed.errors import UsageError
from revealed.settings import Settings

EXAMPLE = ROOT / ".env.example"


SECRET = re.compile(r"PASSWORD|SECRET|_KEY$|TOKEN")


# What differs from the embedded platform, and why.
DELIBERATE = {
    "AIRFLOW_HOME": "a folder of each container; what lasts lies in the volume",
    "AIRFLOW__API__HOST": "within its container; what is published is bound to BIND_ADDRESS",
    "AIRFLOW__API__PORT": "within its container",
    "AIRFLOW__API__BASE_URL": "as people see it",
    "AIRFLOW__CORE__EXECUTOR": "workers",
    "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": "another container",
    "AIRFLOW__CORE__DAGS_FOLDER": "in the image",
    "AIRFLOW__CORE__PLUGINS_FOLDER": "in the image",
    "AIRFLOW__COSMOS__CACHE_DIR": "a folder of each container",
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": "PostgreSQL",
}


EMBEDDED_ONLY = {
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS",
    "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE",
}


GENERATED = {"AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"}


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    target = tmp_path_factory.mktemp("env") / ".env"
    write_env_file(EXAMPLE, target)
    return read_variables(target)


@pytest.fixture(scope="module")
def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = read_document()["services"]
    return found


def used_variables() -> Iterator[tuple[str, str, str]]:
    """Every variable of the file: its name, how it is asked for, and the default or the message."""
    for match in VARIABLE.finditer(COMPOSE_FILE.read_text()):
        if match["name"]:
            yield match["name"], match["kind"] or "", match["rest"] or ""


def passed_through(services: dict[str, dict[str, Any]]) -> set[str]:
    return {
        name
        for given in services.values()
        for name, value in (given.get("environment") or {}).items()
        if value is None
    }


def test_the_file_is_what_compose_accepts(tmp_path: Path) -> None:
    check = [
        str(Path(sys.executable).with_name("check-jsonschema")),
        "--builtin-schema",
        "vendor.compose-spec",
    ]
    assert subprocess.run([*check, COMPOSE_FILE], capture_output=True, check=False).returncode == 0
    broken = tmp_path / "docker-compose.yml"
    broken.write_text(COMPOSE_FILE.read_text().replace("healthcheck:", "healtcheck:", 1))
    assert subprocess.run([*check, broken], capture_output=True, check=False).returncode == 1


def test_no_secret_has_a_default_and_nothing_starts_without_one(variables: dict[str, str]) -> None:
    secrets = {name for name, _, _ in used_variables() if SECRET.search(name)}
    assert secrets == set(variables)
    asked = {(name, kind) for name, kind, _ in used_variables() if name in secrets}
    assert asked == {(name, ":?") for name in secrets}
    text = COMPOSE_FILE.read_text()
    for name in sorted(secrets):
        without = {other: value for other, value in variables.items() if other != name}
        with pytest.raises(LookupError, match=name):
            read_services(text, without)


def test_secrets_come_from_variables_alone(services: dict[str, dict[str, Any]]) -> None:
    """A name that holds a secret has a `${NAME:?}` for its value, and no address holds a password of its own."""
    for service, given in services.items():
        for name, value in (given.get("environment") or {}).items():
            if SECRET.search(name) and not name.startswith("REVEALED_"):
                assert re.fullmatch(r"\$\{\w+:\?run make env\}", str(value)), f"{service}: {name}"
            assert not re.search(r"://[^/@$]*:[^@/$]+@", str(value)), f"{service}: {name}"
    for name in ("mlflow_auth.ini", "postgres/10-databases.sql"):
        assert not re.search(r"password\s*=\s*\S", (ROOT / "deploy" / name).read_text())


def test_the_example_names_all_variables(services: dict[str, dict[str, Any]]) -> None:
    named = set(re.findall(r"^(?:# )?([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE))
    assert named == {name for name, _, _ in used_variables()} | passed_through(services)


def test_the_examples_defaults_are_the_files(services: dict[str, dict[str, Any]]) -> None:
    shown = dict(re.findall(r"^# ([A-Z_]+)=(.*)$", EXAMPLE.read_text(), re.MULTILINE))
    assert {(name, rest) for name, kind, rest in used_variables() if kind == ":-"} <= set(shown.items())
    settings = {name: value for name, value in shown.items() if name in passed_through(services)}
    assert Settings.from_env(settings) == Settings.from_env({})


def test_generated_secrets_are_private_and_never_written_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(EXAMPLE, tmp_path)
    assert make_env() == 0
    written = tmp_path / ".env"
    assert stat.S_IMODE(written.stat().st_mode) == 0o600
    secrets = read_variables(written)
    assert len(set(secrets.values())) == len(secrets) > 10
    assert all(re.fullmatch(r"[0-9a-f]{48}", text) for name, text in secrets.items() if "FERNET" not in name)
    assert len(base64.urlsafe_b64decode(secrets["AIRFLOW_FERNET_KEY"])) == 32
    before = written.read_bytes()
    assert make_env() == UsageError.exit_code
    assert written.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {".env", ".env.example"}


def test_a_machine_without_our_environment_can_make_the_secrets(tmp_path: Path) -> None:
    """`make env` runs on Docker's host: nothing but the standard library may be asked for."""
    shutil.copy(EXAMPLE, tmp_path)
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c",
         f"import sys; sys.path.insert(0, {str(ROOT / 'include')!r})\n"
         "from revealed.deployment.env_file import main; sys.exit(main())"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, (tmp_path / ".env").exists()) == (0, True), done.stderr


def test_airflow_is_configured_as_the_embedded_one(
    tmp_path: Path, services: dict[str, dict[str, Any]]
) -> None:
    """One definition, written twice because two programs read it: what differs is listed with its reason."""
    embedded = airflow_environment(Settings(tmp_path / "var/lib/revealed", Path("/opt/revealed")))
    deployed = services["airflow-api-server"]["environment"] | services["airflow-scheduler"]["environment"]
    here = str(tmp_path)
    assert set(embedded) - set(deployed) == EMBEDDED_ONLY
    different = {
        name
        for name, text in embedded.items()
        if name in deployed and str(deployed[name]) != text.replace(here, "") and name not in GENERATED
    }
    assert different <= set(DELIBERATE)
    assert "fab" in deployed["AIRFLOW__CORE__AUTH_MANAGER"], (
        "accounts that a password file gives are for one machine"
    )


def test_every_setting_can_be_set(services: dict[str, dict[str, Any]]) -> None:
    known = set(re.findall(r'"(REVEALED_[A-Z_]+)"', (ROOT / "include/revealed/settings.py").read_text()))
    given = {name for service in services.values() for name in service.get("environment") or {}}
    embedded_only = {"REVEALED_AIRFLOW_PORT", "REVEALED_MLFLOW_PORT"}
    assert known - given == embedded_only
    assert {name for name in given if name.startswith("REVEALED_")} <= known
    loop = set(settings_environment(Settings(ROOT, ROOT)))
    for name in ("airflow-worker", "airflow-scheduler", "airflow-dag-processor"):
        missing = loop - set(services[name]["environment"]) - embedded_only
        assert {text for text in missing if "GATEWAY" not in text} == set(), name


def test_who_knows_which_secret(services: dict[str, dict[str, Any]]) -> None:
    """What runs tasks holds neither the database's password nor the keys that sign and decrypt."""
    known = {
        name: {
            match["name"]
            for value in (given.get("environment") or {}).values()
            for match in VARIABLE.finditer(str(value))
            if match["name"] and SECRET.search(match["name"])
        }
        for name, given in services.items()
    }
    worker = {"REDIS_PASSWORD", "MLFLOW_PIPELINE_PASSWORD"}
    database = {"AIRFLOW_DB_PASSWORD", "AIRFLOW_FERNET_KEY"}
    assert known == {
        "postgres": {"POSTGRES_PASSWORD", "AIRFLOW_DB_PASSWORD", "MLFLOW_DB_PASSWORD"},
        "redis": {"REDIS_PASSWORD"},
        "init": database | {"AIRFLOW_ADMIN_PASSWORD"},
        "accounts": {"MLFLOW_ADMIN_PASSWORD", "MLFLOW_PIPELINE_PASSWORD"},
        "airflow-api-server": database | {"AIRFLOW_JWT_SECRET", "AIRFLOW_API_SECRET_KEY"},
        "airflow-scheduler": database | {"AIRFLOW_JWT_SECRET", "REDIS_PASSWORD"},
        "airflow-dag-processor": database,
        "airflow-triggerer": database,
        "airflow-worker": worker,
        "airflow-worker-gpu": worker,
        "mlflow": {"MLFLOW_DB_PASSWORD", "MLFLOW_ADMIN_PASSWORD", "MLFLOW_SECRET_KEY"},
        "gateway": set(),
    }


def test_every_service_is_confined(services: dict[str, dict[str, Any]]) -> None:
    once = {"init", "accounts"}
    for name, given in services.items():
        assert given["security_opt"] == ["no-new-privileges:true"], name
        assert given["cap_drop"] == ["ALL"], name
        assert given["read_only"] is True, name
        assert given["user"] not in ("root", "0", "0:0"), name
        assert given["logging"]["options"]["max-size"], name
        assert given["restart"] == ("no" if name in once else "unless-stopped"), name
        assert name in once or given["healthcheck"]["test"], name
        assert given.get("volumes"), name
        assert not given.get("privileged"), name


def test_nothing_is_published_to_the_world(
    services: dict[str, dict[str, Any]], variables: dict[str, str]
) -> None:
    published = {
        name: interpolate(port, variables)
        for name, given in services.items()
        for port in given.get("ports", [])
    }
    assert published == {
        "airflow-api-server": "127.0.0.1:8080:8080",
        "mlflow": "127.0.0.1:5000:5000",
        "gateway": "127.0.0.1:8300:8300",
    }
    networks = read_document()["networks"]
    outward = {name for name, options in networks.items() if not (options or {}).get("internal")}
    assert {name for name, given in services.items() if outward & set(given["networks"])} == set(published)


def test_every_wait_can_end(services: dict[str, dict[str, Any]]) -> None:
    """A service waits only for health that is checked, or for success of what ends, on a network that both share."""
    for name, given in services.items():
        for other, how in (given.get("depends_on") or {}).items():
            ends = services[other]["restart"] == "no"
            assert how["condition"] == ("service_completed_successfully" if ends else "service_healthy"), name
            assert ends or services[other]["healthcheck"]
        for text in map(str, environment_of(given, {name: "x" for name, _, _ in used_variables()}).values()):
            for host in re.findall(r"(?:@|//)((?:[a-z]+-?)+)(?=:\d|/)", text):
                if host in services:
                    assert set(services[host]["networks"]) & set(given["networks"]), (
                        f"{name} cannot reach {host}"
                    )


def test_the_gpu_worker_is_asked_for_and_takes_its_own_queue(services: dict[str, dict[str, Any]]) -> None:
    gpu = services["airflow-worker-gpu"]
    assert gpu["profiles"] == ["gpu"]
    assert [name for name, given in services.items() if given.get("profiles")] == ["airflow-worker-gpu"]
    (device,) = gpu["deploy"]["resources"]["reservations"]["devices"]
    assert (device["driver"], device["capabilities"]) == ("nvidia", ["gpu"])
    assert gpu["command"][gpu["command"].index("--queues") + 1] == "gpu"
    assert services["airflow-worker"]["command"][4] == Settings.from_env({}).training_queue
    assert gpu["build"]["target"] == "gpu"
    assert gpu["environment"]["REVEALED_DEVICE"] == "gpu"

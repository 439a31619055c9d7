from __future__ import annotations

import base64
import json
import stat
from dataclasses import fields
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from revealed.embedded.configuration import (
    passwords_file,
    process_environment,
    read_passwords,
    settings_environment,
)
from revealed.settings import Settings

HOME = Path("/nowhere/home")


@given(
    st.builds(
        Settings,
        home=st.just(HOME),
        project_root=st.just(Path("/nowhere/project")),
        auto_approve=st.booleans(),
        device=st.sampled_from(["auto", "cpu", "gpu"]),
        duckdb_memory_limit=st.sampled_from(["1GB", "4GB"]),
        duckdb_threads=st.integers(1, 64),
        landing_grace_seconds=st.floats(0, 1e6),
        holdout_days=st.integers(1, 100),
        retrain_every_days=st.integers(1, 100),
        refit_every_days=st.integers(1, 100),
        contenders=st.lists(st.sampled_from(["als", "bpr", "content"])).map(tuple),
        tuning_trials=st.integers(0, 100),
        recommendations_per_user=st.integers(1, 1000),
        keep_generations=st.integers(2, 100),
        airflow_port=st.integers(1, 65535),
        mlflow_port=st.integers(1, 65535),
        gateway_host=st.sampled_from(["127.0.0.1", "0.0.0.0"]),
        gateway_port=st.integers(1, 65535),
        gateway_segment_megabytes=st.integers(1, 1000),
        gateway_segment_seconds=st.floats(0, 1e6),
        gateway_free_megabytes=st.integers(0, 10_000),
        gateway_lines_per_second=st.integers(1, 10**6),
    )
)
def test_a_process_builds_the_very_settings_that_its_supervisor_holds(settings: Settings) -> None:
    assert Settings.from_env(settings_environment(settings)) == settings


def test_every_setting_is_handed_on(tmp_path: Path) -> None:
    assert len(settings_environment(Settings(tmp_path, tmp_path))) == len(fields(Settings))


def test_the_platform_listens_on_the_loopback_interface_only(tmp_path: Path) -> None:
    env = process_environment(Settings(tmp_path, tmp_path, airflow_port=18080))
    assert env["AIRFLOW__API__HOST"] == "127.0.0.1"
    assert env["AIRFLOW__API__PORT"] == "18080"
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://127.0.0.1:18080/execution/"


def test_secrets_are_for_the_owner_only_made_once_and_different(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path)
    first, second = process_environment(settings), process_environment(settings)
    names = ["AIRFLOW__CORE__FERNET_KEY", "AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"]
    assert [first[name] for name in names] == [second[name] for name in names]
    assert len({first[name] for name in names}) == len(names)
    assert len(base64.urlsafe_b64decode(first["AIRFLOW__CORE__FERNET_KEY"])) == 32
    read_passwords(settings)
    files = list(passwords_file(settings).parent.iterdir())
    assert len(files) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
    assert stat.S_IMODE(passwords_file(settings).parent.stat().st_mode) == 0o700


def test_other_homes_get_other_secrets(tmp_path: Path) -> None:
    homes = [Settings(tmp_path / name, tmp_path) for name in ("a", "b")]
    keys = {process_environment(settings)["AIRFLOW__API_AUTH__JWT_SECRET"] for settings in homes}
    assert len(keys) == 2
    assert read_passwords(homes[0]) != read_passwords(homes[1])


def test_both_users_have_a_password_and_a_password_once_given_stays(tmp_path: Path) -> None:
    settings = Settings(tmp_path, tmp_path)
    passwords_file(settings).parent.mkdir(parents=True)
    passwords_file(settings).write_text(json.dumps({"admin": "chosen by its owner"}))
    known = read_passwords(settings)
    assert known["admin"] == "chosen by its owner"
    assert len(known["analyst"]) >= 20
    assert read_passwords(settings) == known


def test_what_configures_another_airflow_or_mlflow_is_left_behind(tmp_path: Path) -> None:
    inherited = {
        "PATH": "/usr/bin",
        "LANG": "C.UTF-8",
        "AIRFLOW_HOME": "/other",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "True",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "True",
        "MLFLOW_TRACKING_TOKEN": "secret",
        "REVEALED_HOME": "/other",
    }
    env = process_environment(Settings(tmp_path, tmp_path), inherited)
    assert env["LANG"] == "C.UTF-8"
    assert env["AIRFLOW_HOME"] == str(tmp_path / "airflow")
    assert env["AIRFLOW__CORE__LOAD_EXAMPLES"] == "False"
    assert "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS" not in env
    assert "MLFLOW_TRACKING_TOKEN" not in env
    assert env["REVEALED_HOME"] == str(tmp_path)
    assert env["PATH"].endswith("/usr/bin")

"""`make demo`: the real scheduler runs the whole loop on a simulated world, and then with its people.

The first pass learns from the logs of outside systems and publishes the first generation. Then the gateway serves it to
the world's people for some simulated days, what it logged and collected is learnt from, and the next generation is
served; and once more. A report tells of it.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from revealed.clock import utc_now
from revealed.embedded import ports
from revealed.embedded.demo_report import describe
from revealed.embedded.gateway import running_gateway
from revealed.embedded.platform import Platform, running_platform, stop_on_signals
from revealed.embedded.rest import AirflowClient
from revealed.embedded.watching import Watcher
from revealed.errors import PlatformError
from revealed.progress import Progress, to_stderr
from revealed.settings import Settings

if TYPE_CHECKING:
    from revealed.simulation import WorldConfig

LOOP = ("ingest_logs", "build_feedback", "train_recommender", "review_model", "publish_recommendations")
_VISITS = 2  # generations that people come to see
_DAYS_OF_A_VISIT = 3


def run_demo(settings: Settings, *, progress: Progress = to_stderr) -> str:
    """Run the loop and return the report; what was started is stopped, also after an error or Ctrl-C.

    Raises:
        PlatformError: a task failed (with the end of its log), or the platform or the gateway did not start.
        LockedError: the platform of this `REVEALED_HOME` runs already (`make down` stops it).
    """
    settings = _for_the_demo(settings, progress)
    world = _write_world(settings, progress)
    with stop_on_signals(), running_platform(settings, progress=progress) as platform:
        watcher = Watcher(platform.client, progress)
        _wake(platform.client)
        try:
            for day in _days_to_run(settings, world, progress):
                _run_through(platform, watcher, day)
        finally:
            platform.client.pause("ingest_logs")  # or midnight would bring a day far from the demo's
        assessment = _newest_assessment(platform.client)
    from revealed.simulation.live import read_lived_days

    return describe(settings, assessment, _end_of(world.day(world.days - 1)), read_lived_days(settings))


def _for_the_demo(settings: Settings, progress: Progress) -> Settings:
    progress("this demo approves its models by itself (REVEALED_AUTO_APPROVE=1): nobody looks at them")
    port = settings.airflow_port
    if not ports.is_free(port):
        port = ports.any_free_port()
        progress(f"port {settings.airflow_port} is taken; Airflow listens on {port} for this run")
    every = min(
        settings.retrain_every_days, _DAYS_OF_A_VISIT
    )  # each generation has learnt from the one before
    return replace(settings, auto_approve=True, airflow_port=port, retrain_every_days=every)


def _write_world(settings: Settings, progress: Progress) -> WorldConfig:
    """Write the demo world where it is not yet and return it."""
    from revealed.simulation import WorldConfig, simulate

    world = WorldConfig.demo()
    if not (settings.home / "simulation" / "truth").is_dir():
        report = simulate(settings, world, progress=progress)
        progress(f"simulated {sum(report.lines.values()):,} log lines of {report.users:,} people")
    return world


def _wake(client: AirflowClient) -> None:
    broken = client.import_errors()
    if broken:
        texts = "\n".join(str(error["stack_trace"]) for error in broken)
        raise PlatformError(f"a DAG file does not load:\n{texts}", where=str(broken[0]["filename"]))
    waiting = [
        run
        for run in client.runs()
        if run["dag_id"] == "review_model" and run["state"] in ("running", "queued")
    ]
    if waiting:
        raise PlatformError(
            "a challenger waits for somebody's answer, and the demo's own would wait behind it",
            where=f"review_model, {waiting[0]['dag_run_id']}",
            remedy="answer it in Airflow (`make up`, Required Actions), or run the demo in another REVEALED_HOME",
        )
    for dag_id in LOOP:
        client.pause(dag_id, paused=False)


def _days_to_run(settings: Settings, world: WorldConfig, progress: Progress) -> Iterator[date]:
    """Yield the last day of each pass that is still to come, letting people live up to it; at the end, the last again.

    What has been done is read from the home each time: a demo that was stopped goes on where it was, and one that is
    through runs its last day again, which changes nothing.
    """
    for visit in range(_VISITS + 1):
        last = world.day(world.days - 1 + visit * _DAYS_OF_A_VISIT)
        if visit:
            _live_until(settings, last, progress)
        if _is_to_come(settings, last):
            yield last
        elif visit == _VISITS:
            yield max(last, _published_day(settings))


def _live_until(settings: Settings, last: date, progress: Progress) -> None:
    """Let people visit the gateway until `last` is over, and the gateway seal what it has collected."""
    from revealed.simulation.live import Connection, passing_token, read_next_day, simulate_live

    days = (last - read_next_day(settings)).days + 1
    if days < 1:
        return
    progress(f"people come to the gateway for {days} days, through {last}")
    with running_gateway(settings, progress=progress) as gateway, passing_token(settings) as token:
        connection = Connection(gateway.url, token, progress=progress)
        report = simulate_live(settings, connection, days=days, progress=progress)
    if not report.is_complete:
        raise KeyboardInterrupt
    time.sleep(settings.landing_grace_seconds)  # landing leaves files alone that are younger


def _is_to_come(settings: Settings, last: date) -> bool:
    """Return whether the loop has not been through `last`, or only without a snapshot at its end."""
    in_service = _published_as_of(settings)
    has_snapshot = (settings.published_recommendations / "CURRENT").exists()
    if in_service is None or in_service < _end_of(last):
        return True
    return in_service == _end_of(last) and not has_snapshot


def _published_day(settings: Settings) -> date:
    """Return the last day that the warehouse in service knows."""
    in_service = _published_as_of(settings)
    return (in_service - timedelta(days=1)).date() if in_service else date.min


def _published_as_of(settings: Settings) -> datetime | None:
    from revealed.warehouse import current_generation, read_manifest

    if not current_generation(settings):
        return None
    return datetime.fromisoformat(read_manifest(settings)["as_of"]).astimezone(UTC)


def _end_of(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def _run_through(platform: Platform, watcher: Watcher, day: date) -> None:
    """Trigger the first DAG for `day` and wait until the loop has come to rest."""
    watcher.progress(f"through {day}: ingest_logs is triggered, the assets do the rest")
    after = utc_now().isoformat()
    platform.client.trigger("ingest_logs", {"through": day.isoformat()})
    runs = watcher.wait_until_settled(after)
    if not (platform.settings.published_recommendations / "CURRENT").exists():
        raise PlatformError(
            "the loop came to rest without a snapshot: no model was approved",
            where=", ".join(f"{run['dag_id']} ({run['state']})" for run in runs),
            remedy="`make up` and look at the task `turn_down` of review_model",
        )


def _newest_assessment(client: AirflowClient) -> str:
    """Return the page of the last review, as Markdown; empty when none took place."""
    reviews = [run for run in client.runs() if run["dag_id"] == "review_model" and run["state"] == "success"]
    return (
        str(client.xcom("review_model", reviews[-1]["dag_run_id"], "assess")["markdown"]) if reviews else ""
    )

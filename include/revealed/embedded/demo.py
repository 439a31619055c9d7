"""`make demo`: the real scheduler runs the whole loop on a simulated world, twice, and a report tells of it.

The first pass knows everything up to a week before the end and brings the first champion; the second knows
the last week too, continues the warehouse, and sets a challenger against the champion. Nothing is staged for
that: rows received after a pass's as-of moment are not visible to it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from revealed.clock import utc_now
from revealed.embedded import ports
from revealed.embedded.demo_report import describe
from revealed.embedded.platform import Platform, running_platform, stop_on_signals
from revealed.embedded.rest import AirflowClient
from revealed.embedded.watching import Watcher
from revealed.errors import PlatformError
from revealed.progress import Progress, to_stderr
from revealed.settings import Settings

LOOP = ("ingest_logs", "build_feedback", "train_recommender", "review_model", "publish_recommendations")
_LAST_DAYS = 7


def run_demo(settings: Settings, *, progress: Progress = to_stderr) -> str:
    """Run the loop and return the report; what was started is stopped, also after an error or Ctrl-C.

    Raises:
        PlatformError: a task failed (with the end of its log), or the platform did not start.
        LockedError: the platform of this `REVEALED_HOME` runs already (`make down` stops it).
    """
    settings = _for_the_demo(settings, progress)
    first_day, last_day = _write_world(settings, progress)
    with stop_on_signals(), running_platform(settings, progress=progress) as platform:
        watcher = Watcher(platform.client, progress)
        _wake(platform.client)
        try:
            for day in _days_to_run(settings, first_day, last_day):
                _run_through(platform, watcher, day)
        finally:
            platform.client.pause("ingest_logs")  # or midnight would bring a day far from the demo's
        assessment = _newest_assessment(platform.client)
    return describe(settings, assessment)


def _for_the_demo(settings: Settings, progress: Progress) -> Settings:
    progress("this demo approves its models by itself (REVEALED_AUTO_APPROVE=1): nobody looks at them")
    port = settings.airflow_port
    if not ports.is_free(port):
        port = ports.any_free_port()
        progress(f"port {settings.airflow_port} is taken; Airflow listens on {port} for this run")
    return replace(settings, auto_approve=True, airflow_port=port)


def _write_world(settings: Settings, progress: Progress) -> tuple[date, date]:
    """Write the demo world where it is not yet and return the last days of the first and the second pass."""
    from revealed.simulation import WorldConfig, simulate

    world = WorldConfig.demo()
    if not (settings.home / "simulation" / "truth").is_dir():
        report = simulate(settings, world, progress=progress)
        progress(f"simulated {sum(report.lines.values()):,} log lines of {report.users:,} people")
    return world.day(world.days - 1 - _LAST_DAYS), world.day(world.days - 1)


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


def _days_to_run(settings: Settings, first: date, last: date) -> list[date]:
    """Return the days that are still to come; a demo that is through runs its last day again."""
    in_service = _published_as_of(settings)
    has_snapshot = (settings.published_recommendations / "CURRENT").exists()
    if (
        in_service is None
        or in_service < _end_of(first)
        or (in_service == _end_of(first) and not has_snapshot)
    ):
        return [first, last]
    return [last]


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

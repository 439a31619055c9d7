"""Take the README's pictures from a running platform (`make up` after `make demo`).

Run `python tests/browser/screenshots.py [folder]`; Chromium is Debian's, nothing is downloaded.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from revealed.clock import utc_now
from revealed.embedded.rest import AirflowClient
from revealed.settings import Settings

CHROMIUM = "/usr/bin/chromium"
QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def log_in(page: Page, base: str, settings: Settings) -> None:
    """Log in to Airflow as the admin, by the form that people use."""
    passwords = json.loads((settings.airflow_home / "secrets" / "passwords.json").read_bytes())
    page.goto(f"{base}/auth/login")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", passwords["admin"])
    page.click("button[type=submit]")
    page.wait_for_url(lambda url: "/auth/login" not in url)


def keep(page: Page, path: Path, *, settle_ms: int = 2500) -> None:
    """Let the page settle and keep the picture."""
    page.wait_for_timeout(settle_ms)
    page.screenshot(path=path)
    sys.stderr.write(f"· {path}\n")


def of_airflow(page: Page, base: str, folder: Path) -> None:
    """The DAG list, the grid with every dbt model, and the graph of assets."""
    page.goto(f"{base}/dags")
    page.get_by_text("build_feedback").first.wait_for()
    keep(page, folder / "airflow-dags.png")
    page.goto(f"{base}/dags/build_feedback")
    page.get_by_role("button", name=re.compile("expand all", re.IGNORECASE)).first.click()
    keep(page, folder / "airflow-grid.png")
    page.goto(f"{base}/assets")
    page.get_by_text("feedback_dataset").first.click()
    page.wait_for_timeout(3000)
    graph = page.locator(".react-flow").first
    nodes = [box for node in page.locator(".react-flow__node").all() if (box := node.bounding_box())]
    frame = graph.bounding_box()
    if frame and nodes:
        top = min(box["y"] for box in nodes) - 20
        bottom = max(box["y"] + box["height"] for box in nodes) + 20
        clip = {"x": frame["x"], "y": top, "width": frame["width"], "height": bottom - top}
        page.screenshot(path=folder / "airflow-asset-graph.png", clip=clip)  # type: ignore[arg-type]


def of_mlflow(page: Page, base: str, folder: Path) -> None:
    """The version that a reviewer sees, the runs, and the challenger's run with its card and sample lists."""
    page.goto(f"{base}/#/models/revealed-recommender/versions/2?workflowType=machine_learning")
    page.get_by_text("Description").first.wait_for()
    if page.get_by_text("MLflow Assistant").count():
        page.mouse.click(1243, 36)  # its closing cross has no name
    keep(page, folder / "mlflow-version.png", settle_ms=4000)
    page.goto(f"{base}/#/experiments/1/runs?workflowType=machine_learning")
    keep(page, folder / "mlflow-runs.png", settle_ms=5000)
    asked = f"{base}/api/2.0/mlflow/model-versions/get?name=revealed-recommender&version=2"
    run = page.request.get(asked).json()["model_version"]["run_id"]
    for name, place in (
        ("run", ""),
        ("model-card", "model/model_card.md"),
        ("samples", "model/samples/recommendations.json"),
    ):
        path = f"/artifacts/{place}" if place else ""
        page.goto(f"{base}/#/experiments/1/runs/{run}{path}?workflowType=machine_learning")
        keep(page, folder / f"mlflow-{name}.png", settle_ms=6000)


def of_review(page: Page, client: AirflowClient, folder: Path) -> None:
    """A challenger that waits for somebody, and the click that approves it."""
    after = utc_now().isoformat()
    client.trigger("train_recommender", {"force": True})
    run = ""
    for _ in range(120):
        reviews = [
            found["dag_run_id"] for found in client.runs(after=after) if found["dag_id"] == "review_model"
        ]
        run = reviews[-1] if reviews else ""
        if run and ("await_approval", "awaiting_input") in _states(client, run):
            break
        page.wait_for_timeout(1000)
    base = f"http://{client.host}:{client.port}/dags/review_model/runs/{quote(run, safe='')}"
    page.goto(f"{base}/tasks/await_approval/required_actions")
    keep(page, folder / "airflow-approval.png", settle_ms=4000)
    page.get_by_role("button", name="Approve", exact=True).click()
    for _ in range(60):
        if ("promote", "success") in _states(client, run):
            return
        page.wait_for_timeout(1000)
    raise SystemExit(f"nothing was promoted: {_states(client, run)}")


def of_gateway(page: Page, base: str, folder: Path) -> None:
    """The gateway's calls, from its own OpenAPI document."""
    page.goto(f"{base}/docs")
    page.get_by_text("/v1/recommendations/{user}").first.wait_for()
    keep(page, folder / "gateway-openapi.png")


def _states(client: AirflowClient, run: str) -> set[tuple[str, str]]:
    return {(task["task_id"], task["state"]) for task in client.tasks("review_model", run)}


def main(folder: Path) -> None:
    """Take every picture."""
    settings = Settings.from_env()
    state = json.loads((settings.airflow_home / "processes.json").read_bytes())
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": 1280, "height": 860}, device_scale_factor=1.5)
        airflow = f"http://127.0.0.1:{state['airflow_port']}"
        log_in(page, airflow, settings)
        passwords = json.loads((settings.airflow_home / "secrets" / "passwords.json").read_bytes())
        of_review(
            page, AirflowClient("127.0.0.1", state["airflow_port"], "admin", passwords["admin"]), folder
        )
        of_airflow(page, airflow, folder)
        of_mlflow(page, f"http://127.0.0.1:{state['mlflow_port']}", folder)
        of_gateway(page, f"http://127.0.0.1:{state['gateway_port']}", folder)
        page.goto(f"file://{settings.data_docs / 'index.html'}")
        keep(page, folder / "data-docs.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/images"))

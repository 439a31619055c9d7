"""Data Docs that need no network: Great Expectations' rendered results, in our own page and style.

The stock pages ask half a dozen CDNs for their styles and scripts, and put failing values into the HTML as
they are. Here Great Expectations still turns results into content; the templates around it are in
`assets/`, carry their style with them, use no script, and escape what came from outside.
"""

from __future__ import annotations

import html
import itertools
import json
import os
import secrets
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader

from revealed import durable
from revealed.clock import utc_now
from revealed.errors import StaleError
from revealed.quality.result import AuditResult
from revealed.quality.validation import SuiteOutcome
from revealed.settings import Settings

_ASSETS = Path(__file__).parent / "assets"
_SUMMARY = "audit.json"


def add_audit(
    settings: Settings, outcomes: list[SuiteOutcome], result: AuditResult, *, subject: str, title: str
) -> Path:
    """Add one audit to the site, keep `keep_generations` of its subject, and renew the index.

    Returns:
        The audit's folder under `settings.data_docs`. It appears whole or not at all.
    """
    audits = settings.data_docs / "audits"
    staged = audits / f".staged-{os.getpid()}-{secrets.token_hex(4)}"
    staged.mkdir(parents=True)
    try:
        _write_pages(staged, outcomes, title)
        summary = json.dumps(_summary(outcomes, result, subject, title), allow_nan=False)
        durable.write_bytes(
            staged / _SUMMARY, summary.encode()
        )  # not canonical: rows keep their columns' order
        folder = _publish(staged, audits, subject)
    except BaseException:
        durable.remove_tree(staged)
        raise
    _prune(audits, subject, settings.keep_generations)
    _write_index(settings.data_docs)
    return folder


def _write_pages(folder: Path, outcomes: Iterable[SuiteOutcome], title: str) -> None:
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view.view import DefaultJinjaPageView

    view: Any = DefaultJinjaPageView()
    view.env.loader = ChoiceLoader([FileSystemLoader(_ASSETS), view.env.loader])
    view.env.globals.update(style=_style(), audit_title=title)
    for outcome in outcomes:
        durable.write_json(folder / f"{outcome.table}.json", _jsonable(outcome.validation))
        document = ValidationResultsPageRenderer().render(_renderable(outcome.validation))
        del document.sections[0].content_blocks[0]  # a link to a suite page, which this site does not have
        page = view.render(document, failed=len(outcome.failures), warned=len(outcome.warnings))
        durable.write_bytes(folder / f"{outcome.table}.html", page.encode())


def _jsonable(validation: Any) -> Any:
    """Great Expectations' own JSON; a NaN in a failing row becomes text, as JSON has none."""
    return json.loads(
        json.dumps(validation.to_json_dict(), default=str), parse_constant=lambda constant: constant
    )


def _renderable(validation: Any) -> Any:
    """Let the page list failing rows by key, and keep tracebacks from being read as markup."""
    for result in validation.results:
        result.expectation_config.meta = {
            **(result.expectation_config.meta or {}),
            "table": validation.suite_name,
        }
        if rows := result.result.get("partial_unexpected_index_list"):
            result.result["unexpected_index_list"] = rows
        for info in (result.exception_info, *result.exception_info.values()):
            if isinstance(info, dict) and info.get("exception_traceback"):
                info["exception_traceback"] = html.escape(info["exception_traceback"]).replace("$", "&#36;")
    return validation


def _summary(
    outcomes: Iterable[SuiteOutcome], result: AuditResult, subject: str, title: str
) -> dict[str, Any]:
    suites = [
        {
            "table": outcome.table,
            "page": f"{outcome.table}.html",
            "rows": outcome.rows,
            "checks": outcome.checks,
            "failed": len(outcome.failures),
            "warned": len(outcome.warnings),
        }
        for outcome in outcomes
    ]
    return {
        "subject": subject,
        "title": title,
        "created_at": utc_now().strftime("%Y-%m-%d %H:%M:%S UTC"),
        "passed": result.passed,
        "checks": result.checks,
        "failures": [asdict(failure) for failure in result.failures],
        "warnings": [asdict(warning) for warning in result.warnings],
        "suites": suites,
    }


def _publish(staged: Path, audits: Path, subject: str) -> Path:
    """Give the audit the next free number; another process may take one in between."""
    last = max((_number(folder) for folder in _folders(audits)), default=0)
    for number in itertools.count(last + 1):
        final = audits / f"{number:06d}-{subject}"
        if any(_number(folder) == number for folder in _folders(audits)):
            continue
        try:
            durable.publish_directory(staged, final)
        except StaleError:
            continue
        return final
    raise AssertionError("the numbers do not end")


def _prune(audits: Path, subject: str, keep: int) -> None:
    for folder in [folder for folder in _folders(audits) if folder.name.endswith(f"-{subject}")][keep:]:
        durable.remove_tree(folder)


def _write_index(site: Path) -> None:
    """Write the index, again if another audit came or went meanwhile: the last one written is complete."""
    seen: list[Path] | None = None
    while seen != (found := _folders(site / "audits")):
        durable.write_bytes(site / "index.html", _render_index(found).encode())
        seen = found


def _render_index(folders: Iterable[Path]) -> str:
    environment = Environment(loader=FileSystemLoader(_ASSETS), autoescape=True)
    audits = [
        json.loads((folder / _SUMMARY).read_bytes()) | {"folder": folder.name}
        for folder in folders
        if (folder / _SUMMARY).exists()
    ]
    return environment.get_template("index.j2").render(audits=audits, style=_style()).lstrip()


def _folders(audits: Path) -> list[Path]:
    """The audits in the site, newest first."""
    return sorted((entry for entry in audits.iterdir() if not entry.name.startswith(".")), reverse=True)


def _number(folder: Path) -> int:
    return int(folder.name.split("-")[0])


def _style() -> str:
    return (_ASSETS / "style.css").read_text()

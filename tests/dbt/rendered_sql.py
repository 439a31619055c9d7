"""The project's own macros as SQL text, rendered by dbt: what the models run, on data of a test's making."""

from __future__ import annotations

from compiled_models import run_dbt_command

from revealed.settings import Settings


def render(settings: Settings, inline: str) -> str:
    """Return the compiled SQL of a query that calls macros."""
    settings.home.mkdir(parents=True, exist_ok=True)
    return run_dbt_command(settings, settings.home, "compile", "--inline", inline)

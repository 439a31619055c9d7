"""`revealed demo`, `up`, `down`: the embedded platform."""

from __future__ import annotations

from revealed.commands.output import say
from revealed.progress import to_stderr
from revealed.settings import Settings


def demo() -> None:
    """Run the whole loop in Airflow on an invented world, tell what happened, and stop again.

    \b
    Example:
      REVEALED_HOME=$(mktemp -d) revealed demo
    """
    from revealed.embedded import run_demo

    say(run_demo(Settings.from_env(), progress=to_stderr))


def up() -> None:
    """Start Airflow and MLflow, print where they are, and stay until Ctrl-C."""
    from revealed.embedded import up as start

    start(Settings.from_env())


def down() -> None:
    """Stop what `revealed up` started, from another terminal."""
    from revealed.embedded import down as stop

    stop(Settings.from_env())

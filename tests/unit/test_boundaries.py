"""Who may know of whom: rules that keep the loop honest and its parts apart."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "include" / "revealed"
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> set[str]:
    """Every module that a file imports, wherever in the file."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return found


def users_of(*roots: str) -> set[str]:
    """Files of the package that import one of the modules."""
    return {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if any(name == root or name.startswith(f"{root}.") for name in imports(path) for root in roots)
    }


def test_only_the_commands_the_demo_and_the_closed_loop_experiment_know_the_simulator() -> None:
    """A loop that could read the truth would pass its own tests; the experiment is the world around the loop, and its judge."""
    own = ("simulation/", "benchmarks/closed_loop")
    outside = {name for name in users_of("revealed.simulation") if not name.startswith(own)}
    assert outside == {"commands/live.py", "commands/logs.py", "embedded/demo.py"}
    known = {name for name in users_of("revealed.benchmarks") if not name.startswith("benchmarks/")}
    assert known == {"commands/benchmarks.py"}


def test_no_step_of_the_loop_names_the_truth() -> None:
    folders = (
        "contracts",
        "landing",
        "warehouse",
        "quality",
        "feedback",
        "training",
        "evaluation",
        "registry",
        "publishing",
        "reward",
        "active_learning",
    )
    named = [
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if path.relative_to(PACKAGE).parts[0] in folders and "simulation/truth" in path.read_text()
    ]
    assert named == []
    models = (ROOT / "dbt_project").rglob("*.sql")
    assert [path.name for path in models if "truth" in path.read_text().lower()] == []


@pytest.mark.parametrize("module", ["pickle", "cloudpickle", "joblib", "dill", "shelve"])
def test_nothing_is_pickled(module: str) -> None:
    assert users_of(module) == set()


def test_only_the_edge_reads_the_wall_clock() -> None:
    reading = ("datetime.now(", "utcnow(", "date.today(", "time.time(")
    found = {
        str(path.relative_to(PACKAGE))
        for path in MODULES
        if any(word in path.read_text() for word in reading)
    }
    assert found == {"clock.py"}
    words = ("current_timestamp", "now()", "current_date", "get_current_time")
    models = [path for path in (ROOT / "dbt_project").rglob("*.sql") if "target" not in path.parts]
    assert len(models) > 20
    assert [path.name for path in models if any(word in path.read_text().lower() for word in words)] == []


def test_one_way_to_open_duckdb() -> None:
    opening = {str(path.relative_to(PACKAGE)) for path in MODULES if "duckdb.connect(" in path.read_text()}
    assert opening == {"engines/duckdb.py"}


def test_modules_stay_small() -> None:
    long = {
        str(path.relative_to(PACKAGE)): n
        for path in MODULES
        if (n := len(path.read_text().splitlines())) > 300
    }
    assert long == {}


def test_functions_stay_small() -> None:
    long = [
        f"{path.relative_to(PACKAGE)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and (node.end_lineno or 0) - node.lineno >= 50
    ]
    assert long == []

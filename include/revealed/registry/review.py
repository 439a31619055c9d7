"""The decision about a challenger: gates, then a person, then the alias that puts it in service. Every step can be repeated."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from revealed.durable import exclusive_lock
from revealed.errors import (
    DamagedFileError,
    DamagedModelError,
    GateFailedError,
    MissingInputError,
    NoDataError,
)
from revealed.evaluation import Comparison
from revealed.feedback import find_dataset, verify_dataset
from revealed.registry.client import MODEL_NAME, registry
from revealed.registry.decisions import PROMOTED, REJECTED, ROLLED_BACK, write_decision
from revealed.registry.gates import Gate, judge
from revealed.registry.links import run_url, version_url
from revealed.registry.page_limit import VERSION_CHARACTERS, fit_page
from revealed.registry.report import champion_line, comparison_table, gates_table
from revealed.registry.versions import (
    CHALLENGER,
    CHAMPION,
    PREVIOUS,
    ModelVersion,
    current_champion,
    fetch_model,
    holder,
    list_versions,
    read_model_version,
)
from revealed.settings import Settings
from revealed.training.artifact import load_model

if TYPE_CHECKING:
    from revealed.training.foresight import Foresight


GATES_HEADING = "### Gates"


@dataclass(frozen=True)
class Assessment:
    """What the gates say of a version, and the page for the reviewer."""

    version: str
    model_id: str
    passed: bool
    gates: list[Gate]
    markdown: str
    run_url: str
    version_url: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def assess_challenger(settings: Settings, version: str = CHALLENGER) -> Assessment:
    """Return what the gates say of the challenger (or of another version), with the page for the reviewer.

    Failed gates are in the result, not raised: `promote` raises.

    Raises:
        RegistryError: there is no challenger, or MLflow is out of reach.
    """
    found = read_model_version(settings, version)
    champion = current_champion(settings)
    whole, evaluation = _evaluation(settings, found)
    refused = _turned_down(settings, found)
    gates = [whole]
    if evaluation:
        gates += judge(evaluation, found, champion, refused, _foresight(settings, found, evaluation))
    with registry(settings) as client:
        run = client.get_run(found.run_id)
    page = run_url(settings, run.info.experiment_id, found.run_id)
    return Assessment(
        version=found.version,
        model_id=found.tags.get("model_id", ""),
        passed=all(gate.passed for gate in gates),
        gates=gates,
        markdown=_page(settings, found, gates, evaluation, page, run.data.tags.get("airflow_run", "")),
        run_url=page,
        version_url=version_url(settings, found.version),
    )


def record_gates(settings: Settings, found: Assessment) -> None:
    """Write each gate's number, threshold and verdict into the version's tags and onto its page in MLflow.

    Raises:
        RegistryError: MLflow is out of reach.
    """
    with registry(settings) as client:
        version = client.get_model_version(MODEL_NAME, found.version)
        page = (version.description or "").split(GATES_HEADING)[0].rstrip()
        for gate in found.gates:
            verdict = "passed" if gate.passed else "FAILED"
            told = f"{verdict}: {gate.value}; asked for {gate.limit}"
            client.set_model_version_tag(MODEL_NAME, found.version, f"gate/{gate.name}", told)
        page = f"{page}\n\n{GATES_HEADING}\n\n{gates_table(found.gates)}"
        client.update_model_version(MODEL_NAME, found.version, description=fit_page(page, VERSION_CHARACTERS))


def promote(
    settings: Settings, version: str, approved_by: str, note: str = "", *, force: bool = False
) -> ModelVersion:
    """Put a version in service: it takes the alias `champion`, whose holder keeps `previous_champion`.

    Promoting the champion again changes nothing.

    Raises:
        GateFailedError: a gate did not pass, and `force` was not given.
        RegistryError: there is no such version, or MLflow is out of reach.
        LockedError: somebody else is deciding right now.
    """
    with _deciding(settings, "promote a model"):
        found = read_model_version(settings, version)
        champion = current_champion(settings)
        if champion is None or champion.version != found.version:
            _require_gates(settings, found, force=force)
            with registry(settings) as client:
                if champion is not None:
                    client.set_registered_model_alias(MODEL_NAME, PREVIOUS, champion.version)
                client.set_registered_model_alias(MODEL_NAME, CHAMPION, found.version)
        before = _holder(settings, PREVIOUS)
        gates = "forced" if force else "passed"
        _record(settings, found, PROMOTED, approved_by, note, gates=gates, before=before, after=found)
    return read_model_version(settings, found.version)


def reject(settings: Settings, version: str, rejected_by: str, note: str = "") -> ModelVersion:
    """Turn a version down: it is kept, loses the alias `challenger`, and the gates refuse it from then on.

    Raises:
        GateFailedError: it is the champion; roll back instead.
        RegistryError: there is no such version, or MLflow is out of reach.
    """
    with _deciding(settings, "reject a model"):
        found = read_model_version(settings, version)
        if CHAMPION in found.aliases:
            raise GateFailedError(
                f"version {found.version} is in service",
                where=MODEL_NAME,
                remedy="roll back to the previous champion instead",
            )
        champion = current_champion(settings)
        _record(settings, found, REJECTED, rejected_by, note, before=champion, after=champion)
    return read_model_version(settings, found.version)


def rollback_champion(settings: Settings, rolled_back_by: str, note: str = "") -> ModelVersion:
    """Put the previous champion back in service and return it; the one it replaces cannot be promoted unforced again.

    Raises:
        RegistryError: there is no previous champion, or MLflow is out of reach.
    """
    with _deciding(settings, "roll back the champion"):
        champion, previous = current_champion(settings), read_model_version(settings, PREVIOUS)
        if champion is not None and champion.version != previous.version:
            _record(settings, champion, ROLLED_BACK, rolled_back_by, note, before=champion, after=previous)
        with registry(settings) as client:
            client.set_registered_model_alias(MODEL_NAME, CHAMPION, previous.version)
            client.delete_registered_model_alias(MODEL_NAME, PREVIOUS)
    return read_model_version(settings, previous.version)


@contextmanager
def _deciding(settings: Settings, doing: str) -> Iterator[None]:
    with exclusive_lock(settings.locks / "registry.lock", doing):
        yield


def _require_gates(settings: Settings, found: ModelVersion, *, force: bool) -> None:
    assessment = assess_challenger(settings, found.version)
    failed = [gate for gate in assessment.gates if not gate.passed]
    if failed and not force:
        raise GateFailedError(
            "; ".join(f"{gate.name}: {gate.value}, asked for {gate.limit}" for gate in failed),
            where=f"version {found.version} of {MODEL_NAME}",
            remedy="train again with more data; promoting it all the same takes `force`, and is recorded",
        )


def _record(
    settings: Settings,
    found: ModelVersion,
    decision: str,
    by: str,
    note: str,
    *,
    before: ModelVersion | None,
    after: ModelVersion | None,
    gates: str = "",
) -> None:
    """Write down who decided what and when, as a file and as the version's tags; what is recorded already stays as it is."""
    if found.decision == decision:
        return
    written = write_decision(
        settings,
        decision=decision,
        version=found.version,
        model_id=found.model_id,
        decided_by=by,
        note=note,
        gates=gates,
        champion_before=before.version if before else None,
        champion_after=after.version if after else None,
    )
    with registry(settings) as client:
        for key, value in written.tags().items():
            client.set_model_version_tag(MODEL_NAME, found.version, key, value)
        challenger = holder(client, CHALLENGER)
        if challenger is not None and challenger.version == found.version:
            client.delete_registered_model_alias(MODEL_NAME, CHALLENGER)


def _holder(settings: Settings, alias: str) -> ModelVersion | None:
    with registry(settings) as client:
        return holder(client, alias)


def _turned_down(settings: Settings, found: ModelVersion) -> ModelVersion | None:
    """Return a version of the very same model that somebody rejected or rolled back: training again gives it a new number."""
    for other in list_versions(settings):
        if other.tags.get("model_id") == found.tags.get("model_id") and other.decision in (
            REJECTED,
            ROLLED_BACK,
        ):
            return other
    return None


def _evaluation(settings: Settings, found: ModelVersion) -> tuple[Gate, dict[str, Any] | None]:
    """Return whether the version's files are whole, and its evaluation if so."""
    name, limit = "model files", "as registered; finite, not all zero"
    try:
        folder = fetch_model(settings, found.version)
        model, _ = load_model(folder)
        evaluation = json.loads((folder / "evaluation.json").read_bytes())
    except DamagedModelError as error:
        return Gate(name, error.what, limit, False), None
    alive = any(bool(array.any()) for key, array in model.arrays().items() if not key.startswith("item_ids"))
    return Gate(name, "as registered" if alive else "all zero", limit, alive), evaluation


def _foresight(settings: Settings, found: ModelVersion, evaluation: dict[str, Any]) -> Foresight:
    """Return what came of repeating the version's test, if its dataset is still there."""
    from revealed.training.foresight import Foresight, repeat_test

    try:
        dataset = find_dataset(settings, evaluation["dataset"]["dataset_version"])
        verify_dataset(dataset)
        return repeat_test(settings, dataset, settings.models / found.model_id)
    except (MissingInputError, NoDataError, DamagedFileError) as error:
        return Foresight(None, 0.0, f"not repeated: {error.what}")


def _page(
    settings: Settings,
    found: ModelVersion,
    gates: list[Gate],
    evaluation: dict[str, Any] | None,
    run_page: str,
    airflow_run: str,
) -> str:
    verdict = "All gates passed." if all(gate.passed for gate in gates) else "**At least one gate failed.**"
    parts = [f"### Model version {found.version}: {found.tags.get('model_id', 'unknown')}", verdict]
    if evaluation:
        champion = evaluation["champion"] or {}
        comparison = Comparison.from_dict(evaluation["comparison"])
        parts += [
            f"{evaluation['chosen']}: {evaluation['because']}.",
            comparison_table(comparison, evaluation["chosen"]),
            champion_line(champion.get("version"), champion.get("how", "")),
        ]
    parts.append(gates_table(gates))
    links = [f"[MLflow run]({run_page})", f"[MLflow version]({version_url(settings, found.version)})"]
    links += [f"[Airflow run]({airflow_run})"] if airflow_run.startswith("http") else []
    return "\n\n".join([*parts, " · ".join(links)])

"""One generation after another: what is new replaces what is older, and what goes wrong leaves what is in service."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from planted_world import AS_OF, World, settings_in
from trained_home import NEXT_WEEK, Trained, new_dataset

from revealed.durable import exclusive_lock
from revealed.errors import (
    AuditFailedError,
    DamagedFileError,
    LockedError,
    NothingPublishedError,
    StaleError,
    UsageError,
)
from revealed.faults import SNAPSHOT_POINTS
from revealed.publishing import (
    current_snapshot,
    list_snapshots,
    publish_snapshot,
    read_recommendations,
    read_snapshot_manifest,
    rollback_snapshot,
    verify_snapshot,
)
from revealed.registry import promote, rollback_champion
from revealed.settings import Settings


def test_publishing_the_same_again_writes_nothing(published: Settings) -> None:
    before = current_snapshot(published)
    (published.published_recommendations / "manifest.json").write_text("damaged copy")
    assert publish_snapshot(published) == before
    assert len(list_snapshots(published)) == 1
    assert (published.published_recommendations / "manifest.json").read_text() != "damaged copy"


def test_newcomers_and_new_behaviour_count_without_a_new_model(published: Settings) -> None:
    before = read_recommendations(published, "u0000", 5)
    grown = World(users=260, as_of=AS_OF + timedelta(days=1))
    new_dataset(published, grown)
    after = publish_snapshot(published)
    assert (after.generation, after.model_id) == (2, before.model_id)
    newcomer = read_recommendations(published, "u0250", 10)
    assert newcomer.is_known
    own = [item for item in newcomer.items if item.source != "discovery"]
    assert {item.source for item in own} == {"als"}
    assert sum(int(item.item_id[1:]) % 3 == 250 % 3 for item in own) >= len(own) - 1


def test_rollback_sticks_until_there_is_something_new(published: Settings) -> None:
    new_dataset(published, NEXT_WEEK)
    assert publish_snapshot(published).generation == 2
    assert rollback_snapshot(published, rolled_back_by="ada").generation == 1
    assert publish_snapshot(published).generation == 1  # the scheduled run does not undo it
    assert read_recommendations(published, "u0000", 1).snapshot_id == "000001"
    new_dataset(published, World(as_of=AS_OF + timedelta(days=8), seed=8))
    assert publish_snapshot(published).generation == 3
    assert [row["generation"] for row in list_snapshots(published)] == [2, 3]  # keep_generations is 2
    with pytest.raises(UsageError):
        rollback_snapshot(published, 3)
    with pytest.raises(NothingPublishedError):
        rollback_snapshot(published, 1)
    rollback_snapshot(published)
    with pytest.raises(NothingPublishedError, match="no generation before"):
        rollback_snapshot(published)


def test_a_rolled_back_champion_is_published_as_a_new_generation(second_week: Trained) -> None:
    settings, later = second_week.settings, second_week.result
    first = current_snapshot(settings)
    promote(settings, later.version, "ada", force=True)
    second = publish_snapshot(settings)
    assert second.model_id == later.model_id != first.model_id
    rollback_champion(settings, "bob")
    third = publish_snapshot(settings)
    assert (third.generation, third.model_id, third.as_of) == (3, first.model_id, second.as_of)


def test_older_data_does_not_replace_newer(published: Settings) -> None:
    new_dataset(published, World(as_of=AS_OF - timedelta(days=3), seed=9))
    with pytest.raises(StaleError, match="newer than"):
        publish_snapshot(published)
    assert current_snapshot(published).generation == 1


KILL = """
import sys
sys.path[:0] = {path!r}
from pathlib import Path
from planted_world import settings_in
from revealed.publishing import publish_snapshot
publish_snapshot(settings_in(Path({home!r})))
"""


# Every point is in tests/chaos/test_publisher_kills.py, with a smaller snapshot: the first one is slow here.
@pytest.mark.parametrize(
    "point", [pytest.param(SNAPSHOT_POINTS[0], marks=pytest.mark.slow), SNAPSHOT_POINTS[-1]]
)
def test_a_kill_leaves_the_old_snapshot_in_service_and_the_next_publish_recovers(
    published: Settings, point: str
) -> None:
    before = read_recommendations(published, "u0000", 20)
    new_dataset(published, NEXT_WEEK)
    code = KILL.format(path=[path for path in sys.path if "feedback" in path], home=str(published.home))
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"REVEALED_FAULT": point}, check=False
    )
    assert done.returncode == 137
    # The pointer is what counts: once it has moved, readers see the new snapshot, although nothing else followed yet.
    moved = point == "snapshot_pointed"
    assert (read_recommendations(published, "u0000", 20) == before) is not moved
    assert current_snapshot(published).generation == (2 if moved else 1)
    verify_snapshot(published)
    after = publish_snapshot(published)
    assert after.as_of == NEXT_WEEK.as_of.isoformat()
    verify_snapshot(published, after.generation)
    assert not list(published.published_recommendations.glob(".*"))
    in_service = published.published_recommendations / after.snapshot_id
    assert published.published_snapshot_database.resolve().parent == in_service
    assert (published.published_recommendations / "manifest.json").read_bytes() == (
        in_service / "manifest.json"
    ).read_bytes()


def test_a_failed_audit_leaves_the_old_snapshot_and_no_rest(
    published: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    new_dataset(published, NEXT_WEEK)
    # Sabotage: the lists forget what people have had.
    monkeypatch.setattr("revealed.publishing.files.SIMILAR_ITEMS", 1)
    monkeypatch.setattr("revealed.publishing.catalogue.Catalogue.hidden", frozenset())
    with pytest.raises(AuditFailedError, match="item_available"):
        publish_snapshot(published)
    assert current_snapshot(published).generation == 1
    assert {path.name for path in published.published_recommendations.iterdir()} == {
        "000001",
        "CURRENT",
        "manifest.json",
    }


def test_two_publishers_do_not_meet(published: Settings) -> None:
    with (
        exclusive_lock(published.locks / "recommendations.lock", "publish recommendations"),
        pytest.raises(LockedError, match="publish recommendations"),
    ):
        publish_snapshot(published)


@pytest.mark.parametrize("name", ["recommendations.parquet", "items.parquet"])
def test_damage_is_named_and_rollback_refuses_a_damaged_generation(published: Settings, name: str) -> None:
    new_dataset(published, NEXT_WEEK)
    publish_snapshot(published)
    path = published.published_recommendations / "000001" / name
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedFileError, match=name.replace(".", r"\.")):
        verify_snapshot(published, 1)
    with pytest.raises(DamagedFileError):
        rollback_snapshot(published, 1)
    assert current_snapshot(published).generation == 2
    serving = published.published_recommendations / "000002" / name
    serving.write_bytes(serving.read_bytes()[:-1])
    with pytest.raises(DamagedFileError, match=name.replace(".", r"\.")):
        read_recommendations(published, "u0000", 3)


@pytest.mark.parametrize("text", ["", "../../etc", "000009"])
def test_a_damaged_pointer_is_told(published: Settings, text: str) -> None:
    (published.published_recommendations / "CURRENT").write_text(text)
    with pytest.raises((DamagedFileError, NothingPublishedError)):
        read_recommendations(published, "u0000", 3)


def test_nothing_published_and_no_champion_are_told(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(NothingPublishedError, match="approved"):
        publish_snapshot(trained.settings)
    for ask in (
        current_snapshot,
        verify_snapshot,
        read_snapshot_manifest,
        lambda s: read_recommendations(s, "u", 1),
    ):
        with pytest.raises(NothingPublishedError):
            ask(settings_in(tmp_path / "empty"))
    assert list_snapshots(settings_in(tmp_path / "empty")) == []

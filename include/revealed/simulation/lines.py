"""Events and requests as the records that outside systems send: a dictionary a line, absent where unknown."""

from __future__ import annotations

from typing import Any

import numpy as np

from revealed.exploration.rank_marginals import Ints
from revealed.simulation.catalogue_words import TOPIC_NAMES, TOPICS
from revealed.simulation.config import SURFACES
from revealed.simulation.event_log import Columns
from revealed.simulation.happenings import Traffic
from revealed.simulation.names import Names, timestamps
from revealed.simulation.population import DEVICES, Bools, World
from revealed.simulation.slates import Slates

Record = dict[str, Any]
QUERIES = tuple(f"{topic} {word}" for topic in TOPIC_NAMES for word in TOPICS[topic])


def event_records(
    world: World, events: Columns, received_ms: Ints, *, names: Names | None = None, first: int = 0
) -> list[Record]:
    """Return one record an event, in order of number; `first` is the number of the first (`EventLog.first`)."""
    names, people = names or Names(world.config), world.people
    person = events["person"]
    local = people.local_offset[person]
    known = is_known(world, person, events["at_ms"]) | (events["anonymous_too"] > 0)
    client_session = people.has_client_sessions[person] & (events["session"] >= 0)
    agents = [names.user_agent(people, p) for p in range(len(people))]
    occurred, received = timestamps(events["at_ms"], local), timestamps(received_ms)
    rows = {name: column.tolist() for name, column in events.items()}
    records = []
    for n in range(len(person)):
        row = {name: column[n] for name, column in rows.items()}
        record: Record = {
            "event_id": names.event(first + n),
            "event_type": row["kind"],
            "occurred_at": occurred[n],
            "received_at": received[n],
        }
        _who(record, names, row, known[n], client_session[n])
        _what(record, names, row)
        _how_much(record, row)
        record["user_agent"] = agents[row["person"]]
        record["properties"] = {"device": DEVICES[people.device[row["person"]]]}
        record["schema_version"] = 1
        records.append(record)
    return records


def is_known(world: World, person: Ints, at_ms: Ints) -> Bools:
    """Return whether each person was logged in at that time."""
    return np.asarray(world.people.identified_ms[person] <= at_ms)


def _who(record: Record, names: Names, row: Record, known: bool, client_session: bool) -> None:
    if known:
        record["user_id"] = names.user(row["person"])
    if not known or row["anonymous_too"]:
        record["anonymous_id"] = names.anonymous(row["person"])
    if client_session:
        record["session_id"] = names.session(row["session"])


def _what(record: Record, names: Names, row: Record) -> None:
    if row["item"] >= 0:
        record["item_id"] = names.item(row["item"])
    if row["request_logged"]:
        record["request_id"] = names.request(row["cause_request"])
    if row["position"] > 0:
        record["position"] = row["position"]
    if row["surface"] >= 0:
        record["surface"] = SURFACES[row["surface"]].name
    if row["reverses"] >= 0:
        record["reverses_event_id"] = names.event(row["reverses"])
    if row["order"] >= 0:
        record["order_id"] = names.order(row["order"])
    if row["query"] >= 0:
        record["query"] = QUERIES[row["query"]]


def _how_much(record: Record, row: Record) -> None:
    if row["dwell_ms"] >= 0:
        record["dwell_ms"] = row["dwell_ms"]
    if row["quantity"] > 0:
        record["quantity"] = row["quantity"]
    for name in ("scroll_depth", "value", "rating"):
        if row[name] == row[name]:
            record[name] = row[name]
    if "value" in record:
        record["currency"] = "EUR"


def inference_records(traffic: Traffic, received_ms: Ints, latency_ms: list[float]) -> list[Record]:
    """Return one record a request, in order of request number."""
    records: list[Record] = []
    for slates, _ in traffic.shown:
        first, last = slates.first_request, slates.first_request + len(slates)
        names = Names(traffic.world.config)
        records.extend(wave_records(traffic, slates, timestamps(received_ms[first:last]), names))
    for record, latency in zip(records, latency_ms, strict=True):
        record["latency_ms"] = latency
        record["schema_version"] = 1
    return records


def wave_records(traffic: Traffic, slates: Slates, received: list[str], names: Names) -> list[Record]:
    """Return one record a request of these slates, without latency and version."""
    world, wave, serving = traffic.world, slates.wave, slates.serving
    known = is_known(world, wave.person, wave.at_ms)
    renewed = wave.at_ms >= world.config.new_model_ms
    occurred = timestamps(wave.at_ms)
    records = []
    for n in range(len(slates)):
        person, session = int(wave.person[n]), int(wave.session[n])
        record: Record = {
            "request_id": names.request(slates.first_request + n),
            "occurred_at": occurred[n],
            "received_at": received[n],
        }
        row = {"person": person, "session": session, "anonymous_too": 0}
        _who(
            record,
            names,
            row,
            bool(known[n]),
            session >= 0 and bool(world.people.has_client_sessions[person]),
        )
        record["surface"] = serving.place.name
        record["model_name"] = serving.model_name
        record["model_version"] = _version(serving.model_name, bool(renewed[n]))
        record["policy"] = serving.policy
        record["snapshot_id"] = f"{serving.model_name}-{occurred[n][:10]}"
        if serving.experiment_id:
            record["experiment_id"], record["variant"] = serving.experiment_id, serving.variant
        if wave.query[n] >= 0:
            record["query"] = QUERIES[wave.query[n]]
        record["context"] = _context(names, slates, n, DEVICES[world.people.device[person]])
        if serving.model_name == "als-home":
            record["user_embedding"] = traffic.embeddings[int(renewed[n])][person].tolist()
        record["items"] = _shown_items(names, slates, n)
        records.append(record)
    return records


def _version(model: str, renewed: bool) -> str:
    if model == "text-search":
        return "5.2"
    return "2026-02" if renewed else "2026-01"


def _context(names: Names, slates: Slates, n: int, device: str) -> Record:
    context: Record = {"device": device, "eligible": int(slates.choice.reach[n])}
    if slates.wave.context_item[n] >= 0 and slates.serving.place.name == "article_related":
        context["item_id"] = names.item(int(slates.wave.context_item[n]))
    return context


def _shown_items(names: Names, slates: Slates, n: int) -> list[Record]:
    choice = slates.choice
    items = []
    for slot, item in enumerate(choice.items[n].tolist()):
        if item >= 0:
            shown: Record = {
                "item_id": names.item(item),
                "position": slot + 1,
                "score": round(float(choice.scores[n, slot]), 6),
            }
            propensity = float(choice.propensities[n, slot])
            if propensity == propensity:
                shown["propensity"] = min(propensity, 1.0)
            items.append(shown)
    return items

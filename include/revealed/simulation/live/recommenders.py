"""What answers people who live: the gateway, and beside it the text engine, which logs its answers through the gateway."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import msgspec
import numpy as np

from revealed.errors import UsageError
from revealed.exploration.rank_marginals import Ints
from revealed.simulation.behaviour import Outcome, behave
from revealed.simulation.config import EMAIL, HOME, RELATED, SURFACE_CODE, Surface
from revealed.simulation.event_log import EventLog
from revealed.simulation.happenings import Traffic
from revealed.simulation.lines import Record, event_records, is_known, wave_records
from revealed.simulation.live.connection import Answer, Ask, Connection, Reply
from revealed.simulation.live.names import LiveNames
from revealed.simulation.live.parcels import HOUR_MS, Outbox, Packer, Parcel
from revealed.simulation.live.report import Tally
from revealed.simulation.names import timestamps
from revealed.simulation.policies import Choice
from revealed.simulation.population import DEVICES, Bools
from revealed.simulation.slates import Serving, Slates, Wave, make_slates
from revealed.simulation.text_search import TEXT_SEARCH, search

Watch = Callable[[Reply], None]


@dataclass
class LiveRecommenders:
    """One run's conversation with the gateway (a `visits.Recommenders`).

    Each call asks for a whole wave, lets people act, and sends what they did: at once what is due by
    `horizon_ms`, the rest into `outbox`.
    """

    traffic: Traffic
    names: LiveNames
    gateway: Connection
    used: Bools
    outbox: Outbox
    item_numbers: dict[str, int]
    watch: Watch
    tally: Tally = field(default_factory=Tally)
    horizon_ms: int = 0
    people_rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    visit_rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))
    clicked: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Make the packer of this run."""
        self.packer = Packer(self.names)

    def home(self, wave: Wave) -> tuple[Ints, Ints]:
        """Show the gateway's home feed."""
        if not len(wave):
            return wave.at_ms, wave.context_item
        outcome = self._show(wave, HOME)
        return outcome.end_ms, outcome.last_item

    def related(self, wave: Wave) -> Ints:
        """Show what the gateway recommends beside the item just read."""
        return self._show(wave, RELATED).end_ms if len(wave) else wave.at_ms

    def search(self, wave: Wave) -> Ints:
        """Show what the text engine finds; it posts its own inference log."""
        end = wave.at_ms + 5_000
        if not len(wave):
            return end
        found = search(self.traffic.world, wave, self.traffic.log, self.visit_rng)
        if len(found.wave):
            slates = self._slates(TEXT_SEARCH, found.wave, found.choice)
            end[found.answered] = self._act(slates).end_ms
            self.tally.counts["searches"] += len(slates)
            self.post([self._search_log(slates)])
        self.send_events()
        return end

    def mail(self, wave: Wave) -> None:
        """Send each person the gateway's three items by mail."""
        if len(wave):
            self._show(wave, EMAIL)

    def post(self, parcels: Sequence[Parcel]) -> None:
        """Send parcels now, first those that are no copies, so that a copy never comes before its original."""
        for copies in (False, True):
            replies = self.gateway.post_all([parcel for parcel in parcels if parcel.is_copy == copies])
            self.tally.note_replies(replies)
            for reply in replies:
                self.watch(reply)

    def send_events(self) -> None:
        """Pack what has happened since the last call, send what is due, and leave the rest on the devices."""
        log = self.traffic.log
        if not len(log):
            return
        self.traffic.log = EventLog(log.first + len(log))
        columns = log.columns()
        records = event_records(
            self.traffic.world, columns, columns["at_ms"], names=self.names, first=log.first
        )
        parcels = self.packer.pack(_without_receipt(records), columns["person"], columns["at_ms"])
        self.post([parcel for parcel in parcels if parcel.due_ms < self.horizon_ms])
        self.outbox.put(parcel for parcel in parcels if parcel.due_ms >= self.horizon_ms)

    def _show(self, wave: Wave, surface: Surface) -> Outcome:
        """Ask the gateway for a wave of lists and let people act on them."""
        self.send_events()
        answers = self.gateway.ask_all(self._asks(wave, surface))
        self.tally.note_answers(answers)
        for n, answer in enumerate(answers):
            self.names.answered(self.traffic.requests + n, answer.request_id)
        serving = Serving(SURFACE_CODE[surface.name], "gateway", "as it says")
        outcome = self._act(self._slates(serving, wave, self._choice(answers, surface.slots)))
        self.send_events()
        return outcome

    def _asks(self, wave: Wave, surface: Surface) -> list[Ask]:
        world, names = self.traffic.world, self.names
        known = is_known(world, wave.person, wave.at_ms)
        asks = []
        for n, person in enumerate(wave.person.tolist()):
            device = DEVICES[world.people.device[person]]
            query = {"surface": surface.name, "k": str(surface.slots), "context": _json({"device": device})}
            if wave.context_item[n] >= 0 and surface is RELATED:
                query["item"] = names.item(int(wave.context_item[n]))
            if wave.session[n] >= 0 and world.people.has_client_sessions[person]:
                query["session_id"] = names.session(int(wave.session[n]))
            if not known[n]:
                query["anonymous"] = "true"
            user = names.user(person) if known[n] else names.anonymous(person)
            asks.append(Ask(user, int(wave.at_ms[n]), query))
        return asks

    def _choice(self, answers: Sequence[Answer], slots: int) -> Choice:
        """Return the answers as slates of item numbers; a list longer than the surface is cut by the client."""
        items = np.full((len(answers), slots), -1, dtype=np.int64)
        for n, answer in enumerate(answers):
            shown = [self._number(str(item["item_id"])) for item in answer.items[:slots]]
            items[n, : len(shown)] = shown
        unknown = np.full(items.shape, np.nan)
        return Choice(items, unknown, unknown, (items >= 0).sum(axis=1))

    def _number(self, item_id: str) -> int:
        number = self.item_numbers.get(item_id)
        if number is None:
            raise UsageError(
                f"the gateway shows {item_id!r}, which is not of this home's world",
                where=self.gateway.url,
                remedy="let people live in the world that the gateway's snapshot was learnt from (REVEALED_HOME)",
            )
        return number

    def _slates(self, serving: Serving, wave: Wave, choice: Choice) -> Slates:
        """Return the slates with the truth; nobody clicks again on what they have read."""
        world = self.traffic.world
        eligible = np.ones((len(wave), len(world.items)), dtype=bool)
        slates = make_slates(world, serving, wave, choice, eligible, self.traffic.requests)
        self.traffic.requests += len(wave)
        read = np.take_along_axis(self.used[wave.person], np.maximum(choice.items, 0), axis=1)
        return replace(slates, relevance=np.where(read, 0.0, slates.relevance))

    def _act(self, slates: Slates) -> Outcome:
        outcome = behave(self.traffic.world, slates, self.traffic.log, self.people_rng)
        self.tally.note_outcome(self.traffic.world, slates, outcome)
        row, slot = np.nonzero(outcome.clicked)
        person, item = slates.wave.person[row], slates.choice.items[row, slot]
        self.used[person, item] = True
        self.clicked.extend(zip(person.tolist(), item.tolist(), strict=True))
        return outcome

    def _search_log(self, slates: Slates) -> Parcel:
        asked = timestamps(slates.wave.at_ms)
        records = _without_receipt(wave_records(self.traffic, slates, asked, self.names))
        return self.packer.inference(records, int(slates.wave.at_ms.max()) + 100)

    def begin(self, day: int, hour: int) -> None:
        """Take the draws of this hour, which depend on nothing that came before, and send what has become due."""
        config = self.traffic.world.config
        self.people_rng, self.packer.rng = config.rng(102, day, hour), config.rng(103, day, hour)
        self.horizon_ms = config.start_ms + (day * 24 + hour + 2) * HOUR_MS
        self.post(self.outbox.take_due(self.horizon_ms - HOUR_MS))


def _without_receipt(records: list[Record]) -> list[Record]:
    """Drop `received_at`: who collects says when."""
    for record in records:
        del record["received_at"]
    return records


def _json(value: dict[str, str]) -> str:
    return msgspec.json.encode(value).decode()

"""What to look for in files so that a person's ids are found and nobody else's: bytes, in every writing that files use.

An id may stand inside a longer one of somebody else (`u-1` in `u-12`); those are known, and do not count. An id that could
be any number or word (`7`, `ada`) says nothing as bytes: it is looked for in the fields and columns that hold identities.
"""

from __future__ import annotations

import html
import json
import mmap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc

from revealed.erasure.tombstones import IDENTITY_FIELDS, VISITOR

IDENTITY_COLUMNS = frozenset({*IDENTITY_FIELDS, "actor_id", "logged_actor_id", "owner_id"})
_LEAST_TELLING, _LEAST_OF_ONE_KIND = 6, 12
MASK = "*"
Data = bytes | mmap.mmap


@dataclass(frozen=True)
class _Pattern:
    """Bytes to find, and the longer ids that hold them, by where in these they stand and how long these are.

    `before` and `after` of the bytes are not the id itself but what tells that it is one: the field's name, quotes.
    """

    found: bytes
    longer: tuple[tuple[int, int, frozenset[bytes]], ...] = ()
    before: int = 0
    after: int = 0

    def positions(self, data: Data) -> Iterator[tuple[int, int]]:
        size, at = len(self.found) - self.before - self.after, data.find(self.found)
        while at >= 0:
            if not any(at >= o and data[at - o : at - o + long] in ids for o, long, ids in self.longer):
                yield at + self.before, size
            at = data.find(self.found, at + 1)


@dataclass(frozen=True)
class Needles:
    """A person's ids, and the longer ids of others that hold one of them.

    Attributes:
        ids: user id and visitor ids.
        others: ids of other people in which one of `ids` stands.
    """

    ids: frozenset[str]
    others: frozenset[str] = frozenset()

    def positions(self, data: Data) -> list[tuple[int, int]]:
        """Return where in `data` an id stands, and how many bytes it takes, in order."""
        return sorted({found for pattern in self._patterns for found in pattern.positions(data)})

    def mask(self, data: bytes) -> bytes:
        """Return `data` with each id overwritten by as many stars; the length stays."""
        changed = bytearray(data)
        for at, size in self.positions(data):
            changed[at : at + size] = MASK.encode() * size
        return bytes(changed)

    def mask_text(self, text: str) -> str:
        """Return the text with the person's ids as stars."""
        return self.mask(text.encode(errors="surrogatepass")).decode(errors="surrogatepass")

    def in_text(self, text: str) -> bool:
        """Return whether one of the ids stands in the text."""
        return bool(self.positions(text.encode(errors="surrogatepass")))

    def rows_of(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray | None:
        """Return which rows of a column of strings hold an id; None where none does.

        Args:
            name: of the column: an id that says nothing as bytes counts only in columns of identities.
            values: strings.
        """
        distinct = pc.unique(values.filter(self._suspects(name, values)))
        held = [value for value in distinct.to_pylist() if self.in_column(name, value)]
        return pc.is_in(values, value_set=pa.array(held, values.type)) if held else None

    def in_column(self, name: str, value: str) -> bool:
        """Return whether a value of a column holds an id."""
        if name in IDENTITY_COLUMNS and value.removeprefix(VISITOR) in self.ids:
            return True
        return self.in_text(value)

    @cached_property
    def telling(self) -> frozenset[str]:
        """The ids that can be told from anything else by their bytes."""
        return frozenset(filter(is_telling, self.ids))

    @cached_property
    def _patterns(self) -> tuple[_Pattern, ...]:
        found = {}
        for value in self.ids:
            for write in _WRITINGS if value in self.telling else ():
                found[write(value)] = _Pattern(write(value), _longer(write(value), map(write, self.others)))
            for field in () if value in self.telling else IDENTITY_FIELDS:
                for gap, prefix in product(("", " "), ("", VISITOR)):
                    label = f'"{field}":{gap}"{prefix}'.encode()
                    text = label + _in_json_unescaped(value) + b'"'
                    found[text] = _Pattern(text, before=len(label), after=1)
        return tuple(found.values())

    def _suspects(self, name: str, values: pa.ChunkedArray) -> pa.ChunkedArray:
        kind, suspects = values.type, pc.equal(pc.binary_length(values), -1)
        for value in self.telling:
            suspects = pc.or_(suspects, pc.match_substring(values, value))
        if name in IDENTITY_COLUMNS or values.type == pa.string():
            exact = [written for value in self.ids for written in (value, VISITOR + value)]
            suspects = pc.or_(suspects, pc.is_in(values, value_set=pa.array(exact, kind)))
        for value in self.ids - self.telling:  # lines kept as they came, in quarantine
            suspects = pc.or_(suspects, pc.match_substring(values, json.dumps(value, ensure_ascii=False)))
        return pc.fill_null(suspects, False)


def is_telling(value: str) -> bool:
    """Return whether an id is long and mixed enough that its bytes are nobody and nothing else by chance."""
    if len(value) < _LEAST_TELLING:
        return False
    is_of_one_kind = value.isdigit() or value.isalpha()
    return not is_of_one_kind or len(value) >= _LEAST_OF_ONE_KIND


def holding(ids: Collection[str], known: Iterable[str]) -> frozenset[str]:
    """Return those of `known` that are none of the ids but hold one of them."""
    return frozenset(other for other in known if other not in ids and any(value in other for value in ids))


def _longer(found: bytes, others: Iterable[bytes]) -> tuple[tuple[int, int, frozenset[bytes]], ...]:
    groups: dict[tuple[int, int], set[bytes]] = {}
    for other in others:
        at = other.find(found)
        while at >= 0:
            groups.setdefault((at, len(other)), set()).add(other)
            at = other.find(found, at + 1)
    return tuple((at, size, frozenset(ids)) for (at, size), ids in groups.items())


def _utf8(value: str) -> bytes:
    return value.encode(errors="surrogatepass")


def _in_json(value: str) -> bytes:
    return json.dumps(value)[1:-1].encode()


def _in_json_unescaped(value: str) -> bytes:
    return json.dumps(value, ensure_ascii=False)[1:-1].encode(errors="surrogatepass")


def _in_html(value: str) -> bytes:
    return html.escape(value).encode(errors="surrogatepass")


def _in_address(value: str) -> bytes:
    return quote(value, safe="", errors="surrogatepass").encode()


def _utf16(value: str) -> bytes:
    return value.encode("utf-16-le", errors="surrogatepass")


def _utf32(value: str) -> bytes:
    """NumPy's arrays of text."""
    return value.encode("utf-32-le", errors="surrogatepass")


_WRITINGS = (_utf8, _in_json, _in_json_unescaped, _in_html, _in_address, _utf16, _utf32)

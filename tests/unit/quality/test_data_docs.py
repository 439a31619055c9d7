from __future__ import annotations

import re
import socket
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from valid_warehouse import AS_OF, build_valid_warehouse

from revealed.quality import audit_warehouse
from revealed.quality.suites import warehouse_suites
from revealed.settings import Settings

HOSTILE = "<script>alert(1)</script><img src=https://example.org/x>"


def _pages(settings: Settings) -> dict[Path, str]:
    return {page: page.read_text() for page in settings.data_docs.rglob("*.html")}


@pytest.fixture(scope="module")
def broken_docs(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, str]:
    tmp_path = tmp_path_factory.mktemp("broken")
    settings = Settings(home=tmp_path / "home", project_root=tmp_path)
    hostile = HOSTILE.replace("'", "''")
    database = build_valid_warehouse(
        tmp_path / "w.duckdb",
        f"update marts.fct_events set event_id = '{hostile}', match_type = '{hostile}' where event_id = 'e1'",
        f"update marts.fct_events set polarity = '{hostile}', received_at = timestamp '2027-01-01' "
        f"where event_id = '{hostile}'",
        "alter table marts.dim_items drop column price",
    )
    audit_warehouse(settings, database, as_of=AS_OF)
    return _pages(settings)


class _Tags(HTMLParser):
    """Every tag of a page with its attributes, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_no_page_asks_anybody_for_anything(broken_docs: dict[Path, str]) -> None:
    assert len(broken_docs) == 1 + len(warehouse_suites(AS_OF))
    for page, text in broken_docs.items():
        for tag, attributes in _Tags(text).found:
            assert tag not in {"script", "img", "iframe", "object", "embed", "base", "form"}, page
            assert tag != "link" or attributes["href"] == "data:,", page
            assert not any(name.startswith("on") for name in attributes), (page, tag)
            for name in ("src", "href", "action"):
                assert not re.match(r"\s*(\w+:)?//", attributes.get(name) or ""), (page, attributes)
        assert not re.search(r"@import|url\s*\(", text), page


def test_failing_values_cannot_become_markup(broken_docs: dict[Path, str]) -> None:
    for page, text in broken_docs.items():
        assert "<script>alert" not in text, page
        assert "<img" not in text, page
    shown = [page.name for page, text in broken_docs.items() if "&lt;script&gt;alert(1)" in text]
    assert sorted(shown) == ["index.html", "marts.fct_events.html"]


def test_every_link_leads_somewhere(broken_docs: dict[Path, str]) -> None:
    links = 0
    for page, text in broken_docs.items():
        for target in re.findall(r'<a\s[^>]*href="([^"]+)"', text):
            links += 1
            if target.startswith("#"):
                assert f'id="{target[1:]}"' in text, (page, target)
            else:
                assert (page.parent / target).resolve().is_file(), (page, target)
    assert links > 50


def test_pages_tell_a_failed_table_from_a_passed_one(broken_docs: dict[Path, str]) -> None:
    by_name = {page.name: text for page, text in broken_docs.items()}
    assert 'badge bad">3 failed' in by_name["marts.fct_events.html"]
    assert "fas fa-times" in by_name["marts.fct_events.html"]
    assert 'badge good">passed' in by_name["marts.fct_sessions.html"]
    assert "fas fa-times" not in by_name["marts.fct_sessions.html"]
    assert "select event_id, received_at from marts.fct_events" in by_name["marts.fct_events.html"]


def test_the_site_keeps_the_last_audits_and_lists_the_newest_first(
    settings: Settings, tmp_path: Path, only: Callable[[str], None]
) -> None:
    only("dim_items")
    database = build_valid_warehouse(tmp_path / "w.duckdb")
    for _ in range(3):
        audit_warehouse(settings, database, as_of=AS_OF)
    kept = sorted(folder.name for folder in (settings.data_docs / "audits").iterdir())
    assert kept == ["000002-warehouse", "000003-warehouse"]
    index = (settings.data_docs / "index.html").read_text()
    assert index.index("000003-warehouse") < index.index("000002-warehouse")
    assert "000001-warehouse" not in index


def test_an_audit_opens_no_connection(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"the audit reached for the network: {arguments}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert audit_warehouse(settings, build_valid_warehouse(tmp_path / "w.duckdb"), as_of=AS_OF).passed

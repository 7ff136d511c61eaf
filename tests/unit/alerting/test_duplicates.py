"""Which posts of an alert tell the same: of posts of which only aggregates may be kept too, and without a word of those."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.alerting import duplicates
from services.alerting.duplicates_cli import _grid
from shared.events import Alert, Post, Terms, encode
from shared.latest_alerts import Filter
from shared.settings import load
from shared.signals.rules import shipped
from shared.stream import Record
from tests.unit.alerting.world import concept, from_ms
from tests.unit.signals.signal_rows import HOUR, ledger_of, row

PAIR = ("d1", "r1")


class Latest:
    """Stands in for the topic of alerts."""

    def __init__(self, *alerts: Alert) -> None:
        self._alerts = alerts

    def matching(self, chosen: Filter) -> list[Alert]:
        return [one for one in self._alerts if chosen.kind in (None, one.kind)]


def alert(name: str, *posts: str, **fields: Any) -> Alert:
    fields = {"kind": "single_report", "rules": (), "episode": from_ms(0), "evaluated_at": from_ms(HOUR)} | fields
    return Alert(id=name, drug=concept(PAIR[0]), reaction=concept(PAIR[1]), examples=posts, rule_version="1", **fields)


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two copies and two posts with words of their own, of which only aggregates may be kept."""
    words = {"x:1": "f", "x:2": "f", "x:3": "g", "x:4": "h"}
    rows = [
        msgspec.structs.replace(row(post, at, PAIR, fingerprint=fingerprint), unnamed=True)
        for at, (post, fingerprint) in enumerate(words.items())
    ]

    async def ledger(*_: object) -> object:
        return ledger_of(rows)

    monkeypatch.setattr(duplicates, "_ledger", ledger)


@pytest.mark.usefixtures("kept")
def test_a_cluster_of_posts_that_nobody_may_name_is_that_of_its_item_and_names_none() -> None:
    latest: Any = Latest(alert("first", "x:1"), alert("other", "x:3"))
    found = duplicates.of_alert(load(), shipped(), latest, "first")
    [group] = found.clusters
    assert (found.reports, found.counted, group.counted) == (4, 3, 1)
    assert [(one.post, one.like, one.why, one.item) for one in group.reports] == [
        (None, None, "counted", "first"),
        (None, None, "repost", None),
    ]
    assert "x:" not in msgspec.json.encode(found).decode()
    assert list(_grid(1, group).columns[1].cells) == ["only aggregates are kept"] * 2
    assert duplicates.of_alert(load(), shipped(), latest, "other").clusters == []


@pytest.mark.usefixtures("kept")
def test_a_signal_and_the_queue_show_the_cluster_too() -> None:
    latest: Any = Latest(
        alert("first", "x:1"), alert("signal", kind="disproportionality", window_hours=24, evaluated_at=from_ms(HOUR))
    )
    assert [len(one.reports) for one in duplicates.of_alert(load(), shipped(), latest, "signal").clusters] == [2]
    [queue] = duplicates.of_queue(load(), shipped(), latest)
    assert [one.item for one in queue.clusters[0].reports] == ["first", None]


@pytest.mark.parametrize(
    ("source", "terms", "shown"),
    [
        ("open", None, True),
        ("closed", None, False),
        ("open", Terms(), True),
        ("closed", Terms(), False),
        ("open", Terms(case_export=False), False),
        ("open", Terms(aggregates_only=True), False),
    ],
)
def test_a_text_is_shown_where_neither_the_terms_of_its_post_nor_the_settings_forbid_it(
    monkeypatch: pytest.MonkeyPatch, source: str, terms: Terms | None, shown: bool
) -> None:
    name = f"{source}:1"
    post = Post(id=name, source=source, text="words", created_at=from_ms(0), ingested_at=from_ms(0), terms=terms)

    class Reader:
        def __init__(self, *_: object) -> None: ...

        def __enter__(self) -> Reader:
            return self

        def __exit__(self, *_: object) -> None: ...

        def to_end(self) -> list[Record]:
            return [Record("adr.posts", 0, 0, name.encode(), encode(post))]

    monkeypatch.setattr(duplicates, "TopicReader", Reader)
    group = duplicates.Group(1, {}, [duplicates.Report(name, "2026-03-01", "counted")])
    found = duplicates.Duplicates(None, concept("d1"), concept("r1"), 1, 1, {}, [group])
    [one] = duplicates.with_texts(load(no_case_export="closed"), [found], 3)
    assert one.clusters[0].reports[0].text == ("words" if shown else None)

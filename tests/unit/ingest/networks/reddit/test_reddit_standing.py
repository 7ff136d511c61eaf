"""Which posts of Reddit still stand, and what is taken back."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from services.ingest.networks.network import PostGone
from services.ingest.networks.reddit import standing
from services.ingest.networks.reddit.place import Place
from services.ingest.source import Reject, SourceBroken
from tests.networks.reddit import RedditSite
from tests.networks.site import Answer
from tests.unit.ingest.networks.reddit.reading import (
    HOUR,
    Make,
    gone,
    notes,
    since,
    texts,
    until,
)


def test_what_is_deleted_removed_lost_or_closed_is_taken_back_and_what_stands_is_not(
    site: RedditSite, reddit: Make
) -> None:
    old = {"created_utc": time.time() - 60}
    deleted, removed, lost, stands, edited = (site.post("meds", f"zoloft {number}", **old) for number in range(5))
    hidden = site.comment("shut", "zoloft, behind doors")
    site.delete(deleted)
    site.remove(removed)
    site.lose(lost)
    site.closed["shut"] = "private"
    site.edit(edited, "and humira")
    published = notes(deleted, removed, lost, stands, edited, hidden)
    network = reddit(look_again_hours=1, sealed=published, rewind_seconds=0)
    cursor = since(time.time() + HOUR, asked=time.time() - HOUR)
    found = until(network, lambda _: Place.decode(network.cursor or cursor).asked > time.time() - 60, cursor)
    assert {item for item in found if isinstance(item, PostGone)} == gone(network, deleted, removed, lost, hidden)
    assert texts(found) == ["zoloft 4\n\nand humira"]


def test_a_post_that_is_missing_in_one_answer_only_is_not_taken_back(site: RedditSite, reddit: Make) -> None:
    name = site.post("meds", "zoloft")
    site.next_answers["/api/info"].append(
        Answer(body=b'{"kind": "Listing", "data": {"children": []}}', headers={"Content-Type": "application/json"})
    )
    network = reddit(look_again_hours=1, sealed=notes(name))
    cursor = since(time.time() + HOUR, asked=0)
    assert until(network, lambda _: Place.decode(network.cursor or cursor).asked > 0, cursor) == []
    assert len(site.requests("/api/info")) == 2


def test_posts_are_asked_for_by_the_hundred_and_a_break_asks_only_for_the_rest(
    site: RedditSite, reddit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_TROUBLE_SECONDS", 0.0)
    names = [site.post("meds", f"zoloft {number}", created_utc=time.time() - 60) for number in range(230)]
    site.next_answers["/api/info"].append(Answer(503))
    network = reddit(look_again_hours=1, sealed=notes(*names), rewind_seconds=0)
    cursor = since(time.time() + HOUR, asked=0)
    assert until(network, lambda _: Place.decode(network.cursor or cursor).asked > 0, cursor) == []
    assert [len(one.query["id"][0].split(",")) for one in site.requests("/api/info")] == [100, 100, 100, 30]


def test_a_question_that_always_fails_holds_up_no_reading_and_is_left_to_the_next_round(
    site: RedditSite, reddit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(standing, "_TROUBLE_SECONDS", 0.0)
    names = [site.post("meds", f"zoloft {number}", created_utc=time.time() - 60) for number in range(130)]
    site.lose(names[-1])
    site.next_answers["/api/info"].extend([Answer(503)] * 5)
    network = reddit(subreddits=["meds", "other"], look_again_hours=1, sealed=notes(*names), rewind_seconds=0)
    cursor = since(time.time() + HOUR, asked=0)
    found = until(network, lambda _: Place.decode(network.cursor or cursor).asked > 0, cursor)
    assert set(found) == gone(network, names[-1])
    assert [len(one.query["id"][0].split(",")) for one in site.requests("/api/info")] == [100] * 5 + [30, 1]
    assert site.requests("/r/other/new")


def test_a_question_waits_where_reddit_wants_to_be_left_alone(site: RedditSite, reddit: Make) -> None:
    name = site.post("meds", "zoloft")
    site.next_answers["/api/info"].append(Answer(429, headers={"Retry-After": "9"}))
    with pytest.raises(SourceBroken, match="limits the rate") as broken:
        until(reddit(look_again_hours=1, sealed=notes(name)), lambda _: False, since(time.time() + HOUR, asked=0))
    assert broken.value.wait_seconds == 9


@pytest.mark.parametrize("fields", [{"edited": "yesterday"}, {"edited": "yesterday", "name": None}])
def test_a_post_that_is_there_and_cannot_be_read_is_not_taken_back(
    site: RedditSite, reddit: Make, fields: dict[str, Any]
) -> None:
    name = site.post("meds", "zoloft")
    odd = {"kind": "t3", "data": site.things[name] | fields}
    body = json.dumps({"kind": "Listing", "data": {"children": [odd]}}).encode()
    site.next_answers["/api/info"].extend([Answer(body=body, headers={"Content-Type": "application/json"})] * 2)
    network = reddit(look_again_hours=1, sealed=notes(name), rewind_seconds=0)
    cursor = since(time.time() + HOUR, asked=0)
    assert until(network, lambda _: Place.decode(network.cursor or cursor).asked > 0, cursor) == []


def test_what_was_taken_back_does_not_come_again_from_a_listing_that_still_has_it(
    site: RedditSite, reddit: Make
) -> None:
    name = site.post("meds", "zoloft")
    nothing = Answer(
        body=b'{"kind": "Listing", "data": {"children": []}}', headers={"Content-Type": "application/json"}
    )
    site.next_answers["/api/info"].extend([nothing] * 2)
    network = reddit(look_again_hours=1, sealed=notes(name), rewind_seconds=3600)
    cursor = since(time.time() + 2 * HOUR, asked=0)
    found = until(network, lambda items: bool(items) and site.readings() > 10, cursor)
    assert set(found) == gone(network, name)


@pytest.mark.parametrize(("identifiers", "taken_back"), [("drop", False), ("hmac", True)])
def test_a_post_whose_account_is_gone_stays_only_where_no_author_is_kept(
    site: RedditSite, reddit: Make, identifiers: str, taken_back: bool
) -> None:
    name = site.post("meds", "zoloft", author="[deleted]")
    network = reddit(look_again_hours=1, sealed=notes(name), identifiers=identifiers)
    cursor = since(time.time() + HOUR, asked=0)
    found = until(network, lambda _: Place.decode(network.cursor or cursor).asked > 0, cursor)
    assert set(found) == (gone(network, name) if taken_back else set())


def test_a_thing_that_nobody_can_read_is_refused_once_and_without_names(site: RedditSite, reddit: Make) -> None:
    def write() -> None:
        site.comment("meds", "zoloft, @jane", edited="yesterday")
        site.comment("meds", "zoloft, the last")

    network = reddit()
    found = until(network, lambda items: "zoloft, the last" in texts(items) and site.readings() > 8, begun=write)
    [reject] = [item for item in found if isinstance(item, Reject)]
    assert reject.reason == "unreadable"
    assert reject.payload.startswith(b"left out: ")
    assert "jane" not in reject.detail

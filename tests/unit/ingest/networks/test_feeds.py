"""Feeds of a site on this machine: what their entries come to, and how politely they are asked."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.ingest.networks.feeds.configuration import Feeds
from services.ingest.networks.feeds.place import FeedPlace
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.web import Web
from services.ingest.source import RawPost, SourceBroken
from shared.keyring import Keyring
from shared.vocabulary.drugs import default_lexicon
from tests.networks.feeds import Entry, FeedSite, feed_site
from tests.networks.site import Answer, Asked

TIME = datetime(2026, 3, 1, 8, tzinfo=UTC)
FAST = 0.0005


@pytest.fixture
def site() -> Iterator[FeedSite]:
    with feed_site() as made:
        yield made


def feeds(*addresses: str, **keys: Any) -> Network:
    usual = {"interval_minutes": FAST, "slowest_minutes": FAST, "private_addresses": True, "timeout_seconds": 2.0}
    return Feeds(feeds=addresses, **(usual | keys)).network(
        Names("talk", lambda: Keyring.of("s"), True, True, 600.0), default_lexicon
    )


def read(network: Network, count: int, cursor: str | None = None) -> list[Item]:
    """So many items from a place on, and the cursor once they are taken."""
    found: list[Item] = []
    with closing(network.follow(cursor)) as items:
        for item in items:
            if item is not None:
                found.append(item)
            elif len(found) >= count and network.cursor != cursor:
                return found
    raise AssertionError("the network ended")


def collect(network: Network, found: list[Item]) -> None:
    """Everything until the network breaks off."""
    for item in network.follow(None):
        if item is not None:
            found.append(item)


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawPost)]


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_an_entry_comes_with_its_words_time_language_and_an_author_of_its_site(site: FeedSite, kind: str) -> None:
    text = "<p>Zoloft &amp; me:</p><ul><li>dizzy</li><li>sick</li></ul><blockquote>I took Prozac</blockquote><script>x</script>"
    site.add("talk", Entry("tag:1", text, TIME, title="My week", author="anna"))
    [item] = read(feeds(site.feed("talk", kind)), 1)
    assert isinstance(item, RawPost)
    assert item.text == "My week\n\nZoloft & me:\n\ndizzy\nsick"
    assert item.post_id == "talk:tag:1"
    assert item.created_at == TIME
    assert item.author == f"{site.url.removeprefix('http://')}/anna"
    assert (item.language or "").lower().startswith("en")
    assert b"anna" not in json.loads(item.veiled())["author"].encode()


def test_the_title_of_an_answer_is_anothers_and_an_excerpt_is_no_text(site: FeedSite) -> None:
    site.add("talk", Entry("tag:1", "not for me", TIME, title="Re: zoloft"))
    site.add("talk", Entry("tag:2", "Zoloft since May, and since then so dizzy", TIME, title="Zoloft since May…"))
    assert texts(read(feeds(site.feed("talk")), 2)) == ["not for me", "Zoloft since May, and since then so dizzy"]


@pytest.mark.parametrize(
    "written", [None, "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Sun, 01 Mar 2099 08:00:00 GMT"]
)
def test_a_time_that_is_missing_broken_or_to_come_is_that_of_the_reading(site: FeedSite, written: str | None) -> None:
    site.add("talk", Entry("tag:1", "zoloft", written))
    begin = datetime.now(UTC)
    [item] = read(feeds(site.feed("talk")), 1)
    assert isinstance(item, RawPost)
    assert begin <= item.created_at <= datetime.now(UTC)


def test_entries_without_an_id_are_told_apart_and_those_of_other_sites_are_not_mixed_up(site: FeedSite) -> None:
    link = "http://forum.example.org/t/1"
    site.add("a", Entry(None, "zoloft, one", "x", "one", link=link), Entry(None, "zoloft, two", "y", "two", link=link))
    site.add("b", Entry("7", "zoloft", TIME))
    items = read(feeds(site.feed("a"), site.feed("b")), 3)
    ids = [item.post_id for item in items if isinstance(item, RawPost)]
    assert len(set(ids)) == 3
    assert ids[2] == f"talk:{site.url.removeprefix('http://')}/7"
    assert ids[0].startswith(f"talk:{link}#")


def test_after_a_restart_only_what_is_new_or_changed_comes_and_what_a_feed_dropped_is_no_deletion(
    site: FeedSite,
) -> None:
    site.holds = 3
    site.add("talk", *(Entry(f"tag:{number}", f"zoloft {number}", TIME) for number in range(3)))
    first = feeds(site.feed("talk"))
    assert texts(read(first, 3)) == ["zoloft 0", "zoloft 1", "zoloft 2"]
    site.add(
        "talk", Entry("tag:3", "zoloft 3", TIME), Entry("tag:2", "zoloft 2, edited", TIME), Entry("tag:1", " ", TIME)
    )
    second = feeds(site.feed("talk"))
    items = read(second, 3, first.cursor)
    assert texts(items) == ["zoloft 2, edited", "zoloft 3"]
    assert PostGone("talk:tag:1", edited=True) in items, "an entry that was emptied is taken back"
    assert len(items) == 3
    site.add("talk", Entry("tag:4", "zoloft 4", TIME))
    assert texts(read(feeds(site.feed("talk")), 1, second.cursor)) == ["zoloft 4"]


def test_a_feed_is_asked_with_what_it_said_of_its_state_and_a_broken_one_is_asked_anew(site: FeedSite) -> None:
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    network = feeds(site.feed("talk"))
    read(network, 1)
    with closing(network.follow(network.cursor)) as items:
        while len(site.requests("/talk.rss")) < 3:
            assert next(items) is None
    assert "if-none-match" in site.requests("/talk.rss")[-1].headers
    whole = site.page(site.requests("/talk.rss")[0]).body
    headers = {"ETag": '"x"', "Content-Type": "application/rss+xml"}
    site.next_answers["/talk.rss"].append(Answer(body=whole.replace(b"</channel></rss>", b"<x"), headers=headers))
    fresh = feeds(site.feed("talk"))
    assert texts(read(fresh, 1)) == ["zoloft"]
    assert '"x"' not in (fresh.cursor or "").replace("\\", "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(503, headers={"Retry-After": "77"}), "answers with HTTP 503"),
        (Answer(429, headers={"Retry-After": "77"}), "answers with HTTP 429"),
        (Answer(401), "HTTP 401: it is not open to everybody"),
        (Answer(404), "answers with HTTP 404"),
        (Answer(body=b"<html>a page</html>"), "is no feed: no RSS and no Atom"),
        (Answer(body=b"x" * 1000, cut=10), "cannot be reached"),
        (Answer(body=b" " * (11 << 20)), "sends more than"),
        (Answer(drip=True), "did not end within 2 s"),
        (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "cannot be reached"),
        (Answer(302, headers={"Location": "file:///etc/passwd"}), "is no address of http"),
        (Answer(302, headers={"Location": "/talk.rss"}), "redirects again and again"),
        (Answer(302, headers={"Location": "https://[x"}), "redirects to what is no address"),
    ],
)
def test_what_is_no_feed_is_named_with_its_reason_and_another_feed_goes_on(
    site: FeedSite, answer: Answer, said: str
) -> None:
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    site.add("other", Entry("tag:2", "zoloft too", TIME))
    for _ in range(12):
        site.next_answers["/talk.rss"].append(answer)
    network = feeds(f"{site.feed('talk')}?key=hidden", site.feed("other"))
    found: list[Item] = []
    with pytest.raises(SourceBroken, match=said) as trouble:
        collect(network, found)
    assert texts(found) == ["zoloft too"]
    assert "hidden" not in str(trouble.value)
    with pytest.raises(SourceBroken, match=said):
        network.check()


def test_the_peace_that_a_feed_asks_for_is_kept(site: FeedSite) -> None:
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    until = datetime.now(UTC) + timedelta(seconds=90)
    for peace in ("77", until.strftime("%a, %d %b %Y %H:%M:%S GMT")):
        site.next_answers["/talk.rss"].append(Answer(503, headers={"Retry-After": peace}))
        with pytest.raises(SourceBroken) as trouble:
            list(feeds(site.feed("talk")).follow(None))
        assert trouble.value.wait_seconds is not None
        assert 70 < trouble.value.wait_seconds <= 90


@pytest.mark.parametrize(
    ("channel", "robots", "headers"),
    [
        ("<ttl>60</ttl>", "", {}),
        ("", "User-agent: *\nCrawl-delay: 600\n", {}),
        ("", "", {"Cache-Control": "max-age=900"}),
    ],
)
def test_a_feed_is_not_asked_more_often_than_it_wants(
    site: FeedSite, channel: str, robots: str, headers: dict[str, str]
) -> None:
    site.channel, site.robots = channel, robots
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    site.add("quick", Entry("tag:2", "zoloft", TIME))
    body = site.page(type("A", (), {"path": "/talk.rss", "headers": {}})()).body
    site.next_answers["/talk.rss"].append(Answer(body=body, headers=headers))
    with feed_site() as other:
        other.channel = ""
        other.add("quick", Entry("tag:2", "zoloft", TIME))
        network = feeds(site.feed("talk"), other.feed("quick"), slowest_minutes=60.0)
        with closing(network.follow(None)) as items:
            while len(other.requests("/quick.rss")) < 3:
                next(items)
    assert len(site.requests("/talk.rss")) == 1


def test_robots_txt_is_honoured_and_where_it_cannot_be_read_nothing_is_asked(site: FeedSite) -> None:
    site.add("secret", Entry("tag:1", "zoloft", TIME))
    with pytest.raises(SourceBroken, match=r"secret\.rss is not for robots"):
        list(feeds(site.feed("secret")).follow(None))
    site.next_answers["/robots.txt"].append(Answer(503))
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    with pytest.raises(SourceBroken, match="nobody knows what is allowed"):
        list(feeds(site.feed("talk")).follow(None))
    assert not site.requests("/secret.rss")
    assert not site.requests("/talk.rss")


def test_a_feed_that_is_gone_for_good_is_not_asked_again_and_one_that_moved_is_followed(site: FeedSite) -> None:
    site.add("new", Entry("tag:1", "zoloft", TIME))
    site.add("old", Entry("tag:1", "zoloft", TIME))
    site.add("talk", Entry("tag:2", "zoloft too", TIME))
    site.next_answers["/talk.rss"].append(Answer(410))
    site.next_answers["/old.rss"].append(Answer(301, headers={"Location": "/new.rss"}))
    network = feeds(site.feed("talk"), site.feed("old"))
    assert texts(read(network, 1)) == ["zoloft"]
    site.next_answers["/old.rss"].append(Answer(301, headers={"Location": "/new.rss"}))
    assert "old.rss has moved to" in feeds(site.feed("old")).check()
    with closing(feeds(site.feed("talk"), site.feed("old")).follow(network.cursor)) as items:
        while len(site.requests("/old.rss")) < 4:
            next(items)
    assert len(site.requests("/talk.rss")) == 1
    with pytest.raises(SourceBroken, match="every feed is gone"):
        list(feeds(site.feed("talk")).follow(network.cursor))


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:80/x", "http://localhost/x", "http://[::1]/x", "http://[::ffff:10.0.0.1]/x",
                "http://169.254.169.254/latest", "http://2130706433/x"],
)  # fmt: skip
def test_machines_of_the_inner_network_are_not_asked(address: str) -> None:
    with pytest.raises(SourceBroken, match="of the inner network"):
        Web(private=False, timeout=2.0, most_bytes=100).get(address)


@pytest.mark.parametrize(
    "address", ["https://[x", "http://[::1", "http://a\0b.example/", f"http://{'a' * 70}.example/"]
)
@pytest.mark.parametrize("private", [False, True])
def test_an_address_that_is_none_is_said_as_any_other_trouble(address: str, private: bool) -> None:
    with pytest.raises(SourceBroken, match=r"is no address of http|cannot be reached"):
        Web(private=private, timeout=2.0, most_bytes=100).get(address)


def test_a_name_that_becomes_one_of_the_inner_network_when_it_is_asked_gives_nothing(
    site: FeedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    real = socket.getaddrinfo
    answers = iter([[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]])
    monkeypatch.setattr(socket, "getaddrinfo", lambda *what, **more: next(answers, None) or real(*what, **more))
    with pytest.raises(SourceBroken, match="of the inner network"):
        Web(private=False, timeout=2.0, most_bytes=10_000).get(site.feed("talk"))
    assert len(site.requests("/talk.rss")) == 1, "what it answered is not read"


def test_a_redirect_to_many_other_hosts_is_not_followed(site: FeedSite) -> None:
    with feed_site() as other:
        for number in range(3):
            here, there = (site, other) if number % 2 == 0 else (other, site)
            here.next_answers["/talk.rss"].append(Answer(302, headers={"Location": there.feed("talk")}))
        with pytest.raises(SourceBroken, match="redirects to another host"):
            Web(private=True, timeout=2.0, most_bytes=100).get(site.feed("talk"))


def test_a_language_that_is_not_wanted_is_passed_over(site: FeedSite) -> None:
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    assert read(feeds(site.feed("talk"), languages=("de",)), 1) == [Passed("language")]


def test_a_hole_between_two_readings_is_counted(site: FeedSite, caplog: pytest.LogCaptureFixture) -> None:
    from shared import metrics

    site.holds = 2
    site.add("talk", Entry("tag:1", "zoloft", TIME))
    network = feeds(site.feed("talk"))
    read(network, 1)
    counter = metrics.SOURCE_GAP.labels("talk")
    before = counter._value.get()
    later = datetime.now(UTC) + timedelta(hours=12)
    site.add("talk", *(Entry(f"tag:{number}", "zoloft", later) for number in range(5, 8)))
    assert len(texts(read(feeds(site.feed("talk")), 2, network.cursor))) == 2
    assert 43_000 < counter._value.get() - before < 43_300


def test_what_is_remembered_of_a_feed_is_bounded_and_the_newest() -> None:
    place = FeedPlace()
    for number in range(30):
        place.remember({f"{number:012d}": "0" * 8}, 10)
    assert sorted(place.seen()) == [f"{number:012d}" for number in range(20, 30)]


@pytest.mark.parametrize("kind", ["rss", "atom"])
def test_a_feed_that_breaks_off_is_read_to_its_last_whole_entry_and_takes_nothing_back(
    site: FeedSite, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.add("talk", *(Entry(f"tag:{number}", f"tea, and zoloft on day {number}", TIME) for number in range(3)))
    whole = site.page(Asked(f"/talk.{kind}", {}, {}))
    network = feeds(site.feed("talk", kind))
    read(network, 3)
    for number in range(3, 6):
        site.add("talk", Entry(f"tag:{number}", f"tea, and zoloft on day {number}", TIME))
    newer = site.page(Asked(f"/talk.{kind}", {}, {}))
    # The newest stand first: all of it but two, then all but one, each broken off behind the first word of the next.
    for number in (4, 3):
        cut = newer.body.index(b"zoloft on day %d" % (number - 1))
        site.next_answers[f"/talk.{kind}"].append(replace(newer, body=newer.body[:cut]))
    found = read(network, 3, network.cursor)
    assert [item.text for item in found if isinstance(item, RawPost)] == [
        f"tea, and zoloft on day {number}" for number in (4, 5, 3)
    ]
    assert len(found) == 3
    assert whole.body != newer.body
    assert "nothing left" not in caplog.text

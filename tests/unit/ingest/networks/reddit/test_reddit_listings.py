"""How Reddit's listings are read: from the start on, after a restart, over a break, with another clock."""

from __future__ import annotations

import time

import pytest

from services.ingest.networks.network import Item, Passed
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost, SourceBroken
from shared import metrics
from tests.networks.reddit import RedditSite
from tests.networks.site import Answer, Asked
from tests.unit.ingest.networks.reddit.reading import (
    HOUR,
    PATIENCE,
    Make,
    keyring,
    since,
    some,
    texts,
    until,
)


def test_posts_and_comments_come_from_the_start_on_and_nobody_is_in_them(site: RedditSite, reddit: Make) -> None:
    site.post("meds", "zoloft, of before")
    network = reddit(look_again_hours=1)
    names: list[str] = []

    def write() -> None:
        names.append(site.post("meds", "zoloft, a question", "ask u/jane"))
        names.append(site.comment("meds", "zoloft, an answer"))
        site.comment("meds", "take care, zoloft is spoken of here", author="AutoModerator")
        site.post("other", "zoloft elsewhere")

    found = until(network, some(3), begun=write)
    posts = {item.text: item for item in found if isinstance(item, RawPost)}
    assert posts.keys() == {"zoloft, a question\n\nask u/jane", "zoloft, an answer"}
    assert Passed("automatic") in found
    for name, item in zip(names, posts.values(), strict=True):
        assert item.author is None
        assert abs(item.created_at.timestamp() - time.time()) < PATIENCE
        assert Seal(keyring, "reddit").open(item.sealed or "") == name
        assert name not in item.post_id + str(item.sealed) + str(network.cursor)
        assert b"jane" not in item.veiled()


def test_authors_are_kept_as_hashes_only_where_the_policy_says_so(site: RedditSite, reddit: Make) -> None:
    [found] = until(
        reddit(identifiers="hmac"), some(1), begun=lambda: site.comment("meds", "zoloft", author="anna") and None
    )
    assert isinstance(found, RawPost)
    assert found.author == "t2_anna"
    assert b"anna" not in found.veiled()


def test_a_post_that_a_moderator_lets_through_an_hour_later_is_taken(site: RedditSite, reddit: Make) -> None:
    site.post("meds", "zoloft, of before", created_utc=time.time() - 3 * HOUR)
    late = {"created_utc": time.time() - HOUR}
    found = until(
        reddit(rewind_seconds=0), some(1), since(time.time() - 2 * HOUR),
        begun=lambda: site.post("meds", "zoloft, late", **late) and None,
    )  # fmt: skip
    assert texts(found) == ["zoloft, late"]


def test_only_posts_are_read_where_comments_are_not_wanted(site: RedditSite, reddit: Make) -> None:
    def write() -> None:
        site.comment("meds", "zoloft, a comment")
        site.post("meds", "zoloft, a post")

    assert texts(until(reddit(comments=False), some(1), begun=write)) == ["zoloft, a post"]
    assert not site.requests("/r/meds/comments")


def test_a_restart_reads_what_came_meanwhile_over_many_pages_oldest_first(site: RedditSite, reddit: Make) -> None:
    at = time.time()
    for number in range(450):
        site.post("meds", f"zoloft {number}", created_utc=at - 900 + number)
    found = until(reddit(rewind_seconds=100), some(400), since(at - 750))
    assert texts(found) == [f"zoloft {number}" for number in range(50, 450)]
    # Nothing is read further down than it has to be, and the next readings end with the first page.
    assert [one.query.get("count", ["0"])[0] for one in site.requests("/r/meds/new")][:5] == [
        "0",
        "100",
        "200",
        "300",
        "400",
    ]


def test_a_reading_that_breaks_off_goes_on_with_the_page_that_was_missing(site: RedditSite, reddit: Make) -> None:
    at = time.time()
    for number in range(350):
        site.post("meds", f"zoloft {number}", created_utc=at - 350 + number)
    site.broken_every = 3
    network, found, cursor = reddit(), list[Item](), since(at - HOUR)
    while len(found) < 350:
        try:
            until(network, lambda items: bool(found.extend(items[len(found) :])) or len(found) >= 350, cursor)
        except SourceBroken:
            cursor = network.cursor or cursor
    assert texts(found) == [f"zoloft {number}" for number in range(350)]
    assert site.faults >= 2
    # Half an answer, or none, is asked for once more; nothing else is.
    counts = [one.query.get("count", ["0"])[0] for one in site.requests("/r/meds/new")]
    assert counts[: len(site.requests("/r/meds/new"))] == sorted(counts, key=int)


def test_a_post_that_is_taken_away_between_two_pages_ends_no_reading(
    site: RedditSite, reddit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Below it Reddit shows nothing any more; three that lie above one another are gone here."""
    at = time.time()
    names = [site.post("meds", f"zoloft {number}", created_utc=at - 350 + number) for number in range(350)]
    gone = names[150:153]
    page = site.page

    def taken_away(asked: Asked) -> Answer:
        if asked.query.get("after") == [gone[0]]:
            for name in gone:
                site.things[name]["removed_by_category"] = "deleted"
        return page(asked)

    monkeypatch.setattr(site, "page", taken_away)
    found = texts(until(reddit(comments=False), some(350), since(at - HOUR)))
    assert found == [f"zoloft {number}" for number in range(350)]
    assert len([one for one in site.requests("/r/meds/new") if one.query.get("after", [""])[0] in gone]) >= 3


def test_a_listing_that_had_more_than_it_holds_says_from_when_to_when_posts_are_missing(
    site: RedditSite, reddit: Make
) -> None:
    at = time.time()
    for number in range(1300):
        site.post("meds", f"zoloft {number}", created_utc=at - 1300 + number)
    before = metrics.SOURCE_GAP.labels("reddit")._value.get()
    network = reddit(comments=False)
    assert len(until(network, some(1000), since(at - 1200))) == 1000
    assert metrics.SOURCE_GAP.labels("reddit")._value.get() - before == pytest.approx(200, abs=2)


def test_a_small_subreddit_that_was_read_to_its_end_has_no_gap(site: RedditSite, reddit: Make) -> None:
    for number in range(150):
        site.post("meds", f"zoloft {number}")
    before = metrics.SOURCE_GAP.labels("reddit")._value.get()
    assert len(until(reddit(), some(150), since(time.time() - 9 * HOUR))) == 150
    assert metrics.SOURCE_GAP.labels("reddit")._value.get() == before


@pytest.mark.parametrize("skew", [-2 * HOUR, 2 * HOUR])
def test_another_clock_than_reddit_s_costs_no_post(site: RedditSite, reddit: Make, skew: float) -> None:
    site.skew = skew
    [found] = until(reddit(), some(1), begun=lambda: site.post("meds", "zoloft") and None)
    assert isinstance(found, RawPost)
    assert found.created_at.timestamp() <= time.time()

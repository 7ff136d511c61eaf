"""Searches of Reddit by the names of medicines, and subreddits beside them that are closed or fail."""

from __future__ import annotations

import time
from typing import Any

import pytest

from services.ingest.networks.reddit.place import Place
from services.ingest.source import RawPost, SourceBroken
from shared.vocabulary.drugs import Concept, DrugLexicon
from tests.networks.reddit import RedditSite
from tests.networks.site import Answer
from tests.unit.ingest.networks.reddit.reading import (
    Make,
    since,
    some,
    texts,
    until,
)


def test_searches_find_posts_of_all_subreddits_by_the_names_of_the_medicines(site: RedditSite, reddit: Make) -> None:
    def write() -> None:
        site.post("cats", "my cat and zoloft")
        site.post("cats", "my cat and aspirin")
        site.post("dogs", "humira for a dog", "really")

    network = reddit(subreddits=[], search=True, drugs=["sertraline", "humira"], search_minutes=0.001, query_length=128)
    found = until(network, some(2), begun=write)
    assert sorted(texts(found)) == ["humira for a dog\n\nreally", "my cat and zoloft"]
    queries = {one.query["q"][0] for one in site.requests("/search")}
    assert len(queries) > 1
    assert all(len(one) <= 128 for one in queries)
    assert {"sort": ["new"], "type": ["link"]}.items() <= site.requests("/search")[0].query.items()


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"drugs": ["no such medicine"]}, "no medicine of drugs is in the lexicon"),
        ({"query_length": 64}, "no name fits"),
    ],
)
def test_searches_for_nothing_are_said_every_time_and_subreddits_are_read_all_the_same(
    site: RedditSite, reddit: Make, keys: dict[str, Any], said: str
) -> None:
    lexicon = DrugLexicon([("z" * 80, Concept("1", "sertraline"))], "one long name")
    network = reddit(lambda: lexicon, subreddits=[], search=True, search_minutes=0.001, **keys)
    for _ in range(2):
        with pytest.raises(SourceBroken, match=f"has nothing to search for: {said}"):
            until(network, some(1))
    both = reddit(lambda: lexicon, search=True, **keys)
    [found] = until(both, some(1), since(time.time()), begun=lambda: site.post("meds", "zoloft") and None)
    assert isinstance(found, RawPost)


def test_names_that_fit_into_no_search_are_counted(reddit: Make, capsys: pytest.CaptureFixture[str]) -> None:
    sertraline = Concept("1", "sertraline")
    lexicon = DrugLexicon([("zoloft", sertraline), ("z" * 80, sertraline)], "one long name")
    assert "1 searches" in reddit(lambda: lexicon, search=True, query_length=64).check()
    said = capsys.readouterr()
    assert "some names do not fit into a search" in said.out + said.err


def test_a_new_name_in_the_lexicon_is_searched_for_from_the_next_round_on(site: RedditSite, reddit: Make) -> None:
    first = DrugLexicon([("zoloft", Concept("1", "sertraline"))], "first")
    second = DrugLexicon([("zoloft", Concept("1", "sertraline")), ("zolo2", Concept("1", "sertraline"))], "second")
    lexicon = [first]

    def write() -> None:
        lexicon[0] = second
        site.post("cats", "zolo2 again")

    network = reddit(lambda: lexicon[0], subreddits=[], search=True, search_minutes=0.001)
    assert texts(until(network, some(1), begun=write)) == ["zolo2 again"]


def test_a_long_round_of_searches_does_not_hold_up_subreddits(site: RedditSite, reddit: Make) -> None:
    network = reddit(search=True, search_minutes=1, query_length=64, interval_seconds=1e-6)
    until(network, lambda _: len(site.requests("/search")) >= 5, since(time.time()))
    assert len(site.requests("/r/meds/new")) >= 2


def test_one_subreddit_that_is_closed_does_not_hold_up_the_others_and_is_asked_again(
    site: RedditSite, reddit: Make
) -> None:
    site.subreddits.add("shut")
    site.closed["shut"] = "private"
    network = reddit(subreddits=["shut", "meds"])
    found = until(network, some(1), begun=lambda: site.post("meds", "zoloft") and None)
    assert texts(found) == ["zoloft"]
    site.closed.clear()
    site.post("shut", "zoloft, of before")
    count = len(site.requests("/r/shut/new"))
    until(network, lambda _: len(site.requests("/r/shut/new")) > count + 1, network.cursor)
    assert "r/shut/new" in Place.decode(network.cursor or "").read


def test_one_subreddit_that_always_fails_does_not_keep_the_others_from_being_read(
    site: RedditSite, reddit: Make
) -> None:
    site.next_answers["/r/meds/new"].extend([Answer(503)] * 50)
    network = reddit(subreddits=["meds", "other"])
    network.cursor = since(time.time())
    site.post("other", "zoloft")
    for _ in range(4):
        with pytest.raises(SourceBroken, match="HTTP 503 for r/meds"):
            until(network, lambda _: False, network.cursor)
    assert "r/other/new" in Place.decode(network.cursor or "").read
    assert site.requests("/r/other/new")

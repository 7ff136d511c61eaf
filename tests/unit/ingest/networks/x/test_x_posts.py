"""What lines of X's stream come to."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from services.ingest.networks.network import Network
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost, Reject
from shared.keyring import Keyring
from tests.networks.x import FakeX, post_id, tweet
from tests.unit.ingest.networks.x.reading import keyring, kinds, streamed, texts


def test_posts_come_whole_with_their_time_and_language_and_nobody_s_id(
    server: FakeX, x: Callable[..., Network]
) -> None:
    at = time.time()
    found = streamed(
        server, x(),
        tweet(at, "zoloft &amp; me &lt;3 @somebody", 1, author="770001"),
        tweet(at, "zoloft, begin…", 2, note_tweet={"text": "zoloft, from the beginning to the end"}, lang="und"),
        tweet(at, "aspirin, for which nobody looks", 3),
        tweet(at, "RT @somebody: zoloft", 4),
    )  # fmt: skip
    assert texts(found) == ["zoloft & me <3 @somebody", "zoloft, from the beginning to the end"]
    first, second = (item for item in found if isinstance(item, RawPost))
    assert (first.author, first.language, second.language) == (None, "en", None)
    assert abs(first.created_at.timestamp() - at) < 0.002
    assert post_id(at, 1) not in first.post_id + str(first.sealed)
    assert Seal(keyring, "x").open(first.sealed or "") == post_id(at, 1)
    assert Seal(lambda: Keyring.of("another secret"), "x").open(first.sealed or "") is None
    assert b"somebody" not in first.veiled()
    assert "author_id" not in server.streams[0]["tweet.fields"]


def test_authors_are_asked_for_only_where_the_policy_keeps_them(server: FakeX, x: Callable[..., Network]) -> None:
    [found] = streamed(server, x(identifiers="hmac"), tweet(time.time(), "zoloft", 1))
    assert isinstance(found, RawPost)
    assert found.author == "770001"
    assert b"770001" not in found.veiled()


def test_an_edited_post_takes_the_place_of_its_earlier_versions(server: FakeX, x: Callable[..., Network]) -> None:
    at = time.time()
    old, new = tweet(at, "zoloft, as it was", 1), tweet(at, "zoloft, as it is", 2)
    new["edit_history_tweet_ids"] = [old["id"], new["id"]]
    found = streamed(server, x(), new, old)
    assert kinds(found) == ["PostGone", "RawPost", "duplicate"]
    assert texts(found) == ["zoloft, as it is"]


def test_a_burst_comes_whole_however_slowly_it_is_taken(server: FakeX, x: Callable[..., Network]) -> None:
    at = time.time()
    tweets = [tweet(at, f"zoloft {number} " + "so dizzy " * 20, number) for number in range(6000)]
    found = streamed(server, x(max_posts_per_month=10_000), *tweets)
    assert len(set(texts(found))) == len(found) == 6000


def test_only_posts_of_the_languages_are_asked_for(server: FakeX, x: Callable[..., Network]) -> None:
    at = time.time()
    found = streamed(
        server, x(languages=("en", "fr")),
        tweet(at, "zoloft, deutsch", 1, lang="de"),
        tweet(at, "zoloft, français", 2, lang="fr"),
    )  # fmt: skip
    assert texts(found) == ["zoloft, français"]
    assert server.changes[0]["add"][0]["value"].endswith(") (lang:en OR lang:fr) -is:retweet")


def test_a_post_that_comes_again_is_passed_over(server: FakeX, x: Callable[..., Network]) -> None:
    server.twice = 1
    at = time.time()
    found = streamed(server, x(), *(tweet(at, f"zoloft {number}", number) for number in range(5)))
    assert kinds(found) == ["RawPost", "duplicate"] * 5


@pytest.mark.parametrize(
    "line",
    [b'{"data":{"id":"1591234567890123456","text":"zoloft and @jane_doe and jan', b'{"data":{"text":"zoloft"}}', b"[]", b"{}",
     b'{"data":{"id":"x","text":"zoloft"}}', b'{"data":{"id":7}}', b"\xff\xfe", b'{"data":{"id":"' + b"9" * 60 + b'"}}'],
)  # fmt: skip
def test_a_line_that_is_none_is_refused_without_names_and_moves_nothing(
    server: FakeX, x: Callable[..., Network], line: bytes
) -> None:
    server.garbage = {0: line}
    [reject] = streamed(server, x())
    assert isinstance(reject, Reject)
    assert reject.reason == "bad-line"
    for name in (b"1591234567890123456", b"jane_doe"):
        assert name not in reject.payload
    assert "jane" not in reject.detail

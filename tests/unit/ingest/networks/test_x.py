"""X through an X of this machine: what its lines come to, how a break is filled, and what is said when something is wrong."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.networks.x.configuration import X
from services.ingest.networks.x.place import Place
from services.ingest.source import RawPost, Reject, SourceBroken
from shared.errors import AdrwatchError
from shared.events import Published
from shared.keyring import Keyring
from shared.secret_place import SecretPlace
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from tests.networks.x import TOKEN, FakeX, Tweet, fake_x, post_id, tweet

SECRET = "a secret"


def keyring() -> Keyring:
    return Keyring.of(SECRET)


HOUR = 3600.0
PATIENCE = 60.0


@pytest.fixture
def server() -> Iterator[FakeX]:
    with fake_x() as made:
        yield made


@pytest.fixture
def x(server: FakeX, tmp_path: Path) -> Callable[..., Network]:
    """Makes a source of the fake that looks for two medicines."""
    token = tmp_path / "token"
    token.write_text(TOKEN)
    token.chmod(0o600)

    def made(
        lexicon: Callable[[], DrugLexicon] = default_lexicon,
        sealed: Callable[[], list[Published]] = list,
        **keys: Any,
    ) -> Network:
        usual = {"drugs": ("sertraline", "adalimumab"), "search_delay_seconds": 0, "max_posts_per_month": 1000,
                 "base_url": server.url, "bearer_token": {"file": str(token)}}  # fmt: skip
        source = msgspec.convert(usual | keys, X)
        return source.network(source.names("x", keyring, 600.0, sealed), lexicon)

    return made


def since(at: float, read: int = 0) -> str:
    """The place of a source that has read everything before a time."""
    return Place(int(post_id(at)), time.strftime("%Y-%m", time.gmtime()), read, int(time.time())).encode()


def until(
    network: Network, enough: Callable[[list[Item]], bool], cursor: str | None = None, connected: Callable[[], None] | None = None
) -> list[Item]:  # fmt: skip
    """What comes until it is enough; `connected` is called once the stream is."""
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    begin: str | None = None
    with closing(network.follow(cursor)) as items:
        for item in items:
            begin = begin or network.cursor
            if connected is not None and network.cursor != begin:
                # The first keep-alive has moved the place.
                connected()
                connected = None
            if item is not None:
                found.append(item)
            if enough(found):
                return found
            assert time.monotonic() < deadline, found
    raise AssertionError("the network ended")


def some(number: int) -> Callable[[list[Item]], bool]:
    return lambda found: len(found) >= number


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawPost)]


def kinds(items: list[Item]) -> list[str]:
    return [item.reason if isinstance(item, Passed) else type(item).__name__ for item in items]


def streamed(server: FakeX, network: Network, *tweets: Tweet) -> list[Item]:
    """What becomes of posts that are written while the stream is read."""
    last = tweet(time.time() + 1, "zoloft, the last", 99)
    found = until(
        network, lambda items: "zoloft, the last" in texts(items), connected=lambda: server.add(*tweets, last)
    )
    return found[:-1]


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


def test_after_a_break_search_finds_what_lies_between_and_only_then_the_place_goes_on(
    server: FakeX, x: Callable[..., Network]
) -> None:
    now = time.time()
    begin = now - 12 * HOUR
    server.page = 7
    server.add(*(tweet(begin + number * 600, f"humira, day {number}", number) for number in range(60)))
    server.add(tweet(begin - 60, "zoloft, of before"))
    network = x()
    places: set[str | None] = set()
    found = until(network, lambda items: bool(places.add(network.cursor)) or len(texts(items)) >= 60, since(begin))
    assert sorted(texts(found)) == sorted(f"humira, day {number}" for number in range(60))
    assert {Place.decode(place or "").since for place in places} == {int(post_id(begin))}
    assert network.reached is not None
    assert network.reached.timestamp() < begin, "the frame would take a later time for a gap"
    assert len(server.queries) > 8


def test_posts_that_were_late_when_the_connection_broke_are_found_behind_the_place(
    server: FakeX, x: Callable[..., Network]
) -> None:
    server.break_every = 2
    at = time.time()
    network = x(rewind_seconds=20)
    newest_first = [tweet(at + 1, "zoloft, newest", 1), tweet(at, "zoloft, older", 2)]
    late = tweet(at - 15, "zoloft, late", 3)
    seen: list[Item] = []
    with pytest.raises(SourceBroken):
        until(network, lambda found: bool(seen.extend(found)), connected=lambda: server.add(*newest_first, late))
    assert network.cursor is not None
    assert texts(until(network, lambda found: bool(texts(found)), network.cursor)) == ["zoloft, late"]


def test_a_break_longer_than_search_reaches_is_told_by_where_it_begins(
    server: FakeX, x: Callable[..., Network]
) -> None:
    network = x()
    now = time.time()
    server.add(tweet(now - HOUR, "zoloft, of an hour ago"))
    until(network, some(1), since(now - 9 * 24 * HOUR))
    assert network.reached is not None
    assert now - network.reached.timestamp() == pytest.approx(7 * 24 * HOUR, abs=700)


def test_a_short_break_is_filled_by_the_stream_where_the_plan_has_it(server: FakeX, x: Callable[..., Network]) -> None:
    now = time.time()
    server.add(tweet(now - 60, "zoloft, while nobody listened"))
    network = x(backfill_minutes=5)
    found = until(network, some(1), since(now - 80))
    assert texts(found) == ["zoloft, while nobody listened"]
    assert (server.streams[0]["backfill_minutes"], server.queries) == ("2", [])
    assert network.reached is not None


def test_search_that_is_limited_waits_and_goes_on_where_it_was(server: FakeX, x: Callable[..., Network]) -> None:
    now = time.time()
    server.page = 2
    server.add(*(tweet(now - 300, f"zoloft {number}", number) for number in range(6)))
    network = x()
    server.refuse["/recent"] = (429, {"Retry-After": "1"})

    def lift(found: list[Item]) -> bool:
        if time.time() > now + 2:
            server.refuse.clear()
        return len(texts(found)) >= 6

    until(network, lift, since(now - 600))
    assert server.connections == 1


@pytest.mark.parametrize(
    ("kind", "said"), [(3, "closed the connection"), (1, "broke the connection"), (2, "ends the stream")]
)
def test_every_end_of_a_connection_is_the_last_of_it(
    server: FakeX, x: Callable[..., Network], kind: int, said: str
) -> None:
    server.break_every = 1
    server.streams = [{}] * (kind - 1)
    network = x()
    server_adds = lambda: server.add(tweet(time.time(), "zoloft", 1))  # noqa: E731
    with pytest.raises(SourceBroken, match=said) as broken:
        until(network, some(5), connected=server_adds)
    assert broken.value.wait_seconds == 0.0, "X wants the next connection at once"
    assert server.connections == kind, "no connection is made anew before it is asked for"


def test_silence_without_keep_alives_is_taken_for_a_broken_connection(server: FakeX, x: Callable[..., Network]) -> None:
    server.stall_after = 0
    with pytest.raises(SourceBroken, match=r"sent nothing for 0\.3 s"):
        until(x(stall_seconds=0.3), some(1))


def test_leaving_lets_go_of_the_only_connection_at_once(server: FakeX, x: Callable[..., Network]) -> None:
    server.keep_alive_seconds = 3600
    for _ in range(3):
        network = x()
        with closing(network.follow(None)) as items:
            next(items)
            while not server.open:
                next(items)
        deadline = time.monotonic() + 5
        while server.open and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.open == 0


@pytest.mark.parametrize(
    ("status", "headers", "first", "second"),
    [(503, {}, 5, 10), (429, {}, 60, 120), (429, {"Retry-After": "7"}, 7, 7), (500, {"Retry-After": "3"}, 3, 3)],
)
def test_a_refusal_says_how_long_x_wants_to_be_left_alone(
    server: FakeX, x: Callable[..., Network], status: int, headers: dict[str, str], first: float, second: float
) -> None:
    server.refuse["/2/tweets/search/stream"] = (status, headers)
    network = x()
    for expected in (first, second):
        with pytest.raises(SourceBroken) as broken:
            until(network, some(1))
        assert broken.value.wait_seconds == expected


def test_the_end_of_a_limit_is_told_by_x_s_own_clock(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = -5 * HOUR
    server.refuse["/2/tweets/search/stream"] = (429, {"x-rate-limit-reset": str(int(time.time() - 5 * HOUR) + 40)})
    with pytest.raises(SourceBroken) as broken:
        until(x(), some(1))
    assert broken.value.wait_seconds == pytest.approx(40, abs=4)


def test_a_second_connection_with_the_same_credential_is_said(server: FakeX, x: Callable[..., Network]) -> None:
    with closing(x().follow(None)) as items:
        while not server.open:
            next(items)
        with pytest.raises(SourceBroken, match=r"TooMany|ConnectionException.*maximum allowed connection") as broken:
            until(x(), some(1))
        assert broken.value.wait_seconds == 1


def test_a_clock_of_x_that_is_ahead_moves_the_place_by_its_own_time(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = 2 * HOUR
    network = x()
    at = time.time() + server.skew
    until(network, some(1), since(time.time()), connected=lambda: server.add(tweet(at, "zoloft")))
    assert network.reached is not None
    assert network.reached.timestamp() == pytest.approx(at, abs=20)


def test_a_clock_of_x_that_is_ahead_makes_no_long_break_a_short_one(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = 2 * HOUR
    theirs = time.time() + server.skew
    server.add(tweet(theirs - HOUR / 2, "zoloft, while nobody listened"))
    network = x(backfill_minutes=5)
    assert texts(until(network, some(1), since(theirs - HOUR))) == ["zoloft, while nobody listened"]
    assert "backfill_minutes" not in server.streams[0]


def test_a_credential_that_is_refused_is_said_and_a_new_one_is_taken_up(
    server: FakeX, x: Callable[..., Network], tmp_path: Path
) -> None:
    network = x()
    server.token = "another-token-for-tests"
    with pytest.raises(SourceBroken, match=r"refuses the credential \(HTTP 401\).*bearer token") as broken:
        until(network, some(1))
    assert TOKEN not in str(broken.value)
    with pytest.raises(SourceBroken, match="refuses the credential"):
        network.check()
    (tmp_path / "token").write_text(server.token)
    assert texts(until(network, some(1), connected=lambda: server.add(tweet(time.time(), "zoloft")))) == ["zoloft"]
    (tmp_path / "token").unlink()
    with pytest.raises(SourceBroken, match="bearer_token"):
        until(network, some(1))


def test_a_credential_that_is_nowhere_is_said_at_the_start() -> None:
    source = X(bearer_token=SecretPlace(env="NO_SUCH_VARIABLE"), max_posts_per_month=1)
    with pytest.raises(AdrwatchError, match="source x: bearer_token: the variable NO_SUCH_VARIABLE is not set"):
        source.network(source.names("x", keyring, 600.0), default_lexicon)


def test_what_the_month_pays_for_is_not_exceeded_and_the_count_is_part_of_the_place(
    server: FakeX, x: Callable[..., Network]
) -> None:
    network = x(max_posts_per_month=5)
    with pytest.raises(SourceBroken, match="5 posts of X were read this month") as broken:
        until(network, some(100), since(time.time(), read=2), connected=lambda: server.add(
            *(tweet(time.time(), f"zoloft {number}", number) for number in range(9))))  # fmt: skip
    assert broken.value.wait_seconds is not None
    assert 0 < broken.value.wait_seconds <= HOUR
    assert network.cursor is not None
    assert Place.decode(network.cursor).read == 5
    before = server.connections
    with pytest.raises(SourceBroken, match="5 posts of X were read this month"):
        until(network, some(1), network.cursor)
    assert server.connections == before
    last_month = Place(int(post_id(time.time())), "2020-01", 5, int(time.time())).encode()
    until(network, some(1), last_month, connected=lambda: server.add(tweet(time.time(), "zoloft anew", 50)))
    assert Place.decode(network.cursor).read == 1


def test_a_place_of_something_else_is_said(x: Callable[..., Network]) -> None:
    with pytest.raises(SourceBroken, match="a place that cannot be read"):
        until(x(), some(1), "1700000000000000")


def test_rules_follow_the_lexicon_while_the_stream_is_read(server: FakeX, x: Callable[..., Network]) -> None:
    zoloft = default_lexicon().concept("zoloft")
    assert zoloft is not None
    lexicons = [DrugLexicon([("zoloft", zoloft)], "1")]
    network = x(lambda: lexicons[-1], drugs=())
    server.rules["900"] = {"id": "900", "value": "cats", "tag": "somebody else's"}

    def then() -> None:
        lexicons.append(DrugLexicon([("zoloft", zoloft), ("zolofft", zoloft)], "2"))

    def enough(found: list[Item]) -> bool:
        if len(server.changes) > 1 and not found:
            server.add(tweet(time.time(), "zolofft, as some write it"))
        return bool(found)

    assert texts(until(network, enough, connected=then)) == ["zolofft, as some write it"]
    assert server.changes == [
        {"add": [{"value": "(zoloft) -is:retweet", "tag": "adrwatch:x"}]},
        {"add": [{"value": "(zolofft) -is:retweet", "tag": "adrwatch:x"}]},
    ]
    lexicons.append(DrugLexicon([("zolofft", zoloft)], "3"))
    until(network, lambda _: "delete" in server.changes[-1])
    assert {rule["value"] for rule in server.rules.values()} == {"cats", "(zolofft) -is:retweet"}
    assert server.connections == 2


def test_the_check_lets_x_judge_the_rules_and_changes_nothing(server: FakeX, x: Callable[..., Network]) -> None:
    said = x().check()
    assert "1 rules for" in said
    assert "2 medicines" in said
    assert (server.changes, server.rules, server.connections) == ([], {}, 0)
    with pytest.raises(SourceBroken, match=r"refuses a rule \(Invalid Rule: .*bogus"):
        x(operators="bogus:yes").check()
    with pytest.raises(SourceBroken, match="medicines that the lexicon does not have: zolofft"):
        x(drugs=("zolofft", "sertraline")).check()
    assert "names find no place" in x(drugs=(), rules=2).check()
    server.most_rules = 0
    with pytest.raises(SourceBroken, match="HTTP 422: RulesCapExceeded"):
        x().check()
    server.refuse["/compliance"] = (403, {})
    server.most_rules = 1000
    assert "deletions cannot be asked for" in x().check()
    assert "deletions are not asked for" in x(compliance_hours=0).check()
    server.refuse["/rules"] = (403, {})
    with pytest.raises(SourceBroken, match=r"does not allow rules .*plan"):
        x().check()


def test_an_address_that_is_none_of_x_s_is_said(x: Callable[..., Network]) -> None:
    with pytest.raises(SourceBroken, match=r"127\.0\.0\.1:1 cannot be reached"):
        x(base_url="http://127.0.0.1:1").check()


def test_x_is_asked_which_posts_are_gone(server: FakeX, x: Callable[..., Network]) -> None:
    at = time.time()
    ids = [post_id(at, number) for number in range(4)]
    seal = Seal(keyring, "x")
    notes = [Published(id=f"x:{one}", sealed=seal.close(one)) for one in ids]
    notes.append(Published(id="x:old", sealed=Seal(lambda: Keyring.of("an older secret"), "x").close("1")))
    for one, reason in zip(ids, ("deleted", "suspended", "scrub_geo"), strict=False):
        server.remove(one, reason)
    network = x(sealed=lambda: notes, compliance_hours=0.5)
    names = Names("x", keyring, False, False, 600.0)
    cursor = Place(int(post_id(at)), asked=0).encode()
    found = until(network, some(3), cursor)
    gone = [PostGone(f"x:{names.post(ids[number])}", "compliance") for number in range(2)]
    assert found == [*gone, Passed("compliance")]
    assert server.uploads == [ids]
    assert network.cursor is not None


def test_x_is_asked_even_while_the_month_is_paid(server: FakeX, x: Callable[..., Network]) -> None:
    one = post_id(time.time())
    server.remove(one)
    network = x(sealed=lambda: [Published(id="x:1", sealed=Seal(keyring, "x").close(one))], max_posts_per_month=1)
    cursor: str | None = Place(int(one), time.strftime("%Y-%m", time.gmtime()), 1, 0).encode()
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    while not found and time.monotonic() < deadline:
        with pytest.raises(SourceBroken, match="were read this month"):
            found.extend(filter(None, network.follow(cursor)))
    assert kinds(found) == ["PostGone"]
    assert server.connections == 0


def test_a_question_that_fails_holds_up_nothing_and_is_asked_again(server: FakeX, x: Callable[..., Network]) -> None:
    one = post_id(time.time())
    server.remove(one)
    notes = [Published(id="x:1", sealed=Seal(keyring, "x").close(one))]
    server.refuse["/compliance"] = (503, {})
    network = x(sealed=lambda: notes, compliance_hours=0.0005)
    turns = itertools.count()

    def lift(found: list[Item]) -> bool:
        if next(turns) > 4:
            server.refuse.clear()
        return bool(found)

    assert kinds(until(network, lift, Place(int(post_id(time.time())), asked=0).encode())) == ["PostGone"]


def test_the_credential_is_in_no_error_and_no_log(
    server: FakeX, x: Callable[..., Network], capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse[""] = (400, {})
    with pytest.raises(SourceBroken) as broken:
        x().check()
    assert TOKEN not in str(broken.value) + json.dumps(capsys.readouterr())

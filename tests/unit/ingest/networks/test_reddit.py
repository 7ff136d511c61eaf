"""Reddit through a Reddit of this machine: what its things come to, how listings are read on, what is said of troubles."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpraw.config
import msgspec
import pytest
from asyncprawcore.sessions import FiniteRetryStrategy

from services.ingest.networks.network import Item, Network, Passed, PostGone
from services.ingest.networks.reddit import standing
from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.networks.reddit.place import Place
from services.ingest.networks.reddit.things import Thing, Unreadable, read_page
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost, Reject, SourceBroken
from shared import metrics
from shared.errors import AdrwatchError
from shared.events import Published
from shared.keyring import Keyring
from shared.vocabulary.drugs import Concept, DrugLexicon, default_lexicon
from tests.networks.reddit import AGENT, CLIENT_ID, RedditSite, reddit_site
from tests.networks.site import Answer


def keyring() -> Keyring:
    return Keyring.of("a secret")


HOUR = 3600.0
PATIENCE = 60.0
Make = Callable[..., Network]


@pytest.fixture
def site() -> Iterator[RedditSite]:
    with reddit_site("meds") as made:
        yield made


@pytest.fixture
def reddit(site: RedditSite, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a source of the fake that follows one subreddit."""
    monkeypatch.setenv("APP_ID", CLIENT_ID)
    monkeypatch.setenv("APP_SECRET", site.secret)

    def made(
        lexicon: Callable[[], DrugLexicon] = default_lexicon,
        sealed: Callable[[], list[Published]] = list,
        **keys: Any,
    ) -> Network:
        source = msgspec.convert(table(site.url) | keys, Reddit)
        source.examine("source reddit")
        return source.network(source.names("reddit", keyring, 600.0, sealed), lexicon)

    return made


def table(url: str) -> dict[str, Any]:
    return {
        "client_id": {"env": "APP_ID"}, "client_secret": {"env": "APP_SECRET"}, "user_agent": AGENT, "subreddits": ["Meds"],
        "oauth_url": url, "reddit_url": url, "interval_seconds": 0.05, "look_again_hours": 0,
    }  # fmt: skip


def until(
    network: Network, enough: Callable[[list[Item]], bool], cursor: str | None = None, begun: Callable[[], None] | None = None
) -> list[Item]:  # fmt: skip
    """What comes until it is enough; `begun` is called once everything was read for the first time."""
    found: list[Item] = []
    deadline = time.monotonic() + PATIENCE
    with closing(network.follow(cursor)) as items:
        for item in items:
            if begun is not None and network.cursor and Place.decode(network.cursor).reached:
                begun()
                begun = None
            if item is not None:
                found.append(item)
            if begun is None and enough(found):
                return found
            assert time.monotonic() < deadline, found
    raise AssertionError("the network ended")


def some(number: int) -> Callable[[list[Item]], bool]:
    return lambda found: len(found) >= number


def texts(items: list[Item]) -> list[str]:
    return [item.text for item in items if isinstance(item, RawPost)]


def since(at: float, asked: float | None = None) -> str:
    """The place of a source that has read everything before a time."""
    read = {f"r/meds/{kind}": at for kind in ("new", "comments")} | {"search": at}
    return Place(read, time.time() if asked is None else asked, at).encode()


def notes(*names: str) -> Callable[[], list[Published]]:
    """What is published of the source, with its ids sealed."""
    return lambda: [
        Published(id=f"reddit:{one}", author=None, sealed=Seal(keyring, "reddit").close(one)) for one in names
    ]


def gone(network: Network, *names: str) -> set[PostGone]:
    return {PostGone(network._post_id(one)) for one in names}  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ({"subreddits": []}, "follows nothing"),
        ({"drugs": ["zoloft"]}, "drugs are what is searched for .*search = true"),
        ({"user_agent": "python"}, "user_agent does not say who asks .*by /u/"),
        ({"user_agent": "linux:org.example:v1 (by\n/u/a)"}, "user_agent does not say who asks"),
        ({"subreddits": ["u_somebody"]}, "a person's profile"),
        ({"oauth_url": "https://[::1"}, r"oauth_url: .* is no address"),
        ({"client_secret": {"env": "NO_SUCH_VARIABLE"}}, "client_secret: the variable NO_SUCH_VARIABLE is not set"),
    ],
)
def test_a_mistake_in_the_file_is_named(reddit: Make, keys: dict[str, Any], error: str) -> None:
    with pytest.raises(AdrwatchError, match=error):
        reddit(**keys)


@pytest.mark.parametrize("name", ["r/meds", "a b", "x", "meds/new", "m" * 22])
def test_what_is_no_name_of_a_subreddit_is_refused(site: RedditSite, name: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="subreddits"):
        msgspec.convert(table(site.url) | {"subreddits": [name]}, Reddit)


def test_the_words_of_a_thing_are_its_title_and_text_without_quotes_of_others() -> None:
    quote = "<blockquote>\n<p>take humira</p>\n</blockquote>"
    html = f'<!-- SC_OFF --><div class="md">{quote}\n<p>so <em>dizzy</em> &amp; sick</p></div>'
    made = Thing(name="t3_a", created_utc=1.0, title=" zoloft ", selftext="markdown", selftext_html=html)
    assert made.text == "zoloft\n\nso dizzy & sick"
    assert Thing(name="t1_a", created_utc=1.0, body="no *HTML*").text == "no *HTML*"


@pytest.mark.parametrize(
    "fields",
    [{"body": "[removed]"}, {"body": " [deleted] "}, {"selftext": "[ Removed by Reddit ]"}, {"title": "[deleted by user]"},
     {"title": "zoloft", "removed_by_category": "moderator"}],
)  # fmt: skip
def test_what_was_taken_away_is_known_however_reddit_says_it(fields: dict[str, Any]) -> None:
    assert Thing(name="t3_a", created_utc=1.0, **fields).gone


def test_what_is_no_thing_does_not_hide_those_beside_it_and_what_is_no_listing_is_refused() -> None:
    right = {"name": "t1_b", "created_utc": 5, "edited": 7.0, "body": "zoloft"}
    wrong = [{"name": "t1_c"}, {"name": 7, "created_utc": 1}, None, {"name": "t1_d", "created_utc": 1e300}]
    children = [{"kind": "t1", "data": one} for one in [right, *wrong]] + [{"kind": "more", "data": {}}]
    page = read_page({"kind": "Listing", "data": {"children": children, "after": None}})
    assert [type(one) for one in page.children] == [Thing] + [Unreadable] * 4
    assert len({one.key for one in page.children if isinstance(one, Unreadable)}) == 4
    for answer in ([], {}, {"kind": "t5", "data": {}}, {"kind": "Listing", "data": {"children": [1]}}, "x"):
        with pytest.raises(ValueError, match="no listing"):
            read_page(answer)
    with pytest.raises(ValueError, match="no posts in it"):
        read_page({"kind": "Listing", "data": {"children": [{"kind": "t3", "data": {}}] * 10}})


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
    network, cursor = reddit(subreddits=["meds", "other"]), since(time.time())
    site.post("other", "zoloft")
    found: list[Item] = []
    for _ in range(4):
        with pytest.raises(SourceBroken, match="HTTP 503 for r/meds"):
            until(network, lambda items: bool(found.extend(items[len(found) :])), cursor)
    assert "r/other/new" in Place.decode(network.cursor or "").read
    assert site.requests("/r/other/new")


@pytest.mark.parametrize(
    ("reason", "said"),
    [("private", "r/meds is private"), ("banned", "r/meds was banned by Reddit"), ("quarantined", "r/meds is quarantined"),
     ("gated", "r/meds stands behind a warning"), (None, "there is no r/meds")],
)  # fmt: skip
def test_a_subreddit_that_is_closed_is_said_by_follow_and_by_check(
    site: RedditSite, reddit: Make, reason: str | None, said: str
) -> None:
    if reason is None:
        site.subreddits.clear()
    else:
        site.closed["meds"] = reason
    network = reddit()
    for call in (network.check, lambda: until(network, some(1))):
        with pytest.raises(SourceBroken, match=said):
            call()


def test_check_names_every_subreddit_that_is_wrong_and_counts_searches(site: RedditSite, reddit: Make) -> None:
    site.subreddits |= {"one", "two"}
    assert "r/one, r/two can be read" in reddit(subreddits=["One", "two", "ONE"]).check()
    site.closed |= {"one": "private", "two": "banned"}
    with pytest.raises(SourceBroken, match="r/one is private; r/two was banned by Reddit"):
        reddit(subreddits=["one", "two", "meds"]).check()
    said = reddit(search=True, interval_seconds=60).check()
    assert "r/meds can be read" in said
    assert "names of" in said
    with pytest.raises(SourceBroken, match="medicines that the lexicon does not have: no such thing"):
        reddit(search=True, drugs=["zoloft", "no such thing"]).check()
    with pytest.raises(SourceBroken, match=r"refuses search \d+ of \d+ \(HTTP 400: that query is too long\)"):
        reddit(search=True, query_length=1000).check()
    assert "questions a minute, and most apps have 100" in reddit(interval_seconds=0.1).check()


def test_a_revoked_key_is_said_and_a_new_one_is_taken_up(
    site: RedditSite, reddit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = reddit()
    until(network, lambda _: site.readings() > 3)
    site.revoke()
    for call in (network.check, lambda: until(network, some(1), network.cursor)):
        with pytest.raises(SourceBroken, match=r"refuses the app's key \(HTTP 401\) .*client_secret") as broken:
            call()
        assert site.secret not in str(broken.value)
    monkeypatch.setenv("APP_SECRET", site.secret)
    site.post("meds", "zoloft")
    assert texts(until(network, some(1), network.cursor)) == ["zoloft"]


def test_an_app_whose_tokens_are_taken_back_at_once_is_said(
    site: RedditSite, reddit: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FiniteRetryStrategy, "_sleep_seconds", lambda _: None)
    refusal = {"WWW-Authenticate": 'Bearer realm="reddit", error="invalid_token"'}
    site.next_answers["/r/meds/new"].extend([Answer(401, headers=refusal)] * 3)
    with pytest.raises(SourceBroken, match=r"takes back the token that it has just given \(HTTP 401\)"):
        until(reddit(), some(1))


def test_a_listing_that_never_ends_is_left(site: RedditSite, reddit: Make) -> None:
    endless = b'{"kind": "Listing", "data": {"children": [], "after": "t3_1"}}'
    site.next_answers["/r/meds/new"].extend([Answer(body=endless, headers={"Content-Type": "application/json"})] * 50)
    network = reddit(interval_seconds=60)
    until(network, lambda _: network.reached is not None and network.reached.timestamp() > time.time() - 60, since(0))
    assert len(site.requests("/r/meds/new")) == 20


def test_a_token_that_runs_out_in_the_middle_is_renewed_without_a_break(site: RedditSite, reddit: Make) -> None:
    def write() -> None:
        site.tokens.clear()
        site.post("meds", "zoloft")

    assert texts(until(reddit(), some(1), begun=write)) == ["zoloft"]
    assert len(site.requests("/api/v1/access_token")) == 2


@pytest.mark.parametrize(
    ("path", "answer", "said", "wait"),
    [
        ("/r/meds/new", Answer(503), "answers with HTTP 503 for r/meds", None),
        ("/r/meds/new", Answer(503, headers={"Retry-After": "7"}), "HTTP 503", 7),
        ("/r/meds/new", Answer(429, headers={"Retry-After": "9"}), r"limits the rate \(HTTP 429\)", 9),
        ("/r/meds/new", Answer(429), "limits the rate", 60),
        *(
            ("/r/meds/new", Answer(429, headers={"X-Ratelimit-Remaining": "0", "X-Ratelimit-Reset": reset}), "limits", wait)
            for reset, wait in [("240", 240), ("1e300", 600), ("inf", 60), ("nan", 60), ("-5", 0)]
        ),
        ("/r/meds/new", Answer(200, b"{}", {"X-Ratelimit-Remaining": "inf"}), "else than JSON", None),
        ("/r/meds/new", Answer(403, b"<html>blocked"), r"does not allow r/meds \(HTTP 403\) .*user_agent", None),
        ("/r/meds/new", Answer(200, b'{"kind": "Li', {"Content-Type": "application/json"}), "else than JSON", None),
        ("/r/meds/new", Answer(200, b"<html>", {"Content-Type": "text/html"}), "else than JSON", None),
        ("/r/meds/new", Answer(200, b"{}", {"Content-Type": "application/json"}), "else than a listing", None),
        ("/r/meds/new", Answer(200, b'{"kind": "Listing"}', cut=7), "broke off in the middle of an answer", None),
        ("/r/meds/new", Answer(200, b"{}", {"X-Ratelimit-Remaining": "many"}), "else than JSON", None),
        ("/api/v1/access_token", Answer(200, b"{}", {"Content-Type": "application/json"}), "else than JSON", None),
        ("/api/v1/access_token", Answer(200, b'{"error": "unsupported_grant_type"}', {"Content-Type": "application/json"}),
         r"refuses the app's key \(unsupported_grant_type\)", None),
        ("/api/v1/access_token", Answer(503), "answers with HTTP 503", None),
        ("/api/v1/access_token", Answer(429, headers={"Retry-After": "5"}), "limits the rate", 5),
    ],
)  # fmt: skip
def test_an_answer_of_no_use_is_said_with_how_long_to_wait(
    site: RedditSite, reddit: Make, path: str, answer: Answer, said: str, wait: float | None
) -> None:
    site.next_answers[path].append(answer)
    with pytest.raises(SourceBroken, match=said) as broken:
        until(reddit(), some(1))
    assert broken.value.wait_seconds == wait


def test_a_reddit_that_is_not_there_is_said(site: RedditSite, reddit: Make) -> None:
    with pytest.raises(SourceBroken, match="cannot be reached: "):
        until(reddit(oauth_url="http://127.0.0.1:9", reddit_url="http://127.0.0.1:9"), some(1))


def test_where_no_request_is_left_none_is_made_until_the_window_ends(site: RedditSite, reddit: Make) -> None:
    site.left, site.reset = 0.0, 240
    network = reddit()
    for _ in range(2):
        with pytest.raises(SourceBroken, match="has no request left for this app") as broken:
            until(network, some(1))
        assert broken.value.wait_seconds == pytest.approx(240, abs=30)
    assert site.readings() == 1


def test_a_praw_ini_of_the_folder_changes_neither_hosts_nor_accounts(
    site: RedditSite, reddit: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        "[DEFAULT]",
        "username=somebody",
        "password=theirs",
        "refresh_token=theirs",
        "reddit_url=http://127.0.0.1:9",
    ]
    (tmp_path / "praw.ini").write_text("\n".join(lines) + "\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(asyncpraw.config.Config, "CONFIG", None)
    with pytest.warns(UserWarning, match=r"praw\.ini"):
        assert "can be read" in reddit().check()
    assert {one.form["grant_type"][0] for one in site.requests("/api/v1/access_token")} == {"client_credentials"}


def test_a_praw_ini_that_is_none_is_named(reddit: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "praw.ini").write_text("[DEFAULT")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(asyncpraw.config.Config, "CONFIG", None)
    with pytest.raises(SourceBroken, match=r"a praw\.ini cannot be read"):
        reddit().check()


def test_every_request_says_who_asks(site: RedditSite, reddit: Make) -> None:
    reddit().check()
    assert all(one.headers["user-agent"].startswith(AGENT) for one in site.asked)


def test_a_position_of_another_network_is_named(reddit: Make) -> None:
    with pytest.raises(AdrwatchError, match="the position of source reddit is none of Reddit"):
        until(reddit(), some(1), json.dumps({"reached": 1}))

"""A forum of this machine: what its posts come to, how gaps are filled, edits and deletions found."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from services.ingest.networks.configuration import load
from services.ingest.networks.discourse.configuration import Discourse
from services.ingest.networks.keys import Names
from services.ingest.networks.network import Item, Network, PostGone
from services.ingest.source import RawPost, SourceBroken
from shared import settings
from shared.errors import AdrwatchError
from shared.keyring import Keyring
from shared.secret_place import SecretPlace
from shared.vocabulary.drugs import default_lexicon
from tests.networks.discourse import KEY, ForumSite, forum_site, too_often
from tests.networks.site import Answer, Asked


@pytest.fixture
def forum() -> Iterator[ForumSite]:
    with forum_site() as made:
        made.add("<p>good morning</p>")
        yield made


def discourse(forum: ForumSite, **keys: Any) -> Network:
    usual = {
        "forum": forum.url, "interval_seconds": 0.02, "pause_seconds": 0, "look_again_minutes": 0.0001,
        "private_addresses": True, "timeout_seconds": 2.0,
    }  # fmt: skip
    return Discourse(**(usual | keys)).network(
        Names("talk", lambda: Keyring.of("s"), True, True, 600.0), default_lexicon
    )


def until(
    network: Network,
    found: list[Item],
    enough: Callable[[], bool],
    cursor: str | None,
    begun: Callable[[], None] | None,
) -> str | None:
    """Read from a place on until it is enough; `begun` is called once the network has begun. Gives the place."""
    with closing(network.follow(cursor)) as items:
        for item in items:
            if item is not None:
                found.append(item)
            elif begun is not None and network.cursor is not None:
                begun()
                begun = None
            elif enough():
                return network.cursor
    raise AssertionError("the network ended")


def posts(found: list[Item]) -> list[str]:
    return [item.text for item in found if isinstance(item, RawPost)]


def number_of(found: list[Item]) -> list[int]:
    return [int(item.native_id.rpartition("/")[2]) for item in found if isinstance(item, RawPost)]


def asked_before(forum: ForumSite, begin: int = 0) -> list[int]:
    """The numbers before which posts were asked for, from so many requests on."""
    return [int(one.query["before"][0]) for one in forum.asked[begin:] if "before" in one.query]


def test_it_begins_with_the_present_and_leaves_out_quotes_and_names(forum: ForumSite) -> None:
    cooked = (
        '<aside class="quote" data-username="jane"><blockquote>zoloft made me sick</blockquote></aside>'
        '<p><a class="mention" href="/u/jane.doe">@jane.doe</a> it helps me:</p><ul><li>sleep</li><li>mood</li></ul>'
    )
    found: list[Item] = []
    until(discourse(forum), found, lambda: bool(posts(found)), None, lambda: [None, forum.add(cooked, "bert")][0])
    [item] = [one for one in found if isinstance(one, RawPost)]
    assert item.text == "@USER it helps me:\n\nsleep\nmood"
    host = forum.url.removeprefix("http://")
    assert (item.post_id, item.author) == (f"talk:{host}/2", f"{host}/bert")
    assert b"bert" not in item.veiled()


@pytest.mark.parametrize("older", [True, False])
def test_a_long_absence_is_filled_upwards_each_post_once_in_its_order(forum: ForumSite, older: bool) -> None:
    forum.older = older
    found: list[Item] = []
    cursor = until(discourse(forum), found, lambda: True, None, None)
    for number in range(400):
        forum.add(f"<p>zoloft {number}</p>")
        if number % 100 == 99:
            forum.skip(120)
    forum.add("<p>zoloft, the last</p>")
    network = discourse(forum, look_again_minutes=60)
    until(network, found, lambda: len(posts(found)) == 401, cursor, None)
    assert number_of(found) == sorted(set(number_of(found)))
    assert posts(found)[-1] == "zoloft, the last"


def test_a_break_in_the_middle_of_a_gap_goes_on_there(forum: ForumSite) -> None:
    found: list[Item] = []
    cursor = until(discourse(forum), found, lambda: True, None, None)
    for number in range(230):
        forum.add(f"<p>zoloft {number}</p>")
    network = discourse(forum, look_again_minutes=60)
    until(network, found, lambda: len(posts(found)) >= 100, cursor, None)
    assert len(posts(found)) < 230
    until(discourse(forum, look_again_minutes=60), found, lambda: len(posts(found)) >= 230, network.cursor, None)
    assert number_of(found) == list(range(2, 232))


@pytest.mark.parametrize("older", [True, False])
def test_edits_and_deletions_of_the_last_hours_are_found(forum: ForumSite, older: bool) -> None:
    forum.older = older
    found: list[Item] = []
    network = discourse(forum)

    def write() -> None:
        for number in range(120):
            forum.add(f"<p>zoloft {number}</p>")

    cursor = until(network, found, lambda: len(posts(found)) == 120, None, write)
    forum.delete(20)
    forum.edit(30, "<p>zoloft, as it is now</p>")
    forum.posts[40]["hidden"] = True
    forum.posts[50]["user_deleted"] = True
    forum.edit(60, "")
    host = forum.url.removeprefix("http://")
    gone = {PostGone(f"talk:{host}/{number}") for number in (20, 40, 50)} | {PostGone(f"talk:{host}/60", edited=True)}
    found.clear()
    until(discourse(forum), found, lambda: gone <= set(found) and bool(posts(found)), cursor, None)
    assert {one for one in found if isinstance(one, PostGone)} == gone
    assert set(posts(found)) == {"zoloft, as it is now"}


def test_what_is_older_than_the_hours_is_not_looked_at_again(forum: ForumSite) -> None:
    cursor = until(discourse(forum), [], lambda: True, None, None)
    for _ in range(300):
        forum.add("<p>old</p>", created_at="2026-03-01T08:00:00.000Z")
    network = discourse(forum, look_again_minutes=60)
    cursor = until(network, [], lambda: '"last":301' in (network.cursor or ""), cursor, None)
    before = len(forum.asked)
    until(discourse(forum), [], lambda: len(forum.asked) > before + 20, cursor, None)
    assert min(asked_before(forum, before)) > 200


@pytest.mark.parametrize("older", [True, False])
def test_a_forum_of_few_open_posts_is_not_looked_through_to_its_first(forum: ForumSite, older: bool) -> None:
    forum.older, forum.last = older, 1_000_000_000
    forum.delete(1)
    forum.add("<p>zoloft, of before</p>")
    network, found = discourse(forum), list[Item]()
    cursor = until(network, found, lambda: len(forum.asked) > 10, None, None)
    forum.skip(200)
    number = forum.add("<p>zoloft, new</p>")
    cursor = until(network, found, lambda: "zoloft, new" in posts(found), cursor, None)
    forum.delete(number)
    forum.add("<p>tea</p>")
    gone = PostGone(f"talk:{forum.url.removeprefix('http://')}/{number}")
    until(discourse(forum), found, lambda: gone in found, cursor, None)
    assert "zoloft, of before" not in posts(found)
    assert min(asked_before(forum)) > 1_000_000_000


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_an_edit_is_found_whatever_the_time_on_the_clock_of_the_forum(forum: ForumSite, skew: float) -> None:
    forum.skew = skew
    found: list[Item] = []
    network = discourse(forum)
    cursor = until(network, found, lambda: bool(posts(found)), None, lambda: [None, forum.add("<p>zoloft</p>")][0])
    [post] = [one for one in found if isinstance(one, RawPost)]
    assert post.created_at <= datetime.now(UTC)
    forum.edit(2, "<p>zoloft, as it is now</p>")
    until(discourse(forum), found, lambda: "zoloft, as it is now" in posts(found), cursor, None)


@pytest.mark.parametrize(("wanted", "kept"), [("31536000", 86_400.0), ("Fri, 31 Dec 2100 00:00:00 GMT", 86_400.0)])
def test_nobody_is_left_alone_for_longer_than_a_day(forum: ForumSite, wanted: str, kept: float) -> None:
    for answer in (Answer(503, headers={"Retry-After": wanted}), too_often(10_000_000)):
        forum.next_answers["/posts.json"].append(answer)
        with pytest.raises(SourceBroken) as trouble:
            list(discourse(forum).follow(None))
        assert trouble.value.wait_seconds == kept


def test_a_forum_whose_key_is_revoked_takes_back_nothing(forum: ForumSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", KEY)
    keys = {"api_key": SecretPlace(env="A_KEY"), "api_username": "reader"}
    forum.login = True
    found: list[Item] = []
    cursor = until(discourse(forum, **keys), found, lambda: True, None, None)
    forum.revoked = True
    with pytest.raises(SourceBroken, match=r"refuses the key \(HTTP 403\)") as trouble:
        until(discourse(forum, **keys), found, lambda: False, cursor, None)
    assert KEY not in str(trouble.value)
    forum.revoked, forum.login, forum.posts = False, False, {}
    with pytest.raises(SourceBroken, match="has no post that is open"):
        until(discourse(forum), found, lambda: False, cursor, None)
    assert not [one for one in found if isinstance(one, PostGone)]


def test_a_forum_that_closes_in_the_middle_of_a_look_takes_back_nothing(forum: ForumSite) -> None:
    found: list[Item] = []
    cursor = until(discourse(forum, look_again_minutes=60), found, lambda: True, None, None)
    open_page = forum.page(Asked("/posts.json", {}, {}))
    forum.next_answers["/posts.json"].append(open_page)
    forum.posts.clear()
    with pytest.raises(SourceBroken, match="has no post that is open"):
        until(discourse(forum), found, lambda: False, cursor, None)
    assert found == []


@pytest.mark.parametrize(
    ("answer", "said", "wait"),
    [
        (too_often(33), "asked too often", 33.0),
        (Answer(429, headers={"Retry-After": "44"}), "asked too often", 44.0),
        (Answer(503, headers={"Retry-After": "55"}), "answers with HTTP 503", 55.0),
        (Answer(403, b"{}"), "wants a login", None),
        (Answer(body=b"<html>log in</html>"), "sends none of Discourse's posts", None),
        (Answer(body=b'{"latest_posts": [{"id": 1, "coo', cut=20), "cannot be reached", None),
        (Answer(body=b'{"latest_posts": [{"id": "x"}]}'), "sends none of Discourse's posts", None),
        (Answer(302, headers={"Location": "http://localhost:1/posts.json"}), "redirects to another host", None),
        (Answer(drip=True), "did not end within 2 s", None),
    ],
)
def test_what_is_wrong_is_named_and_the_peace_it_asks_for_is_kept(
    forum: ForumSite, answer: Answer, said: str, wait: float | None
) -> None:
    forum.next_answers["/posts.json"].extend([answer, answer])
    with pytest.raises(SourceBroken, match=said) as trouble:
        list(discourse(forum).follow(None))
    assert trouble.value.wait_seconds == wait
    with pytest.raises(SourceBroken, match=said):
        discourse(forum).check()
    assert "its newest post is 0 minutes old" in discourse(forum).check()


def test_a_position_of_another_network_is_named(forum: ForumSite) -> None:
    with pytest.raises(AdrwatchError, match="position of source talk is none of a forum"):
        list(discourse(forum).follow("1790000000000000"))


def test_robots_txt_is_honoured(forum: ForumSite) -> None:
    forum.robots = "User-agent: *\nDisallow: /posts"
    with pytest.raises(SourceBroken, match="is not for robots"):
        discourse(forum).check()


def test_a_key_without_its_name_is_a_mistake_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "sources.toml"
    file.write_text('[sources.talk]\ntype = "discourse"\nforum = "https://f.example.org"\napi_username = "reader"\n')
    with pytest.raises(AdrwatchError, match="belong together"):
        load(settings.load(sources_file=file))

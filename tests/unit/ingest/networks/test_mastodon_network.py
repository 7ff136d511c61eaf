"""Mastodon through instances of this machine: what statuses come to, and that streams and timelines leave no gap."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.ingest.networks import standing
from services.ingest.networks.configuration import load
from services.ingest.networks.keys import Names
from services.ingest.networks.mastodon.configuration import Mastodon
from services.ingest.networks.network import Alias, Item, Network, Passed, PostGone
from services.ingest.networks.seal import Seal
from services.ingest.source import RawPost, Reject, SourceBroken
from shared import settings
from shared.errors import AdrwatchError
from shared.events import Published
from shared.keyring import Keyring
from shared.vocabulary.drugs import default_lexicon
from tests.networks.mastodon import TOKEN, Instance, Status, instance, snowflake, status

NOW = time.time()
KEYRING = Keyring.of("a secret")
PATIENCE = 30.0


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Instance]:
    monkeypatch.setenv("A_TOKEN", TOKEN)
    with instance() as made:
        yield made


def mastodon(*servers: Instance, sealed: Callable[[], list[Published]] = list, **keys: Any) -> Network:
    made = msgspec.convert(
        {"type": "mastodon", "instances": [{"url": one.url, "token": {"env": "A_TOKEN"}} for one in servers]} | keys,
        Mastodon,
    )
    return made.network(Names("mastodon", lambda: KEYRING, True, True, 600.0, sealed), default_lexicon)


@contextmanager
def following(network: Network, cursor: str | None = None) -> Iterator[Iterator[Item | None]]:
    with closing(network.follow(cursor)) as items:
        yield items


def until(items: Iterator[Item | None], count: int) -> list[Item]:
    """So many items that are no word of the source's own."""
    found: list[Item] = []
    for item in items:
        if item is not None and item not in (Passed("connected"), Passed("again")):
            found.append(item)
        if len(found) == count:
            return found
    raise AssertionError("the network ended")


def idle(items: Iterator[Item | None], network: Network) -> list[Item]:
    """Everything until the network has been read up to now."""
    found = [one for one in [next(items)] if one is not None]
    began = time.time()
    while network.reached is None or network.reached.timestamp() < began:
        item = next(items)
        if item is not None:
            found.append(item)
    return found


def kinds(items: list[Item]) -> list[str]:
    return [item.reason if isinstance(item, Passed) else type(item).__name__ for item in items]


def test_a_post_has_its_content_warning_its_name_in_the_network_and_no_handle(server: Instance) -> None:
    mention = '<a class="u-url mention" href="https://far.example/@jane.doe">@<span>jane.doe</span></a>'
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", f"<p>{mention} so dizzy</p>", NOW, 1, spoiler_text="zoloft", sensitive=True))
        post, alias = until(items, 2)
    assert isinstance(post, RawPost)
    assert post.text == "zoloft\n@USER so dizzy"
    assert (post.post_id, post.language) == ("mastodon:https://far.example/users/anna/statuses/1", "en")
    assert post.author == "https://far.example/users/anna"
    assert post.created_at.timestamp() == pytest.approx(NOW, abs=0.001)
    assert json.loads(post.veiled())["author"].startswith("hmac:")
    assert alias == Alias(post.post_id, f"mastodon:{server.host}/{snowflake(NOW, 1)}")


def test_boosts_posts_for_few_and_people_who_want_no_robots_are_passed_over(server: Instance) -> None:
    server.add(
        status("a", "zoloft", NOW, 1, reblog={"id": "3"}),
        status("a", "zoloft", NOW, 2, visibility="unlisted"),
        status("a", "zoloft", NOW, 3, account={"noindex": True}),
        status("a", "zoloft", NOW, 4, account={"note": "<p>me <a>#<span>nobot</span></a></p>"}),
        status("a", "zoloft", NOW, 5, language="de"),
        status("a", "<p></p>", NOW, 6),
        status("a", "zoloft", NOW, 7, account={"indexable": True}),
        status("a", "zoloft", NOW, 8),
    )
    network = mastodon(server, languages=["en"], indexable_only=True)
    with following(network) as items:
        found = [one for one in idle(items, network) if one != Passed("connected")]
    assert kinds(found) == [
        "boost", "not_public", "no_robots", "no_robots", "no_robots", "no_robots", "RawPost", "Alias", "no_robots",
    ]  # fmt: skip
    network = mastodon(server, languages=["en"])
    with following(network) as items:
        found = [one for one in idle(items, network) if one != Passed("connected")]
    assert kinds(found)[4:] == ["language", "no_text", "RawPost", "Alias", "RawPost", "Alias"]


def test_one_post_on_two_instances_is_one_and_each_may_say_that_it_is_gone(server: Instance) -> None:
    with instance() as other:
        network = mastodon(server, other)
        with following(network) as items:
            idle(items, network)
            one = status("anna", "zoloft", NOW, 1)
            server.add(one)
            [post, first] = until(items, 2)
            other.add(one | {"id": snowflake(NOW, 77)})
            [second] = until(items, 1)
            other.delete(snowflake(NOW, 77))
            [gone] = until(items, 1)
    assert isinstance(post, RawPost)
    assert isinstance(first, Alias)
    assert second == Alias(post.post_id, f"mastodon:{other.host}/{snowflake(NOW, 77)}")
    assert gone == PostGone(f"mastodon:{other.host}/{snowflake(NOW, 77)}")


def test_edits_give_the_post_as_it_is_now_and_take_back_what_is_no_post_any_more(server: Instance) -> None:
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft", NOW, 1))
        until(items, 2)
        server.edit(snowflake(NOW, 1), NOW + 5, content="<p>zoloft, twice</p>")
        edited = until(items, 2)[0]
        server.edit(snowflake(NOW, 1), NOW + 6, visibility="unlisted")
        gone = until(items, 1)
    assert isinstance(edited, RawPost)
    assert edited.text == "zoloft, twice"
    assert gone == [PostGone(edited.post_id, edited=True)]


def test_a_gap_of_half_a_day_is_read_from_its_begin_before_what_comes_now(server: Instance) -> None:
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
    cursor = network.cursor
    early = [status("anna", "zoloft", NOW - 43_200 + number * 100, number) for number in range(130)]
    server.add(*early)
    # The place is from before the gap: the ids above it are all to come.
    place = json.loads(cursor or "")
    place["instances"][server.host]["public"] = snowflake(NOW - 43_300)
    again = mastodon(server)
    with following(again, json.dumps(place)) as items:
        first = until(items, 2)
        server.add(status("bert", "zoloft, live", NOW, 999))
        rest = until(items, 260)
    posts = [one for one in [*first, *rest] if isinstance(one, RawPost)]
    assert [one.native_id.rpartition("/")[2] for one in posts] == [*(str(number) for number in range(130)), "999"]
    assert json.loads(again.cursor or "")["instances"][server.host] == {"public": snowflake(NOW, 999)}


def test_what_the_stream_leaves_out_and_what_comes_in_late_is_found_in_the_timelines(server: Instance) -> None:
    network = mastodon(server, sweep_seconds=1)
    with following(network) as items:
        server.add(status("anna", "zoloft", NOW, 1))
        idle(items, network)
        server.deaf = True
        server.add(status("bert", "zoloft", NOW + 1, 2), status("carl", "zoloft, from a slow server", NOW - 300, 3))
        found = until(items, 4)
    assert [one.native_id[-1] for one in found if isinstance(one, RawPost)] == ["3", "2"]


def test_garbage_is_refused_without_its_content_and_holds_up_nothing(server: Instance) -> None:
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
        server.garbage = {0: '{"event":"update","payload":"{\\"acct\\":\\"anna@far.example\\"'}
        server.add(status("anna", "zoloft", NOW, 1, uri=None), status("anna", "zoloft", NOW, 2))
        found = until(items, 4)
    assert kinds(found) == ["Reject", "Reject", "RawPost", "Alias"]
    for reject in found[:2]:
        assert isinstance(reject, Reject)
        assert b"anna" not in reject.payload
        assert "anna" not in reject.detail


def test_an_instance_that_fails_beside_others_does_not_hold_them_up(server: Instance) -> None:
    with instance() as other:
        other.refuse = 503
        network = mastodon(server, other)
        with following(network) as items:
            server.add(status("anna", "zoloft", NOW, 1))
            assert isinstance(until(items, 2)[0], RawPost)
            other.refuse = None
            other.add(status("bert", "zoloft", NOW, 2))
            assert isinstance(until(items, 2)[0], RawPost)


def test_a_connection_that_answers_no_ping_is_broken(server: Instance) -> None:
    network = mastodon(server, stall_seconds=1)
    with following(network) as items:
        idle(items, network)
        server.frozen = True
        try:
            with pytest.raises(SourceBroken, match="did not answer for 1 s"):
                until(items, 1)
        finally:
            server.frozen = False


def comes_later(server: Instance, network: Network, late: Status) -> bool:
    """Whether a post that was written while nobody listened comes afterwards."""
    server.add(late)
    deadline = time.monotonic() + PATIENCE
    with following(network, network.cursor) as items:
        for item in items:
            if isinstance(item, RawPost) and item.text == late["content"]:
                return True
            if time.monotonic() > deadline:
                break
    return False


@pytest.mark.parametrize("skew", [3600.0, -3600.0])
def test_an_instance_whose_clock_is_wrong_is_read_without_a_gap_and_no_post_is_of_the_future(
    server: Instance, skew: float
) -> None:
    server.skew, theirs = skew, time.time() + skew
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft, heard", theirs, 1))
        post, _ = until(items, 2)
        assert isinstance(post, RawPost)
        assert post.created_at.timestamp() <= time.time()
        place = network.cursor
    assert place is not None
    assert snowflake(theirs, 1) in place
    assert comes_later(server, network, status("anna", "zoloft, missed", theirs + 1, 2))


def test_an_id_of_a_time_to_come_hides_nothing_that_follows(server: Instance) -> None:
    network = mastodon(server, rewind_seconds=0)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft, of next year", NOW + 365 * 86_400, 1))
        until(items, 2)
    assert comes_later(server, network, status("anna", "zoloft, missed", time.time() + 1, 2))


def test_a_clock_that_was_ahead_and_is_put_right_hides_nothing_that_follows(server: Instance) -> None:
    server.skew = 3600.0
    network = mastodon(server)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft, heard", time.time() + server.skew, 1))
        until(items, 2)
    server.skew = 0.0
    assert comes_later(server, network, status("anna", "zoloft, missed", time.time() + 1, 2))


def test_a_limit_of_the_rate_in_the_middle_of_a_gap_leaves_the_place_where_it_was(server: Instance) -> None:
    network = mastodon(server, rewind_seconds=0)
    with following(network) as items:
        idle(items, network)
    server.add(*(status("anna", "zoloft", NOW - 200 + number, number) for number in range(100)))
    server.pages_left, server.retry_after = 2, 30
    found: list[Item] = []
    with following(network, network.cursor) as items, pytest.raises(SourceBroken, match="limits the rate") as broken:
        found.extend(item for item in items if isinstance(item, RawPost))
    assert len(found) == 80
    assert broken.value.wait_seconds == pytest.approx(30, abs=3)
    server.pages_left = None
    with following(mastodon(server, rewind_seconds=0), network.cursor) as items:
        found += [one for one in until(items, 40) if isinstance(one, RawPost)]
    assert [one.native_id.rpartition("/")[2] for one in found if isinstance(one, RawPost)] == [
        str(n) for n in range(100)
    ]


def test_the_example_of_the_page_is_right(tmp_path: Path) -> None:
    page = Path("docs/sources/mastodon.md").read_text()
    file = tmp_path / "sources.toml"
    file.write_text(page.partition("```toml\n")[2].partition("```")[0])
    found = load(settings.load(sources_file=file))["fedi"]
    assert isinstance(found, Mastodon)
    assert found.followed == ("public", "hashtag:insomnia")


@pytest.mark.parametrize(
    ("fault", "message", "wait"),
    [
        ({"revoked": True}, "refuses the token", None),
        ({"refuse": 503, "retry_after": 40}, "answers with HTTP 503", 40.0),
        ({"refuse": 429, "retry_after": 40}, "limits the rate", 40.0),
        ({"refuse": 404}, "answers with HTTP 404", None),
    ],
)
def test_what_is_wrong_is_said_without_the_token(
    server: Instance, fault: dict[str, Any], message: str, wait: float | None
) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    network = mastodon(server)
    with following(network) as items, pytest.raises(SourceBroken, match=message) as broken:
        until(items, 1)
    assert broken.value.wait_seconds == (None if wait is None else pytest.approx(wait, abs=3))
    with pytest.raises(SourceBroken, match=message) as broken:
        network.check()
    assert server.host in str(broken.value)
    assert TOKEN not in str(broken.value)


@pytest.mark.parametrize("single", [False, True])
def test_after_a_connection_what_was_deleted_or_edited_before_it_is_asked_for(
    server: Instance, monkeypatch: pytest.MonkeyPatch, single: bool
) -> None:
    monkeypatch.setattr(standing, "_PAUSE_SECONDS", 0.0)
    seal = Seal(lambda: KEYRING, "mastodon")
    long_ago = [status("anna", "zoloft", NOW - 90_000 - number, 100 - number) for number in range(23)]
    server.add(*long_ago)
    notes = [
        Published(id=f"mastodon:{one['uri']}", sealed=seal.close(f"{server.host}/{one['id']}")) for one in long_ago
    ]
    notes.append(Published(id="mastodon:elsewhere", sealed=seal.close(f"other.example/{long_ago[0]['id']}")))
    place = json.dumps({"reached": NOW - 5000, "instances": {server.host: {"public": snowflake(NOW - 10)}}})
    server.single = single
    server.delete(long_ago[3]["id"])
    server.edit(long_ago[5]["id"], NOW - 80_000, content="<p>zoloft, edited and read</p>")
    server.edit(long_ago[7]["id"], NOW - 60, content="<p>zoloft, edited and missed</p>")
    network = mastodon(server, sealed=lambda: notes)
    with following(network, place) as items:
        found = until(items, 3)
        assert next(items) is None
    [gone] = [one for one in found if isinstance(one, PostGone)]
    [edited, alias] = [one for one in found if not isinstance(one, PostGone)]
    assert gone == PostGone(notes[3].id)
    assert isinstance(edited, RawPost)
    assert (edited.text, edited.post_id) == ("zoloft, edited and missed", notes[7].id)
    assert seal.open(edited.sealed or "") == f"{server.host}/{long_ago[7]['id']}"
    assert alias == Alias(edited.post_id, f"mastodon:{server.host}/{long_ago[7]['id']}")
    newest_first = [one["id"] for one in long_ago]
    if not single:
        assert server.asked[0] == newest_first[:20]
        assert server.asked[1] == [long_ago[3]["id"]], "what an answer for many lacks is asked for by itself"


def test_no_id_is_kept_where_nothing_is_to_be_asked(server: Instance) -> None:
    network = mastodon(server, ask_days=0)
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft", NOW, 1))
        [post, _] = until(items, 2)
    assert isinstance(post, RawPost)
    assert post.sealed is None


def test_a_check_says_what_can_be_read_and_hashtags_are_streams(server: Instance) -> None:
    network = mastodon(server, streams=[], hashtags=["Insomnia"])
    assert "hashtag:insomnia can be read" in network.check()
    with following(network) as items:
        idle(items, network)
        server.add(status("anna", "zoloft", NOW, 1), status("anna", "zoloft", NOW, 2, tags=[{"name": "Insomnia"}]))
        [post, _] = until(items, 2)
    assert isinstance(post, RawPost)
    assert post.native_id.endswith("/2")


def test_a_position_of_another_network_is_refused(server: Instance) -> None:
    with following(mastodon(server), "1760000000") as items, pytest.raises(AdrwatchError, match="none of Mastodon"):
        next(items)


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        ("instances = []", "instances"),
        ('instances = [{ url = "https://a.example/x", token = { env = "A" } }]', "instances"),
        ('instances = [{ url = "https://a.example:99999", token = { env = "A" } }]', "99999 is no address"),
        ('instances = [{ url = "https://a.example", token = { env = "A" } }]\nstreams = []', "follows nothing"),
        ('instances = [{ url = "https://a.example", token = { env = "A" } }]\nstreams = ["home"]', "streams"),
        ('instances = [{ url = "https://a.example", token = { env = "A" } }]\nhashtags = ["#a b"]', "hashtags"),
        (
            "instances = [" + '{ url = "https://a.example", token = { env = "A" } },' * 2 + "]",
            "a.example is there twice",
        ),
    ],
)
def test_a_mistake_in_the_file_is_named(tmp_path: Path, keys: str, error: str) -> None:
    file = tmp_path / "sources.toml"
    file.write_text(f'[sources.fedi]\ntype = "mastodon"\n{keys}\n')
    with pytest.raises(AdrwatchError, match=f"source fedi.*{error}"):
        load(settings.load(sources_file=file))

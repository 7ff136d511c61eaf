"""Which posts of Bluesky stand: what the AppView shows, and for the rest the word of the account's own server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from services.ingest.networks.bluesky.shown import COLLECTION, Shown
from services.ingest.source import SourceBroken
from tests.networks.accounts import Accounts, accounts
from tests.networks.site import Answer

ANNA, BERT = "did:plc:anna2345", "did:plc:bert2345"
POSTS = [f"{who}/app.bsky.feed.post/3k{number}" for who in (ANNA, BERT) for number in range(3)]


@pytest.fixture
def network() -> Iterator[Accounts]:
    with accounts() as made:
        made.records.update(POSTS)
        yield made


@pytest.fixture
def shown(network: Accounts) -> Shown:
    return Shown(network.url, network.url, private=True)


def test_many_are_asked_for_at_once_and_what_is_not_shown_is_left_out(network: Accounts, shown: Shown) -> None:
    network.records.remove(POSTS[1])
    network.closed[BERT] = "RepoDeactivated"
    assert shown.many(POSTS).keys() == {POSTS[0], POSTS[2]}
    assert len(network.asked) == 1


def test_an_appview_that_is_behind_takes_nothing_back(network: Accounts, shown: Shown) -> None:
    network.unseen.add(POSTS[0])
    assert shown.many(POSTS[:1]) == {}
    assert shown.one(POSTS[0]) == POSTS[0]


@pytest.mark.parametrize("error", ["RepoNotFound", "RepoTakendown", "RepoSuspended", "RepoDeactivated"])
def test_a_post_is_gone_with_its_account(network: Accounts, shown: Shown, error: str) -> None:
    network.closed[ANNA] = error
    assert shown.one(POSTS[0]) is None


def test_a_post_is_gone_where_its_server_or_the_directory_says_so(network: Accounts, shown: Shown) -> None:
    network.records.remove(POSTS[0])
    assert shown.one(POSTS[0]) is None
    network.erased.add(BERT)
    assert shown.one(POSTS[3]) is None


@pytest.mark.parametrize(
    ("path", "answer", "wait"),
    [
        (f"/{ANNA}", Answer(503, b"", {"Retry-After": "40"}), 40.0),
        (f"/{ANNA}", Answer(404), None),
        (f"/{ANNA}", Answer(200, b'{"service":[]}'), None),
        (f"/{ANNA}", Answer(200, b'{"service":[{"id":"#atproto_pds","serviceEndpoint":"https://[x"}]}'), None),
        ("/xrpc/com.atproto.repo.getRecord", Answer(400, b'{"error":"InvalidRequest"}'), None),
        ("/xrpc/com.atproto.repo.getRecord", Answer(404, b"<html>"), None),
        ("/xrpc/com.atproto.repo.getRecord", Answer(429, b"", {"RateLimit-Reset": "1"}), 1.0),
    ],
)
def test_trouble_is_no_word_that_a_post_is_gone_and_names_nobody(
    network: Accounts, shown: Shown, path: str, answer: Answer, wait: float | None
) -> None:
    network.records.remove(POSTS[0])
    network.next_answers[path].append(answer)
    with pytest.raises(SourceBroken, match="could not be asked") as broken:
        shown.one(POSTS[0])
    assert broken.value.wait_seconds == wait
    assert "anna" not in broken.value.message
    assert shown.one(POSTS[0]) is None


@pytest.mark.parametrize("address", [f"did:web:[x/{COLLECTION}/3k1", f"{ANNA}/{COLLECTION}/3k/1", ANNA])
def test_an_address_that_is_none_ends_nothing(shown: Shown, address: str) -> None:
    with pytest.raises(SourceBroken, match="could not be asked"):
        shown.one(address)


def test_accounts_say_themselves_where_their_server_is_so_the_inner_network_is_not_asked(network: Accounts) -> None:
    with pytest.raises(SourceBroken, match="could not be asked"):
        Shown(network.url, network.url, private=False).one(POSTS[0])
    assert network.asked == []


def test_an_appview_that_stumbles_over_an_account_leaves_all_to_their_servers(network: Accounts, shown: Shown) -> None:
    network.next_answers["/xrpc/app.bsky.feed.getPosts"].append(Answer(500))
    assert shown.many(POSTS) == {}
    network.next_answers["/xrpc/app.bsky.feed.getPosts"].append(Answer(502))
    with pytest.raises(SourceBroken, match="answers with HTTP 502"):
        shown.many(POSTS)
    network.next_answers["/xrpc/app.bsky.feed.getPosts"].append(Answer(200, b"<html>"))
    with pytest.raises(SourceBroken, match="something else"):
        shown.many(POSTS)

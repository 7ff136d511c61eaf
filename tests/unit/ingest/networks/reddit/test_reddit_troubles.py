"""What is said of troubles with Reddit, and how long it is left alone."""

from __future__ import annotations

import json
import time
from pathlib import Path

import asyncpraw.config
import pytest
from asyncprawcore.sessions import FiniteRetryStrategy

from services.ingest.source import SourceBroken
from shared.errors import AdrwatchError
from tests.networks.reddit import AGENT, RedditSite
from tests.networks.site import Answer
from tests.unit.ingest.networks.reddit.reading import (
    Make,
    since,
    some,
    texts,
    until,
)


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

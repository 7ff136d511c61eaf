"""What the file may say of a source of Reddit, and what its things come to."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from services.ingest.networks.reddit.configuration import Reddit
from services.ingest.networks.reddit.things import Thing, Unreadable, read_page
from shared.errors import AdrwatchError
from tests.networks.reddit import RedditSite
from tests.unit.ingest.networks.reddit.reading import (
    Make,
    table,
)


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

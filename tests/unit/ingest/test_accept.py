from __future__ import annotations

from datetime import timedelta

import pytest

from services.ingest.accept import accept
from services.ingest.source import Policy, RawPost, Reject
from shared.events import Post, Terms
from tests.unit.ingest.samples import AT, LIMITS, hashed, raw_post


def test_a_post_is_masked_and_its_author_hashed_before_anything_is_written() -> None:
    raw = raw_post("7", text="@bob http://a.example I feel sick", author="@Bob")
    post = accept(raw, Policy(), LIMITS, hashed, AT)
    assert isinstance(post, Post)
    assert (post.id, post.source, post.text) == ("forum:7", "forum", "@USER HTTPURL I feel sick")
    assert post.author == hashed("forum", "bob")
    assert (post.created_at, post.ingested_at) == (AT, AT)


def test_a_source_that_may_keep_no_identifier_keeps_none() -> None:
    post = accept(raw_post("7", author="bob"), Policy(keeps_identifiers=False), LIMITS, hashed, AT)
    assert isinstance(post, Post)
    assert post.author is None


def test_where_only_aggregates_may_be_kept_the_post_says_so_and_a_refused_one_is_withheld() -> None:
    policy = Policy(False, Terms(aggregates_only=True, case_export=False))
    post = accept(raw_post("7", author="bob"), policy, LIMITS, hashed, AT)
    assert isinstance(post, Post)
    assert (post.author, post.terms) == (None, policy.terms)
    refused = accept(raw_post("7", text=" "), policy, LIMITS, hashed, AT)
    assert isinstance(refused, Reject)
    assert refused.withheld
    assert not isinstance(refused := accept(raw_post("7", text=" "), Policy(), LIMITS, hashed, AT), Post)
    assert not refused.withheld


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (raw_post("1", text=" \n "), "empty-text"),
        (raw_post("1", text="a" * 301), "too-long"),
        (raw_post("1", text="a" * 100_000), "too-long"),
        (raw_post("1", created_at=AT + timedelta(minutes=10, seconds=1)), "future-time"),
    ],
)
def test_posts_beyond_the_limits_are_refused_with_the_veiled_original(raw: RawPost, reason: str) -> None:
    found = accept(raw, Policy(), LIMITS, hashed, AT)
    assert isinstance(found, Reject)
    assert (found.reason, found.payload, found.post_id) == (reason, b"veiled", "forum:1")


@pytest.mark.parametrize("raw", [raw_post("1", text="a" * 300), raw_post("1", created_at=AT + timedelta(minutes=10))])
def test_posts_at_the_limits_pass(raw: RawPost) -> None:
    assert isinstance(accept(raw, Policy(), LIMITS, hashed, AT), Post)

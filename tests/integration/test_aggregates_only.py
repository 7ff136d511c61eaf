"""Posts of which only aggregates may be kept, from a file to a case: they count, alerts arise, and they leave no trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType

from shared.events import Alert, DeadLetter, Mention, Outcome, Terms, decode
from shared.keyring import keyring
from shared.settings import current
from shared.text.identity import post_hash
from shared.topics import POSTS
from tests import privacy
from tests.faults import ledger
from tests.integration.compare_backtest import EASY, rule_file
from tests.integration.ingest_command import Adrwatch, adrwatch, write
from tests.processes import gone_at_the_end

__all__ = ["adrwatch"]

SOURCES = """
[sources.x]
type = "x"
bearer_token = { env = "NO_SUCH_TOKEN" }
max_posts_per_month = 1000
"""
CLOSED = Terms(aggregates_only=True, case_export=False)
# Words that stand nowhere else: each is looked for in all that is kept.
WORDS = ("quokka", "marmalade", "thundercloud", "lighthouse")
AUTHORS = ("@hidden_aardvark", "@hidden_badger", "@hidden_civet", "@hidden_dingo")
TEXT = "day 3 on metformin and i cannot stop vomiting, so i am in hospital now, next to a painting of a {}"


def line(source: str, number: int, text: str, author: str, minute: int = 0) -> dict[str, Any]:
    return {
        "id": f"{source}-native-{number}", "text": text, "created_at": f"2026-03-01T08:{minute:02}:17.123Z", "user": author,
        "network": source,
    }  # fmt: skip


HIDDEN = [line("x", n, TEXT.format(word), AUTHORS[n], n) for n, word in enumerate(WORDS)]
REFUSED = line("x", 9, "metformin and flamingo", "@hidden_egret") | {"created_at": "never"}
# Of one drug and reaction in words of their own, for copies count once.
SHOWN = [
    line("forum", 0, TEXT.format("walrus"), "@shown_aardvark", 10),
    line(
        "forum", 1, "my doctor gave me metformin last week, it made me vomit they admitted me to hospital, a kestrel flies by",
        "@shown_badger", 11,
    ),
]  # fmt: skip
# What the signal stands out against. The last ones are of a later day: they close the hours before.
OTHERS = [
    line("forum", 20 + n, text, f"@other_{n}") | {"created_at": f"2026-03-0{day}T08:00:00Z"}
    for n, (text, day) in enumerate(
        (
            ("ibuprofen gave me a headache again", 1), ("ibuprofen gave me a rash again", 1), ("ibuprofen made me vomit", 1),
            ("ibuprofen gave me a headache once more", 3), ("ibuprofen gave me a rash once more", 3),
        )
    )
]  # fmt: skip


@pytest.fixture
def forgetful(adrwatch: Adrwatch, kafka: str) -> Iterator[None]:
    """The broker compacts the topic of posts at once, not within an hour."""
    rest = {"log.cleaner.backoff.ms": "500"}
    topic = POSTS.name(adrwatch.prefix)
    with closing(KafkaAdminClient(bootstrap_servers=kafka)) as admin:
        brokers = [str(broker["broker_id"]) for broker in admin.describe_cluster()["brokers"]]
        admin.alter_configs([ConfigResource(ConfigResourceType.BROKER, broker, rest) for broker in brokers])
        soon = POSTS.config() | {"max.compaction.lag.ms": "1"}
        admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, soon)])
        yield
        admin.reset_configs([ConfigResource(ConfigResourceType.BROKER, broker, list(rest)) for broker in brokers])


@pytest.mark.usefixtures("forgetful")
def test_a_post_of_which_only_aggregates_may_be_kept_counts_and_leaves_no_trace_of_itself(
    adrwatch: Adrwatch,
    kafka: str,
    redis_url: str,
    triton: str,
    topic_prefix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "sources.toml").write_text(SOURCES)
    for name, value in {
        "REDIS_URL": redis_url,
        "REDIS_PREFIX": topic_prefix,
        "TRITON_URL": triton,
        "SOURCES_FILE": str(tmp_path / "sources.toml"),
        "RULES_FILE": str(rule_file(tmp_path, easy=EASY, idle={"time.idle_seconds": "1"})),
        "EVALUATE_EVERY": "0.2",
        "ACTOR": "assessor one",
        "DATA_DIR": str(tmp_path / "data"),
    }.items():
        monkeypatch.setenv(f"ADRWATCH_{name}", value)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    file = write(str(tmp_path / "posts.jsonl"), *HIDDEN, REFUSED, *SHOWN, *OTHERS)
    reading = ("--source", "network", "--author", "user", "--id", "id")
    assert adrwatch("ingest", "replay", file, *reading) == 0
    secret = keyring(current()).current.secret
    ids = [f"x:{post_hash(secret, 'x', one['id'])}" for one in HIDDEN]

    with gone_at_the_end([worker(name, tmp_path) for name in ("pipeline", "alerting")]):

        def alerts() -> dict[str, list[Alert]]:
            found = {record.key: decode(record.value, Alert) for record in adrwatch.records("alerts") if record.value}
            return {
                kind: [alert for alert in found.values() if alert.kind == kind and alert.drug.label == "metformin"]
                for kind in ("single_report", "disproportionality")
            }

        def all_there() -> bool:
            found = alerts()
            return len(found["single_report"]) >= 6 and any(
                one.table and one.table.a == 6 for one in found["disproportionality"]
            )

        ledger.wait_for(all_there, "the alerts")

        def texts() -> set[str]:
            # Writing on is what closes the broker's open file, which is never compacted.
            adrwatch("ingest", "delete", *(f"forum:nobody-{number}" for number in range(20)))
            return {record.key.decode() for record in adrwatch.records("posts") if record.value is not None}

        shown = {f"forum:{one['id']}" for one in (*SHOWN, *OTHERS)}
        ledger.wait_for(lambda: texts() == shown, "end of the texts")

    found = alerts()
    # A signal counts the posts, and names those of which more may be kept.
    assert {post for one in found["disproportionality"] for post in one.examples} == {
        f"forum:{one['id']}" for one in SHOWN
    }
    items = {alert.examples[0]: alert for alert in found["single_report"]}
    assert items.keys() == {*ids, *(f"forum:{one['id']}" for one in SHOWN)}
    assert {items[name].terms for name in ids} == {CLOSED}
    assert {items[name].episode.isoformat() for name in ids} == {"2026-03-01T08:00:00+00:00"}
    outcomes = [decode(record.value, Outcome) for record in adrwatch.records("outcomes")]
    assert {one.post_id for one in outcomes if one.terms == CLOSED} == set(ids)
    mentions = [decode(record.value, Mention) for record in adrwatch.records("mentions")]
    assert {one.post_id for one in mentions if one.terms == CLOSED} == set(ids)

    # Two cases of such posts, and one of another: none is held against their words, and none of the two leaves.
    cases = {
        name: adrwatch.json("cases", "open", items[name].id)["id"] for name in (*ids[:2], f"forum:{SHOWN[0]['id']}")
    }
    for layout in ("csv", "json", "xlsx"):
        assert adrwatch("cases", "export", str(tmp_path / f"cases.{layout}"), "--format", layout) == 0
        assert "1 cases, 2 left out by the terms of their sources" in adrwatch.out
    assert adrwatch("cases", "export", str(tmp_path / "case.xml"), "--case", cases[ids[0]]) == 2
    assert "comes from x, whose terms do not allow case exports" in adrwatch.err
    assert adrwatch("cases", "show", cases[ids[0]]) == 0
    assert ids[0] not in adrwatch.out
    assert [json.loads(one)["id"] for one in (tmp_path / "cases.json").read_text().splitlines()] == [
        cases[f"forum:{SHOWN[0]['id']}"]
    ]
    account = adrwatch.json("reconcile", file, "--source", "network", "--aggregates-only", "x")
    assert (account["posts"], account["lost"]) == (12, 0)
    [letter] = [decode(record.value, DeadLetter) for record in adrwatch.records("dead-letters") if record.value]
    assert (letter.reason, letter.payload) == ("bad-time", b"")

    places = [
        *privacy.in_kafka(kafka, topic_prefix),
        *privacy.in_redis(redis_url, topic_prefix),
        # The secrets make hashes, and the file that was replayed is the user's own.
        *privacy.in_files(tmp_path, "posts.jsonl", "author.secret", "sketch.secret"),
    ]
    needles = remains([*HIDDEN, REFUSED], (*WORDS, "flamingo"))
    assert privacy.find(needles, places) == []
    # The same of a source of which more may be kept is found: the look is no blind one.
    assert privacy.find(remains(SHOWN, ("walrus", "kestrel")), places) != []


def remains(posts: list[dict[str, Any]], words: tuple[str, ...]) -> list[bytes]:
    """What the posts would be known by."""
    found = [word.encode() for word in words]
    for one in posts:
        found += privacy.remains(current(), one["network"], one["id"], one["user"], one["text"])
    return found


def worker(name: str, folder: Path) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "services.cli", "worker", name], env=dict(os.environ), stdout=log, stderr=log
        )

"""The dashboard's file of mentions: killed in the middle of reading, and with Kafka away."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from deploy.local.stack import Stack
from services.dashboard.view.file import FILE
from services.dashboard.view.follow import Follower
from services.dashboard.view.mentions import Mentions, Wanted
from services.dashboard.view.texts import Missing, Texts
from shared.errors import DependencyAway
from shared.events import Concept, Mention, Post, Span, encode, now
from shared.settings import Settings, load
from shared.stream import Output
from shared.topics import MENTIONS, POSTS, partition_of
from shared.writer import Writer
from tests.faults import ledger

MANY = 12_000
WHEN = now() - timedelta(hours=1)


def mentions(numbers: range) -> list[Output]:
    made = [
        Mention(
            id=f"m{i}", post_id=f"own:{i}", created_at=WHEN, drug=Concept(f"DB{i % 7}", "Drug"),
            reaction=Concept("HP:1", "Rash"), drug_span=Span(0, 4), reaction_span=Span(5, 9), score=0.9, model_version="test",
        )
        for i in numbers
    ]  # fmt: skip
    return [Output(MENTIONS, one.id, encode(one), partition_of(one.drug.id, MENTIONS.partitions)) for one in made]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Stack, Settings]]:
    settings = load(data_dir=tmp_path_factory.mktemp("data"), retry_most=0.5)
    with Stack(settings, servers=["kafka"], topics=True) as found:
        settings = settings.model_copy(update=found.addresses)
        post = Post(id="own:0", source="own", text="we wrote this", created_at=WHEN, ingested_at=WHEN)
        with Writer(settings, 60) as writer:
            writer.write(mentions(range(MANY)))
            writer.write([Output(POSTS, post.id, encode(post), partition_of(post.id, POSTS.partitions))])
        yield found, settings


def stored(folder: Path) -> int:
    """As another process sees the file."""
    try:
        with sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True) as connection:
            return int(connection.execute("SELECT count(*) FROM mentions").fetchone()[0])
    except sqlite3.Error:
        return 0


def test_killed_again_and_again_while_it_reads_it_ends_with_each_mention_once(
    stack: tuple[Stack, Settings], tmp_path: Path
) -> None:
    kafka, seen = stack[0].addresses["kafka_bootstrap"], []
    for least in (0, MANY // 3):
        process = ledger.start("tests.faults.follow_mentions", {}, tmp_path / "log", kafka, str(tmp_path))
        ledger.wait_for(lambda least=least: stored(tmp_path) > least, "mentions in the file")
        process.kill()
        process.wait()
        seen.append(stored(tmp_path))
    file = Mentions(tmp_path)
    # All that was acknowledged is there, with the place at which reading goes on.
    positions = file.positions()
    assert sum(at for (topic, _), at in positions.items() if topic == "mentions") == file.total() >= max(seen)
    follower = Follower(stack[1], file)
    follower.start()
    ledger.wait_for(lambda: file.total() == MANY, "all mentions")
    follower.close()
    found = Counter(one.id for one in file.evidence(Wanted(), size=2 * MANY).mentions)
    assert found == Counter(f"m{i}" for i in range(MANY))
    file.close()


def test_while_kafka_is_away_pages_have_what_is_there_and_a_text_is_refused_in_time(
    stack: tuple[Stack, Settings], tmp_path: Path
) -> None:
    servers, settings = stack
    settings = settings.model_copy(update={"data_dir": tmp_path})
    file = Mentions(tmp_path)
    follower = Follower(settings, file)
    texts = Texts(settings, file, follower.state)
    follower.start()
    ledger.wait_for(follower.state.caught_up.is_set, "the topics read")
    shown = texts.of(["own:0"], 60)["own:0"]
    assert shown.post is not None
    assert shown.post.text == "we wrote this"
    before = file.total()
    servers.kill("kafka")
    assert texts.of(["own:0"], 0.5)["own:0"].missing in (Missing.NO_ANSWER, None)
    ledger.wait_for(lambda: follower.state.health().state == "away", "the loss of Kafka noticed")
    assert file.total() == before
    assert follower.state.health().as_of is not None
    ledger.wait_for(lambda: follower.state.health().state == "up", "Kafka back")

    def written() -> bool:
        try:
            with Writer(settings, 60) as writer:
                writer.write(mentions(range(MANY, MANY + 1)))
        except DependencyAway:
            return False
        return True

    ledger.wait_for(written, "another mention written")
    ledger.wait_for(lambda: file.get(f"m{MANY}") is not None, "what came afterwards")
    ledger.wait_for(lambda: texts.of(["own:0"])["own:0"].post is not None, "texts again")
    follower.close()
    texts.close()
    file.close()

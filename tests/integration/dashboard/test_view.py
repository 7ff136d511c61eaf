"""The read model over real topics: it follows, goes on where it was, is made anew, and forgets what is taken back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, KafkaProducer

from services.dashboard.view.file import FILE
from services.dashboard.view.follow import Follower
from services.dashboard.view.mentions import Found, Mentions, Read, Wanted
from services.dashboard.view.texts import Missing, Texts
from shared.events import Alert, Concept, Deletion, Event, Mention, Post, Span, Terms, encode, now
from shared.settings import Settings
from shared.signals.windows import to_ms
from shared.topics import ALERTS, DELETION_HEADER, DELETIONS, MENTIONS, POSTS, VERSION_HEADER, Topic, partition_of
from tests import topics

PATIENCE = 60.0
WHEN = now() - timedelta(hours=5)
PAIR = Wanted("DB1", "HP:1")


def mention(post: str, minute: int = 0, name: str = "", terms: Terms | None = None) -> Mention:
    return Mention(
        id=name or f"m-{post}", post_id=post, created_at=WHEN + timedelta(minutes=minute),
        drug=Concept("DB1", "Drug one"), reaction=Concept("HP:1", "Rash"), drug_span=Span(0, 4),
        reaction_span=Span(9, 13), score=0.9, model_version="test", author="hashed", fingerprint="words",
        language="en", terms=terms,
    )  # fmt: skip


class World:
    """What sources and the pipeline write."""

    def __init__(self, settings: Settings, kafka: str) -> None:
        self.settings = settings
        self.producer = KafkaProducer(bootstrap_servers=kafka, acks="all")

    def write(
        self, topic: Topic, key: str, event: Event | None, *headers: tuple[str, bytes], at: int | None = None
    ) -> None:
        name, partition = topic.name(self.settings.topic_prefix), partition_of(key, topic.partitions)
        value = None if event is None else encode(event)
        self.producer.send(name, value, key.encode(), list(headers), partition, at)

    def post(self, post: str) -> None:
        text = f"DrugOne gave me a rash, says {post}"
        self.write(POSTS, post, Post(id=post, source="own", text=text, created_at=WHEN, ingested_at=WHEN))

    def mentions(self, *found: Mention) -> None:
        for one in found:
            self.write(MENTIONS, one.id, one)

    def version(self, found: Mention, version: int, partition: int = 0) -> None:
        """A mention of the version of its post that was written then, however late the pipeline writes it."""
        name, header = MENTIONS.name(self.settings.topic_prefix), (VERSION_HEADER, str(version).encode())
        self.producer.send(name, encode(found), found.id.encode(), [header], partition)

    def deletion(self, post: str) -> None:
        deletion = Deletion(id=post, deleted_at=now())
        self.write(DELETIONS, post, deletion)
        self.write(POSTS, post, None, (DELETION_HEADER, encode(deletion)))


@pytest.fixture
def world(kafka: str, place: Settings) -> Iterator[World]:
    world = World(place, kafka)
    yield world
    world.producer.close()


@contextmanager
def followed(settings: Settings) -> Iterator[tuple[Mentions, Follower]]:
    """The file, and the thread that keeps it up."""
    mentions = Mentions(settings.data_dir)
    follower = Follower(settings, mentions)
    follower.start()
    try:
        yield mentions, follower
    finally:
        follower.close(PATIENCE)
        mentions.close()


def wait_for(seen: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def names(mentions: Mentions, wanted: Wanted = PAIR) -> list[str]:
    return [one.id for one in mentions.evidence(wanted).mentions]


def test_evidence_and_texts_are_there_and_go_when_posts_are_taken_back(world: World) -> None:
    closed = Terms(aggregates_only=True)
    for post in ("own:1", "own:2", "own:3", "own:4"):
        world.post(post)
    world.write(POSTS, "own:4", None)
    found = [mention(f"own:{i}", i) for i in (1, 2, 3, 4)]
    world.mentions(*found, mention("own:closed", 9, terms=closed), mention("own:never", 10))
    world.producer.flush()
    with followed(world.settings) as (mentions, follower):
        wait_for(lambda: mentions.total() == 6)
        assert follower.state.caught_up.wait(PATIENCE)
        assert names(mentions) == ["m-own:never", "m-own:closed", "m-own:4", "m-own:3", "m-own:2", "m-own:1"]
        texts = Texts(world.settings, mentions, follower.state)
        shown = texts.of(["own:1", "own:3", "own:4", "own:closed", "own:never"], PATIENCE)
        assert shown["own:3"].post is not None
        assert shown["own:3"].post.text.endswith("says own:3")
        assert {post: one.missing for post, one in shown.items()} == {
            "own:1": None, "own:3": None, "own:4": Missing.KEPT_NO_LONGER,
            "own:closed": Missing.AGGREGATES_ONLY, "own:never": Missing.KEPT_NO_LONGER,
        }  # fmt: skip

        world.deletion("own:3")
        world.write(MENTIONS, "m-own:1", None)
        world.producer.flush()
        wait_for(lambda: names(mentions)[2:] == ["m-own:4", "m-own:2"])
        assert texts.of(["own:3"], PATIENCE)["own:3"].missing is Missing.TAKEN_BACK
        # What the pipeline had in hand when the post was taken back.
        world.post("own:3")
        world.mentions(found[2], mention("own:last", 20))
        world.producer.flush()
        wait_for(lambda: "m-own:last" in names(mentions))
        assert "m-own:3" not in names(mentions)
        assert mentions.place("own:3") is None
        texts.close()


@pytest.mark.parametrize("deletion_first", [True, False])
def test_an_edit_takes_what_was_before_it_and_no_more_in_whatever_order_topics_are_read(
    world: World, deletion_first: bool
) -> None:
    edited_at = to_ms(WHEN)
    before, after = edited_at - 1, edited_at + 1
    deletion = Deletion(id="own:1", deleted_at=WHEN, requested_at=WHEN, edited=True)

    def edit() -> None:
        world.write(DELETIONS, "own:1", deletion, at=edited_at)

    def write() -> None:
        world.version(mention("own:1", name="old"), before)
        world.version(mention("own:1", name="new"), after)
        # As a pipeline writes it that says no version.
        world.write(MENTIONS, "unsaid", mention("own:1", name="unsaid"), at=before)
        # The same places in both versions, in partitions that are read in any order.
        world.version(mention("own:1", 7, name="both"), after, partition=1)
        world.version(mention("own:1", 3, name="both"), before, partition=2)

    def last(name: str) -> None:
        world.mentions(mention(f"own:{name}", name=name))
        world.producer.flush()
        wait_for(lambda: name in names(mentions) and follower.state.behind == 0)

    with followed(world.settings) as (mentions, follower):
        for step, do in enumerate((edit, write) if deletion_first else (write, edit)):
            do()
            last(f"step-{step}")
        wait_for(lambda: {one.id for one in mentions.of_post("own:1")} == {"new", "both"})
        # What is read late of the old version does not come back.
        write()
        last("late")
        assert {one.id for one in mentions.of_post("own:1")} == {"new", "both"}
        both = mentions.get("both")
        assert both is not None
        assert both.created_at == WHEN + timedelta(minutes=7)
        assert not mentions.taken_back("own:1")


def test_it_goes_on_where_it_was_and_a_crash_repeats_and_loses_nothing(world: World) -> None:
    world.mentions(mention("own:1"))
    world.producer.flush()
    with followed(world.settings) as (mentions, follower):
        assert follower.state.caught_up.wait(PATIENCE)
    # What only this file knows shows that it was not made anew.
    mentions = Mentions(world.settings.data_dir)
    mark = mention("own:mark")
    mentions.take(Read(mentions=[Found(0, 0, mark.id, 0, mark)]))

    class KilledError(Exception):
        pass

    def rows() -> Iterator[tuple[str, int, int]]:
        yield "mentions", 0, 99
        raise KilledError

    before, late = mentions.positions(), mention("own:2")
    broken = Read(mentions=[Found(0, 1, late.id, 0, late)])
    object.__setattr__(broken, "positions", rows())
    with pytest.raises(KilledError):
        mentions.take(broken)
    assert mentions.positions() == before
    assert mentions.get(late.id) is None
    mentions.close()
    world.mentions(late)
    world.producer.flush()
    with followed(world.settings) as (mentions, _):
        wait_for(lambda: mentions.get(late.id) is not None)
        assert {"m-own:1", "m-own:2", "m-own:mark"} == set(names(mentions))


def test_how_long_posts_took_is_known_from_their_records_and_again_once_the_file_is_gone(world: World) -> None:
    world.post("own:1")
    world.producer.flush()
    world.mentions(mention("own:1"), mention("own:1", name="m-again"))
    alert = Alert(
        id="signal", kind="disproportionality", drug=Concept("DB1", "Drug one"), reaction=Concept("HP:1", "Rash"), episode=WHEN,
        evaluated_at=WHEN, rules=("evans",), rule_version="1", examples=("own:1",), window_hours=24,
    )  # fmt: skip
    world.write(ALERTS, alert.id, alert)
    world.write(ALERTS, alert.id, alert)
    world.producer.flush()

    def told(mentions: Mentions) -> dict[tuple[str, str], int]:
        return {(one.until, one.since): one.n for one in mentions.delays(0) if one.source == "own"}

    wanted = {(until, since): 1 for until in ("mention", "disproportionality") for since in ("written", "arrived")}
    for _ in range(2):
        with followed(world.settings) as (mentions, _follower):
            wait_for(lambda found=mentions: told(found) == wanted)  # type: ignore[misc]
            # They were written, and taken in, five hours ago.
            assert all(5 * 3600 <= one.p50 <= 5.5 * 3600 for one in mentions.delays(0))
        (world.settings.data_dir / FILE).unlink()


def test_it_is_made_anew_for_other_topics_and_for_a_file_that_is_none(world: World, kafka: str) -> None:
    (world.settings.data_dir / FILE).write_bytes(b"no database" * 1000)
    world.mentions(mention("own:1"))
    world.producer.flush()
    with followed(world.settings) as (mentions, _):
        wait_for(lambda: names(mentions) == ["m-own:1"])
    name = MENTIONS.name(world.settings.topic_prefix)
    admin = KafkaAdminClient(bootstrap_servers=kafka)
    admin.delete_topics([name])
    wait_for(lambda: name not in admin.list_topics())
    admin.close()
    topics.make(kafka, {name: MENTIONS.partitions})
    world.producer.close()
    world.producer = KafkaProducer(bootstrap_servers=kafka, acks="all")
    world.mentions(mention("own:2"))
    world.producer.flush()
    with followed(world.settings) as (mentions, _):
        wait_for(lambda: names(mentions) == ["m-own:2"])


def test_the_file_keeps_neither_texts_nor_authors(world: World, tmp_path: Path) -> None:
    world.post("own:1")
    world.mentions(mention("own:1"))
    world.producer.flush()
    with followed(world.settings) as (mentions, _):
        wait_for(lambda: mentions.place("own:1") is not None and mentions.total() == 1)
    written = b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    assert b"Rash" in written
    for secret in (b"gave me", b"hashed", b"words"):
        assert secret not in written

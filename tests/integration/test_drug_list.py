"""The team's own drug list on a real Kafka: the commands, and workers that take a change up while they run."""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from kafka import KafkaProducer
from typer.testing import CliRunner

from deploy.local.stack import Stack
from deploy.local.workers import service_workers
from services.cli import build
from services.vocabulary.listing import DrugList
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Concept, Outcome, OwnName, Post, decode, encode
from shared.settings import current, load
from shared.topics import DRUG_NAMES, OUTCOMES, POSTS, partition_of
from shared.vocabulary.drugs import default_lexicon
from shared.vocabulary.live import LiveDrugs, read_names
from tests import topics
from tests.faults.ledger import wait_for
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.networks.jetstream import post
from tests.networks.source import BlueskySource, ours_of, source, start_us

__all__ = ["adrwatch"]

ANNA = "did:plc:anna2345"
NOVELZA = OwnName(name="novelza", kind="brand", drug=Concept("own:novelmab", "novelmab"))


def put(kafka: str, prefix: str, key: bytes, value: bytes | None) -> None:
    """Write a record to the list's topic as anybody could."""
    with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
        producer.send(DRUG_NAMES.name(prefix), key=key, value=value).get(timeout=60)


def rows(adrwatch: Adrwatch, *words: str) -> dict[str, dict[str, object]]:
    assert adrwatch("drugs", "list", *words, "--json") == 0
    return {row["name"]: row for row in json.loads(adrwatch.out)}


def test_the_commands_add_show_exclude_remove_export_and_import(adrwatch: Adrwatch, tmp_path: Path) -> None:
    assert rows(adrwatch) == {}
    assert adrwatch("drugs", "add", "Novelza", "nov stuff", "--drug", "own:novelmab", "--label", "novelmab") == 0
    assert "2 added" in adrwatch.out
    assert adrwatch("drugs", "add", "novie", "--drug", "novelza", "--kind", "slang", "--needs-context") == 0
    assert adrwatch("drugs", "exclude", "zoloft") == 0
    assert adrwatch("drugs", "exclude", "advil", "--unless-context") == 0
    listed = rows(adrwatch)
    assert {name: (row["origin"], row["label"], row["needs_context"]) for name, row in listed.items()} == {
        "novelza": ("own", "novelmab", False), "nov stuff": ("own", "novelmab", False), "novie": ("own", "novelmab", True),
        "zoloft": ("excluded", "sertraline", False), "advil": ("excluded", "ibuprofen", True),
    }  # fmt: skip
    assert set(rows(adrwatch, "--drug", "own:novelmab")) == {"novelza", "nov stuff", "novie"}
    sertraline = rows(adrwatch, "--drug", "sertraline")
    assert (sertraline["zoloft"]["origin"], sertraline["sertraline"]["origin"]) == ("excluded", "shipped")
    assert adrwatch("drugs", "show", "nobody's name") == 1

    for form in ("csv", "tsv", "toml"):
        assert adrwatch("drugs", "export", str(tmp_path / f"list.{form}")) == 0
        assert adrwatch("drugs", "import", str(tmp_path / f"list.{form}"), "--replace", "--check", "--json") == 0
        counts = json.loads(adrwatch.out)
        assert (counts["added"], counts["changed"], counts["removed"], counts["unchanged"]) == (0, 0, 0, 5)
    assert adrwatch("drugs", "remove", "novelza", "zoloft", "advil") == 0
    assert rows(adrwatch).keys() == {"nov stuff", "novie"}
    assert adrwatch("drugs", "import", str(tmp_path / "list.csv")) == 0
    assert "3 added" in adrwatch.out
    assert rows(adrwatch) == listed
    (tmp_path / "one.csv").write_text("name,drug,kind,label\nnov stuff,own:novelmab,brand,novelmab\n")
    assert adrwatch("drugs", "import", str(tmp_path / "one.csv"), "--replace") == 0
    assert "1 changed, 4 removed" in adrwatch.out


def test_a_wrong_file_or_word_is_named_and_changes_nothing(adrwatch: Adrwatch, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("name,drug\nnovelza,zoloft\nx,zoloft\nnovie,nothing such\n")
    assert adrwatch("drugs", "import", str(tmp_path / "list.csv")) == 2
    assert "line 3: 'x' is no name" in adrwatch.err
    assert "line 4: no ingredient is known as 'nothing such'" in adrwatch.err
    for words, said in (
        (("remove", "zoloft"), "drugs exclude"), (("remove", "novelza"), "is not in the drug list"),
        (("exclude", "novelza"), "no shipped name"), (("add", "novelza", "--drug", "own:new"), "has no label"),
        (("add", "novelza", "--drug", "zoloft", "--kind", "excluded"), "drugs exclude"), (("export", "list.doc"), "neither"),
    ):  # fmt: skip
        assert adrwatch("drugs", *words) == 2
        assert said in adrwatch.err
        assert "Traceback" not in adrwatch.err
    assert topics.records(adrwatch.kafka, DRUG_NAMES.name(adrwatch.prefix)) == []


def test_misspellings_are_shown_and_added_when_wanted(adrwatch: Adrwatch) -> None:
    words = ("drugs", "add", "novelza", "--drug", "own:novelmab", "--label", "novelmab", "--misspellings")
    current.cache_clear()
    asked = CliRunner().invoke(build(), words, input="n\n")
    assert (asked.exit_code, "novleza" in asked.output) == (1, True)
    assert rows(adrwatch) == {}
    assert adrwatch(*words, "--yes") == 0
    told = adrwatch.out
    listed = rows(adrwatch)
    assert (listed["novleza"]["kind"], listed["novleza"]["label"]) == ("misspelling", "novelmab")
    assert f"{len(listed)} added" in told
    assert adrwatch("drugs", "add", "revolution", "--drug", "novelza") == 0
    assert "everyday word" in adrwatch.err


def test_a_list_that_is_followed_takes_changes_up_and_foreign_records_hinder_nobody(adrwatch: Adrwatch) -> None:
    settings, stop = load(), threading.Event()
    put(adrwatch.kafka, adrwatch.prefix, b"\xfe", b"\xff\x00")
    put(adrwatch.kafka, adrwatch.prefix, b"novelza", encode(NOVELZA))
    drugs = LiveDrugs(settings, default_lexicon(), stop)
    drugs.start()
    try:
        assert drugs().concept("novelza") == NOVELZA.drug
        put(adrwatch.kafka, adrwatch.prefix, b"zoloft", b'{"name": 7}')
        put(adrwatch.kafka, adrwatch.prefix, b"novelza", b"no name at all")
        wait_for(lambda: drugs() is default_lexicon(), "the end of the name that was overwritten")
        put(adrwatch.kafka, adrwatch.prefix, b"novelza", encode(NOVELZA))
        wait_for(lambda: drugs().concept("novelza"), "the name")
        assert drugs().own == DrugList(settings).change({}).version
        put(adrwatch.kafka, adrwatch.prefix, b"novelza", None)
        wait_for(lambda: drugs() is default_lexicon(), "the end of the name")
    finally:
        stop.set()
    assert read_names(settings) == {}


def test_a_list_without_its_topic_is_an_error_and_a_broker_that_is_away_is_waited_for(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    here = load(kafka_bootstrap=kafka, topic_prefix=topic_prefix, data_dir=tmp_path)
    with pytest.raises(AdrwatchError, match="drug-names") as caught:
        LiveDrugs(here, default_lexicon(), threading.Event()).start()
    assert "topics apply" in caught.value.fix
    stop = threading.Event()
    away = here.model_copy(update={"kafka_bootstrap": "127.0.0.1:1"})
    waiting = LiveDrugs(away, default_lexicon(), stop)
    stop.set()
    with pytest.raises(DependencyAway):
        waiting.start()


@pytest.fixture
def bluesky(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[BlueskySource]:
    with source(kafka, topic_prefix, tmp_path) as made:
        yield made


def test_a_source_that_runs_publishes_by_the_list_as_it_is(bluesky: BlueskySource) -> None:
    bluesky.start()
    began = start_us()
    numbers = itertools.count()

    def published() -> set[str]:
        """Send one post of each; which of them is published, when the marker after them is."""
        number = next(numbers)
        texts = ("novelza day", "zoloft day", "advil day")
        at = began + number * 10
        bluesky.server.add(*(post(ANNA, f"{text[:2]}{number}", text, at + n) for n, text in enumerate(texts)))
        ids = {ours_of(ANNA, f"{text[:2]}{number}"): text.split()[0] for text in texts}
        bluesky.wait_for(lambda: ours_of(ANNA, f"ad{number}") in bluesky.posts(), "the marker")
        return {ids[one] for one in bluesky.posts().keys() & ids.keys()}

    assert published() == {"zoloft", "advil"}
    done = bluesky.command("drugs", "add", "novelza", "--drug", "own:novelmab", "--label", "novelmab")
    assert done.returncode == 0, done.stderr
    bluesky.wait_for(lambda: published() == {"novelza", "zoloft", "advil"}, "posts with the new name")
    assert bluesky.command("drugs", "exclude", "zoloft").returncode == 0
    bluesky.wait_for(lambda: published() == {"novelza", "advil"}, "posts without the excluded name")
    assert bluesky.command("drugs", "remove", "zoloft", "novelza").returncode == 0
    bluesky.wait_for(lambda: published() == {"zoloft", "advil"}, "posts by the shipped list")
    assert len(bluesky.processes) == 1


def test_a_pipeline_that_runs_decides_by_the_list_as_it_is_and_says_which(
    kafka: str, redis_url: str, triton: str, adrwatch: Adrwatch, tmp_path: Path
) -> None:
    numbers = itertools.count()

    def decided() -> Outcome:
        """What becomes of one more post."""
        one = Post(
            id=f"test:{next(numbers)}", source="test", text="day two on novelza and i cannot stop throwing up",
            created_at=datetime(2026, 6, 1, tzinfo=UTC), ingested_at=datetime(2026, 6, 1, tzinfo=UTC),
        )  # fmt: skip
        with closing(KafkaProducer(bootstrap_servers=kafka)) as producer:
            partition = partition_of(one.id, POSTS.partitions)
            producer.send(POSTS.name(adrwatch.prefix), key=one.id.encode(), value=encode(one), partition=partition).get(
                60
            )
        found: list[Outcome] = []

        def came() -> bool:
            records = topics.records(kafka, OUTCOMES.name(adrwatch.prefix))
            found.extend(decode(record.value, Outcome) for record in records if record.key == one.id.encode())
            return bool(found)

        wait_for(came, "the outcome")
        return found[-1]

    settings = load(redis_url=redis_url, triton_url=triton, data_dir=tmp_path)
    with Stack(settings, workers=service_workers(pipeline=1)):
        before = decided()
        assert before.status == "screened:no_drug"
        assert "+drugs." not in before.model_version
        assert adrwatch("drugs", "add", "novelza", "--drug", "own:novelmab", "--label", "novelmab", "--json") == 0
        version = json.loads(adrwatch.out)["version"]
        wait_for(lambda: decided().model_version == f"{before.model_version}+drugs.{version}", "the list")
        after = decided()
        assert not after.status.startswith("screened")
        assert {pair.drug for pair in after.pairs} <= {NOVELZA.drug}
        assert adrwatch("drugs", "remove", "novelza") == 0
        wait_for(lambda: decided().model_version == before.model_version, "the shipped list")
        assert decided().status == "screened:no_drug"

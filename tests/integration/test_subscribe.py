"""What analysts get of mentions and alerts, from a real broker: chosen, each once, in every form, and in daily portions."""

from __future__ import annotations

import csv
import functools
import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest
from kafka import KafkaProducer

from services.subscribe.feed import Feed
from shared.events import Concept
from shared.settings import Settings, load
from tests.integration.ingest_command import Adrwatch, adrwatch
from tests.integration.subscriber import IBUPROFEN, RASH, alert, deletion, mention, tombstone, write

__all__ = ["adrwatch"]
PATIENCE = 60.0


@pytest.fixture
def there(adrwatch: Adrwatch) -> Settings:
    return load(kafka_bootstrap=adrwatch.kafka, topic_prefix=adrwatch.prefix)


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


class Following:
    """`adrwatch subscribe` as a process; its lines come one by one."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "services.cli", "subscribe", *arguments]
        # Tests that a shell runs in its background have Ctrl-C switched off, and so would this process.
        heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heed
        )
        self._lines: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        for line in self.process.stdout or ():
            # What a kill has cut off is no line, and comes again.
            if line.endswith("\n"):
                self._lines.put(line)

    def next(self) -> Any:
        return json.loads(self._lines.get(timeout=PATIENCE))

    def stop(self, number: int) -> str:
        """What it said on standard error, when it has ended by a signal."""
        self.process.send_signal(number)
        assert self.process.stderr is not None
        said = self.process.stderr.read()
        self.process.wait(timeout=PATIENCE)
        self._reader.join(timeout=PATIENCE)
        return said

    def rest(self) -> list[Any]:
        """What it had printed beyond what was asked for, when it has ended."""
        return [json.loads(self._lines.get()) for _ in range(self._lines.qsize())]


@contextmanager
def following(*arguments: str) -> Iterator[Following]:
    found = Following(*arguments)
    try:
        yield found
    finally:
        found.process.kill()
        found.process.wait()


def test_each_mention_stands_once_and_none_of_a_post_that_was_taken_back(adrwatch: Adrwatch, there: Settings) -> None:
    twice, gone, edited = mention(1), mention(2), mention(3)
    write(there, twice, gone, edited, deletion(2), deletion(3, edited=True), twice)
    # The pipeline was behind when post 2 was deleted; of post 3 there is a later version.
    later = msgspec.structs.replace(edited, score=0.7)
    late = mention(2, reaction=RASH, id="late")
    write(there, late, later, mention(4, IBUPROFEN))
    with closing(KafkaProducer(bootstrap_servers=adrwatch.kafka)) as producer:
        producer.send(f"{adrwatch.prefix}.mentions", b"no mention").get(PATIENCE)
    assert adrwatch("subscribe", "mentions", "--json") == 0
    assert [(one["post_id"], one["score"]) for one in lines(adrwatch.out)] == [
        ("example:1", 0.9), ("example:3", 0.7), ("example:4", 0.9),
    ]  # fmt: skip
    account = "read 8, kept 3, repeated ids 2, taken back 2, not wanted 0, tombstones 0, unreadable 1"
    assert account in adrwatch.err


def test_events_are_chosen_by_drug_reaction_and_time(adrwatch: Adrwatch, there: Settings) -> None:
    write(there, *(mention(n, *named) for n, named in enumerate([(), (IBUPROFEN,), (IBUPROFEN, RASH), ()])))

    def chosen(*options: str) -> list[str]:
        assert adrwatch("subscribe", "mentions", "--json", *options) == 0
        return [one["post_id"].removeprefix("example:") for one in lines(adrwatch.out)]

    assert chosen("--drug", "db01050") == ["1", "2"]
    assert chosen("--drug", "IBU", "--drug", "sertra", "--reaction", "nausea") == ["0", "1", "3"]
    assert chosen("--since", "2026-03-01T09:00", "--until", "2026-03-01T11:00") == ["1", "2"]
    assert chosen("--since", "2026-03-01", "--until", "2026-03-01") == ["0", "1", "2", "3"]
    assert chosen("--until", "2026-02-28") == []
    assert chosen("--limit", "2") == ["2", "3"]
    assert chosen("--drug", "sertralin", "--drug", "ibuprofin") == ["0", "3"]
    assert "--drug ibuprofin fits nothing that was read; ibuprofen?" in adrwatch.err
    assert adrwatch("subscribe", "mentions", "--reaction", "rash") == 0
    assert "ibuprofen" in adrwatch.out
    assert "sertraline" not in adrwatch.out


def test_a_name_that_looks_like_markup_or_moves_the_cursor_is_text(adrwatch: Adrwatch, there: Settings) -> None:
    write(there, mention(1, Concept("own:1", "[bold]Novel\x1b[2Jmab")))
    assert adrwatch("subscribe", "mentions") == 0
    assert r"[bold]Novel\x1b[2Jmab" in adrwatch.out
    assert adrwatch("subscribe", "mentions", "--follow", "--limit", "1") == 0
    assert r"[bold]Novel\x1b[2Jmab" in adrwatch.out


def test_alerts_are_as_they_were_last_and_what_was_taken_back_is_gone(adrwatch: Adrwatch, there: Settings) -> None:
    first, gone, back = alert(1), alert(2), alert(3)
    updated = msgspec.structs.replace(first, evaluated_at=alert(5).evaluated_at)
    write(there, first, gone, back, updated, tombstone(gone), tombstone(back), back)
    assert adrwatch("subscribe", "alerts", "--json") == 0
    assert [(one["id"], one["evaluated_at"]) for one in lines(adrwatch.out)] == [
        (back.id, "2026-03-01T11:00:00Z"), (first.id, "2026-03-01T13:00:00Z"),
    ]  # fmt: skip
    assert adrwatch("subscribe", "alerts", "--json", "--kind", "disproportionality") == 0
    assert adrwatch.out == ""


def test_files_have_typed_columns_appear_whole_and_are_kept(adrwatch: Adrwatch, there: Settings) -> None:
    write(there, mention(1, serious=("death", "hospital"), author="=1+1"), mention(2, IBUPROFEN))
    assert adrwatch("subscribe", "mentions", "--parquet", "mentions.parquet") == 0
    assert Path("mentions.parquet").stat().st_mode & 0o777 == 0o600
    table = duckdb.read_parquet("mentions.parquet")
    types = dict(zip(table.columns, map(str, table.types), strict=True))
    assert types["created_at"] == "TIMESTAMP WITH TIME ZONE"
    assert (types["drug_start"], types["score"], types["serious"]) == ("BIGINT", "DOUBLE", "VARCHAR[]")
    assert table.project("post_id, drug_label, serious, hour(created_at at time zone 'UTC')").fetchall() == [
        ("example:1", "sertraline", ["death", "hospital"], 9), ("example:2", "ibuprofen", [], 10),
    ]  # fmt: skip
    assert adrwatch("subscribe", "mentions", "--csv", "-") == 0
    rows = list(csv.DictReader(io.StringIO(adrwatch.out)))
    assert [row["created_at"] for row in rows] == ["2026-03-01T09:00:00.000Z", "2026-03-01T10:00:00.000Z"]
    assert (rows[0]["serious"], rows[0]["author"], rows[1]["person"]) == ("death;hospital", "'=1+1", "")
    before = Path("mentions.parquet").read_bytes()
    write(there, mention(3))
    assert adrwatch("subscribe", "mentions", "--parquet", "mentions.parquet") == 2
    assert "mentions.parquet is there already" in adrwatch.err
    assert Path("mentions.parquet").read_bytes() == before
    assert adrwatch("subscribe", "mentions", "--parquet", "mentions.parquet", "--force") == 0
    assert duckdb.read_parquet("mentions.parquet").shape[0] == 3
    assert sorted(path.name for path in Path().iterdir()) == ["mentions.parquet"]


def test_a_group_gives_each_day_what_is_new_and_what_was_taken_back(adrwatch: Adrwatch, there: Settings) -> None:
    def day(name: str) -> list[Any]:
        assert adrwatch("subscribe", "mentions", "--group", "desk", "--csv", name) == 0
        return [
            (row["post_id"], row.get("taken_back"))
            for row in csv.DictReader(Path(name).read_text().splitlines())
        ]  # fmt: skip

    write(there, mention(1), mention(2), deletion(9))
    assert day("1.csv") == [("example:1", "false"), ("example:2", "false")]
    write(there, mention(3), deletion(1))
    assert day("2.csv") == [("example:3", "false"), ("example:1", "true")]
    assert day("3.csv") == []
    write(there, deletion(3))
    assert adrwatch("subscribe", "mentions", "--group", "desk", "--json") == 0
    assert lines(adrwatch.out) == [{"id": None, "post_id": "example:3", "taken_back": True}]


def test_a_run_that_is_killed_before_it_keeps_its_place_is_repeated(
    adrwatch: Adrwatch, there: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(there, *(mention(n) for n in range(20)))

    def killed(_feed: Feed) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Feed, "commit", killed)
        assert adrwatch("subscribe", "mentions", "--group", "desk", "--csv", "1.csv") == 130
    # The file is whole, and the next run holds the same: nothing is missing, and ids tell what came twice.
    assert len(Path("1.csv").read_text().splitlines()) == 21
    assert adrwatch("subscribe", "mentions", "--group", "desk", "--csv", "2.csv") == 0
    assert Path("2.csv").read_text() == Path("1.csv").read_text()
    assert adrwatch("subscribe", "mentions", "--group", "desk", "--csv", "3.csv") == 0
    assert len(Path("3.csv").read_text().splitlines()) == 1


def test_kill_9_of_a_follower_with_a_group_misses_nothing(adrwatch: Adrwatch, there: Settings) -> None:
    options = ("mentions", "--json", "--follow", "--group", "desk")
    seen: set[str] = set()
    for start in range(0, 30, 10):
        wanted = {mention(n).id for n in range(start, start + 10)}
        with following(*options) as follower:
            write(there, *(mention(n) for n in range(start, start + 10)))
            # Killed in the middle of what it prints, whatever of that it has kept; before that it may print again what it had not.
            while len(seen & wanted) < 5:
                seen.add(follower.next()["id"])
            follower.stop(signal.SIGKILL)
            seen |= {one["id"] for one in follower.rest()}
    assert adrwatch("subscribe", "mentions", "--json", "--group", "desk") == 0
    seen |= {one["id"] for one in lines(adrwatch.out)}
    assert seen == {mention(n).id for n in range(30)}


def test_a_follower_sees_what_comes_what_changes_and_what_is_taken_back(adrwatch: Adrwatch, there: Settings) -> None:
    first, second = alert(1), alert(2)
    changed = msgspec.structs.replace(first, rules=("designated", "serious"))
    write(there, first)
    with following("alerts", "--json", "--follow", "--drug", "sertraline") as follower:
        assert follower.next()["id"] == first.id
        write(there, first, changed, alert(3, IBUPROFEN), second, tombstone(second))
        assert follower.next()["rules"] == ["designated", "serious"]
        write(there, tombstone(first))
        found = [follower.next()]
        while found[-1].get("taken_back") is None or found[-1]["id"] != first.id:
            found.append(follower.next())
        assert found[-1] == {"id": first.id, "taken_back": True}
        assert "taken back 2" in follower.stop(signal.SIGINT)
        assert follower.process.returncode == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--since", "yesterday"], "--since 'yesterday' is no day or time"),
        (["--since", "2026-03-02", "--until", "2026-03-01"], "--until is not after --since"),
        (["--drug", " "], "--drug is empty"),
        (["--csv", "a", "--parquet", "b"], "two forms"),
        (["--csv", "nowhere/a.csv"], "there is no folder nowhere"),
        (["--parquet", "-"], "cannot be written to standard output"),
        (["--csv", "a", "--follow"], "--follow never ends"),
        (["--csv", "a", "--json"], "--json goes to standard output"),
        (["--group", "g", "--limit", "3", "--json"], "--limit would pass over"),
        (["--group", "g", "--csv", "a", "--force"], "--force could write over"),
        (["--group", "adr.alerting", "--json"], "may be one of adrwatch's own"),
        (["--json"], "no Kafka broker answers at 127.0.0.1:9"),
    ],
)
def test_what_cannot_be_is_said_with_a_way_out(
    options: list[str], words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ADRWATCH_KAFKA_BOOTSTRAP", "127.0.0.1:9")
    monkeypatch.setattr("shared.broker._CONNECT_MS", 500)
    command = Adrwatch("", "", monkeypatch, capfd)
    assert command("subscribe", "mentions", *options) == 2
    assert words in command.err
    assert "fix: " in command.err
    assert list(tmp_path.iterdir()) == []


def test_a_reader_that_goes_away_is_no_error_to_talk_about(adrwatch: Adrwatch, there: Settings) -> None:
    write(there, *(mention(n, model_version="x" * 1000) for n in range(300)))
    command = f"{sys.executable} -m services.cli subscribe mentions --json --group desk | head -n 1"
    found = subprocess.run(["sh", "-c", command], env=dict(os.environ), capture_output=True, text=True, check=True)
    assert len(lines(found.stdout)) == 1
    assert "Traceback" not in found.stderr
    assert "BrokenPipe" not in found.stderr
    # Nobody had the rest, so the place was not kept.
    assert adrwatch("subscribe", "mentions", "--json", "--group", "desk") == 0
    assert len(lines(adrwatch.out)) == 300

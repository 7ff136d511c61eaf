"""A broker that is away for longer than a writer is patient: the writer fails meanwhile, and writes again afterwards."""

from __future__ import annotations

from pathlib import Path

from deploy.local.stack import Stack
from shared.broker import TopicReader
from shared.errors import DependencyAway
from shared.settings import load
from shared.stream import Output
from shared.topics import NOTIFIED
from shared.writer import Writer
from tests.faults import ledger

PATIENCE = 2.0


def test_a_writer_outlives_a_broker_that_was_away_for_longer_than_its_patience(tmp_path: Path) -> None:
    settings = load(data_dir=tmp_path / "data", retry_most=1.0)
    with Stack(settings, servers=["kafka"], topics=True) as stack:
        settings = settings.model_copy(update=stack.addresses)
        with Writer(settings, PATIENCE) as writer:
            writer.write([Output(NOTIFIED, "before", b"1")])
            stack.kill("kafka")
            failures = 0

            def written() -> bool:
                nonlocal failures
                try:
                    writer.write([Output(NOTIFIED, "after", b"2")])
                except DependencyAway:
                    failures += 1
                    return False
                return True

            ledger.wait_for(written, "a record written after the broker's return")
        assert failures, "the broker was back before the writer lost patience"
        with TopicReader(settings, NOTIFIED) as reader:
            assert {record.key for record in reader.to_end()} == {b"before", b"after"}

"""Between reading and Kafka: what was put is delivered in its order, over memory and disk, and nothing is lost on the way."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from services.ingest.networks.outbox import Outbox
from services.ingest.networks.parcel import Parcel
from services.ingest.networks.spool import Spool
from shared.errors import DependencyAway
from shared.settings import load
from tests.unit.ingest.networks.test_spool import parcel

PATIENCE = 30.0


class Kafka:
    """Takes parcels while it is there; one that it is asked to take while it is away waits, or fails when told to."""

    def __init__(self) -> None:
        self.there = threading.Event()
        self.failing = False
        self.took: list[str | None] = []
        self.keys: list[str] = []

    def deliver(self, parcel: Parcel) -> None:
        assert self.there.wait(PATIENCE)
        if self.failing:
            raise DependencyAway("the broker is away")
        self.took.append(parcel.position.cursor)
        self.keys += [output.key for output in parcel.outputs]


def spool(folder: Path, mib: int = 10) -> Spool:
    return Spool("s", load(data_dir=folder, spool_free_mib=0, spool_mib=mib))


def cursors(*numbers: int) -> list[str]:
    return [str(number) for number in numbers]


def test_a_kafka_that_takes_needs_no_disk(tmp_path: Path) -> None:
    kafka = Kafka()
    kafka.there.set()
    waiting = spool(tmp_path)
    outbox = Outbox("s", waiting, kafka.deliver)
    outbox.start()
    for number in range(50):
        outbox.put(parcel(number))
        assert not outbox.spooled
    outbox.close()
    assert kafka.took == cursors(*range(50))


def test_what_is_put_while_kafka_is_away_goes_to_disk_and_out_in_its_order(tmp_path: Path) -> None:
    kafka = Kafka()
    outbox = Outbox("s", spool(tmp_path), kafka.deliver)
    outbox.start()
    for number in range(10):
        outbox.put(parcel(number))
    assert outbox.spooled
    kafka.there.set()
    number = 10
    while outbox.spooled:
        # What comes while it is drained goes behind it.
        outbox.put(parcel(number))
        number += 1
    outbox.put(parcel(number))
    outbox.close()
    assert kafka.took == cursors(*range(number + 1))


def test_a_post_that_is_taken_back_while_it_waits_is_never_delivered(tmp_path: Path) -> None:
    kafka = Kafka()
    outbox = Outbox("s", spool(tmp_path), kafka.deliver)
    outbox.start()
    for number in range(6):
        outbox.put(parcel(number))
    outbox.put(parcel(6, gone=("s:4", "s:5")))
    kafka.there.set()
    while outbox.spooled:
        outbox.put(parcel(7))
    outbox.close()
    assert {"s:3", "s:6"} <= set(kafka.keys)
    assert not {"s:4", "s:5"} & set(kafka.keys)


def test_where_the_disk_takes_no_more_reading_waits_and_nothing_is_lost(tmp_path: Path) -> None:
    kafka = Kafka()
    outbox = Outbox("s", spool(tmp_path, mib=1), kafka.deliver)
    outbox.start()
    for number in range(4):
        outbox.put(parcel(number, size=200_000))
    full = threading.Event()

    def read_on() -> None:
        for number in range(4, 8):
            outbox.put(parcel(number, size=200_000))
            if number == 4:
                full.set()

    reading = threading.Thread(target=read_on)
    reading.start()
    assert full.wait(PATIENCE)
    reading.join(0.2)
    assert reading.is_alive(), "there was room for more than the limit"
    kafka.there.set()
    reading.join(PATIENCE)
    assert not reading.is_alive()
    while outbox.spooled:
        outbox.put(parcel(8))
    outbox.close()
    assert [one for one in kafka.took if one != "8"] == cursors(*range(8))


def test_what_kafka_does_not_take_at_the_end_waits_on_disk_for_the_next_start(tmp_path: Path) -> None:
    kafka = Kafka()
    kafka.failing = True
    outbox = Outbox("s", spool(tmp_path), kafka.deliver)
    outbox.start()
    outbox.put(parcel(1))
    outbox.put(parcel(2))
    kafka.there.set()
    outbox.close()
    assert isinstance(outbox.failure, DependencyAway)
    kafka.failing = False
    again = spool(tmp_path)
    assert again.resume is not None
    assert again.resume.cursor == "2"
    outbox = Outbox("s", again, kafka.deliver)
    outbox.start()
    while outbox.spooled:
        outbox.put(parcel(3))
    outbox.close()
    assert kafka.took[:2] == cursors(1, 2)


def test_who_reads_hears_what_ended_the_delivery_and_its_parcel_is_kept(tmp_path: Path) -> None:
    kafka = Kafka()
    kafka.failing = True
    kafka.there.set()
    outbox = Outbox("s", spool(tmp_path), kafka.deliver)
    outbox.start()

    def read_on() -> None:
        for number in range(100):
            outbox.put(parcel(number))

    with pytest.raises(DependencyAway):
        read_on()
    outbox.close()
    kept = [one.position.cursor for one in spool(tmp_path).parcels()]
    assert kept == cursors(*range(len(kept)))
    assert kept


def test_what_is_kept_is_with_kafka_or_on_disk_and_what_neither_takes_is_said(tmp_path: Path) -> None:
    kafka = Kafka()
    kafka.there.set()
    waiting = spool(tmp_path, mib=1)
    outbox = Outbox("s", waiting, kafka.deliver)
    outbox.start()
    assert [outbox.keep(parcel(number)) for number in range(3)] == ["kafka"] * 3
    assert kafka.took == cursors(0, 1, 2)
    kafka.there.clear()
    assert [outbox.keep(parcel(number, size=400_000)) for number in (3, 4)] == ["spool"] * 2
    assert outbox.keep(parcel(5, size=400_000)) is None
    assert outbox.keep(parcel(6)) == "spool"
    kafka.there.set()
    while outbox.spooled:
        outbox.keep(parcel(7))
    outbox.close()
    assert [one for one in kafka.took if one != "7"] == cursors(0, 1, 2, 3, 4, 6)


def test_without_a_disk_what_was_refused_comes_before_what_is_kept_later(tmp_path: Path) -> None:
    kafka = Kafka()
    outbox = Outbox("s", spool(tmp_path, mib=0), kafka.deliver)
    outbox.start()
    assert outbox.keep(parcel(1)) is None
    assert outbox.keep(parcel(2)) is None
    kafka.there.set()
    assert outbox.keep(parcel(3)) == "kafka"
    outbox.close()
    assert kafka.took == cursors(1, 3)


def test_what_is_kept_when_the_delivery_has_ended_waits_on_disk_for_the_next_start(tmp_path: Path) -> None:
    kafka = Kafka()
    kafka.failing = True
    kafka.there.set()
    outbox = Outbox("s", spool(tmp_path), kafka.deliver)
    outbox.start()
    assert [outbox.keep(parcel(number)) for number in (1, 2)] == ["spool"] * 2
    outbox.close()
    assert [one.position.cursor for one in spool(tmp_path).parcels()] == cursors(1, 2)

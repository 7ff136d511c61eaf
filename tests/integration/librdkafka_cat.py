"""As much of kcat as docs/analysts.md uses, over the same library: for machines that have no kcat."""

from __future__ import annotations

import argparse

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, TopicPartition


def main() -> None:
    parser = argparse.ArgumentParser()
    for flag in ("-C", "-e", "-q"):
        parser.add_argument(flag, action="store_true", required=True)
    parser.add_argument("-b", required=True)
    parser.add_argument("-t", required=True)
    parser.add_argument("-o", choices=["beginning"], required=True)
    parser.add_argument("-f", choices=[r"%k\n"], required=True)
    given = parser.parse_args()
    consumer = Consumer({"bootstrap.servers": given.b, "group.id": "cat", "enable.partition.eof": True})
    places = [
        TopicPartition(given.t, n, OFFSET_BEGINNING)
        for n in consumer.list_topics(given.t, 30).topics[given.t].partitions
    ]
    consumer.assign(places)
    ended = 0
    while ended < len(places):
        message = consumer.poll(30)
        if message is None or (message.error() and message.error().code() != KafkaError._PARTITION_EOF):
            raise SystemExit(f"nothing came: {message and message.error()}")
        if message.error():
            ended += 1
        else:
            print((message.key() or b"").decode())
    consumer.close()


if __name__ == "__main__":
    main()

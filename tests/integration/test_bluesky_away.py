"""A source of Bluesky that was away for longer than Jetstream keeps: what was deleted meanwhile is asked for."""

from __future__ import annotations

from pathlib import Path

from shared.events import Published, decode
from shared.topics import PUBLISHED
from tests.networks.accounts import accounts
from tests.networks.jetstream import POST, post
from tests.networks.source import ours_of, source, start_us

ANNA, BERT = "did:plc:anna2345", "did:plc:bert2345"


def test_what_was_deleted_while_jetstream_was_not_read_and_did_not_keep_it_is_taken_back(
    kafka: str, topic_prefix: str, tmp_path: Path
) -> None:
    with source(kafka, topic_prefix, tmp_path) as bluesky, accounts() as network:
        bluesky.configure(ask_days=7, api=network.url, plc=network.url, private_addresses=True)
        bluesky.start()
        first = [post(who, f"3k{number}", "zoloft", start_us() + number) for who in (ANNA, BERT) for number in range(2)]
        network.records.update(f"{who}/{POST}/3k{number}" for who in (ANNA, BERT) for number in range(2))
        network.unseen.add(f"{ANNA}/{POST}/3k1")
        bluesky.server.add(*first)
        bluesky.wait_for(lambda: len(bluesky.posts()) == 4, "posts")
        assert bluesky.stop() == 0
        network.records.remove(f"{ANNA}/{POST}/3k0")
        network.closed[BERT] = "RepoDeactivated"
        bluesky.server.keeps = False
        bluesky.start()
        gone = {ours_of(ANNA, "3k0"), ours_of(BERT, "3k0"), ours_of(BERT, "3k1")}
        bluesky.wait_for(lambda: bluesky.deletions() == gone, "deletions")
        bluesky.wait_for(lambda: bluesky.posts().keys() == {ours_of(ANNA, "3k1")}, "the post that only stands")
        notes = {record.key.decode(): record.value for record in bluesky.records(PUBLISHED)}
        assert decode(notes[ours_of(ANNA, "3k1")], Published).sealed
        written = bluesky.everything()
        assert not [name for name in (ANNA, BERT) if name.encode() in written]

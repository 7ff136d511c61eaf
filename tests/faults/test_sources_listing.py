"""`adrwatch sources list` where no broker answers: what waits on this disk is known all the same."""

from __future__ import annotations

import json
from pathlib import Path

from tests.networks.source import Source
from tests.unit.ingest.networks.test_spool import parcel, spool


def test_while_the_broker_is_away_the_list_says_what_waits_on_disk(tmp_path: Path) -> None:
    source = Source("127.0.0.1:1", "adr", tmp_path, "s", {"type": "bluesky"}, lambda: 0)
    source.configure()
    with spool(tmp_path) as one:
        one.append([parcel(1), parcel(2)])
    done = source.command("sources", "list", "--json")
    assert (done.returncode, "no Kafka broker answers" in done.stderr) == (2, True)
    [listed] = json.loads(done.stdout)
    assert (listed["state"], listed["spooled"]) == ("broker away", 2)
    assert listed["spooled_since"] is not None

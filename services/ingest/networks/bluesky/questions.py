"""What Bluesky is asked where deletions may have been missed: which of the posts that were published still stand."""

from __future__ import annotations

import math
from urllib.parse import urlsplit

from services.ingest.networks.bluesky.configuration import Bluesky
from services.ingest.networks.bluesky.shown import COLLECTION, MOST_POSTS, Shown
from services.ingest.networks.keys import Names
from services.ingest.networks.seal import Seal
from services.ingest.networks.standing import Standing


def questions(configuration: Bluesky, names: Names, seal: Seal) -> Standing[str]:
    """What is asked once after a start, and after a gap: Jetstream tells every deletion of the time that it keeps."""

    def published() -> list[tuple[str, str]]:
        opened = ((one.id, seal.open(one.sealed or "")) for one in names.sealed())
        ours = ((post_id, address) for post_id, address in opened if address and f"/{COLLECTION}/" in address)
        # Keys of records tell the time (atproto.com/specs/tid).
        return sorted(ours, key=lambda ids: ids[1].rpartition("/")[2])

    shown = Shown(configuration.api, configuration.plc, private=configuration.private_addresses)
    made = Standing(urlsplit(configuration.api).netloc, math.inf, MOST_POSTS, published, shown.many, shown.one)
    made.connected()
    return made

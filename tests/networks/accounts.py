"""What of Bluesky answers by HTTP, all on one site: the AppView, the directory of accounts, and a server that holds them.

Source: the lexicons app.bsky.feed.getPosts and com.atproto.repo.getRecord; web.plc.directory; atproto.com/specs/did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.networks.site import Answer, Asked, Site, served


class Accounts(Site):
    """`records` are addresses, `did/collection/rkey`, that stand. `unseen`: those that the AppView does not show all the same.

    `closed`: what the server says of accounts that are not active; `erased`: accounts that are no more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.records: set[str] = set()
        self.unseen: set[str] = set()
        self.closed: dict[str, str] = {}
        self.erased: set[str] = set()

    def page(self, asked: Asked) -> Answer:
        if asked.path == "/xrpc/app.bsky.feed.getPosts":
            return self._posts([uri.removeprefix("at://") for uri in asked.query["uris"]])
        if asked.path == "/xrpc/com.atproto.repo.getRecord":
            return self._record(*(asked.query[key][0] for key in ("repo", "collection", "rkey")))
        did = asked.path.removeprefix("/")
        if did in self.erased:
            return _json(410, {"message": "DID not available"})
        server = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": self.url}
        return _json(200, {"id": did, "service": [server]})

    def _posts(self, addresses: list[str]) -> Answer:
        if len(addresses) > 25:
            return _json(400, {"error": "InvalidRequest"})
        shown = [one for one in addresses if one in self.records - self.unseen and one.split("/")[0] not in self.closed]
        return _json(200, {"posts": [{"uri": f"at://{one}", "cid": "bafy", "record": {}} for one in shown]})

    def _record(self, did: str, collection: str, rkey: str) -> Answer:
        if did in self.closed:
            return _json(400, {"error": self.closed[did]})
        if f"{did}/{collection}/{rkey}" not in self.records:
            return _json(400, {"error": "RecordNotFound", "message": "Could not locate record"})
        return _json(200, {"uri": f"at://{did}/{collection}/{rkey}", "value": {}})


def _json(status: int, value: Any) -> Answer:
    return Answer(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


@contextmanager
def accounts() -> Iterator[Accounts]:
    """A server on a free port of the loopback."""
    made = Accounts()
    with served(made):
        yield made

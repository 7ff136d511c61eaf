"""Whether posts of Bluesky still stand: asked of the AppView, many at once, and what it lacks of the account's own server.

The AppView may be behind by hours; what it shows stands, but only the server that holds an account says what is gone. Sources: the
lexicons app.bsky.feed.getPosts (25 at most; others are left out) and com.atproto.repo.getRecord, with the errors of
com.atproto.sync.getRecord for accounts that are not active; atproto.com/specs/did; web.plc.directory.
"""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

import msgspec

from services.ingest.networks.web import Page, Web, answered, named
from services.ingest.source import SourceBroken
from shared.not_json import NOT_JSON

MOST_POSTS = 25
# The kind of record that the AppView answers for.
COLLECTION = "app.bsky.feed.post"
_PATIENCE_SECONDS = 10.0
_MOST_BYTES = 10 << 20
_RATE_SECONDS = 300.0
_SCHEME, _PLC, _WEB = "at://", "did:plc:", "did:web:"
_GONE = frozenset({"RecordNotFound", "RepoNotFound", "RepoTakendown", "RepoSuspended", "RepoDeactivated"})
_LOOK = "look at the network's status"


class _Shown(msgspec.Struct, frozen=True):
    uri: str


class _Posts(msgspec.Struct, frozen=True):
    posts: list[_Shown]


class _Service(msgspec.Struct, frozen=True, rename={"endpoint": "serviceEndpoint"}):
    id: str
    endpoint: str


class _Document(msgspec.Struct, frozen=True):
    service: list[_Service] = []


class _Refusal(msgspec.Struct, frozen=True):
    error: str = ""


_posts = msgspec.json.Decoder(_Posts)
_documents = msgspec.json.Decoder(_Document)
_refusals = msgspec.json.Decoder(_Refusal)


class Shown:
    """Asks; raises SourceBroken. Addresses of posts are `did/collection/rkey`. `private`: the inner network may be asked."""

    def __init__(self, api: str, plc: str, *, private: bool) -> None:
        self._posts = f"{api}/xrpc/app.bsky.feed.getPosts"
        self._plc = plc
        self._web = Web(private=private, timeout=_PATIENCE_SECONDS, most_bytes=_MOST_BYTES)

    def many(self, addresses: list[str]) -> dict[str, str]:
        """Those of up to MOST_POSTS posts that the AppView shows, by address."""
        query = urlencode([("uris", f"{_SCHEME}{one}") for one in addresses])
        page = self._web.get(f"{self._posts}?{query}", elsewhere=False)
        if page.status == 500:
            # Seen where one of the accounts is suspended: each is asked for by itself then.
            return {}
        if page.status != 200:
            raise _refused(self._posts, page)
        try:
            found = _posts.decode(page.body).posts
        except NOT_JSON:
            raise _nonsense(self._posts) from None
        return {one: one for one in (post.uri.removeprefix(_SCHEME) for post in found)}

    def one(self, address: str) -> str | None:
        """The address of a post that the account's own server has, else None."""
        try:
            return self._asked(address)
        except (SourceBroken, ValueError) as trouble:
            # What it says may name the account, or a server that only this account has.
            raise SourceBroken(
                "the server of an account of Bluesky, or the directory of accounts, could not be asked",
                fix=_LOOK, wait_seconds=trouble.wait_seconds if isinstance(trouble, SourceBroken) else None,
            ) from None  # fmt: skip

    def _asked(self, address: str) -> str | None:
        did, collection, rkey = address.split("/")
        server = self._server(did)
        if server is None:
            return None
        url = f"{server.rstrip('/')}/xrpc/com.atproto.repo.getRecord"
        page = self._web.get(f"{url}?{urlencode({'repo': did, 'collection': collection, 'rkey': rkey})}")
        if page.status == 200:
            return address
        try:
            gone = page.status in (400, 404) and _refusals.decode(page.body).error in _GONE
        except NOT_JSON:
            gone = False
        if gone:
            return None
        raise _refused(url, page)

    def _server(self, did: str) -> str | None:
        """The server of an account; None where the account is no more."""
        if did.startswith(_PLC):
            url = f"{self._plc}/{quote(did, safe=':')}"
        elif did.startswith(_WEB):
            url = f"https://{did.removeprefix(_WEB)}/.well-known/did.json"
        else:
            raise SourceBroken("an account of a kind that cannot be looked up")
        page = self._web.get(url)
        # The directory's word for an account that was deleted for good.
        if page.status == 410:
            return None
        if page.status != 200:
            raise _refused(url, page)
        try:
            services = _documents.decode(page.body).service
        except NOT_JSON:
            raise _nonsense(url) from None
        found = next((one.endpoint for one in services if one.id.endswith("#atproto_pds")), None)
        if found is None:
            raise SourceBroken("an account that names no server")
        return found


def _refused(url: str, page: Page) -> SourceBroken:
    return SourceBroken(answered(url, page), fix=_LOOK, wait_seconds=_peace(page))


def _nonsense(url: str) -> SourceBroken:
    return SourceBroken(f"{named(url)} sends something else than was asked for", fix="look at `api` and `plc`")


def _peace(page: Page) -> float | None:
    """How long it wants to be left alone: by Retry-After, else until its window ends (`RateLimit-Reset`, in seconds since 1970)."""
    asked = page.asked_to_wait()
    if page.status != 429 or asked is not None:
        return asked
    reset = page.headers.get("RateLimit-Reset", "")
    left = int(reset) - time.time() if reset.isdecimal() else _RATE_SECONDS
    return min(max(1.0, left), _RATE_SECONDS)

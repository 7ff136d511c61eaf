"""Pages that are asked for by HTTP: of a limited size, within a limited time, and from where the configuration says.

An address that somebody else can set, as a redirect does, must not make adrwatch ask machines of the inner network. So
redirects are followed here, one by one, and every host's addresses are looked at before it is asked, and again on the
connection itself. Where a proxy of the environment is used, it resolves the names, and only addresses that are written as
numbers are looked at.
"""

from __future__ import annotations

import ipaddress
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx

from services.ingest.networks.unpacked import ACCEPTED, PackedError, unpacked
from services.ingest.source import SourceBroken
from shared import retry_after
from shared.events import now

USER_AGENT = "adrwatch"
_MOST_REDIRECTS = 5
# From a host to its `www.`, and from there to where it has moved to.
_MOST_OTHER_HOSTS = 2
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_FOR_GOOD = frozenset({301, 308})
_REACH = "look at the address, and at your way to it"


@dataclass(frozen=True)
class Page:
    """An answer: `moved` is the address to which the one that was asked for has moved for good."""

    status: int
    headers: httpx.Headers
    body: bytes
    moved: str | None = None

    def asked_to_wait(self) -> float | None:
        """The seconds that Retry-After asks for, a day at most; None where it says nothing that can be read."""
        return retry_after.seconds(self.headers.get("Retry-After"), clock=self.headers.get("Date"))

    def clock_ahead(self) -> timedelta:
        """How far the server's clock is ahead of this machine's; none where it does not tell its time."""
        told = retry_after.moment(self.headers.get("Date"))
        return told - now() if told is not None else timedelta()


class Web:
    """Asks for pages. `private`: also machines of the inner network may be asked. Sizes in bytes, times in seconds."""

    def __init__(self, *, private: bool, timeout: float, most_bytes: int) -> None:
        self._private = private
        self._timeout = timeout
        self._most_bytes = most_bytes
        self._client = httpx.Client(timeout=timeout, headers={"User-Agent": USER_AGENT, "Accept-Encoding": ACCEPTED})

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, elsewhere: bool = True) -> Page:
        """The page, after redirects; to other hosts only where `elsewhere`. Raises SourceBroken with the host and what is wrong."""
        deadline = time.monotonic() + self._timeout
        moved: str | None = None
        for_good, others = True, 0
        for _ in range(_MOST_REDIRECTS + 1):
            page = self._once(url, headers or {}, deadline)
            if page.status not in _REDIRECTS or "Location" not in page.headers:
                return Page(page.status, page.headers, page.body, moved)
            target = _target(url, page.headers["Location"])
            if urlsplit(target).netloc != urlsplit(url).netloc:
                others += 1
            if urlsplit(url).scheme == "https" and urlsplit(target).scheme != "https":
                raise SourceBroken(f"{named(url)} redirects to an address without https", fix=_REACH)
            if others > (_MOST_OTHER_HOSTS if elsewhere else 0):
                raise SourceBroken(
                    f"{named(url)} redirects to another host, {urlsplit(target).netloc}",
                    fix="write the address that is meant into the file",
                )
            for_good = for_good and page.status in _FOR_GOOD
            moved = target if for_good else moved
            url = target
        raise SourceBroken(f"{named(url)} redirects again and again", fix=_REACH)

    def _once(self, url: str, headers: Mapping[str, str], deadline: float) -> Page:
        proxied = self._admit(url)
        try:
            with self._client.stream("GET", url, headers=headers) as answer:
                if not proxied:
                    self._look_at_peer(url, answer)
                body = bytearray()
                for part in unpacked(answer.iter_raw(), answer.headers.get("Content-Encoding", "")):
                    body += part
                    if len(body) > self._most_bytes:
                        raise SourceBroken(
                            f"{named(url)} sends more than {self._most_bytes} bytes", fix="ask for something smaller"
                        )
                    if time.monotonic() > deadline:
                        raise SourceBroken(f"{named(url)} did not end within {self._timeout:g} s", fix=_REACH)
                return Page(answer.status_code, answer.headers, bytes(body))
        except PackedError as error:
            raise SourceBroken(f"{named(url)} {error}", fix=_REACH) from None
        except httpx.TimeoutException as error:
            raise SourceBroken(f"{named(url)} did not answer within {self._timeout:g} s", fix=_REACH) from error
        # UnicodeError: a name that no resolver takes.
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, UnicodeError) as error:
            raise SourceBroken(f"{named(url)} cannot be reached ({type(error).__name__})", fix=_REACH) from error

    def _admit(self, url: str) -> bool:
        """Whether a proxy asks for us. Raises SourceBroken for what must not be asked at all."""
        try:
            parts = urlsplit(url)
            scheme, host, port = parts.scheme, parts.hostname or "", parts.port or 0
        except ValueError:
            scheme, host, port = "", "", 0
        if scheme not in ("http", "https") or not host:
            raise SourceBroken(f"{named(url)} is no address of http or https", fix=_REACH)
        proxied = scheme in getproxies() and not proxy_bypass(host)
        if self._private:
            return proxied
        if proxied:
            try:
                addresses = [str(ipaddress.ip_address(host))]
            except ValueError:
                return True
        else:
            try:
                addresses = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
            except (OSError, ValueError) as error:
                raise SourceBroken(f"{named(url)} cannot be reached: its name is not known", fix=_REACH) from error
        for address in addresses:
            self._public(url, address)
        return proxied

    def _look_at_peer(self, url: str, answer: httpx.Response) -> None:
        # A name may have had another address a moment ago.
        peer = answer.extensions["network_stream"].get_extra_info("server_addr")
        if peer and not self._private:
            self._public(url, str(peer[0]))

    def _public(self, url: str, address: str) -> None:
        found = ipaddress.ip_address(address.partition("%")[0])
        # An IPv4 address in the clothes of IPv6 is judged as what it is.
        inner = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
        if not (inner or found).is_global or (inner or found).is_multicast:
            raise SourceBroken(
                f"{named(url)} is a machine of the inner network, which is not asked",
                fix="if that is meant, write private_addresses = true into the source",
            )


def _target(url: str, location: str) -> str:
    """Where a redirect leads to. Raises SourceBroken where that is no address."""
    try:
        target = urljoin(url, location)
        urlsplit(target)
    except ValueError:
        raise SourceBroken(f"{named(url)} redirects to what is no address", fix=_REACH) from None
    return target


def named(url: str) -> str:
    """An address as it may be printed: without a query, which may hold a key. Servers write addresses that are none, too."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "what cannot be read"
    return f"{parts.netloc.rpartition('@')[2]}{parts.path}"


def answered(url: str, page: Page) -> str:
    """What an answer that is of no use says, for people."""
    if page.status in (401, 403):
        return f"{named(url)} answers with HTTP {page.status}: it is not open to everybody"
    return f"{named(url)} answers with HTTP {page.status}"

"""What a site lets robots ask for: robots.txt by RFC 9309, kept for a day."""

from __future__ import annotations

import time
from dataclasses import dataclass
from urllib.parse import urlsplit

from protego import Protego

from services.ingest.networks.web import USER_AGENT, Web, named
from services.ingest.source import SourceBroken

# RFC 9309, 2.4: not longer than this.
_KEPT_SECONDS = 86_400.0


@dataclass(frozen=True)
class _Rules:
    read: float
    rules: Protego


class Robots:
    """The rules of every site that is asked."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._sites: dict[str, _Rules] = {}

    def delay(self, url: str) -> float:
        """The seconds that the site wants between two requests, a day at most.

        Raises SourceBroken where the page is not for robots.
        """
        rules = self._of(url)
        if not rules.can_fetch(url, USER_AGENT):
            raise SourceBroken(
                f"{named(url)} is not for robots, as the site's robots.txt says",
                fix="ask the site, or take it out of the file",
            )
        return min(_KEPT_SECONDS, float(rules.crawl_delay(USER_AGENT) or 0.0))

    def _of(self, url: str) -> Protego:
        parts = urlsplit(url)
        site = f"{parts.scheme}://{parts.netloc}"
        known = self._sites.get(site)
        if known is not None and time.monotonic() - known.read < _KEPT_SECONDS:
            return known.rules
        page = self._web.get(f"{site}/robots.txt")
        if page.status >= 500 or page.status == 429:
            # RFC 9309, 2.3.1.4: as long as nobody knows, nothing is allowed.
            raise SourceBroken(
                f"{named(site + '/robots.txt')} answers with HTTP {page.status}, so nobody knows what is allowed",
                fix="wait; it is asked again",
                wait_seconds=page.asked_to_wait(),
            )
        rules = Protego.parse(page.body.decode(errors="replace") if page.status == 200 else "")
        self._sites[site] = _Rules(time.monotonic(), rules)
        return rules

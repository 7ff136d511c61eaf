"""What is looked at beside what a test asks: a page that complains, moves, calls elsewhere or shuts somebody out fails it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

WIDE, PHONE = {"width": 1360, "height": 900}, {"width": 390, "height": 844}
_STANDARD = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# What a page moves while it is loaded, at most (web.dev/cls calls a tenth good); once it is there, nothing moves.
MOST_LOADING = 0.1
# `hadRecentInput`: what moves because somebody typed or clicked is no surprise.
_SHIFTS = """
window.shifts = [];
new PerformanceObserver((list) => {
  for (const one of list.getEntries()) if (!one.hadRecentInput) window.shifts.push({
    at: one.startTime, value: one.value,
    what: one.sources.map(({ node }) => (node?.outerHTML ?? node?.parentElement?.outerHTML ?? "").slice(0, 120)),
  });
}).observe({ type: "layout-shift", buffered: true });
"""
_AXE = Axe()


@dataclass
class Watch:
    """Everything that the pages of a context did and should not have done."""

    home: str
    complaints: list[str] = field(default_factory=list)
    # Statuses that a test provokes: browsers write a line of each into the console, and so does htmx.
    foreseen: set[int] = field(default_factory=set)

    def on(self, context: BrowserContext) -> None:
        """Watch all pages of a context from now on."""
        context.add_init_script(_SHIFTS)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.complaints.append(f"error: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        said = (f"{words} {status} " for status in self.foreseen for words in ("status of", "Status Error Code"))
        if any(words in message.text for words in said):
            return
        self.complaints.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        to = urlsplit(request.url)
        if to.scheme not in ("data", "blob") and to.netloc != urlsplit(self.home).netloc:
            self.complaints.append(f"another host: {request.url}")


def shifted(page: Page) -> list[dict[str, Any]]:
    """What has moved by itself so far."""
    found: list[dict[str, Any]] = page.evaluate("window.shifts")
    return found


def violations(page: Page, *, colours: bool = False) -> list[str]:
    """What shuts people out, of level serious or critical, one line each with the element; or of its colours alone."""
    only = {"type": "rule", "values": ["color-contrast"]} if colours else {"type": "tag", "values": _STANDARD}
    found = _AXE.run(page, options={"runOnly": only, "resultTypes": ["violations"]})
    return [
        f"{one['id']}: {node['html'][:160]} – {' '.join(node['failureSummary'].split())[:260]}"
        for one in found.response["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]

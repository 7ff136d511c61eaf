"""The pages that people see, with who sees them: a new page is one line here, and is looked at in every way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page by its address, which may name a `{signal}`, a `{single}`, a `{drug}` or a `{reaction}` of the instance.

    `role` is who looks; None is somebody who has not signed in. `docs` are the ways in which the docs show it.
    """

    name: str
    address: str
    role: str | None = "admin"
    status: int = 200
    docs: tuple[str, ...] = ()


PAGES = (
    Page("sign-in", "/sign-in", None, docs=("light",)),
    Page("alerts", "/alerts", docs=("light", "dark", "phone")),
    Page("alerts-of-nothing", "/alerts?q=nothing"),
    Page("signal", "/alerts/{signal}", docs=("light",)),
    Page("single-report", "/alerts/{single}", docs=("light",)),
    Page("signal-of-a-viewer", "/alerts/{signal}", "viewer"),
    Page("drugs", "/drugs", docs=("light",)),
    Page("drug", "/drugs/{drug}", docs=("light",)),
    Page("reactions", "/reactions"),
    Page("reaction", "/reactions/{reaction}", docs=("light",)),
    Page("explore", "/explore?days=30&least=1", docs=("light",)),
    Page("review", "/review", docs=("light",)),
    Page("topics", "/topics", docs=("light",)),
    Page("operations", "/operations", docs=("light",)),
    Page("dead-letters", "/operations/dead-letters", docs=("light",)),
    Page("account", "/account", docs=("light",)),
    Page("people", "/people", docs=("light",)),
    Page("audit", "/audit", docs=("light",)),
    Page("audit-of-nothing", "/audit?actor=nobody"),
    Page("not-found", "/nowhere", status=404),
    Page("forbidden", "/people", "viewer", status=403),
)

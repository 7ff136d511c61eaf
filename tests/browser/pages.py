"""The pages that people see, with who sees them: a new page is one line here, and is looked at in every way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """A page by its address, which may name a `{signal}`, a `{single}`, a `{drug}` or a `{reaction}` of the instance.

    `role` is who looks; None is somebody who has not signed in.
    """

    name: str
    address: str
    role: str | None = "admin"
    status: int = 200


PAGES = (
    Page("sign-in", "/sign-in", None),
    Page("alerts", "/alerts"),
    Page("alerts-of-nothing", "/alerts?q=nothing"),
    Page("signal", "/alerts/{signal}"),
    Page("single-report", "/alerts/{single}"),
    Page("signal-of-a-viewer", "/alerts/{signal}", "viewer"),
    Page("drugs", "/drugs"),
    Page("drug", "/drugs/{drug}"),
    Page("reactions", "/reactions"),
    Page("reaction", "/reactions/{reaction}"),
    Page("explore", "/explore?days=30&least=1"),
    Page("account", "/account"),
    Page("people", "/people"),
    Page("not-found", "/nowhere", status=404),
    Page("forbidden", "/people", "viewer", status=403),
)

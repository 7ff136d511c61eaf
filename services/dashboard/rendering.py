"""Pages from templates: how numbers, times and measures are written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import jinja2
from fastapi import Request
from fastapi.responses import HTMLResponse, Response
from markupsafe import Markup

from services.cases import said
from services.dashboard.access.rights import Right
from shared.signals import wording

HERE = Path(__file__).parent
STATIC = HERE / "static"
# What stands in the head of every page, with the right that it takes: address, name.
NAVIGATION = (
    (Right.SEE_ALERTS, "/alerts", "Alerts"),
    (Right.SEE_ALERTS, "/drugs", "Drugs"),
    (Right.SEE_ALERTS, "/reactions", "Reactions"),
    (Right.SEE_ALERTS, "/explore", "Explore"),
    (Right.LABEL_POSTS, "/review", "Review"),
    (Right.SEE_ALERTS, "/topics", "Topics"),
    (Right.SEE_OPERATIONS, "/operations", "Operations"),
    (Right.SEE_AUDIT, "/audit", "Audit"),
    (Right.MANAGE_PEOPLE, "/people", "People"),
)
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def moment(value: datetime | None) -> Markup:
    """A time as an element that the browser writes in the zone of who looks, with UTC on hover."""
    if value is None:
        return Markup("–")
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC">{} UTC</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"), f"{utc:%Y-%m-%d %H:%M:%S}", f"{utc:%Y-%m-%d %H:%M}"
    )


def written(value: str) -> Markup:
    """A time as the database has it; what somebody put there that is no time, as it stands there."""
    try:
        return moment(datetime.fromisoformat(value))
    except ValueError:
        return Markup.escape(value)


def age(value: datetime | None) -> Markup:
    """How long ago a time is, in its largest unit, with the time itself on hover."""
    if value is None:
        return Markup("–")
    utc = value.astimezone(UTC)
    return Markup('<time datetime="{}" title="{} UTC" data-age>{}</time>').format(
        utc.isoformat(timespec="seconds").replace("+00:00", "Z"),
        f"{utc:%Y-%m-%d %H:%M:%S}",
        ago(utc, datetime.now(UTC)),
    )


def ago(then: datetime, now: datetime) -> str:
    """The time between, in its largest unit."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, length in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def took(seconds: float) -> str:
    """A length of time in its largest unit, to about two digits."""
    for unit, length in (("h", _HOUR), ("min", _MINUTE)):
        if seconds >= 2 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"


def count(value: float | None) -> str:
    """A whole number with its thousands set apart; a dash for what is not known."""
    return "–" if value is None else f"{value:,.0f}"


def day(value: date | None) -> str:
    """A day."""
    return "–" if value is None else f"{value:%Y-%m-%d}"


def number(value: float | None) -> str:
    """About three digits."""
    return wording.number(value)


def spaced(word: str) -> str:
    """A name of a rule, a kind or a criterion as people read it."""
    return word.replace("_", " ").replace(".", ": ")


def line(values: Sequence[float]) -> str:
    """The points of a small line chart, 100 wide and 24 high, from zero to its highest value."""
    top, step = max([1, *values]), 100 / max(1, len(values) - 1)
    return " ".join(f"{place * step:.1f},{22 - 20 * value / top:.1f}" for place, value in enumerate(values))


def utc_day(seconds: int) -> str:
    """The day of a time in seconds since 1970, UTC."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def coded(words: str) -> Markup:
    """Words of the reference, in which `such` is a name of code."""
    parts = words.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(one) if place % 2 else one for place, one in enumerate(parts)
    )


def path(name: str) -> str:
    """A name as a part of an address."""
    return quote(name, safe="")


def without(address: str, *names: str) -> str:
    """The parameters of an address without some of them."""
    return urlencode([(name, value) for name, value in parse_qsl(address) if name not in names])


def came_from(request: Request) -> str:
    """Where to try again after an error: at the same address, or, of what was sent, on the page with the form."""
    if request.method == "GET":
        return ""
    page_before = request.headers.get("Referer", "")
    return page_before if urlsplit(page_before).netloc == request.url.netloc else "/"


@cache
def asset(name: str) -> str:
    """The address of a static file, with a part that changes whenever its content does: browsers keep it for a year."""
    stamp = sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={stamp}"


@cache
def templates() -> jinja2.Environment:
    """The templates. A name that a template does not have is an error, and no blank."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE / "templates"),
        autoescape=True,
        # They do not change while the dashboard runs: no look at a dozen files for every page.
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "moment": moment, "age": age, "took": took, "count": count, "day": day, "number": number, "spaced": spaced, "path": path,
        "utc_day": utc_day, "line": line, "coded": coded, "without": without, "written": written, "came_from": came_from,
        "interval": wording.interval, "window": wording.window,
    }  # fmt: skip
    environment.globals |= {
        "longest": said.MOST,
        "asset": asset,
        "measure_names": wording.NAMES,
        "navigation": NAVIGATION,
    }
    return environment


def fragment(name: str, **words: Any) -> str:
    """A part of a page."""
    return templates().get_template(name).render(words)


def page(
    request: Request, name: str, status: int = 200, headers: Mapping[str, str] | None = None, **words: Any
) -> HTMLResponse:
    """A whole page, or what a script asked for of it."""
    words |= {"person": getattr(request.state, "person", None), "path": request.url.path, "request": request}
    return HTMLResponse(fragment(name, **words), status_code=status, headers=dict(headers or {}))


def partial(request: Request) -> bool:
    """Whether a script asks for a part of the page, and not a person for the page."""
    return request.headers.get("HX-Request") == "true" and request.headers.get("HX-History-Restore-Request") != "true"


def problem(request: Request, status: int, message: str, fix: str, headers: dict[str, str] | None = None) -> Response:
    """What is wrong: as a page, or, for a script of a page, as words to show beside what is there."""
    words = f"{message[:1].upper()}{message[1:]}" + (f": {fix}" if fix else "")
    more = (headers or {}) | {"X-Problem": quote(words)}
    if partial(request):
        return Response(status_code=status, headers=more)
    return page(request, "problem.html", status, more, message=message, fix=fix, code=status)

"""Whatever stands in an address, a query, a form or a cookie: a page answers, and never with an error of its own.

The API is asked by its description in test_api.py; these are the pages, whose forms and queries no description has.
"""

from __future__ import annotations

import dataclasses
import re
from urllib.parse import quote

from fastapi.dependencies.models import Dependant
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.dashboard import pairs, triage
from services.dashboard.access.routes import _flat

# Streams go on for as long as somebody listens; a provider of identities is another test's.
_NOT_ASKED = re.compile(r"/(live|events|callback|sign-out|oidc)\b")
_NAMES = [one.name for query in (triage.Query, pairs.Query) for one in dataclasses.fields(query)] + [
    "measure", "cursor", "limit", "next", "from", "to", "id", "ids", "reason", "view", "before", "after", "seen",
]  # fmt: skip
_VALUES = st.text(max_size=40) | st.sampled_from([
    "", "0", "-1", "9" * 5_000, "1e999", "nan", "null", "[]", "[[[[", '{"a":', "\x00", "￿", "../../etc/passwd", "' or 1=1 --",
    "<script>alert(1)</script>", "{{7*7}}", "%s%n", "2026-02-30",
    "0001-01-01", "9999-12-31T23:59:59+23:59", "desc", "true", "W10=", "W1tbW1s",
])  # fmt: skip


def fields(dependant: Dependant | None) -> set[str]:
    """What a route reads of query and form by name."""
    if dependant is None:
        return set()
    own = {one.alias for one in (*dependant.query_params, *dependant.body_params)}
    return own.union(*(fields(deeper) for deeper in dependant.dependencies))


def test_no_request_ends_a_page(client: TestClient) -> None:
    routes = [
        (method, path, sorted(fields(getattr(route, "dependant", None)) | set(_NAMES)))
        for path, route in _flat(client.app.routes, "")  # type: ignore[attr-defined]
        for method in sorted(route.methods or ())
        if method in ("GET", "POST") and not path.startswith("/api/") and not _NOT_ASKED.search(path)
    ]
    assert len(routes) > 25
    forms = {(method, path): names for method, path, names in routes}

    @settings(max_examples=300, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def ask(data: st.DataObject) -> None:
        route = data.draw(st.sampled_from(sorted(forms)))
        method, path = route
        address = re.sub(r"\{[^}]*\}", lambda _: quote(data.draw(_VALUES) or "none", safe=""), path)
        given_ = data.draw(st.dictionaries(st.sampled_from(forms[route]), _VALUES, max_size=5))
        headers = {"Cookie": data.draw(st.sampled_from(["", "session=x", "a=\x7f; =; ;;", "adrwatch=W10="]))}
        # Errors of a route are raised here by the client.
        answer = client.request(
            method, address[:4_000], headers=headers, **({"params": given_} if method == "GET" else {"data": given_})
        )
        assert answer.status_code < 500 or answer.status_code == 503, (route, given_)

    ask()

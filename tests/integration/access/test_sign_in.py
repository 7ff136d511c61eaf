"""Who gets in, who does not, and when a session or a token ends."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from services.cases.audit import read
from services.cases.tables import AUDIT, PEOPLE, SESSIONS, TOKENS
from services.dashboard.access import sign_in as middleware
from services.dashboard.access.people import written
from services.dashboard.access.rights import Right, Role
from services.dashboard.access.sessions import Sessions
from services.dashboard.access.tokens import Tokens
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import load
from tests.integration.access.conftest import HOME, PASSWORD, application, sign_in


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_session_lets_in_until_it_is_ended(kind, app, browser):
    client = browser()
    assert client.get("/alerts?lane=fast").headers["location"] == "/sign-in?next=/alerts%3Flane%3Dfast"
    answer = sign_in(client, "ana", next="/alerts?lane=fast")
    assert answer.headers["location"] == "/alerts?lane=fast"
    assert "HttpOnly" in answer.headers["set-cookie"]
    assert "SameSite=lax" in answer.headers["set-cookie"]
    assert client.get("/alerts").json() == {"name": "ana", "by": "session"}
    assert client.get("/audit").status_code == 403
    kept = dict(client.cookies)
    assert client.post("/sign-out").status_code == 303
    client.cookies.update(kept)
    assert client.get("/alerts").status_code == 303
    with app.state.desk.database.reading() as connection:
        actions = [(row.actor, row.action, row.subject) for row in read(connection)]
    assert actions[-2:] == [("ana", "sign-in", "person:ana"), ("ana", "sign-out", "person:ana")]


def test_a_wrong_password_and_an_unknown_name_are_answered_alike_and_the_typed_name_is_not_kept(app, browser):
    client = browser()
    wrong, unknown = sign_in(client, "ana", "not this one, sorry"), sign_in(client, "a-typed-secret", "not this one")
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.text == unknown.text
    with app.state.desk.database.reading() as connection:
        rows = list(read(connection))
    assert [row.subject for row in rows if row.action == "sign-in refused"] == ["person:ana", "person:unknown"]
    assert not any("a-typed-secret" in str(row) for row in rows)


def test_after_ten_tries_a_name_waits_even_with_the_right_password(browser):
    client = browser()
    for _ in range(10):
        assert sign_in(client, "nobody").status_code == 401
    answer = sign_in(client, "nobody")
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 600
    assert "wait" in answer.text
    assert sign_in(client, "ana").status_code == 303


def test_nothing_secret_is_in_the_database(app, browser):
    client = browser("ana")
    secret, _ = Tokens(app.state.desk.database, app.state.desk.trail).make(
        "ana", "ana", "a report", frozenset({Right.SEE_ALERTS})
    )
    with app.state.desk.database.reading() as connection:
        rows = [str(row) for table in (PEOPLE, SESSIONS, TOKENS, AUDIT) for row in connection.execute(sa.select(table))]
    for hidden in (PASSWORD, secret, secret.removeprefix("adrw_"), client.cookies["adrwatch"]):
        assert not any(hidden in row for row in rows)


@pytest.mark.parametrize("column", ["seen", "expires"])
def test_a_session_that_was_not_used_for_long_or_is_too_old_has_ended(app, browser, column):
    client = browser("ana")
    past = written(datetime.now(UTC) - timedelta(hours=8, minutes=1))
    with app.state.desk.database.writing() as connection:
        connection.execute(SESSIONS.update().values({column: past}))
    assert client.get("/alerts").status_code == 303


def test_signing_in_again_ends_the_session_that_the_browser_had(app, browser):
    client = browser("ana")
    before = client.cookies["adrwatch"]
    sign_in(client, "ana")
    assert client.cookies["adrwatch"] != before
    assert Sessions(app.state.desk.database, app.state.desk.trail).person(before) is None


def test_one_ends_ones_other_sessions_and_a_new_password_ends_all(browser):
    one, other = browser("ana"), browser("ana")
    assert one.post("/account/sessions").status_code == 303
    assert one.get("/alerts").status_code == 200
    assert other.get("/alerts").status_code == 303
    sign_in(other, "ana")
    new = "another good long one"
    assert one.post("/account/password", data={"old": "wrong", "new": new}).status_code == 422
    assert one.post("/account/password", data={"old": PASSWORD, "new": new}).status_code == 303
    assert one.get("/alerts").status_code == 200
    assert other.get("/alerts").status_code == 303
    assert sign_in(other, "ana").status_code == 401
    assert sign_in(other, "ana", new).status_code == 303


def test_who_is_let_go_is_out_at_once_with_all_tokens(app, people, browser):
    client, admin = browser("ana"), browser("root")
    secret, _ = Tokens(app.state.desk.database, app.state.desk.trail).make(
        "ana", "ana", "a report", frozenset({Right.SEE_ALERTS})
    )
    assert admin.post("/people/ana/active", data={"active": "false"}).status_code == 303
    assert client.get("/alerts").status_code == 303
    assert sign_in(client, "ana").status_code == 401
    admin.post("/people/ana/active", data={"active": "true"})
    assert browser().get("/api/v1/alerts", headers={"Authorization": f"Bearer {secret}"}).status_code != 200
    assert sign_in(client, "ana").status_code == 303
    assert admin.post("/people/root/active", data={"active": "false"}).status_code == 422


def test_roles_hold_from_the_next_request_on(people, browser):
    client = browser("ana")
    people.set_roles("ana", frozenset({Role.admin}))
    assert client.get("/audit").status_code == 200
    people.set_roles("ana", frozenset({Role.viewer}))
    assert client.get("/audit").status_code == 403


def test_a_token_made_on_the_page_has_its_rights_as_far_as_its_person_has_them(people, browser):
    owner, program = browser("root"), browser()
    answer = owner.post("/account/tokens", data={"name": "a report", "scopes": ["alerts:read", "audit:read"]})
    secret = re.search(r"adrw_[\w-]+", answer.text)[0]
    assert secret not in owner.get("/account").text
    program.headers = {"Authorization": f"Bearer {secret}"}
    assert program.get("/api/v1/alerts").json() == {"name": "root", "by": "token"}
    assert program.post("/api/v1/alerts").status_code == 403
    people.set_roles("root", frozenset({Role.viewer}))
    assert program.get("/api/v1/audit").status_code == 403
    assert program.get("/api/v1/alerts").status_code == 200
    token = re.search(r"/account/tokens/(\w+)/revoke", owner.get("/account").text)[1]
    assert browser("ana").post(f"/account/tokens/{token}/revoke").status_code == 422
    assert owner.post(f"/account/tokens/{token}/revoke").status_code == 303
    assert program.get("/api/v1/alerts").status_code != 200


def test_a_token_ends_at_its_day_and_makes_no_others(app, browser):
    tokens = Tokens(app.state.desk.database, app.state.desk.trail)
    secret, _ = tokens.make("root", "root", "people", frozenset({Right.MANAGE_PEOPLE}), 1)
    program = browser()
    program.headers = {"Authorization": f"Bearer {secret}"}
    assert program.get("/people").status_code == 200
    person = {"name": "eve", "password": PASSWORD, "roles": ["admin"]}
    assert program.post("/people", data=person).status_code == 403
    assert program.post("/account/tokens", data={"name": "more", "scopes": ["alerts:read"]}).status_code == 422
    with app.state.desk.database.writing() as connection:
        connection.execute(TOKENS.update().values(expires=written(datetime.now(UTC) - timedelta(seconds=1))))
    assert program.get("/people").status_code == 303
    with pytest.raises(AdrwatchError, match="do not give"):
        tokens.make("ana", "ana", "too much", frozenset({Right.SEE_AUDIT}))


@pytest.mark.parametrize(
    "headers",
    [{"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://example.org"}, {}],
)
def test_requests_of_other_pages_change_nothing(browser, headers):
    client = browser("ana")
    del client.headers["Sec-Fetch-Site"]
    answer = client.post("/api/v1/alerts", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert client.post("/api/v1/alerts", headers={"Origin": HOME}).status_code == 200
    # A header of no token does not make a session of it.
    assert client.post("/api/v1/alerts", headers={**headers, "Authorization": "Bearer adrw_none"}).status_code == 401


def test_another_host_is_refused(browser):
    assert browser("ana").get("/alerts", headers={"Host": "example.org"}).status_code == 400


def test_with_the_database_away_nobody_is_let_in(app, browser, monkeypatch):
    client = browser("ana")

    def away(*_: object) -> None:
        raise DependencyAway("the database does not answer", fix="start it")

    monkeypatch.setattr(Sessions, "person", away)
    answer = client.get("/alerts")
    assert answer.status_code == 503
    assert "does not answer" in answer.text
    assert "Traceback" not in answer.text


def test_every_answer_has_the_headers_and_nothing_of_a_person_is_kept(browser):
    headers = browser("ana").get("/alerts").headers
    assert "script-src 'self'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert "strict-transport-security" not in headers


def test_by_https_the_cookie_is_bound_to_the_host(people, place, browser):
    app = application(place.model_copy(update={"dashboard_url": "https://adr.example.org"}))
    client = browser(around=lambda _: app)
    client.base_url = "https://adr.example.org"
    answer = sign_in(client, "ana")
    assert answer.headers["set-cookie"].startswith("__Host-adrwatch=")
    assert "Secure" in answer.headers["set-cookie"]
    assert "strict-transport-security" in answer.headers
    assert client.get("/alerts").status_code == 200


def test_the_api_is_asked_six_hundred_times_a_minute(browser):
    client = browser()
    codes = [client.get("/api/v1/alerts").status_code for _ in range(601)]
    assert 429 not in codes[:600]
    assert codes[600] == 429


@pytest.mark.parametrize("there", ["//example.org", "https://example.org", "/\\example.org", "javascript:x", ""])
def test_after_the_sign_in_nobody_is_sent_elsewhere(browser, there):
    assert sign_in(browser(), "ana", next=there).headers["location"] == "/"


def test_development_lets_everybody_in_on_the_loopback_only(place, browser):
    here = place.model_copy(update={"dashboard_access": "development"})
    middleware.check_access(here)
    client = browser(around=lambda _: application(here))
    assert client.get("/audit").json() == {"name": "development"}
    assert client.get("/audit", headers={"Host": "rebound.example.org"}).status_code == 400
    client.headers["Sec-Fetch-Site"] = "cross-site"
    assert client.post("/api/v1/alerts", headers={"Authorization": "Bearer x"}).status_code == 403
    with pytest.raises(AdrwatchError, match="everybody"):
        middleware.check_access(load(dashboard_access="development", dashboard_host="0.0.0.0"))  # noqa: S104

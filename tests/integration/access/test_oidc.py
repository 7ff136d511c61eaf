"""People whom a provider of OpenID Connect signs in, and providers that do it wrongly."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from services.dashboard.access.people import People
from services.dashboard.access.rights import Role
from services.dashboard.access.sign_in import check_access
from shared.errors import AdrwatchError
from tests.integration.access.conftest import PASSWORD, application, sign_in
from tests.oidc_provider import CLIENT, SECRET, Provider, provider


@pytest.fixture
def there() -> Iterator[Provider]:
    with provider() as found:
        yield found


@pytest.fixture
def client(there, place, monkeypatch, browser):
    for name, value in {
        "ISSUER": there.address, "CLIENT_ID": CLIENT, "CLIENT_SECRET": SECRET, "ROLES": "safety=assessor,it=operator",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"ADRWATCH_DASHBOARD_OIDC_{name}", value)
    from shared import settings

    settings.current.cache_clear()
    check_access(settings.current())
    app = application(settings.current())
    return browser(around=lambda _: app)


def come_back(client, there="/alerts"):
    begun = client.get("/sign-in/oidc", params={"next": there})
    assert begun.status_code == 303, begun.text
    back = httpx.get(begun.headers["location"]).headers["location"]
    return client.get(back, headers={"Sec-Fetch-Site": "cross-site"})


def test_who_has_a_group_with_a_role_is_let_in_and_signs_out_of_both(client, there):
    assert "organisation" in client.get("/sign-in").text
    answer = come_back(client, "/alerts?lane=fast")
    assert answer.headers["location"] == "/alerts?lane=fast"
    assert client.get("/alerts").json() == {"name": "mira", "by": "session"}
    assert client.get("/audit").status_code == 403
    out = client.post("/sign-out")
    assert out.headers["refresh"].startswith(f"0; url={there.address}/end?client_id={CLIENT}")
    assert client.get("/alerts").status_code == 303


def test_roles_are_those_of_the_groups_at_each_sign_in_and_who_is_in_none_is_told_which_count(client, there, people):
    come_back(client)
    there.claims = {"groups": ["it"]}
    come_back(client)
    assert people.one("mira").roles == {Role.operator}
    there.claims = {"groups": ["elsewhere"]}
    answer = come_back(client)
    assert answer.status_code == 403
    assert "safety, it" in answer.text


def test_nobody_becomes_a_local_person_by_a_name_at_the_provider(client, there, people):
    there.claims = {"preferred_username": "root"}
    come_back(client)
    name = client.get("/alerts").json()["name"]
    assert name.startswith("root-")
    assert people.one("root").roles == {Role.admin}
    people.set_active(name, False)
    assert client.get("/alerts").status_code == 303
    assert come_back(client).status_code == 403


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "another"}, {"aud": "another"}, {"aud": [CLIENT, "other"], "azp": "other"}, {"exp": int(time.time()) - 3600},
        {"iss": "https://example.org"}, {"sub": None},
    ],
    ids=["nonce", "audience", "authorized party", "expired", "issuer", "nobody"],
)  # fmt: skip
def test_a_word_of_the_provider_that_is_not_for_this_sign_in_lets_nobody_in(client, there, claims):
    there.claims = claims
    assert come_back(client).status_code == 403
    assert client.get("/alerts").status_code == 303


@pytest.mark.parametrize("fault", ["bad signature", "alg none", "no keys"])
def test_a_word_that_the_provider_did_not_sign_lets_nobody_in(client, there, fault):
    there.fault = fault
    answer = come_back(client)
    assert answer.status_code == 403
    assert "does not hold" in answer.text
    assert client.get("/alerts").status_code == 303


def test_an_answer_to_a_sign_in_of_another_browser_is_refused(client, browser):
    begun = client.get("/sign-in/oidc")
    back = httpx.get(begun.headers["location"]).headers["location"]
    kept = dict(client.cookies)
    client.cookies.clear()
    assert client.get(back).status_code == 403
    client.cookies.update(kept)
    assert client.get(f"{back}x").status_code == 403
    assert client.get("/alerts").status_code == 303


@pytest.mark.parametrize("fault", ["down", "another issuer"])
def test_with_the_provider_away_passwords_still_let_in(client, there, people, fault):
    there.fault = fault
    answer = client.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "ADRWATCH_DASHBOARD_OIDC_ISSUER" in answer.text
    assert sign_in(client, "ana", PASSWORD).status_code == 303


def test_a_provider_without_roles_or_id_keeps_the_worker_from_starting(place):
    with pytest.raises(AdrwatchError, match="nobody could sign in") as raised:
        check_access(place.model_copy(update={"dashboard_oidc_issuer": "https://example.org"}))
    assert "CLIENT_ID" in raised.value.fix


def test_people_of_a_provider_have_no_password_here(client, app, people):
    come_back(client)
    with pytest.raises(AdrwatchError, match="no password"):
        People(app.state.desk.database, app.state.desk.trail, "root").set_password("mira", PASSWORD)
    assert sign_in(client, "mira", PASSWORD).status_code == 401

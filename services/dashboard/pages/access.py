"""Signing in and out, one's own account, and the people of the team."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request
from fastapi.responses import RedirectResponse, Response

from services.dashboard.access.guard import ForbiddenError, needs, open_to_all, signed_in
from services.dashboard.access.oidc import CALLBACK, KEY, STARTED_SECONDS, Provider
from services.dashboard.access.people import People, roles_of
from services.dashboard.access.rates import TooManyError
from services.dashboard.access.rights import Person, Right, Role
from services.dashboard.access.sessions import LONGEST, Sessions, cookie_name, secure
from services.dashboard.access.sign_in import address
from services.dashboard.access.tokens import DAYS, MOST_DAYS, Tokens, scopes_of
from services.dashboard.desk import Desk, TheDesk, desk_of
from services.dashboard.rendering import page
from shared.errors import AdrwatchError, DependencyAway
from shared.metrics import SIGN_INS

router = APIRouter()

Admin = Annotated[Person, needs(Right.MANAGE_PEOPLE)]
Name = Annotated[str, Form(max_length=60)]
Password = Annotated[str, Form(max_length=1000)]


def _by_session(who: Annotated[Person, signed_in]) -> Person:
    """Who is there in person: a token must not make others, or change its owner's password."""
    if who.by != "session":
        raise AdrwatchError("this is for people who have signed in", fix="sign in with a browser")
    return who


Owner = Annotated[Person, Depends(_by_session)]


@router.get("/sign-in", dependencies=[open_to_all])
def sign_in_form(request: Request, next: str = "/") -> Response:
    """The form, or, for who is signed in, where they wanted to go."""
    there = local(next)
    if request.state.person is not None:
        return RedirectResponse(there, status_code=303)
    return _form(request, 200, there)


@router.post("/sign-in", dependencies=[open_to_all])
def sign_in(
    request: Request, desk: TheDesk, name: Name, password: Password, next: Annotated[str, Form()] = "/"
) -> Response:
    """Begin a session, or say that name and password do not go together."""
    there = local(next)
    try:
        request.state.rates.sign_in(name, address(request))
    except TooManyError as error:
        said = f"{error.message}: {error.fix}"
        return _form(request, 429, there, said, {"Retry-After": str(error.wait)})
    account = People(desk.database, desk.trail, name).check(name, password)
    if account is None:
        said = "name and password do not go together, or the person is not active any more: ask an admin for a new password"
        return _form(request, 401, there, said)
    request.state.rates.signed_in(name)
    answer = RedirectResponse(there, status_code=303)
    _keep(answer, desk, Sessions(desk.database, desk.trail).begin(account.name, _held(request, desk)))
    return answer


@router.get("/sign-in/oidc", dependencies=[open_to_all])
def begin_at_provider(request: Request, desk: TheDesk, next: str = "/") -> Response:
    """Send the browser to the provider; where that is away, say so, beside the form for passwords."""
    there = local(next)
    try:
        url, kept = _provider(desk).begin(there)
    except AdrwatchError as error:
        return _form(request, 503, there, f"{error.message}: {error.fix}")
    answer = RedirectResponse(url, status_code=303)
    answer.set_cookie(
        _started(desk), kept, max_age=STARTED_SECONDS, secure=secure(desk.settings), httponly=True, samesite="lax"
    )
    return answer


@router.get(CALLBACK, dependencies=[open_to_all])
def end_at_provider(request: Request, desk: TheDesk) -> Response:
    """Where the provider sends the browser back to: begin a session, or say why there is none."""
    try:
        identity, there = _provider(desk).end(request.cookies.get(_started(desk)), request.query_params)
        account = People(desk.database, desk.trail, "provider").known_by(identity)
        secret = Sessions(desk.database, desk.trail).begin(account.name, _held(request, desk))
        answer: Response = RedirectResponse(local(there), status_code=303)
        _keep(answer, desk, secret)
    except AdrwatchError as error:
        SIGN_INS.labels("refused").inc()
        status = 503 if isinstance(error, DependencyAway) else 403
        answer = _form(request, status, "/", f"{error.message}: {error.fix}")
    answer.delete_cookie(_started(desk), secure=secure(desk.settings), httponly=True, samesite="lax")
    return answer


@router.post("/sign-out", dependencies=[open_to_all])
def sign_out(request: Request, desk: TheDesk) -> Response:
    """End the session, here and in the database, and then that of the provider, where one began it."""
    held, who = _held(request, desk), request.state.person
    answer: Response = RedirectResponse("/sign-in", status_code=303)
    if held is not None and who is not None and who.by == "session":
        Sessions(desk.database, desk.trail).end(who.name, held)
        if further := _sign_out_further(desk, who):
            # No redirect: browsers hold those of a form to the policy of its page, which names no other host.
            request.state.person = None
            answer = page(request, "access/signed_out.html", 200, {"Refresh": f"0; url={further}"}, further=further)
    answer.delete_cookie(cookie_name(desk.settings), secure=secure(desk.settings), httponly=True, samesite="lax")
    return answer


@router.get("/account")
def account(request: Request, desk: TheDesk, who: Owner) -> Response:
    """One's own roles, sessions and tokens."""
    return _account(request, desk, who)


@router.post("/account/password")
def change_password(request: Request, desk: TheDesk, who: Owner, old: Password, new: Password) -> Response:
    """Another password; all sessions end but this one, which begins anew."""
    request.state.rates.sign_in(who.name, address(request))
    people = People(desk.database, desk.trail, who.name)
    if people.check(who.name, old) is None:
        raise AdrwatchError("the old password is another", fix="type it again")
    request.state.rates.signed_in(who.name)
    people.set_password(who.name, new)
    answer = RedirectResponse("/account", status_code=303)
    _keep(answer, desk, Sessions(desk.database, desk.trail).begin(who.name))
    return answer


@router.post("/account/sessions")
def end_others(request: Request, desk: TheDesk, who: Owner) -> Response:
    """End one's other sessions."""
    Sessions(desk.database, desk.trail).end_all(who.name, who.name, _held(request, desk))
    return RedirectResponse("/account", status_code=303)


@router.post("/account/tokens")
def make_token(
    request: Request, desk: TheDesk, who: Owner, name: Annotated[str, Form(max_length=100)],
    scopes: Annotated[list[str], Form(max_length=len(Right))], days: Annotated[int, Form()] = DAYS,
) -> Response:  # fmt: skip
    """A token; its secret is on this answer and nowhere else."""
    secret, _ = Tokens(desk.database, desk.trail).make(who.name, who.name, name, scopes_of(scopes), days)
    return _account(request, desk, who, secret)


@router.post("/account/tokens/{token}/revoke")
def revoke_token(desk: TheDesk, who: Owner, token: str) -> Response:
    """End one of one's own tokens."""
    Tokens(desk.database, desk.trail).revoke(who.name, token, who.name)
    return RedirectResponse("/account", status_code=303)


@router.get("/people")
def people(request: Request, desk: TheDesk, who: Admin) -> Response:
    """Everybody who may use the dashboard."""
    found = People(desk.database, desk.trail, who.name).all()
    return page(request, "access/people.html", people=found, roles=list(Role))


@router.post("/people")
def add_person(
    desk: TheDesk, who: Admin, name: Name, password: Password, roles: Annotated[list[str], Form()],
    display: Annotated[str, Form(max_length=100)] = "",
) -> Response:  # fmt: skip
    """Somebody new."""
    _in_person(who)
    People(desk.database, desk.trail, who.name).add(name, roles_of(roles), password, display)
    return RedirectResponse("/people", status_code=303)


@router.post("/people/{name}/roles")
def set_roles(desk: TheDesk, who: Admin, name: str, roles: Annotated[list[str], Form()]) -> Response:
    """Other roles."""
    _in_person(who)
    wanted = roles_of(roles)
    if name == who.name and Role.admin not in wanted:
        raise AdrwatchError("you would not be an admin any more", fix="ask another admin to do it")
    People(desk.database, desk.trail, who.name).set_roles(name, wanted)
    return RedirectResponse("/people", status_code=303)


@router.post("/people/{name}/active")
def set_active(desk: TheDesk, who: Admin, name: str, active: Annotated[bool, Form()]) -> Response:
    """Let somebody go, or back in."""
    _in_person(who)
    if name == who.name:
        raise AdrwatchError("you would shut yourself out", fix="ask another admin to do it")
    People(desk.database, desk.trail, who.name).set_active(name, active)
    return RedirectResponse("/people", status_code=303)


@router.post("/people/{name}/sessions")
def end_sessions(desk: TheDesk, who: Admin, name: str) -> Response:
    """Sign somebody out everywhere."""
    _in_person(who)
    Sessions(desk.database, desk.trail).end_all(who.name, People(desk.database, desk.trail, who.name).one(name).name)
    return RedirectResponse("/people", status_code=303)


def local(there: str) -> str:
    """An address of this dashboard; for one of anywhere else the first page."""
    plain = there.startswith("/") and not there.startswith(("//", "/\\")) and there.isprintable()
    return there if plain and "\\" not in there else "/"


def _in_person(who: Person) -> None:
    """A token may list people, and change none."""
    if who.by == "token":
        raise ForbiddenError(Right.MANAGE_PEOPLE)


def _provider(desk: Desk) -> Provider:
    return Provider(desk.settings, desk.trail.derived_key(KEY))


def _sign_out_further(desk: Desk, who: Person) -> str | None:
    """The provider's address to sign out at; without an answer of the provider the session here has ended all the same."""
    if desk.settings.dashboard_oidc_issuer is None or People(desk.database, desk.trail, who.name).one(who.name).local:
        return None
    try:
        return _provider(desk).sign_out_address()
    except AdrwatchError:
        return None


def _started(desk: Desk) -> str:
    """Name of the cookie of a sign-in at the provider that has begun."""
    return f"{cookie_name(desk.settings)}-started"


def _form(
    request: Request, status: int, there: str, problem: str = "", headers: dict[str, str] | None = None
) -> Response:
    provider = desk_of(request).settings.dashboard_oidc_issuer is not None
    return page(request, "access/sign_in.html", status, headers, next=there, problem=problem, provider=provider)


def _held(request: Request, desk: Desk) -> str | None:
    return request.cookies.get(cookie_name(desk.settings))


def _keep(answer: Response, desk: Desk, secret: str) -> None:
    answer.set_cookie(
        cookie_name(desk.settings), secret, max_age=int(LONGEST.total_seconds()), secure=secure(desk.settings),
        httponly=True, samesite="lax",
    )  # fmt: skip


def _account(request: Request, desk: Desk, who: Person, secret: str = "") -> Response:
    return page(
        request, "access/account.html", secret=secret, days=DAYS, most_days=MOST_DAYS, rights=sorted(who.rights),
        account=People(desk.database, desk.trail, who.name).one(who.name),
        sessions=Sessions(desk.database, desk.trail).of(who.name),
        tokens=[token for token in Tokens(desk.database, desk.trail).of(who.name) if not token.revoked],
    )  # fmt: skip

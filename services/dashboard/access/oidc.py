"""Sign-in by OpenID Connect: authorization code with PKCE (RFC 7636), state and nonce (OpenID Connect Core 1.0, 3.1).

What a sign-in needs until the browser comes back stands in a signed cookie of ten minutes, so that any process can end what another
began. The provider's description and keys are read at each sign-in: sign-ins are few, and keys change.
"""

from __future__ import annotations

import hmac
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import itsdangerous
from authlib.common.errors import AuthlibBaseError
from authlib.deprecate import AuthlibDeprecationWarning
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.dashboard.access.rights import Role
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings

with warnings.catch_warnings():
    # It would rather use a younger library than httpx, and says so on standard error, which is for our own lines.
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)
    from authlib.integrations.httpx_client import OAuth2Client

CALLBACK = "/sign-in/oidc/callback"
KEY, STARTED_SECONDS = "sign-in by OpenID Connect", 600
_PATIENCE_SECONDS = 10
_CLOCKS_DIFFER_SECONDS = 60
# Signatures by a key of the provider: never none, and none by a secret that both have.
_ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA"]
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class NotAdmittedError(AdrwatchError):
    """The provider knows the person, but no group of theirs has a role here."""


@dataclass(frozen=True)
class Identity:
    """Who somebody is, as the provider says."""

    issuer: str
    subject: str
    name: str
    display: str
    roles: frozenset[Role]


class Provider:
    """The provider of the settings, and us as its client. `key` signs what the browser keeps during a sign-in."""

    def __init__(self, settings: Settings, key: bytes) -> None:
        if settings.dashboard_oidc_issuer is None or settings.dashboard_oidc_client_id is None:
            raise AdrwatchError(
                "sign-in by a provider is not set up",
                fix="set ADRWATCH_DASHBOARD_OIDC_ISSUER and ADRWATCH_DASHBOARD_OIDC_CLIENT_ID, or use a password",
            )
        self._issuer, self._client_id = settings.dashboard_oidc_issuer, settings.dashboard_oidc_client_id
        if (address := urlsplit(self._issuer)).scheme != "https" and address.hostname not in _LOOPBACK:
            raise AdrwatchError(
                f"the provider {self._issuer} could be played by anybody in between",
                fix="set ADRWATCH_DASHBOARD_OIDC_ISSUER to an https address",
            )
        self._secret = settings.dashboard_oidc_client_secret
        self._home = settings.dashboard_address
        self._claim, self._roles = settings.dashboard_oidc_claim, roles_by_group(settings.dashboard_oidc_roles)
        self._kept = itsdangerous.URLSafeTimedSerializer(key)

    def begin(self, there: str) -> tuple[str, str]:
        """Where the browser is to go, and what it keeps until it comes back. Raises DependencyAway, AdrwatchError."""
        started = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        address = self._described()["authorization_endpoint"]
        with self._client() as client:
            url, _ = client.create_authorization_url(
                address, state=started["state"], nonce=started["nonce"], code_verifier=started["verifier"]
            )
        return url, self._sealed(started | {"next": there})

    def end(self, kept: str | None, answer: Mapping[str, str]) -> tuple[Identity, str]:
        """Who came back, and where they wanted to go.

        Raises DependencyAway, NotAdmittedError, or AdrwatchError for an answer that is not to what was begun.
        """
        started = self._opened(kept)
        if not hmac.compare_digest(answer.get("state", "").encode(), started["state"].encode()):
            raise AdrwatchError("this answer is not to your sign-in", fix="sign in again")
        if "code" not in answer:
            raise AdrwatchError("the provider did not sign you in", fix="sign in again, or ask who runs it")
        described = self._described()
        try:
            with self._client() as client:
                token = client.fetch_token(
                    described["token_endpoint"], grant_type="authorization_code", code=answer["code"],
                    code_verifier=started["verifier"],
                )  # fmt: skip
        except httpx.HTTPError as error:
            raise self._away(error) from None
        except (AuthlibBaseError, ValueError):
            raise AdrwatchError(
                "the provider did not take its own code back",
                fix="sign in again; if it stays, check ADRWATCH_DASHBOARD_OIDC_CLIENT_ID and …_CLIENT_SECRET",
            ) from None
        claims = self._claims(str(token.get("id_token", "")), self._read(described["jwks_uri"]), started["nonce"])
        return self._identity(claims), started["next"]

    def sign_out_address(self) -> str | None:
        """Where the browser ends the provider's own session; None where the provider has no such address."""
        address = self._described().get("end_session_endpoint")
        if address is None:
            return None
        back = {"client_id": self._client_id, "post_logout_redirect_uri": f"{self._home}/sign-in"}
        return f"{address}{'&' if urlsplit(address).query else '?'}{urlencode(back)}"

    def _claims(self, token: str, keys: dict[str, Any], nonce: str) -> dict[str, Any]:
        try:
            claims = jwt.decode(token, KeySet.import_key_set(keys), algorithms=_ALGORITHMS).claims  # type: ignore[arg-type]
            jwt.JWTClaimsRegistry(
                leeway=_CLOCKS_DIFFER_SECONDS,
                iss={"essential": True, "value": self._issuer},
                aud={"essential": True, "value": self._client_id},
                exp={"essential": True},
                iat={"essential": True},
                sub={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
            if claims.get("azp", self._client_id) != self._client_id:
                raise ValueError("azp")
        except (JoseError, ValueError, KeyError, TypeError) as error:
            raise AdrwatchError(
                f"the provider's word on who you are does not hold ({type(error).__name__})",
                fix="sign in again; if it stays, check ADRWATCH_DASHBOARD_OIDC_ISSUER, …_CLIENT_ID and the clocks",
            ) from None
        return claims

    def _identity(self, claims: dict[str, Any]) -> Identity:
        said = claims.get(self._claim, [])
        groups = {said} if isinstance(said, str) else {str(group) for group in said if isinstance(said, list)}
        roles = frozenset(role for group, role in self._roles.items() if group in groups)
        if not roles:
            raise NotAdmittedError(
                "none of your groups has a role here", fix=f"ask to be put into one of: {', '.join(self._roles)}"
            )
        subject = str(claims["sub"])
        name = str(claims.get("preferred_username") or subject)
        return Identity(self._issuer, subject, name, str(claims.get("name") or name), roles)

    def _described(self) -> dict[str, Any]:
        found = self._read(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")
        missing = {"authorization_endpoint", "token_endpoint", "jwks_uri"} - found.keys()
        if found.get("issuer") != self._issuer or missing:
            raise AdrwatchError(
                f"what {self._issuer} says of itself is not of a provider of that name",
                fix="set ADRWATCH_DASHBOARD_OIDC_ISSUER to the issuer exactly as the provider writes it",
            )
        return found

    def _read(self, address: str) -> dict[str, Any]:
        try:
            answer = httpx.get(address, timeout=_PATIENCE_SECONDS).raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise self._away(error) from None
        return answer if isinstance(answer, dict) else {}

    def _away(self, error: Exception) -> DependencyAway:
        return DependencyAway(
            f"the provider {self._issuer} does not answer as one ({type(error).__name__})",
            fix="try again, or sign in with a password; operators check ADRWATCH_DASHBOARD_OIDC_ISSUER",
        )

    def _client(self) -> Any:
        return OAuth2Client(
            self._client_id, self._secret.get_secret_value() if self._secret else None,
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
            scope="openid profile", redirect_uri=f"{self._home}{CALLBACK}", code_challenge_method="S256",
            timeout=_PATIENCE_SECONDS,
        )  # fmt: skip

    def _sealed(self, started: dict[str, str]) -> str:
        found = self._kept.dumps(started)
        return found if isinstance(found, str) else found.decode()

    def _opened(self, kept: str | None) -> dict[str, str]:
        try:
            found: dict[str, str] = self._kept.loads(kept or "", max_age=STARTED_SECONDS)
        except itsdangerous.BadData:
            raise AdrwatchError(
                "your sign-in took more than ten minutes, or began elsewhere", fix="sign in again"
            ) from None
        return found


def roles_by_group(words: str) -> dict[str, Role]:
    """Which role each group of the provider has, from `group=role,group=role`."""
    pairs = (pair.rpartition("=") for pair in words.split(",") if pair)
    return {group.strip(): Role(role.strip()) for group, _, role in pairs}

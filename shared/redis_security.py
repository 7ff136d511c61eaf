"""How clients prove to Redis who they are, and whom they trust; and what is said where it refuses them.

ADRWATCH_REDIS_URL says where it is and, by `rediss`, whether the line is encrypted. Name and password may stand in it, or in
settings of their own.
"""

from __future__ import annotations

import re
from typing import Any

from redis import exceptions

from shared.errors import AccessRefused, DependencyAway
from shared.settings import Settings, plain_address
from shared.tls import Tls, found_in

ENCRYPTED = "rediss://"
# What redis-py raises where the server does not know the user, or the user may not do this.
REFUSED = (
    exceptions.AuthenticationError,
    exceptions.AuthenticationWrongNumberOfArgsError,
    exceptions.AuthorizationError,
    exceptions.NoPermissionError,
)
# Errors that another try can mend, or a person: the server is away, starting, failing over, full, or refuses us.
AWAY = (
    OSError,
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    exceptions.ReadOnlyError,
    exceptions.OutOfMemoryError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    exceptions.MasterDownError,
    *REFUSED,
)
_RIGHT = re.compile(
    r"no permissions to (?:run the '([\w|-]+)' command|access (?:one of the |a )?(keys?|channels?))", re.I
)


def client_options(settings: Settings) -> dict[str, Any]:
    """Options beside the URL for the clients of redis-py, of one server and of a cluster. What the URL says goes first.

    Raises AdrwatchError where a file of certificates cannot be used.
    """
    options: dict[str, Any] = {}
    if settings.redis_username is not None:
        options["username"] = settings.redis_username
    if settings.redis_password is not None:
        options["password"] = settings.redis_password.get_secret_value()
    if settings.require("redis_url").startswith(ENCRYPTED):
        tls = Tls.of(settings, "REDIS")
        files = {"ssl_ca_certs": tls.ca_file, "ssl_certfile": tls.cert_file, "ssl_keyfile": tls.key_file}
        options |= {name: str(path) for name, path in files.items() if path is not None}
    return options


def away(url: str, error: Exception) -> DependencyAway:
    """What is wrong with the Redis at a URL, by the error of redis-py: a refusal, or that it does not answer.

    Names no key and no argument: redis-py's own message of a failed pipeline holds them.
    """
    at = f"Redis at {plain_address(url)}"
    if isinstance(error, exceptions.NoPermissionError):
        right = _RIGHT.search(str(error))
        what = "not enough rights" if right is None else f"no right to {right[1] or right[2]}"
        return AccessRefused(f"{at}: this user has {what}", fix="give it the rights of `adrwatch rights redis`")
    if isinstance(error, REFUSED):
        return AccessRefused(
            f"{at} does not know this user with this password",
            fix="mend ADRWATCH_REDIS_USERNAME, ADRWATCH_REDIS_PASSWORD or ADRWATCH_REDIS_URL",
        )
    if (broken := found_in(error)) is not None:
        return AccessRefused(
            f"{at}: {Tls('REDIS').reason(broken)}", fix="docs/runbooks/security.md says how certificates are made"
        )
    return DependencyAway(
        f"Redis does not answer at {plain_address(url)}: {type(error).__name__}",
        fix="start it, or mend ADRWATCH_REDIS_URL",
    )

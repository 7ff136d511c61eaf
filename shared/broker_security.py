"""How clients prove to Kafka who they are, and whom they trust: by the settings ADRWATCH_KAFKA_SECURITY and those after it.

The words are Kafka's own: a protocol says whether the line is encrypted (SSL) and whether the client names itself (SASL). With
SSL the client may also show a certificate, which then is its name.
"""

from __future__ import annotations

from typing import Any

from shared.errors import AccessRefused, DependencyAway
from shared.settings import Settings
from shared.tls import Tls

OPEN = "PLAINTEXT"


def client_options(settings: Settings) -> dict[str, Any]:
    """Options that kafka-python and aiokafka share. Raises AdrwatchError where a file of certificates cannot be used."""
    options: dict[str, Any] = {"security_protocol": settings.kafka_security}
    if _encrypted(settings):
        options["ssl_context"] = Tls.of(settings, "KAFKA").context()
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = _password(settings)
    return options


def faust_credentials(settings: Settings) -> Any:
    """What a Faust application takes as `broker_credentials`; None for a broker that asks for nothing. Raises as above."""
    import faust

    context = Tls.of(settings, "KAFKA").context() if _encrypted(settings) else None
    if not settings.kafka_security.startswith("SASL"):
        return None if context is None else faust.SSLCredentials(context)
    return faust.SASLCredentials(
        username=settings.kafka_username,
        password=_password(settings),
        mechanism=settings.kafka_sasl_mechanism,
        ssl_context=context,
    )


def without_credentials(settings: Settings, bootstrap: str) -> Settings:
    """The settings for another broker than one's own: it hears no password, and is spoken to in the open."""
    return settings.model_copy(
        update={
            "kafka_bootstrap": bootstrap, "kafka_security": OPEN, "kafka_username": None, "kafka_password": None,
            "kafka_ca_file": None, "kafka_cert_file": None, "kafka_key_file": None,
        }
    )  # fmt: skip


def refusal(settings: Settings, unproven: bool) -> AccessRefused | None:
    """Why the broker lets us not in, where that can be told; `unproven` says that a client was told so when it named itself.

    Blocks for some seconds.
    """
    at = f"Kafka at {settings.kafka_bootstrap}"
    if unproven:
        return AccessRefused(
            f"{at} does not know the user {settings.kafka_username} with this password, by {settings.kafka_sasl_mechanism}",
            fix="mend ADRWATCH_KAFKA_USERNAME, ADRWATCH_KAFKA_PASSWORD or ADRWATCH_KAFKA_SASL_MECHANISM",
        )
    if _encrypted(settings):
        for address in settings.require("kafka_bootstrap").split(","):
            if complaint := Tls.of(settings, "KAFKA").complaint(address):
                return AccessRefused(
                    f"{at}: {complaint}", fix="docs/runbooks/security.md says how certificates are made"
                )
    return None


def unacknowledged(cause: BaseException) -> DependencyAway:
    """What is said of a record that was not acknowledged, by what kafka-python or aiokafka raised."""
    message = f"the broker did not acknowledge: {type(cause).__name__}"
    if "Authorization" in type(cause).__name__:
        return AccessRefused(message, fix="give this user of Kafka the rights that `adrwatch rights kafka` prints")
    return DependencyAway(message)


def _encrypted(settings: Settings) -> bool:
    return settings.kafka_security.endswith("SSL")


def _password(settings: Settings) -> str | None:
    return settings.kafka_password.get_secret_value() if settings.kafka_password is not None else None

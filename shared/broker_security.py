"""How clients prove to Kafka who they are, and whom they trust: by the settings ADRWATCH_KAFKA_SECURITY and those after it.

The words are Kafka's own: a protocol says whether the line is encrypted (SSL) and whether the client names itself (SASL).
"""

from __future__ import annotations

import ssl
from typing import Any

from shared.errors import AdrwatchError
from shared.settings import Settings

OPEN = "PLAINTEXT"


def client_options(settings: Settings) -> dict[str, Any]:
    """Options that kafka-python and aiokafka share. Raises AdrwatchError where the file of authorities cannot be used."""
    options: dict[str, Any] = {"security_protocol": settings.kafka_security}
    if (context := _tls(settings)) is not None:
        options["ssl_context"] = context
    if settings.kafka_security.startswith("SASL"):
        options["sasl_mechanism"] = settings.kafka_sasl_mechanism
        options["sasl_plain_username"] = settings.kafka_username
        options["sasl_plain_password"] = _password(settings)
    return options


def faust_credentials(settings: Settings) -> Any:
    """What a Faust application takes as `broker_credentials`; None for a broker that asks for nothing. Raises as above."""
    import faust

    context = _tls(settings)
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
            "kafka_ca_file": None,
        }
    )  # fmt: skip


def _password(settings: Settings) -> str | None:
    return settings.kafka_password.get_secret_value() if settings.kafka_password is not None else None


def _tls(settings: Settings) -> ssl.SSLContext | None:
    """The authorities of the system, or those of the settings; None for a line that is not encrypted."""
    if not settings.kafka_security.endswith("SSL"):
        return None
    try:
        return ssl.create_default_context(cafile=settings.kafka_ca_file)
    except OSError as error:
        # ssl.SSLError, for a file that holds no certificate, is one.
        raise AdrwatchError(
            f"ADRWATCH_KAFKA_CA_FILE {settings.kafka_ca_file} cannot be used: {error.strerror or error}",
            fix="give a file with the certificates, in PEM, of those who vouch for your brokers",
        ) from None

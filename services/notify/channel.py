"""What a channel is: where it goes, what it wants to know, and where its secrets are.

docs/notifications.md describes every key.
"""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from shared.events import Alert
from shared.secret_place import SecretPlace, Words

_PORTS = {"starttls": 587, "tls": 465, "none": 25}

Url = Annotated[str, Meta(pattern=r"^https?://[^\s/]+\S*$")]
Address = Annotated[str, Meta(pattern=r"^[^\s@<>,]+@[^\s@<>,]+$")]


class _Channel(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, tag_field="type"):
    """What channels of every type have. An empty filter lets everything pass; several must all let an alert pass."""

    kinds: tuple[Literal["disproportionality", "single_report"], ...] = ()
    lanes: tuple[Literal["signal", "urgent", "special"], ...] = ()
    drugs: tuple[Words, ...] = ()
    digest_hours: Annotated[int, Meta(ge=0, le=168)] = 24
    start: Literal["now", "beginning"] = "now"
    timeout_seconds: Annotated[float, Meta(gt=0, le=120)] = 10.0

    def wants(self, alert: Alert) -> bool:
        """Whether the filters let an alert pass. A drug is meant by its id or its whole name, without case."""
        names = {alert.drug.id.casefold(), alert.drug.label.casefold()}
        return (
            (not self.kinds or alert.kind in self.kinds)
            and (not self.lanes or alert.lane in self.lanes)
            and (not self.drugs or any(drug.casefold() in names for drug in self.drugs))
        )

    def collects(self, alert: Alert) -> bool:
        """Whether an alert waits for the next digest instead of being told at once."""
        return self.digest_hours > 0 and alert.lane == "special"


class Webhook(_Channel, frozen=True, kw_only=True, tag="webhook"):
    """Signed JSON over HTTP (Standard Webhooks)."""

    url: Url
    secret: SecretPlace

    @property
    def address(self) -> str:
        """Where it goes, for people: scheme and host, for paths and queries may hold keys."""
        return "{0.scheme}://{0.netloc}".format(urlsplit(self.url))


class Slack(_Channel, frozen=True, kw_only=True, tag="slack"):
    """An incoming webhook of Slack, or of a chat that takes the same. Its address is a secret."""

    url: SecretPlace

    @property
    def address(self) -> str:
        """Where its address is kept."""
        return f"address in {self.url.env or self.url.file}"


class Email(_Channel, frozen=True, kw_only=True, tag="email"):
    """A mail server, and who gets mail by it."""

    host: Words
    sender: Address
    recipients: Annotated[tuple[Address, ...], Meta(min_length=1)]
    security: Literal["starttls", "tls", "none"] = "starttls"
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    username: Words | None = None
    password: SecretPlace | None = None

    @property
    def at(self) -> tuple[str, int]:
        """Host and port."""
        return self.host, self.port or _PORTS[self.security]

    @property
    def address(self) -> str:
        """Where it goes, for people."""
        return f"{self.host}:{self.at[1]} ({self.security}), {len(self.recipients)} recipients"


class Kafka(_Channel, frozen=True, kw_only=True, tag="kafka"):
    """A topic, of adrwatch's own cluster where no `bootstrap` is given."""

    topic: Annotated[str, Meta(pattern=r"^[a-zA-Z0-9._-]{1,249}$")]
    bootstrap: Annotated[str, Meta(pattern=r"^[^\s,/]+:\d+(,[^\s,/]+:\d+)*$")] | None = None

    @property
    def address(self) -> str:
        """Where it goes, for people."""
        return f"{self.topic} at {self.bootstrap or 'the own broker'}"


Channel = Webhook | Slack | Email | Kafka

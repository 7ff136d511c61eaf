"""The notifiers file: named channels, read and checked with their secrets, which never stand in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from services.notify.channel import Channel, Email, Kafka, Slack, Webhook
from shared import named_tables, secret_file
from shared.errors import AdrwatchError
from shared.settings import Settings
from shared.topics import TOPICS
from shared.webhooks import signing_key

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class Notifiers:
    """The channels by name. `link` is the address of one alert, with `{id}` in it."""

    channels: dict[str, Channel]
    link: str | None = None

    def channel(self, name: str) -> Channel:
        """One channel. Raises AdrwatchError where there is none of that name."""
        if name not in self.channels:
            raise AdrwatchError(f"there is no channel {name}", fix=f"channels are {', '.join(self.channels)}")
        return self.channels[name]


def load(settings: Settings) -> Notifiers:
    """The channels of the settings, every secret looked up once. Raises AdrwatchError naming the first thing that is wrong."""
    found, wrong = examine(settings)
    if wrong:
        raise wrong[0]
    return found


def examine(settings: Settings) -> tuple[Notifiers, list[AdrwatchError]]:
    """The channels that are right, and everything that is wrong. Raises AdrwatchError where the file cannot be read at all."""
    raw = _read(settings.notifiers_file)
    tables = raw.get("channels")
    if not isinstance(tables, dict) or not tables:
        raise AdrwatchError(f"{settings.notifiers_file} has no channel", fix="write a table such as [channels.desk]")
    wrong = [
        named_tables.unknown(key, ("channels", "link"), str(settings.notifiers_file))
        for key in raw.keys() - {"channels", "link"}
    ]
    link = raw.get("link")
    if link is not None and not (isinstance(link, str) and re.match(r"https?://", link) and "{id}" in link):
        wrong.append(AdrwatchError(f"link is {link!r}", fix="give an address with {id} in it, or leave it out"))
    channels: dict[str, Channel] = {}
    for name, table in tables.items():
        try:
            channels[name] = _channel(name, table, settings)
        except AdrwatchError as error:
            wrong.append(error)
    return Notifiers(channels, link), wrong


def _read(path: Path | None) -> dict[str, Any]:
    if path is None:
        raise AdrwatchError(
            "no notification channels are configured", fix="set ADRWATCH_NOTIFIERS_FILE (docs/notifications.md)"
        )
    return named_tables.read(path, "ADRWATCH_NOTIFIERS_FILE")


def _channel(name: str, table: Any, settings: Settings) -> Channel:
    where = f"channel {name}"
    if not _NAME.fullmatch(name):
        raise AdrwatchError(f"{where}: no name for a channel", fix="use small letters, digits and hyphens, 40 at most")
    channel: Channel = named_tables.convert(where, table, (Webhook, Slack, Email, Kafka), "docs/notifications.md")
    _check(where, channel, settings)
    return channel


def _check(where: str, channel: Channel, settings: Settings) -> None:
    """What the types of the fields do not tell. Reads every secret, so that one that is missing is known at once."""
    match channel:
        case Webhook():
            if "@" in urlsplit(channel.url).netloc:
                raise AdrwatchError(f"{where}: the url holds a password", fix="leave it out; requests are signed")
            if len(signing_key(channel.secret.read(f"{where}: secret"), where)) < secret_file.LEAST:
                raise AdrwatchError(
                    f"{where}: the secret is shorter than {secret_file.LEAST} bytes", fix="make a longer one"
                )
        case Slack():
            if not re.match(r"https?://\S+$", channel.url.read(f"{where}: url")):
                raise AdrwatchError(f"{where}: the url is none", fix="copy the address of the incoming webhook")
        case Email():
            if (channel.username is None) != (channel.password is None):
                raise AdrwatchError(f"{where}: username and password go together", fix="give both or none")
            if channel.password is not None:
                channel.password.read(f"{where}: password")
                if channel.security == "none" and channel.host not in _LOOPBACK:
                    raise AdrwatchError(f"{where}: the password would go unencrypted", fix='set security = "starttls"')
        case Kafka():
            own = {topic.name(settings.topic_prefix) for topic in TOPICS}
            if channel.bootstrap is None and channel.topic in own:
                raise AdrwatchError(f"{where}: {channel.topic} is a topic of adrwatch itself", fix="give another topic")

"""Webhooks: signed JSON by the Standard Webhooks specification, and the plain text that Slack's incoming webhooks take.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import time
from collections.abc import Mapping

import httpx
import msgspec

from services.notify import words
from services.notify.channel import Slack, Webhook
from services.notify.channels.base import Away, Refused
from shared import retry_after
from shared.events import Notification, encode
from shared.webhooks import signed, signing_key

# An answer that another attempt may mend; every other answer that is no 2xx is final (RFC 9110, RFC 6585, RFC 8470).
_AGAIN = frozenset({408, 425, 429, *range(500, 600)})
# However long a receiver asks for peace, it is asked again after this many seconds.
MOST_PEACE = 3600.0
_REACH = "see that the url is right, and that its receiver runs"


class WebhookCarrier:
    """Posts a notification as JSON, with its id, the time and a signature over both and the body."""

    def __init__(self, channel: Webhook) -> None:
        self._url = channel.url
        self._key = signing_key(channel.secret.read("secret"), "webhook")
        self._client = httpx.Client(timeout=channel.timeout_seconds)

    def carry(self, notification: Notification) -> None:
        """See `Carrier`."""
        body = encode(notification)
        headers = signed(self._key, notification.id, int(time.time()), body)
        _post(self._client, self._url, body, headers | {"Idempotency-Key": notification.id})

    def close(self) -> None:
        """See `Carrier`."""
        self._client.close()


class SlackCarrier:
    """Posts a notification as text."""

    def __init__(self, channel: Slack) -> None:
        self._url = channel.url.read("url")
        self._client = httpx.Client(timeout=channel.timeout_seconds)

    def carry(self, notification: Notification) -> None:
        """See `Carrier`."""
        text = f"*{_escaped(notification.subject)}*\n```\n{_escaped(words.text(notification))}```"
        _post(self._client, self._url, msgspec.json.encode({"text": text}), {"Idempotency-Key": notification.id})

    def close(self) -> None:
        """See `Carrier`."""
        self._client.close()


def _post(client: httpx.Client, url: str, body: bytes, headers: Mapping[str, str]) -> None:
    try:
        # A redirect would carry the message to somebody whom nobody configured; the body of the answer is of no use.
        with client.stream(
            "POST", url, content=body, headers={"Content-Type": "application/json", "User-Agent": "adrwatch", **headers}
        ) as answer:
            status, headers = answer.status_code, answer.headers
    except httpx.TimeoutException as error:
        raise Away(f"no answer in time ({type(error).__name__})", fix=_REACH) from error
    except httpx.HTTPError as error:
        raise Away(f"the connection failed ({type(error).__name__})", fix=_REACH) from error
    if 200 <= status < 300:
        return
    if status in _AGAIN:
        peace = retry_after.seconds(headers.get("Retry-After"), most=MOST_PEACE, clock=headers.get("Date"))
        raise Away(f"HTTP {status}", fix="try later", retry_after=peace or 0.0)
    raise Refused(f"HTTP {status}", fix="mend the channel or its receiver, then `adrwatch notify retry`")


def _escaped(value: str) -> str:
    """The three characters that Slack reads as markup."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")

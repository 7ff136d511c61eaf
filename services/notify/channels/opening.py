"""From a channel's configuration to the channel."""

from __future__ import annotations

from services.notify.channel import Channel, Email, Slack, Webhook
from services.notify.channels.base import Carrier
from services.notify.channels.http import SlackCarrier, WebhookCarrier
from services.notify.channels.mail import MailCarrier
from services.notify.channels.topic import TopicCarrier
from shared.settings import Settings


def open_channel(channel: Channel, settings: Settings) -> Carrier:
    """A carrier for a channel that was checked. Nothing is connected before the first message."""
    if isinstance(channel, Webhook):
        return WebhookCarrier(channel)
    if isinstance(channel, Slack):
        return SlackCarrier(channel)
    if isinstance(channel, Email):
        return MailCarrier(channel)
    return TopicCarrier(channel, settings)

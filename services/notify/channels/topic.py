"""Another Kafka topic, of the own cluster or of another."""

from __future__ import annotations

from kafka.errors import KafkaError

from services.notify.channel import Kafka
from services.notify.channels.base import Away, Refused
from shared.broker_security import without_credentials
from shared.errors import DependencyAway
from shared.events import Notification, encode
from shared.settings import Settings
from shared.writer import Writer


class TopicCarrier:
    """Writes a notification as JSON. The key is the alert's id, or the channel's name where it is of several alerts."""

    def __init__(self, channel: Kafka, settings: Settings) -> None:
        self._channel = channel
        there = settings if channel.bootstrap is None else without_credentials(settings, channel.bootstrap)
        self._writer = Writer(there, channel.timeout_seconds)

    def carry(self, notification: Notification) -> None:
        """See `Carrier`."""
        alerts = [notice.alert_id for notice in notification.notices]
        key = alerts[0] if notification.purpose == "alert" else notification.channel
        try:
            self._writer.write_to(
                self._channel.topic, key, encode(notification), [("idempotency-key", notification.id.encode())]
            )
        except DependencyAway as error:
            raise Away(error.message) from error
        except KafkaError as error:
            words = f"the broker did not take it ({type(error).__name__})"
            if error.retriable:
                raise Away(words, fix=f"see that it runs and has the topic {self._channel.topic}") from error
            raise Refused(words, fix="mend the channel, then `adrwatch notify retry`") from error

    def close(self) -> None:
        """See `Carrier`."""
        self._writer.close()

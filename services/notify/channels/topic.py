"""Another Kafka topic, of the own cluster or of another."""

from __future__ import annotations

from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.notify.channel import Kafka
from services.notify.channels.base import Away, Refused
from shared.broker import connect
from shared.errors import DependencyAway
from shared.events import Notification, encode
from shared.settings import Settings


class TopicCarrier:
    """Writes a notification as JSON. The key is the alert's id, or the channel's name where it is of several alerts."""

    def __init__(self, channel: Kafka, settings: Settings) -> None:
        self._channel = channel
        self._settings = settings.model_copy(update={"kafka_bootstrap": channel.bootstrap or settings.kafka_bootstrap})
        self._producer: Any = None

    def carry(self, notification: Notification) -> None:
        """See `Carrier`."""
        milliseconds = int(self._channel.timeout_seconds * 1000)
        try:
            if self._producer is None:
                self._producer = connect(
                    self._settings, KafkaProducer, acks="all", max_block_ms=milliseconds, linger_ms=0,
                    request_timeout_ms=milliseconds, delivery_timeout_ms=milliseconds, allow_auto_create_topics=False,
                )  # fmt: skip
            alerts = [notice.alert_id for notice in notification.notices]
            key = alerts[0] if notification.purpose == "alert" else notification.channel
            self._producer.send(
                self._channel.topic,
                value=encode(notification),
                key=key.encode(),
                headers=[("idempotency-key", notification.id.encode())],
            ).get(timeout=self._channel.timeout_seconds)
        except DependencyAway as error:
            raise Away(error.message) from error
        except KafkaError as error:
            words = f"the broker did not take it ({type(error).__name__})"
            if error.retriable:
                raise Away(words, fix=f"see that it runs and has the topic {self._channel.topic}") from error
            raise Refused(words, fix="mend the channel, then `adrwatch notify retry`") from error

    def close(self) -> None:
        """See `Carrier`."""
        if self._producer is not None:
            self._producer.close(timeout=1.0)

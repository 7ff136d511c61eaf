"""The producer behind a delivery: idempotent, patient for as long as it is told, closed at the end."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from kafka import KafkaProducer
from kafka.errors import KafkaError

from services.ingest.delivery import Delivery
from shared import traces
from shared.broker import connect
from shared.settings import Settings
from shared.writer import METADATA_MS

_LINGER_MS = 20
_REQUEST_MS = 30_000
_CLOSE_SECONDS = 1.0


@contextmanager
def delivery(settings: Settings, give_up: float) -> Iterator[Delivery]:
    """Delivery by an idempotent KafkaProducer (acks=all, gzip), closed at the end.

    A record that is not acknowledged after `give_up` seconds has failed; until then it is retried with back-off.

    gzip: aiokafka reads zstd only with a package that adrwatch does not need otherwise.
    """
    traces.configure("ingest", settings)
    patience = int(give_up * 1000)
    producer = connect(
        settings,
        KafkaProducer,
        enable_idempotence=True,
        acks="all",
        compression_type="gzip",
        linger_ms=_LINGER_MS,
        batch_size=1 << 17,
        delivery_timeout_ms=patience,
        request_timeout_ms=min(_REQUEST_MS, patience - _LINGER_MS),
        max_block_ms=patience,
        metadata_max_age_ms=METADATA_MS,
        retry_backoff_ms=int(settings.retry_first * 1000),
        allow_auto_create_topics=False,
    )
    try:
        yield Delivery(producer)
    finally:
        # What still waits was counted as unacknowledged; the broker gets a last moment for it.
        with suppress(KafkaError):
            producer.close(timeout=_CLOSE_SECONDS)

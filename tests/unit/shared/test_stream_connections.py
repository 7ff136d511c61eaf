"""How long a worker's consumer waits for the broker before it takes a connection for dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import aiokafka.client
import pytest
from aiokafka.errors import KafkaConnectionError

from shared.broker import ANSWER_SECONDS, SESSION_SECONDS
from shared.settings import Settings
from shared.stream.worker import Worker


async def test_requests_wait_for_less_than_the_place_of_a_worker_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    opened: list[dict[str, Any]] = []

    async def refuse(*_: Any, **options: Any) -> None:
        opened.append(options)
        raise OSError

    monkeypatch.setattr(aiokafka.client, "create_conn", refuse)
    app = Worker("alerting", Settings(kafka_bootstrap="localhost:1", data_dir=tmp_path)).app
    faust_consumer = app._new_consumer()
    thread = faust_consumer._new_consumer_thread()
    assert thread.shutdown_timeout == ANSWER_SECONDS
    consumer = thread._create_worker_consumer(app.transport)
    with pytest.raises(KafkaConnectionError):
        await consumer._client.bootstrap()
    assert [one["request_timeout_ms"] for one in opened] == [ANSWER_SECONDS * 1000]
    assert consumer._session_timeout_ms == SESSION_SECONDS * 1000

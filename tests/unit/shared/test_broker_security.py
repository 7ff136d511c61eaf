"""Credentials of Kafka: who is told of them, and authorities that cannot be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.notify.channel import Kafka
from services.notify.channels import topic
from shared.broker_security import client_options
from shared.errors import AdrwatchError
from shared.settings import load


def secure(**more: Any) -> Any:
    return load(kafka_security="SASL_SSL", kafka_username="desk", kafka_password="open sesame", **more)


def test_the_broker_of_somebody_else_is_not_told_the_password(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(topic, "Writer", lambda settings, patience: asked.append(client_options(settings)))
    topic.TopicCarrier(Kafka(topic="theirs", bootstrap="kafka.example.com:9092"), secure())
    topic.TopicCarrier(Kafka(topic="ours"), secure())
    theirs, ours = asked
    assert theirs == {"security_protocol": "PLAINTEXT"}
    assert ours["sasl_plain_password"] == "open sesame"


@pytest.mark.parametrize("content", [None, "no certificate\n"])
def test_authorities_that_cannot_be_used_are_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(AdrwatchError, match=r"ADRWATCH_KAFKA_CA_FILE .*ca\.pem"):
        client_options(secure(kafka_ca_file=path))

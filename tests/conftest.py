"""Real servers for the tests: started once per session, or given in ADRWATCH_TEST_KAFKA, _REDIS, _TRITON."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from deploy.local.stack import SETTINGS, Stack
from shared.settings import PACKAGE_ROOT, load

# Machines differ in speed and tests share them: a slow example is no failure.
hypothesis.settings.register_profile("adrwatch", deadline=None)
hypothesis.settings.load_profile("adrwatch")

ADDRESSES = {
    "kafka_bootstrap": "ADRWATCH_TEST_KAFKA",
    "redis_url": "ADRWATCH_TEST_REDIS",
    "triton_url": "ADRWATCH_TEST_TRITON",
}


def _address(server: str, data_dir: Path) -> Iterator[str]:
    given = {setting: os.environ.get(variable) for setting, variable in ADDRESSES.items()}
    settings = load(data_dir=data_dir, model_repository=PACKAGE_ROOT / "triton_models", **given)
    with Stack(settings, servers=[server]) as stack:
        yield stack.addresses[SETTINGS[server]]


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of a Kafka broker with automatic topic creation off."""
    yield from _address("kafka", tmp_path_factory.mktemp("kafka"))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a Redis server that never evicts."""
    yield from _address("redis", tmp_path_factory.mktemp("redis"))


@pytest.fixture(scope="session")
def triton(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of the gRPC of a Triton server with this project's models."""
    yield from _address("triton", tmp_path_factory.mktemp("triton"))


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topics, groups and Redis keys that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"

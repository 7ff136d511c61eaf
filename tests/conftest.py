"""Real servers for the tests: started once per process of the tests, or given in ADRWATCH_TEST_KAFKA, _REDIS, _TRITON."""

from __future__ import annotations

import functools
import logging
import os
import uuid
from collections.abc import Iterator

import hypothesis
import pytest
import structlog
import typer.main
import typer.testing
from kafka import KafkaProducer

from deploy.local.stack import SETTINGS, Stack
from shared.settings import PACKAGE_ROOT, load
from shared.topics import DECLARED, spread_over
from shared.writer import METADATA_MS

# Machines differ in speed and tests share them: a slow example is no failure.
hypothesis.settings.register_profile("adrwatch", deadline=None)
# `make fuzz` asks for it.
hypothesis.settings.register_profile("fuzz", deadline=None, max_examples=2_000)
hypothesis.settings.load_profile("adrwatch")

# The library readline, which the processes of pytest-xdist load, sets the width of a terminal that is not there.
os.environ.pop("COLUMNS", None)

# As the product's own: a producer that misses the wake-up for a new topic would wait for a minute, and fail.
KafkaProducer.DEFAULT_CONFIG["metadata_max_age_ms"] = METADATA_MS

ADDRESSES = {
    "kafka_bootstrap": "ADRWATCH_TEST_KAFKA",
    "redis_url": "ADRWATCH_TEST_REDIS",
    "triton_url": "ADRWATCH_TEST_TRITON",
}
FIXTURES = {"kafka": "kafka", "redis": "redis_url", "triton": "triton"}


@pytest.fixture(scope="session", autouse=True)
def commands_are_made_once() -> Iterator[None]:
    """Making a hundred commands from a tree takes a tenth of a second, each time that a test runs one of them."""
    made_once = functools.cache(typer.main.get_command)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", made_once)
        patch.setattr(typer.testing, "_get_command", made_once)
        yield


@pytest.fixture(autouse=True)
def logs_are_left_as_they_were() -> Iterator[None]:
    """A command that a test runs in this process sends the logs of the whole process where the next test reads an answer."""
    root = logging.getLogger()
    disabled = root.manager.disable
    levels = {one: one.level for one in (root, *root.manager.loggerDict.values()) if isinstance(one, logging.Logger)}
    # pytest's own handlers come and go with each phase of a test.
    handlers = [one for one in root.handlers if not type(one).__module__.startswith("_pytest")]
    configured = structlog.get_config() if structlog.is_configured() else None
    yield
    root.handlers[:] = handlers + [one for one in root.handlers if type(one).__module__.startswith("_pytest")]
    for one in (root, *root.manager.loggerDict.values()):
        if isinstance(one, logging.Logger):
            one.setLevel(levels.get(one, logging.NOTSET))
    logging.disable(disabled)
    structlog.contextvars.clear_contextvars()
    structlog.reset_defaults()
    if configured is not None:
        structlog.configure(**configured)


@pytest.fixture(autouse=True)
def partitions_are_as_declared() -> Iterator[None]:
    """A command that a test runs in this process takes the number of its settings for the whole process."""
    yield
    spread_over(DECLARED)


@pytest.fixture(scope="session")
def servers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses by server of those that the chosen tests ask for, started at the same time."""
    asked = {name for item in request.session.items for name in getattr(item, "fixturenames", ())}
    wanted = [server for server, fixture in FIXTURES.items() if fixture in asked]
    given = {setting: os.environ.get(variable) for setting, variable in ADDRESSES.items()}
    folder = tmp_path_factory.mktemp("servers")
    settings = load(data_dir=folder, model_repository=PACKAGE_ROOT / "triton_models", **given)
    with Stack(settings, servers=wanted) as stack:
        yield {server: stack.addresses[SETTINGS[server]] for server in wanted}


@pytest.fixture(scope="session")
def kafka(servers: dict[str, str]) -> str:
    """host:port of a Kafka broker with automatic topic creation off."""
    return servers["kafka"]


@pytest.fixture(scope="session")
def redis_url(servers: dict[str, str]) -> str:
    """URL of a Redis server that never evicts."""
    return servers["redis"]


@pytest.fixture(scope="session")
def triton(servers: dict[str, str]) -> str:
    """host:port of the gRPC of a Triton server with this project's models."""
    return servers["triton"]


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of topics, groups and Redis keys that no other test uses."""
    return f"test-{uuid.uuid4().hex[:12]}"

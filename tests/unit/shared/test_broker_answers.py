"""What commands and workers make of a broker's answers about groups."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kafka.errors import CoordinatorNotAvailableError, GroupAuthorizationFailedError, KafkaError
from pydantic import SecretStr

from shared import broker, rights
from shared.errors import AdrwatchError, DependencyAway
from shared.settings import Settings


class Answers:
    """Stands for a KafkaAdminClient that answers about groups what it is given, one after another."""

    def __init__(self, *of_groups: KafkaError | dict[str, Any]) -> None:
        self._of_groups = list(of_groups)
        self.asked = 0

    def describe_topics(self, _names: list[str]) -> list[dict[str, Any]]:
        return []

    def describe_groups(self, _groups: list[str]) -> dict[str, Any]:
        self.asked += 1
        answer = self._of_groups.pop(0) if self._of_groups else {}
        if isinstance(answer, KafkaError):
            raise answer
        return answer

    def close(self) -> None:
        pass


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answers]:
    def give(*answers: KafkaError | dict[str, Any]) -> Answers:
        made = Answers(*answers)
        monkeypatch.setattr(broker, "connect", lambda *_, **__: made)
        return made

    return give


def secured() -> Settings:
    return Settings(
        kafka_security="SASL_SSL", kafka_username="adrwatch-alerting", kafka_password=SecretStr("a password")
    )


def test_a_broker_that_never_had_a_group_is_asked_again_before_a_worker_starts(
    answering: Callable[..., Answers],
) -> None:
    made = answering(CoordinatorNotAvailableError("no place for groups yet"))
    rights.check(secured(), "alerting")
    assert made.asked > len(rights.WORKERS["alerting"].groups)


def test_a_broker_that_makes_no_place_for_groups_is_away(
    answering: Callable[..., Answers], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_SILENCE_SECONDS", 0.0)
    answering(CoordinatorNotAvailableError("no place for groups yet"))
    with pytest.raises(DependencyAway, match="does not answer: CoordinatorNotAvailableError"):
        rights.check(secured(), "alerting")


def test_a_group_that_this_user_may_not_ask_for_comes_with_how_the_right_is_given(
    answering: Callable[..., Answers],
) -> None:
    made = answering(GroupAuthorizationFailedError("GROUP/adr.alerting"))
    with pytest.raises(AdrwatchError, match="GroupAuthorizationFailedError") as refused, broker.admin(secured()):
        made.describe_groups(["adr.alerting"])
    assert "adrwatch rights kafka" in refused.value.fix

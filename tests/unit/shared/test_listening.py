"""Sockets that listen."""

from __future__ import annotations

import socket

import pytest

from shared.errors import AdrwatchError
from shared.listening import listen


def test_a_body_does_not_wait_for_the_acknowledgement_of_its_head() -> None:
    with listen("127.0.0.1", 0, "ADRWATCH_PUSH") as listening, socket.create_connection(listening.getsockname()):
        taken, _ = listening.accept()
        with taken:
            assert taken.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_an_address_that_is_taken_names_the_settings_that_choose_it() -> None:
    with listen("127.0.0.1", 0, "ADRWATCH_PUSH") as listening:
        port = listening.getsockname()[1]
        with pytest.raises(AdrwatchError) as refused:
            listen("127.0.0.1", port, "ADRWATCH_PUSH")
    assert str(port) in refused.value.message
    assert refused.value.fix == "set ADRWATCH_PUSH_HOST and ADRWATCH_PUSH_PORT"

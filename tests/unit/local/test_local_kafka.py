"""The local broker, as far as it needs no broker."""

from __future__ import annotations

import uuid

import pytest

from deploy.local import kafka


def test_a_cluster_id_is_never_taken_for_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    dash, plain = uuid.UUID(bytes=b"\xf8" + bytes(15)), uuid.UUID(bytes=b"\x01" + bytes(15))
    offered = iter([dash, plain])
    monkeypatch.setattr(kafka.uuid, "uuid4", lambda: next(offered))
    identity = kafka.new_cluster_id()
    assert identity[0] != "-"
    assert len(identity) == 22
    assert next(offered, None) is None

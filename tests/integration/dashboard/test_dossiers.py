"""What people have made of alerts is read anew when somebody has written, and only that."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from services.cases.casebook import Casebook
from services.cases.reviews import Reviews
from tests.integration.cases.items import item
from tests.integration.dashboard.conftest import Publish
from tests.integration.dashboard.test_alerts_page import SIGNAL


def test_only_what_was_written_is_read_anew(
    client: TestClient, publish: Publish, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk: Any = client.app.state.desk  # type: ignore[attr-defined]
    publish(SIGNAL, item())
    reviews = Reviews(desk.database, desk.trail, "another")
    reviews.take_up(SIGNAL)
    cases = Casebook(desk.database, desk.trail, "another")
    cases.open(item(), (), (), "opened elsewhere")
    first = desk.dossiers.by_alert(desk.database, desk.trail)
    assert {name: one.state for name, one in first.items()} == {"signal-1": "new", "item-1": "new"}
    # From here on whole tables are not read any more.
    monkeypatch.setattr(Reviews, "all", lambda *_: pytest.fail("all reviews were read"))
    monkeypatch.setattr(Casebook, "all", lambda *_: pytest.fail("all cases were read"))
    reviews.look("signal-1", "a look")
    assert desk.dossiers.by_alert(desk.database, desk.trail) is first
    reviews.move("signal-1", "triaged", "plausible")
    cases.move(first["item-1"].id, "triaged", "plausible")
    second = desk.dossiers.by_alert(desk.database, desk.trail)
    assert {name: one.state for name, one in second.items()} == {"signal-1": "triaged", "item-1": "triaged"}
    assert first["signal-1"].state == "new"

"""The columns of files hold all that the events hold."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from services.subscribe.kinds import ALERT, MENTION, Kind
from shared.examples import EXAMPLES
from shared.signals.wording import NAMES


@pytest.mark.parametrize("kind", [MENTION, ALERT], ids=lambda kind: kind.event.__name__)
def test_every_field_of_an_event_has_its_columns(kind: Kind[Any]) -> None:
    covered = {path.split(".")[0] for _, path in kind.columns.values()}
    assert covered == set(kind.event.__struct_fields__)
    for name in ("drug", "reaction"):
        [example] = [one for one in EXAMPLES if type(one) is kind.event]
        parts = {path.split(".")[1] for _, path in kind.columns.values() if path.startswith(f"{name}.")}
        assert parts == set(msgspec.structs.asdict(getattr(example, name)))


def test_every_measure_that_an_alert_can_have_is_named() -> None:
    """Columns of measures go by the names that people are told, so a measure without one would be left out of files."""
    assert {"prr", "ror", "ic", "ebgm", "chi2", "tic"} <= set(NAMES)
    assert {f"{name}_lower" for name in NAMES} <= set(ALERT.columns)
    assert all(re.fullmatch(r"[a-z0-9_]+", name) for name in NAMES)

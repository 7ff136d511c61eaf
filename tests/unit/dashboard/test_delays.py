"""How long it took from posts to mentions and alerts, as the file of mentions counts it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dashboard.view.delays import DAY_MS, HOUR_MS, Delay
from services.dashboard.view.mentions import Found, Mentions, Read
from shared.events import Alert, Mention, Terms
from shared.signals.windows import to_ms
from tests.unit.dashboard.test_mentions import WHEN, mention
from tests.unit.dashboard.test_serious import SIGNAL

BEGIN = to_ms(WHEN)


def taken(*found: tuple[Mention, float], arrived: float | None = None) -> Read:
    """Mentions that were written so many seconds after WHEN; their posts were taken in at `arrived`."""
    return Read(
        mentions=[Found(0, number, one.id, 0, one) for number, (one, _) in enumerate(found)],
        written={one.id: BEGIN + round(seconds * 1000) for one, seconds in found},
        posts=[(one.post_id, 0, 7) for one, _ in found],
        arrived={} if arrived is None else {one.post_id: BEGIN + round(arrived * 1000) for one, _ in found},
    )


def raised(seconds: float, alert: Alert) -> Read:
    return Read(alerts=[(BEGIN + round(seconds * 1000), alert)])


def told(file: Mentions, since_ms: int = BEGIN) -> dict[tuple[str, str, str], tuple[int, float]]:
    return {(one.until, one.since, one.source): (one.n, one.most) for one in file.delays(since_ms)}


def near(seconds: float) -> object:
    return pytest.approx(seconds, rel=0.051)


def test_the_first_mention_of_a_post_is_counted_from_when_it_was_written_and_taken_in(file: Mentions) -> None:
    file.take(taken((mention("1", "net:1"), 100.0), (mention("2", "net:1", reaction="r2"), 300.0), arrived=90.0))
    file.take(taken((mention("3", "net:1", reaction="r3"), 900.0), (mention("1", "net:1"), 900.0), arrived=90.0))
    file.take(taken((mention("4", "other:2"), 200.0)))
    assert told(file) == {
        ("mention", "written", ""): (2, near(200)), ("mention", "arrived", ""): (1, near(10)),
        ("mention", "written", "net"): (1, near(100)), ("mention", "arrived", "net"): (1, near(10)),
        ("mention", "written", "other"): (1, near(200)),
    }  # fmt: skip


def test_what_was_replayed_and_what_has_no_exact_time_is_left_out(file: Mentions) -> None:
    late = DAY_MS / 1000 + 1
    closed = mention("2", "net:2", terms=Terms(aggregates_only=True))
    file.take(taken((mention("1", "net:1"), late), (closed, 5.0), arrived=late - 3))
    assert told(file) == {("mention", "arrived", source): (1, near(3)) for source in ("", "net")}


def test_an_evaluation_of_an_alert_is_counted_once_by_the_newest_post_that_it_names(file: Mentions) -> None:
    signal = msgspec.structs.replace(SIGNAL, examples=("net:2", "net:1"))
    file.take(taken((mention("1", "net:1"), 1.0), (mention("2", "net:2", 10), 601.0), arrived=600.0))
    file.take(raised(2000, signal))
    file.take(raised(2300, msgspec.structs.replace(signal, rules=("evans", "ic"))))
    # Of no post that is known, and of none at all.
    file.take(raised(2000, msgspec.structs.replace(signal, id="x", examples=("net:9",))))
    single = Alert(
        id="i", kind="single_report", drug=signal.drug, reaction=signal.reaction, episode=WHEN, evaluated_at=WHEN, rules=("death",),
        rule_version="1", examples=("net:1",),
    )  # fmt: skip
    file.take(raised(30, single))
    found = {name: one for name, one in told(file).items() if name[0] != "mention" and not name[2]}
    assert found == {
        ("single_report", "written", ""): (1, near(30)), ("single_report", "arrived", ""): (1, 0.01),
        ("disproportionality", "written", ""): (1, near(1400)), ("disproportionality", "arrived", ""): (1, near(1400)),
    }  # fmt: skip


def test_an_hour_is_told_apart_from_the_day_and_what_is_older_goes(file: Mentions) -> None:
    file.take(taken((mention("1", "net:1"), 10.0)))
    file.take(taken((mention("2", "net:2", 120), 7230.0)))
    assert told(file)["mention", "written", ""] == (2, near(30))
    assert told(file, BEGIN + 2 * HOUR_MS)["mention", "written", ""] == (1, near(30))
    file.let_go_of_delays(BEGIN + HOUR_MS)
    assert told(file)["mention", "written", ""] == (1, near(30))
    file.begin("elsewhere")
    assert file.delays(0) == []


@given(st.lists(st.floats(0.02, 80_000), min_size=1, max_size=40))
def test_half_and_95_of_100_are_those_of_the_lengths_to_within_a_step(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[float]
) -> None:
    file = Mentions(tmp_path_factory.mktemp("delays"))
    file.begin("here")
    file.take(taken(*((mention(str(i), f"net:{i}"), seconds) for i, seconds in enumerate(lengths))))
    [one, *_] = file.delays(0)
    file.close()
    exact = np.quantile(lengths, [0.5, 0.95, 1], method="inverted_cdf")
    # The times of records are whole milliseconds.
    expected = Delay("mention", "written", "", len(lengths), *exact.tolist())
    for name in ("p50", "p95", "most"):
        assert getattr(expected, name) - 0.001 <= getattr(one, name) <= getattr(expected, name) * 1.051 + 0.001

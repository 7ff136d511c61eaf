"""What is told of an alert, and when."""

from __future__ import annotations

from msgspec.structs import replace

from services.notify.alerts import HOUR_MS, boundary_ms, due
from services.notify.channel import Slack
from services.notify.notices import (
    State,
    change_of,
    content_of,
    delivered,
    notification,
    parked,
    shown,
    telling,
    withdrawn,
)  # fmt: skip
from services.notify.words import headline, text
from shared.events import Concept, encode
from shared.secret_place import SecretPlace
from tests.unit.notify.alerts import MOMENT, signal, single, state, told_of

GONE = State("s1", None, 9)


def test_a_notification_names_no_post_and_tells_the_time_of_one_report_to_the_hour() -> None:
    for alert in (signal(), single()):
        body = encode(notification("desk", [told_of(alert)]))
        assert b"own:" not in body
    assert shown(single()).episode.isoformat() == "2026-03-02T10:00:00+00:00"
    assert shown(signal()).episode == MOMENT


def test_an_example_more_or_less_is_nothing_to_tell() -> None:
    told = delivered(told_of(signal()))
    assert change_of(state(signal(examples=("own:9",)), offset=5), told) is None
    assert change_of(state(signal(a=8), offset=5), told) == "update"


def test_an_alert_goes_from_new_to_update_to_retraction_and_may_begin_anew() -> None:
    first = delivered(told_of(signal()))
    grown = told_of(signal(a=8), first, offset=5)
    assert (grown.notice.change, grown.notice.reports_before) == ("update", 4)
    back = told_of(None, delivered(grown), offset=9)
    assert (back.notice.change, back.notice.drug.label, back.notice.alert) == ("retraction", "sertraline", None)
    assert change_of(GONE, delivered(back)) is None
    again = told_of(signal(), delivered(back), offset=12)
    assert again.notice.change == "new"
    assert len({one.notice.id for one in (told_of(signal()), grown, back, again)}) == 4


def test_the_ledger_forgets_what_an_alert_was_of_once_it_is_taken_back() -> None:
    record = delivered(told_of(None, delivered(told_of(signal()))))
    assert (record.drug, record.reaction, record.known) == (None, None, False)


def test_what_was_never_told_is_not_taken_back() -> None:
    assert change_of(GONE, None) is None
    refused = parked(told_of(signal()), None, "HTTP 422")
    assert change_of(GONE, refused) is None
    assert withdrawn(refused, 9, MOMENT).drug is None


def test_an_alert_whose_update_was_refused_is_still_taken_back() -> None:
    first = delivered(told_of(signal()))
    refused = parked(told_of(signal(a=8), first), first, "HTTP 422")
    assert change_of(state(signal(a=8)), refused) is None
    assert change_of(GONE, refused) == "retraction"
    assert change_of(state(signal(a=16)), refused) == "update"
    assert told_of(signal(a=16), refused).notice.reports_before == 4, "of the refused 8 the channel knows nothing"


def test_the_id_of_a_repeat_is_that_of_the_first() -> None:
    one, other = told_of(signal(), offset=3), told_of(signal(), offset=3)
    assert notification("desk", [one]).id == notification("desk", [other]).id == one.notice.id
    assert told_of(signal(), offset=4).notice.id != one.notice.id


def test_words_say_what_it_is_about_and_how_strong_it_is() -> None:
    one = told_of(signal(a=8), delivered(told_of(signal())))
    message = notification("desk", [one])
    assert message.subject == "Updated signal: sertraline – Nausea, 4 → 8 reports"
    body = text(message)
    for part in (
        "8 reports by 8 authors",
        "8.00 [2.00, 31.5]",
        "umc",
        "1-x",
        "adrwatch alerts show s1",
        "reports before",
    ):
        assert part in body
    assert headline(told_of(single()).notice) == "New urgent single report: sertraline – Nausea (death)"


def test_a_link_leads_to_the_alert() -> None:
    one = telling("desk", state(signal()), None, "new", MOMENT, "https://desk.example/alerts/{id}")
    assert one.notice.link == "https://desk.example/alerts/s1"
    assert "https://desk.example/alerts/s1" in text(notification("desk", [one]))


def test_a_name_with_a_line_break_stays_in_its_line() -> None:
    alert = signal(drug=Concept("D:2", "a\r\nBcc: b@example.com"))
    assert "\n" not in notification("desk", [told_of(alert)]).subject


def special(name: str, offset: int, hours: float, rules: tuple[str, ...] = ("overdose",)) -> State:
    return State(name, single(name, lane="special", rules=rules), offset, int(hours * HOUR_MS))


def test_a_digest_takes_in_what_was_published_before_its_hour_and_the_next_one_begins_there() -> None:
    states = [special("a", 5, 23), special("b", 6, 23.9), special("c", 7, 24.1)]
    found, after = due(states, 5, 24 * HOUR_MS)
    assert [one.alert_id for one in found] == ["a", "b"]
    assert after == 7
    assert due(states[2:], 7, 24 * HOUR_MS) == ([], 7)
    assert due([], 8, 24 * HOUR_MS) == ([], 8)


def test_a_digest_tells_alerts_as_they_are_now_and_leaves_out_what_is_gone_or_urgent() -> None:
    states = [
        special("a", 1, 1), special("b", 2, 1), special("c", 3, 1),
        special("a", 4, 2, rules=("overdose", "misuse")), State("b", None, 5, 0),
        State("c", single("c"), 6, 30 * HOUR_MS),
    ]  # fmt: skip
    found, after = due(states, 1, 24 * HOUR_MS)
    assert [(one.alert_id, one.offset) for one in found] == [("a", 4)]
    assert after == 6


def test_digests_of_a_day_end_at_midnight() -> None:
    assert boundary_ms(int(MOMENT.timestamp() * 1000), 24) == int(
        MOMENT.replace(hour=0, minute=0, second=0).timestamp() * 1000
    )


def test_filters_let_an_alert_pass_by_kind_lane_and_drug() -> None:
    channel = Slack(url=SecretPlace(env="X"), lanes=("signal",), drugs=("SERTRALINE", "D:7"))
    assert channel.wants(signal())
    assert not channel.wants(single())
    assert not channel.wants(signal(drug=Concept("D:2", "sertraline hydrochloride")))
    assert channel.wants(replace(signal(), drug=Concept("D:7", "x")))
    assert content_of(signal()) != content_of(signal(a=5))

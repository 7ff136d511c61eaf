"""Notifications between a real broker and receivers that fail in every way: nothing is lost, nothing is told twice."""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from kafka import KafkaAdminClient
from msgspec.structs import replace

from services.notify.alerts import HOUR_MS
from shared.events import Notification, decode
from shared.topics import ALERTS, CHANNELS, DEAD_LETTERS
from tests import topics
from tests.faults import ledger
from tests.integration.notify_desk import SECRET, Desk, desk, webhook
from tests.receivers import CUT, HttpReceiver, http_receiver, mail_server
from tests.unit.notify.alerts import signal, single

DAY_MS = 24 * HOUR_MS
# Its place in the group is waited for.
BRIEF = "tests.brief_session"


@pytest.fixture
def made(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[Desk]:
    with desk(kafka, topic_prefix, tmp_path) as found:
        yield found


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as found:
        yield found


def signals(number: int, begin: int = 0) -> list:
    return [signal(f"s{i}") for i in range(begin, begin + number)]


def test_a_receiver_that_is_down_holds_up_no_other_and_misses_nothing(made: Desk, receiver: HttpReceiver) -> None:
    with http_receiver() as other, mail_server() as box:
        mail = (
            f'[channels.mail]\ntype = "email"\nhost = "127.0.0.1"\nport = {box.port}\nsecurity = "none"\n'
            'start = "beginning"\nsender = "adrwatch@example.com"\nrecipients = ["a@example.com"]\n'
        )
        made.configure(webhook("desk", receiver.url), webhook("other", other.url), mail)
        receiver.stop()
        made.start()
        made.publish(*signals(5))
        made.wait_for(lambda: len(other.told()) == 5 and len(box.mails) == 5, "notifications of those that are there")
        made.wait_for(lambda: made.status()["desk"]["error"], "error of the one that is not")
        found = made.status()
        assert (found["desk"]["lag"], found["other"]["lag"], found["other"]["error"]) == (5, 0, None)
        assert "the connection failed" in made.command("notify", "status").stdout
        receiver.start()
        made.wait_for(lambda: len(receiver.told()) == 5, "notifications once it is back")
        assert receiver.told() == other.told() == [("new", f"s{i}") for i in range(5)]
        made.wait_for(lambda: made.drained("desk"), "commit")
        assert made.status()["desk"]["error"] is None
        log = (made.folder / "notify.log").read_text()
        assert "a channel is away" in log
        assert not any(hidden in log for hidden in ("/hook", SECRET, "sertraline", "own:"))


def test_errors_of_a_server_are_retried_and_its_wish_for_peace_is_kept(made: Desk, receiver: HttpReceiver) -> None:
    made.configure(webhook("desk", receiver.url))
    receiver.answers = deque([(500, {}), (503, {}), (429, {"Retry-After": "2"})])
    made.start()
    made.publish(*signals(2))
    made.wait_for(lambda: len(receiver.told()) == 2, "notifications")
    assert receiver.told() == [("new", "s0"), ("new", "s1")]
    assert [request.status for request in receiver.requests] == [500, 503, 429, 200, 200]
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 2
    waits = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert waits[3] - waits[2] >= 1, "the receiver asked for two seconds, and the clock shows whole ones"


def test_a_connection_that_is_cut_after_acceptance_repeats_the_message_under_its_id(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    receiver.answers = deque([(CUT, {})])
    made.start()
    made.publish(*signals(2))
    made.wait_for(lambda: len(receiver.requests) == 3, "notifications")
    first, again, second = receiver.requests
    assert first.body == again.body
    assert first.headers["idempotency-key"] == again.headers["idempotency-key"] != second.headers["idempotency-key"]


def test_a_worker_that_is_killed_again_and_again_loses_nothing_and_repeats_one_message_a_kill_at_most(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    made.start()
    kills = 3
    for kill in range(kills):
        made.publish(*signals(40, kill * 40))
        made.wait_for(lambda n=kill * 40 + 10: len(set(receiver.told())) >= n, "some notifications")
        made.kill()
        made.start()
    made.wait_for(lambda: len(set(receiver.told())) == kills * 40, "all notifications")
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert len(receiver.told()) <= kills * 40 + kills
    keys = Counter(request.headers["idempotency-key"] for request in receiver.requests)
    assert len(keys) == kills * 40, "a repeat had an id of its own"
    assert {(one.alert_id, one.outcome) for one in made.ledger()} == {(f"s{i}", "delivered") for i in range(kills * 40)}


def test_an_alert_is_told_once_however_often_it_is_published_then_what_is_new_of_it_then_its_end(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    made.start()
    made.publish(signal(), signal(examples=("own:7",)), signal())
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert made.stop() == 0
    made.publish(signal(), signal(a=9))
    made.start()
    made.publish("s1", "never-told", signal(a=9))
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert receiver.told() == [("new", "s1"), ("update", "s1"), ("retraction", "s1"), ("new", "s1")]
    update = receiver.taken()[1]["notices"][0]
    assert (update["reports_before"], update["alert"]["table"]["a"]) == (4, 9)
    assert receiver.taken()[2]["notices"][0]["drug"]["label"] == "sertraline"
    assert not any(b"own:" in request.body for request in receiver.requests)
    assert len({request.headers["idempotency-key"] for request in receiver.requests}) == 4


def test_a_group_whose_offsets_the_broker_forgot_tells_nothing_twice_and_misses_nothing(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.publish(*signals(2))
    made.configure(webhook("desk", receiver.url).replace('"beginning"', '"now"'))
    made.start(BRIEF)
    made.wait_for(lambda: topics.records(made.kafka, CHANNELS.name(made.prefix)), "the channel's beginning")
    made.publish(*signals(3, 2))
    made.wait_for(lambda: made.drained("desk"), "commit")
    made.stop()
    made.publish(*signals(2, 5))
    group = f"{made.prefix}.notify.desk"
    ledger.wait_for(lambda: ledger.members(made.kafka, group) == 0, "the end of the worker's place in the group")
    with closing(KafkaAdminClient(bootstrap_servers=made.kafka)) as admin:
        admin.delete_groups([group])
    made.start()
    made.wait_for(lambda: len(receiver.told()) >= 5, "the later alerts")
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert receiver.told() == [("new", f"s{i}") for i in range(2, 7)]


def test_what_is_refused_for_good_is_shown_with_its_reason_and_sent_again_when_the_cause_is_mended(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    receiver.answers = deque([(422, {}), (200, {}), (404, {}), (401, {})])
    made.start()
    made.publish(*signals(4))
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert receiver.told() == [("new", "s1")]
    listed = made.command("notify", "parked", "--json")
    assert [(one["alert_id"], one["reason"]) for one in map(json.loads, listed.stdout.splitlines())] == [
        ("s0", "HTTP 422"), ("s2", "HTTP 404"), ("s3", "HTTP 401"),
    ]  # fmt: skip
    assert "HTTP 422" in made.command("notify", "parked").stdout
    # One is taken back meanwhile, one has grown.
    made.publish("s2", signal("s0"))
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert made.status()["desk"]["parked"] == 2
    assert made.command("notify", "retry", "nothing").returncode == 2
    receiver.answers = deque([(422, {})])
    done = made.command("notify", "retry", "s3")
    assert (done.returncode, done.stdout) == (1, "0 delivered, 0 taken back meanwhile, 1 refused again\n")
    assert "HTTP 422" in done.stderr
    done = made.command("notify", "retry", "--channel", "desk")
    assert (done.returncode, done.stdout) == (0, "2 delivered, 0 taken back meanwhile, 0 refused again\n")
    assert "nothing is parked" in made.command("notify", "parked").stdout
    # The worker learns of it: the same is not told again, and is taken back like any other.
    made.publish(signal("s3"), "s3")
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert receiver.told()[1:] == [("new", "s0"), ("new", "s3"), ("retraction", "s3")]


def test_a_digest_collects_special_reports_once_while_urgent_ones_go_at_once(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    made.start()
    yesterday = int(time.time() * 1000) // DAY_MS * DAY_MS - HOUR_MS
    special = [single(f"i{i}", lane="special", rules=("overdose",)) for i in range(4)]
    made.publish(*special[:2], at_ms=yesterday)
    made.publish(single("u1"))
    made.publish(special[2])
    made.wait_for(lambda: ("new", "u1") in receiver.told(), "urgent report")
    assert receiver.told()[0] == ("new", "u1")
    made.stop()
    # Restarted after the hour of the digest: what was collected is in the topic, not in the memory of a worker.
    made.start()
    made.wait_for(lambda: len(receiver.taken()) == 2, "digest")
    digest = receiver.taken()[1]
    assert (digest["purpose"], digest["subject"]) == ("digest", "2 single reports of special situations")
    assert receiver.told()[1:] == [("new", "i0"), ("new", "i1")]
    made.publish("i0")
    made.wait_for(lambda: ("retraction", "i0") in receiver.told(), "retraction")
    made.stop()
    # Without digests, what was still collected goes out.
    made.configure(webhook("desk", receiver.url, "digest_hours = 0"))
    made.start()
    made.publish(special[3])
    made.wait_for(lambda: {("new", "i2"), ("new", "i3")} <= set(receiver.told()), "the rest")
    made.wait_for(lambda: made.drained("desk"), "commit")
    assert Counter(receiver.told()).most_common(1)[0][1] == 1


def test_a_digest_of_many_reports_survives_a_kill_and_a_receiver_that_is_away(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url))
    yesterday = int(time.time() * 1000) // DAY_MS * DAY_MS - HOUR_MS
    made.publish(*(single(f"i{i}", lane="special", rules=("misuse",)) for i in range(250)), at_ms=yesterday)
    receiver.answers = deque([(200, {}), *([(503, {})] * 1000)])
    made.start()
    made.wait_for(lambda: len(receiver.requests) > 3, "retries of the second part")
    made.kill()
    receiver.answers.clear()
    made.start()
    made.wait_for(lambda: len(receiver.told()) >= 250, "all reports")
    assert sorted(Counter(receiver.told()).items()) == sorted((("new", f"i{i}"), 1) for i in range(250))
    assert [len(body["notices"]) for body in receiver.taken()] == [100, 100, 50]


def test_filters_another_topic_and_a_message_that_is_no_alert(made: Desk, receiver: HttpReceiver) -> None:
    topics.make(made.kafka, {f"{made.prefix}.elsewhere": 1})
    store = (
        f'[channels.store]\ntype = "kafka"\ntopic = "{made.prefix}.elsewhere"\nstart = "beginning"\ndigest_hours = 0\n'
    )
    made.configure(webhook("desk", receiver.url, 'lanes = ["signal"]\ndrugs = ["Sertraline"]'), store)
    made.start()
    made.producer.send(ALERTS.name(made.prefix), b"no alert", key=b"x")
    other = signal("s2", drug=replace(signal().drug, id="D:9", label="ibuprofen"))
    made.publish(signal("s1"), single("i1", lane="special"), other)
    made.wait_for(lambda: made.drained("desk", "store"), "commit")
    assert receiver.told() == [("new", "s1")]
    found = topics.records(made.kafka, f"{made.prefix}.elsewhere")
    assert [record.key for record in found] == [b"s1", b"i1", b"s2"]
    assert [decode(record.value, Notification).notices[0].change for record in found] == ["new"] * 3
    [letter, *more] = {record.key for record in topics.records(made.kafka, DEAD_LETTERS.name(made.prefix))}
    assert letter.endswith(b":notify")
    assert more == []


def test_a_second_worker_stands_by_and_goes_on_when_the_first_is_gone(made: Desk, receiver: HttpReceiver) -> None:
    made.configure(webhook("desk", receiver.url))
    first = made.start(BRIEF)
    made.publish(*signals(2))
    made.wait_for(lambda: len(receiver.told()) == 2, "notifications")
    made.environment["ADRWATCH_WORKER_ID"] = "2"
    made.start()
    made.wait_for(lambda: made.status()["desk"]["workers"] == 2, "second worker")
    made.publish(*signals(2, 2))
    made.wait_for(lambda: len(receiver.told()) == 4, "notifications")
    first.kill()
    first.wait()
    made.publish(*signals(2, 4))
    made.wait_for(lambda: len(receiver.told()) == 6, "notifications of the one that stood by")
    assert receiver.told() == [("new", f"s{i}") for i in range(6)]


def test_a_wrong_file_stops_the_worker_and_a_test_message_tells_whether_a_channel_works(
    made: Desk, receiver: HttpReceiver
) -> None:
    made.configure(webhook("desk", receiver.url).replace("url", "ulr"))
    done = made.command("worker", "notify")
    assert done.returncode == 2
    assert "channel desk: there is no key ulr" in done.stderr
    assert "did you mean url" in done.stderr
    made.configure(webhook("desk", receiver.url))
    assert made.command("notify", "test", "desk").stdout == "desk took a test message\n"
    assert receiver.taken()[0]["purpose"] == "test"
    receiver.usual = (403, {})
    done = made.command("notify", "test", "desk")
    assert (done.returncode, "HTTP 403" in done.stderr) == (2, True)
    assert "Traceback" not in done.stderr
    assert made.command("notify", "test", "dask").returncode == 2

"""Posts that are pushed, on a real Kafka: the worker as a process, and a sender who signs, repeats, and is cut off."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest

from shared import keyring
from shared.settings import PACKAGE_ROOT
from shared.text.identity import post_hash
from shared.topics import DELETIONS, POSTS, PUBLISHED
from tests import privacy
from tests.networks.source import SECRET
from tests.networks.vendor import PushedSource, Vendor, ours, post, pushed_source

PEOPLE = [b"plantedanna", b"planted"]


@pytest.fixture
def vendor(kafka: str, topic_prefix: str, tmp_path: Path) -> Iterator[PushedSource]:
    with pushed_source(kafka, topic_prefix, tmp_path) as made:
        yield made


def texts(source: PushedSource) -> Counter[str]:
    """How many records with a text each post has."""
    return Counter(record.key.decode() for record in source.records(POSTS) if record.value is not None)


def test_what_is_pushed_is_there_once_and_nobody_is_named(vendor: PushedSource, kafka: str, topic_prefix: str) -> None:
    vendor.start()
    records = [
        post(1),
        post(2, "a walk in the park"),
        post(3, language="de"),
        b'{"id": "plantedanna/4", "text": "zoloft" "author": "plantedanna"}',
        post(5, created_at="some day"),
        post(6, created_at=time.time() + 86_400),
        post(7),
    ]
    answer = vendor.vendor.push(records, identity="batch-1")
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert said["kept"] == "kafka"
    assert said["counts"] == {"post": 3, "no_drug": 1, "reject": 3}
    assert [(one["index"], one["reason"]) for one in said["rejected"]] == [
        (3, "bad-json"), (4, "bad-time"), (5, "future-time"),
    ]  # fmt: skip
    # Acknowledged is there.
    assert vendor.posts().keys() == {ours(1), ours(3), ours(7)}
    letters = vendor.dead_letters()
    assert Counter(one.reason for one in letters) == {"bad-json": 1, "bad-time": 1, "future-time": 1}
    assert {one.key for one in letters} == {None, ours(5).encode(), ours(6).encode()}

    again = vendor.vendor.push(records, identity="batch-1")
    assert (again.status_code, again.json()) == (200, said)
    assert texts(vendor) == {ours(1): 1, ours(3): 1, ours(7): 1}
    # The same posts under another name are the same posts.
    assert vendor.vendor.push(records[:1]).json()["counts"] == {"post": 1}
    assert vendor.posts().keys() == {ours(1), ours(3), ours(7)}

    listed = vendor.listed()
    assert (listed["type"], listed["state"], listed["posts"]) == ("push", "running", 4)
    assert listed["position"] is not None
    assert listed["reached"] is not None
    assert vendor.stop() == 0
    assert vendor.listed()["state"] == "stopped"
    assert privacy.find(PEOPLE, [*privacy.in_kafka(kafka, topic_prefix), *privacy.in_files(vendor.folder)]) == []


def test_only_the_sender_is_heard_and_secrets_go_and_come_without_a_restart(vendor: PushedSource) -> None:
    vendor.start()
    check = vendor.command("sources", "check", "vendor")
    assert check.returncode == 0, check.stderr
    assert "1 secret" in check.stdout
    stranger = Vendor(vendor.vendor.url, "vendor", "another secret of some length")
    assert stranger.push([post(1)]).status_code == 401
    assert vendor.vendor.push([post(1)], moment=time.time() - 3600).status_code == 401
    vendor.rotate(stranger.secret)
    assert vendor.vendor.push([post(2)]).status_code == 401
    assert stranger.push([post(3)]).status_code == 200
    vendor.secret.unlink()
    assert stranger.push([post(4)]).status_code == 403
    stranger.close()
    check = vendor.command("sources", "check", "vendor")
    assert check.returncode == 2
    assert "secret 1" in check.stderr
    assert vendor.posts().keys() == {ours(3)}


def test_deletions_reach_every_topic_and_what_is_gone_does_not_come_back(vendor: PushedSource) -> None:
    vendor.start()
    records = [post(number) for number in range(6)] + [post(6, author="plantedbert")]
    assert vendor.vendor.push(records).status_code == 200
    answer = vendor.vendor.push([{"id": "plantedanna/1"}, {"id": "plantedanna/99"}, {"of": "nobody"}], "deletions")
    assert answer.json()["counts"] == {"deletion": 1, "unknown deletion": 1, "reject": 1}
    assert vendor.deletions() == {ours(1)}
    # Its sender missed an answer, and sends all of it again.
    assert vendor.vendor.push(records).json()["counts"] == {"post": 6, "gone": 1}
    assert vendor.command("forget", "--native", "vendor:plantedanna/2").returncode == 0

    def stays_away() -> bool:
        return vendor.vendor.push(records[2:3]).json()["counts"] == {"gone": 1}

    vendor.wait_for(stays_away, "notice of the deletion by hand")
    assert vendor.stop() == 0
    assert vendor.command("forget", "--native", "vendor:plantedanna/3").returncode == 0
    vendor.start()
    assert vendor.vendor.push(records[:4]).json()["counts"] == {"post": 1, "gone": 3}
    assert vendor.vendor.push([{"author": "plantedanna"}], "deletions").json()["counts"] == {"account gone": 1}
    assert vendor.posts().keys() == {ours(6)}
    assert vendor.deletions() == {ours(number) for number in range(6)}
    last = {record.key.decode(): record.value for record in vendor.records(PUBLISHED)}
    assert [key for key, value in last.items() if value is not None] == [ours(6)]


def test_another_author_secret_brings_nothing_back_and_doubles_nothing(vendor: PushedSource) -> None:
    del vendor.environment["ADRWATCH_AUTHOR_SECRET"]
    file = vendor.folder / keyring.FILE
    file.touch(mode=0o600)
    file.write_text(f"{SECRET}\n")
    vendor.start()
    assert vendor.vendor.push([post(1), post(2)]).status_code == 200
    assert vendor.vendor.push([{"id": "plantedanna/1"}], "deletions").json()["counts"] == {"deletion": 1}
    assert vendor.command("secrets", "rotate").returncode == 0
    current = keyring.read(file).current.secret
    numbers = itertools.count(3)

    def taken_up() -> bool:
        number = next(numbers)
        vendor.vendor.push([post(number)])
        return f"vendor:{post_hash(current, 'vendor', f'plantedanna/{number}')}" in vendor.posts()

    vendor.wait_for(taken_up, "the new secret")
    assert vendor.vendor.push([post(1), post(2, "zoloft again")]).json()["counts"] == {"post": 1, "gone": 1}
    found = vendor.posts()
    assert found[ours(2)].text == "zoloft again"
    assert not {ours(1), *(f"vendor:{post_hash(current, 'vendor', f'plantedanna/{n}')}" for n in (1, 2))} & found.keys()


def test_kill_9_in_the_middle_loses_and_doubles_nothing_for_a_sender_who_insists(vendor: PushedSource) -> None:
    vendor.start()

    def ship(first: int) -> None:
        for number in range(first, 180, 6):
            own = Vendor(vendor.vendor.url, "vendor")
            answer = own.insist([post(number), post(1000 + number)])
            own.close()
            assert answer is not None
            assert answer.status_code == 200

    with ThreadPoolExecutor(6) as pool:
        shipped = [pool.submit(ship, first) for first in range(6)]
        for count in (60, 200):
            vendor.wait_for(lambda n=count: len(vendor.posts()) >= n, f"{count} posts")
            vendor.kill()
            vendor.start()
        for one in shipped:
            one.result()
    wanted = {ours(first + number) for first in (0, 1000) for number in range(180)}
    assert vendor.posts().keys() == wanted
    assert vendor.records(DELETIONS) == []


def test_a_thousand_answers_that_never_arrive_lose_and_double_nothing(vendor: PushedSource) -> None:
    vendor.start()

    def ship(first: int) -> None:
        own = Vendor(vendor.vendor.url, "vendor")
        for number in range(first, 1000, 10):
            identity, records = f"batch-{number}", [post(number)]
            # Some are cut off in the middle, most after their last byte.
            own.cut_off(records, identity, share=0.7 if number % 5 == 0 else 1.0)
            answer = own.insist(records, identity=identity)
            assert answer is not None
            assert answer.status_code == 200
        own.close()

    with ThreadPoolExecutor(10) as pool:
        for one in [pool.submit(ship, first) for first in range(10)]:
            one.result()
    # Not even a record is doubled.
    assert texts(vendor) == {ours(number): 1 for number in range(1000)}
    assert vendor.dead_letters() == []
    assert vendor.records(DELETIONS) == []


def test_a_burst_is_taken_whole_or_sent_away_and_taken_later(vendor: PushedSource) -> None:
    vendor.start()

    def ship(number: int) -> int:
        own = Vendor(vendor.vendor.url, "vendor")
        answer = own.insist([post(number * 200 + more) for more in range(200)])
        own.close()
        return answer.status_code if answer is not None else 0

    with ThreadPoolExecutor(40) as pool:
        assert set(pool.map(ship, range(40))) == {200}
    assert vendor.posts().keys() == {ours(number) for number in range(8000)}


def test_the_client_of_the_docs_pushes_a_post(vendor: PushedSource, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor.start()
    [code] = re.findall(r"```python\n(.*?)```", (PACKAGE_ROOT / "docs" / "sources" / "push.md").read_text(), re.DOTALL)
    found: dict[str, Any] = {}
    # The secret lies where the page has it, the endpoint at another port.
    monkeypatch.chdir(vendor.folder)
    exec(code.replace("127.0.0.1:8470", f"127.0.0.1:{vendor.port}"), found)  # noqa: S102
    assert (found["answer"]["kept"], found["answer"]["counts"]) == ("kafka", {"post": 1})
    with pytest.raises(HTTPError, match="401"):
        found["push"](f"{vendor.vendor.url}/v1/sources/vendor/posts", "some other secret of it", [])
    assert len(vendor.posts()) == 1

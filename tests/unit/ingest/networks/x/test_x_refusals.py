"""What is said, and how long is waited, when X refuses or something is wrong."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from services.ingest.networks.network import Network
from services.ingest.networks.x.configuration import X
from services.ingest.networks.x.place import Place
from services.ingest.source import SourceBroken
from shared.errors import AdrwatchError
from shared.secret_place import SecretPlace
from shared.vocabulary.drugs import default_lexicon
from tests.networks.x import TOKEN, FakeX, post_id, tweet
from tests.unit.ingest.networks.x.reading import HOUR, keyring, since, some, texts, until


@pytest.mark.parametrize(
    ("status", "headers", "first", "second"),
    [(503, {}, 5, 10), (429, {}, 60, 120), (429, {"Retry-After": "7"}, 7, 7), (500, {"Retry-After": "3"}, 3, 3)],
)
def test_a_refusal_says_how_long_x_wants_to_be_left_alone(
    server: FakeX, x: Callable[..., Network], status: int, headers: dict[str, str], first: float, second: float
) -> None:
    server.refuse["/2/tweets/search/stream"] = (status, headers)
    network = x()
    for expected in (first, second):
        with pytest.raises(SourceBroken) as broken:
            until(network, some(1))
        assert broken.value.wait_seconds == expected


def test_the_end_of_a_limit_is_told_by_x_s_own_clock(server: FakeX, x: Callable[..., Network]) -> None:
    server.skew = -5 * HOUR
    server.refuse["/2/tweets/search/stream"] = (429, {"x-rate-limit-reset": str(int(time.time() - 5 * HOUR) + 40)})
    with pytest.raises(SourceBroken) as broken:
        until(x(), some(1))
    assert broken.value.wait_seconds == pytest.approx(40, abs=4)


def test_a_second_connection_with_the_same_credential_is_said(server: FakeX, x: Callable[..., Network]) -> None:
    with closing(x().follow(None)) as items:
        while not server.open:
            next(items)
        with pytest.raises(SourceBroken, match=r"TooMany|ConnectionException.*maximum allowed connection") as broken:
            until(x(), some(1))
        assert broken.value.wait_seconds == 1


def test_a_credential_that_is_refused_is_said_and_a_new_one_is_taken_up(
    server: FakeX, x: Callable[..., Network], tmp_path: Path
) -> None:
    network = x()
    server.token = "another-token-for-tests"
    with pytest.raises(SourceBroken, match=r"refuses the credential \(HTTP 401\).*bearer token") as broken:
        until(network, some(1))
    assert TOKEN not in str(broken.value)
    with pytest.raises(SourceBroken, match="refuses the credential"):
        network.check()
    (tmp_path / "token").write_text(server.token)
    assert texts(until(network, some(1), connected=lambda: server.add(tweet(time.time(), "zoloft")))) == ["zoloft"]
    (tmp_path / "token").unlink()
    with pytest.raises(SourceBroken, match="bearer_token"):
        until(network, some(1))


def test_a_credential_that_is_nowhere_is_said_at_the_start() -> None:
    source = X(bearer_token=SecretPlace(env="NO_SUCH_VARIABLE"), max_posts_per_month=1)
    with pytest.raises(AdrwatchError, match="source x: bearer_token: the variable NO_SUCH_VARIABLE is not set"):
        source.network(source.names("x", keyring, 600.0), default_lexicon)


def test_what_the_month_pays_for_is_not_exceeded_and_the_count_is_part_of_the_place(
    server: FakeX, x: Callable[..., Network]
) -> None:
    network = x(max_posts_per_month=5)
    with pytest.raises(SourceBroken, match="5 posts of X were read this month") as broken:
        until(network, some(100), since(time.time(), read=2), connected=lambda: server.add(
            *(tweet(time.time(), f"zoloft {number}", number) for number in range(9))))  # fmt: skip
    assert broken.value.wait_seconds is not None
    assert 0 < broken.value.wait_seconds <= HOUR
    assert network.cursor is not None
    assert Place.decode(network.cursor).read == 5
    before = server.connections
    with pytest.raises(SourceBroken, match="5 posts of X were read this month"):
        until(network, some(1), network.cursor)
    assert server.connections == before
    last_month = Place(int(post_id(time.time())), "2020-01", 5, int(time.time())).encode()
    until(network, some(1), last_month, connected=lambda: server.add(tweet(time.time(), "zoloft anew", 50)))
    assert Place.decode(network.cursor).read == 1


def test_a_place_of_something_else_is_said(x: Callable[..., Network]) -> None:
    with pytest.raises(SourceBroken, match="a place that cannot be read"):
        until(x(), some(1), "1700000000000000")


def test_an_address_that_is_none_of_x_s_is_said(x: Callable[..., Network]) -> None:
    with pytest.raises(SourceBroken, match=r"127\.0\.0\.1:1 cannot be reached"):
        x(base_url="http://127.0.0.1:1").check()


def test_the_credential_is_in_no_error_and_no_log(
    server: FakeX, x: Callable[..., Network], capsys: pytest.CaptureFixture[str]
) -> None:
    server.refuse[""] = (400, {})
    with pytest.raises(SourceBroken) as broken:
        x().check()
    assert TOKEN not in str(broken.value) + json.dumps(capsys.readouterr())

"""Channels against receivers that answer in every way."""

from __future__ import annotations

import base64
import ssl
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
from standardwebhooks.webhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from services.notify.channel import Channel, Email, Slack, Webhook
from services.notify.channels import Away, Refused, open_channel
from services.notify.notices import notification, trial
from shared.events import Concept, Notification, decode, encode
from shared.secret_place import SecretPlace
from shared.settings import PACKAGE_ROOT, load
from shared.webhooks import signed
from tests.receivers import CUT, HttpReceiver, Mailbox, http_receiver, mail_server, only
from tests.unit.notify.alerts import MOMENT, signal, told_of

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes for a test only").decode()
MESSAGE = notification("desk", [told_of(signal())])


@pytest.fixture
def receiver() -> Iterator[HttpReceiver]:
    with http_receiver() as found:
        yield found


@pytest.fixture(autouse=True)
def _secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", SECRET)
    monkeypatch.setenv("PASSWORD", "open sesame")


def carry(channel: Channel, *messages: Notification) -> None:
    carrier = open_channel(channel, load())
    try:
        for message in messages:
            carrier.carry(message)
    finally:
        carrier.close()


def webhook(receiver: HttpReceiver, timeout: float = 5.0) -> Webhook:
    return Webhook(url=receiver.url, secret=SecretPlace(env="SECRET"), timeout_seconds=timeout)


def test_a_webhook_is_signed_so_that_the_standard_s_own_library_verifies_it(receiver: HttpReceiver) -> None:
    carry(webhook(receiver), MESSAGE)
    [request] = receiver.requests
    assert Verifier(SECRET).verify(request.body, request.headers)
    assert decode(request.body, Notification) == MESSAGE
    assert request.headers["idempotency-key"] == request.headers["webhook-id"] == MESSAGE.id
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(request.body.replace(b"Nausea", b"Vertigo"), request.headers)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(request.body, {**request.headers, "webhook-timestamp": "1700000000"})


def test_the_receiver_of_the_docs_takes_a_message_once_and_refuses_what_is_forged_or_old(
    receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "not base64, used as it is")
    page = (PACKAGE_ROOT / "docs" / "notifications.md").read_text()
    code: dict[str, Any] = {}
    exec(page.partition("```python\n")[2].partition("```")[0], code)  # noqa: S102 - what the page tells others to do
    carry(webhook(receiver), MESSAGE)
    [request] = receiver.requests
    key, seen = b"not base64, used as it is", set[str]()
    assert code["accept"](key, request.headers, request.body, seen) is True
    assert code["accept"](key, request.headers, request.body, seen) is False
    with pytest.raises(ValueError, match="wrong signature"):
        code["accept"](key, request.headers, request.body + b" ", seen)
    old = signed(key, MESSAGE.id, 1_700_000_000, request.body)
    with pytest.raises(ValueError, match="too old"):
        code["accept"](key, old, request.body, seen)


def test_a_repeat_carries_the_same_id_and_body(receiver: HttpReceiver) -> None:
    receiver.answers.append((CUT, {}))
    with pytest.raises(Away, match="the connection failed"):
        carry(webhook(receiver), MESSAGE)
    carry(webhook(receiver), MESSAGE)
    first, second = receiver.requests
    assert first.body == second.body
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"]


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_what_may_be_mended_by_waiting_is_tried_again(receiver: HttpReceiver, status: int) -> None:
    receiver.usual = (status, {})
    with pytest.raises(Away, match=f"HTTP {status}"):
        carry(webhook(receiver), MESSAGE)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 413, 422])
def test_what_waiting_does_not_mend_is_refused_and_no_redirect_is_followed(receiver: HttpReceiver, status: int) -> None:
    receiver.usual = (status, {"Location": receiver.url})
    with pytest.raises(Refused, match=f"HTTP {status}"):
        carry(webhook(receiver), MESSAGE)
    assert len(receiver.requests) == 1


def test_a_receiver_says_how_long_it_wants_peace_in_seconds_or_by_a_date(receiver: HttpReceiver) -> None:
    def peace(header: str) -> float:
        receiver.answers.append((429, {"Retry-After": header}))
        with pytest.raises(Away) as caught:
            carry(webhook(receiver), MESSAGE)
        return caught.value.retry_after

    assert peace("120") == 120
    assert peace("1e9") == 3600
    assert 50 < peace(format_datetime(datetime.now(UTC) + timedelta(minutes=1), usegmt=True)) <= 60
    assert [peace(text) for text in ("soon", "-5", "nan")] == [0, 0, 0]


def test_a_receiver_that_is_not_there_is_away(receiver: HttpReceiver) -> None:
    receiver.stop()
    with pytest.raises(Away, match="the connection failed"):
        carry(webhook(receiver), MESSAGE)


def test_a_chat_gets_words_without_markup_of_others(receiver: HttpReceiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAT", receiver.url)
    alert = signal(drug=Concept("D:2", "<!channel> & co"))
    carry(Slack(url=SecretPlace(env="CHAT")), notification("chat", [told_of(alert)]))
    [request] = receiver.requests
    text = request.json["text"]
    assert "&lt;!channel&gt; &amp; co – Nausea, 4 reports" in text
    assert "8.00 [2.00, 31.5]" in text
    assert request.headers["idempotency-key"]


def email(port: int, **options: Any) -> Email:
    given: dict[str, Any] = {"security": "none", "recipients": ("a@example.com", "b@example.com")}
    return Email(host="127.0.0.1", port=port, sender="adrwatch@example.com", **{**given, **options})


def test_each_recipient_gets_a_mail_of_its_own(tmp_path: Path) -> None:
    with mail_server() as box:
        carry(email(box.port), MESSAGE)
        assert [address for address, _ in box.mails] == ["a@example.com", "b@example.com"]
        mail = box.mails[0][1]
        assert mail["To"] == "a@example.com"
        assert mail["Subject"] == "[adrwatch] New signal: sertraline – Nausea, 4 reports"
        assert mail["Message-ID"] == f"<{MESSAGE.id}@adrwatch.invalid>"
        assert mail["Auto-Submitted"] == "auto-generated"
        assert "8.00 [2.00, 31.5]" in mail.get_content()


def test_mail_goes_encrypted_and_with_a_password(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    options = {"tls_context": context, "require_starttls": True, "auth_required": True}
    login = {"username": "adrwatch", "password": SecretPlace(env="PASSWORD")}
    with mail_server(**options, authenticator=only("adrwatch", "open sesame")) as box:
        with pytest.raises(Away, match="SSLCertVerificationError"):
            carry(email(box.port, security="starttls", **login), MESSAGE)
        authority.cert_pem.write_to_path(tmp_path / "authority.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
        carry(email(box.port, security="starttls", **login), MESSAGE)
        assert len(box.mails) == 2
        monkeypatch.setenv("PASSWORD", "something else")
        with pytest.raises(Refused, match="SMTP 535") as caught:
            carry(email(box.port, security="starttls", **login), MESSAGE)
        assert "something else" not in str(caught.value)


def test_mail_goes_encrypted_from_the_first_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "authority.pem"))
    with mail_server(tls=context) as box:
        carry(email(box.port, security="tls"), MESSAGE)
        assert len(box.mails) == 2
        with pytest.raises(Away):
            carry(email(box.port, security="none", timeout_seconds=0.3), MESSAGE)


def tried(channel: Email, message: Notification, box: Mailbox) -> list[str]:
    """What a carrier says of a message when it is tried three times, and when it is over."""
    carrier = open_channel(channel, load())
    found = []
    for _ in range(3):
        try:
            carrier.carry(message)
        except Away as error:
            found.append(f"away: {error.message}")
        except Refused as error:
            return [*found, f"refused: {error.message}"]
        else:
            return [*found, "delivered"]
    return found


def test_a_recipient_that_must_wait_gets_its_mail_and_the_others_get_no_second_one() -> None:
    with mail_server() as box:
        box.refusals["b@example.com"] = deque(["451 greylisted, come back"])
        assert tried(email(box.port), MESSAGE, box) == ["away: SMTP 451", "delivered"]
        assert [address for address, _ in box.mails] == ["a@example.com", "b@example.com"]


def test_a_recipient_that_is_refused_for_good_does_not_hold_up_the_others() -> None:
    with mail_server() as box:
        box.refusals["a@example.com"] = deque(["550 no such user"])
        assert tried(email(box.port), MESSAGE, box) == ["delivered"]
        assert [address for address, _ in box.mails] == ["b@example.com"]


def test_a_mail_that_nobody_takes_is_refused() -> None:
    with mail_server() as box:
        box.data_answers.extend(["554 no", "552 too large"])
        [found] = tried(email(box.port), MESSAGE, box)
        assert found.startswith("refused: no recipient is taken: SMTP 552; SMTP 554")


def test_a_mail_server_that_is_not_there_is_away() -> None:
    with mail_server() as box:
        port = box.port
    with pytest.raises(Away, match="ConnectionRefusedError"):
        carry(email(port), MESSAGE)


def test_a_test_message_says_that_it_is_one(receiver: HttpReceiver) -> None:
    message = trial("desk", MOMENT)
    carry(webhook(receiver), message)
    assert receiver.taken()[0]["purpose"] == "test"
    assert b"notices" in encode(message)

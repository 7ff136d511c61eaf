"""Signed messages: what we sign and check is what the standard's own library signs and checks."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from shared.errors import AdrwatchError
from shared.webhooks import UnsignedError, claim, signed, signing_key

SECRET = "whsec_" + base64.b64encode(b"thirty-two bytes for a test only").decode()
KEY = signing_key(SECRET, "a test")
OTHER = b"another key of some length"
NOW = 1_800_000_000
BODY = b'{"a": "post"}'


def by_the_library(identity: str, moment: int, body: bytes) -> dict[str, str]:
    signature = Webhook(SECRET).sign(identity, datetime.fromtimestamp(moment, UTC), body.decode())
    return {"webhook-id": identity, "webhook-timestamp": str(moment), "webhook-signature": signature}


@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=256), st.text())
def test_what_the_library_signs_fits_and_is_signed_alike_here(identity: str, text: str) -> None:
    body = text.encode(errors="replace")
    headers = by_the_library(identity, NOW, body)
    assert headers == signed(KEY, identity, NOW, body)
    found = claim(headers, NOW, 300)
    assert found.fits([OTHER, KEY], body)
    assert not found.fits([OTHER], body)
    assert not found.fits([], body)
    assert not found.fits([KEY], body + b" ")


def test_one_of_several_signatures_is_enough_and_the_id_and_the_time_are_signed_too() -> None:
    headers = signed(KEY, "one", NOW, BODY)
    both = headers | {"webhook-signature": f"v1a,x {signed(OTHER, 'one', NOW, BODY)['webhook-signature']} "
                      f"{headers['webhook-signature']}"}  # fmt: skip
    assert claim(both, NOW, 300).fits([KEY], BODY)
    for key, value in (("webhook-id", "two"), ("webhook-timestamp", str(NOW + 1))):
        assert not claim(headers | {key: value}, NOW, 300).fits([KEY], BODY)


@pytest.mark.parametrize(
    ("header", "value", "why"),
    [
        ("webhook-id", "", "are needed"),
        ("webhook-signature", "", "are needed"),
        ("webhook-timestamp", "", "are needed"),
        ("webhook-id", "x" * 257, "longer than 256"),
        ("webhook-id", "a b", "visible ASCII"),
        ("webhook-timestamp", "soon", "no whole number"),
        ("webhook-timestamp", "-1", "no whole number"),
        ("webhook-timestamp", "١٢٣", "no whole number"),
        ("webhook-timestamp", str(NOW - 301), "more than 300 s from now"),
        ("webhook-timestamp", str(NOW + 301), "more than 300 s from now"),
        ("webhook-signature", "v2,abc", "no signature of the form v1,BASE64"),
        ("webhook-signature", "v1,é", "no signature of the form"),
        ("webhook-signature", " ".join(["v1,abc"] * 11), "too many"),
    ],
)
def test_headers_that_prove_nothing_are_refused_with_the_reason(header: str, value: str, why: str) -> None:
    with pytest.raises(UnsignedError, match=why):
        claim(signed(KEY, "one", NOW, BODY) | {header: value}, NOW, 300)


def test_a_secret_is_taken_as_it_is_or_as_base64_and_never_shown() -> None:
    assert signing_key("plain words", "it") == b"plain words"
    with pytest.raises(AdrwatchError, match="no base64 follows") as caught:
        signing_key("whsec_%%hidden%%", "it")
    assert "hidden" not in str(caught.value)

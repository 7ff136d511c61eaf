"""Masking, model text and fingerprints."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text import clean
from shared.text.clean import fingerprint, mask, model_text


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        ("thanks @some_one, see https://example.org/x?y=1 ok", "thanks @USER, see HTTPURL ok"),
        ("write to jane.doe+x@mail.example.org now", "write to EMAIL now"),
        ("asked by u/some-person and @a@social.example", "asked by @USER and @USER"),
        ("www.example.org sells it", "HTTPURL sells it"),
        ("thanks @jane-doe.example.org and @jane.doe, better now", "thanks @USER and @USER, better now"),
        (
            "@jane.doe-x@social.example said it, jane.bsky.social and Jane.Bsky.Social too",
            "@USER said it, @USER and @USER too",
        ),
        ("@USER.Lisinopril again", "@USER.Lisinopril again"),
        ("see facebook.com/jane.doe or t.me/janedoe", "see HTTPURL or HTTPURL"),
        (
            "better todayhttps://example.org/x lookpic.example pic.twitter.com/Ab1",
            "better todayHTTPURL lookpic.example HTTPURL",
        ),
        ("it hurts.and/or burns at 5.mg/kg, 3 mg/dl, vit.d/k", "it hurts.and/or burns at 5.mg/kg, 3 mg/dl, vit.d/k"),
        ("at://did:plc:abc/app.bsky.feed.post/3k is mine", "HTTPURL is mine"),
        ("tabs\tstay, bells\x07 go", "tabs\tstay, bells  go"),
    ],
)
def test_identifiers_are_masked(raw: str, masked: str) -> None:
    assert mask(raw) == masked


@given(st.text())
def test_masking_twice_changes_nothing_more(text: str) -> None:
    assert mask(mask(text)) == mask(text)


_PIECES = st.sampled_from(
    [
        "http",
        "HTTPS",
        "s",
        "://",
        "www",
        "WWW",
        ".",
        "a",
        "@",
        "u/",
        "/U/",
        "abc",
        " ",
        "\n",
        "\x07",
        "\u0085",
        "\u017f",
        "e\u0301",
    ]
)


@given(st.lists(_PIECES, max_size=20).map("".join))
def test_what_is_not_searched_for_is_not_there(text: str) -> None:
    plain = unicodedata.normalize("NFC", text).translate(clean._CONTROLS)
    for pattern, word in (
        (clean._URL, "HTTPURL"), (clean._EMAIL, "EMAIL"), (clean._REDDIT_USER, "@USER"), (clean._HANDLE, "@USER")
    ):  # fmt: skip
        plain = pattern.sub(word, plain)
    assert mask(text) == plain


@given(st.text())
def test_model_text_keeps_every_offset(text: str) -> None:
    assert len(model_text(text)) == len(text)


def test_a_repost_has_the_fingerprint_of_its_original() -> None:
    original = "Day two on lisinopril and this cough won't stop!"
    assert fingerprint(mask("RT @friend: " + original)) == fingerprint(original)
    assert fingerprint(original.upper()) == fingerprint(original)
    assert fingerprint("day three on lisinopril and this cough won't stop") != fingerprint(original)
    assert fingerprint(mask(original + " https://example.org/1")) == fingerprint(original)

"""What hostile or broken senders send: bytes of any kind, samples that were changed, and what is made to hold a parser up."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

# Each has ended a parser somewhere: numbers without end, texts that are none, brackets, half of an escape.
NASTY = (
    b"[", b"{", b'{"a":', b"\x00", b"9" * 5_000, b"1e999", b"-1e999", b"NaN", b"null", b"\xff\xfe", b'"\\ud800"', b"\xed\xa0\x80",
    b"&#" + b"9" * 5_000 + b";", b"<!--", b"<![CDATA[", b'"', b"\r", b"\n", b"true", b"-0", b"99999-12-31T00:00:00Z",
    b"0001-01-01T00:00:00+23:59", b"\xd8\x1c", b"\xc1\x80",
)  # fmt: skip
DEEP = (b"[" * 50_000, b'{"a":' * 50_000, b"\x81" * 50_000, b"<a>" * 10_000)
_LONG = 30_000
# What makes an expression search, or a list grow, with the square of its length.
HEAVY = tuple(
    (part * (_LONG // len(part)))[:_LONG]
    for part in (
        "a", "a-", "a.", "@a.", "@", "a@", "1 ", "1/1", "00", "+1 ", ".bsky.social a-", "https://", "&", "&#", "&#9", "<",
        "</b>", "<a ", "<a b='", "<a b=c>",
        "<?", "<!a", "<script>", "<!--",
        "<blockquote><a></b>", "<![", "u/", "http", "call 1-", '"', '","', "\\u", "did:a:", "2026-", "\ud7ff", "é",
    )
)  # fmt: skip


@st.composite
def changed(draw: st.DrawFn, sample: bytes) -> bytes:
    """A sample in which pieces were cut out, doubled or replaced."""
    data = sample
    for _ in range(draw(st.integers(1, 4))):
        begin = draw(st.integers(0, len(data)))
        end = min(len(data), begin + draw(st.integers(0, 12)))
        piece = draw(st.sampled_from(NASTY) | st.binary(max_size=8) | st.just(data[begin:end] * 2))
        data = data[:begin] + piece + data[end:]
    return data


_leaves = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
    | st.sampled_from([2**63, -(2**63), 10**25, "9" * 5_000, "2026-03-02T09:30:00Z", "&#" + "9" * 5_000 + ";", "\ud800", {}, []])
)  # fmt: skip


@st.composite
def retyped(draw: st.DrawFn, sample: bytes) -> bytes:
    """A sample of JSON in which values became others, of any type; any bytes where the sample is no JSON."""
    try:
        document = json.loads(sample)
    except ValueError:
        return draw(st.binary(max_size=500))
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(document))
        if places:
            within, key = draw(st.sampled_from(places))
            within[key] = draw(
                _leaves | st.lists(_leaves, max_size=3) | st.dictionaries(st.text(max_size=5), _leaves, max_size=3)
            )
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of a document, as what holds it and its key there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in list(inner):
        yield value, key
        yield from _places(one)


def swollen(sample: bytes, heavy: str) -> Iterator[bytes]:
    """The heavy text by itself, and the sample with it in the place of all its texts."""
    yield heavy.encode()
    try:
        document = json.loads(sample)
    except ValueError:
        return
    for within, key in _places(document):
        if isinstance(within[key], str):
            within[key] = heavy
    yield json.dumps(document).encode()


def anything(samples: tuple[bytes, ...]) -> st.SearchStrategy[bytes]:
    """Any bytes, and samples that were changed."""
    return st.binary(max_size=300) | st.sampled_from(samples).flatmap(lambda one: changed(one) | retyped(one))

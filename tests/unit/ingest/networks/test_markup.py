"""HTML of the fediverse becomes the text that a reader sees, without handles."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.networks.markup import text_of_html

MENTION = '<span class="h-card"><a href="https://far.example/@jane.doe" class="u-url mention">@<span>jane.doe</span></a></span>'


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>one<br>two</p><p>three &amp; four</p>", "one\ntwo\n\nthree & four"),
        (f"<p>{MENTION} zoloft makes me <b>dizzy</b></p>", "@USER zoloft makes me dizzy"),
        ('<p><a class="mention hashtag" href="x">#<span>zoloft</span></a> day 3</p>', "#zoloft day 3"),
        (
            '<p>see <a href="https://a.example/b"><span class="invisible">https://</span>a.example'
            '<span class="invisible">/b</span></a></p>',
            "see https://a.example/b",
        ),
        ("<p>took:</p><ul><li>zoloft</li><li>ibuprofen</li></ul>", "took:\n\n- zoloft\n\n- ibuprofen"),
        ("<pre>a\nb</pre>", "a\nb"),
        ('<p class="quote-inline">RE: <a href="x">x</a></p><p>mine</p>', "mine"),
        ("<script>alert(1)</script><style>p</style>after", "after"),
        ('<a class="mention" href="x">@<span>jane</a> after', "@USER after"),
        ("3 < 4 & 5 > 4", "3 < 4 & 5 > 4"),
        ("", ""),
    ],
)
def test_html_is_read_as_people_see_it(markup: str, text: str) -> None:
    assert text_of_html(markup) == text


@given(st.text(alphabet="<>/abpli \n&;=\"'!-", max_size=200))
def test_broken_html_is_read_as_far_as_it_goes(markup: str) -> None:
    assert "\n\n\n" not in text_of_html(markup)

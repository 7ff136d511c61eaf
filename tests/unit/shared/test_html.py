"""The words of a post in HTML: paragraphs apart, quotes and names left out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.text.html import words_of


@pytest.mark.parametrize(
    ("html", "words"),
    [
        ("plain &lt;3 text\n on a line", "plain <3 text on a line"),
        ("<p>one</p>\n<p>two<br/>three</p>", "one\n\ntwo\nthree"),
        ("<ul>\n<li>dizzy</li>\n<li>sick</li>\n</ul>", "dizzy\nsick"),
        ("I <b>stop</b>ped", "I stopped"),
        ("<blockquote><p>zoloft<p>was bad</blockquote>mine is not", "mine is not"),
        (
            '<aside class="quote no-group" data-username="jane"><div class="title">jane:</div>'
            "<blockquote>zoloft</blockquote></aside><p>me too</p>",
            "me too",
        ),
        ('<a class="mention" href="/u/jane.doe">@jane.doe</a> thanks', "@USER thanks"),
        ("a<script>var zoloft;</script><style>p{}</style>b", "a\n\nb"),
        ("<p>unclosed <i>and</p> </blockquote></div> on", "unclosed and\n\non"),
        ('<img src="x" alt="y">picture<img class="quote" src="x"> of', "picture\n\nof"),
        (
            '<p><span class="h-card"><a href="https://far.example/@jane.doe" class="u-url mention">@<span>jane.doe</span>'
            "</a></span> zoloft makes me <b>dizzy</b></p>",
            "@USER zoloft makes me dizzy",
        ),
        ('<p><a class="mention hashtag" href="x">#<span>zoloft</span></a> day 3</p>', "#zoloft day 3"),
        (
            '<p>see <a href="https://a.example/b"><span class="invisible">https://</span>a.example'
            '<span class="invisible">/b</span></a></p>',
            "see https://a.example/b",
        ),
        ("<pre>a\nb</pre>", "a\nb"),
        ('<p class="quote-inline">RE: <a href="x">x</a></p><p>mine</p>', "mine"),
        ('<a class="mention" href="x">@<span>jane</a> after', "@USER after"),
        ("3 < 4 & 5 > 4", "3 < 4 & 5 > 4"),
        ("", ""),
    ],
)
def test_words_of_html(html: str, words: str) -> None:
    assert words_of(html) == words


@given(st.text(alphabet="<>/abpli blockquote\"'=&;!-\n", max_size=80))
def test_nothing_that_people_write_breaks_it(html: str) -> None:
    assert "\n\n\n" not in words_of(html)

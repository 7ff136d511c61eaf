"""The words that a person wrote in a piece of HTML: a post of a forum or of the fediverse, an entry of a feed. Pure.

Sources: docs.joinmastodon.org/spec/activitypub (which elements and classes there are); the HTML standard's suggested rendering.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from html.parser import HTMLParser

from shared.text.clean import HANDLE_MASK

# What stands on lines of its own (the HTML standard's suggested rendering, section 15.3), and what a blank line sets apart.
_LINES = frozenset({"li", "tr", "dt", "dd", "br", "hr"})
_PARAGRAPHS = frozenset(
    {"p", "div", "section", "article", "header", "footer", "main", "ul", "ol", "dl", "table", "pre", "figure", "details",
     "summary", "address", "h1", "h2", "h3", "h4", "h5", "h6"}
)  # fmt: skip
# Another's words, and what nobody reads.
_LEFT_OUT = frozenset({"blockquote", "script", "style", "template", "head", "noscript", "iframe", "object", "svg"})
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"]
)
# Classes by which networks mark quotes (Discourse: aside.quote, aside.onebox; the fediverse: p.quote-inline) and names (a.mention;
# a hashtag is a mention as well in the fediverse, and stays).
_QUOTES = frozenset({"quote", "onebox", "quote-inline"})
_MENTIONS = frozenset({"mention", "mention-group"})
# So many characters are read: a post with as much HTML is refused for its length anyway.
_MOST = 1 << 18
# What nobody reads, closed or not; each is passed over once. Python's parser looks for their ends from each beginning anew.
_UNREAD = re.compile(r"<!--.*?(?:-->|\Z)|<!\[.*?(?:\]>|\Z)|<[!?][^>]*(?:>|\Z)", re.DOTALL)
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]+")


# Python refuses to read a number of so many digits, which names no character anyway.
_NO_CHARACTER = re.compile(r"&#\d{10,};?")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        # Tags that are open inside of what is left out, the outermost first.
        self._skipped: list[str] = []
        self._open: Counter[str] = Counter()
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._skipped:
            if tag not in _VOID:
                self._skip(tag)
            return
        classes = frozenset((dict(attrs).get("class") or "").split())
        if tag in _LEFT_OUT or classes & _QUOTES:
            self.parts.append("\n\n")
        elif classes & _MENTIONS and "hashtag" not in classes:
            self.parts.append(HANDLE_MASK)
        else:
            self._preformatted += tag == "pre"
            self._break(tag)
            return
        if tag not in _VOID:
            self._skip(tag)

    def _skip(self, tag: str) -> None:
        self._skipped.append(tag)
        self._open[tag] += 1

    def handle_endtag(self, tag: str) -> None:
        if not self._skipped:
            if tag in _PARAGRAPHS:
                self._preformatted -= tag == "pre" and self._preformatted > 0
                self._break(tag)
        elif self._open[tag]:
            # What was not closed inside of it ends with it.
            ended = ""
            while ended != tag:
                ended = self._skipped.pop()
                self._open[ended] -= 1

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.parts.append(data if self._preformatted else data.replace("\n", " "))

    def _break(self, tag: str) -> None:
        if tag in _PARAGRAPHS:
            self.parts.append("\n\n")
        elif tag in _LINES:
            self.parts.append("\n")


def _harmless(markup: str) -> str:
    """The same words, without what the parser would be held up by for minutes."""
    read = _NO_CHARACTER.sub("\ufffd", _UNREAD.sub("", markup))
    # Behind the last sign that ends a tag no tag is whole: these are words.
    end = read.rfind(">") + 1
    return read[:end] + read[end:].replace("<", "&lt;")


def unescaped(text: str) -> str:
    """A text without HTML's escapes of characters; numbers that name none become the sign for that."""
    return html.unescape(_NO_CHARACTER.sub("\ufffd", text))


def words_of(markup: str) -> str:
    """The text of a piece of HTML: paragraphs apart by a blank line, list items and rows by a line break.

    Quotes are left out, for they are another's words; mentions of people become `@USER`. Text without markup stays as it is, but
    for its line breaks, which HTML takes for blanks.
    """
    reader = _Reader()
    reader.feed(_harmless(markup[:_MOST]))
    reader.close()
    lines = [_BLANKS.sub(" ", line).strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()

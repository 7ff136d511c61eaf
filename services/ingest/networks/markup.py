"""HTML as the networks of the fediverse send it becomes text: paragraphs and list items are lines, mentions are masked.

Source: docs.joinmastodon.org/spec/activitypub (sanitization: elements that are kept; microformats `mention`, `hashtag`, `h-card`,
`invisible`; the class `quote-inline` of the line that stands for a quoted post).
"""

from __future__ import annotations

import re
from html.parser import HTMLParser

from shared.text.clean import HANDLE_MASK

_BLOCKS = frozenset({"p", "div", "ul", "ol", "li", "blockquote", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_VOID = frozenset(
    {"br", "img", "hr", "input", "wbr", "source", "col", "area", "base", "embed", "link", "meta", "track"}
)
_UNSEEN = frozenset({"script", "style", "template"})
_BLANKS = re.compile(r"[ \t\r\f\v]+")
_EDGES = re.compile(r" ?\n ?")
_LINES = re.compile(r"\n{3,}")


def text_of_html(markup: str) -> str:
    """What a reader sees, without handles in mentions. Broken markup is read as browsers do, as far as it goes."""
    reader = _Reader()
    reader.feed(markup)
    reader.close()
    text = _EDGES.sub("\n", _BLANKS.sub(" ", "".join(reader.parts)))
    return _LINES.sub("\n\n", text).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        # Elements inside one whose content is left out, itself included.
        self._hidden: list[str] = []
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._hidden:
            if tag not in _VOID:
                self._hidden.append(tag)
            return
        classes = (dict(attrs).get("class") or "").split()
        if tag == "br":
            self.parts.append("\n")
        elif tag in _UNSEEN or "quote-inline" in classes:
            self._hidden.append(tag)
        elif tag == "a" and "mention" in classes and "hashtag" not in classes:
            self.parts.append(HANDLE_MASK)
            self._hidden.append(tag)
        elif tag in _BLOCKS:
            self._preformatted += tag == "pre"
            self.parts.append("\n")
            if tag == "li":
                self.parts.append("- ")

    def handle_endtag(self, tag: str) -> None:
        if self._hidden:
            if tag in self._hidden:
                # What was left open inside ends with it.
                del self._hidden[len(self._hidden) - 1 - self._hidden[::-1].index(tag) :]
            return
        if tag in _BLOCKS:
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data if self._preformatted else data.replace("\n", " "))

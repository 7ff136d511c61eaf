"""Documents as hypothesis makes them up, and one with everything in it that we wrote."""

from __future__ import annotations

from hypothesis import strategies as st

from services.annotation.layout import SAYS_TYPE, type_of
from shared.corpora.documents import Document, Link, Span, Value

TEXT = "\U0001f635 Sertraline gave me a stabbing headache\r\nand later, in the neck, pain. Not the zolpidem! 頭痛"
_LETTERS = st.sampled_from(list("ab Z09-_[]|;*\\>é頭\U0001f635\U0001f469‍​.,'\"&<\t\n\r#="))
_ODD = st.text(_LETTERS, max_size=12)
_WORDS = st.sampled_from(["self", "type"]) | st.text(st.sampled_from(list("abcXYZ")), min_size=1, max_size=6)
_KINDS = st.sampled_from(["drug", "reaction", "indication", "symptom"])
_LAYERS = st.sampled_from(["", "", "webanno.custom.Severity", "de.tudarmstadt.ukp.dkpro.core.api.ner.type.NamedEntity"])


def headache() -> Document:
    """A discontinuous mention, two on one span, notes, a concept, relations, labels, emoji, an end of line of Windows."""

    def at(words: str) -> tuple[int, int]:
        start = TEXT.index(words)
        return start, start + len(words)

    spans = (
        Span("T1", "drug", (at("Sertraline"),), "brand?\tno", "DB01104", "Sertraline"),
        Span("T2", "reaction", (at("stabbing headache"),)),
        Span("T3", "symptom", (at("stabbing headache"),), features={"sure": True, "degree": "mild"}),
        Span("T4", "reaction", (at("neck"), at("pain"))),
        Span("T5", "severe", (at("stabbing"),), layer="webanno.custom.Severity", features={"value": "severe"}),
        Span("T6", "drug", (at("zolpidem"),)),
    )
    links = (
        Link("R1", "causes", "T1", "T2"),
        Link("R2", "causes", "T1", "T4", "she says so"),
    )
    return Document("forum:7/ü", TEXT, {"reports_reaction": "yes"}, spans, links)


@st.composite
def documents(draw: st.DrawFn, values: st.SearchStrategy[Value], words_only: bool = False) -> Document:
    """Any documents. `words_only`: mentions begin and end with a word, and the text does, too; so TSV wants it."""
    text = draw(st.text(_LETTERS, max_size=14))
    if words_only:
        text = f"a{text}b" if draw(st.booleans()) else ""
    places = [
        (start, end)
        for start in range(len(text))
        for end in range(start + 1, len(text) + 1)
        if text[start:end].strip("\r\n") and not (words_only and (text[start].isspace() or text[end - 1].isspace()))
    ]
    spans = [draw(_spans(f"T{number}", places, values)) for number in range(draw(st.integers(0, 5)) if places else 0)]
    ours = [span.key for span in spans if not span.layer]
    links = [
        Link(f"R{number}", draw(_KINDS), draw(st.sampled_from(ours)), draw(st.sampled_from(ours)), draw(_notes(values)))
        for number in range(draw(st.integers(0, 4)) if ours else 0)
    ]
    labels = (
        draw(st.dictionaries(_WORDS, st.sampled_from(["yes", "no", "not sure"]), max_size=2)) if text.strip() else {}
    )
    return Document(draw(_ODD) or "7", text, labels, tuple(spans), tuple(links))


@st.composite
def _spans(draw: st.DrawFn, key: str, places: list[tuple[int, int]], values: st.SearchStrategy[Value]) -> Span:
    layer = draw(_LAYERS)
    features = draw(st.dictionaries(_WORDS, values, max_size=2))
    first = draw(st.sampled_from(places))
    if layer:
        features |= {"value": draw(_WORDS)} if draw(st.booleans()) else {}
        # What says the type is one word, as every tool's types are.
        features |= {name: draw(_WORDS) for name in SAYS_TYPE if isinstance(features.get(name), str)}
        return Span(key, type_of(layer, features), (first,), layer=layer, features=features)
    fragments = [first]
    while (
        len(fragments) < 3
        and (later := [place for place in places if place[0] > fragments[-1][1]])
        and draw(st.booleans())
    ):
        fragments.append(draw(st.sampled_from(later)))
    note, concept, label = (draw(_notes(values)) for _ in range(3))
    return Span(key, draw(_KINDS), tuple(fragments), note, concept, label, features=features)


def _notes(values: st.SearchStrategy[Value]) -> st.SearchStrategy[str]:
    return st.just("") | values.filter(lambda value: isinstance(value, str)).map(str)


ODD_TEXT: st.SearchStrategy[Value] = _ODD
_NUMBERS = st.integers(-(2**31), 2**31 - 1) | st.floats(allow_nan=False, allow_infinity=False)
ANY_VALUE: st.SearchStrategy[Value] = _ODD | st.booleans() | _NUMBERS

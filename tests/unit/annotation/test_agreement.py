"""Agreement on a toy pair, counted by hand."""

from __future__ import annotations

import pytest

from services.annotation.agreement import IGNORED, INTERSECTION, STRICT, agreement, matches
from shared.corpora.documents import Document, Span
from shared.errors import AdrwatchError

TEXT = "zaps and a stabbing headache since the taper"


def span(kind: str, *places: tuple[int, int]) -> Span:
    return Span(f"{kind} {places}", kind, places)


def document(identity: str, *spans: Span, text: str = TEXT) -> Document:
    return Document(identity, text, spans=spans)


# Of d1: Ana marks 3, Ben 2. "zaps" alike; "headache" and "stabbing headache" intersect, of another type; "taper" is Ana's alone.
# Of d2: one each, the same place and type. Of d3: neither marks anything. d4 is Ana's alone.
ANA = [
    document("d1", span("reaction", (0, 4)), span("reaction", (11, 28)), span("drug", (39, 44))),
    document("d2", span("drug", (0, 4))),
    document("d3"),
    document("d4", span("drug", (0, 4))),
]
BEN = [
    document("d1", span("reaction", (0, 4)), span("symptom", (20, 28))),
    document("d2", span("drug", (0, 4))),
    document("d3"),
]


def test_the_figures_of_two_people_are_those_counted_by_hand() -> None:
    found = agreement({"ana": ANA, "ben": BEN})
    figures = {(figure.spans, figure.tags): figure.agreement for figure in found.figures}
    # d1: 1 of max(3, 2) = 33.3; d2: 100. The mean is 66.7.
    assert figures[STRICT, STRICT] == pytest.approx((100 / 3 + 100) / 2)
    assert figures[STRICT, IGNORED] == pytest.approx((100 / 3 + 100) / 2)
    assert figures[INTERSECTION, STRICT] == pytest.approx((100 / 3 + 100) / 2)
    # With any tag the headaches match, too: d1 is 66.7.
    assert figures[INTERSECTION, IGNORED] == pytest.approx((200 / 3 + 100) / 2)
    assert (found.documents, found.left_out, found.without_mentions) == (3, 1, 1)
    assert found.mentions == {"ana": 4, "ben": 3}
    by_type = {(figure.type, figure.spans): figure.agreement for figure in found.by_type}
    # Reactions: d1 alone has any, 1 of max(2, 1). Drugs: d1 0 of 1, d2 1 of 1. Symptoms: Ben's alone.
    assert by_type["reaction", STRICT] == 50
    assert by_type["drug", STRICT] == 50
    assert by_type["symptom", INTERSECTION] == 0


def test_a_third_person_makes_it_the_mean_over_pairs() -> None:
    third = [document("d1"), document("d2", span("drug", (0, 4))), document("d3")]
    figures = agreement({"ana": ANA, "ben": BEN, "cy": third}).figures
    # Ana and Ben 66.7, both with Cy: d1 0, d2 100.
    assert figures[0].agreement == pytest.approx(((100 / 3 + 100) / 2 + 50 + 50) / 3)


def test_no_mention_matches_two_and_the_most_matches_count() -> None:
    wide, left, right = span("drug", (0, 28)), span("drug", (0, 4)), span("drug", (20, 28))
    assert matches([wide], [left, right], INTERSECTION, STRICT) == 1
    # Taking the first that fits would pair `wide` with `left`, and leave `left` of the other without one.
    assert matches([wide, left], [left, right], INTERSECTION, STRICT) == 2


def test_fragments_are_borders_and_what_lies_between_them_intersects_nothing() -> None:
    parts = span("reaction", (0, 4), (20, 28))
    assert matches([parts], [span("reaction", (0, 28))], STRICT, STRICT) == 0
    assert matches([parts], [span("reaction", (0, 28))], INTERSECTION, STRICT) == 1
    assert matches([parts], [span("reaction", (5, 19))], INTERSECTION, STRICT) == 0


def test_who_marked_nothing_has_no_figure() -> None:
    found = agreement({"ana": [document("d3")], "ben": [document("d3")]})
    assert [figure.agreement for figure in found.figures] == [None] * 4


def test_other_texts_and_other_documents_are_refused() -> None:
    with pytest.raises(AdrwatchError, match="text of document d3 is not the same"):
        agreement({"ana": [document("d3")], "ben": [document("d3", text="another")]})
    with pytest.raises(AdrwatchError, match="no document is in all"):
        agreement({"ana": [document("d3")], "ben": [document("d4")]})

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shared.assertion.text import Statement, pattern


def cut(text: str) -> list[str]:
    statement = Statement(text)
    return [text[part.start : part.end].strip() for part in statement.clauses]


def test_a_post_is_cut_at_marks_lines_and_conjunctions() -> None:
    assert cut("No rash, but my head hurts. Why?\nTook 2.5 mg") == [
        "No rash,",
        "but my head hurts.",
        "Why?",
        "Took 2.5 mg",
    ]


def test_a_forgotten_space_after_a_full_stop_still_ends_the_sentence() -> None:
    assert cut("could not move today.awful migraine") == ["could not move today.", "awful migraine"]


@given(st.text(max_size=300))
def test_sentences_and_clauses_cover_any_text_without_gap_or_overlap(text: str) -> None:
    statement = Statement(text)
    for parts in (statement.sentences, statement.clauses):
        assert "".join(text[part.start : part.end] for part in parts) == text
    for at in range(len(text)):
        clause, sentence = statement.clause(at), statement.sentence(at)
        assert sentence.start <= clause.start <= at < clause.end <= sentence.end


def test_cues_match_whole_words_gaps_and_beginnings() -> None:
    found = pattern(["no", "caus*", "never had ... before", "n't"])
    assert found.search("nothing") is None
    assert found.search("it is causing pain")[0] == "causing"
    assert found.search("never had such pain before")[0] == "never had such pain before"
    assert found.search("never had one two three four before") is None
    assert found.search("didn't")[0] == "n't"

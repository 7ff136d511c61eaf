"""Which medicine a word means, in posts written here that name several."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.assertion.coreference import Name, clusters, resolve
from shared.assertion.text import Statement
from shared.events import Span


def names(text: str, *drugs: str) -> list[Name]:
    """Every place of each name; what stands after a colon is its ingredient."""
    found = []
    for drug in drugs:
        word, _, label = drug.partition(":")
        starts = [at for at in range(len(text)) if text.startswith(word, at)]
        found += [Name(Span(at, at + len(word)), word, label) for at in starts]
    return found


def links(text: str, *drugs: str) -> list[tuple[str, list[str]]]:
    """Each word and the names that it means."""
    return [
        (
            text[link.anaphor.span.start : link.anaphor.span.end],
            [text[name.span.start : name.span.end] for name in link.antecedents],
        )
        for link in resolve(Statement(text), names(text, *drugs))
    ]


@pytest.mark.parametrize(
    ("text", "word", "meant"),
    [
        ("on aaa and bbb. The second one gave me hives", "The second one", ["bbb"]),
        ("on aaa and bbb. the former makes me sick", "the former", ["aaa"]),
        ("aaa, then bbb, then ccc. the last one left me dizzy", "the last one", ["ccc"]),
        ("aaa and bbb? no issue with the other, the aaa hurts", "the other", ["bbb"]),
        ("on aaa and bbb; the 2nd one gave me hives", "the 2nd one", ["bbb"]),
        ("aaa helped. then bbb and ccc, both gave me hives", "both", ["bbb", "ccc"]),
        ("took aaa with bbb, both gave me hives", "both", ["aaa", "bbb"]),
        ("aaa with bbb. they make me stumble", "they", ["aaa", "bbb"]),
        ("aaa was fine, then they added bbb. It makes me sick", "It", ["bbb"]),
        ("i take aaa, used to take bbb. It gives me tics", "It", ["aaa"]),
        ("dropped aaa for bbb. this stuff gives me gas", "this stuff", ["bbb"]),
        ("i added bbb to my aaa. it makes me itch", "it", ["bbb"]),
        ("aaa after bbb failed. These pills make me itch", "These pills", ["aaa"]),
        ("my old med was aaa, the new one is bbb. The old one made me fat", "The old one", ["aaa"]),
        ("aaa for mood, bbb for sleep. The sleep med makes me hungry", "The sleep med", ["bbb"]),
        ("aaa helps. bbb not so much, three weeks of it and i itch", "it", ["bbb"]),
    ],
)
def test_a_word_means_the_medicine_that_the_post_tells(text: str, word: str, meant: list[str]) -> None:
    assert links(text, "aaa", "bbb", "ccc") == [(word, meant)]


def test_a_class_is_known_by_the_ends_of_its_substances_names() -> None:
    text = "on lipitor and fish oil, the statin makes my legs ache"
    assert links(text, "lipitor:atorvastatin", "fish oil") == [("the statin", ["lipitor"])]


@pytest.mark.parametrize(
    "text",
    [
        "aaa and bbb. it was raining",
        "aaa gave me a rash, it itches, so bbb",
        "on aaa and bbb. the first week was hell, and the other day too",
        "aaa and bbb, one of them makes me dizzy",
        "took both aaa and bbb",
        "aaa and bbb: a rash at the injection site",
        "aaa and bbb. that was one week ago",
        "aaa and bbb. i heard that statins do this",
        "aaa, and the new one is bbb",
        "aaa and bbb. it makes sense",
        "it makes me sick, aaa or bbb",
    ],
)
def test_what_means_no_medicine_or_any_of_them_is_left_alone(text: str) -> None:
    assert links(text, "aaa", "bbb") == []


def test_a_post_with_one_medicine_has_nothing_to_tell() -> None:
    assert links("aaa is bad. aaa! it makes me sick", "aaa") == []


def test_clusters_hold_names_and_words_and_no_word_for_several() -> None:
    text = "aaa and bbb. both make me sick. The second one gave me hives, and bbb costs a lot"
    named = names(text, "aaa", "bbb")
    (cluster,) = clusters(named, resolve(Statement(text), named))
    assert [text[span.start : span.end] for span in cluster] == ["bbb", "The second one", "bbb"]


@given(
    st.lists(
        st.sampled_from(
            [
                "aaa",
                "bbb",
                "it makes me",
                "the other",
                "both",
                "the first one",
                "the 2nd one",
                "off it",
                ".",
                ",",
                "and",
            ]
        ),
        max_size=20,
    ).map(" ".join)
)
def test_a_word_never_means_a_name_that_follows_it_and_words_do_not_overlap(text: str) -> None:
    found = resolve(Statement(text), names(text, "aaa", "bbb"))
    assert all(name.span.end <= link.anaphor.span.start for link in found for name in link.antecedents)
    ends = [link.anaphor.span for link in found]
    assert all(one.end <= other.start for one, other in itertools.pairwise(ends))

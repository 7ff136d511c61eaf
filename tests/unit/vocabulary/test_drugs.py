from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.drugs import DrugLexicon, default_lexicon
from shared.vocabulary.table import write

LEXICON = default_lexicon()


def ingredients(text: str) -> list[str]:
    return [mention.concept.label for mention in LEXICON.find(text)]


@pytest.mark.parametrize(
    ("text", "ingredient"),
    [
        ("started Zoloft last week", "sertraline"),
        ("advil did the trick", "ibuprofen"),
        ("on trazadone again", "trazodone"),
        ("thanks #prozac", "fluoxetine"),
        ("vyvanse's comedown", "lisdexamfetamine"),
        ("vyvanse’s comedown", "lisdexamfetamine"),
        ("two zolofts a day", "sertraline"),
        ("lexapro10mg", "escitalopram"),
        ("z-pack from urgent care", "azithromycin"),
        ("flu shot today", "influenza vaccine"),
        ("second Moderna dose", "elasomeran"),
        ("pfizer booster done", "tozinameran"),
        ("got the shingles vaccine", "zoster vaccine recombinant"),
    ],
)
def test_brands_misspellings_hashtags_possessives_and_vaccines_lead_to_the_ingredient(
    text: str, ingredient: str
) -> None:
    assert ingredients(text) == [ingredient]


@pytest.mark.parametrize(
    "text",
    [
        "my ability to focus is gone",
        "team zolofty won",
        "the soma of the cell, the sonata of the evening",
        "water, oxygen and a strong coffee",
        "molly went to the stadium with heather",
        "HTTPURL @USER EMAIL",
    ],
)
def test_everyday_words_and_parts_of_words_are_no_medicines(text: str) -> None:
    assert ingredients(text) == []


def test_the_longest_name_wins_and_names_do_not_overlap() -> None:
    text = "nicotine patch, then nicotine gum, then tylenol pm"
    found = LEXICON.find(text)
    assert [text[mention.span.start : mention.span.end] for mention in found] == [
        "nicotine patch",
        "nicotine gum",
        "tylenol pm",
    ]


def test_brands_of_one_ingredient_share_its_concept() -> None:
    concepts = [mention.concept for mention in LEXICON.find("zoloft is sertraline, and no such medicine else")]
    assert concepts == [Concept("DB01104", "sertraline")] * 2


def test_offsets_count_in_the_post_even_where_lower_case_is_longer() -> None:
    text = "İİİ İstanbul: PROZAC makes me tired"
    (mention,) = LEXICON.find(text)
    assert text[mention.span.start : mention.span.end] == "PROZAC"


@given(
    st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["Zoloft", "advil", "flu shot", "ẞ", "İ"])), max_size=12)
)
def test_any_text_gives_spans_inside_it_in_order_and_without_overlap(parts: list[str]) -> None:
    text = " ".join(parts)
    end = 0
    for mention in LEXICON.find(text):
        assert end <= mention.span.start < mention.span.end <= len(text)
        end = mention.span.end


def test_a_lexicon_of_ones_own_is_read_from_a_table(tmp_path) -> None:
    write(tmp_path / "drugs.tsv.xz", "mine-1", [("novelmab", "X:1", "novelmab")])
    lexicon = DrugLexicon.load(tmp_path / "drugs.tsv.xz")
    assert (lexicon.release, len(lexicon), ingredients("novelmab")) == ("mine-1", 1, [])
    assert [mention.concept.id for mention in lexicon.find("novelmab hurts")] == ["X:1"]


@pytest.mark.parametrize("damage", ["missing", "not xz", "no release", "columns"])
def test_a_table_that_cannot_be_read_names_itself_and_the_fix(tmp_path, damage: str) -> None:
    path = tmp_path / "drugs.tsv.xz"
    if damage == "not xz":
        path.write_bytes(b"text")
    elif damage == "no release":
        import lzma

        path.write_bytes(lzma.compress(b"a\tb\tc\n"))
    elif damage == "columns":
        write(path, "1", [("a", "b")])
    with pytest.raises(AdrwatchError) as caught:
        DrugLexicon.load(path)
    assert str(path) in caught.value.message
    assert "vocabulary build" in caught.value.fix

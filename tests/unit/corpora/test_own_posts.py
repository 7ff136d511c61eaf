"""The posts that we wrote in other languages: their places are words, and they are read as labelled and annotated posts."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.corpora.own_posts import read_own_annotated, read_own_labelled
from shared.errors import AdrwatchError
from shared.settings import PACKAGE_ROOT

FOLDER = PACKAGE_ROOT / "services" / "evaluation" / "data"


@pytest.mark.parametrize(("language", "size"), [("zh", 70), ("de", 20), ("fr", 20), ("ru", 20)])
def test_half_of_the_posts_of_a_language_report_something(language: str, size: int) -> None:
    posts = read_own_labelled(FOLDER / f"posts_{language}.jsonl")
    assert (len(posts), sum(post.label for post in posts)) == (size, size // 2)
    assert len({post.text for post in posts}) == size


@pytest.mark.parametrize("language", ["zh", "de", "fr", "ru"])
def test_every_place_is_a_phrase_and_only_what_is_asserted_is_a_reaction(language: str) -> None:
    posts = read_own_annotated(FOLDER / f"posts_{language}.jsonl")
    for post in posts:
        for mention in post.mentions:
            phrase = post.text[mention.start : mention.end]
            assert phrase == phrase.strip() != ""
    labels = [post.label for post in read_own_labelled(FOLDER / f"posts_{language}.jsonl")]
    assert [int(any(m.type == "reaction" for m in post.mentions)) for post in posts] == labels


def test_a_place_outside_the_text_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "posts.jsonl"
    file.write_text('{"id": "1", "text": "ab", "drugs": [[0, 3]], "reactions": [], "pairs": []}\n')
    with pytest.raises(AdrwatchError, match="line 1: a place lies outside the text"):
        read_own_labelled(file)

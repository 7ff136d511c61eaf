"""The file of own posts is consistent, and the rules keep what they reached on it."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from services.evaluation import own_posts
from services.evaluation.attribution import counts, rules
from services.evaluation.attribution_report import of_posts
from services.evaluation.statements import FILE, LabelledStatement, read_statements
from services.pipeline.steps.normalise import Vocabularies
from shared.assertion.flags import SERIOUS, SITUATIONS
from shared.corpora.relations import RelatedText
from shared.errors import AdrwatchError
from shared.scores import total
from shared.settings import Settings
from shared.signals.rules import load_rules
from shared.vocabulary.reactions import default_vocabulary

POSTS = read_statements(FILE)
STATUSES = ("asserted", "denied", "hypothetical", "asked", "listed", "indication", "benefit")


def classes(post: LabelledStatement) -> set[str]:
    named = {reaction.status for reaction in post.reactions} | {reaction.person for reaction in post.reactions}
    several = {"several medicines"} if len({post.text[a:b].lower() for a, b in post.drugs}) > 1 else set()
    limit = {post.limit} if post.limit else set()
    return named | several | limit | set(post.serious) | set(post.situations)


def test_no_post_and_no_id_stands_twice_and_both_halves_are_of_one_size() -> None:
    assert len(POSTS) >= 220
    assert len({post.id for post in POSTS}) == len(POSTS)
    assert len({" ".join(post.text.lower().split()) for post in POSTS}) == len(POSTS)
    halves = Counter(post.part for post in POSTS)
    assert abs(halves["development"] - halves["held-out"]) <= 1


@pytest.mark.parametrize("name", [*STATUSES, *SERIOUS, *SITUATIONS, "writer", "other", "several medicines", "sarcasm"])
def test_every_class_has_at_least_ten_posts_and_some_in_each_half(name: str) -> None:
    having = Counter(post.part for post in POSTS if name in classes(post))
    assert having.total() >= 10
    assert min(having["development"], having["held-out"]) >= 4


def test_spans_are_words_of_their_text_and_pairs_are_of_asserted_reactions() -> None:
    for post in POSTS:
        places = [*post.drugs, *((reaction.start, reaction.end) for reaction in post.reactions)]
        assert all(post.text[start:end] == post.text[start:end].strip() != "" for start, end in places), post.id
        paired = {reaction for _, reaction in post.pairs}
        asserted = {at for at, reaction in enumerate(post.reactions) if reaction.status == "asserted"}
        assert paired == asserted, post.id
        assert post.drugs, post.id


def test_flags_are_names_of_the_rules_and_belong_to_reports() -> None:
    for post in POSTS:
        assert set(post.serious) <= set(SERIOUS), post.id
        assert set(post.situations) <= set(SITUATIONS), post.id
        assert post.pairs or not (post.serious or post.situations), post.id


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"drugs": [[0, 999]]}, "a span lies outside"),
        ({"pairs": [[5, 0]]}, "a pair names a drug"),
        ({"part": "train"}, "part"),
        ({"surprise": 1}, "surprise"),
    ],
)
def test_a_broken_line_is_refused_with_its_number(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    first = json.loads(FILE.read_text(encoding="utf-8").splitlines()[0])
    file = tmp_path / "posts.jsonl"
    file.write_text(json.dumps({**first, **change}) + "\n")
    with pytest.raises(AdrwatchError, match=f"line 1: .*{reason}"):
        read_statements(file)


def test_a_file_that_is_not_there_or_lacks_a_half_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="no file of posts"):
        read_statements(tmp_path / "absent.jsonl")
    file = tmp_path / "posts.jsonl"
    file.write_text(FILE.read_text(encoding="utf-8").splitlines()[0] + "\n")
    with pytest.raises(AdrwatchError, match="no posts of the part held-out"):
        of_posts(file, ["held-out"], 13, with_models=False)


@pytest.fixture(scope="module")
def vocabularies() -> Vocabularies:
    loaded = load_rules(Settings().rules_file)
    return Vocabularies(default_vocabulary(), loaded.designated_ids, loaded.designated_names)


# Floors a little under what docs/attribution.md states: F1 of pairs, share of serious posts flagged, recall of situations.
FLOORS = {"development": (0.97, 0.95, 0.88), "held-out": (0.92, 0.95, 0.9)}


@pytest.mark.parametrize("part", sorted(FLOORS))
def test_what_the_rules_reached_on_our_own_posts_is_kept(part: str, vocabularies: Vocabularies) -> None:
    posts = [post for post in POSTS if post.part == part and post.limit is None]
    texts = [
        RelatedText(post.text, tuple(post.drugs), tuple((r.start, r.end) for r in post.reactions), post.gold)
        for post in posts
    ]
    pairs, grave, situations = FLOORS[part]
    assert total([counts(text, rules) for text in texts]).f1 >= pairs
    told = own_posts.with_annotated_entities(posts, vocabularies)
    serious = [one for one in told if one.post.serious]
    assert sum(bool(one.serious) for one in serious) / len(serious) >= grave
    named = [(name, name in one.situations) for one in told for name in one.post.situations]
    assert sum(found for _, found in named) / len(named) >= situations
    others = [one for one in told if not one.post.serious]
    assert sum(bool(one.serious) for one in others) / len(others) <= 0.05

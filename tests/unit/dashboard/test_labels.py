"""Which posts are drawn for review, how far assessors agree, and the files that come of labels."""

from __future__ import annotations

import stat
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from services.cases.labels import Label, Marked, agreement, by_post
from services.dashboard.labels.corpus import SPANS, TABLE, texts, write, write_waiting
from services.dashboard.labels.draw import OF_OTHERS, Drawn, drawn, waiting
from shared.broker import Stored
from shared.corpora.documents import read_documents
from shared.corpora.json_lines import read_annotated_tweets
from shared.corpora.tables import read_tweets
from shared.errors import AdrwatchError
from shared.events import Post, Terms, derived_id, encode, now

TEXT = "Our \N{PILL} metformin\tmade me\nill"


def post(number: int, terms: Terms | None = None) -> Post:
    return Post(id=f"own:{number}", source="own", text=TEXT, created_at=now(), ingested_at=now(), terms=terms)


def label(number: int, assessor: str, said: int, spans: tuple[Marked, ...] = ()) -> Label:
    return Label(derived_id(f"own:{number}"), assessor, said, spans, 0.5, 0.6)


def test_uncertain_posts_are_all_drawn_and_of_the_others_a_known_share() -> None:
    names = [derived_id(f"own:{number}") for number in range(5000)]
    assert all(drawn("", name, 0.55, 0.5) for name in names)
    others = [one for name in names if (one := drawn("", name, 0.99, 0.5))]
    assert len(others) / len(names) == pytest.approx(OF_OTHERS, abs=0.015)
    assert {one.sampled for one in others} == {OF_OTHERS}
    # The order mixes both, so that whatever is labelled first is a sample of both.
    assert 0 < sum(one.order < 0.5 for one in others) < len(others)
    assert drawn("own:1", names[1], 0.55, 0.5) == drawn("own:1", names[1], 0.55, 0.5)


def test_some_posts_are_for_two_and_nobody_is_asked_twice() -> None:
    found = [one for number in range(500) if (one := drawn("", derived_id(f"own:{number}"), 0.5, 0.5))]
    by = Counter(one.assessors for one in found)
    assert 0.1 < by[2] / len(found) < 0.3
    one, two = next(x for x in found if x.assessors == 1), next(x for x in found if x.assessors == 2)

    def left(said: list[Label], who: str, skipped: tuple[str, ...] = ()) -> list[Drawn]:
        return waiting([one, two], by_post(said), who, skipped)

    said = [msgspec.structs.replace(label(1, "ada", 1), post=x.hash) for x in (one, two)]
    assert left([], "ada") == sorted([one, two], key=lambda x: x.order)
    assert left(said, "ada") == []
    assert left(said, "bea") == [two]
    assert left([], "ada", (one.hash,)) == [two]


def test_kappa_is_that_of_cohen() -> None:
    # 20 both yes, 5 and 10 apart, 15 both no: observed 0.7, by chance 0.5.
    counts = {(1, 1): 20, (1, 0): 5, (0, 1): 10, (0, 0): 15}
    pairs = [pair for pair, number in counts.items() for _ in range(number)]
    labels = [label(at, who, said) for at, pair in enumerate(pairs) for who, said in zip("ab", pair, strict=True)]
    found = agreement(labels)
    assert (found.posts, found.same) == (50, 35)
    assert found.kappa == pytest.approx(0.4)
    assert agreement(labels[:2]).kappa is None
    assert agreement([label(at, who, 1) for at in range(5) for who in "ab"]).kappa is None


def test_the_files_are_read_by_what_trains(tmp_path: Path) -> None:
    spans = (Marked(6, 15, "drug"), Marked(24, 27, "reaction"))
    assert (TEXT[6:15], TEXT[24:27]) == ("metformin", "ill")
    labels = by_post([
        label(1, "ada", 1, spans), label(2, "ada", 0), label(3, "ada", 1), label(3, "bea", 0), label(4, "ada", 1),
        label(5, "ada", 1), label(6, "ada", 1),
    ])  # fmt: skip
    kept = [post(1), post(2), post(3), post(5, Terms(case_export=False)), post(6, Terms(aggregates_only=True))]
    posts = {derived_id(one.id): one for one in kept}
    told: list[int] = []
    exported = write(labels, posts, tmp_path / "corpus", (), told.append)
    assert told == [2]
    assert (exported.written, exported.disputed, exported.not_allowed, exported.without_text) == (2, 1, 2, 1)
    read = read_tweets(tmp_path / "corpus" / TABLE)
    assert [(one.label, one.text) for one in read] == [
        (1, "Our \N{PILL} metformin made me ill"),
        (0, " ".join(TEXT.split())),
    ]
    [first, second] = read_annotated_tweets(tmp_path / "corpus" / SPANS)
    assert [first.text[one.start : one.end] for one in first.mentions] == ["ill"]
    assert second.mentions == ()
    assert stat.S_IMODE((tmp_path / "corpus" / TABLE).stat().st_mode) == 0o600
    with pytest.raises(AdrwatchError, match="is there already"):
        write(labels, posts, tmp_path / "corpus", (), told.append)


def test_posts_that_wait_are_written_for_a_tool_by_the_same_rules(tmp_path: Path) -> None:
    kept = [post(1), post(2, Terms(case_export=False)), post(3, Terms(aggregates_only=True))]
    posts = {derived_id(one.id): one for one in kept}
    told: list[int] = []
    path = tmp_path / "to-label.jsonl"
    exported = write_waiting([*posts, derived_id("own:4")], posts, path, (), told.append)
    assert told == [1]
    assert (exported.written, exported.not_allowed, exported.without_text) == (1, 2, 1)
    [document] = read_documents(path)
    assert (document.id, document.text, document.spans) == (derived_id("own:1"), TEXT, ())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_labels_and_marks_are_a_document_for_other_tools(tmp_path: Path) -> None:
    labels = by_post([label(1, "ada", 1, (Marked(6, 15, "drug"),)), label(2, "ada", 0)])
    write(labels, {derived_id(one.id): one for one in (post(1), post(2))}, tmp_path / "corpus", (), lambda _: None)
    first, second = read_documents(tmp_path / "corpus" / SPANS)
    assert (first.labels, [(span.type, span.places) for span in first.spans]) == (
        {"reports_reaction": "yes"},
        [("Drug", ((6, 15),))],
    )
    assert (second.labels, second.spans) == ({"reports_reaction": "no"}, ())


def test_nothing_leaves_of_a_source_that_the_settings_close_or_without_a_row_of_the_trail(tmp_path: Path) -> None:
    labels = by_post([label(1, "ada", 1), label(2, "ada", 1)])
    posts = {derived_id("own:1"): post(1), derived_id("own:2"): msgspec.structs.replace(post(2), source="x")}

    def refuse(_: int) -> None:
        raise AdrwatchError("the trail cannot be written", fix="try again")

    with pytest.raises(AdrwatchError, match="the trail"):
        write(labels, posts, tmp_path / "none", ("x",), refuse)
    assert not (tmp_path / "none").exists()
    exported = write(labels, posts, tmp_path / "corpus", ("x",), lambda _: None)
    assert (exported.written, exported.not_allowed) == (1, 1)
    assert [one.id for one in read_tweets(tmp_path / "corpus" / TABLE)] == [derived_id("own:1")]


def test_a_post_that_was_taken_back_has_no_text_any_more() -> None:
    wanted = by_post([label(1, "ada", 1), label(2, "ada", 1)])

    def stored(number: int, value: bytes | None) -> Stored:
        return Stored(0, 0, f"own:{number}".encode(), value, ())

    records = [stored(one, encode(post(one))) for one in (1, 2, 3)] + [stored(1, None)]
    assert list(texts(records, wanted)) == [derived_id("own:2")]

"""Readers of annotated posts in JSON lines, on samples written here in the corpora's formats."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shared.corpora.json_lines import RUDREC_ALL, read_annotated_tweets, read_phee, read_rudrec, read_span_jsonl, remask
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError
from shared.events import Concept
from tests.unit.corpora.corpus_files import named, related, write


def lines(folder: Path, *records: dict[str, Any]) -> Path:
    return write(folder / "posts.jsonl.xz", "".join(json.dumps(record) + "\n" for record in records))


def test_spans_are_read_and_other_types_left_out(tmp_path: Path) -> None:
    record = {
        "id": "p1",
        "text": "my arm itches",
        "drug": "Aspirin",
        "entities": [
            {"start": 7, "end": 13, "type": "ADR", "meddra_code": "10037087", "meddra_term": "pruritus"},
            {"start": 0, "end": 2, "type": "Person"},
        ],
    }
    [post] = read_span_jsonl(lines(tmp_path, record), {"ADR": "reaction"}, ["reaction"])
    assert post.mentions == (Mention(7, 13, "reaction", (), Concept("MedDRA:10037087", "pruritus")),)
    assert (post.drug, post.id, post.types) == ("aspirin", "p1", {"reaction"})


def test_a_release_without_indications_says_nothing_about_them(tmp_path: Path) -> None:
    itchy = {"text": "itchy for my cough", "entities": [{"start": 0, "end": 5, "type": "ADR"}]}
    assert read_annotated_tweets(lines(tmp_path, itchy))[0].types == {"reaction"}
    cough = {"text": "cough", "entities": [{"start": 0, "end": 5, "type": "Indication"}]}
    assert read_annotated_tweets(lines(tmp_path, itchy, cough))[0].types == {"reaction", "indication"}


def test_masks_are_brought_to_one_form_and_mentions_move_along() -> None:
    text = "@xxxxxxxxxx: my head hurts https://a.example/b since monday"
    masked, mentions = remask(text, [Mention(16, 26, "reaction"), Mention(53, 59, "other"), Mention(0, 5, "who")])
    assert masked == "@USER: my head hurts HTTPURL since monday"
    assert [masked[m.start : m.end] for m in mentions] == ["head hurts", "monday"]


def test_rudrec_keeps_reactions_indications_and_names_of_medicines(tmp_path: Path) -> None:
    entities = [
        {"start": 0, "end": 8, "entity_type": "Drugname", "entity_text": "Лекарол", "concept_id": float("nan")},
        {"start": 9, "end": 13, "entity_type": "ADR", "entity_text": "сыпь", "concept_id": "C0015230"},
        {"start": 14, "end": 17, "entity_type": "Drugform", "entity_text": "мазь"},
    ]
    record = {"file_name": "7.tsv", "sentence_id": 2, "text": "Лекарол: сыпь и мазь\n", "entities": entities}
    [post] = read_rudrec(lines(tmp_path, record))
    assert named(post) == [("drug", "Лекарол:"), ("reaction", "сыпь")]
    assert post.mentions[1].concept == Concept("UMLS:C0015230", "")
    assert post.id == "7.tsv:2"
    assert post.types == {"reaction", "indication", "drug"}
    [whole] = read_rudrec(lines(tmp_path, record), RUDREC_ALL)
    assert named(whole)[2] == ("drug form", "и м")
    assert whole.types == {"reaction", "indication", "drug", "drug class", "drug form", "finding"}


def argument(text: str, *mentions: list[str]) -> dict[str, Any]:
    return {"text": list(mentions), "start": [[text.index(part) for part in mention] for mention in mentions]}


def test_phee_roles_become_types_and_relations(tmp_path: Path) -> None:
    text = "Sore arms and legs after drugol and pillex for gout; drugol cured a cough."
    adverse = {
        "event_type": "Adverse_event",
        "Treatment": {
            "Drug": argument(text, ["drugol"], ["pillex"]),
            "Disorder": argument(text, ["gout"]),
        },
        "Effect": argument(text, ["Sore", "legs"], ["Sore arms"]),
    }
    cured = {
        "event_type": "Potential_therapeutic_event",
        "Treatment": {"Drug": argument(text, ["drugol"])},
        "Effect": argument(text, ["cough"]),
    }
    [post] = read_phee(lines(tmp_path, {"id": "1_2", "context": text, "annotations": [{"events": [adverse, cured]}]}))
    assert named(post) == [
        ("drug", "drugol"),
        ("drug", "pillex"),
        ("indication", "gout"),
        ("reaction", "Sore … legs"),
        ("reaction", "Sore arms"),
    ]
    assert set(related(post)) == {
        ("causes", "drugol", "Sore … legs"),
        ("causes", "drugol", "Sore arms"),
        ("causes", "pillex", "Sore … legs"),
        ("causes", "pillex", "Sore arms"),
        ("treats", "drugol", "gout"),
        ("treats", "pillex", "gout"),
    }


def phee_line(effect: dict[str, Any]) -> str:
    event = {"event_type": "Adverse_event", "Effect": effect}
    return json.dumps({"context": "secret", "annotations": [{"events": [event]}]})


@pytest.mark.parametrize(
    ("reader", "line"),
    [
        *(
            (reader, line)
            for reader in (read_annotated_tweets, read_rudrec, read_phee)
            for line in ("{secret", '["secret"]')
        ),
        (read_annotated_tweets, '{"text": "secret"}'),
        (read_annotated_tweets, '{"text": "secret", "entities": [{"start": 0, "end": 9, "type": "ADR"}]}'),
        (read_annotated_tweets, '{"text": "secret", "entities": [{"start": 4, "end": 4, "type": "ADR"}]}'),
        (read_annotated_tweets, '{"text": "secret", "entities": [{"start": "0", "end": "3", "type": "ADR"}]}'),
        (read_rudrec, '{"text": "secret", "entities": [{"start": 0, "end": 9, "entity_type": "ADR"}]}'),
        (read_phee, phee_line({"text": [["s"]]})),
        (read_phee, phee_line({"text": [["s"]], "start": [[7]]})),
        (read_phee, phee_line({"text": [["s"]], "start": [[0, 2]]})),
        (read_phee, phee_line({"text": [[]], "start": [[]]})),
    ],
)
def test_a_broken_record_is_named_without_its_text(
    tmp_path: Path, reader: Callable[[Path], list[AnnotatedPost]], line: str
) -> None:
    good = {"text": "fine", "context": "fine", "entities": [], "annotations": []}
    with pytest.raises(AdrwatchError, match="line 2") as refusal:
        reader(write(tmp_path / "a.jsonl", f"{json.dumps(good)}\n{line}\n"))
    assert "secret" not in str(refusal.value)

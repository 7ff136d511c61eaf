"""Readers, on samples written here in the corpora's formats."""

from __future__ import annotations

import json
import lzma
import zipfile
from pathlib import Path

import pytest

from shared.corpora.readers import (
    Mention,
    read_cadec,
    read_conll,
    read_lines,
    read_psytar_sentences,
    read_span_jsonl,
    read_tweets,
    remask,
)
from shared.errors import AdrwatchError


def write(path: Path, text: str) -> Path:
    path.write_bytes(lzma.compress(text.encode()) if path.suffix == ".xz" else text.encode())
    return path


@pytest.mark.parametrize("name", ["posts.tsv", "posts.tsv.xz"])
def test_tweets_are_read_plain_and_compressed(tmp_path: Path, name: str) -> None:
    text = "tweet_id\tcreated_at\tlabel\ttext\n1\t2014-01-02T03:04:05Z\t1\tthis pill makes me itch\n2\t\t0\thello\n"
    itch, hello = read_tweets(write(tmp_path / name, text))
    assert (itch.label, itch.text, itch.created_at) == (1, "this pill makes me itch", "2014-01-02T03:04:05Z")
    assert (hello.label, hello.created_at) == (0, "")


def test_a_broken_line_is_named_without_its_text(tmp_path: Path) -> None:
    path = write(tmp_path / "posts.tsv", "label\ttext\n1\tfine\nmaybe\tsecret words\n")
    with pytest.raises(AdrwatchError, match="line 3") as refusal:
        read_tweets(path)
    assert "secret" not in str(refusal.value)
    assert refusal.value.fix


def test_a_header_without_labels_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="header"):
        read_tweets(write(tmp_path / "posts.tsv", "id\tbody\n1\thello\n"))


def test_a_missing_corpus_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="no corpus file") as refusal:
        read_tweets(tmp_path / "absent.tsv")
    assert "--data" in refusal.value.fix


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    damaged = tmp_path / "posts.tsv.xz"
    damaged.write_bytes(b"not xz")
    with pytest.raises(AdrwatchError, match="not readable"):
        read_tweets(damaged)


def test_line_separators_inside_a_post_end_no_line(tmp_path: Path) -> None:
    assert read_lines(write(tmp_path / "a.txt", "one\u2028still one\r\ntwo\n")) == ["one\u2028still one", "two"]


def test_psytar_sentences_keep_quotes_and_tabs_apart(tmp_path: Path) -> None:
    text = 'sentences\tADR\tWD\n"I felt ""odd"" all day."\t1\t0\nIt works.\t0\t0\n'
    odd, works = read_psytar_sentences(write(tmp_path / "train.csv", text))
    assert (odd.text, odd.label) == ('I felt "odd" all day.', 1)
    assert works.label == 0


def test_spans_are_read_and_other_types_left_out(tmp_path: Path) -> None:
    record = {
        "text": "my arm itches",
        "drug": "Aspirin",
        "entities": [{"start": 7, "end": 13, "type": "ADR"}, {"start": 0, "end": 2, "type": "Person"}],
    }
    [post] = read_span_jsonl(write(tmp_path / "a.jsonl", json.dumps(record) + "\n"), {"ADR": "reaction"}, ["reaction"])
    assert post.mentions == (Mention(7, 13, "reaction"),)
    assert post.drug == "aspirin"
    assert post.types == {"reaction"}


@pytest.mark.parametrize(
    "line", ["{", '{"text": "a"}', '{"text": "a", "entities": [{"start": 0, "end": 9, "type": "ADR"}]}']
)
def test_a_broken_record_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(AdrwatchError, match="line 1"):
        read_span_jsonl(write(tmp_path / "a.jsonl", line + "\n"), {"ADR": "reaction"}, ["reaction"])


def test_masks_are_brought_to_one_form_and_mentions_move_along() -> None:
    text = "@xxxxxxxxxx: my head hurts https://a.example/b since monday"
    masked, mentions = remask(text, [Mention(16, 26, "reaction"), Mention(53, 59, "other"), Mention(0, 5, "who")])
    assert masked == "@USER: my head hurts HTTPURL since monday"
    assert [masked[m.start : m.end] for m in mentions] == ["head hurts", "monday"]


def test_conll_sentences_get_their_spaces_back(tmp_path: Path) -> None:
    rows = [
        "I O",
        "'m O",
        "so B-ADR",
        "tired I-ADR",
        ", O",
        "dizzy B-ADR",
        "on O",
        "Zoloft B-DRUG",
        ". O",
        "",
        "Ok O",
        "",
    ]
    tired, ok = read_conll(
        write(tmp_path / "a.txt", "\n".join(rows)), {"ADR": "reaction", "DRUG": "drug"}, ["reaction", "drug"]
    )
    assert tired.text == "I'm so tired, dizzy on Zoloft."
    named = [(m.type, tired.text[m.start : m.end]) for m in tired.mentions]
    assert named == [("reaction", "so tired"), ("reaction", "dizzy"), ("drug", "Zoloft")]
    assert ok.mentions == ()


def test_a_token_of_white_space_is_passed_over(tmp_path: Path) -> None:
    [post] = read_conll(write(tmp_path / "a.txt", "rash\tB-ADR\n \tO\n"), {"ADR": "reaction"}, ["reaction"])
    assert post.text == "rash"


def test_a_conll_line_without_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdrwatchError, match="line 2"):
        read_conll(write(tmp_path / "a.txt", "fine\tO\nlost\n"), {}, [])


def cadec(folder: Path, notes: str) -> tuple[Path, Path]:
    archive = folder / "cadec.zip"
    with zipfile.ZipFile(archive, "w") as files:
        files.writestr("cadec/text/DRUG.1.txt", "sore arms and legs on Drugol")
        files.writestr("cadec/original/DRUG.1.ann", notes)
    return archive, write(folder / "split.id", "DRUG.1\n")


def test_cadec_fragments_become_mentions_and_notes_are_passed_over(tmp_path: Path) -> None:
    notes = "T1\tADR 0 4;14 18\tsore legs\n#1\tAnnotatorNotes T1\tpain\nT2\tDrug 22 28\tDrugol\nT3\tFinding 0 4\tsore\n"
    archive, split = cadec(tmp_path, notes)
    [post] = read_cadec(archive, split, {"ADR": "reaction", "Drug": "drug"}, ["reaction", "drug"])
    named = [(m.type, post.text[m.start : m.end]) for m in post.mentions]
    assert named == [("reaction", "sore"), ("reaction", "legs"), ("drug", "Drugol")]


@pytest.mark.parametrize("notes", ["T1 ADR 0 4 sore\n", "T1\tADR 0 400\tsore\n"])
def test_broken_brat_notes_are_refused(tmp_path: Path, notes: str) -> None:
    archive, split = cadec(tmp_path, notes)
    with pytest.raises(AdrwatchError, match="line 1"):
        read_cadec(archive, split, {"ADR": "reaction"}, ["reaction"])


def test_a_split_of_another_archive_is_refused(tmp_path: Path) -> None:
    archive, split = cadec(tmp_path, "")
    split.write_text("OTHER.9\n")
    with pytest.raises(AdrwatchError, match=r"lacks document OTHER\.9"):
        read_cadec(archive, split, {}, [])
    with pytest.raises(AdrwatchError, match="no CADEC archive"):
        read_cadec(tmp_path / "absent.zip", split, {}, [])

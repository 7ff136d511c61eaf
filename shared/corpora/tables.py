"""Readers of labelled posts in tables: tab- or comma-separated, with a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

from shared.corpora.readers import LabelledPost, broken, read_lines

_LABELS = {"0": 0, "1": 1, "0.0": 0, "1.0": 1}
_ID = ("tweet_id", "id", "")
_NO_SIDE_EFFECTS = "No Side Effects"
_SIDE_EFFECTS = frozenset(
    {"Mild Side Effects", "Moderate Side Effects", "Severe Side Effects", "Extremely Severe Side Effects"}
)


def read_tweets(path: Path) -> list[LabelledPost]:
    """Tab-separated posts with a header naming at least `label` and `text` (#SMM4H style), `created_at` if known.

    Quotes have no meaning here: a post is a line.
    """
    header, *lines = read_lines(path) or [""]
    columns = header.split("\t")
    if not {"label", "text"} <= set(columns):
        raise broken(path, 1, "the header lacks the columns label and text")
    posts = []
    for number, line in enumerate(lines, start=2):
        fields = dict(zip(columns, line.split("\t"), strict=False))
        if fields.get("label") not in ("0", "1") or "text" not in fields:
            raise broken(path, number, "needs a label 0 or 1 and a text")
        identity = fields.get("tweet_id", fields.get("id", ""))
        posts.append(LabelledPost(fields["text"], int(fields["label"]), fields.get("created_at", ""), identity))
    return posts


def read_psytar_sentences(path: Path) -> list[LabelledPost]:
    """PsyTAR sentences (tab-separated, csv quoting): positive where the sentence names an ADR."""
    return _labelled(path, "\t", "sentences", "ADR")


def read_reddit_vaccine(path: Path) -> list[LabelledPost]:
    """Reddit posts on vaccines (#SMM4H-HeaRD 2025 task 6): id,text,labels with csv quoting."""
    return _labelled(path, ",", "text", "labels")


def read_russian_tweets(path: Path) -> list[LabelledPost]:
    """RuADReCT: tweet_id, tweet, label, tab-separated with csv quoting."""
    return _labelled(path, "\t", "tweet", "label")


def read_french_tweets(path: Path) -> list[LabelledPost]:
    """#SMM4H 2020 task 2, French: tweet_id, user_id, class, tweet, tab-separated with csv quoting."""
    return _labelled(path, "\t", "tweet", "class")


def read_multilingual(path: Path) -> list[LabelledPost]:
    """#SMM4H-HeaRD 2026 task 1: id,text,label,... with csv quoting; labels 0, 1, 0.0 or 1.0."""
    return _labelled(path, ",", "text", "label")


def read_druglib_reviews(path: Path) -> list[LabelledPost]:
    """Druglib.com reviews (tab-separated, csv quoting, fields of several lines): weak labels.

    Each review gives two posts: what it says on side effects, positive unless the patient ticked "No Side Effects", and what it
    says on benefits, negative. Empty ones are left out.
    """
    posts = []
    for number, row in _rows(path, "\t", ("sideEffects", "sideEffectsReview", "benefitsReview")):
        level = row["sideEffects"]
        if level != _NO_SIDE_EFFECTS and level not in _SIDE_EFFECTS:
            raise broken(path, number, "sideEffects must be one of the five levels, such as No Side Effects")
        for column, label in (("sideEffectsReview", int(level in _SIDE_EFFECTS)), ("benefitsReview", 0)):
            if text := " ".join(row[column].split()):
                posts.append(LabelledPost(text, label, id=f"{_identity(row)}:{column}"))
    return posts


def _labelled(path: Path, delimiter: str, text: str, label: str) -> list[LabelledPost]:
    posts = []
    for number, row in _rows(path, delimiter, (text, label)):
        if row[label] not in _LABELS:
            raise broken(path, number, f"{label} must be 0 or 1")
        posts.append(LabelledPost(row[text].strip(), _LABELS[row[label]], id=_identity(row)))
    return posts


def _rows(path: Path, delimiter: str, columns: tuple[str, ...]) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row with the number of its first line."""
    rows = csv.DictReader((f"{line}\n" for line in read_lines(path)), delimiter=delimiter, strict=True)
    if not set(columns) <= set(rows.fieldnames or ()):
        raise broken(path, 1, f"the header lacks the columns {' and '.join(columns)}")
    while True:
        number = rows.line_num + 1
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error as error:
            raise broken(path, number, f"not a row of the table ({error})") from None
        if None in row or None in row.values():
            raise broken(path, number, "has more or fewer fields than the header")
        yield number, row


def _identity(row: dict[str, str]) -> str:
    return next((row[name] for name in _ID if name in row), "")

"""Readers of the corpora's formats: each turns files into labelled posts or annotated posts, or says what is wrong.

Files ending in .xz are decompressed on the way. Errors name the file and line, never its text.
"""

from __future__ import annotations

import csv
import json
import lzma
import re
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError

# A word that is written right after the one before it; CoNLL files do not keep the spaces.
_GLUED = re.compile(r"^(?:[.,!?;:%)\]}…]+|n't|'(?:s|m|re|ve|ll|d|t))$", re.IGNORECASE)
_OPENING = ("(", "[", "{", "$", "#", "@")
# Handles as releases mask them (@xxxxxxxx, @____) and addresses, in the form of shared.text.clean.mask.
_MASKED = re.compile(
    r"(?P<url>(?:https?://|www\.)\S+)|(?P<handle>(?<![\w@])@(?:x{2,}|_+|user)(?![a-z0-9]))", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class LabelledPost:
    """A post and whether it reports an adverse drug reaction. `created_at` is ISO 8601 or empty."""

    text: str
    label: int
    created_at: str = ""


@dataclass(frozen=True, slots=True)
class Mention:
    """Characters [start, end) of a post that name something, by the project's type names."""

    start: int
    end: int
    type: str


@dataclass(frozen=True, slots=True)
class AnnotatedPost:
    """A post with its mentions. `types` are those the corpus annotates: absence counts only for them."""

    text: str
    mentions: tuple[Mention, ...]
    types: frozenset[str]
    drug: str = ""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, plain or .xz."""
    if not path.is_file():
        raise AdrwatchError(
            f"no corpus file at {path}",
            fix="give --data the folder that holds classification/ and ner/, or the path of the corpus file itself",
        )
    try:
        raw = path.read_bytes()
        if path.suffix == ".xz":
            raw = lzma.decompress(raw)
        # Not splitlines: posts contain separators such as U+2028 that end no line of the file.
        return raw.decode("utf-8").removesuffix("\n").replace("\r\n", "\n").split("\n")
    except (UnicodeDecodeError, lzma.LZMAError) as error:
        raise AdrwatchError(f"{path} is not readable as UTF-8 text: {error}", fix="fetch the file again") from error


def read_tweets(path: Path) -> list[LabelledPost]:
    """Tab-separated posts with a header naming at least `label` and `text` (#SMM4H style), `created_at` if known."""
    header, *lines = read_lines(path) or [""]
    columns = header.split("\t")
    if not {"label", "text"} <= set(columns):
        raise _broken(path, 1, "the header lacks the columns label and text")
    posts = []
    for number, line in enumerate(lines, start=2):
        fields = dict(zip(columns, line.split("\t"), strict=False))
        if fields.get("label") not in ("0", "1") or "text" not in fields:
            raise _broken(path, number, "needs a label 0 or 1 and a text")
        posts.append(LabelledPost(fields["text"], int(fields["label"]), fields.get("created_at", "")))
    return posts


def read_psytar_sentences(path: Path) -> list[LabelledPost]:
    """PsyTAR sentences (tab-separated, csv quoting): positive where the sentence names an ADR."""
    rows = csv.DictReader("\n".join(read_lines(path)).split("\n"), delimiter="\t")
    if not {"sentences", "ADR"} <= set(rows.fieldnames or ()):
        raise _broken(path, 1, "the header lacks the columns sentences and ADR")
    posts = []
    for row in rows:
        if row["ADR"] not in ("0", "1"):
            raise _broken(path, rows.line_num, "ADR must be 0 or 1")
        posts.append(LabelledPost(row["sentences"] or "", int(row["ADR"])))
    return posts


def read_span_jsonl(path: Path, names: dict[str, str], types: Sequence[str]) -> list[AnnotatedPost]:
    """One JSON object a line: text, entities [{start, end, type}]; `names` maps the corpus's types to ours."""
    posts = []
    for number, line in enumerate(read_lines(path), start=1):
        try:
            record = json.loads(line)
            text = record["text"]
            mentions = [
                Mention(entity["start"], entity["end"], names[entity["type"]])
                for entity in record["entities"]
                if entity["type"] in names
            ]
        except (ValueError, KeyError, TypeError) as error:
            raise _broken(path, number, f"not an object with text and entities ({type(error).__name__})") from error
        if any(not 0 <= mention.start < mention.end <= len(text) for mention in mentions):
            raise _broken(path, number, "an entity lies outside its text")
        text, mentions = remask(text, mentions)
        posts.append(AnnotatedPost(text, tuple(mentions), frozenset(types), str(record.get("drug", "")).lower()))
    return posts


def read_conll(path: Path, names: dict[str, str], types: Sequence[str]) -> list[AnnotatedPost]:
    """Token and BIO label in the first and last column, blank lines between sentences; spaces are restored by rule."""
    posts = []
    words: list[str] = []
    tags: list[str] = []
    for number, line in enumerate([*read_lines(path), ""], start=1):
        fields = line.split()
        if line[:1].isspace() and line.strip() == "O":
            continue  # the token was white space itself
        if line.strip():
            if len(fields) < 2 or not re.fullmatch(r"O|[BI]-\w+", fields[-1]):
                raise _broken(path, number, "needs a token and a BIO label")
            words.append(fields[0])
            tags.append(fields[-1])
        elif words:
            posts.append(_join(words, tags, names, frozenset(types)))
            words, tags = [], []
    return posts


def read_cadec(archive: Path, split: Path, names: dict[str, str], types: Sequence[str]) -> list[AnnotatedPost]:
    """CADEC's brat files in its zip, for the document names in `split`. Fragments of a mention become mentions."""
    wanted = [line.strip() for line in read_lines(split) if line.strip()]
    if not archive.is_file():
        raise AdrwatchError(f"no CADEC archive at {archive}", fix="fetch CADEC from data.csiro.au (registration)")
    posts = []
    with zipfile.ZipFile(archive) as files:
        known = set(files.namelist())
        for name in wanted:
            text_name, notes_name = f"cadec/text/{name}.txt", f"cadec/original/{name}.ann"
            if text_name not in known or notes_name not in known:
                raise AdrwatchError(f"{archive} lacks document {name}", fix="use the archive that the split belongs to")
            text = files.read(text_name).decode("utf-8")
            mentions = list(_brat(files.read(notes_name).decode("utf-8"), len(text), names, Path(notes_name)))
            posts.append(AnnotatedPost(text, tuple(mentions), frozenset(types)))
    return posts


def remask(text: str, mentions: Sequence[Mention]) -> tuple[str, list[Mention]]:
    """Bring a release's masks to @USER and HTTPURL, moving the mentions; one that touches a mask is dropped."""
    parts: list[str] = []
    kept = sorted(mentions, key=lambda mention: mention.start)
    moves: list[tuple[int, int, int]] = []
    at = 0
    for match in _MASKED.finditer(text):
        mask = "HTTPURL" if match.group("url") else "@USER"
        parts += [text[at : match.start()], mask]
        at = match.end()
        moves.append((match.start(), match.end(), len(mask) - (match.end() - match.start())))
    kept = [m for m in kept if not any(m.start < end and start < m.end for start, end, _ in moves)]
    moved = []
    for mention in kept:
        shift = sum(by for _, end, by in moves if end <= mention.start)
        moved.append(Mention(mention.start + shift, mention.end + shift, mention.type))
    return "".join([*parts, text[at:]]), moved


def _join(words: list[str], tags: list[str], names: dict[str, str], types: frozenset[str]) -> AnnotatedPost:
    text = ""
    mentions: list[Mention] = []
    for word, tag in zip(words, tags, strict=True):
        if text and not _GLUED.match(word) and not text.endswith(_OPENING):
            text += " "
        start, text = len(text), text + word
        kind = names.get(tag[2:])
        if kind is None:
            continue
        last = mentions[-1] if mentions else None
        if tag.startswith("I-") and last and last.type == kind and start - last.end <= 1:
            mentions[-1] = Mention(last.start, len(text), kind)
        else:
            mentions.append(Mention(start, len(text), kind))
    return AnnotatedPost(text, tuple(mentions), types)


def _brat(notes: str, length: int, names: dict[str, str], path: Path) -> Iterator[Mention]:
    for number, line in enumerate(notes.splitlines(), start=1):
        match = re.match(r"T\d+\t(\w+) ([\d ;]+)\t", line)
        if not match:
            if line.startswith("T"):
                raise _broken(path, number, "not a brat mention (T1<tab>Type start end<tab>text)")
            continue
        if match[1] not in names:
            continue
        for fragment in match[2].split(";"):
            start, end = (int(number) for number in fragment.split())
            if not 0 <= start < end <= length:
                raise _broken(path, number, "a mention lies outside its text")
            yield Mention(start, end, names[match[1]])


def _broken(path: Path, line: int, reason: str) -> AdrwatchError:
    return AdrwatchError(f"{path}, line {line}: {reason}", fix="repair or remove the line, or fetch the file again")

"""Readers of brat's standoff files (a text and its notes, .txt and .ann) in folders and archives: CADEC, TwiMed.

brat: https://brat.nlplab.org/standoff.html. Discontinuous mentions are whole, overlapping ones are all kept.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.corpora.readers import (
    CAUSES,
    TREATS,
    AnnotatedPost,
    Mention,
    Place,
    Relation,
    broken,
    decoded,
    read_lines,
    read_members,
    whole,
)
from shared.errors import AdrwatchError
from shared.events import Concept

CADEC_TYPES = {"ADR": "reaction", "Drug": "drug", "Disease": "indication", "Symptom": "symptom", "Finding": "finding"}
_TWIMED_RELATIONS = {"Outcome-negative": CAUSES, "Reason-to-use": TREATS}
_MENTION = re.compile(r"(T\d+)\t([\w-]+) (\d+ \d+(?:;\d+ \d+)*)\t")
_RELATION = re.compile(r"R\d+\t([\w-]+) Arg1:(T\d+) Arg2:(T\d+)\s*")
_MEDDRA = re.compile(r"T(T\d+)\t(\d{8})\b")


@dataclass(frozen=True, slots=True)
class Notes:
    """What one .ann file says: mentions (type, fragments) by key, and relations (type, from, to) between keys."""

    mentions: dict[str, tuple[str, tuple[Place, ...]]]
    relations: list[tuple[str, str, str]]


def read_cadec(path: Path) -> list[AnnotatedPost]:
    """CADEC (Karimi et al. 2015): all documents of its zip or folder, or those that a split file (.id) beside the zip lists.

    Mentions carry MedDRA codes where the archive has cadec/meddra. The medicine is that of the document's name.
    """
    if path.suffix != ".id":
        return _cadec(path, None)
    archives = sorted(path.parent.glob("*.zip"))
    if len(archives) != 1:
        raise AdrwatchError(
            f"{len(archives)} zip archives beside {path.name}, not one",
            fix="put CADEC's zip (data.csiro.au, registration) beside the split file, or give the zip itself",
        )
    return _cadec(archives[0], [line.strip() for line in read_lines(path) if line.strip()])


def _cadec(archive: Path, wanted: Sequence[str] | None) -> list[AnnotatedPost]:
    files = read_members(archive)
    texts = {Path(name).stem: name for name in files if name.endswith(".txt")}
    notes = {
        Path(name).stem: name for name in files if name.endswith(".ann") and _folder(name) not in ("meddra", "sct")
    }
    codes = {Path(name).stem: name for name in files if name.endswith(".ann") and _folder(name) == "meddra"}
    posts = []
    for name in sorted(texts) if wanted is None else wanted:
        if name not in texts or name not in notes:
            raise AdrwatchError(f"{archive} lacks document {name}", fix="use the archive that the split belongs to")
        text = decoded(files[texts[name]], archive / texts[name])
        coded = dict(_MEDDRA.findall(decoded(files[codes[name]], archive / codes[name]))) if name in codes else {}
        found = parse(decoded(files[notes[name]], archive / notes[name]), len(text), archive / notes[name])
        mentions = tuple(
            whole(text, places, CADEC_TYPES[kind], Concept(f"MedDRA:{coded[key]}", "") if key in coded else None)
            for key, (kind, places) in found.mentions.items()
            if kind in CADEC_TYPES
        )
        drug = name.split(".")[0].replace("-", " ").lower()
        posts.append(AnnotatedPost(text, mentions, frozenset(CADEC_TYPES.values()), drug, name))
    return posts


def read_twimed(path: Path) -> list[AnnotatedPost]:
    """TwiMed (Alvaro et al. 2017), also .tar.xz: drugs, and diseases and symptoms by the role that relations give them.

    One with a negative outcome is a reaction, one that is the reason to use is an indication, one with both is both; others
    are left out. Relations hold between the mention of the drug and that of the role.
    """
    return [_twimed_post(text, notes, name) for name, text, notes in twimed_documents(path)]


def twimed_documents(path: Path) -> Iterator[tuple[str, str, Notes]]:
    """Name, text and notes of each document of TwiMed, in the order of their names."""
    files = read_members(path)
    for name in sorted(name for name in files if name.endswith(".txt")):
        # The archive holds the notes twice; published scores are on those with both annotators' judgements conflated.
        if _is_copy(name, files):
            continue
        notes_name = f"{name.removesuffix('.txt')}.ann"
        if notes_name not in files:
            raise AdrwatchError(f"{path} lacks {notes_name}", fix="give each .txt its .ann beside it")
        text = decoded(files[name], path / name)
        yield Path(name).stem, text, parse(decoded(files[notes_name], path / notes_name), len(text), path / notes_name)


def parse(notes: str, length: int, path: Path) -> Notes:
    """Mentions and relations of an .ann file; other notes are passed over. `length` is the text's, in characters.

    Raises AdrwatchError that names file and line.
    """
    found = Notes({}, [])
    ends: list[tuple[int, str]] = []
    for number, line in enumerate(notes.split("\n"), start=1):
        if mention := _MENTION.match(line):
            places = _fragments(mention[3])
            if not places or not all(0 <= start < end <= length for start, end in places):
                raise broken(path, number, "a mention lies outside its text")
            found.mentions[mention[1]] = (mention[2], places)
        elif relation := _RELATION.fullmatch(line):
            found.relations.append((relation[1], relation[2], relation[3]))
            ends += [(number, relation[2]), (number, relation[3])]
        elif line.startswith("T"):
            raise broken(path, number, "not a brat mention (T1<tab>Type start end<tab>text)")
        elif line.startswith("R"):
            raise broken(path, number, "not a brat relation (R1<tab>Type Arg1:T1 Arg2:T2)")
    for number, key in ends:
        if key not in found.mentions:
            raise broken(path, number, "a relation to a mention that is not there")
    return found


def _fragments(offsets: str) -> tuple[Place, ...]:
    """Fragments of "0 4;10 14". Of a discontinuous mention those that run backwards are left out: TwiMed has some, all empty."""
    parts = [part.split() for part in offsets.split(";")]
    places = tuple((int(start), int(end)) for start, end in parts)
    return tuple(place for place in places if place[0] < place[1]) if len(places) > 1 else places


def _twimed_post(text: str, notes: Notes, name: str) -> AnnotatedPost:
    mentions: dict[tuple[str, str], Mention] = {}
    for key, (kind, places) in notes.mentions.items():
        if kind == "Drug":
            mentions[key, "drug"] = whole(text, places, "drug")
    pairs: list[tuple[str, tuple[str, str], tuple[str, str]]] = []
    for kind, first, second in notes.relations:
        drug, other = (first, second) if (first, "drug") in mentions else (second, first)
        if kind not in _TWIMED_RELATIONS or (drug, "drug") not in mentions:
            continue
        relation = _TWIMED_RELATIONS[kind]
        role = {CAUSES: "reaction", TREATS: "indication"}.get(relation)
        if role is not None and notes.mentions[other][0] != "Drug":
            mentions.setdefault((other, role), whole(text, notes.mentions[other][1], role))
            pairs.append((relation, (drug, "drug"), (other, role)))
    index = {key: number for number, key in enumerate(mentions)}
    relations = tuple(dict.fromkeys(Relation(kind, index[drug], index[other]) for kind, drug, other in pairs))
    types = frozenset({"drug", "reaction", "indication"})
    return AnnotatedPost(text, tuple(mentions.values()), types, "", name, relations)


def _folder(name: str) -> str:
    return Path(name).parent.name


def _is_copy(name: str, files: Mapping[str, bytes]) -> bool:
    """Whether a document of gold/ also stands in gold_conflated/."""
    return name.startswith("gold/") and f"gold_conflated/{name.removeprefix('gold/')}" in files

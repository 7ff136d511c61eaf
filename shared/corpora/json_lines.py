"""Readers of annotated posts, one JSON object a line: tweets with spans, PHEE, RuDReC."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared.corpora.readers import (
    CAUSES,
    TREATS,
    AnnotatedPost,
    Mention,
    Place,
    Relation,
    broken,
    read_lines,
    whole,
)
from shared.events import Concept

# Drug spans of the tweets are annotated in few posts only: their absence means nothing, so they are left out.
TWEET_TYPES = {"ADR": "reaction", "Indication": "indication"}
# What PHEE's treatments tell beside the drug and the disorder.
PHEE_DETAILS = {"Dosage": "dose", "Route": "route", "Freq": "frequency", "Duration": "duration"}
RUDREC_TYPES = {"ADR": "reaction", "DI": "indication", "Drugname": "drug"}
# With those that no other corpus at hand annotates alike.
RUDREC_ALL = RUDREC_TYPES | {"Drugclass": "drug class", "Drugform": "drug form", "Finding": "finding"}
# Handles as releases mask them (@xxxxxxxx, @____) and addresses, in the form of shared.text.clean.mask.
_MASKED = re.compile(
    r"(?P<url>(?:https?://|www\.)\S+)|(?P<handle>(?<![\w@])@(?:x{2,}|_+|user)(?![a-z0-9]))", re.IGNORECASE
)


def read_span_jsonl(path: Path, names: Mapping[str, str], types: Sequence[str]) -> list[AnnotatedPost]:
    """Objects with text and entities [{start, end, type}]; `names` maps the corpus's types to ours.

    Also read where present: id, drug (the queried one), and an entity's meddra_code and meddra_term.
    """
    posts = []
    for number, record in _records(path):
        try:
            text = record["text"]
            mentions = [
                Mention(entity["start"], entity["end"], names[entity["type"]], (), _meddra(entity))
                for entity in record["entities"]
                if entity["type"] in names
            ]
        except (KeyError, TypeError) as error:
            raise broken(path, number, f"not an object with text and entities ({type(error).__name__})") from None
        _check(path, number, text, [mention.places for mention in mentions])
        text, mentions = remask(text, mentions)
        drug, identity = str(record.get("drug", "")).lower(), str(record.get("id", ""))
        posts.append(AnnotatedPost(text, tuple(mentions), frozenset(types), drug, identity))
    return posts


def read_annotated_tweets(path: Path) -> list[AnnotatedPost]:
    """Tweets of a release on its own: reactions, and indications where the file annotates any."""
    posts = read_span_jsonl(path, TWEET_TYPES, ())
    types = frozenset({"reaction"} | {mention.type for post in posts for mention in post.mentions})
    return [AnnotatedPost(post.text, post.mentions, types, post.drug, post.id) for post in posts]


def read_rudrec(path: Path, names: Mapping[str, str] = RUDREC_TYPES) -> list[AnnotatedPost]:
    """RuDReC (Tutubalina et al. 2020): sentences of Russian reviews with entities [{start, end, entity_type}].

    Names of medicines are drugs; classes and forms of medicines and findings are left out unless `names` has them.
    """
    posts = []
    for number, record in _records(path):
        try:
            text = record["text"]
            mentions = [
                Mention(entity["start"], entity["end"], names[entity["entity_type"]], (), _umls(entity))
                for entity in record["entities"]
                if entity["entity_type"] in names
            ]
        except (KeyError, TypeError) as error:
            raise broken(path, number, f"not an object with text and entities ({type(error).__name__})") from None
        _check(path, number, text, [mention.places for mention in mentions])
        identity = f"{record.get('file_name', '')}:{record.get('sentence_id', '')}"
        posts.append(AnnotatedPost(text, tuple(mentions), frozenset(names.values()), id=identity))
    return posts


def read_phee(path: Path) -> list[AnnotatedPost]:
    """PHEE (Sun et al. 2022): sentences of case reports with events; mentions by the role they play.

    The effect of an adverse event is a reaction, a treatment's drugs are drugs, the disorder that it treats is an indication. Each
    drug of an adverse event causes its effects; each drug of any event treats its disorders.
    """
    posts = []
    for number, record in _records(path):
        try:
            text = record["context"]
            mentions: dict[Mention, int] = {}
            relations: dict[Relation, None] = {}
            for event in (event for notes in record["annotations"] for event in notes["events"]):
                treatment = event.get("Treatment", {})
                drugs = _arguments(text, treatment.get("Drug"), "drug", mentions)
                treated = _arguments(text, treatment.get("Disorder"), "indication", mentions)
                for name, kind in PHEE_DETAILS.items():
                    _arguments(text, treatment.get(name), kind, mentions)
                adverse = event["event_type"] == "Adverse_event"
                effects = _arguments(text, event.get("Effect"), "reaction", mentions) if adverse else []
                for drug in drugs:
                    relations.update(dict.fromkeys(Relation(CAUSES, drug, effect) for effect in effects))
                    relations.update(dict.fromkeys(Relation(TREATS, drug, disorder) for disorder in treated))
        except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
            raise broken(path, number, f"not a PHEE record ({type(error).__name__})") from None
        _check(path, number, text, [mention.places for mention in mentions])
        types = frozenset({"reaction", "drug", "indication", *PHEE_DETAILS.values()})
        posts.append(AnnotatedPost(text, tuple(mentions), types, "", str(record.get("id", "")), tuple(relations)))
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
        moved.append(Mention(mention.start + shift, mention.end + shift, mention.type, (), mention.concept))
    return "".join([*parts, text[at:]]), moved


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(read_lines(path), start=1):
        try:
            record = json.loads(line)
        except ValueError:
            raise broken(path, number, "not JSON") from None
        if not isinstance(record, dict):
            raise broken(path, number, "not a JSON object")
        yield number, record


def _arguments(post: str, argument: Mapping[str, Any] | None, kind: str, mentions: dict[Mention, int]) -> list[int]:
    """The indexes of an argument's mentions, each a list of fragments; new ones are added to `mentions`."""
    if argument is None:
        return []
    found = []
    for words, starts in zip(argument["text"], argument["start"], strict=True):
        places = [(start, start + len(part)) for part, start in zip(words, starts, strict=True)]
        found.append(mentions.setdefault(whole(post, places, kind), len(mentions)))
    return found


def _check(path: Path, number: int, text: Any, mentions: Sequence[tuple[Place, ...]]) -> None:
    if not isinstance(text, str):
        raise broken(path, number, "its text is no string")
    for start, end in (place for places in mentions for place in places):
        if not isinstance(start, int) or not isinstance(end, int) or not 0 <= start < end <= len(text):
            raise broken(path, number, "an entity lies outside its text")


def _meddra(entity: Mapping[str, Any]) -> Concept | None:
    code = entity.get("meddra_code")
    return Concept(f"MedDRA:{code}", str(entity.get("meddra_term", ""))) if code else None


def _umls(entity: Mapping[str, Any]) -> Concept | None:
    code = entity.get("concept_id")
    return Concept(f"UMLS:{code}", "") if isinstance(code, str) and code else None

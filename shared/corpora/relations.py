"""Texts that tell which medicine caused which reaction, as pairs to judge: TwiMed, the ADE corpus v2, PHEE and CADEC."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from shared.corpora.ade_corpus import read_ade_corpus
from shared.corpora.brat import Notes, read_cadec, twimed_documents
from shared.corpora.json_lines import read_phee
from shared.corpora.readers import CAUSES, Place

_DRUG, _REACTION_TYPES = "Drug", frozenset({"Symptom", "Disease", "Disease_Symptom"})
_CAUSED = "Outcome-negative"


@dataclass(frozen=True, slots=True)
class RelatedText:
    """A text with its medicines and possible reactions by place, and the pairs (drug, reaction) that it asserts."""

    text: str
    drugs: tuple[Place, ...]
    reactions: tuple[Place, ...]
    pairs: frozenset[tuple[Place, Place]]


def held_out(text: str) -> bool:
    """Whether a text belongs to the half that is scored once: by a hash of the text, so that copies stay together."""
    return hashlib.blake2b(text.strip().lower().encode(), digest_size=1).digest()[0] % 2 == 1


def read_twimed(archive: Path) -> list[RelatedText]:
    """TwiMed's archive of brat files, or a folder; the pairs are those of `Outcome-negative`.

    Benefit, reason to use and positive outcomes are pairs that the text does not assert. Texts without both a medicine
    and a disease or symptom are left out: they hold no candidate pair.
    """
    texts = [_of_notes(text, notes) for _, text, notes in twimed_documents(archive)]
    return [text for text in texts if text.drugs and text.reactions]


def read_ade(folder: Path) -> list[RelatedText]:
    """`DRUG-AE.rel` and `DRUG-DOSE.rel` of the ADE corpus v2 (plain or .xz), one text a sentence in the order of the file.

    Every drug and effect of a sentence make a candidate pair; pairs that no line of `DRUG-AE.rel` names are not asserted. Drugs
    of `DRUG-DOSE.rel` join the sentences that have effects, whether an effect is theirs or not.
    """
    found: dict[str, tuple[set[Place], set[Place], set[tuple[Place, Place]]]] = {}
    for post in read_ade_corpus(_file(folder, "DRUG-AE.rel")):
        drugs, reactions, pairs = found.setdefault(post.text, (set(), set(), set()))
        places = [(mention.start, mention.end) for mention in post.mentions]
        for relation in post.relations or ():
            drugs.add(places[relation.drug])
            reactions.add(places[relation.other])
            pairs.add((places[relation.drug], places[relation.other]))
    for post in read_ade_corpus(_file(folder, "DRUG-DOSE.rel")):
        if post.text in found:
            found[post.text][0].update((m.start, m.end) for m in post.mentions if m.type == "drug")
    return [
        RelatedText(sentence, tuple(sorted(drugs)), tuple(sorted(reactions)), frozenset(pairs))
        for sentence, (drugs, reactions, pairs) in found.items()
    ]


def read_phee_pairs(file: Path) -> list[RelatedText]:
    """A split of PHEE: the drugs of adverse events with their effects. What a drug is given for is a pair that the text does not
    assert. Sentences without both a drug and an effect or disorder are left out.
    """
    texts = []
    for post in read_phee(file):
        places = [(mention.start, mention.end) for mention in post.mentions]
        kinds = [mention.type for mention in post.mentions]
        drugs = {place for place, kind in zip(places, kinds, strict=True) if kind == "drug"}
        reactions = {place for place, kind in zip(places, kinds, strict=True) if kind in ("reaction", "indication")}
        pairs = {(places[one.drug], places[one.other]) for one in post.relations or () if one.type == CAUSES}
        if drugs and reactions:
            texts.append(RelatedText(post.text, tuple(sorted(drugs)), tuple(sorted(reactions)), frozenset(pairs)))
    return texts


def read_cadec_pairs(path: Path) -> list[RelatedText]:
    """A split of CADEC: reviews of one medicine, to which every reaction is put down; others that a review names are not to blame.

    So its writers say by reviewing this medicine; its annotators marked no relations. Reviews that do not name it are left out.
    """
    texts = []
    for post in read_cadec(path):
        drugs = tuple(sorted((m.start, m.end) for m in post.mentions if m.type == "drug"))
        reviewed = [place for place in drugs if post.text[slice(*place)].lower() == post.drug]
        reactions = tuple(sorted((m.start, m.end) for m in post.mentions if m.type == "reaction"))
        if reviewed and reactions:
            pairs = frozenset((reviewed[0], reaction) for reaction in reactions)
            texts.append(RelatedText(post.text, drugs, reactions, pairs))
    return texts


def _of_notes(text: str, notes: Notes) -> RelatedText:
    """A discontinuous entity is taken from its first to its last character."""
    kinds = {key: kind for key, (kind, _) in notes.mentions.items()}
    places = {key: (found[0][0], found[-1][1]) for key, (_, found) in notes.mentions.items()}
    pairs = set()
    for relation, one, other in notes.relations:
        # The medicine comes first in some files and last in others.
        first, second = sorted((one, other), key=lambda key: kinds[key] != _DRUG)
        if relation == _CAUSED and kinds[first] == _DRUG and kinds[second] in _REACTION_TYPES:
            pairs.add((places[first], places[second]))
    drugs = {places[key] for key, kind in kinds.items() if kind == _DRUG}
    reactions = {places[key] for key, kind in kinds.items() if kind in _REACTION_TYPES}
    return RelatedText(text, tuple(sorted(drugs)), tuple(sorted(reactions)), frozenset(pairs))


def _file(folder: Path, name: str) -> Path:
    """Plain, or compressed; reading the plain one names what is missing."""
    compressed = folder / f"{name}.xz"
    return compressed if compressed.is_file() else folder / name

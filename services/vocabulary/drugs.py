"""Builds the drug lexicon: every name under which people mention a medicine, with its ingredient.

Recall first. What is dropped is what would make the screen useless: everyday words, letters, substances that nobody
takes as a medicine. Misspellings are kept when they are close to a name that is kept and are no word themselves.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass

from rapidfuzz.distance import OSA

from services.vocabulary.sources import BrandRow, DrugRow, table
from shared.errors import AdrwatchError

# Zipf frequency from which a word is an everyday one, unless it is an ingredient's own name or listed in our tables.
EVERYDAY = 1.7
# An ingredient's own name is an everyday word only from here ("iron", "honey").
EVERYDAY_INGREDIENT = 4.0
# Misspellings are rarer than this. A frequent one is another word.
MISSPELT = 1.1
SHORTEST = 4

# Stems of international non-proprietary names (WHO's stem book): a substance named so is a medicine.
_STEM = re.compile(
    r"(mab|nib|pril|sartan|azole|apine|epine|pride|olone|olol|statin|floxacin|cillin|mycin|cycline|triptan|gliptin"
    r"|gliflozin|glutide|caine|vir|setron|azepam|azolam|barbital|oxetine|traline|ipramine|triptyline|azine|afil"
    r"|dronate|parin|xaban|gatran|grel|lukast|fibrate|profen|coxib|penem|tidine|terol|onide|asone|gestrel|cept|platin"
    r"|rubicin|taxel|trexate|tecan|mustine|peridone|idone|pramide|zosin|thiazide|semide|morelin|pressin|fungin|quine"
    r"|oxone|adol|codone|morphone|orphine|orexant|gepant|etant)$"
)
_PLAIN = re.compile(r"[a-z][a-z0-9-]+( [a-z0-9-]+){0,3}")


@dataclass(frozen=True, slots=True)
class DrugName:
    """One row of the lexicon: a lower-case name, the id and label of its ingredient."""

    name: str
    id: str
    label: str


def build(redmed: list[DrugRow], brands: list[BrandRow], zipf: dict[str, float]) -> list[DrugName]:
    """All rows of the lexicon, sorted by name; a name has one ingredient."""
    labels = labels_of(redmed, brands)
    ingredients = _ingredients(redmed, brands, labels)
    own, own_labels = _own_names(labels)
    ingredients |= own_labels
    common = {row[0] for row in table("common_names.txt")}
    never = {row[0] for row in table("everyday_words.txt")}

    chosen: dict[str, str] = dict(own)
    candidates = _candidates(redmed, brands, ingredients)
    for name, owners in sorted(candidates.items()):
        generic = any(name == ingredients[owner] for owner in owners)
        if name not in chosen and name not in never and _acceptable(name, generic, name in common, zipf):
            chosen[name] = owners[0]
    for name, owner in _misspellings(redmed, chosen, ingredients, zipf, never | candidates.keys()):
        chosen.setdefault(name, owner)
    return [DrugName(name, key, ingredients[key]) for name, key in sorted(chosen.items())]


def labels_of(redmed: list[DrugRow], brands: list[BrandRow]) -> dict[str, str]:
    """Label of each DrugBank id; RedMed's ids are the right ones where both name a substance."""
    labels = {row.id: row.label for row in brands if row.id}
    return labels | {row.id: row.label for row in redmed if row.id.startswith("DB")}


def _ingredients(redmed: list[DrugRow], brands: list[BrandRow], labels: dict[str, str]) -> dict[str, str]:
    """The monitored ingredients: what patient information services write about, or what is named like a medicine."""
    unwatched = {row[0] for row in table("not_drugs.txt")}
    by_label = {label: key for key, label in labels.items()}
    watched = {by_label.get(row.label, row.id) for row in brands if row.consumer and row.id}
    watched |= {row.id for row in redmed if row.id in labels and _STEM.search(row.label) and row.label.isalpha()}
    return {key: labels[key] for key in watched if key in labels and labels[key] not in unwatched}


def _own_names(labels: dict[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Name → id and id → label of our own table. Raises AdrwatchError where it names an ingredient that no source has."""
    by_label = {label: key for key, label in sorted(labels.items(), reverse=True)}
    names: dict[str, str] = {}
    concepts: dict[str, str] = {}
    for ingredient, listed in table("drug_names.tsv"):
        key, _, label = ingredient.rpartition("|")
        key = key or by_label.get(ingredient, "")
        if not key:
            raise AdrwatchError(f"drug_names.tsv: no source has the ingredient {ingredient}", fix="write `id|label`")
        concepts[key] = label
        for name in (*listed.split(","), *([] if "|" in ingredient else [ingredient])):
            names.setdefault(name.strip(), key)
    return names, concepts


def _candidates(redmed: list[DrugRow], brands: list[BrandRow], ingredients: dict[str, str]) -> dict[str, list[str]]:
    """Name → ids, the best first: those of RedMed, then those of the brand dictionary, by id."""
    variants = {variant for row in brands for variant in row.variants}
    found: dict[str, list[str]] = defaultdict(list)
    for row in redmed:
        if row.id in ingredients:
            for name in (row.label, *(name for name in row.known if " " not in name or name in variants)):
                found[name].append(row.id)
    by_label = {label: key for key, label in ingredients.items()}
    for brand in brands:
        key = by_label.get(brand.label, brand.id)
        if key in ingredients:
            plain = (name for name in brand.variants if name in brand.brands or " " not in name)
            for name in (brand.label, *plain):
                found[name].append(key)
    return {name: sorted(set(keys), key=lambda key: (-keys.count(key), key)) for name, keys in found.items()}


def _acceptable(name: str, generic: bool, common: bool, zipf: dict[str, float]) -> bool:
    if not _PLAIN.fullmatch(name) or len(name) < SHORTEST:
        return common
    frequency = min(zipf.get(word, 0.0) for word in name.split())
    return common or frequency < (EVERYDAY_INGREDIENT if generic else EVERYDAY)


def _misspellings(
    redmed: list[DrugRow], chosen: dict[str, str], ingredients: dict[str, str], zipf: dict[str, float], taken: set[str]
) -> list[tuple[str, str]]:
    """Misspellings near a chosen name of the same ingredient: one edit from 5 letters on, two from 8, same first letter."""
    names: dict[str, list[str]] = defaultdict(list)
    for name, key in chosen.items():
        if " " not in name:
            names[key].append(name)
    found = []
    for row in redmed:
        if row.id not in ingredients:
            continue
        for word in row.misspelt:
            if len(word) < 5 or not word.isalpha() or word in taken or zipf.get(word, 0.0) >= MISSPELT:
                continue
            edits = 1 if len(word) < 8 else 2
            if any(
                name[0] == word[0] and OSA.distance(name, word, score_cutoff=edits) <= edits for name in names[row.id]
            ):
                found.append((word, row.id))
    return found

"""Writes the vocabularies and their attribution. The same sources and tables give the same bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from services.vocabulary import drugs, everyday, languages, reactions, sources
from shared.vocabulary import drugs as drug_lexicon
from shared.vocabulary import languages as other_languages
from shared.vocabulary import reactions as reaction_vocabulary
from shared.vocabulary.table import write

HPO_RELEASE = "2025-01-16"
_TABLES = Path(__file__).parent / "tables"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build wrote: rows, concepts and bytes of each file, and the releases that messages can be traced to."""

    file: str
    release: str
    rows: int
    concepts: int
    size: int


def build(data: Path, wheels: Path, target: Path) -> list[Built]:
    """Write the tables of drugs, reactions and everyday words, and their attribution, into `target`. Raises AdrwatchError."""
    target.mkdir(parents=True, exist_ok=True)
    zipf = sources.frequencies(wheels)
    redmed, brands = sources.redmed(data), sources.brands(wheels)
    names = drugs.build(redmed, brands, zipf)
    phrases = reactions.build(sources.hpo(data), sources.symp(data))
    own = "drug_names.tsv", "common_names.txt", "everyday_words.txt", "not_drugs.txt"
    drug_release = f"redmed-2019+dner-2.0.9+own-{_own(*own)}"
    symp_release = sources.symp_release(data)
    reaction_release = f"hpo-{HPO_RELEASE}+symp-{symp_release}+own-{_own('lay_phrases.tsv', 'not_reactions.txt')}"
    built = [
        _written(target / drug_lexicon.FILE.name, drug_release, [(row.name, row.id, row.label) for row in names]),
        _written(
            target / reaction_vocabulary.FILE.name,
            reaction_release,
            [(row.phrase, row.id, row.label, str(row.rank)) for row in phrases],
        ),
        _written(target / everyday.FILE.name, "wordfreq-3.1.1", [(word,) for word in everyday.chosen(zipf)]),
        _written(
            target / other_languages.DRUGS.name,
            f"own-{_own(*languages.DRUG_TABLES)}",
            languages.drug_rows(
                {label: key for key, label in drugs.labels_of(redmed, brands).items()}
                | {row.label: row.id for row in names}
            ),
        ),
        _written(
            target / other_languages.REACTIONS.name,
            f"own-{_own(languages.REACTION_TABLE)}",
            languages.reaction_rows({row.label: row.id for row in phrases}),
        ),
    ]
    digests = {name: sources.digest(data / name) for name in (sources.REDMED, sources.HPO, sources.SYMP)}
    (target / "ATTRIBUTION.md").write_text(_attribution(built, digests, symp_release), encoding="utf-8")
    return built


def _written(path: Path, release: str, rows: Sequence[tuple[str, ...]]) -> Built:
    write(path, release, rows)
    return Built(path.name, release, len(rows), len({row[1] for row in rows if len(row) > 1}), path.stat().st_size)


def _own(*names: str) -> str:
    """Eight hexadecimal digits over our own tables: a changed table is another release."""
    packed = b"\0".join((_TABLES / name).read_bytes() for name in names)
    return hashlib.blake2b(packed, digest_size=4).hexdigest()


def _attribution(built: list[Built], digests: dict[str, str], symp_release: str) -> str:
    files = "\n".join(f"| {one.file} | {one.rows:,} | {one.concepts:,} | `{one.release}` |" for one in built)
    inputs = "\n".join(f"| {name} | `{digest}` |" for name, digest in (*digests.items(), *sources.WHEELS.items()))
    return f"""# Attribution of the vocabularies

Written by `adrwatch vocabulary build`; do not edit. What each file holds:

| file | rows | concepts | release |
|---|---|---|---|
{files}

## Sources

- **Human Phenotype Ontology**, release {HPO_RELEASE} (https://hpo.jax.org), under the HPO licence: free for any use with
  attribution and version; the content of its terms is unchanged. Identifiers `HP:`. Köhler et al., Nucleic Acids Research.
- **Symptom Ontology (SYMP)**, release {symp_release}, CC0 1.0. Identifiers `SYMP:`.
- **RedMed**, drug lexicon for social media, MIT licence. Lavertu and Altman, Journal of Biomedical Informatics 2019.
- **drug-named-entity-recognition** 2.0.9, MIT licence, Fast Data Science Ltd: names, brands and identifiers (MeSH, DrugBank).
- **DrugBank** identifiers (`DB`) name ingredients; no other content of DrugBank is used. **MeSH** identifiers (`MESH:`)
  are of the U.S. National Library of Medicine. `DOID:` identifiers are of the Disease Ontology (CC0 1.0).
- **wordfreq** 3.1.1 (Apache 2.0; data CC BY-SA 4.0, Robyn Speer) decides at build time which names are everyday words.
  `{everyday.FILE.name}` lists its words with a Zipf frequency of {drugs.EVERYDAY} and more, without the frequencies, under
  CC BY-SA 4.0; the other files hold none of its data.
- Our own tables of lay phrases and names, English and in other languages (`services/vocabulary/tables`), under adrwatch's
  licence. Identifiers `ADRW:`.

No MedDRA, SIDER, ATC or SNOMED content is in these files.

## Inputs of this build (SHA-256)

| input | digest |
|---|---|
{inputs}
"""

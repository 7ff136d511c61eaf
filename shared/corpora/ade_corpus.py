"""Reader of ADE-Corpus-V2 (Gurulingappa et al. 2012): sentences of case reports, a relation a line, and sentences without any."""

from __future__ import annotations

import re
from pathlib import Path

from shared.corpora.readers import CAUSES, DOSED, AnnotatedPost, Mention, Relation, broken, read_lines
from shared.errors import AdrwatchError

_NEGATIVE = re.compile(r"(\d+) NEG (.+)")
_FILES = ("DRUG-AE.rel", "ADE-NEG.txt")


def read_ade_corpus(path: Path) -> list[AnnotatedPost]:
    """One of the corpus's files (DRUG-AE.rel, DRUG-DOSE.rel, ADE-NEG.txt), or the folder: DRUG-AE.rel and ADE-NEG.txt.

    A .rel line is `PubMed id|sentence|effect or dose|start|end|drug|start|end`; offsets count in the abstract and are brought to
    the sentence. Lines of one sentence become one post. What a sentence does not relate is not annotated, so a .rel file
    alone measures recall better than precision.
    """
    if path.is_dir():
        files = [
            next((path / f"{name}{end}" for end in ("", ".xz") if (path / f"{name}{end}").is_file()), None)
            for name in _FILES
        ]
        if None in files:
            raise AdrwatchError(
                f"{path} lacks {' or '.join(_FILES)}", fix="give the corpus's folder, or one of its files"
            )
        return [post for file in files if file is not None for post in read_ade_corpus(file)]
    dosed = path.name.startswith("DRUG-DOSE")
    kind, relation = ("dose", DOSED) if dosed else ("reaction", CAUSES)
    sentences: dict[tuple[str, str], list[tuple[Mention, Mention]]] = {}
    bases: dict[tuple[str, str], set[int]] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            continue
        if negative := _NEGATIVE.fullmatch(line):
            sentences.setdefault((negative[1], negative[2]), [])
            continue
        fields = line.split("|")
        if len(fields) != 8 or not all(fields[place].isdecimal() for place in (3, 4, 6, 7)):
            raise broken(path, number, "needs 8 fields parted by |, or a PubMed id, NEG and a sentence")
        sentence, other, drug = fields[1], fields[2], fields[5]
        # The sentence begins in the abstract where both mentions stand at their offsets.
        possible = _begins(sentence, other, int(fields[3])) & _begins(sentence, drug, int(fields[6]))
        if not possible:
            raise broken(path, number, "the sentence does not hold its mentions at their offsets")
        key = (fields[0], sentence)
        bases[key] = bases.get(key, possible) & possible or possible
        begin = min(bases[key])
        pair = tuple(
            Mention(start - begin, start - begin + len(words), type_)
            for words, start, type_ in ((drug, int(fields[6]), "drug"), (other, int(fields[3]), kind))
        )
        sentences.setdefault(key, []).append((pair[0], pair[1]))
    return [_post(*key, pairs, kind, relation) for key, pairs in sentences.items()]


def _begins(sentence: str, words: str, offset: int) -> set[int]:
    """Where the sentence may begin in the abstract, if `words` stand at `offset` there."""
    if not words:
        return set()
    return {offset - match.start() for match in re.finditer(f"(?={re.escape(words)})", sentence)}


def _post(
    identity: str, sentence: str, pairs: list[tuple[Mention, Mention]], kind: str, relation: str
) -> AnnotatedPost:
    index: dict[Mention, int] = {}
    for mention in (mention for pair in pairs for mention in pair):
        index.setdefault(mention, len(index))
    relations = tuple(dict.fromkeys(Relation(relation, index[drug], index[other]) for drug, other in pairs))
    # A sentence without an adverse effect may well name medicines: only effects are known to be absent.
    types = frozenset({"drug", kind}) if pairs else frozenset({kind})
    return AnnotatedPost(sentence, tuple(index), types, "", identity, relations)

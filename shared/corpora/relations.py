"""Readers of corpora that tell which medicine caused which reaction: TwiMed (brat) and the ADE corpus v2 (relations).

Self-contained: no reader here needs those of entities. Errors name the file and line, never its text.
"""

from __future__ import annotations

import hashlib
import lzma
import re
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError

Place = tuple[int, int]

# brat: an entity may be discontinuous; it is taken from its first to its last character.
_ENTITY = re.compile(r"(T\d+)\t(\w+) (\d+ \d+(?:;\d+ \d+)*)\t")
_RELATION = re.compile(r"R\d+\t([\w-]+) Arg1:(T\d+) Arg2:(T\d+)")
_NUMBER = re.compile(r"\d+")
_DRUG, _REACTION_TYPES = "Drug", frozenset({"Symptom", "Disease", "Disease_Symptom"})
_CAUSED = "Outcome-negative"
# Two annotators' conflated judgement where the archive has it, as published scores use.
_PREFERRED = "gold_conflated/"
_AE_FIELDS, _DOSE_FIELDS = 8, 8


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
    """TwiMed's brat files (`NAME.ann`, `NAME.txt`) in a tar archive, by name; the pairs are those of `Outcome-negative`.

    Benefit, reason to use and positive outcomes are pairs that the text does not assert. Texts without both a medicine
    and a disease or symptom are left out: they hold no candidate pair.
    """
    _exists(archive, "the archive of brat files of TwiMed")
    try:
        with tarfile.open(archive) as files:
            members = {member.name.lstrip("./"): member for member in files.getmembers() if member.isfile()}
            contents = {name: _content(files, member) for name, member in sorted(members.items())}
    except (tarfile.TarError, lzma.LZMAError, EOFError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{archive} is no readable tar archive of UTF-8 files", fix="fetch it again") from error
    notes = [name for name in contents if name.endswith(".ann")]
    chosen = [name for name in notes if name.startswith(_PREFERRED)] or notes
    if not chosen:
        raise AdrwatchError(f"{archive} holds no .ann file", fix="give the archive of brat files of TwiMed")
    texts = []
    for name in chosen:
        text = contents.get(name.removesuffix(".ann") + ".txt")
        if text is None:
            raise AdrwatchError(f"{archive} has {name} without its .txt", fix="fetch the archive again")
        texts.append(_of_brat(text, contents[name], f"{archive}:{name}"))
    return [text for text in texts if text.drugs and text.reactions]


def read_ade(folder: Path) -> list[RelatedText]:
    """`DRUG-AE.rel` and `DRUG-DOSE.rel` of the ADE corpus v2 (plain or .xz), one text a sentence in the order of the file.

    Every drug and effect of a sentence make a candidate pair; pairs that no line of `DRUG-AE.rel` names are not asserted. Drugs
    of `DRUG-DOSE.rel` join the sentences that have effects, whether an effect is theirs or not. Offsets in the files
    count in the abstract and not in the sentence: the two of a line are found in the sentence by their distance.
    """
    found: dict[str, tuple[set[Place], set[Place], set[tuple[Place, Place]]]] = {}
    file, lines = _lines(folder, "DRUG-AE.rel")
    for number, fields in _fields(file, lines, _AE_FIELDS):
        sentence, effect, effect_at, drug, drug_at = fields[1], fields[2], fields[3], fields[5], fields[6]
        reaction, medicine = _places(file, number, sentence, (effect, effect_at), (drug, drug_at))
        drugs, reactions, pairs = found.setdefault(sentence, (set(), set(), set()))
        drugs.add(medicine)
        reactions.add(reaction)
        pairs.add((medicine, reaction))
    file, lines = _lines(folder, "DRUG-DOSE.rel")
    for number, fields in _fields(file, lines, _DOSE_FIELDS):
        if fields[1] in found:
            _, medicine = _places(file, number, fields[1], (fields[2], fields[3]), (fields[5], fields[6]))
            found[fields[1]][0].add(medicine)
    return [
        RelatedText(sentence, tuple(sorted(drugs)), tuple(sorted(reactions)), frozenset(pairs))
        for sentence, (drugs, reactions, pairs) in found.items()
    ]


def _of_brat(text: str, notes: str, name: str) -> RelatedText:
    kinds: dict[str, str] = {}
    places: dict[str, Place] = {}
    pairs: set[tuple[Place, Place]] = set()
    lines = notes.splitlines()
    for number, line in enumerate(lines, start=1):
        if not line.startswith("T"):
            continue
        match = _ENTITY.match(line)
        if match is None:
            raise _broken(name, number, "not a brat entity (T1<tab>Type start end<tab>text)")
        offsets = [int(offset) for offset in _NUMBER.findall(match[3])]
        if not 0 <= min(offsets) < max(offsets) <= len(text):
            raise _broken(name, number, "an entity lies outside its text")
        kinds[match[1]], places[match[1]] = match[2], (min(offsets), max(offsets))
    for number, line in enumerate(lines, start=1):
        match = _RELATION.match(line)
        if match is None or match[1] != _CAUSED:
            continue
        if match[2] not in places or match[3] not in places:
            raise _broken(name, number, "a relation names an entity that the file lacks")
        # The medicine comes first in some files and last in others.
        first, second = sorted((match[2], match[3]), key=lambda entity: kinds[entity] != _DRUG)
        if kinds[first] == _DRUG and kinds[second] in _REACTION_TYPES:
            pairs.add((places[first], places[second]))
    drugs = {places[entity] for entity, kind in kinds.items() if kind == _DRUG}
    reactions = {places[entity] for entity, kind in kinds.items() if kind in _REACTION_TYPES}
    return RelatedText(text, tuple(sorted(drugs)), tuple(sorted(reactions)), frozenset(pairs))


def _places(
    file: Path, number: int, sentence: str, effect: tuple[str, str], drug: tuple[str, str]
) -> tuple[Place, Place]:
    """Where the two phrases of a line stand in the sentence: the occurrences whose distance is nearest to the stated one."""
    if not (effect[1].isdigit() and drug[1].isdigit()):
        raise _broken(str(file), number, "the fields 4 and 7 must be offsets")
    distance = int(drug[1]) - int(effect[1])
    candidates = [
        (abs(medicine - reaction - distance), reaction, medicine)
        for reaction in _occurrences(sentence, effect[0])
        for medicine in _occurrences(sentence, drug[0])
    ]
    if not candidates:
        raise _broken(str(file), number, "the sentence lacks the phrase of field 3 or 6")
    _, reaction, medicine = min(candidates)
    return (reaction, reaction + len(effect[0])), (medicine, medicine + len(drug[0]))


def _occurrences(sentence: str, phrase: str) -> Iterator[int]:
    at = sentence.find(phrase) if phrase else -1
    while at >= 0:
        yield at
        at = sentence.find(phrase, at + 1)


def _lines(folder: Path, name: str) -> tuple[Path, list[str]]:
    file = next((path for path in (folder / name, folder / f"{name}.xz") if path.is_file()), folder / name)
    _exists(file, f"the folder that holds {name} of the ADE corpus v2")
    raw = file.read_bytes()
    try:
        text = (lzma.decompress(raw) if file.suffix == ".xz" else raw).decode("utf-8")
    except (lzma.LZMAError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{file} is not readable as UTF-8 text", fix="fetch the file again") from error
    return file, text.replace("\r\n", "\n").split("\n")


def _fields(file: Path, lines: Sequence[str], count: int) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(lines, start=1):
        if line.strip():
            fields = line.split("|")
            if len(fields) != count:
                raise _broken(str(file), number, f"has {len(fields)} fields between bars, not {count}")
            yield number, fields


def _content(files: tarfile.TarFile, member: tarfile.TarInfo) -> str:
    stream = files.extractfile(member)
    return stream.read().decode("utf-8") if stream is not None else ""


def _exists(path: Path, wanted: str) -> None:
    if not path.is_file():
        raise AdrwatchError(f"no corpus file at {path}", fix=f"give --data {wanted}")


def _broken(name: str, line: int, reason: str) -> AdrwatchError:
    return AdrwatchError(f"{name}, line {line}: {reason}", fix="repair or remove the line, or fetch the file again")

"""Reads MedDRA from the MedAscii folder of a licensed user: terms of five levels, their hierarchy, currency, version.

The layout is that of the MSSO's "MedDRA Distribution File Format Document": one record a line, fields ended by `$`.
Nothing of MedDRA is shipped.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.errors import AdrwatchError
from shared.events import Concept
from shared.vocabulary.phrases import words

PREFIX = "MedDRA:"
# Ranks of its phrases in the cascade: a current name, one of the open vocabulary, a name that is no longer current.
CURRENT, BRIDGED, OLD = 0, 1, 9
_RELEASE = "meddra_release.asc"


@dataclass(frozen=True, slots=True)
class Term:
    """A term of any level: its code of eight digits and its name."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class LowestTerm:
    """A lowest level term, the preferred term that it belongs to, and whether it may still be used for coding."""

    code: str
    name: str
    preferred: Term
    current: bool


@dataclass(frozen=True, slots=True)
class Ascent:
    """One way from a preferred term up to a system organ class. `primary` marks the class that counts it."""

    high: Term
    group: Term
    organ_class: Term
    primary: bool


class MedDra:
    """A release of MedDRA. `version` is such as `27.1`."""

    def __init__(
        self, version: str, lowest: list[LowestTerm], preferred: dict[str, Term], paths: dict[str, list[Ascent]]
    ) -> None:
        self.version = version
        self._preferred = preferred
        self._paths = paths
        self._by_code = {term.code: term for term in lowest}
        self._by_name: dict[str, list[LowestTerm]] = defaultdict(list)
        for term in sorted(lowest, key=lambda term: (not term.current, term.code)):
            self._by_name[_normal(term.name)].append(term)

    @classmethod
    def load(cls, folder: Path, version: str | None = None) -> MedDra:
        """Read a MedAscii folder. `version`: what it must be; without it, what `meddra_release.asc` says.

        Raises AdrwatchError where a file is missing, a line is broken (with file and line) or the version is another.
        """
        found = _version(folder, version)
        preferred = {code: Term(code, name) for _, (code, name) in _records(folder, "pt.asc", 2)}
        upper = {
            level: {code: Term(code, name) for _, (code, name) in _records(folder, f"{level}.asc", 2)}
            for level in ("hlt", "hlgt", "soc")
        }
        return cls(found, _lowest(folder, preferred), preferred, _hierarchy(folder, preferred, upper))

    def __len__(self) -> int:
        return len(self._by_code)

    def lowest(self, phrase: str) -> list[LowestTerm]:
        """The lowest level terms of this name, current ones first; without case, marks and drawn-out letters."""
        return list(self._by_name.get(_normal(phrase), ()))

    def term(self, code: str) -> LowestTerm | None:
        """The lowest level term of a code, or None. Every preferred term is one as well."""
        return self._by_code.get(code)

    def concept(self, code: str) -> Concept | None:
        """The preferred term of a code of a preferred or lowest level term, with or without `MedDRA:`; else None."""
        code = code.removeprefix(PREFIX)
        term = self._preferred.get(code)
        if term is None and code in self._by_code:
            term = self._by_code[code].preferred
        return Concept(f"{PREFIX}{term.code}", term.name, version=self.version) if term else None

    def paths(self, code: str) -> list[Ascent]:
        """The ways from a preferred term upwards, the primary one first."""
        return list(self._paths.get(code.removeprefix(PREFIX), ()))

    def rows(self) -> Iterator[tuple[str, Concept, int]]:
        """Every name with its preferred term, as the cascade takes them: names that are not current give way."""
        concepts = {code: self.concept(code) for code in self._preferred}
        for listed in self._by_name.values():
            for term in listed:
                if concept := concepts[term.preferred.code]:
                    yield term.name, concept, CURRENT if term.current else OLD


class Bridge:
    """Joins open concepts to MedDRA by equal names, so that lay phrases of the open vocabulary lead to preferred terms.

    A concept joins by its label, else by its first exact synonym that is a current name; without one it has no counterpart.
    """

    def __init__(self, meddra: MedDra, rows: Collection[tuple[str, Concept, int]], synonyms: range) -> None:
        self._rows = rows
        self._target: dict[str, Concept] = {}
        for phrase, concept, rank in sorted(rows, key=lambda row: (row[1].id, row[2], row[0])):
            said = (concept.label, phrase) if rank in synonyms else (concept.label,)
            for name in said:
                term = next((term for term in meddra.lowest(name) if term.current), None)
                target = meddra.concept(term.preferred.code) if term else None
                if target and (name == concept.label or concept.id not in self._target):
                    self._target[concept.id] = target
                    break

    def __getitem__(self, key: str) -> Concept | None:
        """The preferred term of an open concept's id, or None."""
        return self._target.get(key)

    def rows(self) -> Iterator[tuple[str, Concept, int]]:
        """Phrases of the open vocabulary with the preferred terms they lead to."""
        for phrase, concept, rank in self._rows:
            if target := self._target.get(concept.id):
                yield phrase, target, BRIDGED + rank


def way_up(meddra: MedDra, key: str) -> str:
    """The primary way of a preferred term in words, "HLT > HLGT > SOC"; empty where the release has none."""
    ways = meddra.paths(key)
    return " > ".join(term.name for term in (ways[0].high, ways[0].group, ways[0].organ_class)) if ways else ""


def _normal(name: str) -> str:
    return " ".join(words(name)) or name.strip().lower()


def _lowest(folder: Path, preferred: dict[str, Term]) -> list[LowestTerm]:
    terms = []
    for line, fields in _records(folder, "llt.asc", 10):
        code, name, parent, currency = fields[0], fields[1], fields[2], fields[9]
        if parent not in preferred:
            raise _broken(folder / "llt.asc", line, f"preferred term {parent} is not in pt.asc")
        if currency not in ("Y", "N"):
            raise _broken(folder / "llt.asc", line, "the tenth field, currency, must be Y or N")
        terms.append(LowestTerm(code, name, preferred[parent], currency == "Y"))
    return terms


def _hierarchy(folder: Path, preferred: dict[str, Term], upper: dict[str, dict[str, Term]]) -> dict[str, list[Ascent]]:
    """The ways of mdhier.asc, each step of which must be in the file that links the two levels."""
    # Older releases and some tools name the lowest link the other way round.
    lowest = (
        "hlt_pt.asc" if (folder / "hlt_pt.asc").is_file() or not (folder / "pt_hlt.asc").is_file() else "pt_hlt.asc"
    )
    links = [
        (name, {tuple(pair) for _, pair in _records(folder, name, 2)}) for name in ("soc_hlgt.asc", "hlgt_hlt.asc")
    ]
    pairs = {tuple(pair) for _, pair in _records(folder, lowest, 2)}
    links.append((lowest, pairs if lowest == "hlt_pt.asc" else {(high, low) for low, high in pairs}))
    paths: dict[str, list[Ascent]] = defaultdict(list)
    file = folder / "mdhier.asc"
    for line, fields in _records(folder, file.name, 12):
        code, high, group, organ_class, primary = *fields[:4], fields[11]
        for level, key, known in zip(
            ("pt", "hlt", "hlgt", "soc"),
            fields[:4],
            (preferred, upper["hlt"], upper["hlgt"], upper["soc"]),
            strict=True,
        ):
            if key not in known:
                raise _broken(file, line, f"{key} is not in {level}.asc")
        steps = ((organ_class, group), (group, high), (high, code))
        for (name, linked), step in zip(links, steps, strict=True):
            if step not in linked:
                raise _broken(file, line, f"{step[0]} over {step[1]} is not in {name}")
        if primary not in ("Y", "N"):
            raise _broken(file, line, "the twelfth field, primary SOC, must be Y or N")
        paths[code].append(Ascent(upper["hlt"][high], upper["hlgt"][group], upper["soc"][organ_class], primary == "Y"))
    for code, ways in paths.items():
        if sum(way.primary for way in ways) != 1:
            raise AdrwatchError(f"{file}: preferred term {code} needs exactly one primary SOC", fix=_FIX)
        ways.sort(key=lambda way: (not way.primary, way.organ_class.code))
    return dict(paths)


def _version(folder: Path, wanted: str | None) -> str:
    if not folder.is_dir():
        raise AdrwatchError(f"no MedDRA folder at {folder}", fix="set ADRWATCH_MEDDRA_FOLDER to your MedAscii folder")
    stated = None
    if (folder / _RELEASE).is_file():
        stated = next((fields[0] for _, fields in _records(folder, _RELEASE, 1)), None)
    if stated is None and wanted is None:
        raise AdrwatchError(
            f"{folder} does not state its version: {_RELEASE} is missing", fix="set ADRWATCH_MEDDRA_VERSION, e.g. 27.1"
        )
    if stated and wanted and stated != wanted:
        raise AdrwatchError(
            f"{folder} holds MedDRA {stated}, not {wanted}",
            fix="give the folder of that version, or change ADRWATCH_MEDDRA_VERSION",
        )
    return stated or str(wanted)


def _records(folder: Path, name: str, fields: int) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of each record; as many fields as asked, where the first two are never empty."""
    file = folder / name
    try:
        raw = file.read_bytes()
    except OSError as error:
        raise AdrwatchError(
            f"MedDRA file {file} cannot be read: {error.strerror}", fix="give the whole MedAscii folder of a release"
        ) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")  # as releases were before they became UTF-8
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        record = [field.strip() for field in line.split("$")]
        if len(record) < fields or not all(record[: min(fields, 2)]):
            raise _broken(file, number, f"{fields} fields parted by $ expected")
        yield number, record if fields > 2 else record[:fields]


def _broken(file: Path, line: int, reason: str) -> AdrwatchError:
    return AdrwatchError(f"{file}, line {line}: {reason}", fix=_FIX)


_FIX = "unpack the release again; the files must be those of one version"

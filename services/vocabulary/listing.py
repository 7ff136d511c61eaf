"""Reads and changes a team's own drug list, which lies in the topic `adr.drug-names`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from services.vocabulary.everyday import everyday
from services.vocabulary.misspell import misspellings
from shared.errors import AdrwatchError, DependencyAway
from shared.events import Concept, OwnName, encode
from shared.settings import Settings
from shared.stream import Output
from shared.topics import DRUG_NAMES
from shared.vocabulary.atc import shipped
from shared.vocabulary.drugs import normal
from shared.vocabulary.live import read_names
from shared.vocabulary.own import EXCLUDED, OwnNames, ingredient, normal_name, over, own_ingredients, version
from shared.writer import Writer

_PATIENCE_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a name is now. `origin`: shipped, own, excluded or unknown.

    `everyday`: all its words are in the list of everyday words. Of shipped names it says nothing: famous brands are frequent words.
    """

    name: str
    origin: str
    kind: str = ""
    drug: str = ""
    label: str = ""
    needs_context: bool = False
    everyday: bool = False


@dataclass(frozen=True, slots=True)
class Change:
    """How many names a change adds, gives another meaning, removes, and finds as they should be; the version it leads to."""

    added: int
    changed: int
    removed: int
    unchanged: int
    version: str


class DrugList:
    """The list as it was when this was made. Making it raises what reading the topic raises."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.shipped = shipped(settings)
        self.names = read_names(settings)

    def ingredient(self, drug: str, label: str = "") -> Concept:
        """The ingredient that a person means by an id or by any name, an own one too. Raises AdrwatchError."""
        in_force = over(self.shipped, {name: one for name, one in self.names.items() if one.kind != EXCLUDED})
        return ingredient(drug, label, own_ingredients(self.names), in_force)

    def known(self, text: str) -> Known:
        """What one name is now. Raises AdrwatchError where no name could be so."""
        name = normal_name(text)
        own, concept = self.names.get(name), self.shipped.concept(name)
        common = concept is None and _everyday(name)
        if own is not None:
            drug = own.drug or concept or Concept("", "")
            origin = EXCLUDED if own.kind == EXCLUDED else "own"
            return Known(name, origin, own.kind, drug.id, drug.label, own.needs_context, common)
        if concept is not None:
            return Known(name, "shipped", "", concept.id, concept.label)
        return Known(name, "unknown", everyday=common)

    def of_drug(self, drug: str) -> list[Known]:
        """All names of an ingredient, those that are excluded too, in order. Raises AdrwatchError where there is none."""
        wanted = self.ingredient(drug).id
        names = {name for name, concept in self.shipped.names.items() if concept.id == wanted}
        names |= {one.name for one in self.names.values() if one.drug is not None and one.drug.id == wanted}
        return [one for one in map(self.known, sorted(names)) if one.drug == wanted]

    def own(self) -> list[Known]:
        """The list itself, in order."""
        return [self.known(name) for name in sorted(self.names)]

    def misspelt(self, names: Iterable[OwnName]) -> list[OwnName]:
        """Likely misspellings of these names that neither the lexicon nor the list has, as names of the same ingredients."""
        lexicon = over(self.shipped, self.names)
        taken = self.shipped.names.keys() | self.names.keys()
        found: dict[str, OwnName] = {}
        for one in names:
            if one.drug is not None:
                for word in misspellings(one.name, one.drug.id, lexicon, everyday()):
                    new = OwnName(name=word, kind="misspelling", drug=one.drug, needs_context=one.needs_context)
                    if word not in taken:
                        found.setdefault(word, new)
        return [found[name] for name in sorted(found)]

    def change(self, put: OwnNames, remove: Iterable[str] = (), *, write: bool = True) -> Change:
        """Write names and take others away; without `write` only say what that would do.

        A name that means what the shipped lexicon says anyway is not written. Raises DependencyAway where the broker does not
        acknowledge; the same change can be made again then.
        """
        gone = [name for name in remove if name in self.names and name not in put]
        new = {
            name: one
            for name, one in put.items()
            if self.names.get(name) != one and (name in self.names or not self._shipped_so(one))
        }
        if write and (new or gone):
            self._write([*((name, encode(one)) for name, one in new.items()), *((name, None) for name in gone)])
        after = {name: one for name, one in {**self.names, **new}.items() if name not in gone}
        changed = sum(name in self.names for name in new)
        made = Change(len(new) - changed, changed, len(gone), len(put) - len(new), version(after))
        if write:
            self.names = after
        return made

    def _shipped_so(self, one: OwnName) -> bool:
        concept = self.shipped.concept(one.name)
        return not one.needs_context and one.drug is not None and concept is not None and concept.id == one.drug.id

    def _write(self, records: list[tuple[str, bytes | None]]) -> None:
        with Writer(self._settings, _PATIENCE_SECONDS) as writer:
            try:
                writer.write([Output(DRUG_NAMES, name, value) for name, value in records])
            except DependencyAway as error:
                raise DependencyAway(
                    f"the change is not with the broker, or only a part of it: {error.message}",
                    fix="see that the broker runs, and give the command once more",
                ) from error


def missing(names: Iterable[str], among: OwnNames, shipped_names: Iterable[str]) -> None:
    """Raise AdrwatchError for the first name that is not in the list."""
    there = set(shipped_names)
    for name in names:
        if name not in among:
            hint = f"`adrwatch drugs exclude {name!r}`" if name in there else "`adrwatch drugs list` shows what is"
            raise AdrwatchError(f"{name!r} is not in the drug list", fix=hint)


def _everyday(name: str) -> bool:
    return all(word in everyday() for word in normal(name).split())

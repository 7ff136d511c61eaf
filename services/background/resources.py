"""Resources of HL7 FHIR R4 (hl7.org/fhir/R4), as far as reports need them; all other elements are passed over."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

# How hospitals name MedDRA: its own address, HL7's older one, and its OID.
MEDDRA = frozenset(
    {
        "https://www.meddra.org", "http://www.meddra.org", "http://terminology.hl7.org/CodeSystem/mdr",
        "urn:oid:2.16.840.1.113883.6.163",
    }
)  # fmt: skip


class Coding(msgspec.Struct, frozen=True):
    """A code of a code system."""

    system: str = ""
    code: str = ""
    display: str = ""


class CodeableConcept(msgspec.Struct, frozen=True):
    """One meaning, in any number of code systems and in words."""

    coding: tuple[Coding, ...] = ()
    text: str = ""

    @property
    def name(self) -> str:
        """Its name: MedDRA's, else that of the first coding which has one, else the text as entered; empty where there is none."""
        named = [coding for coding in self.coding if coding.display.strip()]
        best = next((coding for coding in named if coding.system in MEDDRA), named[0] if named else None)
        return " ".join((self.text if best is None else best.display).split())

    @property
    def codes(self) -> tuple[str, ...]:
        """All its codes, of any system, in lower case."""
        return tuple(coding.code.lower() for coding in self.coding)

    @property
    def code(self) -> str:
        """The first code, else the text."""
        return next((coding.code for coding in self.coding if coding.code), self.text)


class Identifier(msgspec.Struct, frozen=True):
    """A name that a system of the hospital gives to something."""

    system: str = ""
    value: str = ""

    @property
    def key(self) -> str:
        """By which what it names is found; empty where it has no value."""
        return f"{self.system}|{self.value}" if self.value else ""


class Reference(msgspec.Struct, frozen=True):
    """What points to another resource: by place, by identifier, or by name alone."""

    reference: str = ""
    type: str = ""
    display: str = ""
    identifier: Identifier = Identifier()

    def key(self, container: str) -> str:
        """By which the resource is found: `Type/id`, an identifier, or a resource within its container."""
        if self.reference.startswith("#"):
            return container + self.reference
        return self._place if self.reference else self.identifier.key

    @property
    def kind(self) -> str:
        """The type of the resource; empty where nothing tells it."""
        return self.type or (self._place.rpartition("/")[0] if self.reference else "")

    @property
    def _place(self) -> str:
        """An absolute address ends like a relative one; that of a version names the resource as well."""
        return "/".join(self.reference.partition("/_history/")[0].rstrip("/").split("/")[-2:])


class Period(msgspec.Struct, frozen=True):
    """A span of time, open where an end is not given."""

    start: str = ""
    end: str = ""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    """The version of a resource."""

    version_id: str = ""


class Medicine(msgspec.Struct, frozen=True, rename="camel"):
    """Medication, MedicationStatement, MedicationAdministration, Immunization or Substance: what a suspect may be."""

    resource_type: str
    id: str = ""
    identifier: tuple[Identifier, ...] = ()
    status: str = ""
    code: CodeableConcept = CodeableConcept()
    vaccine_code: CodeableConcept = CodeableConcept()
    medication_codeable_concept: CodeableConcept = CodeableConcept()
    medication_reference: Reference = Reference()
    subject: Reference = Reference()
    effective_date_time: str = ""
    effective_period: Period = Period()
    contained: tuple[Medicine, ...] = ()

    @property
    def name(self) -> str:
        """The medicine's name where the resource gives one itself."""
        return self.medication_codeable_concept.name or self.vaccine_code.name or self.code.name

    def keys(self, container: str) -> Iterator[str]:
        """By which references find it."""
        if container:
            yield f"{container}#{self.id.removeprefix('#')}"
            return
        if self.id:
            yield f"{self.resource_type}/{self.id}"
        yield from filter(None, (identifier.key for identifier in self.identifier))


class Suspect(msgspec.Struct, frozen=True):
    """What may have caused an adverse event."""

    instance: Reference


class AdverseEvent(msgspec.Struct, frozen=True, rename="camel"):
    """An event that may have to do with what a patient was given."""

    id: str = ""
    identifier: Identifier = Identifier()
    meta: Meta = Meta()
    actuality: str = "actual"
    event: CodeableConcept = CodeableConcept()
    subject: Reference = Reference()
    date: str = ""
    detected: str = ""
    recorded_date: str = ""
    seriousness: CodeableConcept = CodeableConcept()
    outcome: CodeableConcept = CodeableConcept()
    suspect_entity: tuple[Suspect, ...] = ()
    contained: tuple[Medicine, ...] = ()


class Patient(msgspec.Struct, frozen=True):
    """Who an event befell; nothing but the sex is read."""

    id: str = ""
    gender: str = ""


class Head(msgspec.Struct, frozen=True, rename="camel"):
    """What kind of resource a line holds."""

    resource_type: str = ""

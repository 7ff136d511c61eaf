"""Hospital data as FHIR R4 ndjson (a bulk export): adverse events, and the medicines that they point to.

An AdverseEvent is a report; its suspects are named by what they point to, wherever in the export that stands. What else the patient
took on the day by a MedicationStatement is concomitant. Patients' ids join these while an export is read, and are not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import duckdb
import msgspec

from services.background.resources import AdverseEvent, Head, Medicine, Patient, Reference
from services.background.rows import opened
from services.background.store import Intake
from services.background.times import day_of, first_day, last_day
from services.background.writing import Say, number
from shared.duckdb_rows import Batches
from shared.errors import AdrwatchError

MEDICINES = frozenset({"Medication", "MedicationStatement", "MedicationAdministration", "Immunization", "Substance"})
# A statement of such a status does not say that anything was taken.
_NOT_TAKEN = frozenset({"entered-in-error", "not-taken", "intended"})
_TOLD = 500_000
_TABLES = """
CREATE OR REPLACE TEMP TABLE places (entry BIGINT, file TEXT, line BIGINT);
CREATE OR REPLACE TEMP TABLE events (
    entry BIGINT, report TEXT, case_id TEXT, version BIGINT, subject TEXT, day DATE, reaction TEXT, serious BOOLEAN, outcome TEXT
);
CREATE OR REPLACE TEMP TABLE suspects (entry BIGINT, place BIGINT, key TEXT, name TEXT);
CREATE OR REPLACE TEMP TABLE medicines (key TEXT, name TEXT, other TEXT, display TEXT);
CREATE OR REPLACE TEMP TABLE taken (key TEXT, subject TEXT, first DATE, last DATE);
CREATE OR REPLACE TEMP TABLE patients (key TEXT, sex TEXT);
"""
# A statement names its medicine itself, or points to it. The same version of an event may stand in an export twice.
_JOINED = """
CREATE OR REPLACE TEMP TABLE named AS
SELECT * FROM (
    SELECT m.key, max(coalesce(m.name, o.name, m.display)) AS name
    FROM medicines AS m LEFT JOIN medicines AS o ON o.key = m.other GROUP BY m.key
) WHERE name IS NOT NULL;
CREATE OR REPLACE TEMP TABLE suspected AS
SELECT * FROM (
    SELECT entry, place, coalesce(n.name, s.name) AS name FROM suspects AS s LEFT JOIN named AS n USING (key)
) WHERE name IS NOT NULL;
CREATE OR REPLACE TEMP TABLE kept AS
SELECT * FROM events WHERE entry IN (SELECT entry FROM suspected)
QUALIFY row_number() OVER (PARTITION BY report ORDER BY entry) = 1;
"""
_REPORTS = (
    """
    INSERT INTO incoming_reports
    SELECT $source, report, case_id, version, day, max(p.sex), any_value(serious), $imported
    FROM kept LEFT JOIN patients AS p ON p.key = kept.subject GROUP BY report, case_id, version, day
    """,
    """
    INSERT INTO incoming_drugs
    SELECT DISTINCT $source, report, CASE place WHEN 0 THEN 'PS' ELSE 'SS' END, name, NULL FROM kept JOIN suspected USING (entry)
    """,
    """
    INSERT INTO incoming_drugs
    SELECT DISTINCT $source, report, 'C', name, NULL FROM kept JOIN taken AS t USING (subject) JOIN named USING (key)
    WHERE day >= coalesce(t.first, day) AND day <= coalesce(t.last, day)
      AND (entry, name) NOT IN (SELECT (entry, name) FROM suspected)
    """,
    "INSERT INTO incoming_reactions SELECT $source, report, reaction FROM kept",
    "INSERT INTO incoming_outcomes SELECT $source, report, outcome FROM kept WHERE outcome IS NOT NULL",
)


def read_export(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path], source: str, say: Say) -> Intake:
    """Read the files of one export, or folders of them, into the incoming tables of the store.

    Lines that are no such resource, and events that lack what a report needs, are kept with file, line and reason. Raises
    AdrwatchError for a file that cannot be read, and where no line holds a resource of FHIR.
    """
    connection.execute(_TABLES)
    entries = _Entries(Batches(connection))
    for path in (file for given in paths for file in _files(given)):
        say(f"reading {path.name}")
        with opened(path) as stream:
            for line, text in enumerate(stream, 1):
                if not text.strip():
                    continue
                try:
                    entries.take(text)
                except ValueError as error:
                    entries.batches.add("incoming_rejected", source, path.name, str(line), str(error))
                else:
                    entries.batches.add("places", str(entries.number), path.name, str(line))
                if not entries.number % _TOLD:
                    say(f"{path.name}: {entries.number:,} resources so far")
    if not entries.resources:
        raise AdrwatchError(
            f"{paths[0]} holds no resource of FHIR",
            fix="give a bulk export: .ndjson or .ndjson.gz, one resource a line",
        )
    entries.batches.flush()
    repeated = _fill(connection, source, paths[0].name, say)
    return Intake(entries.number, entries.other + repeated)


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(file for file in path.rglob("*") if file.name.endswith((".ndjson", ".ndjson.gz")))
    if not found:
        raise AdrwatchError(f"{path} holds no .ndjson file", fix="give the files of a bulk export, or their folder")
    return found


class _Entries:
    """The entries of an export, as rows of tables. `number` of all, `resources` that are any of FHIR, `other` than events."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.number = self.resources = self.other = 0

    def take(self, text: bytes) -> None:
        """One resource. Raises ValueError saying why it cannot be used; then nothing of it is."""
        self.number += 1
        try:
            kind = msgspec.json.decode(text, type=Head).resource_type
        except msgspec.DecodeError:
            raise ValueError("is no JSON object") from None
        if not kind:
            raise ValueError("has no resourceType")
        self.resources += 1
        try:
            self._take(kind, text)
        except msgspec.DecodeError as error:
            raise ValueError(f"is no {kind} of R4: {error}") from None

    def _take(self, kind: str, text: bytes) -> None:
        if kind == "Bundle":
            raise ValueError("is a Bundle: give its entries, one resource a line")
        if kind == "AdverseEvent":
            self._event(msgspec.json.decode(text, type=AdverseEvent))
            return
        if kind in MEDICINES:
            self._medicine(msgspec.json.decode(text, type=Medicine))
        elif kind == "Patient":
            patient = msgspec.json.decode(text, type=Patient)
            self.batches.add("patients", f"Patient/{patient.id}", {"female": "f", "male": "m"}.get(patient.gender, ""))
        self.other += 1

    def _event(self, event: AdverseEvent) -> None:
        case = event.id or event.identifier.key
        if not case:
            raise ValueError("has neither an id nor an identifier")
        if event.actuality != "actual":
            raise ValueError("did not happen: its actuality is not actual")
        if not event.event.name:
            raise ValueError("names no event: neither a display nor a text")
        suspects = [each.instance for each in event.suspect_entity if _may_be_medicine(each.instance)]
        if not suspects:
            raise ValueError("names no suspect medicine")
        day, version = _day(event), event.meta.version_id if event.meta.version_id.isdigit() else ""
        self.batches.add(
            "events", str(self.number), f"{case}/_history/{version}" if version else case, case, version or "0",
            event.subject.key(""), day, event.event.name, _serious(event), event.outcome.code,
        )  # fmt: skip
        container = f"entry {self.number}"
        for place, suspect in enumerate(suspects):
            name = " ".join((suspect.display or suspect.identifier.value).split())
            self.batches.add("suspects", str(self.number), str(place), suspect.key(container), name)
        self._contained(event.contained, container)

    def _medicine(self, medicine: Medicine) -> None:
        first, last = _span(medicine)
        keys = list(medicine.keys(""))
        container = f"entry {self.number}"
        self._name(medicine, keys, container)
        self._contained(medicine.contained, container)
        if keys and (first or last) and medicine.status not in _NOT_TAKEN:
            self.batches.add("taken", keys[0], medicine.subject.key(""), first, last)

    def _contained(self, medicines: Sequence[Medicine], container: str) -> None:
        for medicine in medicines:
            self._name(medicine, medicine.keys(container), container)

    def _name(self, medicine: Medicine, keys: Iterable[str], container: str) -> None:
        pointed = medicine.medication_reference
        for key in keys:
            self.batches.add("medicines", key, medicine.name, pointed.key(container), pointed.display)


def _may_be_medicine(suspect: Reference) -> bool:
    """FHIR lets a suspect be a device or a procedure as well."""
    return suspect.kind in ("", *MEDICINES) and bool(suspect.reference or suspect.display or suspect.identifier.value)


def _serious(event: AdverseEvent) -> str:
    """By R4's codes, such as Non-serious, Serious and SeriousResultsInDeath; empty where it is not said."""
    codes = event.seriousness.codes
    if "fatal" in event.outcome.codes or any(code.startswith("serious") for code in codes):
        return "true"
    return "false" if "non-serious" in codes else ""


def _day(event: AdverseEvent) -> str:
    """The first day that is known of when it happened, was found, and was written down; a month is no day."""
    for text in filter(None, (event.date, event.detected, event.recorded_date)):
        try:
            if (day := day_of(text)) is not None:
                return day.isoformat()
        except ValueError:
            raise ValueError("has a date that is none of FHIR's") from None
    return ""


def _span(medicine: Medicine) -> tuple[str, str]:
    """The first and last day of a MedicationStatement; an open end is empty. Raises ValueError for dates that are none."""
    if medicine.resource_type != "MedicationStatement":
        return "", ""
    start = medicine.effective_date_time or medicine.effective_period.start
    end = medicine.effective_date_time or medicine.effective_period.end
    try:
        return first_day(start).isoformat() if start else "", last_day(end).isoformat() if end else ""
    except ValueError:
        raise ValueError("has a date that is none of FHIR's") from None


def _fill(connection: duckdb.DuckDBPyConnection, source: str, imported: str, say: Say) -> int:
    """Join what was read into reports; how many events came again in the same version."""
    connection.execute(_JOINED)
    connection.execute(
        """
        INSERT INTO incoming_rejected
        SELECT ?, file, line, 'points to no medicine of the export, and names none' FROM events JOIN places USING (entry)
        WHERE entry NOT IN (SELECT entry FROM suspected)
        """,
        [source],
    )
    if unnamed := number(connection, "suspects") - number(connection, "suspected"):
        say(f"{unnamed:,} suspects point to no medicine of the export, and have no name")
    for statement in _REPORTS:
        connection.execute(statement, {"source": source} | ({"imported": imported} if "$imported" in statement else {}))
    repeated = number(connection, "events WHERE entry IN (SELECT entry FROM suspected)") - number(connection, "kept")
    for name in ("places", "events", "suspects", "medicines", "taken", "patients", "named", "suspected", "kept"):
        connection.execute(f"DROP TABLE {name}")
    return repeated

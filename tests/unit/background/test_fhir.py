"""Hospital data as FHIR R4 ndjson into the store, in exports that we wrote."""

from __future__ import annotations

import gzip
import json

import pytest

from shared.errors import AdrwatchError
from tests.unit.background.running import add_up, adrwatch, held, load

NAMED = ("--format", "fhir", "--source", "hospital")
MEDDRA = "https://www.meddra.org"


@pytest.fixture
def store(tmp_path):
    return tmp_path / "background.duckdb"


def event(key: str, suspects: list, name: str = "Tremor", **more) -> dict:
    """An AdverseEvent; a suspect is a reference, or what stands in its place."""
    instances = [{"reference": each} if isinstance(each, str) else each for each in suspects]
    return {
        "resourceType": "AdverseEvent", "id": key, "actuality": "actual",
        "event": {"coding": [{"system": MEDDRA, "code": "1", "display": name}]},
        "subject": {"reference": "Patient/p1"}, "date": "2025-03-10T08:30:00+01:00",
        "suspectEntity": [{"instance": each} for each in instances],
    } | more  # fmt: skip


def statement(key: str, name: str = "", status: str = "active", **more) -> dict:
    named = {"medicationCodeableConcept": {"text": name}} if name else {}
    return {
        "resourceType": "MedicationStatement", "id": key, "status": status, "subject": {"reference": "Patient/p1"}
    } | named | more  # fmt: skip


def medication(key: str, name: str, **more) -> dict:
    return {"resourceType": "Medication", "id": key, "code": {"coding": [{"display": name}]}} | more


def export(folder, name: str, *resources) -> object:
    """A file of an export; what is a text already stands as it is."""
    lines = [each if isinstance(each, str) else json.dumps(each) for each in resources]
    data = "".join(f"{line}\n" for line in lines).encode()
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def test_an_event_is_a_report_with_the_medicines_that_it_points_to_wherever_they_stand(store, tmp_path):
    folder = tmp_path / "export"
    events = (
        event("e1", ["Medication/m1"], seriousness={"coding": [{"code": "Serious"}]}),
        event("e2", ["https://hospital.example/fhir/MedicationStatement/s1/_history/2"], "Nausea"),
        event(
            "e3",
            [{"identifier": {"system": "urn:ward", "value": "77"}}],
            "Rash",
            date="2025-03",
            recordedDate="2025-03-12",
        ),
        event(
            "e4",
            [{"display": "Advil 200 mg"}, "Medication/m1", "Device/d1"],
            "Itch",
            outcome={"coding": [{"code": "fatal"}]},
        ),
        event(
            "e5",
            ["#inside"],
            "Cough",
            contained=[{"resourceType": "Medication", "id": "inside", "code": {"text": "Aspirin"}}],
        ),
        event("e6", ["Immunization/i1"], subject={"reference": "Patient/p2"}),
    )
    export(folder, "AdverseEvent.ndjson", *events)
    export(folder, "2/AdverseEvent.ndjson.gz", event("e7", ["MedicationAdministration/a1"]))
    export(
        folder, "Medicines.ndjson", medication("m1", "Zoloft 50 MG Oral Tablet"),
        medication("m2", "ibuprofen", identifier=[{"system": "urn:ward", "value": "77"}]),
        statement("s1", medicationReference={"reference": "Medication/m1"}),
        {"resourceType": "Immunization", "id": "i1", "status": "completed", "vaccineCode": {"text": "Some vaccine"}},
        {"resourceType": "MedicationAdministration", "id": "a1", "medicationReference": {"reference": "#x"},
         "contained": [{"resourceType": "Medication", "id": "x", "code": {"text": "Zoloft"}}]},
    )  # fmt: skip
    export(folder, "Patient.ndjson", {"resourceType": "Patient", "id": "p1", "gender": "female"})
    [found] = load(store, folder, *NAMED)
    assert add_up(found)
    assert {key: found[key] for key in ("lines", "read", "kept", "other", "rejected")} == {
        "lines": 13, "read": 7, "kept": 7, "other": 6, "rejected": 0,
    }  # fmt: skip
    assert held(store, "SELECT report, day::TEXT, sex, serious FROM reports ORDER BY 1") == [
        ("e1", "2025-03-10", "f", True), ("e2", "2025-03-10", "f", None), ("e3", "2025-03-12", "f", None),
        ("e4", "2025-03-10", "f", True), ("e5", "2025-03-10", "f", None), ("e6", "2025-03-10", None, None),
        ("e7", "2025-03-10", "f", None),
    ]  # fmt: skip
    assert held(store, "SELECT report, role, ingredient FROM drugs ORDER BY ALL") == [
        ("e1", "PS", "sertraline"), ("e2", "PS", "sertraline"), ("e3", "PS", "ibuprofen"), ("e4", "PS", "ibuprofen"),
        ("e4", "SS", "sertraline"), ("e5", "PS", "acetylsalicylic acid"), ("e6", "PS", "SOME VACCINE"),
        ("e7", "PS", "sertraline"),
    ]  # fmt: skip
    assert held(store, "SELECT report, outcome FROM outcomes") == [("e4", "fatal")]
    # Patients join what they took, and are not kept.
    tables = [name for (name,) in held(store, "SELECT table_name FROM duckdb_tables()")]
    assert not any("p1" in str(row) for table in tables for row in held(store, f"SELECT * FROM {table}"))


def test_what_the_patient_took_on_the_day_is_concomitant(store, tmp_path):
    taken = {
        "during": {"effectivePeriod": {"start": "2025-03-01", "end": "2025-03"}},
        "going on": {"effectivePeriod": {"start": "2024"}},
        "that day": {"effectiveDateTime": "2025-03-10"},
        "before": {"effectivePeriod": {"start": "2025-01-01", "end": "2025-03-09"}},
        "after": {"effectiveDateTime": "2025-03-11T00:00:00Z"},
        "no time": {},
        "another's": {"effectiveDateTime": "2025-03-10", "subject": {"reference": "Patient/p2"}},
        "never": {"effectiveDateTime": "2025-03-10", "status": "not-taken"},
        "by mistake": {"effectiveDateTime": "2025-03-10", "status": "entered-in-error"},
        "Zoloft": {"effectiveDateTime": "2025-03-10"},
    }
    statements = [statement(str(at), name, **more) for at, (name, more) in enumerate(taken.items())]
    path = export(tmp_path, "all.ndjson", event("e1", ["MedicationStatement/9"]), *statements)
    [found] = load(store, path, *NAMED)
    assert (found["read"], found["other"]) == (1, 10)
    assert held(store, "SELECT role, name FROM drugs ORDER BY ALL") == [
        ("C", "during"), ("C", "going on"), ("C", "that day"), ("PS", "Zoloft"),
    ]  # fmt: skip


def test_entries_that_lack_what_is_needed_are_kept_with_file_line_and_reason(store, tmp_path):
    path = export(
        tmp_path, "e.ndjson",
        event("good", [{"display": "Zoloft"}]),
        "{broken",
        "",
        "[1]",
        {"no": "type"},
        event("", [{"display": "Zoloft"}]),
        event("a", [{"display": "Zoloft"}], actuality="potential"),
        event("b", [{"display": "Zoloft"}], event={"coding": [{"code": "7"}]}),
        event("c", []),
        event("d", ["Procedure/1"]),
        event("e", ["Medication/absent"]),
        event("f", [{"display": "Zoloft"}], date="soon"),
        event("g", [{"display": "Zoloft"}], event="Tremor"),
        statement("s", "Advil", effectiveDateTime="once"),
        {"resourceType": "Bundle", "entry": []},
        {"resourceType": "Observation", "id": "o"},
    )  # fmt: skip
    [found] = load(store, path, *NAMED)
    assert add_up(found)
    assert (found["lines"], found["read"], found["kept"], found["other"], found["rejected"]) == (15, 1, 1, 1, 13)
    told = [json.loads(line) for line in adrwatch("rejected", "--store", store, "--json").stdout.splitlines()]
    assert {row["file"] for row in told} == {"e.ndjson"}
    assert {row["line"]: row["reason"] for row in told} == {
        2: "is no JSON object",
        4: "is no JSON object",
        5: "has no resourceType",
        6: "has neither an id nor an identifier",
        7: "did not happen: its actuality is not actual",
        8: "names no event: neither a display nor a text",
        9: "names no suspect medicine",
        10: "names no suspect medicine",
        11: "points to no medicine of the export, and names none",
        12: "has a date that is none of FHIR's",
        13: "is no AdverseEvent of R4: Expected `object`, got `str` - at `$.event`",
        14: "has a date that is none of FHIR's",
        15: "is a Bundle: give its entries, one resource a line",
    }


def test_later_versions_replace_earlier_ones_and_an_export_can_come_again(store, tmp_path):
    def version(number: str, name: str) -> dict:
        return event("e1", [{"display": "Zoloft"}], name, meta={"versionId": number})

    first = export(tmp_path, "1.ndjson", version("1", "Tremor"), version("2", "Nausea"), version("2", "Nausea"))
    later = export(tmp_path, "2.ndjson", version("10", "Rash"))
    found = [load(store, path, *NAMED)[0] for path in (first, later, first)]
    assert all(add_up(each) for each in found)
    assert [(each["read"], each["kept"], each["superseded"], each["other"]) for each in found] == [
        (2, 1, 1, 1), (1, 1, 0, 0), (2, 0, 2, 1),
    ]  # fmt: skip
    assert held(store, "SELECT report, version FROM reports") == [("e1/_history/10", 10)]
    assert held(store, "SELECT reaction FROM reactions") == [("Rash",)]


def test_the_name_of_meddra_comes_before_those_of_other_systems(store, tmp_path):
    codings = [{"system": "http://snomed.info/sct", "display": "Shaking"}, {"system": MEDDRA, "display": "Tremor"}]
    path = export(
        tmp_path, "e.ndjson",
        event("a", [{"display": "Zoloft"}], event={"coding": codings, "text": "shakes"}),
        event("b", [{"display": "Zoloft"}], event={"coding": codings[:1], "text": "shakes"}),
        event("c", [{"display": "Zoloft"}], event={"coding": [{"code": "1"}], "text": "shakes"}),
    )  # fmt: skip
    load(store, path, *NAMED)
    assert held(store, "SELECT reaction FROM reactions ORDER BY report") == [("Tremor",), ("Shaking",), ("shakes",)]


def test_what_is_no_export_is_named(store, tmp_path):
    bundle = export(tmp_path, "bundle.ndjson", json.dumps({"resourceType": "Bundle", "entry": []}, indent=1))
    (tmp_path / "empty").mkdir()
    cut = export(tmp_path, "cut.ndjson.gz", *(event(str(i), [{"display": "Zoloft"}]) for i in range(200)))
    cut.write_bytes(cut.read_bytes()[:-50])
    for path, message in (
        (bundle, "holds no resource of FHIR"),
        (tmp_path / "empty", r"holds no \.ndjson file"),
        (tmp_path / "absent.ndjson", "cannot be read"),
        (cut, "cannot be unpacked"),
    ):
        with pytest.raises(AdrwatchError, match=message):
            load(store, path, *NAMED)
    assert held(store, "SELECT count(*) FROM reports") == [(0,)]

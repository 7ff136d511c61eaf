"""The files that the pages of the docs name, small ones that we wrote, and what else stands in for the reader's own."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
import zipfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from shared.settings import PACKAGE_ROOT
from tests import csv_files
from tests.unit.background.quarters import Quarter

DRUGS = ("sertraline", "metformin", "ibuprofen", "lisinopril", "humira")
REACTIONS = ("Insomnia", "Vomiting", "Headache", "Cough", "Rash")
# Distinct posts with a drug and a reaction each, all of one minute.
POSTS = [
    {"id": f"p{number}", "author": f"reader_{number}", "created_at": f"2026-06-01T09:00:{number:02}Z",
     "text": f"day {number} on {drug} and i have {reaction.lower()} since then", "label": "1"}
    for number, (drug, reaction) in enumerate(product(DRUGS, REACTIONS), 1)
]  # fmt: skip


def make(folder: Path, receiver: str) -> None:
    """All of them; `receiver` is the address of a webhook that takes what it is sent."""
    (folder / "deploy").symlink_to(PACKAGE_ROOT / "deploy")
    (folder / "docs").mkdir()
    shutil.copytree(PACKAGE_ROOT / "docs" / "schemas", folder / "docs" / "schemas")
    for study in ("ablation", "asaibc", "russian"):
        shutil.copytree(PACKAGE_ROOT / "docs" / "models" / study, folder / "docs" / "models" / study)
    _posts(folder)
    _reports(folder)
    _labelled(folder)
    (folder / "my-rules.toml").write_text('preset = "umc"\n[policy]\nauthors = 2\n')
    shutil.copy(PACKAGE_ROOT / "services" / "evaluation" / "data" / "coreference.jsonl", folder / "clusters.jsonl")
    (folder / "names.csv").write_text("name,drug,kind\nzolly,sertraline,slang\n")
    (folder / "sources.toml").write_text('[sources.bluesky]\ntype = "bluesky"\nlanguages = ["en"]\n')
    (folder / "notifiers.toml").write_text(
        f'[channels.desk]\ntype = "webhook"\nurl = "{receiver}"\nsecret = {{ env = "DESK_SECRET" }}\n'
    )


def mentions(folder: Path, records: list[bytes]) -> None:
    """What a back-test writes of the same posts."""
    (folder / "mentions.jsonl").write_bytes(b"\n".join(records) + b"\n")


def _labelled(folder: Path) -> None:
    """What people made of a post in brat and in INCEpTION."""
    text = "day 3 on metformin and i cant stop throwing up"
    marks = {"labelled": "T1\tADR 35 46\tthrowing up\n", "ana": "T1\treaction 35 46\tthrowing up\n", "ben": ""}
    for name, notes in marks.items():
        (folder / name).mkdir()
        (folder / name / "p1.txt").write_text(text)
        (folder / name / "p1.ann").write_text(notes)
    with zipfile.ZipFile(folder / "project.zip", "w") as archive:
        for who in ("ana", "ben"):
            header = "#FORMAT=WebAnno TSV 3.3\n#T_SP=webanno.custom.Mention|kind\n\n\n"
            tokens = f"#Text=metformin and i am ill\n1-1\t0-9\tmetformin\t{'drug' if who == 'ana' else '_'}\t\n"
            archive.writestr(f"annotation/p1.txt/{who}.tsv", f"{header}{tokens}1-2\t19-22\till\treaction\t\n")


def _posts(folder: Path) -> None:
    lines = [json.dumps(post) for post in POSTS]
    (folder / "posts.jsonl").write_text("\n".join(lines) + "\n")
    (folder / "posts.jsonl.gz").write_bytes(gzip.compress((folder / "posts.jsonl").read_bytes()))
    csv_files.write(folder / "posts.csv", "id,author,created_at,text", ([*post.values()][:4] for post in POSTS))
    (folder / "posts.csv.gz").write_bytes(gzip.compress((folder / "posts.csv").read_bytes()))
    rows = ("\t".join((post["text"], post["label"])) for post in POSTS)
    (folder / "posts.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n")


def reports() -> Iterator[tuple[str, str, str, str]]:
    """(report, drug, reaction, day): all pairs some times, the first of each more often."""
    number = 0
    for place, (drug, reaction) in enumerate(product(DRUGS, REACTIONS)):
        for _ in range(9 if place % 6 == 0 else 2):
            number += 1
            yield f"r{number}", drug, reaction, f"2026-{1 + number % 3:02}-{1 + number % 28:02}"


def _reports(folder: Path) -> None:
    # Under the names of FAERS and under ours: some pages map columns, others do not.
    rows = [(report, drug, reaction, report, drug, reaction, day) for report, drug, reaction, day in reports()]
    csv_files.write(folder / "reports.csv", "CASEID,DRUG,AE,report,drug,reaction,date", rows)
    (folder / "reports.csv.xz").write_bytes(lzma.compress((folder / "reports.csv").read_bytes()))
    csv_files.write(folder / "registry.csv", "ID,NAME,PT", ([*row][:3] for row in reports()))
    (folder / "reports.csv.gz").write_bytes(gzip.compress((folder / "registry.csv").read_bytes()))
    csv_files.write(folder / "pairs.csv", "ID,drug,reaction", ([*row][:3] for row in reports()))
    csv_files.write(folder / "faers.csv", "CASE,NAME,reaction", ([*row][:3] for row in reports()))
    csv_files.write(folder / "counts.csv", "drug,reaction,a,b,c,d", [("sertraline", "Insomnia", 16, 28, 15, 3297)])
    pairs = [
        ("sertraline", "Insomnia", 1),
        ("sertraline", "Cough", 0),
        ("metformin", "Vomiting", 1),
        ("metformin", "Rash", 0),
    ]
    for name in ("euadr.csv", "euadr_reference_set.csv"):
        csv_files.write(folder / name, "exposureName,outcomeName,groundTruth", pairs)
    for name in ("2025q3", "2025q4"):
        quarter = Quarter(name[2:].upper())
        for number, (_, drug, reaction, _) in enumerate(reports(), 100):
            quarter.report(
                number, [("PS", drug.upper())], [reaction], event=f"{name[:4]}0801", received=f"{name[:4]}0815"
            )
        written = quarter.write(folder)
        shutil.make_archive(str(folder / f"faers_ascii_{name}"), "zip", written)
    event = {
        "resourceType": "AdverseEvent", "id": "e1", "actuality": "actual", "date": "2025-03-10",
        "event": {"text": "Insomnia"}, "subject": {"reference": "Patient/p1"},
        "suspectEntity": [{"instance": {"display": "sertraline"}}],
    }  # fmt: skip
    (folder / "export").mkdir()
    (folder / "export" / "events.ndjson").write_text(json.dumps(event) + "\n")

"""`adrwatch annotate` from the command line: import, export, agreement, and the scores of what was imported."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.annotation import writing
from services.cli import build
from shared.errors import AdrwatchError

TEXT = "day 3 on metformin and i cant stop throwing up"
ANN = (
    "T1\tDrug 9 18\tmetformin\nT2\tADR 35 46\tthrowing up\nT3\tPost 0 3\tday\n"
    "R1\tcauses Arg1:T1 Arg2:T2\nA1\treports_reaction T3 yes\n"
)


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(build(), [*map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "100"})
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    folder = tmp_path / "labelled"
    folder.mkdir()
    (folder / "p1.txt").write_bytes(TEXT.encode())
    (folder / "p1.ann").write_bytes(ANN.encode())
    (folder / "p2.txt").write_bytes(b"picking up my prozac later")
    (folder / "p2.ann").write_bytes(b"T1\tDrug 14 20\tprozac\nT2\tPost 0 7\tpicking\nA1\treports_reaction T2 no\n")
    return folder


@pytest.fixture
def corpus(labelled: Path, tmp_path: Path) -> Path:
    path = tmp_path / "corpus.jsonl"
    out = run("annotate", "import", labelled, path, "--types", "ADR=reaction", "--types", "Drug=drug")
    assert out.splitlines() == [
        f"2 documents in {path}",
        "mentions: 2 drug, 1 reaction",
        "relations: 1 causes",
        "labels: 1 reports_reaction=yes, 1 reports_reaction=no",
    ]
    return path


def test_what_was_imported_is_scored_by_both_tasks(corpus: Path) -> None:
    (report,) = json.loads(run("evaluate", "extract", "--data", corpus, "--format", "adrwatch", "--json"))
    strict = {row["of"]: row["value"] for row in report["rows"] if row["metric"] == "strict f1"}
    assert strict["reaction"] == 1
    assert strict["drug"] == 1
    (report,) = json.loads(run("evaluate", "classify", "--data", corpus, "--format", "adrwatch", "--json"))
    assert report["sizes"]["posts"] == 2


@pytest.mark.parametrize("name", ["xmi", "tsv", "brat"])
def test_it_goes_out_to_a_tool_and_comes_back(corpus: Path, tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    assert "2 documents" in run("annotate", "export", corpus, folder, "--to", name)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    back = tmp_path / f"{name}.jsonl"
    counts = json.loads(run("annotate", "import", folder, back, "--json"))
    assert counts == {
        "documents": 2,
        "mentions": {"drug": 2, "reaction": 1},
        "relations": {"causes": 1},
        "labels": {"reports_reaction=yes": 1, "reports_reaction=no": 1},
    }
    assert stat.S_IMODE(back.stat().st_mode) == 0o600
    shown = run("annotate", "agreement", corpus, folder, "--json")
    assert {figure["agreement"] for figure in json.loads(shown)["figures"]} == {100.0}


def test_posts_without_labels_go_out_to_be_labelled(tmp_path: Path) -> None:
    posts = tmp_path / "posts.jsonl"
    posts.write_text(json.dumps({"id": "example:1/a", "text": TEXT, "author": "somebody"}) + "\n")
    run("annotate", "export", posts, tmp_path / "out", "--to", "brat")
    assert (tmp_path / "out" / "example%3A1%2Fa.txt").read_text() == TEXT
    assert (tmp_path / "out" / "example%3A1%2Fa.ann").read_text() == ""
    assert "causes\tArg1:<ENTITY>, Arg2:<ENTITY>" in (tmp_path / "out" / "annotation.conf").read_text()


def test_agreement_is_a_table_for_people(corpus: Path, labelled: Path) -> None:
    out = run("annotate", "agreement", corpus, labelled)
    # Spans are the same, and types are not.
    table = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert ["strict", "strict", "all", "0.0"] in table
    assert ["strict", "ignored", "all", "100.0"] in table
    assert "2 documents" in out


def test_nothing_is_half_written(corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(AdrwatchError, match="cannot be written: No space left on device"):
        run("annotate", "export", corpus, tmp_path / "out", "--to", "brat")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("export", "corpus.jsonl", "out", "--to", "word"), "there is no format word"),
        (("export", "corpus.jsonl", "labelled", "--to", "brat"), "labelled is there already"),
        (("import", "labelled", "corpus.jsonl"), "corpus.jsonl is there already"),
        (("import", "labelled", "new.jsonl", "--types", "ADR"), "--types ADR renames nothing"),
        (("import", "nowhere", "new.jsonl"), "there is no nowhere"),
        (("agreement", "corpus.jsonl"), "agreement is of two people or more"),
        (("export", "broken.jsonl", "out", "--to", "brat"), "broken.jsonl, line 2: a span lies outside its text"),
        (("export", "twice.jsonl", "out", "--to", "brat"), "twice.jsonl, line 2: a second document with this id"),
        (("export", "half.jsonl", "out", "--to", "brat"), "half.jsonl, line 1: not JSON"),
        (("export", "empty.jsonl", "out", "--to", "brat"), "empty.jsonl holds no documents"),
    ],
)
def test_what_cannot_be_done_says_why_and_how_to_mend_it(
    corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    span = {"start": 0, "end": 9, "type": "drug"}
    Path("broken.jsonl").write_text('{"text": "a"}\n' + json.dumps({"text": "short", "entities": [span]}) + "\n")
    Path("twice.jsonl").write_text('{"id": "1", "text": "a"}\n{"id": "1", "text": "b"}\n')
    Path("half.jsonl").write_text('{"id": "1", "text": "a\n')
    Path("empty.jsonl").write_text("")
    with pytest.raises(AdrwatchError) as refusal:
        run("annotate", *arguments)
    assert said in refusal.value.message
    assert refusal.value.fix


def test_ids_become_names_of_files_and_back() -> None:
    assert writing.file_name("../up", ".txt") == "%2E.%2Fup.txt"
    with pytest.raises(AdrwatchError, match="too long"):
        writing.file_name("é" * 100, ".txt")

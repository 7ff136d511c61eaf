"""`adrwatch signals beside`: sources that we made, each with too little of a pair, and both together with enough."""

from __future__ import annotations

import csv
import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from services.cli import build
from shared.errors import AdrwatchError
from shared.events import UNMAPPED, Concept, Mention, Span
from tests.csv_files import write

HEADER = "report,drug,reaction"


def adrwatch(*arguments):
    done = CliRunner().invoke(build(), [str(each) for each in arguments])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


def beside(*arguments) -> dict[tuple[str, str], dict]:
    done = adrwatch("signals", "beside", *arguments, "--json")
    return {(row["drug"], row["reaction"]): row for row in map(json.loads, done.stdout.splitlines())}


def rows(pairs: dict[tuple[str, str], int]) -> list[tuple[str, str, str]]:
    """A report for each, of one drug and one reaction."""
    listed = [pair for pair, number in pairs.items() for _ in range(number)]
    return [(str(i), *pair) for i, pair in enumerate(listed)]


# Of 1,000 reports 30 name sertraline and 20 tremor: 0.6 are expected, and 3 are there. Both sources have as few.
FEW = {
    ("sertraline", "Tremor"): 3,
    ("sertraline", "Nausea"): 27,
    ("ibuprofen", "Tremor"): 17,
    ("ibuprofen", "Nausea"): 953,
}


@pytest.fixture
def planted(tmp_path) -> tuple[Path, Path]:
    """Two sources that write the same names otherwise; the second has a pair of its own as well."""
    spelt = {"sertraline": "Zoloft", "ibuprofen": "ADVIL", "Tremor": "TREMOR", "Nausea": "nausea"}
    other = {(spelt[drug], spelt[reaction]): number for (drug, reaction), number in FEW.items()}
    return (
        write(tmp_path / "posts.csv", HEADER, rows(FEW)),
        write(tmp_path / "faers.csv", HEADER, rows(other | {("elixir", "Stitches"): 12})),
    )


def test_a_pair_of_which_no_source_has_enough_is_flagged_by_the_combination_alone(planted):
    posts, faers = planted
    found = beside(f"posts={posts}", f"faers={faers}")
    pair = found["sertraline", "Tremor"]
    assert (pair["posts_a"], pair["faers_a"], pair["combined_a"]) == (3, 3, 6)
    assert pair["posts_ic025"] < 0
    assert pair["faers_ic025"] < 0
    assert pair["combined_ic025"] > 0
    assert pair["flagged_by"] == "combined"
    assert "ic025" in pair["combined_rules"].split()
    own = found["elixir", "stitches"]
    assert own["flagged_by"] == "faers combined"
    assert (own["posts_a"], own["posts_ic"]) == (0, None)
    assert found["ibuprofen", "Nausea"]["flagged_by"] == ""


def test_pairs_with_few_reports_are_left_out_and_the_others_are_as_they_were(planted):
    posts, faers = planted
    every, most = (beside(f"posts={posts}", f"faers={faers}", *least) for least in ((), ("--least", 7)))
    assert set(every) - set(most) == {("sertraline", "Tremor")}
    assert all(most[pair] == every[pair] for pair in most)


def test_other_rules_may_decide(planted):
    posts, faers = planted
    pair = beside(f"posts={posts}", f"faers={faers}", "--rule", "ror")["sertraline", "Tremor"]
    assert pair["flagged_by"] == "posts faers combined"
    assert pair["combined_ror_lower"] > pair["posts_ror_lower"] > 1


def test_a_source_that_has_more_of_both_makes_no_signal(tmp_path):
    # Half of the posts name y, and half of them a cough; the other source hardly any. Within each they have nothing to do
    # with each other.
    posts = {("y", "cough"): 25, ("y", "rash"): 25, ("z", "cough"): 25, ("z", "rash"): 25}
    faers = {("y", "rash"): 10, ("z", "cough"): 10, ("z", "rash"): 980}
    files = [write(tmp_path / f"{i}.csv", HEADER, rows(each)) for i, each in enumerate((posts, faers))]
    pair = beside(f"posts={files[0]}", f"faers={files[1]}", "--as-written")["y", "cough"]
    assert pair["flagged_by"] == ""
    assert pair["combined_expected"] == pytest.approx(25 + 10 * 10 / 1000)
    # Without strata 25 would stand against 60 * 60 / 1100.
    assert pair["combined_b"] + pair["combined_a"] == 60


def test_each_source_says_what_it_says_alone(planted, tmp_path):
    posts, faers = planted
    out, parquet = tmp_path / "out.csv", tmp_path / "out.parquet"
    adrwatch("signals", "beside", f"posts={posts}", f"faers={faers}", "--csv", out, "--parquet", parquet)
    written = {(row["drug"], row["reaction"]): row for row in csv.DictReader(out.open(encoding="utf-8"))}
    alone = adrwatch("signals", "table", posts, "--json").stdout.splitlines()
    for row in map(json.loads, alone):
        mine = written[row["drug"], row["reaction"]]
        for column, value in row.items():
            if column not in ("drug", "reaction"):
                given = mine[f"posts_{column}"]
                assert (given == "") == (value is None), column
                assert value is None or float(given) == pytest.approx(value, rel=1e-9), column
    assert len(duckdb.read_parquet(str(parquet)).fetchall()) == len(written)
    assert {"inf", "nan"}.isdisjoint(value.lower() for row in written.values() for value in row.values())


def test_names_may_be_compared_as_they_are(planted):
    posts, faers = planted
    found = beside(f"posts={posts}", f"faers={faers}", "--as-written")
    assert (found["sertraline", "Tremor"]["faers_a"], found["Zoloft", "TREMOR"]["posts_a"]) == (0, 0)


def test_columns_may_be_named_for_all_files_or_for_one(tmp_path):
    one = write(tmp_path / "1.csv", "ID,drug,reaction", [("1", "x", "rash")])
    other = write(tmp_path / "2.csv", "CASE,NAME,reaction", [("1", "x", "rash"), ("1", "x", "rash")])
    found = beside(f"a={one}", f"b={other}", "--columns", "report=ID", "--columns", "b:report=CASE,drug=NAME")
    [pair] = found.values()
    assert (pair["a_a"], pair["b_a"], pair["combined_a"]) == (1, 1, 2)


def mention(post: str, drug: str, reaction: str, fingerprint: str | None = None) -> bytes:
    known = UNMAPPED if reaction == UNMAPPED else f"HP:{reaction}"
    made = Mention(
        id=f"{post}{drug}{reaction}", post_id=post, created_at=datetime(2026, 3, 1, tzinfo=UTC),
        drug=Concept(f"D:{drug}", drug), reaction=Concept(known, reaction), drug_span=Span(0, 1), reaction_span=Span(2, 3),
        score=0.9, model_version="1", fingerprint=fingerprint,
    )  # fmt: skip
    return msgspec.json.encode(made) + b"\n"


@pytest.mark.parametrize("name", ["mentions.jsonl", "mentions.jsonl.gz"])
def test_mentions_of_a_back_test_stand_beside_a_store(tmp_path, name):
    mentions = [
        mention("s:1", "sertraline", "Tremor"), mention("s:1", "sertraline", "Nausea"),
        mention("s:2", "sertraline", "Tremor", "same words"), mention("s:3", "sertraline", "Tremor", "same words"),
        mention("s:4", "ibuprofen", UNMAPPED),
    ]  # fmt: skip
    file = tmp_path / name
    file.write_bytes(gzip.compress(b"".join(mentions)) if name.endswith("gz") else b"".join(mentions))
    store = tmp_path / "background.duckdb"
    table = write(tmp_path / "t.csv", HEADER, [("1", "Zoloft 50 mg", "Tremor"), ("2", "Advil", "Rash")])
    adrwatch("background", "import", table, "--format", "table", "--source", "registry", "--store", store)
    found = beside(f"posts={file}", f"registry={store}")
    pair = found["sertraline", "Tremor"]
    # Two posts of the same words are one report.
    assert [pair[f"posts_{cell}"] for cell in "abcd"] == [2, 0, 0, 1]
    assert [pair[f"registry_{cell}"] for cell in "abcd"] == [1, 0, 0, 1]
    # What no vocabulary knows counts among the reports, and is no reaction.
    assert not any(UNMAPPED in names for names in found)


def test_a_back_test_of_the_demos_posts_stands_beside_a_table(tmp_path):
    posts_file, demo = tmp_path / "some.jsonl", Path(__file__).parents[3] / "deploy" / "demo" / "posts.jsonl"
    posts_file.write_text("".join(demo.read_text().splitlines(keepends=True)[-479:-300]))
    out = tmp_path / "results"
    adrwatch("backtest", posts_file, "--source-name", "sample", "--out", out)
    told = [msgspec.json.decode(line, type=Mention) for line in (out / "mentions.jsonl").read_bytes().splitlines()]
    posts = {(each.drug.label, each.reaction.label, each.fingerprint or each.post_id) for each in told}
    table = write(tmp_path / "t.csv", HEADER, [("1", "Glucophage", "Vomiting"), ("2", "Glucophage", "Dry mouth")])
    found = beside(f"posts={out / 'mentions.jsonl'}", f"registry={table}")
    pair = found["metformin", "Vomiting"]
    assert pair["posts_a"] == len(
        {post for drug, reaction, post in posts if (drug, reaction) == ("metformin", "Vomiting")}
    )
    assert pair["posts_a"] > 0
    assert (pair["registry_a"], pair["registry_b"]) == (1, 1)
    assert pair["posts_a"] + pair["posts_b"] + pair["posts_c"] + pair["posts_d"] == len({post for *_, post in posts})


def test_people_see_who_flags_what(planted):
    posts, faers = planted
    done = adrwatch("signals", "beside", f"posts={posts}", f"faers={faers}", "--most", "2")
    assert "combined_ic025" in done.stdout
    assert "elixir" in done.stdout


def test_many_rows_are_counted_within_little_memory(tmp_path):
    generator = np.random.default_rng(1)
    drugs, reactions = (generator.integers(0, most, 30_000).tolist() for most in (300, 200))
    listed = [(i // 2, f"drug {d}", f"reaction {r}") for i, (d, r) in enumerate(zip(drugs, reactions, strict=True))]
    file = write(tmp_path / "r.csv", HEADER, listed)
    found = beside(f"a={file}", f"b={file}", "--memory", "60MB")
    # Names that differ in a number alone stay apart.
    assert set(found) == {(drug, reaction) for _, drug, reaction in listed}
    assert sum(row["a_a"] for row in found.values()) == len(set(listed))
    assert all(row["combined_a"] == 2 * row["a_a"] for row in found.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("posts=p.csv",), "one source has nothing beside it"),
        (("p.csv", "q.csv"), "p.csv is no source"),
        (("combined=p.csv", "b=q.csv"), "combined=p.csv is no source"),
        (("a=p.csv", "a=q.csv"), "two sources are called a"),
        (("a=p.csv", "b=absent.csv"), "there is no file absent.csv"),
        (("a=p.csv", "b=counts.csv"), "has no column report"),
        (("a=p.csv", "b=wrong.csv"), "line 3 has an empty name"),
        (("a=p.csv", "b=wrong.jsonl"), "line 1: no mention"),
        (("a=p.csv", "b=q.csv", "--columns", "c:drug=x"), "--columns is for c, which is no source"),
        (("a=p.csv", "b=q.csv", "--memory", "much"), "no amount of memory"),
        (("a=p.csv", "b=q.csv", "--by", "luck"), "there is no column luck"),
    ],
)
def test_what_cannot_be_is_named(tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    for name in ("p.csv", "q.csv"):
        write(tmp_path / name, HEADER, [("1", "x", "rash")])
    write(tmp_path / "counts.csv", "drug,reaction,a,b,c,d", [("x", "rash", 1, 2, 3, 4)])
    write(tmp_path / "wrong.csv", HEADER, [("1", "x", "rash"), ("2", "", "rash")])
    (tmp_path / "wrong.jsonl").write_text('{"id": "1"}\n')
    with pytest.raises(AdrwatchError) as refused:
        adrwatch("signals", "beside", *arguments)
    assert message in refused.value.message
    assert refused.value.fix

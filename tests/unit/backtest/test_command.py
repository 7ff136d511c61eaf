"""`adrwatch backtest` on files, without a server."""

from __future__ import annotations

import gzip
import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from typer.testing import CliRunner

from services import cli
from services.backtest.result import Account
from services.pipeline.process import Tools
from shared import settings
from shared.events import Alert, Mention, Outcome, decode
from shared.vocabulary.atc import lexicon
from tests.integration.compare_backtest import EASY, rule_file
from tests.unit.ingest.samples import jsonl

START = datetime(2026, 6, 1, tzinfo=UTC)
REPORTS = (
    "zoloft gave me such bad insomnia, {n} nights without sleep",
    "metformin gave me a huge itchy rash on day {n}",
    "prednisone gave me such bad insomnia, {n} nights without sleep",
    "zoloft gave me a huge itchy rash on day {n}",
    "metformin gave me such bad insomnia, {n} nights without sleep",
)
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools.load(settings.load())


@pytest.fixture
def run(
    tools: Tools, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """Runs the command in an empty folder: its exit code, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    for name in ("KAFKA_BOOTSTRAP", "REDIS_URL", "TRITON_URL"):
        monkeypatch.delenv(f"ADRWATCH_{name}", raising=False)
    monkeypatch.setattr(Tools, "load", lambda chosen: replace(tools, lexicon=lexicon(chosen)))
    root = logging.getLogger()
    handlers, level, disabled = root.handlers[:], root.level, logging.root.manager.disable
    settings.current.cache_clear()

    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["adrwatch", "backtest", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as left:
            code = int(left.code or 0)
        return code, *capfd.readouterr()

    yield call
    settings.current.cache_clear()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.disable(disabled)
    for name in ("kafka", "aiokafka", "faust"):
        logging.getLogger(name).setLevel(logging.NOTSET)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def posts(count: int) -> list[dict[str, Any]]:
    """Reports of five pairs by as many authors, one an hour."""
    return [
        {
            "id": str(n),
            "text": REPORTS[n % len(REPORTS)].format(n=n),
            "created_at": (START + timedelta(hours=n)).isoformat(),
            "author": f"somebody_{n}",
        }
        for n in range(count)
    ]


def write(name: str, content: str | bytes) -> str:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


@pytest.fixture
def easy(tmp_path: Path) -> str:
    return str(rule_file(tmp_path, easy=EASY))


def test_the_drug_list_of_a_file_decides_and_its_version_stands_in_the_outcomes(run: Run) -> None:
    text = "novelza gave me such bad insomnia, 3 nights without sleep"
    path = write("posts.jsonl", jsonl({"id": "1", "text": text, "created_at": START.isoformat()}))
    listed = write("list.csv", "name,drug,kind,label\nnovelza,own:novelmab,brand,novelmab\n")

    def outcome(*words: str) -> Outcome:
        code, _, err = run(path, "--out", "found", "--force", *words)
        assert code == 0, err
        (line,) = Path("found/outcomes.jsonl").read_bytes().splitlines()
        return decode(line, Outcome)

    without, listing = outcome(), outcome("--drugs", listed)
    assert (without.status, listing.status.split(":")[0]) == ("screened:no_drug", "mentions")
    assert {pair.drug.id for pair in listing.pairs} == {"own:novelmab"}
    assert listing.model_version.startswith(f"{without.model_version}+drugs.")
    wrong = write("wrong.csv", "name,drug\nnovelza,own:novelmab\n")
    code, _, err = run(path, "--drugs", wrong)
    assert (code, "line 2" in err, "has no label" in err) == (2, True, True)


def test_json_holds_account_versions_and_whole_alerts_and_the_files_hold_the_messages(run: Run, easy: str) -> None:
    path = write("posts.jsonl", jsonl(*posts(40), posts(1)[0], {"id": "x", "text": " ", "created_at": 1}) + "{broken\n")
    code, out, err = run(path, "--source-name", "forum", "--rules", easy, "--json", "--out", "found")
    assert code == 0, err
    result = json.loads(out)
    account = msgspec.convert(result["account"], Account)
    assert (account.posts, account.distinct, account.duplicates) == (43, 42, 1)
    assert (account.classified, account.rejects, account.dead_letters, account.lost) == (40, 2, 2, 0)
    assert result["rejected"] == {"bad-time": 1, "bad-json": 1}
    assert (result["first"], result["last"]) == ("2026-06-01T00:00:00Z", "2026-06-02T15:00:00Z")
    assert (result["evaluated_until"], result["open_hours"]) == ("2026-06-02T14:00:00Z", 2)
    assert result["model_version"]
    alerts = [msgspec.convert(alert, Alert) for alert in result["alerts"]]
    assert len(alerts) == account.alerts + account.single_reports > 1
    assert {alert.rule_version for alert in alerts} == {result["rule_version"]}
    assert result["publications"] > len(alerts)
    assert [alert.evaluated_at for alert in alerts] == sorted(alert.evaluated_at for alert in alerts)

    kinds = {"outcomes": Outcome, "mentions": Mention, "alerts": Alert}
    found = {
        name: [decode(line, kind) for line in Path(f"found/{name}.jsonl").read_bytes().splitlines()]
        for name, kind in kinds.items()
    }
    assert found["alerts"] == alerts
    assert len({mention.id for mention in found["mentions"]}) == len(found["mentions"]) == account.mentions
    assert {outcome.post_id for outcome in found["outcomes"]} == {f"forum:{n}" for n in range(40)}
    everything = b"".join(Path(f"found/{name}.jsonl").read_bytes() for name in kinds)
    assert b"gave me" not in everything
    assert b"somebody" not in everything
    assert "somebody" not in out + err
    assert "posts.jsonl:43: bad-json" in err


def test_a_person_sees_alerts_what_is_open_and_the_account_of_reconcile(run: Run, easy: str) -> None:
    code, out, err = run(write("posts.jsonl", jsonl(*posts(24))), "--rules", easy)
    assert code == 0, err
    assert "metformin" in out
    assert "still open at the end, as it would be live: 2 h with 2 reports" in out
    assert out.splitlines()[-1].startswith("posts=24 duplicates=0 screened=0 classified=24 ")
    assert out.splitlines()[-1].endswith(" dead_letters=0 lost=0")
    _, out, _ = run("posts.jsonl", "--rules", easy, "--to-the-end")
    assert "still open" not in out
    assert "evaluated until 2026-06-02 00:00" in out


def test_the_order_of_the_file_does_not_matter_but_is_warned_of(run: Run, easy: str) -> None:
    found = []
    for name, records in (("a.jsonl", posts(30)), ("b.jsonl", posts(30)[::-1])):
        code, out, err = run(write(name, jsonl(*records)), "--rules", easy, "--json", "--batch-size", "7")
        assert code == 0
        assert ("29 of 30 posts are older than the one before" in err) == (name == "b.jsonl")
        found.append(json.loads(out)["alerts"])
    assert found[0] == found[1] != []


def test_other_rules_give_other_alerts_of_the_same_posts(run: Run, easy: str) -> None:
    path = write("posts.jsonl", jsonl(*posts(24)))
    strict, loose = (json.loads(run(path, "--json", *words)[1]) for words in ([], ["--rules", easy]))
    assert strict["account"]["mentions"] == loose["account"]["mentions"] > 0
    assert strict["account"]["alerts"] < loose["account"]["alerts"]
    assert strict["rule_version"] != loose["rule_version"]
    assert strict["overrides"] == []
    assert "policy.authors=1" in loose["overrides"]
    assert {tuple(alert["overrides"]) for alert in loose["alerts"]} == {tuple(loose["overrides"])}
    assert "policy.authors=1" in run(path, "--rules", easy)[1]


def test_a_limit_ends_the_reading(run: Run) -> None:
    _, out, _ = run(write("posts.jsonl", jsonl(*posts(24))), "--limit", "5", "--json")
    assert json.loads(out)["account"]["posts"] == 5


def test_the_columns_can_be_named_and_the_format_told(run: Run) -> None:
    path = write("posts.txt", f"key,when,words\n7,2026-06-01T00:00:00Z,{REPORTS[1].format(n=1)}\n")
    words = ("--format", "csv", "--id", "key", "--time", "when", "--text", "words", "--json")
    code, out, err = run(path, *words)
    assert (code, json.loads(out)["account"]["reported"]) == (0, 1), err


def test_a_truncated_archive_gives_what_it_holds_and_exits_with_2(run: Run) -> None:
    path = write("posts.jsonl.gz", gzip.compress(jsonl(*posts(12)).encode())[:-9])
    code, out, err = run(path, "--json")
    assert code == 2
    assert json.loads(out)["account"]["posts"] == 12
    assert "ends in the middle" in err


def test_a_file_without_a_post_is_an_error_after_its_lines_were_named(run: Run) -> None:
    code, out, err = run(write("posts.jsonl", jsonl({"id": "1", "text": " ", "created_at": START.isoformat()})))
    assert code == 2
    assert "no alerts" in out
    assert "posts.jsonl:1: empty-text" in err
    assert "no record of posts.jsonl is a post" in err


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["none.jsonl"], "none.jsonl cannot be read"),
        (["posts.jsonl", "--rules", "none.toml"], "none.toml cannot be read"),
        (["posts.jsonl", "--rules", "bad.toml"], "rule file bad.toml: "),
        (["posts.jsonl", "--out", "held"], "held holds alerts.jsonl already"),
        (["posts.jsonl", "--id", "nothing"], "no column 'nothing' for --id"),
        (["posts.jsonl", "--source-name", "A B"], "no name of a source"),
        (["posts.jsonl", "--batch-size", "0"], "--batch-size"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_any_work(run: Run, words: list[str], named: str) -> None:
    write("posts.jsonl", jsonl(*posts(1)))
    write("bad.toml", "[polcy]\nauthors = 2\n")
    Path("held").mkdir()
    write("held/alerts.jsonl", "")
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err


def test_results_can_be_evaluated_again_without_models_and_give_the_same_alerts(
    run: Run, easy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("posts.jsonl", jsonl(*posts(24)))
    first = json.loads(run(path, "--rules", easy, "--json", "--out", "found")[1])
    monkeypatch.delattr(Tools, "load")
    code, out, err = run("found", "--rules", easy, "--json", "--report", "page.html")
    assert code == 0, err
    again = json.loads(out)
    assert (again["alerts"], again["model_version"]) == (first["alerts"], first["model_version"])
    later = json.loads(run("found", "--rules", easy, "--json", "--from", "2026-06-01T12:00Z")[1])["alerts"]
    assert later == [alert for alert in first["alerts"] if alert["evaluated_at"] >= "2026-06-01T12:00"] != []
    earlier = json.loads(run("found", "--rules", easy, "--json", "--to", "2026-06-01T12:00Z")[1])
    assert earlier["account"]["posts"] == 12
    day = ("--from", "2026-06-01", "--to", "2026-06-01")
    assert json.loads(run("found", "--rules", easy, "--json", *day)[1])["account"]["posts"] == 24
    assert Path("page.html").read_text().count("<svg") == 3
    code, _, err = run("found", "--report", "page.html")
    assert (code, "--report" in err) == (2, True)


def test_two_rule_files_are_compared_in_one_go_as_two_results_are(
    run: Run, easy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write("posts.jsonl", jsonl(*posts(24)))
    code, out, err = run(path, "--against", easy, "--json", "--out", "shipped", "--report", "both")
    assert code == 0, err
    both = json.loads(out)
    assert both["a"]["model_version"] == both["b"]["model_version"]
    found = both["comparison"]
    assert len(found["only_b"]) == both["b"]["account"]["alerts"] > both["a"]["account"]["alerts"] == 0
    assert json.loads(Path("both/report.json").read_text()) == found
    assert run("shipped", "--rules", easy, "--out", "easy")[0] == 0
    compared = command("compare", "shipped", "easy", "--json")
    assert {**json.loads(compared), "a": 0, "b": 0} == {**found, "a": 0, "b": 0}
    assert "0 in both, 0 in A alone" in command("compare", "shipped", "easy")


def command(*words: str) -> str:
    done = CliRunner().invoke(cli.build(), words, catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], "either files or a topic"),
        (["posts.jsonl", "--topic", "posts"], "either files or a topic"),
        (["posts.jsonl", "--from", "2026-06-01"], "--from and --to are for topics"),
        (["--topic", "outcomes", "--from", "soon"], "--from 'soon' is no day or time"),
        (["--topic", "outcomes", "--from", "2026-06-02", "--to", "2026-06-01"], "--to is not after --from"),
        (["--topic", "outcomes", "--against-models", "1"], "decided by their models already"),
        (["--topic", "posts", "--limit", "1"], "--limit is for files"),
        (["posts.jsonl", "--against-models", "nothing"], "nothing is no version"),
        (["-", "--against-models", "1"], "standard input can be read once only"),
        (["posts.jsonl", "folder"], "folder is a folder among files"),
        (["folder"], "folder/outcomes.jsonl cannot be read"),
        (["posts.jsonl", "--against", "designated.toml"], "has other designated medical events"),
    ],
)
def test_what_does_not_go_together_is_said_before_any_work(run: Run, words: list[str], named: str) -> None:
    write("posts.jsonl", jsonl(*posts(1)))
    write(
        "designated.toml", '[[single_report.designated_events]]\nid = "HP:0001"\nlabel = "Hiccup"\nnames = ["hiccup"]\n'
    )
    Path("folder").mkdir()
    code, out, err = run(*words)
    assert (code, out) == (2, "")
    assert named in err
    assert "Traceback" not in err


def test_two_versions_of_models_read_the_posts_twice(run: Run, easy: str) -> None:
    path = write("posts.jsonl", jsonl(*posts(12)))
    repository = str(settings.load().model_repository)
    code, out, err = run(path, "--rules", easy, "--against-models", repository, "--json")
    assert code == 0, err
    both = json.loads(out)
    assert both["a"]["account"] == both["b"]["account"]
    assert both["comparison"]["differences"] == []

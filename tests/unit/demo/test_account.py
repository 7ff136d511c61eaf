"""The account adds up, and a post without an outcome is lost."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from deploy.reconcile.account import LINE, Seen, account
from deploy.reconcile.rows import Row
from shared.events import Alert, Concept, DeadLetter, Mention, Outcome, Span

START = datetime(2026, 6, 1, tzinfo=UTC)
DRUG, REACTION = Concept("DB00331", "metformin"), Concept("HP:0002013", "Vomiting")


def row(native: str | None, line: int = 1, last: int | None = None) -> Row:
    return Row("posts.jsonl", line, last or line, f"sample:{native}" if native else None)


def outcome(native: str, status: str, hours: int = 0) -> Outcome:
    moment = START + timedelta(hours=hours)
    return Outcome(post_id=f"sample:{native}", status=status, created_at=moment, model_version="1")


def mention(name: str, native: str) -> Mention:
    return Mention(
        id=name,
        post_id=f"sample:{native}",
        created_at=START,
        drug=DRUG,
        reaction=REACTION,
        drug_span=Span(0, 4),
        reaction_span=Span(5, 9),
        score=0.9,
        model_version="1",
    )


def refusal(line: int, file: str = "posts.jsonl", stage: str = "ingest") -> DeadLetter:
    return DeadLetter(
        id=f"{stage}:{file}:{line}",
        reason="bad-json",
        detail="",
        stage=stage,
        topic=file,
        partition=-1,
        offset=line,
        occurred_at=START,
        payload=b"",
    )


def alert(name: str, kind: str) -> Alert:
    return Alert(
        id=name,
        kind=kind,  # type: ignore[arg-type]
        drug=DRUG,
        reaction=REACTION,
        episode=START,
        evaluated_at=START,
        rules=("evans",),
        rule_version="1",
        examples=(),
    )


def seen(*events: Outcome | Mention | Alert | DeadLetter) -> Seen:
    result = Seen()
    for event in events:
        result.add(event, 0)
    return result


def test_every_kind_of_outcome_is_counted_once_however_often_it_is_repeated() -> None:
    rows = [row("1"), row("2"), row("3"), row("4"), row("1")]
    events: list[Outcome | Mention | Alert] = [
        *(outcome("1", "screened:no_drug"), outcome("2", "negative"), outcome("3", "mentions:2")),
        *(outcome("4", "dead:schema"), outcome("3", "mentions:2"), mention("a", "3"), mention("b", "3")),
        *(mention("b", "3"), alert("s", "disproportionality"), alert("s", "disproportionality")),
        alert("q", "single_report"),
    ]
    result = account(rows, seen(*events))
    numbers = result.numbers()
    assert (result.posts, result.distinct, result.duplicates) == (5, 4, 1)
    assert (result.screened, result.negative, result.reported, result.dead) == (1, 1, 1, 1)
    assert (numbers["classified"], result.mentions, result.alerts, result.single_reports) == (2, 2, 1, 1)
    assert (result.lost, result.missing) == (0, ())


def test_a_post_without_an_outcome_is_lost_and_named() -> None:
    result = account([row("1"), row("2", 2)], seen(outcome("1", "negative")))
    assert result.lost == 1
    assert result.missing == ("sample:2",)


def test_a_post_that_an_earlier_secret_has_named_is_not_lost() -> None:
    rows = [Row("posts.jsonl", n, n, f"sample:new{n}", (f"sample:old{n}", f"sample:older{n}")) for n in (1, 2, 3, 4, 3)]
    events = (outcome("older1", "mentions:1"), mention("a", "older1"), outcome("new2", "negative"))
    result = account(rows, seen(*events, outcome("old3", "negative"), outcome("new3", "negative")))
    assert (result.distinct, result.duplicates, result.reported, result.negative) == (4, 1, 1, 2)
    assert (result.mentions, result.missing) == (1, ("sample:new4",))


def test_a_line_that_ingest_refused_is_no_loss() -> None:
    result = account([row("1"), row(None, 2), row("3", 3)], seen(outcome("1", "negative"), refusal(2), refusal(3)))
    assert (result.rejects, result.dead_letters, result.lost) == (2, 2, 0)


def test_a_refusal_of_another_file_or_stage_excuses_nothing() -> None:
    for letter in (refusal(1, "other.jsonl"), refusal(1, stage="classify"), refusal(2)):
        assert account([row("1")], seen(letter)).lost == 1


def test_a_record_over_several_lines_is_refused_by_any_of_them() -> None:
    assert account([row(None, 4, 6)], seen(refusal(4))).lost == 0
    assert account([row(None, 4, 6)], seen(refusal(6))).lost == 0
    assert account([row(None, 4, 6)], seen(refusal(7))).lost == 1


def test_a_good_copy_beside_a_refused_one_is_decided_once() -> None:
    result = account([row("1"), row("1", 2)], seen(outcome("1", "negative"), refusal(2)))
    assert (result.distinct, result.rejects, result.lost) == (1, 0, 0)


def test_outcomes_of_posts_that_are_in_no_file_are_not_counted() -> None:
    result = account([row("1")], seen(outcome("1", "negative"), outcome("9", "mentions:1"), mention("a", "9")))
    assert (result.reported, result.mentions, result.lost) == (0, 0, 0)


def test_distinct_posts_are_screened_classified_dead_refused_or_lost() -> None:
    statuses = ["screened:language", "negative", "mentions:1", "dead:schema"]
    events: list[Outcome] = [outcome(str(number), status) for number, status in enumerate(statuses)]
    rows = [row(str(number), number + 1) for number in range(6)]
    result = account(rows, seen(*events, refusal(5)))
    parts = (result.screened, result.classified, result.dead, result.rejects, result.lost)
    assert sum(parts) == result.distinct == 6


def test_the_line_names_the_counts_in_their_order() -> None:
    line = account([row("1"), row("1")], seen(outcome("1", "negative"))).line()
    assert line == (
        "posts=2 duplicates=1 screened=0 classified=1 mentions=0 alerts=0 single_reports=0 dead_letters=0 lost=0"
    )
    assert [part.partition("=")[0] for part in line.split()] == list(LINE)


def test_the_watermark_is_what_every_partition_has_reached() -> None:
    state = Seen()
    assert state.watermark is None
    state.add(outcome("1", "negative", hours=5), 0)
    state.add(outcome("2", "negative", hours=2), 1)
    state.add(outcome("3", "negative", hours=1), 1)
    assert state.watermark == START + timedelta(hours=2)

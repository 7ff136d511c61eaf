"""The receipt of a deletion: which stores have forgotten, which have not, and which have nothing that reads deletions."""

from __future__ import annotations

import pytest

from services.ingest import delete, honour
from services.ingest.commands.delete import delete as forget
from shared.events import now
from shared.settings import Settings, load


class Ended:
    """A topic of deletions with five records."""

    def __init__(self, *_: object) -> None: ...

    def __enter__(self) -> Ended:
        return self

    def __exit__(self, *_: object) -> None: ...

    def ends(self) -> dict[int, int]:
        return {0: 5}


@pytest.mark.parametrize(
    ("alerting", "cases", "honoured", "waiting", "absent", "complete"),
    [
        ([3, 5], [5], {"alerting", "cases"}, [], [], True),
        # Its first deletion is on the way: it is there, and not absent.
        ([None, 5], [5], {"alerting", "cases"}, [], [], True),
        ([5], [4], {"alerting"}, ["cases"], [], False),
        ([5], [None], {"alerting"}, [], ["cases"], True),
        ([None], [None], set(), [], ["alerting", "cases"], False),
    ],
)
def test_a_receipt_names_what_each_store_has_done(
    monkeypatch: pytest.MonkeyPatch,
    alerting: list[int | None],
    cases: list[int | None],
    honoured: set[str],
    waiting: list[str],
    absent: list[str],
    complete: bool,
) -> None:
    places = {"adr.alerting": list(alerting), "adr.cases": list(cases)}

    def committed(settings: Settings, group: str, topic: object) -> dict[int, int]:
        steps = places[group]
        place = steps.pop(0) if len(steps) > 1 else steps[0]
        return {} if place is None else {0: place}

    monkeypatch.setattr(honour, "TopicReader", Ended)
    monkeypatch.setattr(honour, "committed", committed)
    monkeypatch.setattr(honour, "_LOOK_SECONDS", 0.01)
    said: list[str] = []
    receipt = honour.wait_for_stores(load(), 0.2, said.append)
    assert (set(receipt.honoured), receipt.waiting, receipt.absent) == (honoured, waiting, absent)
    assert receipt.complete is complete
    assert len(said) == len(honoured)
    assert receipt.as_dict()["complete"] is complete


def test_the_receipt_promises_nothing_of_published_signals_and_says_where_they_are_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def waited(_: Settings, patience: float, say: object) -> honour.Receipt:
        return honour.Receipt(now(), honoured={"cases": 1.0}, waiting=[], absent=["alerting"])

    monkeypatch.setattr(delete, "by_hand", lambda *_: delete.TakenBack(1, 1, 0))
    monkeypatch.setattr(honour, "wait_for_stores", waited)
    forget(["own:1"], wait=1.0)
    told = capsys.readouterr().out
    assert "counts and single reports in Redis: its worker alerting has never read a deletion" in told
    assert "published signals and the pipeline follow: see `adrwatch audit receipts`" in told

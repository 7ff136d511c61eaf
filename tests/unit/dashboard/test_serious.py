"""How many posts of a signal are serious, as the file of mentions changes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.dashboard.view.mentions import Found, Mentions, Read
from services.dashboard.view.serious import NONE, SeriousPosts, Tally
from shared.events import Alert, Concept
from tests.unit.dashboard.test_mentions import WHEN, mention, read

SIGNAL = Alert(
    id="s", kind="disproportionality", drug=Concept("d1", "one"), reaction=Concept("r1", "Rash"), episode=WHEN,
    evaluated_at=WHEN + timedelta(minutes=30), rules=("evans",), rule_version="1", examples=(), window_hours=1,
)  # fmt: skip


def test_posts_of_the_pair_in_the_window_are_counted_once_each_with_their_criteria(file: Mentions) -> None:
    def serious(name: str, post: str, minutes: int, *criteria: str, **fields: Any) -> Any:
        return mention(name, post, minutes, serious=criteria, **fields)

    file.take(
        read(
            serious("1", "own:1", 0, "hospitalisation"), serious("2", "own:1", 0, "hospitalisation", "death"),
            serious("3", "own:2", 5, "designated_event"), serious("4", "own:3", -30, "hospitalisation"), mention("5", "own:4"),
            # Before the window, after it, and of other pairs.
            serious("6", "own:5", -31, "death"), serious("7", "own:6", 30, "death"),
            serious("8", "own:7", 0, "death", drug="d2"), serious("9", "own:8", 0, "death", reaction="r2"),
        )
    )  # fmt: skip
    asked = SeriousPosts(file)
    single = Alert(
        **{name: getattr(SIGNAL, name) for name in SIGNAL.__struct_fields__} | {"id": "i", "window_hours": None}
    )
    assert asked.of([SIGNAL, single]) == {"s": Tally(3, {"hospitalisation": 2, "death": 1, "medically_important": 1})}


@pytest.mark.parametrize(
    "taken_back",
    [Read(gone=["own:1"]), Read(edited=[("own:1", 9)]), Read(mentions=[Found(0, 9, "1", 9, None)])],
    ids=["deleted", "edited", "retracted"],
)
def test_what_was_taken_back_is_counted_no_more(file: Mentions, taken_back: Read) -> None:
    asked = SeriousPosts(file)
    file.take(read(mention("1", "own:1", serious=("death",))))
    assert asked.of([SIGNAL])["s"].posts == 1
    file.take(taken_back)
    assert asked.of([SIGNAL])["s"] == NONE


def test_what_is_not_serious_changes_no_answer(file: Mentions) -> None:
    asked = SeriousPosts(file)
    before = asked.version
    file.take(read(mention("1", "own:1"), gone=["own:unknown"], posts=[("own:2", 0, 7)]))
    assert asked.version == before
    assert asked.of([SIGNAL])["s"] == NONE
    file.take(read(mention("2", "own:3", serious=("death",)), at=1))
    assert asked.version > before
    assert asked.of([SIGNAL])["s"].posts == 1

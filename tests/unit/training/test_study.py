"""Tables of runs that differ in one thing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from services.cli import build
from services.training.options import Options
from services.training.study import stored, study, table
from shared.errors import AdrwatchError

VARIANTS = {"CNN": Options(without=("words",)), "all three": Options()}


class Runs:
    """Counts the runs, and breaks off the one that is told to."""

    def __init__(self, breaks: int = 0) -> None:
        self.made: list[Options] = []
        self._breaks = breaks

    def __call__(self, options: Options, checkpoint: Path) -> dict[str, float]:
        self.made.append(options)
        checkpoint.write_text("weights")
        if len(self.made) == self._breaks:
            raise KeyboardInterrupt
        return {"AP": 0.4 + options.seed / 100 + (0.1 if not options.without else 0), "posts": 1200}


def say(text: str) -> None:
    """Nobody listens."""


def test_a_study_that_was_stopped_makes_only_what_is_missing(tmp_path: Path) -> None:
    stopped = Runs(breaks=3)
    with pytest.raises(KeyboardInterrupt):
        study(VARIANTS, [1, 2], stopped, "hash", tmp_path, say)
    rest = Runs()
    results = study(VARIANTS, [1, 2], rest, "hash", tmp_path, say)
    assert [(one.without, one.seed) for one in rest.made] == [((), 1), ((), 2)]
    assert [(one["variant"], one["options"]["seed"]) for one in results] == [
        *(("CNN", 1), ("CNN", 2)),
        *(("all three", 1), ("all three", 2)),
    ]
    assert not list(tmp_path.glob("*.pt"))


@pytest.mark.parametrize(
    ("variants", "data", "said"),
    [(VARIANTS, "other", "other data"), ({"CNN": Options(without=("words",), epochs=9)}, "hash", "other options")],
)
def test_results_of_other_data_or_options_are_not_taken_for_these(
    tmp_path: Path, variants: dict[str, Options], data: str, said: str
) -> None:
    study(VARIANTS, [1], Runs(), "hash", tmp_path, say)
    with pytest.raises(AdrwatchError, match=said):
        study(variants, [1], Runs(), data, tmp_path, say)


def test_the_table_tells_mean_and_spread_and_what_the_runs_were_made_of(tmp_path: Path) -> None:
    results = [one | {"versions": {"torch": "2.x"}} for one in study(VARIANTS, [1, 3], Runs(), "d1", tmp_path, say)]
    lines = table(results).splitlines()
    assert lines[0] == "| variant | seeds | AP | posts |"
    assert "| CNN | 1, 3 | 0.420 ± 0.014 | 1,200 |" in lines
    assert "| all three | 1, 3 | 0.520 ± 0.014 | 1,200 |" in lines
    assert lines[-1].startswith("Data d1, revision ")
    printed = CliRunner().invoke(build(), ["train", "table", str(tmp_path)], catch_exceptions=False)
    assert printed.stdout.splitlines()[:3] == lines[:3]
    for folder, said in ((tmp_path / "absent", "no result"), (_foreign(tmp_path), "are no results")):
        refused = CliRunner().invoke(build(), ["train", "table", str(folder)])
        assert isinstance(refused.exception, AdrwatchError)
        assert said in str(refused.exception)


def _foreign(folder: Path) -> Path:
    (folder / "other").mkdir()
    (folder / "other" / "a.json").write_text("[1]")
    return folder / "other"


def test_a_study_over_folds_counts_folds_and_leaves_out_scores_that_a_row_has_not(tmp_path: Path) -> None:
    @dataclass(frozen=True)
    class Folded(Options):
        fold: int = 0

    def make(options: Folded, checkpoint: Path) -> dict[str, float]:
        return {"F1": 0.5 + options.fold / 10} | ({"drug": 0.9} if options.crf else {})

    study({"all": Folded(crf=True), "one": Folded()}, [0, 2], make, "hash", tmp_path, say, vary="fold")
    lines = table(stored(tmp_path)).splitlines()
    assert lines[0] == "| variant | folds | F1 | drug |"
    assert "| all | 0, 2 | 0.600 ± 0.141 | 0.900 ± 0.000 |" in lines
    assert "| one | 0, 2 | 0.600 ± 0.141 |  |" in lines

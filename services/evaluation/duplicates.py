"""`adrwatch evaluate duplicates`: which posts the rules take for near-duplicates, of pairs of posts that we wrote."""

from __future__ import annotations

import time
import tomllib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import typer

from services.evaluation.options import AsJson, Save, Seed, show
from shared.errors import AdrwatchError

OWN = Path(__file__).parent / "data" / "near_duplicates.toml"
# The estimate depends on the key: each pair is judged with so many.
KEYS = 20
SHOWN = (0.4, 0.5, 0.6, 0.7, 0.8)
_ROUNDS = 20

Step = Callable[[str], Any]


class Group(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Reports of one drug and reaction. Each is a post with what is passed on of it: near-duplicates of one another."""

    part: Literal["development", "held-out"]
    about: str
    reports: list[list[str]]


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    group: list[Group]


class Score(msgspec.Struct, frozen=True):
    """Judgements of pairs at one similarity. None: undefined."""

    similarity: float
    precision: float | None
    recall: float | None
    linked: int
    wrong: int
    missed: int


class DuplicatesReport(msgspec.Struct, frozen=True, kw_only=True):
    """One half of the pairs. `rule`: at the similarity of the rules in force. The speeds are posts a second of one thread."""

    part: str
    near: int
    apart: int
    too_short: int
    keys: int
    rule: Score
    others: list[Score]
    sketched_per_second: float
    screened_and_sketched_per_second: float

    def json(self) -> str:
        """All of it, indented."""
        return msgspec.json.format(msgspec.json.encode(self), indent=2).decode()

    def markdown(self) -> str:
        """For people."""
        lines = [
            f"## Near-duplicates, {self.part}",
            "",
            f"{self.near} pairs of copies, {self.apart} pairs of two reports, each judged with {self.keys} keys; "
            f"{self.too_short} pairs have a post that is too short to be linked. "
            f"A second of one thread makes {self.sketched_per_second:,.0f} sketches; with the screen before each, "
            f"{self.screened_and_sketched_per_second:,.0f}.",
            "",
            "| similarity at least | precision | recall | linked | wrong | missed |",
            "|---|---|---|---|---|---|",
        ]
        for score, note in [(self.rule, " (rule)"), *((other, "") for other in self.others)]:
            values = [f"{value:.3f}" if value is not None else "" for value in (score.precision, score.recall)]
            lines.append(
                f"| {score.similarity:.2f}{note} | {' | '.join(values)} | {score.linked} | {score.wrong} | {score.missed} |"
            )
        return "\n".join([*lines, ""])


def register(group: typer.Typer) -> None:
    """Add the command to the group `evaluate`."""
    group.command("duplicates")(evaluate_duplicates)


def evaluate_duplicates(
    data: Annotated[Path | None, typer.Option(help="A file of the form of our own [default: our own pairs]")] = None,
    seed: Seed = 13,
    as_json: AsJson = False,
    save: Save = None,
) -> None:
    """Score near-duplicates: precision and recall at the similarity of the rules and at others, and posts a second.

    Exit code 2: the file is not there or broken.

    Example: adrwatch evaluate duplicates --json
    """
    from shared import settings
    from shared.signals.rules import load_rules

    rules = load_rules(settings.current().rules_file)
    groups = read(data or OWN)
    parts = list(dict.fromkeys(group.part for group in groups))
    show([_report(part, groups, rules.near.similarity.value, seed) for part in parts], as_json, save)


def read(path: Path) -> list[Group]:
    """The groups of a file. Raises AdrwatchError naming what is wrong with it."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), _File).group
    except (OSError, UnicodeDecodeError) as error:
        raise AdrwatchError(f"{path} cannot be read: {error}", fix="check the path") from None
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise AdrwatchError(f"{path}: {error}", fix=f"write it as {OWN.name} of this project") from None


def _report(part: str, groups: Sequence[Group], rule: float, seed: int) -> DuplicatesReport:
    mine = [group for group in groups if group.part == part]
    posts = [post for group in mine for report in group.reports for post in report]
    pairs = [pair for group in mine for pair in _pairs(group)]
    similarities = _similarities([(one, other) for one, other, _ in pairs], seed)
    judged = [(near, found) for (_, _, near), found in zip(pairs, similarities, strict=True)]
    return DuplicatesReport(
        part=part,
        near=sum(near for near, _ in judged),
        apart=sum(not near for near, _ in judged),
        too_short=sum(found is None for _, found in judged),
        keys=KEYS,
        rule=_score(judged, rule),
        others=[_score(judged, similarity) for similarity in SHOWN],
        sketched_per_second=_speed(posts, _sketcher()),
        screened_and_sketched_per_second=_speed(posts, _screener(), _sketcher()),
    )


def _pairs(group: Group) -> Iterator[tuple[str, str, bool]]:
    posts = [(number, post) for number, report in enumerate(group.reports) for post in report]
    for i, (report, post) in enumerate(posts):
        for other_report, other in posts[:i]:
            yield other, post, report == other_report


def _similarities(pairs: Sequence[tuple[str, str]], seed: int) -> list[list[float] | None]:
    """The estimates of each pair, one a key; None where a post has no sketch."""
    from shared.text.clean import mask
    from shared.text.sketch import estimate, near_sketch

    found: list[list[float] | None] = []
    for one, other in pairs:
        masked = mask(one), mask(other)
        values: list[float] = []
        for number in range(KEYS):
            key = f"{seed}-{number}".encode()
            first, second = (near_sketch(text, key) for text in masked)
            if first is not None and second is not None:
                values.append(estimate(first, second))
        found.append(values or None)
    return found


def _score(judged: Sequence[tuple[bool, list[float] | None]], least: float) -> Score:
    linked = wrong = missed = 0
    for near, found in judged:
        over = sum(value >= least for value in found or ())
        linked += over
        wrong += 0 if near else over
        missed += KEYS - over if near else 0
    right = linked - wrong
    return Score(
        least,
        round(right / linked, 4) if linked else None,
        round(right / (right + missed), 4) if right + missed else None,
        linked,
        wrong,
        missed,
    )


def _sketcher() -> Step:
    from shared.text.sketch import near_sketch

    return lambda post: near_sketch(post, b"key")


def _screener() -> Step:
    from services.pipeline.steps.screen import reason
    from shared.vocabulary.drugs import default_lexicon

    lexicon = default_lexicon()
    return lambda post: reason(post, lexicon.find(post), None)


def _speed(posts: Sequence[str], *steps: Step) -> float:
    """Posts a second of processor time."""
    started = 0.0
    for number in range(_ROUNDS + 1):
        # The first round fills what is remembered of pieces and words.
        started = time.process_time() if number == 1 else started
        for post in posts:
            for step in steps:
                step(post)
    return round(_ROUNDS * len(posts) / max(time.process_time() - started, 1e-9))

"""A reference is made by the command, and the pipeline's own steps tell how far posts are from it: near, or drifted."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from typer.testing import CliRunner

from services.cli import build
from services.pipeline import drift as drift_module
from services.pipeline.drift import Watch
from services.pipeline.process import Tools, process
from shared import settings
from shared.errors import AdrwatchError
from shared.events import Post
from shared.models import classifier
from shared.models import reference as reference_module
from shared.models.reference import REFERENCE, Binned, Reference, read_reference
from shared.models.repository import Active, write_active
from shared.models.session import OnnxModel

DRUGS = ("metformin", "zoloft", "lipitor", "seroquel", "prednisone", "humira", "cymbalta", "trazodone")
PLAIN = (
    "day {n} on {drug} and i cannot stop throwing up",
    "{drug} gave me such bad insomnia, {n} nights without sleep",
    "picked up my {drug} refill today, {n} people in the queue",
    "has anyone been on {drug} for {n} months? does it work for you",
    "my doctor wants me to try {drug} next week",
    "new study of {drug} with {n} patients published today",
    "{n} weeks of {drug} and my head hurts all day long",
    "the price of {drug} went up by {n} dollars again",
    "i took {drug} with my breakfast and went for a walk",
    "no side effects of {drug} so far, fingers crossed",
)
# Other words for the same things, which the model has never seen.
DRIFTED = (
    "my {drug} is gvng me such brrzkty zzbloops and my mmphgl is all krxxty for {n} hrz now",
    "took {drug} for {n} dayz and the flibberwozzle in my snorgleblat is the wurstest eva",
    "anyone on {drug} with skwibblefrunk and glorpensnitz? it has been {n} weekz of this",
    "the {drug} makes my wibblethorpe so kaflooey that i cant zorpl or gribnax at all",
)
WHEN = datetime(2026, 6, 1, tzinfo=UTC)


def posts(texts: Sequence[str], count: int, seed: int, source: str = "forum") -> list[Post]:
    chosen = random.Random(seed)
    made = [chosen.choice(texts).format(drug=chosen.choice(DRUGS), n=chosen.randint(2, 90)) for _ in range(count)]
    return [
        Post(id=f"{source}:{seed}-{n}", source=source, text=text, created_at=WHEN, ingested_at=WHEN)
        for n, text in enumerate(made)
    ]


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped models without their reference, in a folder that may be written."""
    shipped, folder = settings.load().model_repository, tmp_path_factory.mktemp("models")
    for name in ("adr_classifier", "adr_ner"):
        (folder / name / "1").mkdir(parents=True)
        for file in (shipped / name / "1").iterdir():
            if file.name != REFERENCE:
                (folder / name / "1" / file.name).symlink_to(file)
    write_active(folder, Active(1))
    return folder


def command(repository: Path, folder: Path, chosen: Sequence[Post], *words: str, name: str = "reference") -> Any:
    """Runs `adrwatch models reference`, or another command of its kind, on posts."""
    lines = [
        json.dumps({"id": one.id, "source": one.source, "text": one.text, "created_at": "2026-06-01T00:00:00Z"})
        for one in chosen
    ]
    file = folder / "posts.jsonl"
    file.write_text("\n".join(lines) + "\n")
    settings.current.cache_clear()
    given = ["models", name, str(file), "--repository", str(repository), "--source", "source", *words]
    try:
        return CliRunner().invoke(build(), given, env={"ADRWATCH_DATA_DIR": str(folder)})
    finally:
        settings.current.cache_clear()


@pytest.fixture(scope="module")
def tools(repository: Path) -> Tools:
    return Tools.load(settings.load(model_repository=repository))


@pytest.fixture(scope="module")
def reference(tools: Tools, repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Reference:
    """What the command writes."""
    done = command(repository, tmp_path_factory.mktemp("posts"), posts(PLAIN, 520, seed=1))
    assert done.exit_code == 0, done.output
    found = read_reference(repository / classifier.NAME / "1", tools.classifier.metadata.version)
    assert found is not None
    return found


class Pipeline:
    """The steps of the pipeline with the shipped models in this process, and a window of this many posts."""

    def __init__(self, tools: Tools, repository: Path, reference: Reference | None, window: int) -> None:
        self.tools = replace(tools, watch=Watch(tools.classifier, reference, window))
        self.models = {name: OnnxModel.of_folder(repository / name) for name in ("adr_classifier", "adr_ner")}

    async def take(self, chosen: Sequence[Post]) -> None:
        async def infer(name: str, inputs: Mapping[str, Any]) -> Mapping[str, Any]:
            return self.models[name].infer(inputs)

        for start in range(0, len(chosen), 128):
            await process(chosen[start : start + 128], self.tools, infer)


def drift(of: str) -> float:
    found = REGISTRY.get_sample_value("adrwatch_model_drift", {"of": of})
    assert found is not None
    return found


def share(source: str, of: str) -> float | None:
    return REGISTRY.get_sample_value("adrwatch_positive_share", {"source": source, "of": of})


def test_the_command_writes_counts_beside_the_model_and_nothing_of_any_post(
    repository: Path, reference: Reference
) -> None:
    assert (reference.posts, reference.policy, reference.sources.keys()) == (520, "balanced", {"forum"})
    assert sum(reference.scores.counts) == sum(reference.pieces.counts) == 520
    assert 0 < reference.positives.share < 1
    assert reference.pieces_per_word > 1
    text = (repository / classifier.NAME / "1" / REFERENCE).read_text()
    assert not any(drug in text for drug in DRUGS)
    assert "throwing" not in text


async def test_posts_like_those_of_the_reference_are_near_it(
    tools: Tools, repository: Path, reference: Reference
) -> None:
    pipeline = Pipeline(tools, repository, reference, 200)
    await pipeline.take(posts(PLAIN, 220, seed=2))
    assert drift("scores") < 0.1
    assert drift("pieces") < 0.1
    assert share("forum", "window") == pytest.approx(reference.positives.share, abs=0.15)


async def test_posts_in_other_words_drift_away_and_the_gauge_comes_back_with_the_old_ones(
    tools: Tools, repository: Path, reference: Reference
) -> None:
    pipeline = Pipeline(tools, repository, reference, 120)
    await pipeline.take(posts(PLAIN, 120, seed=3))
    before = drift("pieces"), drift("scores")
    await pipeline.take(posts(DRIFTED, 120, seed=4))
    assert drift("pieces") > 0.25 > before[0]
    assert drift("scores") > 0.25 > before[1]
    pieces = REGISTRY.get_sample_value("adrwatch_model_pieces_per_word", {"of": "window"})
    assert pieces is not None
    assert pieces > 1.5 * reference.pieces_per_word
    await pipeline.take(posts(PLAIN, 120, seed=5))
    assert drift("pieces") < 0.25
    assert drift("scores") < 0.25


async def test_a_source_that_is_new_is_held_against_all_posts_and_goes_when_it_has_gone(
    tools: Tools, repository: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drift_module, "FEWEST_OF_A_SOURCE", 80)
    pipeline = Pipeline(tools, repository, reference, 80)
    await pipeline.take(posts(PLAIN[:2], 80, seed=6, source="patients"))
    assert share("patients", "reference") == reference.positives.share
    found = share("patients", "window")
    assert found is not None
    assert found > 2 * reference.positives.share
    await pipeline.take(posts(PLAIN, 80, seed=7))
    assert share("patients", "window") is None


async def test_too_few_posts_and_no_reference_say_nothing(tools: Tools, repository: Path, reference: Reference) -> None:
    pipeline = Pipeline(tools, repository, reference, 1000)
    await pipeline.take(posts(DRIFTED, 30, seed=8))
    assert math.isnan(drift("scores"))
    await Pipeline(tools, repository, None, 30).take(posts(DRIFTED, 30, seed=9))
    assert math.isnan(drift("pieces"))


def test_a_file_is_held_against_the_reference_by_a_command(
    repository: Path, tmp_path: Path, reference: Reference, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (reference_module, drift_module):
        monkeypatch.setattr(module, "FEWEST", 60)
    done = command(repository, tmp_path, posts(DRIFTED, 80, seed=11), "--json", name="drift")
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["posts"] == 80
    assert found["pieces"] > 0.25


def test_a_file_with_too_few_posts_makes_no_reference(repository: Path, tmp_path: Path) -> None:
    done = command(repository, tmp_path, posts(PLAIN, 20, seed=10))
    assert isinstance(done.exception, AdrwatchError)
    assert "20 posts" in done.exception.message


def test_a_reference_that_is_broken_or_of_another_version_is_refused(tmp_path: Path, reference: Reference) -> None:
    assert read_reference(tmp_path, "1") is None
    (tmp_path / REFERENCE).write_text("{")
    with pytest.raises(AdrwatchError, match="is no reference"):
        read_reference(tmp_path, "1")


def test_the_shipped_model_has_a_reference_of_its_version() -> None:
    shipped = Tools.load(settings.load())
    folder = settings.load().model_repository / classifier.NAME / str(shipped.number)
    found = read_reference(folder, shipped.classifier.metadata.version)
    assert found is not None
    assert found.posts > 1000


def test_the_index_is_nothing_for_equal_shares_and_rises_with_their_distance() -> None:
    binned = Binned((0.1, 0.5), (100, 100, 100))
    assert binned.drift((100, 100, 100)) == pytest.approx(0, abs=1e-9)
    # By hand, with a half added to each count: shares of a third against .6, .2, .2.
    then, now = [100.5 / 301.5] * 3, [600.5 / 1001.5, 200.5 / 1001.5, 200.5 / 1001.5]
    expected = sum((b - a) * math.log(b / a) for a, b in zip(then, now, strict=True))
    assert binned.drift((600, 200, 200)) == pytest.approx(expected)
    assert [binned.bin(value) for value in (0.0, 0.1, 0.49, 0.5, 1.0)] == [0, 1, 1, 2, 2]


def test_values_that_are_all_equal_are_one_bin() -> None:
    assert Binned.of([0.5] * 600) == Binned((), (600,))

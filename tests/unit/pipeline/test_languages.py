"""Posts of several languages in one batch: each is read by the models and vocabularies of its own."""

from __future__ import annotations

from collections import Counter

import pytest

from services.models.languages import assign
from services.pipeline.process import Tools, process
from services.pipeline.steps.ask import Arrays
from shared import metrics
from shared.errors import AdrwatchError
from shared.models import classifier
from shared.models.languages import Pair
from shared.models.session import ModelPool
from shared.settings import Settings, load
from shared.vocabulary.reactions import default_vocabulary
from tests.benchmarks.fixed_triton import made_up
from tests.unit.models.samples import REPOSITORY
from tests.unit.pipeline.posts import post
from tests.unit.pipeline.test_process import WIDTHS
from tests.versions import add_pair, new_repository

SAID = {
    "en": "third week on zoloft and i still cannot sleep, my head is killing me every evening",
    "ru": "третью неделю пью золофт и всё равно не могу уснуть, каждый вечер болит голова",
    "de": "dritte Woche mit Sertralin und ich kann immer noch nicht schlafen, jeden Abend Kopfschmerzen",
    "es": "es la tercera semana con sertralina y todavía no puedo dormir, me duele la cabeza cada noche, zoloft",
}
POSTS = [post(text, number) for number, text in enumerate([*SAID.values(), *reversed(SAID.values())])]


class Asked:
    """Stands in for the models: made-up answers, and which of them were asked about how many windows."""

    def __init__(self) -> None:
        self.rows: Counter[str] = Counter()

    async def infer(self, model: str, inputs: Arrays) -> Arrays:
        self.rows[model] += len(inputs["input_ids"])
        of_pieces = not model.startswith(classifier.NAME)
        name = "emissions" if of_pieces else classifier.OUTPUT
        return {name: made_up(inputs, WIDTHS["adr_ner" if of_pieces else classifier.NAME], of_pieces=of_pieces)}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    folder = new_repository(tmp_path_factory.mktemp("languages") / "models")
    add_pair(folder, "multilingual", 2, "2027.5.0")
    assign(folder, ["ru", "de"], Pair("multilingual", 2))
    return load(model_repository=folder, languages="en,ru,de")


@pytest.fixture(scope="module")
def tools(settings: Settings) -> Tools:
    loaded = Tools.load(settings)
    loaded.warm()
    return loaded


async def test_each_post_goes_to_the_models_of_its_language_and_its_outcome_says_so(tools: Tools) -> None:
    asked = Asked()
    reported, failed = await process(POSTS, tools, asked.infer)
    assert failed == []
    outcomes = [one.outcome for one in reported]
    assert [one.post_id for one in outcomes] == [one.id for one in POSTS]
    assert [one.language for one in outcomes] == ["en", "ru", "de", None, None, "de", "ru", "en"]
    assert [one.status == "screened:language" for one in outcomes] == [
        code == "es" for code in [*SAID, *reversed(SAID)]
    ]
    english, other = tools.model_version, "2027.5.0+2027.5.0"
    assert [one.model_version for one in outcomes] == [english, other, other, english, english, other, other, english]
    assert (asked.rows["adr_classifier"], asked.rows["adr_classifier_multilingual"]) == (2, 4)
    assert tools.numbers == {
        "adr_classifier": 1, "adr_ner": 1, "adr_classifier_multilingual": 2, "adr_ner_multilingual": 2,
    }  # fmt: skip


async def test_a_post_becomes_alone_what_it_becomes_among_those_of_other_languages(tools: Tools) -> None:
    together, _ = await process(POSTS, tools, Asked().infer)
    for one, done in zip(POSTS, together, strict=True):
        assert (await process([one], tools, Asked().infer))[0] == [done]


async def test_an_english_post_becomes_what_it_becomes_where_english_alone_is_read(tools: Tools) -> None:
    alone = Tools.load(load(model_repository=REPOSITORY))
    assert alone.others == {}
    with ModelPool(REPOSITORY, alone.numbers, 1) as models:
        (one,), _ = await process(POSTS[:1], alone, models.infer)
        (other,), _ = await process(POSTS[:1], tools, models.infer)
    assert one.mentions
    assert [(m.drug, m.reaction, m.drug_span, m.reaction_span, m.score) for m in one.mentions] == [
        (m.drug, m.reaction, m.drug_span, m.reaction_span, m.score) for m in other.mentions
    ]
    assert (one.outcome.status, one.outcome.probability) == (other.outcome.status, other.outcome.probability)


async def test_reactions_are_named_by_the_vocabulary_of_the_language(tools: Tools) -> None:
    match = tools.of("ru").vocabularies.reactions.match("совсем не могу уснуть")
    assert match.concept == default_vocabulary().match("insomnia").concept
    assert tools.of("de").vocabularies.reactions.match("Kopfschmerzen").concept.label == "Headache"
    assert tools.of("en") is tools.of(None) is tools


async def test_languages_are_counted_where_there_are_several(tools: Tools) -> None:
    def counted() -> list[float]:
        return [metrics.LANGUAGES.labels(code)._value.get() for code in ("en", "ru", "de", "other")]

    before = counted()
    await process(POSTS, tools, Asked().infer)
    assert [after - one for one, after in zip(before, counted(), strict=True)] == [2, 2, 2, 2]
    await process(POSTS, Tools.load(load(model_repository=REPOSITORY)), Asked().infer)
    assert [after - one for one, after in zip(before, counted(), strict=True)] == [2, 2, 2, 2]


async def test_drift_is_of_english_posts_alone(tools: Tools, monkeypatch: pytest.MonkeyPatch) -> None:
    noted: list[str | None] = []
    monkeypatch.setattr(tools.watch, "note", lambda documents: noted.extend(one.language for one in documents))
    await process(POSTS, tools, Asked().infer)
    assert set(noted) == {"en", None}


def test_a_language_without_models_stops_the_start_and_says_what_to_do(settings: Settings) -> None:
    with pytest.raises(AdrwatchError, match="fr") as refusal:
        Tools.load(settings.model_copy(update={"languages": "en,fr"}))
    assert "adrwatch models languages" in str(refusal.value.fix)
    with pytest.raises(AdrwatchError, match="ADRWATCH_LANGUAGES"):
        load(languages="en,ja")

"""Recognisers of Russian reviews, on reviews that we wrote and an encoder of two layers: trained, scored, kept, asked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from services.cli import build
from services.training.loop import run
from services.training.russian import study, task
from services.training.russian.folds import reviews, units
from services.training.russian.options import LEVELS, ROWS, RussianOptions
from services.training.russian.saved import Saved, train
from services.training.russian.study import Recognisers, parted, russian_study, scores, types_of
from services.training.russian.vectors import Vectors
from services.training.russian.words import WordReader
from shared.corpora.json_lines import RUDREC_ALL, read_rudrec
from shared.corpora.readers import AnnotatedPost, Mention
from shared.errors import AdrwatchError

DRUGS = ("золофт", "нурофен", "анаферон", "глицин", "кагоцел")
ILLS = ("простуды", "гриппа", "кашля")
REACTIONS = ("тошнота", "сильная головная боль", "сонливость", "сыпь на руках")


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A BERT of two layers of 32 whose vocabulary is Russian letters."""
    from tokenizers import BertWordPieceTokenizer
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    letters = "абвгдежзийклмнопрстуфхцчшщъыьэюя.,!0123456789"
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{letter}" for letter in letters)]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertWordPieceTokenizer(str(folder / "vocab.txt"), strip_accents=False).save(str(folder / "tokenizer.json"))
    torch.manual_seed(1)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(vocabulary), **sizes), add_pooling_layer=False).save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty reviews of three sentences in RuDReC's form; two of three report a reaction."""
    path = tmp_path_factory.mktemp("corpus") / "rudrec.json"
    lines = []
    for number in range(60):
        drug, ill = DRUGS[number % len(DRUGS)], ILLS[number % len(ILLS)]
        reaction = REACTIONS[number % len(REACTIONS)]
        sentences = [
            (f"Пил {drug} от {ill}, день {number}.", {"Drugname": drug, "DI": ill}),
            (f"Началась {reaction}!" if number % 3 else "Помогло.", {"ADR": reaction} if number % 3 else {}),
            (f"Таблетки {number} рублей.", {"Drugform": "Таблетки"}),
        ]
        for place, (text, named) in enumerate(sentences):
            entities = [
                {"start": text.index(name), "end": text.index(name) + len(name), "entity_type": kind}
                for kind, name in named.items()
            ]
            lines.append(
                json.dumps({"file_name": f"r{number}", "sentence_id": place, "text": text, "entities": entities})
            )
    path.write_text("\n".join(lines))
    return path


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many steps from few sentences."""
    monkeypatch.setattr(task, "_PIECES_A_BATCH", 96)


def options(encoder: str, **given: Any) -> RussianOptions:
    return replace(RussianOptions(encoder=encoder, epochs=16, patience=16, rate=3.0, hidden=24), **given)


def silent(text: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize(
    "given",
    [
        {"trained": 1},
        {"trained": 2, "characters": 200},
        {"without": ("bert",), "layers": 2, "crf": True, "each": True},
    ],
)
def test_what_was_learned_from_some_reviews_is_found_in_others(
    tmp_path: Path, corpus: Path, encoder: str, given: dict[str, Any]
) -> None:
    posts = read_rudrec(corpus, RUDREC_ALL)
    chosen = options(encoder, kinds=("drug", "reaction"), **given)
    part = parted(reviews(posts), chosen)
    made = Recognisers(types_of(posts))
    found = made.find(made.train(part, chosen, tmp_path / "r.pt", silent), part.scored)
    got = scores(part.scored, found, chosen.kinds or made.types, 13)
    assert got["reaction, strict F1"] > 0.6
    assert got["drug"] > 0.8
    assert list(tmp_path.iterdir()) == [], "checkpoints of the parts are left behind"


def test_a_study_that_was_stopped_goes_on_and_its_table_has_means_over_folds(
    tmp_path: Path, corpus: Path, encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    posts = read_rudrec(corpus, RUDREC_ALL)
    rows = {"A": options(encoder, epochs=1, each=True), "B": options(encoder, epochs=1, kinds=("reaction",))}
    made: list[tuple[str, ...]] = []

    def counted(task: Any, *given: Any) -> dict[str, Any]:
        if len(made) == 3:
            raise KeyboardInterrupt
        made.append(task.types)
        return run(task, *given)

    monkeypatch.setattr(study, "run", counted)
    with pytest.raises(KeyboardInterrupt):
        russian_study(posts, rows, [0, 1], tmp_path, silent)
    begun = list(made)
    made.clear()
    monkeypatch.setattr(study, "run", lambda task, *given: made.append(task.types) or run(task, *given))
    table = russian_study(posts, rows, [0, 1], tmp_path, silent)
    types = types_of(posts)
    assert [*begun, *made] == [*((kind,) for kind in types), *((kind,) for kind in types), ("reaction",), ("reaction",)]
    assert "| variant | folds | sentences |" in table
    assert "| A | 0, 1 |" in table
    assert not list(tmp_path.glob("*.pt*"))
    with pytest.raises(AdrwatchError, match="other options"):
        russian_study(posts, {"A": options(encoder, epochs=2, each=True)}, [0], tmp_path, silent)


def test_a_kept_recogniser_is_scored_on_what_it_has_not_learned_from(
    tmp_path: Path, corpus: Path, encoder: str
) -> None:
    posts = read_rudrec(corpus, RUDREC_ALL)
    chosen = options(encoder, fold=2, kinds=("reaction",))
    file = tmp_path / "russian.pt"
    train(posts, chosen, file, silent)
    saved = Saved.load(file)
    scored = {review.name for review in parted(reviews(posts), chosen).scored}
    unseen = saved.unseen(posts)
    # "Помогло." stands in reviews of all folds.
    assert {post.id.split(":")[0] for post in unseen} == scored
    report = CliRunner().invoke(
        build(),
        ["evaluate", "extract", "--data", str(corpus), "--format", "rudrec_ru", "--model", str(file), "--json"],
        catch_exceptions=False,
    )
    [said] = json.loads(report.stdout)
    assert said["sizes"]["posts"] == len(unseen)
    assert {row["of"] for row in said["rows"]} == {"reaction"}
    learned = [post for post in posts if post.id.split(":")[0] not in scored]
    with pytest.raises(AdrwatchError, match="learned from all"):
        saved.unseen(learned)


def test_a_study_says_what_it_lacks(tmp_path: Path, corpus: Path, encoder: str) -> None:
    posts = read_rudrec(corpus, RUDREC_ALL)
    for given, said in (({"encoder": "nowhere"}, "no encoder nowhere"), ({"trained": 3}, "has 2 layers, not 3")):
        with pytest.raises(AdrwatchError, match=said):
            russian_study(posts, {"A": replace(options(encoder), **given)}, [0], tmp_path, silent)


def test_each_word_has_the_vectors_of_its_pieces_and_lower_layers_run_beforehand(encoder: str) -> None:
    text = "Пил золофт, тошнит!"
    words = WordReader().read(text)
    vectors = Vectors(encoder)
    [found] = vectors.read([text], [words], 0, context=True)
    # [CLS], six words and signs, [SEP]; a piece is a letter here.
    letters = np.bincount(found.pairs[1]).tolist()
    assert letters == [1, 3, 6, 1, 6, 1, 1]
    [below] = vectors.read([text], [words], 1, context=True)
    upper = vectors.upper(1).eval()
    seen = torch.ones(1, len(below.values), dtype=torch.bool)
    with torch.no_grad():
        above = upper(below.values[None].float(), seen)[0]
    assert torch.allclose(above, found.values.float(), atol=0.05)


def test_fragments_of_a_reaction_are_found_together(tmp_path: Path, encoder: str) -> None:
    types = frozenset({"reaction"})
    posts = []
    for number in range(30):
        text = f"болят ноги и руки, день {number}"
        reactions = (Mention(0, 10, "reaction"), Mention(0, 17, "reaction", ((0, 5), (13, 17))))
        posts.append(AnnotatedPost(text, reactions if number % 2 else (), types, id=f"r{number}:0"))
        if not number % 2:
            posts[-1] = AnnotatedPost(f"купил в аптеке, день {number}", (), types, id=f"r{number}:0")
    chosen = options(encoder, trained=1, epochs=60, patience=60)
    part = parted(reviews(posts), chosen)
    made = Recognisers(types_of(posts))
    assert made.types == ("reaction", "reaction part")
    found = made.find(made.train(part, chosen, tmp_path / "r.pt", silent), part.scored)
    told = [post for review in part.scored for post in review.sentences]
    assert {
        mention.places for post, of_post in zip(told, found, strict=True) if post.mentions for mention in of_post
    } == {
        ((0, 10),),
        ((0, 5), (13, 17)),
    }


def test_the_rows_of_the_study_are_those_that_can_be_trained() -> None:
    for row in ROWS.values():
        assert set(row.without) <= set(LEVELS)
        assert row.trained == 0 or "bert" not in row.without
    assert len(units(reviews([AnnotatedPost("а", (), frozenset(), id="r:0")]), 0)) == 1

"""The ASAIBC network: its parts against hand work, and training from beginning to end on posts that we wrote."""

from __future__ import annotations

import itertools
import json
import lzma
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner, Result

from services.cli import build
from services.training.asaibc.chain import Chain
from services.training.asaibc.encoder import FrozenEncoder
from services.training.asaibc.layers import (
    Discriminator,
    IndRNN,
    SelfAttention,
    difference,
    recurrence,
    reversed_gradient,
)
from services.training.asaibc.posts import allowed
from services.training.asaibc.vectors import vectors
from services.training.asaibc.words import features, tagged
from shared.errors import AdrwatchError
from tests.training_runs.corpora import encoder

NAMES = ("O", "B-PER", "I-PER")
WHO = ("小王", "老李", "张医生", "妈妈")
WHERE = ("北京", "上海", "广州")
PATTERNS = (
    ("昨天", "W", "去", "P", "看病"),
    ("W", "吃", "了", "药"),
    ("今天", "很", "累"),
    ("在", "P", "的", "W", "头疼"),
)


def everything(*shape: int) -> torch.Tensor:
    return torch.ones(shape, dtype=torch.bool)


def test_a_reversed_gradient_has_the_other_sign_and_the_same_values() -> None:
    values = torch.tensor([1.0, -2.0], requires_grad=True)
    given = reversed_gradient(values)
    assert given.tolist() == [1.0, -2.0]
    (given * torch.tensor([3.0, 5.0])).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [-3.0, -5.0]


def test_what_the_discriminator_learns_its_features_unlearn() -> None:
    torch.manual_seed(1)
    shared = torch.randn(6, 3, 4, requires_grad=True)
    tasks = torch.tensor([0, 1] * 3)
    judge = Discriminator(4)
    before = torch.nn.functional.cross_entropy(judge(shared, everything(6, 3)), tasks)
    before.backward()
    assert shared.grad is not None
    before = before.detach()
    # A step down the features' gradient makes the tasks harder to tell, one of the head's easier.
    after = torch.nn.functional.cross_entropy(judge(shared - 0.1 * shared.grad, everything(6, 3)), tasks)
    assert float(after.detach()) > float(before)
    with torch.no_grad():
        for weight in judge.parameters():
            assert weight.grad is not None
            weight -= 0.1 * weight.grad
    again = torch.nn.functional.cross_entropy(judge(shared, everything(6, 3)), tasks)
    assert float(again.detach()) < float(before)


def test_orthogonal_encoders_do_not_differ_too_little() -> None:
    one = torch.tensor([[[1.0, 0.0], [-1.0, 0.0]], [[0.0, 2.0], [0.0, 9.0]]])
    # The last place is padding: with it the columns would not be orthogonal.
    live = torch.tensor([[True, True], [True, False]])
    across = torch.tensor([[[2.0, 0.0], [2.0, 0.0]], [[0.0, 0.0], [5.0, 5.0]]])
    assert float(difference(one, across, live)) == pytest.approx(0.0, abs=1e-7)
    # Each column is its own copy and orthogonal to the other: two squared cosines of 1 among four.
    assert float(difference(one, one, live)) == pytest.approx(0.5)


def chain(steps: np.ndarray | None = None, first: np.ndarray | None = None) -> Chain:
    torch.manual_seed(3)
    made = Chain(len(NAMES), steps, first)
    torch.nn.init.normal_(made.moves)
    torch.nn.init.normal_(made.begins)
    return made


def score(made: Chain, scores: torch.Tensor, path: tuple[int, ...]) -> float:
    moves, begins = made.moves.detach(), made.begins.detach()
    steps = sum(float(moves[a, b]) for a, b in itertools.pairwise(path))
    return float(begins[path[0]]) + steps + sum(float(scores[at, tag]) for at, tag in enumerate(path))


def test_a_chain_agrees_with_the_sum_over_all_paths_whatever_stands_behind_them() -> None:
    made, scores = chain(), torch.randn(2, 4, 3)
    lengths, tags = torch.tensor([4, 2]), torch.tensor([[0, 1, 2, 0], [1, 2, 0, 0]])
    losses = made.loss(scores, tags, lengths)
    for row, length in enumerate(lengths.tolist()):
        paths = list(itertools.product(range(3), repeat=length))
        whole = torch.logsumexp(torch.tensor([score(made, scores[row], path) for path in paths]), dim=0)
        own = score(made, scores[row], tuple(tags[row, :length].tolist()))
        assert float(losses[row].detach()) == pytest.approx(float(whole) - own, abs=1e-4)
        best = max(paths, key=lambda path: score(made, scores[row], path))
        assert made.best(scores, lengths)[row] == list(best)


def test_a_chain_never_gives_what_is_not_allowed() -> None:
    steps, first = allowed(NAMES)
    made = chain(steps, first)
    scores = torch.zeros(1, 3, 3)
    scores[:, :, 2] = 50.0
    (found,) = made.best(scores, torch.tensor([3]))
    assert [NAMES[tag] for tag in found] == ["B-PER", "I-PER", "I-PER"]


def test_indrnn_agrees_with_a_plain_loop_over_single_neurons() -> None:
    torch.manual_seed(2)
    entering, weight = torch.randn(2, 5, 3), torch.tensor([0.5, -1.0, 1.0])
    found = recurrence(entering, weight)
    for row in range(2):
        for neuron in range(3):
            state = 0.0
            for at in range(5):
                state = max(0.0, float(entering[row, at, neuron]) + float(weight[neuron]) * state)
                assert float(found[row, at, neuron]) == pytest.approx(state, abs=1e-5)
    # A neuron of a layer hears nothing of the others of its layer.
    entering[:, :, 0] += 1.0
    assert torch.equal(recurrence(entering, weight)[:, :, 1:], found[:, :, 1:])
    assert IndRNN(3, 4)(torch.randn(2, 5, 3)).shape == (2, 5, 4)


def test_attention_sees_no_padding() -> None:
    torch.manual_seed(4)
    attention, vectors_ = SelfAttention(8, heads=2).eval(), torch.randn(1, 5, 8)
    live = torch.tensor([[True, True, True, False, False]])
    other = vectors_.clone()
    other[:, 3:] = 7.0
    assert torch.allclose(attention(vectors_, live)[:, :3], attention(other, live)[:, :3], atol=1e-6)


def test_words_of_a_text_are_the_text_and_every_character_has_its_place() -> None:
    text = "我妈在北京吃了三个星期的舍曲林 ok 2mg😀\n"
    assert "".join(word for word, _ in tagged(text)) == text
    assert features(text).shape == (len(text), 2)


def test_vectors_are_the_same_with_the_same_seed_and_nothing_is_known_of_the_unseen() -> None:
    texts = ["吃药头疼", "吃药犯困"] * 5
    one = vectors(texts, "吃药头疼犯困去", 8, 1)
    assert np.array_equal(one, vectors(texts, "吃药头疼犯困去", 8, 1))
    assert one.shape == (9, 8)
    assert not one[0].any()
    assert not one[1].any()
    assert not one[8].any()
    assert one[2:8].any(axis=1).all()


def test_states_are_kept_and_cover_every_character(tmp_path: Path) -> None:
    folder = str(encoder(tmp_path / "bert"))
    texts = ["day 3 on prozac", "x" * 300, "again"]
    said: list[str] = []
    made = FrozenEncoder(folder, [1, 2], tmp_path / "states", said.append).encode(texts)
    again = FrozenEncoder(folder, [1, 2], tmp_path / "states", said.append).encode(texts)
    alone = FrozenEncoder(folder, [1, 2], None, said.append).encode(texts[:1])
    for one, two, text in zip(made, again, texts, strict=True):
        assert np.array_equal(one.states, two.states)
        assert np.array_equal(one.piece, two.piece)
        assert one.states.shape[1:] == (2, 32)
        assert len(one.piece) == len(text)
        assert int(one.piece.max()) < len(one.states)
    assert np.allclose(alone[0].states, made[0].states, atol=2e-3)
    # The pieces of a word lie behind one another, and a space belongs to none.
    assert made[0].piece.tolist()[3] == 0
    assert made[0].piece.tolist()[:3] == sorted(made[0].piece.tolist()[:3])


def lines_of(number: int) -> list[str]:
    """One post of Weibo's form: a character and its place in its word, tab, tag."""
    rows: list[str] = []
    for word in PATTERNS[number % len(PATTERNS)]:
        kind = {"W": "PER.NOM", "P": "GPE.NAM"}.get(word)
        text = {"W": WHO, "P": WHERE}.get(word, (word,))
        chosen = text[number // len(PATTERNS) % len(text)]
        for at, character in enumerate(chosen):
            place = "I" if at else "B"
            rows.append(f"{character}{at}\t{f'{place}-{kind}' if kind else 'O'}")
    return rows


def collection(folder: Path, sentences: list[str]) -> Path:
    weibo, cut = folder / "ner" / "weibo_zh", folder / "ner" / "cws_sighan2005_zh"
    weibo.mkdir(parents=True)
    cut.mkdir()
    posts = ["\n".join(lines_of(number)) for number in range(60)]
    (weibo / "weiboNER_2nd_conll.train.xz").write_bytes(lzma.compress("\n\n".join(posts[:48]).encode()))
    (weibo / "weiboNER_2nd_conll.dev").write_text("\n\n".join(posts[48:]), encoding="utf-8")
    for name in ("pku_test_gold.utf8.xz", "msr_test_gold.utf8.xz"):
        (cut / name).write_bytes(lzma.compress("\n".join(sentences).encode()))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sentences = [f"{who}  昨天  去  {where}  看病  。" for who in WHO for where in WHERE]
    return collection(tmp_path_factory.mktemp("data"), sentences)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return encoder(tmp_path_factory.mktemp("encoder") / "bert")


def run(*words: object) -> Result:
    return CliRunner().invoke(build(), [str(word) for word in words])


def test_the_whole_is_trained_written_and_scored_by_evaluate(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "chinese.pt"
    made = run("train", "chinese", "--data", data, "--out", out, "--epochs", 12, "--json")
    assert made.exit_code == 0, made.output
    found = json.loads(made.stdout)
    assert found["F1"] > 0.8
    assert set(found) == {"precision", "recall", "F1", "F1 of names", "F1 of nominals"}
    scored = run("evaluate", "extract", "--data", data, "--format", "weibo_zh", "--model", out, "--json")
    assert scored.exit_code == 0, scored.output
    (report,) = json.loads(scored.stdout)
    values = {(row["of"], row["metric"]): row["value"] for row in report["rows"]}
    assert values["all types", "strict f1"] == pytest.approx(found["F1"], abs=1e-4)
    assert report["model"] == "asaibc"


def test_a_study_goes_on_where_it_stopped_and_its_table_is_printed_again(data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    words = ("train", "chinese-study", "--data", data, "--folder", folder, "--epochs", 1)
    first = run(*words, "--seeds", "1", "--rows", "CRF")
    assert first.exit_code == 0, first.output
    kept = {file.name: file.read_text() for file in folder.iterdir()}
    assert list(kept) == ["CRF-1.json"]
    whole = run(
        *words,
        "--seeds",
        "1,2",
        "--rows",
        "CRF",
        "--rows",
        "BiLSTM-CRF",
        "--rows",
        "+ transfer",
        "--rows",
        "+ attention",
    )
    assert whole.exit_code == 0, whole.output
    assert (folder / "CRF-1.json").read_text() == kept["CRF-1.json"]
    assert len(list(folder.glob("*.json"))) == 8
    assert not list(folder.glob("*.pt"))
    assert "| gain in F1 over BiLSTM-CRF |" in whole.stdout
    printed = run("train", "table", folder)
    assert sorted(printed.stdout.splitlines()) == sorted(whole.stdout.splitlines())
    other = run(*words[:-1], 2, "--seeds", "1", "--rows", "CRF")
    assert isinstance(other.exception, AdrwatchError)
    assert "other options" in str(other.exception)


@pytest.mark.parametrize("tuned", [0, 1])
def test_an_encoder_is_read_and_must_be_the_same_afterwards(
    data: Path, small: Path, tmp_path: Path, tuned: int
) -> None:
    out = tmp_path / "chinese.pt"
    words = ("--data", data, "--encoder", small, "--tuned", tuned, "--row", "BiLSTM-CRF", "--epochs", 2, "--choose")
    made = run("train", "chinese", *words, "--out", out, "--cache", tmp_path / "states")
    assert made.exit_code == 0, made.output
    states = torch.load(out, weights_only=False)["state"]
    assert any(name.startswith("inputs.upper.") for name in states) == bool(tuned)
    words = ("evaluate", "extract", "--data", data, "--format", "weibo_zh", "--model", out)
    assert run(*words, "--encoder", small).exit_code == 0
    missing = run(*words)
    assert isinstance(missing.exception, AdrwatchError)
    assert "reads bert" in str(missing.exception)
    another = run(*words, "--encoder", encoder(tmp_path / "other", "mpnet"))
    assert isinstance(another.exception, AdrwatchError)
    none = run(*words, "--encoder", tmp_path)
    assert isinstance(none.exception, AdrwatchError)
    assert "holds no encoder" in str(none.exception)


def test_what_cannot_be_learned_is_named(data: Path, tmp_path: Path) -> None:
    unlike = collection(tmp_path / "data", ["去  去  。"])
    refused = run("train", "chinese", "--data", unlike, "--out", tmp_path / "a.pt")
    assert isinstance(refused.exception, AdrwatchError)
    assert "--threshold" in str(refused.exception.fix)
    other = tmp_path / "other.pt"
    torch.save({"state": {}}, other)
    refused = run("evaluate", "extract", "--data", data, "--format", "weibo_zh", "--model", other)
    assert isinstance(refused.exception, AdrwatchError)
    assert "no model of Chinese entities" in str(refused.exception)
    alone = run("evaluate", "extract", "--data", data, "--format", "weibo_zh", "--encoder", tmp_path)
    assert isinstance(alone.exception, AdrwatchError)
    assert "--encoder goes with a model" in str(alone.exception)

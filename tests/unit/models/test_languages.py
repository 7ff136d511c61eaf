"""Which models read posts of other languages: what is written down, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.local.triton import _loaded
from services.cli import build
from services.models.languages import assign, listed, release
from shared.errors import AdrwatchError
from shared.models.languages import FILE, Pair, loaded_at_start, read_pairs
from tests.versions import add_pair, break_graph, new_repository

PAIR = Pair("multilingual", 2)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = new_repository(tmp_path / "models")
    add_pair(folder, PAIR.name, PAIR.version, "2027.5.0")
    return folder


def test_a_pair_reads_languages_until_it_is_told_not_to(repository: Path) -> None:
    assert listed(repository) == []
    assign(repository, ["ru", "zh"], PAIR)
    assign(repository, ["de"], PAIR)
    assert read_pairs(repository) == dict.fromkeys(("de", "ru", "zh"), PAIR)
    assert {row.name for row in listed(repository)} == {"2027.5.0+2027.5.0"}
    release(repository, ["zh", "fr"])
    assert [row.language for row in listed(repository)] == ["de", "ru"]


def test_a_server_loads_the_models_of_other_languages_only_when_it_is_asked_to(repository: Path) -> None:
    assert _loaded(repository) == ["--load-model=adr_classifier", "--load-model=adr_ner"]
    assign(repository, ["ru"], PAIR)
    assert (repository / "adr_classifier_multilingual" / "config.pbtxt").is_file()
    assert loaded_at_start(repository) == ["adr_classifier", "adr_ner"]
    assert _loaded(repository) == ["--load-model=adr_classifier", "--load-model=adr_ner"]


def test_what_cannot_read_posts_is_refused_and_nothing_is_written(repository: Path) -> None:
    for languages, pair, why in (
        (["en"], PAIR, "English"),
        (["ja"], PAIR, "'ja'"),
        (["ru"], Pair("multilingual", 3), "lacks"),
        (["ru"], Pair("../other", 1), "no name"),
    ):
        with pytest.raises(AdrwatchError, match=why) as refusal:
            assign(repository, languages, pair)
        assert refusal.value.fix
    break_graph(repository / PAIR.models[1] / "2")
    with pytest.raises(AdrwatchError, match="no graph"):
        assign(repository, ["ru"], PAIR)
    assert not (repository / FILE).exists()


@pytest.mark.parametrize("content", [b"{]", b'{"ru": {"name": "m"}}', b'{"ru": {"name": "../m", "version": 1}}'])
def test_a_broken_file_is_named_with_the_command_that_writes_it(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(AdrwatchError, match=r"languages\.json") as refusal:
        read_pairs(tmp_path)
    assert refusal.value.fix


def test_the_command_shows_what_reads_what_and_what_is_broken(repository: Path) -> None:
    def run(*arguments: str) -> str:
        return CliRunner().invoke(build(), ["models", "languages", *arguments, "--repository", str(repository)]).output

    assert "English only" in run()
    run("ru", "de", "--pair", "multilingual", "--version", "2")
    (repository / PAIR.models[0] / "2" / "tokenizer.json").unlink()
    rows = json.loads(run("--json"))
    assert [(row["language"], row["pair"], row["version"]) for row in rows] == [
        ("de", "multilingual", 2),
        ("ru", "multilingual", 2),
    ]
    assert all("tokenizer.json" in row["trouble"] for row in rows)
    assert "English only" in run("ru", "de", "--remove")
